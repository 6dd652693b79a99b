//! `lrun [EVENT]`: decides, runs, tells, and turns the end into an exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use indexmap::IndexMap;

use super::environment::Environment;
use super::error::CliError;
use super::lock::{self, Gate};
use super::occasion::{self, GivenInputs, Occasion};
use super::prompt::{self, Question};
use super::run_number;
use super::settings::{self, Color, PlatformTarget, Settings, Workspace};
use super::values::InputSource;
use super::{chain, complain_with, environments, outline, project, remote, services};
use crate::action::RemoteActions;
use crate::diagnostic::{Diagnostic, Severity};
use crate::event::Listener;
use crate::executor::Stop;
use crate::expr::Value;
use crate::plan::inputs::missing_required;
use crate::plan::machine::{Arch, Backend, Machines, Mapping, Origin, Os, Target};
use crate::plan::matrix::MatrixFilter;
use crate::repo::payload::SourceRun;
use crate::report::{self, Colors, Detail, JobName, Json, Live, Plain, Quiet};
use crate::run::environment::{Inherit, inherited};
use crate::run::limit;
use crate::run::mask::Masker;
use crate::run::{self, Identity, Options, Provision, Selected, Work};
use crate::workflow::InputType;
use crate::workspace;

/// Runs what the settings ask for; gives the exit code.
pub fn run(mut settings: Settings, environment: &Environment) -> Result<u8, CliError> {
    let found = environments::read(&settings.root, &settings.files, environment)?;
    // Before anything looks at the tree: these files are in no workspace and no payload.
    settings.private_files.extend(found.private_files);
    settings.environments = found.environments;
    if !settings.quiet {
        for warning in found.warnings {
            complain_with(&format!("warning: {warning}\n"));
        }
    }
    let occasion = occasion::decide(&settings, environment)?;
    if report_diagnostics(&settings, &occasion)? {
        return Err(CliError::faulty(&occasion.diagnostics));
    }
    let Some(gate) = held_by_lock(&settings, &occasion) else {
        return Ok(2);
    };
    if !settings.matrix.is_empty()
        && let Some(wrong) = outline::sketch(&settings, &occasion).matrix_errors.first()
    {
        return Err(CliError::new(wrong));
    }
    let done = go(&mut settings, environment, &occasion, &gate)?;
    if settings.chain {
        return chain::follow(&settings, environment, done);
    }
    Ok(done.exit_code)
}

/// A run that ended.
#[derive(Debug)]
pub struct Done {
    pub exit_code: u8,
    /// What became of each workflow.
    pub sources: Vec<SourceRun>,
}

/// Runs what was decided, after asking for what is missing.
pub fn go(
    settings: &mut Settings,
    environment: &Environment,
    occasion: &Occasion,
    gate: &Gate,
) -> Result<Done, CliError> {
    check_payload(occasion)?;
    ask_inputs(settings, occasion)?;
    let mut selected = select(settings, occasion)?;
    if !selected.is_empty() {
        prompt::fill_in(settings, environment, &mut prompt::Terminal)?;
    }
    for one in &mut selected {
        one.pins = remote::pins(gate, &one.workflow.source.path);
    }
    let remote = remote::prepare(settings, occasion, &selected, gate);
    if !remote.refused.is_empty() {
        draw(settings, &remote.refused);
        return Err(CliError::new(
            "the lock file does not cover what the workflows use",
        ));
    }
    if !remote.miscalled.is_empty() {
        draw(settings, &remote.miscalled);
        return Err(CliError::new(
            "a workflow of another repository can not be called like this",
        ));
    }
    if !settings.quiet {
        // Each leg names the first thing that it misses; these are all.
        let told = remote.missing.iter().map(|one| Diagnostic {
            severity: Severity::Warning,
            ..one.clone()
        });
        draw(settings, &told.collect::<Vec<_>>());
    }
    let options = options(settings, environment, occasion, Arc::clone(&remote.actions))?;
    if !selected.is_empty() {
        workspace::confirm_overlay(&options.workspace)
            .map_err(|error| CliError::new(project::chain(&error)))?;
    }
    let signal = Arc::new(AtomicU8::new(0));
    let mut sources = sources(occasion, &selected, &options.identity.run_id);
    let work = work(settings, occasion, selected, remote.notes, &signal);
    let listener = listener(settings);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("can not start: {error}")))?;
    let ended = runtime.block_on(async {
        let stop = Stop::default();
        listen(&stop, &signal)?;
        Ok::<_, CliError>(run::run(options, work, Provision::host(), listener, stop).await)
    })?;
    // What a killed step left on another thread must not hold the end of lrun.
    runtime.shutdown_background();
    for (source, conclusion) in sources.iter_mut().zip(&ended.conclusions) {
        source.conclusion = Some(conclusion.as_str().to_owned());
    }
    Ok(Done {
        exit_code: ended.exit_code,
        sources,
    })
}

