//! What a run is told by the door; nothing here is a flag any more.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::action::{Pins, RemoteActions};
use crate::expr::Value;
use crate::plan::GithubEvent;
use crate::plan::machine::Machines;
use crate::plan::matrix::MatrixFilter;
use crate::workflow::Workflow;
use crate::workspace;

use super::engine::DockerOptions;
use super::job_environment::Environments;
use super::keep::Keep;
use super::toolkit::ServiceOptions;

/// Everything that holds for the whole run.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of the user")]
pub struct Options {
    /// The project's folder.
    pub root: PathBuf,
    /// lrun's cache: snapshots, tools.
    pub cache: PathBuf,
    /// This run's own folder: removed at the end, by the watchdog if lrun can not.
    pub directory: PathBuf,
    /// lrun itself, to start the watchdog.
    pub program: PathBuf,
    pub identity: Identity,
    /// Which labels this machine serves.
    pub machines: Machines,
    pub secrets: IndexMap<String, String>,
    pub vars: IndexMap<String, String>,
    /// `--env` and a named env file: above workflow and job `env`.
    pub env: Vec<(String, String)>,
    /// A `.env` that was merely found: below the workflow's own `env`.
    pub found_env: Vec<(String, String)>,
    /// The host's part of every step's environment.
    pub host_env: IndexMap<OsString, OsString>,
    /// lrun's own environment, for the variables that configure a runner.
    pub runner_env: IndexMap<OsString, OsString>,
    pub workspace: workspace::Options,
    /// `--workspace bind`: the user's own tree is the workspace.
    pub bind: bool,
    /// Jobs that run at once.
    pub parallel: usize,
    /// `--matrix`.
    pub matrix: Vec<MatrixFilter>,
    pub skip_unavailable: bool,
    /// Actions and workflows of other repositories.
    pub remote: Arc<RemoteActions>,
    /// `--no-skip-checkout`: the real actions/checkout runs, also for the own repository.
    pub real_checkout: bool,
    /// Whether `$<< >>` counts in this repository's own files.
    pub angle: bool,
    /// Values of deployment environments.
    pub environments: Environments,
    /// What the user says of containers.
    pub docker: DockerOptions,
    /// `--workspace copy`: a workspace is never laid in layers.
    pub copies: bool,
    /// `-r`: machines of green jobs wait for the next run.
    pub reuse: bool,
    /// `--keep`.
    pub keep: Keep,
    /// `--offline`.
    pub offline: bool,
    /// Where the concurrency groups of all runs are kept.
    pub groups: PathBuf,
    /// Artifacts, caches, tokens of identity.
    pub services: ServiceOptions,
}

/// Who runs what, as `github.*` tells it.
#[derive(Debug, Clone)]
pub struct Identity {
    pub run_id: String,
    pub run_attempt: String,
    pub retention_days: String,
    pub actor: String,
    /// `owner/name`.
    pub repository: String,
    pub owner: String,
    pub server_url: String,
    pub api_url: String,
    pub graphql_url: String,
    /// Where `origin` of a checkout points, as the user's repository has it.
    pub remote_url: Option<String>,
    pub remote_name: String,
}

/// One workflow to run, with what was decided for it.
#[derive(Debug)]
pub struct Selected {
    pub workflow: Arc<Workflow>,
    /// The jobs to run, needs included; `None` is all.
    pub jobs: Option<Vec<String>>,
    /// The event as this workflow sees it (its own dispatch inputs).
    pub event: Arc<GithubEvent>,
    /// The `inputs` context.
    pub inputs: Value,
    /// Counted per workflow file.
    pub run_number: String,
    /// Commits that the lock file gives (SPEC A-6).
    pub pins: Option<Pins>,
}
