//! One leg of a job on its machine: set up, steps, posts, completion (SPEC 5.1).

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use indexmap::IndexMap;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Run;
use super::background::{Course, Crew};
use super::composite::Frame;
use super::containers::Containers;
use super::context::{Contexts, Status};
use super::directories::Directories;
use super::github;
use super::ground::Ground;
use super::hook::HookStage;
use super::inside::Inside;
use super::invocation::Invocation;
use super::job_environment::{Address, JobEnvironment};
use super::keep::Slot;
use super::layers::Laid;
use super::limit;
use super::mask::Masker;
use super::matcher::Matchers;
use super::paths::Paths;
use super::post::Posts;
use super::remote::Defined;
use super::shell::Shell;
use super::state::JobState;
use super::toolkit::Toolkit;
use crate::action::NodeVersion;
use crate::event::{Annotation, Conclusion, EventKind, JobKey, Level, Phase, StepKey};
use crate::executor::files::{Disk, Files, View};
use crate::executor::{Command, ExecError, Finished, Machine, Output, Stop};
use crate::expr::{Object, Value};
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{StepsJob, Token};

/// Where a process of a job runs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    Machine,
    /// This host, also where the job has a container.
    Host,
    /// The container of a Docker action.
    Action(&'a Inside),
}

/// A job on its machine.
#[derive(Debug)]
pub(super) struct Job {
    pub run: Arc<Run>,
    pub invocation: Arc<Invocation>,
    pub key: JobKey,
    /// Where its steps run.
    pub machine: Arc<dyn Machine>,
    /// This host, for hooks.
    pub host: Arc<dyn Machine>,
    /// What the machine, and no workflow, gives every process.
    pub base_env: Arc<IndexMap<OsString, OsString>>,
    /// The shell of a step that names none, where that is no question of what there is.
    pub fallback: Option<Shell>,
    pub containers: Option<Arc<Containers>>,
    /// What runs JavaScript actions in its container.
    pub nodes: Arc<tokio::sync::Mutex<IndexMap<NodeVersion, PathBuf>>>,
    /// Where its machine waits for the next run.
    pub slot: Option<Slot>,
    /// Its folder stays.
    pub kept: bool,
    pub directories: Directories,
    pub paths: Paths,
    /// How its workspace is read from here.
    pub files: View,
    /// The checkout that was laid under the workspace before the first step.
    pub laid: Option<Laid>,
    pub masker: Masker,
    /// Contexts of the server phase: github, inputs, vars, needs, strategy, matrix, secrets.
    pub server: Contexts,
    /// `github` with what the job adds; each step adds its own.
    pub github: Object,
    pub runner: Arc<Object>,
    pub runner_variables: Vec<(String, String)>,
    /// Default `shell` and `working-directory` (SPEC S-24).
    pub default_shell: Option<String>,
    pub default_directory: Option<String>,
    pub state: JobState,
    pub posts: Posts,
    /// The payload, written anew for each step (SPEC T-11).
    pub event: Arc<str>,
    /// Ends the job: run cancelled, fail-fast, or its own timeout.
    pub cancel: CancellationToken,
    /// Ends its processes at once.
    pub kill: CancellationToken,
    pub tracking: String,
    /// What the stages of a step saved, by its place, for its later ones (SPEC A-33).
    pub saved: HashMap<Vec<usize>, IndexMap<String, String>>,
    pub debug: bool,
    /// It is one step of another job, which runs beside its other steps (SPEC S-40).
    pub background: bool,
    pub matchers: Matchers,
    pub environment: Option<JobEnvironment>,
    /// Summaries that its steps wrote.
    pub summaries: Arc<AtomicUsize>,
    /// What it has of the services that actions call.
    pub toolkit: Arc<Toolkit>,
}

