//! The settings of one invocation: every source read, every value typed.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::command::CommandKind;
use super::environment::Environment;
use super::error::CliError;
use super::sources::{Assignment, Sources};
use super::{choice, values};
use crate::run::job_environment::Environments;
use crate::run::{DockerOptions, Keep};
use crate::server::cache::store::Limits;

pub use super::sources::Notice;
pub use crate::plan::Content;

pub use super::values::{Input, Pending, PendingKind, Secret};

/// Everything that a command may ask for.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the user")]
pub struct Settings {
    /// The folder whose `.github/workflows`, `.secrets` and `lrun.toml` count.
    pub root: PathBuf,
    /// The folder that lrun is in, after `-C`.
    pub calling: PathBuf,
    /// The event as typed.
    pub event: Option<String>,
    pub detect_event: bool,
    /// The entry of `schedule` that fires.
    pub cron: Option<String>,
    /// Then run what waits for the workflows that ran.
    pub chain: bool,
    pub jobs: Vec<String>,
    /// Where `-j` was given: only the command line lifts filters.
    pub jobs_from_command_line: bool,
    pub workflows: WorkflowChoice,
    /// Values by key of the matrix; those of one key are alternatives.
    pub matrix: IndexMap<String, Vec<String>>,
    /// The payload of `-e`.
    pub payload: Option<Payload>,
    pub actor: Option<String>,
    /// Names in upper case.
    pub secrets: IndexMap<String, Secret>,
    pub vars: IndexMap<String, String>,
    /// Named without a value, found nowhere: to be asked for when a job is about to run.
    pub pending: Vec<Pending>,
    /// `GITHUB_TOKEN` is to be taken from `gh auth token`.
    pub token_from_gh: bool,
    /// `--env` and a named `--env-file`: above workflow and job.
    pub env: IndexMap<String, String>,
    /// A `.env` that was merely found: below the workflow.
    pub found_env: IndexMap<String, String>,
    /// `GITHUB_REF` and its like from the two above: they change context and variable.
    pub github: IndexMap<String, String>,
    pub inputs: IndexMap<String, Input>,
    pub default_branch: Option<String>,
    pub remote_name: Option<String>,
    pub platforms: Vec<Platform>,
    pub backend: Backend,
    /// What is said of containers.
    pub docker: DockerOptions,
    pub workspace: Workspace,
    pub content: Content,
    pub with_ignored: bool,
    /// Files that stay out of workspaces unless git tracks them.
    pub private_files: Vec<PathBuf>,
    pub offline: bool,
    /// `--workspace copy` was asked for: no layers.
    pub copies: bool,
    /// `-r`.
    pub reuse: bool,
    pub keep: Keep,
    pub local_repositories: Vec<LocalRepository>,
    /// `--action-offline-mode`: what is cached counts, what is missing is fetched.
    pub action_offline: bool,
    /// `--no-skip-checkout`.
    pub real_checkout: bool,
    /// `--github-instance`: another server.
    pub github_instance: Option<String>,
    /// `owner/repo` that come from github.com whatever the server is.
    pub from_github: Vec<String>,
    /// For those.
    pub from_github_token: Option<String>,
    /// 0: one per processor.
    pub concurrent_jobs: usize,
    pub skip_unavailable: bool,
    pub clean_env: bool,
    /// `$<< >>` is an expression too.
    pub angle_delimiters: bool,
    pub quiet: bool,
    pub verbose: bool,
    pub json: bool,
    pub log_prefix_job_id: bool,
    pub format: Format,
    /// `--why` of `lrun plan`.
    pub why: Option<String>,
    /// `--context` of `lrun eval`.
    pub context: Option<PathBuf>,
    pub trace: bool,
    /// Every selected workflow runs locked commits only.
    pub locked: bool,
    /// `--check`, `--verify` and `--relock` of `lrun lock`.
    pub lock: LockWish,
    /// `--api-url` of `lrun lock`.
    pub api_url: Option<String>,
    pub color: Color,
    /// stdout is a terminal.
    pub is_terminal: bool,
    /// Someone can be asked.
    pub can_ask: bool,
    pub cache_dir: PathBuf,
    pub data_dir: PathBuf,
    /// What actions call.
    pub services: Services,
    /// `--extract` and `--open` of `lrun artifacts`.
    pub extract: Option<PathBuf>,
    pub open: bool,
    /// Of all repositories.
    pub all: bool,
    /// The flags of the command line that a further run needs, but its jobs and inputs.
    pub typed: Vec<String>,
    /// Settings files that were read.
    pub files: Vec<PathBuf>,
    /// To be said on stderr before anything else; `Debug` ones under `-v` only.
    pub notices: Vec<Notice>,
    /// Values of deployment environments; read for a run.
    pub environments: Environments,
}

