//! A run on a machine that runs nothing: workflow text in, events out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use lrun::action::local::LocalRepository;
use lrun::action::{Network, RemoteActions, RemoteOptions};
use lrun::diagnostic::{Diagnostic, SourceFile};
use lrun::event::{Event, EventKind, Listener, Phase};
use lrun::executor::fake::Fake;
use lrun::executor::{Machine, Stop};
use lrun::expr::Value;
use lrun::plan::machine::{Arch, Backend, Machines, Os};
use lrun::plan::reusable::Library;
use lrun::plan::{Content, GithubEvent};
use lrun::run::job_environment::Environments;
use lrun::run::{
    DockerOptions, Ended, Identity, Options, Provision, Selected, ServiceOptions, Work, run,
};
use lrun::workflow::{ReadOptions, Workflow, read_workflow};
use lrun::workspace;
use tempfile::TempDir;

type Adjust = Box<dyn FnOnce(&mut Options)>;
type Hear = Arc<dyn Fn(&Event) + Send + Sync>;

/// A run to be made.
pub struct Scene {
    place: TempDir,
    workflow: String,
    called: HashMap<String, String>,
    served: Vec<LocalRepository>,
    fake: Fake,
    stop: Stop,
    adjust: Vec<Adjust>,
    hear: Option<Hear>,
}

/// A run that is over.
pub struct Seen {
    pub events: Vec<Event>,
    pub ended: Ended,
    pub fake: Fake,
    pub place: TempDir,
}

struct Recorder {
    events: Arc<Mutex<Vec<Event>>>,
    hear: Option<Hear>,
}

impl Listener for Recorder {
    fn on_event(&self, event: &Event) {
        self.events.lock().unwrap().push(event.clone());
        if let Some(hear) = &self.hear {
            hear(event);
        }
    }
}

impl Scene {
    /// Jobs, written below `jobs:` of a workflow of `push`.
    pub fn jobs(jobs: &str) -> Self {
        Self::workflow(&format!("on: push\njobs:\n{jobs}"))
    }

    pub fn workflow(text: &str) -> Self {
        Self {
            place: tempfile::tempdir().unwrap(),
            workflow: text.to_owned(),
            called: HashMap::new(),
            served: Vec::new(),
            fake: Fake::new(),
            stop: Stop::default(),
            adjust: Vec::new(),
            hear: None,
        }
    }

    /// One job with these steps.
    pub fn steps(steps: &str) -> Self {
        Self::jobs(&format!(
            "  job:\n    runs-on: self-hosted\n    steps:\n{steps}"
        ))
    }

    /// A workflow that may be called, by its path.
    pub fn called(mut self, path: &str, text: &str) -> Self {
        self.called.insert(path.to_owned(), text.to_owned());
        self
    }

    /// A file of a repository that stands in for `owner/repo@ref`.
    pub fn served(mut self, name: &str, path: &str, text: &str) -> Self {
        let directory = self.place.path().join("served").join(name);
        write(&directory.join(path), text);
        let local = format!("{name}={}", directory.display());
        self.served.push(local.parse().unwrap());
        let served = self.served.clone();
        self.adjust(move |options| options.remote = remote(&options.cache, &options.root, served))
    }

    pub fn machine(mut self, fake: Fake) -> Self {
        self.fake = fake;
        self
    }

    pub fn adjust(mut self, adjust: impl FnOnce(&mut Options) + 'static) -> Self {
        self.adjust.push(Box::new(adjust));
        self
    }

    pub fn secret(self, name: &'static str, value: &'static str) -> Self {
        self.adjust(move |options| {
            options.secrets.insert(name.to_owned(), value.to_owned());
        })
    }

    /// Does something at each event: cancels, opens a gate.
    pub fn hear(mut self, hear: impl Fn(&Event, &Stop) + Send + Sync + 'static) -> Self {
        let stop = self.stop.clone();
        self.hear = Some(Arc::new(move |event| hear(event, &stop)));
        self
    }

    pub async fn run(self) -> Seen {
        let root = self.place.path().join("root");
        std::fs::create_dir_all(&root).unwrap();
        let mut options = options(self.place.path(), &root);
        for adjust in self.adjust {
            adjust(&mut options);
        }
        let workflow = read(".github/workflows/ci.yml", &self.workflow);
        let called = self.called;
        let load = |path: &str| {
            let text = called
                .get(path)
                .ok_or_else(|| Diagnostic::error("missing", path))?;
            Ok(SourceFile::new(path, text))
        };
        let (called, problems) =
            Library::load(&[workflow.as_ref()], &load, &ReadOptions::default());
        let errors: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let event = Arc::new(event());
        let work = Work {
            event: Arc::clone(&event),
            reason: "typed".to_owned(),
            selected: vec![Selected {
                workflow,
                jobs: None,
                event,
                inputs: Value::Null,
                run_number: "1".to_owned(),
                pins: None,
            }],
            skipped: Vec::new(),
            notes: Vec::new(),
            called,
            signal: Arc::new(AtomicU8::new(0)),
            rerun: Box::new(|jobs| jobs.join(" ")),
        };
        let events = Arc::new(Mutex::new(Vec::new()));
        let recorder = Recorder {
            events: Arc::clone(&events),
            hear: self.hear,
        };
        let fake = self.fake.clone();
        let provision = Provision(Arc::new(move |_| {
            Arc::new(fake.clone()) as Arc<dyn Machine>
        }));
        let ended = run(options, work, provision, Box::new(recorder), self.stop).await;
        let events = std::mem::take(&mut *events.lock().unwrap());
        Seen {
            events,
            ended,
            fake: self.fake,
            place: self.place,
        }
    }
}