impl Job {
    /// Runs steps and posts, and says how the job ended, with its outputs.
    pub async fn run(
        &mut self,
        definition: &StepsJob,
        ground: &Ground,
    ) -> (Conclusion, IndexMap<String, String>) {
        let mut frame = Frame::of_job();
        let course = Course::of(definition);
        let mut crew = Crew::default();
        self.run_hook(HookStage::Started, 0).await;
        Box::pin(self.initialize_containers(definition, ground)).await;
        self.run_pre_steps(&course, &frame).await;
        for entry in &course.entries {
            // SPEC X-3: a killed job runs nothing more, posts included.
            if self.kill.is_cancelled() {
                break;
            }
            self.pass(&mut crew, &mut frame, entry).await;
        }
        self.settle(&mut crew, &mut frame).await;
        let steps = frame.steps.to_value();
        self.run_posts(&mut crew, &steps).await;
        // A step that did not end when it was told to has its posts, too.
        crew.dismiss().await;
        self.collect(&mut crew);
        self.run_posts(&mut crew, &steps).await;
        let end = course.entries.len() + 1;
        Box::pin(self.stop_containers(end)).await;
        self.run_hook(HookStage::Completed, end).await;
        let outputs = self.outputs(definition, &frame);
        self.tell_address(&frame);
        self.note_cancel();
        (self.state.status, outputs)
    }

    async fn run_posts(&mut self, crew: &mut Crew<'_>, steps: &Value) {
        while let Some(post) = self.posts.next() {
            if self.kill.is_cancelled() {
                break;
            }
            crew.beside(self.run_post(post, steps)).await;
        }
    }

    /// A cancelled job has that status from the moment it is asked to end (SPEC X-2).
    pub fn note_cancel(&mut self) {
        if self.cancel.is_cancelled() {
            self.state.status = Conclusion::Cancelled;
        }
    }

    /// Evaluates the job's outputs (SPEC J-5, J-6).
    fn outputs(&mut self, definition: &StepsJob, frame: &Frame) -> IndexMap<String, String> {
        let Some(token) = &definition.outputs else {
            return IndexMap::new();
        };
        let contexts = self.contexts(frame, self.github.clone(), &self.state.env);
        let evaluated = match self.evaluator(&contexts).string_map(token) {
            Ok(outputs) => outputs,
            Err(error) => {
                self.annotate(None, &error);
                self.state.conclude(Conclusion::Failure);
                return IndexMap::new();
            }
        };
        let mut outputs = IndexMap::new();
        for (name, value) in evaluated {
            if value.is_empty() {
                continue;
            }
            if self.masker.would_change(&value) {
                self.say(
                    None,
                    Level::Warning,
                    &format!("Skip output '{name}' since it may contain secret."),
                );
                continue;
            }
            outputs.insert(name, value);
        }
        let refused = limit::job_outputs(&outputs).or_else(|| self.run.count_outputs(&outputs));
        if let Some(message) = refused {
            self.say(None, Level::Error, &message);
            self.state.conclude(Conclusion::Failure);
            outputs.clear();
        }
        outputs
    }

    /// Evaluates and shows `environment.url`, which sees no secrets (SPEC J-5).
    fn tell_address(&mut self, frame: &Frame) {
        let Some(environment) = &self.environment else {
            return;
        };
        let mut contexts = self.contexts(frame, self.github.clone(), &self.state.env);
        contexts.set("secrets", Value::Null);
        let address = environment.address(&self.evaluator(&contexts), &self.masker);
        match address {
            Ok(Address::None) => {}
            Ok(Address::Url(url)) => {
                let text = format!("environment {}: {url}", environment.name);
                let kind = EventKind::Note {
                    level: Level::Notice,
                    text: self.masker.mask(&text).into_owned(),
                };
                self.emit(None, kind);
            }
            Ok(Address::Withheld(warning)) => self.say(None, Level::Warning, &warning),
            Err(error) => {
                self.annotate(None, &error);
                self.state.conclude(Conclusion::Failure);
            }
        }
    }

