//! A run: job after job, step after step.
//!
//! [`run`] takes what was decided ([`Selected`]) and what holds for all ([`Options`]), and tells a
//! [`Listener`] everything that happens. A failed step is an outcome, never an `Err`.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use indexmap::IndexMap;
use tokio::sync::Semaphore;

use crate::event::{Conclusion, EventKind, JobKey, Level, Listener};
use crate::executor::host::Host;
use crate::executor::node::Node;
use crate::executor::watchdog::Watchdog;
use crate::executor::{Machine, Stop};
use crate::expr::Value;
use crate::plan::GithubEvent;
use crate::plan::reusable::Library;
use crate::server::Server;
use crate::workflow::evaluate::EvalError;
use crate::workflow::{PermissionsPolicy, Workflow};
use crate::workspace::Snapshot;

mod availability;
mod background;
mod call;
mod checkout;
mod command_files;
mod composite;
pub mod concurrency;
mod containers;
mod context;
mod directories;
mod docker_action;
mod earlier_run;
pub mod emitter;
mod engine;
pub mod environment;
mod far;
pub mod file_command;
pub mod github;
mod ground;
mod group;
pub mod hook;
mod hook_step;
mod inputs;
mod inside;
mod invocation;
mod job;
pub mod job_environment;
mod keep;
mod layers;
mod leg;
pub mod limit;
mod log;
pub mod mask;
pub mod matcher;
mod node_action;
pub mod options;
pub mod output_line;
pub mod paths;
mod post;
mod pre;
mod process;
mod remote;
mod schedule;
mod script;
mod secret_form;
mod services;
mod set_up;
pub mod shell;
mod state;
mod step;
mod toolkit;
mod uses;
pub mod workflow_command;

pub use context::{Contexts, Status};
pub use engine::{DockerOptions, Rights};
pub use keep::Keep;
pub use options::{Identity, Options, Selected};
pub use toolkit::ServiceOptions;

use concurrency::Groups;
use emitter::Emitter;
use invocation::{Invocation, JobResult, merge};
use mask::Masker;

/// What every part of a run shares.
#[derive(Debug)]
pub struct Run {
    pub(crate) options: Options,
    emitter: Emitter,
    masker: Masker,
    provision: Provision,
    stop: Stop,
    slots: Arc<Semaphore>,
    called: Library,
    snapshot: OnceLock<Result<Snapshot, String>>,
    nodes: OnceLock<Vec<Node>>,
    watchdog: OnceLock<Watchdog>,
    next_leg: AtomicUsize,
    unavailable: AtomicUsize,
    engines: engine::Engines,
    /// Images of actions that this run has built.
    built: Mutex<HashSet<String>>,
    /// It was said that there is no engine.
    engine_missed: AtomicBool,
    /// Something of a job stays.
    keeps: AtomicBool,
    /// lrun itself failed somewhere: the run can not be a success.
    broken: AtomicBool,
    keys: Mutex<HashSet<JobKey>>,
    debug: bool,
    groups: Groups,
    /// Size of the outputs of all jobs so far (SPEC R-6).
    outputs: AtomicUsize,
    /// The event's name.
    event: String,
    /// What actions call.
    server: OnceLock<Result<Server, String>>,
}

/// Gives the machine for the job with a tracking id.
#[derive(Clone)]
pub struct Provision(pub Arc<Provide>);

type Provide = dyn Fn(&str) -> Arc<dyn Machine> + Send + Sync;

impl fmt::Debug for Provision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provision")
    }
}

impl Provision {
    /// This host for every job.
    pub fn host() -> Self {
        Self(Arc::new(|tracking| Arc::new(Host::new(tracking))))
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub conclusion: Conclusion,
    /// Of each selected workflow; failure where a leg could not run here.
    pub conclusions: Vec<Conclusion>,
    /// Legs that could not run here.
    pub unavailable: usize,
    /// 0, 1, 3, 130 or 143 (DESIGN 7).
    pub exit_code: u8,
}

/// What is to run.
pub struct Work {
    pub event: Arc<GithubEvent>,
    /// Why this event.
    pub reason: String,
    pub selected: Vec<Selected>,
    /// Workflows that are left out, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Lines for the user.
    pub notes: Vec<String>,
    pub called: Library,
    /// Exit code of the signal that ended the run; 0 without one.
    pub signal: Arc<AtomicU8>,
    /// The command that runs only the failed jobs again, given their ids.
    pub rerun: Box<Rerun>,
}

type Rerun = dyn Fn(&[String]) -> String + Send + Sync;

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work")
            .field("event", &self.event.name)
            .field("selected", &self.selected)
            .finish_non_exhaustive()
    }
}