/// Artifacts, caches, tokens of identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Services {
    /// `--artifact-server-path`.
    pub laid: Option<PathBuf>,
    /// `--no-cache-server`.
    pub no_caches: bool,
    /// Where caches are kept.
    pub caches: PathBuf,
    pub limits: Limits,
    /// `--cache-server-external-url`.
    pub external_cache: Option<String>,
    /// `--oidc`: the issuer, empty for lrun's own address.
    pub oidc: Option<String>,
}

/// What `lrun lock` is asked for; nothing: to write the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LockWish {
    pub check: bool,
    pub verify: bool,
    pub relock: bool,
}

/// What `-W` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WorkflowChoice {
    /// All of the root.
    #[default]
    All,
    File {
        path: PathBuf,
        /// A file named on the command line lifts filters.
        from_command_line: bool,
    },
    Folder {
        path: PathBuf,
    },
}

/// An event payload, and the file that it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    pub file: PathBuf,
    pub fields: Map<String, Value>,
}

/// What serves a label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// As written; labels compare without case.
    pub label: String,
    pub target: PlatformTarget,
    pub from_command_line: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlatformTarget {
    Image(String),
    Host,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Backend {
    #[default]
    Auto,
    Docker,
    Host,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Workspace {
    #[default]
    Copy,
    Bind,
}

/// A folder that stands for an action repository at a ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRepository {
    /// The server, where a URL was given.
    pub host: Option<String>,
    /// `owner/repo`.
    pub repository: String,
    pub git_ref: String,
    pub folder: PathBuf,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Text,
    Json,
    Sarif,
    Github,
    Mermaid,
    Dot,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl Settings {
    /// Where runs are kept.
    pub fn runs_folder(&self) -> PathBuf {
        self.data_dir.join("runs")
    }

    /// The image or host that serves a label, without regard to case.
    pub fn platform(&self, label: &str) -> Option<&Platform> {
        self.platforms
            .iter()
            .find(|platform| platform.label.eq_ignore_ascii_case(label))
    }

    /// Types what the sources say, for a command.
    pub fn resolve(
        mut sources: Sources,
        kind: CommandKind,
        environment: &Environment,
        calling: PathBuf,
        root: PathBuf,
    ) -> Result<Self, CliError> {
        let mut settings = Self {
            root,
            calling,
            ..Self::default()
        };
        settings.take_plain(&sources, environment);
        settings.take_content(&mut sources)?;
        settings.services = super::services::of(&sources, environment)?;
        settings.format = choice::format(&sources, kind)?;
        settings.platforms = choice::platforms(&mut sources)?;
        settings.matrix = choice::matrix(&mut sources)?;
        settings.local_repositories = choice::local_repositories(&mut sources)?;
        if runs_workflows(kind) || matches!(kind, CommandKind::Check | CommandKind::Lock) {
            settings.workflows = choice::workflows(&sources, &settings.root)?;
        }
        if runs_workflows(kind) {
            settings.payload = choice::payload(&mut sources)?;
        }
        settings.private_files = values::private_files(&sources, &settings.root);
        if matches!(
            kind,
            CommandKind::Run | CommandKind::Plan | CommandKind::Eval | CommandKind::Lock
        ) {
            values::read(&mut settings, &mut sources, environment)?;
        }
        if sources.is_on("insecure-secrets") {
            sources.warn("--insecure-secrets: secrets are masked all the same");
        }
        if settings.github_instance.is_none()
            && !(settings.from_github.is_empty() && settings.from_github_token.is_none())
        {
            sources.warn(
                "--replace-ghe-…: no effect without --github-instance: all comes from github.com",
            );
        } else if settings.from_github.is_empty() && settings.from_github_token.is_some() {
            sources.warn("--replace-ghe-action-token-with-github-com: no effect without --replace-ghe-action-with-github-com");
        }
        settings.typed = sources.typed();
        settings.files = sources.files;
        settings.notices = sources.notices;
        Ok(settings)
    }

    /// What needs no more than to be copied.
    fn take_plain(&mut self, sources: &Sources, environment: &Environment) {
        self.detect_event = sources.is_on("detect-event");
        self.cron = sources.text("cron").map(|cron| cron.trim().to_owned());
        self.chain = sources.is_on("chain");
        self.jobs = sources.group("job");
        self.jobs_from_command_line = sources
            .scalar("job")
            .is_some_and(|job| job.origin.is_command_line());
        self.actor = sources.text("actor");
        self.token_from_gh = sources.scalar("github-token").is_some();
        self.default_branch = sources.text("defaultbranch");
        self.remote_name = sources.text("remote-name");
        self.backend = match sources.scalar("backend") {
            Some(backend) if backend.value == "host" => Backend::Host,
            Some(backend) if backend.value == "docker" => Backend::Docker,
            _ => Backend::Auto,
        };
        self.docker = choice::docker(sources);
        self.offline = sources.is_on("offline");
        self.reuse = sources.is_on("reuse");
        self.keep = match sources.text("keep").as_deref() {
            Some("failed") => Keep::Failed,
            Some("always") => Keep::Always,
            _ => Keep::Never,
        };
        self.action_offline = sources.is_on("action-offline-mode");
        self.real_checkout = sources.is_on("no-skip-checkout");
        self.github_instance = sources.text("github-instance");
        self.from_github = sources
            .list("replace-ghe-action-with-github-com")
            .map(|given| given.value.clone())
            .collect();
        self.from_github_token = sources.text("replace-ghe-action-token-with-github-com");
        self.concurrent_jobs = sources
            .scalar("concurrent-jobs")
            .and_then(|jobs| jobs.value.parse().ok())
            .unwrap_or(0);
        self.skip_unavailable = sources.is_on("skip-unavailable");
        self.clean_env = sources.is_on("clean-env");
        self.angle_delimiters = sources
            .scalar("delimiters")
            .is_none_or(|delimiters| delimiters.value != "github");
        self.quiet = sources.is_on("quiet");
        self.verbose = sources.is_on("verbose");
        self.json = sources.is_on("json");
        self.log_prefix_job_id = sources.is_on("log-prefix-job-id");
        self.extract = sources.scalar("extract").map(Assignment::path);
        self.open = sources.is_on("open");
        self.all = sources.is_on("all");
        self.why = sources.text("why");
        self.context = sources.scalar("context").map(Assignment::path);
        self.trace = sources.is_on("trace");
        self.locked = sources.is_on("locked");
        self.lock = LockWish {
            check: sources.is_on("check"),
            verify: sources.is_on("verify"),
            relock: sources.is_on("relock"),
        };
        self.api_url = sources.text("api-url");
        self.color = color(environment);
        self.is_terminal = environment.stdout_is_terminal;
        self.can_ask = environment.stdin_is_terminal && environment.stderr_is_terminal;
        // act's own content there is not read (ACT-HABITS 2).
        self.cache_dir = match sources.scalar("action-cache-path") {
            Some(folder) => folder.path().join("lrun"),
            None => environment.cache_dir(),
        };
        self.data_dir = environment.data_dir();
    }

    /// Which content jobs get, and how.
    fn take_content(&mut self, sources: &mut Sources) -> Result<(), CliError> {
        let asked = |long| sources.last(long).filter(|flag| flag.is_on());
        self.content = match (asked("clean"), asked("staged")) {
            (Some(clean), Some(staged)) if clean.source == staged.source => {
                return Err(CliError::new("`--clean` and `--staged` exclude each other")
                    .hint("--clean takes the commit, --staged the index"));
            }
            (Some(clean), Some(staged)) if clean.source > staged.source => Content::Clean,
            (_, Some(_)) => Content::Staged,
            (Some(_), None) => Content::Clean,
            (None, None) => Content::WorkingTree,
        };
        let asked = sources.later_of("workspace", "bind");
        self.copies = asked.is_some_and(|flag| flag.value == "copy");
        self.workspace = match asked {
            Some(flag) if flag.value == "bind" || flag.is_on() => Workspace::Bind,
            _ => Workspace::Copy,
        };
        if self.workspace == Workspace::Bind && self.content != Content::WorkingTree {
            return Err(CliError::new(
                "`--workspace bind` gives jobs the tree itself: `--clean` and `--staged` cannot be had in it",
            ));
        }
        if self.reuse && self.keep != Keep::Never {
            return Err(CliError::new("`-r` and `--keep` exclude each other").hint(
                "-r keeps green machines for the next run, --keep leaves machines to look into",
            ));
        }
        self.with_ignored = match sources.later_of("with-ignored", "use-gitignore") {
            Some(flag) if flag.flag.long == "use-gitignore" => !flag.is_on(),
            Some(flag) => flag.is_on(),
            None => false,
        };
        if self.with_ignored && self.content != Content::WorkingTree {
            self.with_ignored = false;
            sources.warn("ignored files are left out: --clean and --staged take what git has");
        }
        Ok(())
    }
}

/// True for the commands that choose workflows for an event.
pub fn runs_workflows(kind: CommandKind) -> bool {
    matches!(
        kind,
        CommandKind::Run | CommandKind::List | CommandKind::Plan | CommandKind::Graph
    )
}

fn color(environment: &Environment) -> Color {
    let is_set = |name| environment.filled(name).is_some_and(|value| value != "0");
    if environment.filled("NO_COLOR").is_some() {
        Color::Never
    } else if is_set("CLICOLOR_FORCE") {
        Color::Always
    } else if environment.get("CLICOLOR") == Some("0") {
        Color::Never
    } else {
        Color::Auto
    }
}