    /// The contexts of a step-level key.
    pub fn contexts(
        &self,
        frame: &Frame,
        github: Object,
        env: &IndexMap<String, String>,
    ) -> Contexts {
        let mut contexts = self.server.clone();
        contexts.set("github", Value::Object(Arc::new(github)));
        contexts.set("env", env_value(env));
        contexts.set("steps", frame.steps.to_value());
        contexts.set("job", self.job_value());
        contexts.set("runner", Value::Object(Arc::clone(&self.runner)));
        if let Some(inputs) = &frame.inputs {
            contexts.set("inputs", inputs.clone());
        }
        contexts.workspace = Some((self.files.clone(), self.directories.workspace.clone()));
        contexts.status = Status::Step {
            job: self.state.status,
            composite: frame.is_composite().then_some(frame.status),
        };
        contexts
    }

    /// The `job` context (SPEC C-13).
    pub fn job_value(&self) -> Value {
        let (container, services) = self.containers_value();
        let Defined {
            repository,
            file,
            git_ref,
            sha,
        } = self.defined();
        Value::object([
            ("status", Value::string(self.state.status.as_str())),
            ("check_run_id", Value::Number(1.0)),
            ("container", container),
            ("services", services),
            (
                "workflow_ref",
                Value::string(format!("{repository}/{file}@{git_ref}")),
            ),
            ("workflow_sha", Value::string(sha)),
            ("workflow_repository", Value::string(repository)),
            ("workflow_file_path", Value::string(file)),
        ])
    }

