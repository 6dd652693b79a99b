//! A workflow as the rest of the house sees it.

use std::sync::Arc;

use indexmap::IndexMap;

use super::token::Token;
use crate::diagnostic::{SourceFile, Span};
use crate::expr::Expr;

/// A value with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

/// One workflow file.
#[derive(Debug)]
pub struct Workflow {
    pub source: Arc<SourceFile>,
    /// The keys that it has, with their places.
    pub keys: IndexMap<String, Span>,
    /// `name`, coerced to text.
    pub name: Option<String>,
    pub run_name: Option<Token>,
    pub on: Triggers,
    pub permissions: Option<Permissions>,
    /// Map of names to text, or one expression.
    pub env: Option<Token>,
    /// Literal only at this level (SPEC 1.4).
    pub defaults: RunDefaults,
    pub concurrency: Option<Concurrency>,
    /// In file order; the key is the job id as written.
    pub jobs: IndexMap<String, Job>,
}

impl Workflow {
    /// What people call it: `name`, else the path.
    pub fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.source.path)
    }
}

/// The `on` of a workflow.
#[derive(Debug, Clone, Default)]
pub struct Triggers {
    /// In file order; the key is the event's name.
    pub events: IndexMap<String, Trigger>,
    /// The whole value.
    pub span: Span,
}

/// One event of `on` with its configuration.
#[derive(Debug, Clone, Default)]
pub struct Trigger {
    pub span: Span,
    /// The whole configuration as read.
    pub config: Option<Token>,
    pub types: Option<Vec<Spanned<String>>>,
    pub branches: Option<Vec<Spanned<String>>>,
    pub branches_ignore: Option<Vec<Spanned<String>>>,
    pub tags: Option<Vec<Spanned<String>>>,
    pub tags_ignore: Option<Vec<Spanned<String>>>,
    pub paths: Option<Vec<Spanned<String>>>,
    pub paths_ignore: Option<Vec<Spanned<String>>>,
    /// `workflow_run.workflows`.
    pub workflows: Option<Vec<Spanned<String>>>,
    /// `schedule`.
    pub schedules: Vec<Schedule>,
    /// `workflow_dispatch.inputs` and `workflow_call.inputs`.
    pub inputs: IndexMap<String, Input>,
    /// `workflow_call.secrets`.
    pub secrets: IndexMap<String, SecretDefinition>,
    /// `workflow_call.outputs`.
    pub outputs: IndexMap<String, OutputDefinition>,
}

#[derive(Debug, Clone)]
pub struct Schedule {
    /// The text, trimmed.
    pub cron: Spanned<String>,
    pub timezone: Option<Spanned<String>>,
}

/// Type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputType {
    String,
    Boolean,
    Number,
    Choice,
    Environment,
}

/// A declared input of a dispatch or a called workflow.
#[derive(Debug, Clone)]
pub struct Input {
    pub span: Span,
    pub description: Option<String>,
    pub kind: InputType,
    pub required: bool,
    /// May hold an expression for `workflow_call` only.
    pub default: Option<Token>,
    pub options: Vec<String>,
    pub deprecation: Option<String>,
}

#[derive(Debug, Clone)]
pub struct SecretDefinition {
    pub span: Span,
    pub description: Option<String>,
    pub required: bool,
}

#[derive(Debug, Clone)]
pub struct OutputDefinition {
    pub span: Span,
    pub description: Option<String>,
    pub value: Token,
}