/// Runs the selected workflows to their end.
pub async fn run(
    options: Options,
    work: Work,
    provision: Provision,
    listener: Box<dyn Listener>,
    stop: Stop,
) -> Ended {
    let started = Instant::now();
    let masker = Masker::new();
    for (name, value) in &options.secrets {
        masker.add_secret(name, value);
    }
    if let Some(token) = options.secrets.get("GITHUB_TOKEN") {
        masker.add_token(token);
    }
    let run = Arc::new(Run {
        emitter: Emitter::new(Arc::from(options.identity.run_id.as_str()), listener),
        masker,
        provision,
        stop,
        slots: Arc::new(Semaphore::new(options.parallel.max(1))),
        called: work.called.clone(),
        snapshot: OnceLock::new(),
        nodes: OnceLock::new(),
        watchdog: OnceLock::new(),
        next_leg: AtomicUsize::new(1),
        unavailable: AtomicUsize::new(0),
        engines: engine::Engines::default(),
        built: Mutex::default(),
        engine_missed: AtomicBool::new(false),
        keeps: AtomicBool::new(false),
        broken: AtomicBool::new(false),
        keys: Mutex::new(HashSet::new()),
        debug: step_debug(&options.secrets, &options.vars),
        groups: Groups::new(&options.groups, &options.identity.repository),
        outputs: AtomicUsize::new(0),
        event: work.event.name.clone(),
        server: OnceLock::new(),
        options,
    });
    if !work.selected.is_empty() {
        // By the time the first job needs it, it has started.
        run.watchdog();
    }
    if !run.options.bind && work.selected.iter().any(|it| checks_out(&it.workflow)) {
        let early = Arc::clone(&run);
        // Likewise; what goes wrong shows in the job that asks for it.
        drop(tokio::task::spawn_blocking(move || drop(early.snapshot())));
    }
    let invocations: Vec<Arc<Invocation>> = work
        .selected
        .iter()
        .map(|selected| Arc::new(run.invocation(selected)))
        .collect();
    let names: Vec<_> = invocations.iter().map(|it| it.run_name()).collect();
    announce(&run, &work, &names);
    let all = futures_util::future::join_all(invocations.into_iter().zip(names).map(
        |(invocation, name)| {
            let run = Arc::clone(&run);
            async move {
                match name {
                    Ok(_) => schedule::run_jobs(run, invocation).await,
                    Err(error) => invocation.refuse(&run, &error),
                }
            }
        },
    ));
    let results = with_ticks(&run, all).await;
    run.finish(&results, started, &work)
}

/// Waits, and gives listeners their moments meanwhile.
async fn with_ticks<T>(run: &Run, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    let mut clock = tokio::time::interval(std::time::Duration::from_millis(100));
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = clock.tick() => run.emitter.tick(),
        }
    }
}

/// The first line, and what is to be known before the first job.
fn announce(run: &Run, work: &Work, names: &[Result<String, EvalError>]) {
    let event = &work.event;
    let jobs = |selected: &Selected| match &selected.jobs {
        Some(jobs) => jobs.len(),
        None => selected.workflow.jobs.len(),
    };
    run.emitter.run(EventKind::RunStarted {
        event: event.name.clone(),
        reason: work.reason.clone(),
        repository: run.options.identity.repository.clone(),
        git_ref: event.git_ref.clone(),
        sha: event.sha.clone(),
        workflows: work
            .selected
            .iter()
            .map(|selected| selected.workflow.source.path.clone())
            .collect(),
        jobs: work.selected.iter().map(jobs).sum(),
        run_names: run.run_names(names),
    });
    for (file, reason) in &work.skipped {
        run.emitter.run(EventKind::WorkflowSkipped {
            file: file.clone(),
            reason: reason.clone(),
        });
    }
    for note in &work.notes {
        let text = run.masker.mask(note).into_owned();
        run.emitter.note(Level::Notice, text);
    }
    if run.options.reuse {
        let text =
            "-r: jobs go on in the machines of the last green run; GitHub starts fresh each time";
        run.emitter.note(Level::Notice, text.to_owned());
    }
    warn_of_limits(run, work);
    hint_at_token(run, work);
}