/// GitHub takes no dispatch with so large a payload.
fn check_payload(occasion: &Occasion) -> Result<(), CliError> {
    let event = &occasion.event;
    if event.name != "repository_dispatch" {
        return Ok(());
    }
    let payload = event.payload.get("client_payload");
    match payload.and_then(limit::client_payload) {
        Some(message) => Err(CliError::new(message)),
        None => Ok(()),
    }
}

/// The runs of the selected workflows, as `workflow_run` tells of them.
fn sources(occasion: &Occasion, selected: &[Selected], run_id: &str) -> Vec<SourceRun> {
    let event = &occasion.event;
    let request = event.payload.get("pull_request");
    let of_head = |key: &str| request?.pointer(key)?.as_str().map(str::to_owned);
    let head_branch = of_head("/head/ref").unwrap_or_else(|| event.ref_name.clone());
    let head_sha = of_head("/head/sha").unwrap_or_else(|| event.sha.clone());
    let source = |selected: &Selected| SourceRun {
        name: Some(selected.workflow.display_name().to_owned()),
        path: Some(selected.workflow.source.path.clone()),
        event: Some(event.name.clone()),
        conclusion: None,
        id: run_id.parse().ok(),
        number: selected.run_number.parse().ok(),
        head_branch: Some(head_branch.clone()),
        head_sha: Some(head_sha.clone()),
    };
    selected.iter().map(source).collect()
}

/// Draws what is wrong with the selected workflows; true where something is an error.
pub fn report_diagnostics(settings: &Settings, occasion: &Occasion) -> Result<bool, CliError> {
    let mut said: Vec<String> = occasion.selection.warnings.clone();
    if occasion.diagnostics.is_empty() && said.is_empty() {
        return Ok(false);
    }
    let failed = occasion.has_errors();
    let mut text = String::new();
    if failed || !settings.quiet {
        let colors = colors(settings.color, console::Term::stderr().is_term());
        for diagnostic in &occasion.diagnostics {
            text.push_str(&report::diagnostic::render(diagnostic, colors));
        }
    }
    if settings.quiet {
        said.clear();
    }
    for warning in said {
        text.push_str("warning: ");
        text.push_str(&warning);
        text.push('\n');
    }
    io::stderr()
        .write_all(text.as_bytes())
        .map_err(|error| CliError::new(format!("can not write to stderr: {error}")))?;
    Ok(failed)
}

/// Draws what the lock file has against the run; `None` where nothing may start.
pub fn held_by_lock(settings: &Settings, occasion: &Occasion) -> Option<Gate> {
    let workflows = occasion
        .triggered()
        .filter_map(|(file, _)| file.workflow.as_ref());
    let gate = lock::gate(settings, workflows);
    let held = gate.diagnostics.iter().any(Diagnostic::is_error);
    let said = gate
        .diagnostics
        .iter()
        .filter(|one| held && one.is_error() || !settings.quiet);
    draw(settings, said);
    (!held).then_some(gate)
}