impl Seen {
    /// How steps and jobs began and ended, one a line: `job.step phase: success`.
    pub fn story(&self) -> Vec<String> {
        self.events.iter().filter_map(line).collect()
    }

    /// The ends of jobs by their display names.
    pub fn jobs(&self) -> Vec<String> {
        let mut jobs: Vec<String> = self
            .events
            .iter()
            .filter(|event| event.step.is_none())
            .filter_map(line)
            .collect();
        jobs.sort();
        jobs
    }

    /// Everything that a listener could show.
    pub fn text(&self) -> String {
        self.events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap() + "\n")
            .collect()
    }

    pub fn annotations(&self) -> Vec<String> {
        let message = |event: &Event| match &event.kind {
            EventKind::Annotation(found) => Some(found.message.clone()),
            _ => None,
        };
        self.events.iter().filter_map(message).collect()
    }

    /// The scripts that ran, in order, without their paths.
    pub fn scripts(&self) -> Vec<String> {
        let script = |call: lrun::executor::fake::Call| {
            let (_, script) = call.text.split_once('\n')?;
            Some(script.trim().to_owned())
        };
        self.fake.calls().into_iter().filter_map(script).collect()
    }
}

fn line(event: &Event) -> Option<String> {
    let job = event.job.as_ref()?;
    let mut text = job.key.to_string();
    if let Some(step) = &event.step {
        write!(text, ".{}", step.name).unwrap();
        for place in &step.nested {
            write!(text, "/{place}").unwrap();
        }
        match step.phase {
            Phase::Pre => text.push_str(" pre"),
            Phase::Post => text.push_str(" post"),
            _ => {}
        }
    }
    let end = match &event.kind {
        EventKind::StepSkipped { .. } | EventKind::JobSkipped { .. } => "skipped".to_owned(),
        EventKind::JobUnavailable { .. } => "unavailable".to_owned(),
        EventKind::StepFinished {
            outcome,
            conclusion,
            ..
        }
        | EventKind::JobFinished {
            outcome,
            conclusion,
            ..
        } if outcome == conclusion => outcome.to_string(),
        EventKind::StepFinished {
            outcome,
            conclusion,
            ..
        }
        | EventKind::JobFinished {
            outcome,
            conclusion,
            ..
        } => format!("{outcome}, then {conclusion}"),
        _ => return None,
    };
    Some(format!("{text}: {end}"))
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn read(path: &str, text: &str) -> Arc<Workflow> {
    let source = SourceFile::new(path, text);
    let reading = read_workflow(source, &ReadOptions::default());
    let problems: Vec<String> = reading
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    reading.workflow.unwrap_or_else(|| panic!("{problems:?}"))
}

fn event() -> GithubEvent {
    GithubEvent {
        name: "push".to_owned(),
        payload: serde_json::Map::new(),
        sha: "0".repeat(40),
        git_ref: "refs/heads/main".to_owned(),
        ref_name: "main".to_owned(),
        ref_type: "branch".to_owned(),
        head_ref: String::new(),
        base_ref: String::new(),
        changed_files: None,
        notes: Vec::new(),
    }
}

fn options(place: &Path, root: &Path) -> Options {
    let host = ["PATH", "HOME"]
        .iter()
        .filter_map(|name| Some(((*name).into(), std::env::var_os(name)?)));
    Options {
        root: root.to_path_buf(),
        cache: place.join("cache"),
        directory: place.join("run"),
        program: "true".into(),
        identity: Identity {
            run_id: "1".to_owned(),
            run_attempt: "1".to_owned(),
            retention_days: "90".to_owned(),
            actor: "mona".to_owned(),
            repository: "octo/demo".to_owned(),
            owner: "octo".to_owned(),
            server_url: "https://github.com".to_owned(),
            api_url: "https://api.github.com".to_owned(),
            graphql_url: "https://api.github.com/graphql".to_owned(),
            remote_url: None,
            remote_name: "origin".to_owned(),
        },
        machines: Machines {
            os: Os::Linux,
            arch: Arch::here(),
            backend: Backend::Host,
            mappings: Vec::new(),
        },
        copies: false,
        reuse: false,
        keep: lrun::run::Keep::Never,
        docker: DockerOptions::default(),
        services: ServiceOptions {
            runs: place.join("runs"),
            caches: None,
            project: "octo/demo".to_owned(),
            external_cache: None,
            oidc: None,
            laid: None,
        },
        offline: false,
        secrets: IndexMap::new(),
        vars: IndexMap::new(),
        env: Vec::new(),
        found_env: Vec::new(),
        host_env: host.collect(),
        runner_env: IndexMap::new(),
        workspace: workspace::Options {
            root: root.to_path_buf(),
            git_dir: None,
            index_file: None,
            below_top_level: false,
            content: Content::default(),
            with_ignored: false,
            exclude: Vec::new(),
            cache: place.join("cache"),
            ..workspace::Options::default()
        },
        bind: false,
        parallel: 8,
        matrix: Vec::new(),
        skip_unavailable: false,
        remote: remote(&place.join("cache"), root, Vec::new()),
        real_checkout: false,
        angle: true,
        environments: Environments::default(),
        groups: place.join("groups"),
    }
}

/// Folders in the place of repositories, and never the network.
fn remote(cache: &Path, root: &Path, local: Vec<LocalRepository>) -> Arc<RemoteActions> {
    Arc::new(RemoteActions::new(RemoteOptions {
        network: Network::Never,
        local,
        ..RemoteOptions::new(cache, root)
    }))
}