    /// What a step's `run` and `with` are evaluated with: paths of `github` and `runner` as the container has them, where
    /// they differ (SPEC 3.1, of which it is not certain that GitHub does so everywhere yet).
    pub fn contexts_inside<'a>(&self, contexts: &'a Contexts) -> Cow<'a, Contexts> {
        if self.containers.is_none() || !self.paths.translate() {
            return Cow::Borrowed(contexts);
        }
        let mut inside = contexts.clone();
        for name in ["github", "runner"] {
            let Value::Object(object) = contexts.get(name) else {
                continue;
            };
            let mut object = (*object).clone();
            let paths: Vec<(String, Value)> = object
                .iter()
                .filter_map(|(key, value)| {
                    let text = value.as_str().filter(|text| text.starts_with('/'))?;
                    let path = self.paths.inside(Path::new(text));
                    Some((key.to_owned(), Value::string(path.to_str()?)))
                })
                .collect();
            for (key, value) in paths {
                object.insert(key.as_str(), value);
            }
            inside.set(name, Value::Object(Arc::new(object)));
        }
        Cow::Owned(inside)
    }

    pub fn evaluator<'a>(&'a self, contexts: &'a Contexts) -> Evaluator<'a> {
        Evaluator {
            context: contexts,
            source: &self.invocation.workflow.source,
        }
    }

    /// `github` as a step of this frame sees it.
    pub fn step_github(&self, frame: &Frame, id: &str) -> Object {
        let mut github = self.github.clone();
        github.insert("action", Value::string(id));
        frame.apply(&mut github);
        github
    }

    /// Runs a process of a step until it ends, is cancelled, or its time is up.
    pub async fn exec(
        &self,
        place: Place<'_>,
        command: &Command,
        output: &mut dyn Output,
        deadline: Option<Instant>,
        survives: &(dyn Fn() -> bool + Sync),
    ) -> Result<Finished, ExecError> {
        let translated;
        let (machine, command): (&dyn Machine, _) = match place {
            Place::Action(inside) => {
                translated = inside.paths.enter(command);
                (&*inside.machine, &translated)
            }
            _ if self.paths.is_plain() => (&*self.machine, command),
            Place::Machine => {
                translated = self.paths.enter(command);
                (&*self.machine, &translated)
            }
            Place::Host => {
                translated = self.paths.leave(command);
                (&*self.host, &translated)
            }
        };
        let stop = Stop {
            cancel: CancellationToken::new(),
            kill: self.kill.clone(),
        };
        let process = machine.exec(command, output, &stop);
        tokio::pin!(process);
        let mut listening = true;
        loop {
            tokio::select! {
                biased;
                finished = &mut process => return finished,
                () = self.cancel.cancelled(), if listening => {
                    // SPEC X-2: the running step's condition is asked again.
                    listening = false;
                    if !survives() {
                        stop.cancel.cancel();
                    }
                }
                () = until(deadline), if !stop.cancel.is_cancelled() => stop.cancel.cancel(),
            }
        }
    }

    /// The files that a process there has.
    pub fn files_of<'a>(&'a self, place: Place<'a>) -> &'a dyn Files {
        match place {
            Place::Machine => &self.files,
            Place::Host => &Disk,
            Place::Action(inside) => inside,
        }
    }

    /// An error of evaluation, as an annotation with its place.
    pub fn annotate(&self, step: Option<&StepKey>, error: &EvalError) {
        let found = annotation_of(error, &self.masker);
        self.emit(step, EventKind::Annotation(found));
    }

    /// A message that the runner itself makes in a step's log.
    pub fn say(&self, step: Option<&StepKey>, level: Level, message: &str) {
        let found = Annotation::new(level, self.masker.mask_lines(message));
        self.emit(step, EventKind::Annotation(found));
    }

    pub fn emit(&self, step: Option<&StepKey>, kind: EventKind) {
        match step {
            Some(step) => self.run.emitter.step(&self.key, step, kind),
            None => self.run.emitter.job(&self.key, kind),
        }
    }

    /// The key of a step, its name masked.
    pub fn step_key(&self, index: usize, id: Option<&str>, name: &str, phase: Phase) -> StepKey {
        StepKey {
            index,
            id: id.map(Arc::from),
            name: Arc::from(self.masker.mask(name).as_ref()),
            phase,
            nested: Vec::new(),
        }
    }

    /// The shell of a step that names none.
    pub async fn fallback_shell(&self, search_path: &OsStr) -> Shell {
        if let Some(shell) = &self.fallback {
            return shell.clone();
        }
        let workspace = self.paths.inside(&self.directories.workspace);
        let bash = self
            .machine
            .which(Path::new("bash"), search_path, &workspace);
        Shell::default_of_host(bash.await.is_some())
    }

    /// A program of the machine.
    pub async fn which(&self, program: &str, search_path: &OsStr, cwd: &Path) -> Option<PathBuf> {
        let cwd = self.paths.inside(cwd);
        self.machine
            .which(Path::new(program), search_path, &cwd)
            .await
    }

    /// Where a step runs (SPEC S-25).
    pub fn directory(&self, relative: Option<&str>) -> PathBuf {
        match relative {
            Some(path) if !path.is_empty() => self.directories.workspace.join(path),
            _ => self.directories.workspace.clone(),
        }
    }

    /// `GITHUB_*` and `RUNNER_*` for a process of a step.
    pub fn process_variables(&self, github: &Object) -> Vec<(String, String)> {
        let mut variables = github::variables(github);
        variables.extend(self.runner_variables.iter().cloned());
        variables
    }
}

/// A map of texts as a context that tells upper from lower case (SPEC E-30).
pub(super) fn env_value(env: &IndexMap<String, String>) -> Value {
    let mut object = Object::case_sensitive();
    for (name, value) in env {
        object.insert(name.as_str(), Value::string(value.as_str()));
    }
    Value::Object(Arc::new(object))
}

/// An error of evaluation where it stands in its file, masked.
pub(super) fn annotation_of(error: &EvalError, masker: &Masker) -> Annotation {
    Annotation::new(Level::Error, masker.mask_lines(&error.message)).at(
        &error.file,
        error.position.line,
        error.position.column,
    )
}

/// Ends at the deadline; never without one.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Minutes of a `timeout-minutes`: whole ones, none for zero (SPEC W-70).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "GitHub truncates to whole minutes"
)]
pub(super) fn minutes(value: f64) -> Option<u64> {
    (value >= 1.0).then_some(value.min(f64::from(i32::MAX)) as u64)
}

/// Evaluates a number that may be absent.
pub(super) fn optional_minutes(
    evaluator: &Evaluator,
    token: Option<&Token>,
) -> Result<Option<u64>, EvalError> {
    token
        .map(|token| evaluator.number(token).map(minutes))
        .transpose()
        .map(Option::flatten)
}