/// Draws diagnostics on stderr.
fn draw<'d>(settings: &Settings, diagnostics: impl IntoIterator<Item = &'d Diagnostic>) {
    let colors = colors(settings.color, console::Term::stderr().is_term());
    for one in diagnostics {
        complain_with(&report::diagnostic::render(one, colors));
    }
}

/// Asks for required inputs that nobody gave.
fn ask_inputs(settings: &mut Settings, occasion: &Occasion) -> Result<(), CliError> {
    let given = GivenInputs::new(settings);
    let mut questions: Vec<Question> = Vec::new();
    for (file, _) in occasion.triggered() {
        let Some(workflow) = &file.workflow else {
            continue;
        };
        let event = &occasion.event;
        for (name, input) in missing_required(workflow, &event.name, &given.of(event)) {
            if questions.iter().all(|known| known.name != name) {
                questions.push(Question {
                    name: name.to_owned(),
                    description: input.description.clone(),
                    choices: match input.kind {
                        InputType::Boolean => vec!["true".to_owned(), "false".to_owned()],
                        _ => input.options.clone(),
                    },
                });
            }
        }
    }
    prompt::ask_inputs(settings, &questions, &mut prompt::Terminal)
}

/// The workflows to run, with their inputs.
fn select(settings: &Settings, occasion: &Occasion) -> Result<Vec<Selected>, CliError> {
    let given = GivenInputs::new(settings);
    let workflows: Vec<_> = occasion
        .triggered()
        .filter_map(|(file, selected)| Some((Arc::clone(file.workflow.as_ref()?), selected)))
        .collect();
    occasion.check_declared(&given)?;
    workflows
        .into_iter()
        .map(|(workflow, selected)| {
            let inputs = occasion.inputs(&workflow, &given)?;
            let event = occasion::event_of(settings, &occasion.event, &workflow, &inputs);
            let has_inputs = matches!(event.name.as_str(), "workflow_dispatch" | "workflow_call");
            Ok(Selected {
                run_number: run_number::next(settings, &workflow.source.path),
                jobs: (!settings.jobs.is_empty()).then(|| selected.jobs.clone()),
                inputs: if has_inputs {
                    Value::Object(Arc::new(inputs.context))
                } else {
                    Value::Null
                },
                event,
                workflow,
                pins: None,
            })
        })
        .collect()
}

fn work(
    settings: &Settings,
    occasion: &Occasion,
    selected: Vec<Selected>,
    mut notes: Vec<String>,
    signal: &Arc<AtomicU8>,
) -> Work {
    notes.extend(occasion.identity.notes.iter().cloned());
    notes.extend(occasion.event.notes.iter().cloned());
    let mut skipped = Vec::new();
    for each in &occasion.selection.workflows {
        let file = &occasion.files[each.index].path;
        if each.triggered {
            for lifted in &each.lifted {
                notes.push(format!("{file}: {lifted} would have kept it out"));
            }
        } else if !occasion.selection.ignored.contains(&each.index)
            // What the run calls is not left out.
            && !occasion.called.has(file)
        {
            let reason = match &each.help {
                Some(help) => format!("{} ({help})", each.reason),
                None => each.reason.clone(),
            };
            skipped.push((file.clone(), reason));
        }
    }
    if !settings.found_env.is_empty() {
        let names: Vec<&str> = settings.found_env.keys().map(String::as_str).collect();
        notes.push(format!(
            ".env adds {} below the workflow's own env, which GitHub does not have",
            names.join(", ")
        ));
    }
    if settings.workspace == Workspace::Copy
        && let Some(repo) = &occasion.repo
        && repo.is_below_top_level(&settings.root)
    {
        notes.push(format!(
            "jobs get {} alone, without .git: it lies below the top level of its repository",
            settings.root.display()
        ));
    }
    let command = rerun_command(settings);
    Work {
        event: Arc::clone(&occasion.event),
        selected,
        skipped,
        notes,
        called: occasion.called.clone(),
        reason: occasion.reason.clone(),
        signal: Arc::clone(signal),
        rerun: Box::new(move |jobs| {
            let jobs: Vec<String> = jobs.iter().map(|job| format!("-j {job}")).collect();
            format!("{command} {}", jobs.join(" "))
        }),
    }
}

