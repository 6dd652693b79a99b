//! "Set up job": folders, contexts, environment, defaults, matchers (SPEC GEN-3, J-4).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use indexmap::IndexMap;

use super::context::Contexts;
use super::directories::Directories;
use super::github;
use super::ground::Ground;
use super::job::Job;
use super::job_environment::{JobEnvironment, merged, vars_value};
use super::keep::Slot;
use super::leg::LegPlan;
use super::mask::Masker;
use super::matcher::{self, Matchers};
use super::paths::{Kind, Paths};
use super::post::Posts;
use super::shell::Shell;
use super::state::JobState;
use super::toolkit::Toolkit;
use crate::event::JobKey;
use crate::executor::files::View;
use crate::expr::Value;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{RunDefaults, StepsJob};

/// Why a job can not be set up.
pub(super) enum SetUpError {
    Evaluation(EvalError),
    Message(String),
}

impl From<EvalError> for SetUpError {
    fn from(error: EvalError) -> Self {
        Self::Evaluation(error)
    }
}

/// "Set up job": folders, contexts, env, defaults (SPEC GEN-3, J-4); where it fails, nothing stays behind.
pub(super) fn set_up(
    plan: &LegPlan,
    key: &JobKey,
    definition: &StepsJob,
    ground: &Ground,
    masker: &Masker,
    slot: Option<Slot>,
) -> Result<Job, SetUpError> {
    let run = &plan.run;
    let tracking = format!("github_{}", uuid::Uuid::new_v4());
    let root = match &slot {
        Some(slot) => slot.root.clone(),
        None => run.next_directory(),
    };
    // Before the first folder and the first process: what lrun can not end any more, the watchdog does.
    run.watch_over(&tracking, &root);
    let job = Directories::create(
        root.clone(),
        &run.options.identity.repository,
        run.options.bind.then_some(run.options.root.as_path()),
        run.tool_cache(),
    )
    .map_err(|error| SetUpError::Message(format!("can not make the job's folders: {error}")))
    .and_then(|directories| {
        let prepared = prepare(
            plan,
            key,
            definition,
            ground,
            &directories,
            &tracking,
            masker,
        );
        if prepared.is_err()
            && let Err(error) = directories.remove()
        {
            plan.say(key, &format!("can not remove the job's folder: {error}"));
        }
        prepared
    });
    if job.is_err() {
        run.watch_no_more(&tracking, &root);
    }
    job.map(|job| Job { slot, ..job })
}

fn prepare(
    plan: &LegPlan,
    key: &JobKey,
    definition: &StepsJob,
    ground: &Ground,
    directories: &Directories,
    tracking: &str,
    masker: &Masker,
) -> Result<Job, SetUpError> {
    let run = &plan.run;
    let event = serde_json::to_string_pretty(&plan.invocation.event.payload)
        .map_err(|error| SetUpError::Message(format!("can not write the event: {error}")))?;
    let Values {
        environment,
        mut server,
        debug,
    } = values(plan, definition, masker)?;
    let paths = match &ground.machine {
        Some(boxed) => {
            directories.open().map_err(|error| {
                SetUpError::Message(format!("can not open the job's folders: {error}"))
            })?;
            let socket = run.options.docker.socket.is_some();
            Paths::of(boxed.kind, directories, &directories.tool_cache, socket)
        }
        None => Paths::default(),
    };
    let mut github = (*plan.invocation.github).clone();
    let mut set = |name: &str, value: &str| github.insert(name, Value::string(value));
    set("job", &plan.id);
    set(
        "workspace",
        &paths.shown(&directories.workspace).to_string_lossy(),
    );
    set(
        "event_path",
        &paths.shown(&directories.event).to_string_lossy(),
    );
    set("action_repository", "");
    set("action_ref", "");
    server.set("github", Value::Object(Arc::new(github.clone())));
    // SPEC GEN-3: by now there is a workspace.
    let env = job_env(plan, definition, &server)?;
    let runner = github::runner(
        &paths.shown(&directories.temp),
        &paths.tools(&directories.tool_cache),
        &paths.shown(&directories.pipeline),
        ground.hosted,
        debug,
    );
    let (default_shell, default_directory) = defaults(plan, definition, &server, &env)?;
    let mut runner_variables = github::runner_variables(&runner);
    runner_variables.push(("RUNNER_TRACKING_ID".to_owned(), tracking.to_owned()));
    let host = (run.provision.0)(tracking);
    let files = View::default();
    let matchers = matchers(plan, directories, (&paths, &files), &server);
    Ok(Job {
        run: Arc::clone(run),
        invocation: Arc::clone(&plan.invocation),
        key: key.clone(),
        machine: Arc::clone(&host),
        host,
        base_env: Arc::new(run.options.host_env.clone()),
        fallback: ground.machine.as_ref().and_then(|boxed| match boxed.kind {
            Kind::Hosted => None,
            // SPEC J-43
            Kind::OnHosted | Kind::OnHost => Some(Shell::default_of_host(false)),
        }),
        containers: None,
        nodes: Arc::default(),
        directories: directories.clone(),
        paths,
        files,
        laid: None,
        slot: None,
        kept: false,
        masker: masker.clone(),
        github,
        runner,
        runner_variables,
        default_shell,
        default_directory,
        state: JobState::new(env),
        posts: Posts::default(),
        event: Arc::from(event),
        cancel: plan.cancel.clone(),
        kill: run.stop.kill.child_token(),
        tracking: tracking.to_owned(),
        saved: HashMap::new(),
        debug,
        matchers,
        server,
        environment,
        summaries: Arc::new(AtomicUsize::new(0)),
        background: false,
        toolkit: Arc::new(Toolkit::new(plan.identifies())),
    })
}