/// What GitHub would not store or not run (SPEC 15).
fn warn_of_limits(run: &Run, work: &Work) {
    let mut warnings = limit::secrets(&run.options.secrets);
    warnings.extend(limit::vars(&run.options.vars));
    for selected in &work.selected {
        let source = &selected.workflow.source;
        let warning = limit::workflow_file(source.text.len());
        warnings.extend(warning.map(|warning| format!("{}: {warning}", source.path)));
    }
    for warning in warnings {
        run.emitter.note(Level::Warning, warning);
    }
}

/// Some job of it will want the tree.
fn checks_out(workflow: &Workflow) -> bool {
    workflow.source.text.contains("actions/checkout")
}

/// DESIGN 7: no token is picked up silently, and a workflow that reads one is told so.
fn hint_at_token(run: &Run, work: &Work) {
    let secrets = &run.options.secrets;
    if secrets.get("GITHUB_TOKEN").is_some_and(|it| !it.is_empty()) {
        return;
    }
    let reads = |selected: &&Selected| {
        let text = selected.workflow.source.text.to_ascii_lowercase();
        text.contains("secrets.github_token") || text.contains("github.token")
    };
    if let Some(selected) = work.selected.iter().find(reads) {
        let text = format!(
            "{} reads GITHUB_TOKEN, which is empty here: give one with -s GITHUB_TOKEN or --github-token gh",
            selected.workflow.source.path
        );
        run.emitter.note(Level::Notice, text);
    }
}

/// `ACTIONS_STEP_DEBUG` as a secret or a variable; the secret wins (SPEC H-2).
fn step_debug(secrets: &IndexMap<String, String>, vars: &IndexMap<String, String>) -> bool {
    let find = |map: &IndexMap<String, String>| {
        map.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("ACTIONS_STEP_DEBUG"))
            .map(|(_, value)| value.trim().eq_ignore_ascii_case("true"))
    };
    find(secrets).or_else(|| find(vars)).unwrap_or(false)
}

impl Run {
    fn invocation(&self, selected: &Selected) -> Invocation {
        let token = self.options.secrets.get("GITHUB_TOKEN");
        let github = github::shared(
            &self.options.identity,
            &selected.event,
            &selected.workflow,
            &selected.run_number,
            Some(token.map_or("", String::as_str)),
        );
        let mut secrets = self.options.secrets.clone();
        secrets.entry("GITHUB_TOKEN".to_owned()).or_default();
        Invocation {
            workflow: Arc::clone(&selected.workflow),
            jobs: selected.jobs.clone(),
            event: Arc::clone(&selected.event),
            inputs: selected.inputs.clone(),
            secrets,
            vars: Value::object(
                self.options
                    .vars
                    .iter()
                    .map(|(name, value)| (name.as_str(), Value::string(value.as_str()))),
            ),
            github: Arc::new(github),
            name_prefix: String::new(),
            id_prefix: String::new(),
            label: Arc::from(selected.workflow.display_name()),
            cancel: self.stop.cancel.child_token(),
            depth: 0,
            within: Vec::new(),
            group: OnceLock::new(),
            grant: match &selected.workflow.permissions {
                Some(permissions) => permissions.grant.clone(),
                None => PermissionsPolicy::default().grant(),
            },
            says_permissions: selected.workflow.permissions.is_some(),
            pins: selected.pins.clone(),
            origin: None,
            backend_id: Arc::from(uuid::Uuid::new_v4().to_string()),
            entry: Arc::from(selected.workflow.source.path.as_str()),
        }
    }

    /// The names of the runs, as many as there are, or none where no workflow gives one.
    fn run_names(&self, names: &[Result<String, EvalError>]) -> Vec<String> {
        let shown = |name: &Result<String, EvalError>| {
            let name = name.as_deref().unwrap_or_default().trim();
            self.masker.mask(name).into_owned()
        };
        let names: Vec<String> = names.iter().map(shown).collect();
        if names.iter().all(String::is_empty) {
            return Vec::new();
        }
        names
    }