/// The command of this run without its jobs.
fn rerun_command(settings: &Settings) -> String {
    let mut words = vec!["lrun".to_owned()];
    words.extend(settings.event.clone());
    words.extend(settings.typed.iter().cloned());
    // Those that were asked for are in it too.
    for (name, input) in &settings.inputs {
        if input.source == InputSource::CommandLine {
            words.push("--input".to_owned());
            words.push(format!("{name}={}", input.value));
        }
    }
    let masker = Masker::new();
    for (name, secret) in &settings.secrets {
        masker.add_secret(name, secret.expose());
    }
    masker.mask(&shell_words::join(words)).into_owned()
}

fn options(
    settings: &Settings,
    environment: &Environment,
    occasion: &Occasion,
    remote: Arc<RemoteActions>,
) -> Result<Options, CliError> {
    let identity = identity(settings, occasion);
    // Its own, also where runs are told to have one id.
    let own_id = match settings.github.get("GITHUB_RUN_ID") {
        Some(_) => run_number::run_id(),
        None => identity.run_id.clone(),
    };
    let process: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let inherit = if settings.clean_env {
        Inherit::Clean
    } else {
        Inherit::Filtered
    };
    Ok(Options {
        root: settings.root.clone(),
        cache: settings.cache_dir.clone(),
        directory: settings.cache_dir.join("work").join(&own_id),
        program: std::env::current_exe()
            .map_err(|error| CliError::new(format!("can not find lrun itself: {error}")))?,
        machines: machines(settings),
        secrets: settings
            .secrets
            .iter()
            .map(|(name, secret)| (name.clone(), secret.expose().to_owned()))
            .collect(),
        vars: settings.vars.clone(),
        env: pairs(&settings.env),
        found_env: pairs(&settings.found_env),
        host_env: inherited(process.iter().cloned(), inherit),
        runner_env: process.into_iter().collect(),
        workspace: workspace_options(settings, environment, occasion),
        bind: settings.workspace == Workspace::Bind,
        parallel: parallel(settings.concurrent_jobs),
        matrix: matrix_filters(settings),
        skip_unavailable: settings.skip_unavailable,
        remote,
        real_checkout: settings.real_checkout,
        angle: settings.angle_delimiters,
        identity,
        environments: settings.environments.clone(),
        groups: settings.data_dir.join("groups"),
        docker: settings.docker.clone(),
        copies: settings.copies,
        reuse: settings.reuse,
        keep: settings.keep,
        offline: settings.offline,
        services: services::options(settings, occasion),
    })
}

/// `--matrix`.
pub fn matrix_filters(settings: &Settings) -> Vec<MatrixFilter> {
    settings
        .matrix
        .iter()
        .map(|(key, values)| MatrixFilter {
            key: key.clone(),
            values: values.clone(),
        })
        .collect()
}

fn pairs(map: &IndexMap<String, String>) -> Vec<(String, String)> {
    map.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
}