/// `permissions` as written (SPEC 1.8).
#[derive(Debug, Clone)]
pub struct Permissions {
    /// Of the key.
    pub span: Span,
    pub grant: Grant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    ReadAll,
    WriteAll,
    /// Unlisted permissions are `none` (SPEC W-101).
    Map(IndexMap<String, Access>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    None,
    Read,
    Write,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Literal `defaults.run` of a workflow.
#[derive(Debug, Clone, Default)]
pub struct RunDefaults {
    pub shell: Option<Spanned<String>>,
    pub working_directory: Option<Spanned<String>>,
}

/// `concurrency`: text or map, still to be evaluated.
#[derive(Debug, Clone)]
pub struct Concurrency {
    /// Of the key.
    pub span: Span,
    /// The whole value, when it is one expression or a string; else the map with `group`, `cancel-in-progress`, `queue`.
    pub value: Token,
}

/// A job, with what both kinds share.
#[derive(Debug)]
pub struct Job {
    /// Place of the key in the file.
    pub span: Span,
    pub id: String,
    /// The keys that it has, with their places.
    pub keys: IndexMap<String, Span>,
    pub name: Option<Token>,
    pub needs: Vec<Spanned<String>>,
    /// Already wrapped (SPEC E-61): no `if` is `success()`.
    pub condition: Condition,
    pub strategy: Option<Strategy>,
    pub permissions: Option<Permissions>,
    pub concurrency: Option<Concurrency>,
    pub kind: JobKind,
}

/// An `if`, wrapped; with the text as written.
#[derive(Debug, Clone)]
pub struct Condition {
    pub expr: Expr,
    /// As written, if there was one.
    pub text: Option<Spanned<String>>,
}

#[derive(Debug)]
pub enum JobKind {
    Steps(Box<StepsJob>),
    Call(Box<CallJob>),
}

/// A job with `steps`.
#[derive(Debug)]
pub struct StepsJob {
    /// Text, list, or map with `group` and `labels`, still to be evaluated per leg.
    pub runs_on: Token,
    pub environment: Option<Token>,
    pub env: Option<Token>,
    /// `defaults.run`: map with `shell` and `working-directory`.
    pub default_run: Option<Token>,
    pub outputs: Option<Token>,
    pub timeout_minutes: Option<Token>,
    pub cancel_timeout_minutes: Option<Token>,
    pub continue_on_error: Option<Token>,
    pub container: Option<Token>,
    pub services: Option<Token>,
    pub snapshot: Option<Token>,
    pub steps: Vec<Step>,
}

/// A job that calls a workflow.
#[derive(Debug)]
pub struct CallJob {
    pub uses: Spanned<String>,
    /// Map of input names to values.
    pub with: Option<Token>,
    pub secrets: CallSecrets,
}

#[derive(Debug)]
pub enum CallSecrets {
    None,
    Inherit,
    Map(Token),
}

/// `strategy`: the whole may be one expression.
#[derive(Debug)]
pub struct Strategy {
    /// Of the key.
    pub span: Span,
    /// The mapping with `fail-fast`, `max-parallel`, `matrix`, or one expression giving it.
    pub value: Token,
}

/// A step; which kind decides what else it has.
#[derive(Debug)]
pub struct Step {
    /// Place of the step in the file.
    pub span: Span,
    /// As given by the user, or made (`__run`, `__actions_checkout_2`, SPEC W-132).
    pub id: String,
    pub name: Option<Token>,
    pub condition: Condition,
    pub env: Option<Token>,
    pub timeout_minutes: Option<Token>,
    pub continue_on_error: Option<Token>,
    pub background: bool,
    pub kind: StepKind,
}

impl Step {
    /// The id that the `steps` context knows; made ids never appear there.
    pub fn user_id(&self) -> Option<&str> {
        (!self.id.starts_with("__")).then_some(self.id.as_str())
    }
}

#[derive(Debug)]
pub enum StepKind {
    Run {
        run: Token,
        /// Literal at a job's step; may hold expressions in a composite action's step.
        shell: Option<Token>,
        working_directory: Option<Token>,
    },
    Uses {
        uses: Spanned<String>,
        with: Option<Token>,
    },
    /// Ids of the awaited background steps.
    Wait(Vec<Spanned<String>>),
    WaitAll,
    Cancel(Spanned<String>),
    Parallel(Vec<Step>),
}

impl Job {
    /// The steps, unless the job calls a workflow.
    pub fn steps(&self) -> Option<&[Step]> {
        match &self.kind {
            JobKind::Steps(job) => Some(&job.steps),
            JobKind::Call(_) => None,
        }
    }
}

/// One pair of a `permissions` map.
pub(super) fn access((key, value): &(Token, Token)) -> Option<(String, Access)> {
    let key = key.as_str()?;
    let access = match value.as_str()? {
        "read" => Access::Read,
        // A model can only be read (SPEC W-100).
        "write" if key == "models" => Access::Read,
        "write" => Access::Write,
        _ => Access::None,
    };
    Some((key.to_owned(), access))
}
