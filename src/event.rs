//! What can happen in a run: owned, serialisable events that every listener reads.
//!
//! Secrets are masked before an [`Event`] exists, so no listener can leak one.
//!
//! To add a kind: add a variant to [`EventKind`] with its dotted name, emit it in `run`, draw it in `report`.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Version of the stream's form; it grows only when a reader of the older form would misread.
pub const VERSION: u32 = 1;

/// One thing that happened, at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the stream, from 1.
    pub seq: u64,
    /// Form of the stream; only on the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    pub time: Timestamp,
    /// Id of the run.
    pub run: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepKey>,
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Names one leg of one job; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobKey {
    /// What people see, unique in a run: `build (ubuntu)`, `call / build`.
    pub key: Arc<str>,
    /// The id in the workflow file; `caller.called` inside a called workflow (SPEC U-7).
    pub id: Arc<str>,
    /// The workflow's name or path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Arc<str>>,
}

impl JobKey {
    /// Equality that is fast for clones, which is what listeners mostly compare.
    pub fn same(&self, other: &Self) -> bool {
        let workflows = match (&self.workflow, &other.workflow) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        (workflows && Arc::ptr_eq(&self.key, &other.key) && Arc::ptr_eq(&self.id, &other.id))
            || self == other
    }
}

/// Names one step of a job; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StepKey {
    /// Place in the job, from 1: that in its `steps`, where a parallel group counts as its steps and the wait for them.
    /// 0 is the set-up of the job, one past the last its completion.
    pub index: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Arc<str>>,
    pub name: Arc<str>,
    #[serde(default)]
    pub phase: Phase,
    /// Number within this phase and index for the nested steps of a composite action: empty for a step of the job.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nested: Vec<usize>,
}

impl StepKey {
    /// Equality that is fast for clones, which is what listeners mostly compare.
    pub fn same(&self, other: &Self) -> bool {
        let ids = match (&self.id, &other.id) {
            (Some(one), Some(two)) => Arc::ptr_eq(one, two),
            (None, None) => true,
            _ => false,
        };
        // Two empty lists are asked for first: comparing their dangling pointers is slow on some processors.
        let nested =
            (self.nested.is_empty() && other.nested.is_empty()) || self.nested == other.nested;
        (ids && nested
            && Arc::ptr_eq(&self.name, &other.name)
            && (self.index, self.phase) == (other.index, other.phase))
            || self == other
    }
}

/// Which part of a step's life runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Setup,
    Pre,
    #[default]
    Main,
    Post,
    Complete,
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    Success,
    Failure,
    Cancelled,
    Skipped,
}

impl Conclusion {
    /// The word that the expression language uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which of a process's two streams a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    Stdout,
    Stderr,
    /// Said by lrun itself within the step's log (prologue of a step, error lines).
    Log,
}

/// How loud an annotation or a note is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Notice,
    Warning,
    Error,
}

/// A message with a place in a file, as `::error file=…::` and problem matchers make them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Annotation {
    pub level: Level,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_column: Option<u64>,
    /// The line that a problem matcher recognised: the log shows it in the message's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl Annotation {
    /// A message without a place.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            message: message.into(),
            title: None,
            file: None,
            line: None,
            end_line: None,
            column: None,
            end_column: None,
            log: None,
        }
    }

    /// The same message at a place.
    #[must_use]
    pub fn at(mut self, file: &str, line: usize, column: usize) -> Self {
        self.file = Some(file.to_owned());
        self.line = Some(line as u64);
        self.column = Some(column as u64);
        self
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum EventKind {
    /// A run begins.
    #[serde(rename = "run.started")]
    RunStarted {
        event: String,
        /// Why this event: typed, detected, the only one …
        reason: String,
        repository: String,
        #[serde(rename = "ref")]
        git_ref: String,
        sha: String,
        /// Files of the workflows that run.
        workflows: Vec<String>,
        /// Number of jobs known before the start (a dynamic matrix counts as one).
        jobs: usize,
        /// `run-name` of each workflow, where one is given: as many as workflows, or none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        run_names: Vec<String>,
    },
    /// Nothing runs: wrong arguments, settings or workflows.
    #[serde(rename = "run.refused")]
    RunRefused {
        message: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        help: Vec<String>,
        /// What is wrong with the selected workflows, each as `lrun check` tells it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        diagnostics: Vec<serde_json::Value>,
        exit_code: u8,
    },
    /// Something the user should know that belongs to no step: uncommitted changes, lifted filters, hints.
    #[serde(rename = "run.note")]
    Note { level: Level, text: String },
    /// A workflow is left out, with the reason.
    #[serde(rename = "workflow.skipped")]
    WorkflowSkipped { file: String, reason: String },
    /// A layer of an image on its way here.
    #[serde(rename = "image.layer")]
    ImageLayer {
        image: String,
        layer: String,
        status: String,
        /// Bytes; 0 of 0 where that is not known.
        done: u64,
        total: u64,
    },
    #[serde(rename = "job.started")]
    JobStarted {
        runs_on: Vec<String>,
        /// What GitHub's token could do: permission and access.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        permissions: Vec<(String, String)>,
    },
    #[serde(rename = "job.skipped")]
    JobSkipped {
        reason: String,
        /// Each part of its condition with its value, a line each; masked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
    },
    /// A leg that can not run here; the run ends with exit code 3.
    #[serde(rename = "job.unavailable")]
    JobUnavailable {
        reason: String,
        file: String,
        line: usize,
        column: usize,
        help: String,
        /// The source line.
        source: String,
    },
    #[serde(rename = "step.started")]
    StepStarted,
    /// What the step is about to do, as GitHub's log shows it above the output; masked.
    #[serde(rename = "step.details")]
    StepDetails {
        /// The script of a `run` step.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        script: Option<String>,
        /// The shell's command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shell: Option<String>,
        /// The inputs of an action that have a value.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        with: Vec<(String, String)>,
        /// The `env` context.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env: Vec<(String, String)>,
    },
    #[serde(rename = "step.skipped")]
    StepSkipped {
        reason: String,
        /// Each part of its condition with its value, a line each; masked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trace: Option<String>,
    },
    /// One line of output, masked, without its line break.
    #[serde(rename = "step.output")]
    StepOutput { stream: Stream, text: String },
    /// A group opens in the log (`::group::`).
    #[serde(rename = "step.group")]
    GroupStarted { title: String },
    /// The open group closes.
    #[serde(rename = "step.group_end")]
    GroupEnded,
    #[serde(rename = "annotation")]
    Annotation(Annotation),
    /// The Markdown that a step wrote to `GITHUB_STEP_SUMMARY`, masked.
    #[serde(rename = "step.summary")]
    StepSummary { markdown: String },
    #[serde(rename = "step.finished")]
    StepFinished {
        /// Before `continue-on-error`.
        outcome: Conclusion,
        /// After `continue-on-error`.
        conclusion: Conclusion,
        duration_ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i32>,
    },
    #[serde(rename = "job.finished")]
    JobFinished {
        outcome: Conclusion,
        conclusion: Conclusion,
        duration_ms: u64,
    },
    #[serde(rename = "run.finished")]
    RunFinished {
        conclusion: Conclusion,
        duration_ms: u64,
        exit_code: u8,
        /// Legs that were unavailable.
        unavailable: usize,
        /// The command that runs the failed jobs again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rerun: Option<String>,
    },
}

/// Hears every event of a run, in order. Called synchronously: a slow listener slows the run.
pub trait Listener: Send + Sync {
    fn on_event(&self, event: &Event);

    /// A moment to show what was held back; called now and then while a run is under way.
    fn tick(&self) {}
}