/// Jobs at once: as many as processors unless the user says otherwise.
fn parallel(asked: usize) -> usize {
    if asked > 0 {
        return asked;
    }
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Who runs what, as `github.*` tells it.
pub fn identity(settings: &Settings, occasion: &Occasion) -> Identity {
    let own = &occasion.identity;
    let overridden = |name: &str| settings.github.get(name).cloned();
    let server_url = own.server_url.clone();
    Identity {
        run_id: overridden("GITHUB_RUN_ID").unwrap_or_else(run_number::run_id),
        run_attempt: overridden("GITHUB_RUN_ATTEMPT").unwrap_or_else(|| "1".to_owned()),
        retention_days: overridden("GITHUB_RETENTION_DAYS").unwrap_or_else(|| "90".to_owned()),
        actor: own.actor.clone(),
        repository: own.repository.clone(),
        owner: overridden("GITHUB_REPOSITORY_OWNER").unwrap_or_else(|| own.owner().to_owned()),
        api_url: overridden("GITHUB_API_URL").unwrap_or_else(|| own.api_url()),
        graphql_url: overridden("GITHUB_GRAPHQL_URL").unwrap_or_else(|| own.graphql_url()),
        remote_url: own.remote_url.clone(),
        remote_name: own.remote.clone().unwrap_or_else(|| "origin".to_owned()),
        server_url,
    }
}

/// What this machine serves, as `-P` and `--backend` say.
pub fn machines(settings: &Settings) -> Machines {
    Machines {
        os: Os::here(),
        arch: Arch::here(),
        backend: match settings.backend {
            settings::Backend::Auto => Backend::Auto,
            settings::Backend::Host => Backend::Host,
            settings::Backend::Docker => Backend::Docker,
        },
        mappings: settings
            .platforms
            .iter()
            .map(|platform| Mapping {
                label: platform.label.clone(),
                target: match &platform.target {
                    PlatformTarget::Image(image) => Target::Image(image.clone()),
                    PlatformTarget::Host => Target::Host,
                },
                origin: if platform.from_command_line {
                    Origin::CommandLine
                } else {
                    Origin::Settings
                },
            })
            .collect(),
    }
}

fn workspace_options(
    settings: &Settings,
    environment: &Environment,
    occasion: &Occasion,
) -> workspace::Options {
    let repo = occasion.repo.as_ref();
    workspace::Options {
        root: settings.root.clone(),
        git_dir: repo.map(|repo| repo.git_dir().to_path_buf()),
        index_file: environment
            .filled("GIT_INDEX_FILE")
            .and(repo)
            .map(|repo| repo.index_path().to_path_buf()),
        below_top_level: repo.is_some_and(|repo| repo.is_below_top_level(&settings.root)),
        content: settings.content,
        merge: occasion.merge.clone(),
        with_ignored: settings.with_ignored,
        exclude: settings.private_files.clone(),
        cache: settings.cache_dir.clone(),
    }
}

/// Colours for a stream: what the user says, else what the stream is.
pub fn colors(color: Color, is_terminal: bool) -> Colors {
    match (color, is_terminal) {
        (Color::Always, _) | (Color::Auto, true) => Colors::On,
        (Color::Never, _) | (Color::Auto, false) => Colors::Off,
    }
}

fn listener(settings: &Settings) -> Box<dyn Listener> {
    let out: Box<dyn Write + Send> = Box::new(io::stdout());
    if settings.json {
        return Box::new(Json::new(out));
    }
    let err: Box<dyn Write + Send> = Box::new(io::stderr());
    let options = report::Options {
        colors: colors(settings.color, settings.is_terminal),
        job_name: if settings.log_prefix_job_id {
            JobName::Id
        } else {
            JobName::Key
        },
        detail: if settings.verbose {
            Detail::Full
        } else {
            Detail::Brief
        },
    };
    if settings.quiet {
        return Box::new(Quiet::new(out, err, options));
    }
    if settings.is_terminal && console::Term::stderr().is_term() {
        return Box::new(Live::new(report::live::Screen::stderr(), out, err, options));
    }
    Box::new(Plain::new(out, err, options))
}

/// The first signal cancels the run, the second kills it (SPEC X-9).
fn listen(stop: &Stop, code: &Arc<AtomicU8>) -> Result<(), CliError> {
    use tokio::signal::unix::{SignalKind, signal};
    let open = |kind| {
        signal(kind).map_err(|error| CliError::new(format!("can not listen to signals: {error}")))
    };
    let mut interrupt = open(SignalKind::interrupt())?;
    let mut terminate = open(SignalKind::terminate())?;
    let (stop, code) = (stop.clone(), Arc::clone(code));
    tokio::spawn(async move {
        loop {
            let number = tokio::select! {
                _ = interrupt.recv() => 130,
                _ = terminate.recv() => 143,
            };
            if code
                .compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
            {
                stop.cancel.cancel();
            } else {
                stop.kill.cancel();
            }
        }
    });
    Ok(())
}