    fn finish(
        &self,
        results: &[IndexMap<String, Arc<JobResult>>],
        started: Instant,
        work: &Work,
    ) -> Ended {
        if !self.stop.kill.is_cancelled()
            && !self.keeps_something()
            && let Err(error) = std::fs::remove_dir_all(&self.options.directory)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            let text = format!(
                "can not remove {}: {error}",
                self.options.directory.display()
            );
            self.emitter.note(Level::Warning, text);
        }
        self.mark_over();
        self.end_services();
        let all = || results.iter().flatten();
        let mut conclusion = merge(all().map(|(_, job)| job.result));
        if self.broken.load(Ordering::Relaxed) {
            conclusion = Conclusion::Failure;
        }
        let unavailable = self.unavailable.load(Ordering::Relaxed);
        let failed = matches!(conclusion, Conclusion::Failure | Conclusion::Cancelled);
        let signal = work.signal.load(Ordering::Relaxed);
        let exit_code = match (failed, unavailable) {
            _ if signal != 0 => signal,
            (true, _) => 1,
            (false, 0) => 0,
            (false, _) if self.options.skip_unavailable => 0,
            (false, _) => 3,
        };
        let again: Vec<String> = all()
            .filter(|(_, job)| matches!(job.result, Conclusion::Failure | Conclusion::Cancelled))
            .map(|(id, _)| id.clone())
            .collect();
        self.emitter.run(EventKind::RunFinished {
            conclusion,
            duration_ms: step::millis(started),
            exit_code,
            unavailable,
            rerun: (!again.is_empty()).then(|| (work.rerun)(&again)),
        });
        Ended {
            conclusion,
            conclusions: results
                .iter()
                // A workflow that lacks a leg may wave no deployment through.
                .map(|jobs| {
                    merge(jobs.values().map(|job| {
                        if job.unavailable {
                            Conclusion::Failure
                        } else {
                            job.result
                        }
                    }))
                })
                .collect(),
            unavailable,
            exit_code,
        }
    }

    /// What stands below a workflow's own `env` (DESIGN 7).
    fn base_env(&self) -> IndexMap<String, String> {
        let mut env = IndexMap::from([
            ("ACT".to_owned(), "true".to_owned()),
            ("LRUN".to_owned(), "true".to_owned()),
        ]);
        env.extend(self.options.found_env.iter().cloned());
        env
    }

    /// `runner.tool_cache`: shared by all runs.
    fn tool_cache(&self) -> PathBuf {
        self.options.cache.join("tools")
    }

    /// Notes that an image of an action was built; `--rebuild` builds each once a run.
    fn is_first_build(&self, image: &crate::plan::container::ImageName) -> bool {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        built.insert(image.to_string())
    }

    /// A folder of its own for the next leg.
    fn next_directory(&self) -> PathBuf {
        let number = self.next_leg.fetch_add(1, Ordering::Relaxed);
        self.options.directory.join(number.to_string())
    }

    /// Two legs with one display name get different keys.
    fn unique_key(&self, mut key: JobKey) -> JobKey {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        key.key = Arc::from(self.masker.mask(&key.key).as_ref());
        let name = Arc::clone(&key.key);
        let mut number = 1;
        while !keys.insert(key.clone()) {
            key.key = match number {
                1 => Arc::from(format!("{name} [{}]", key.id)),
                n => Arc::from(format!("{name} [{} {n}]", key.id)),
            };
            number += 1;
        }
        key
    }

    /// Why the outputs of one more job are too much for the run.
    fn count_outputs(&self, outputs: &IndexMap<String, String>) -> Option<String> {
        let before = self
            .outputs
            .fetch_add(limit::output_size(outputs), Ordering::Relaxed);
        limit::run_outputs(before, outputs)
    }

    fn count_unavailable(&self) {
        self.unavailable.fetch_add(1, Ordering::Relaxed);
    }

    /// A bug of lrun, or a machine that fails it: said, and never a success.
    fn broken(&self, message: &str) {
        self.broken.store(true, Ordering::Relaxed);
        self.emitter.note(Level::Error, message);
    }

    fn watchdog(&self) -> &Watchdog {
        let own = &self.options.directory;
        self.watchdog.get_or_init(|| {
            let root = own.parent().unwrap_or(own).to_path_buf();
            Watchdog::start(self.options.program.clone(), root)
        })
    }

    /// From now on the watchdog ends what the job started and removes its folder if lrun dies.
    fn watch_over(&self, tracking: &str, directory: &Path) {
        let watchdog = self.watchdog();
        let told = watchdog
            .track(tracking)
            .and_then(|()| watchdog.remove_on_death(directory))
            .and_then(|()| watchdog.remove_on_death(&self.options.directory));
        if let Err(error) = told {
            self.emitter.note(
                Level::Warning,
                format!("no watchdog: processes of this job may outlive a killed lrun ({error})"),
            );
        }
    }

    fn watch_no_more(&self, tracking: &str, directory: &Path) {
        if let Some(watchdog) = self.watchdog.get() {
            let told = watchdog
                .forget(tracking)
                .and_then(|()| watchdog.keep(directory));
            if let Err(error) = told {
                self.emitter
                    .note(Level::Warning, format!("the watchdog is gone: {error}"));
            }
        }
    }
}