/// The contexts of `container` and `services`: secrets and `env` beside those of the server.
pub(super) fn container_contexts(
    plan: &LegPlan,
    definition: &StepsJob,
) -> Result<Contexts, EvalError> {
    if definition.container.is_none() && definition.services.is_none() {
        return Ok(plan.contexts.clone());
    }
    // What it masks is masked again when the job is set up.
    let found = values(plan, definition, &plan.run.masker.fork());
    let server = match found {
        Ok(values) => values.server,
        Err(SetUpError::Evaluation(error)) => return Err(error),
        // The set-up says so.
        Err(SetUpError::Message(_)) => plan.contexts.clone(),
    };
    let env = job_env(plan, definition, &server)?;
    Ok(server.with("env", super::job::env_value(&env)))
}

/// What a job's environment gives and changes.
struct Values {
    environment: Option<JobEnvironment>,
    /// The contexts of the server with its secrets and variables.
    server: Contexts,
    debug: bool,
}

/// Secrets and variables of the repository, under those of the job's environment (SPEC C-11, C-12).
fn values(plan: &LegPlan, definition: &StepsJob, masker: &Masker) -> Result<Values, SetUpError> {
    let options = &plan.run.options;
    let mut found = Values {
        environment: None,
        server: plan
            .contexts
            .clone()
            .with("secrets", plan.invocation.secrets_value()),
        debug: plan.run.debug,
    };
    if let Some(key) = &definition.environment {
        found.environment = JobEnvironment::evaluate(&plan.evaluator(), key)?;
    }
    let name = found.environment.as_ref().map(|found| found.name.as_str());
    let Some(own) = name.and_then(|name| options.environments.get(name)) else {
        return Ok(found);
    };
    if !own.mistakes.is_empty() {
        return Err(SetUpError::Message(own.mistakes.join("\n")));
    }
    for (name, value) in &own.secrets {
        masker.add_secret(name, value);
    }
    // A called workflow sees what it was given; the environment of its own job it sees always.
    let secrets = merged(&plan.invocation.secrets, &own.secrets);
    let vars = merged(&options.vars, &own.vars);
    found.debug = super::step_debug(&secrets, &vars);
    found.server.set("secrets", vars_value(&secrets));
    found.server.set("vars", vars_value(&vars));
    Ok(found)
}

/// The job's problem matchers, which know its repository (SPEC K-22, K-27).
fn matchers(
    plan: &LegPlan,
    directories: &Directories,
    (paths, files): (&Paths, &View),
    server: &Contexts,
) -> Matchers {
    let options = &plan.run.options;
    let identity = &options.identity;
    let mut place = matcher::Place::new(
        &directories.workspace,
        &identity.server_url,
        &identity.repository,
        identity.remote_url.as_deref(),
    )
    .seen_through(paths)
    .read_by(files);
    if identity.remote_url.is_none()
        || options.workspace.git_dir.is_none()
        || options.workspace.below_top_level
    {
        place = place.without_git();
    }
    let of_vars = server.get("vars").get(matcher::TIMEOUT_VARIABLE).to_text();
    let of_runner = options
        .runner_env
        .get(OsStr::new(matcher::TIMEOUT_VARIABLE))
        .and_then(|value| value.to_str());
    let timeout = Some(&*of_vars)
        .filter(|text| !text.is_empty())
        .or(of_runner);
    Matchers::new(place, timeout)
}

/// Workflow `env` and job `env` in one map, between a found `.env` and what `--env` gives (SPEC 4.3, DESIGN 7).
fn job_env(
    plan: &LegPlan,
    definition: &StepsJob,
    server: &Contexts,
) -> Result<IndexMap<String, String>, EvalError> {
    let mut env = plan.run.base_env();
    let evaluator = Evaluator {
        context: server,
        source: &plan.invocation.workflow.source,
    };
    let maps = [&plan.invocation.workflow.env, &definition.env];
    for token in maps.into_iter().flatten() {
        env.extend(evaluator.string_map(token)?);
    }
    env.extend(plan.run.options.env.iter().cloned());
    Ok(env)
}

/// A job's `defaults.run` replaces the workflow's as a whole (SPEC S-24).
fn defaults(
    plan: &LegPlan,
    definition: &StepsJob,
    server: &Contexts,
    env: &IndexMap<String, String>,
) -> Result<(Option<String>, Option<String>), EvalError> {
    let Some(token) = &definition.default_run else {
        let RunDefaults {
            shell,
            working_directory,
        } = &plan.invocation.workflow.defaults;
        let text = |value: &Option<crate::workflow::Spanned<String>>| {
            value.as_ref().map(|value| value.value.clone())
        };
        return Ok((text(shell), text(working_directory)));
    };
    let contexts = server.clone().with("env", super::job::env_value(env));
    let mut map = Evaluator {
        context: &contexts,
        source: &plan.invocation.workflow.source,
    }
    .string_map(token)?;
    Ok((
        map.shift_remove("shell"),
        map.shift_remove("working-directory"),
    ))
}
