//! Where a leg runs: this machine, or containers; decided before it starts (DESIGN 7 "Machines").

use std::sync::Arc;

use indexmap::IndexMap;

use super::Run;
use super::availability::Unavailable;
use super::engine::{DockerOptions, Found};
use super::job::Job;
use super::leg::LegPlan;
use super::paths::Kind;
use super::set_up::SetUpError;
use crate::diagnostic::Span;
use crate::event::Level;
use crate::executor::docker::Image;
use crate::expr::Value;
use crate::plan::container::{ContainerOptions, ImageName, Port};
use crate::plan::machine::{Backend, Placement};
use crate::workflow::container::Container;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{StepsJob, Token};

/// Where a leg runs.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// `runner.environment`.
    pub hosted: bool,
    /// What makes containers, where some are needed.
    pub found: Option<Found>,
    /// The container that the steps run in.
    pub machine: Option<Boxed>,
    pub services: IndexMap<String, Boxed>,
    /// What is to be said before it starts.
    pub warning: Option<String>,
}

/// A container that is to be made, its image being here.
#[derive(Debug)]
pub(super) struct Boxed {
    pub kind: Kind,
    pub image: ImageName,
    pub about: Image,
    /// As the workflow describes it.
    pub container: Container,
    pub options: ContainerOptions,
}

/// What a job asks for, evaluated.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub container: Option<Container>,
    pub services: IndexMap<String, Container>,
    /// Images of steps and actions.
    pub images: Vec<String>,
    /// It needs an engine, in words.
    pub because: Option<String>,
}

impl Asked {
    /// `container` and `services` of a job.
    pub fn of(job: &StepsJob, evaluator: &Evaluator<'_>) -> Result<Self, EvalError> {
        let mut asked = Self::default();
        if let Some(token) = &job.container {
            asked.container = evaluator.container(token)?;
        }
        if let Some(token) = &job.services {
            let services = evaluator.services(token)?;
            // SPEC J-33: one without an image is none.
            asked.services = services
                .into_iter()
                .filter_map(|(name, service)| Some((name, service?)))
                .collect();
        }
        asked.because = match (&asked.container, asked.services.keys().next()) {
            (Some(container), _) => {
                Some(format!("the job runs in the container {}", container.image))
            }
            (None, Some(name)) => Some(format!("the job needs the service '{name}'")),
            (None, None) => None,
        };
        Ok(asked)
    }
}

/// Where things stand in the workflow, for what is not to be had.
#[derive(Debug, Clone, Copy)]
struct Spans {
    runs_on: Span,
    container: Span,
    services: Span,
}

impl Spans {
    fn of(job: &StepsJob) -> Self {
        let or_runs_on = |token: Option<&Token>| token.map_or(job.runs_on.span, |token| token.span);
        Self {
            runs_on: job.runs_on.span,
            container: or_runs_on(job.container.as_ref()),
            services: or_runs_on(job.services.as_ref()),
        }
    }

    /// Of what needs an engine.
    fn need(self, asked: &Asked) -> Span {
        if asked.container.is_some() {
            self.container
        } else {
            self.services
        }
    }
}

fn unavailable(span: Span, reason: String, help: &str) -> Unavailable {
    Unavailable {
        span,
        reason,
        help: help.to_owned(),
    }
}

/// Decides; what is not to be had is named with its place.
pub(super) async fn settle(
    plan: &LegPlan,
    job: &StepsJob,
    placement: &Placement,
    asked: Asked,
) -> Result<Ground, Unavailable> {
    let run = &plan.run;
    let spans = Spans::of(job);
    let (image, otherwise, warning) = match placement {
        Placement::Unavailable { reason, help } => {
            return Err(unavailable(spans.runs_on, reason.clone(), help));
        }
        Placement::Host => (None, None, None),
        Placement::Image {
            image,
            otherwise,
            warning,
        } => (Some(image), Some(&**otherwise), warning.clone()),
    };
    let mut ground = Ground {
        hosted: image.is_some(),
        warning,
        ..Ground::default()
    };
    let needs = asked.because.clone();
    if image.is_none() && needs.is_none() {
        return Ok(ground);
    }
    if run.options.machines.backend == Backend::Host {
        return match needs {
            Some(needs) => Err(unavailable(
                spans.need(&asked),
                format!("{needs}, and --backend host asks no engine"),
                "leave --backend out; or move this job out of the selection with -j, or pass --skip-unavailable",
            )),
            None => Ok(ground),
        };
    }
    let found = match (run.engine().await, needs) {
        (Ok(found), _) => found,
        (Err(why), Some(needs)) => {
            return Err(unavailable(
                spans.need(&asked),
                format!("{needs}, and {why}"),
                "start a container engine; or move this job out of the selection with -j, or pass --skip-unavailable",
            ));
        }
        (Err(why), None) => {
            ground.hosted = false;
            if let Some(Placement::Unavailable { reason, help }) = otherwise {
                return Err(unavailable(spans.runs_on, format!("{reason}: {why}"), help));
            }
            run.say_no_engine(&why);
            return Ok(ground);
        }
    };
    if found.far && run.options.bind && (image.is_some() || asked.container.is_some()) {
        return Err(unavailable(
            spans.runs_on,
            format!(
                "--workspace bind gives jobs the tree itself, and {} shares no files with this machine",
                found.engine.address
            ),
            "leave --workspace bind out, or use an engine on this machine",
        ));
    }
    let publishes = asked.services.values().any(|it| !it.ports.is_empty());
    if found.far && image.is_some() && asked.container.is_none() && publishes {
        return Err(unavailable(
            spans.services,
            format!(
                "ports of services are to be at the job's localhost, and {} shares no files with this machine, so that nobody inside can lead there",
                found.engine.address
            ),
            "name the job's `container`, and reach the service by its name; or use an engine on this machine",
        ));
    }
    fill(run, &mut ground, &found, spans, image, asked).await?;
    ground.found = Some(found);
    Ok(ground)
}

/// Brings the images of everything that the leg asks for.
async fn fill(
    run: &Run,
    ground: &mut Ground,
    found: &Found,
    spans: Spans,
    image: Option<&String>,
    asked: Asked,
) -> Result<(), Unavailable> {
    let kind = match (&asked.container, image) {
        (Some(_), Some(_)) => Kind::OnHosted,
        (Some(_), None) => Kind::OnHost,
        (None, _) => Kind::Hosted,
    };
    match (asked.container, image) {
        (Some(container), _) => {
            let what = What::Job(kind);
            ground.machine = Some(boxed(run, found, what, container, spans.container).await?);
        }
        (None, Some(image)) => {
            let container = Container {
                image: image.clone(),
                ..Container::default()
            };
            ground.machine =
                Some(boxed(run, found, What::Machine, container, spans.runs_on).await?);
        }
        (None, None) => {}
    }
    for (name, container) in asked.services {
        let what = What::Service(&name, kind);
        let service = boxed(run, found, what, container, spans.services).await?;
        ground.services.insert(name, service);
    }
    let platform = run.options.docker.platform.as_deref();
    for image in asked.images {
        let name = ImageName::new(&image);
        let provided = run.provide(&found.engine, &name, platform, None).await;
        if let Err(error) = provided {
            return Err(unavailable(
                spans.runs_on,
                format!("a step runs in {name}: {error}"),
                "name an image that is to be had, or log in with `docker login`",
            ));
        }
    }
    Ok(())
}

/// What a container is for.
#[derive(Debug, Clone, Copy)]
enum What<'a> {
    /// It imitates a machine of GitHub's.
    Machine,
    Job(Kind),
    Service(&'a str, Kind),
}

impl std::fmt::Display for What<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Machine => f.write_str("the machine"),
            Self::Job(_) => f.write_str("the job"),
            Self::Service(name, _) => write!(f, "the service '{name}'"),
        }
    }
}

/// Reads a container's options and brings its image.
async fn boxed(
    run: &Run,
    found: &Found,
    what: What<'_>,
    container: Container,
    span: Span,
) -> Result<Boxed, Unavailable> {
    let docker = &run.options.docker;
    let mut options = match what {
        What::Machine => docker.options.clone(),
        _ => ContainerOptions::parse(&container.options).map_err(|error| {
            unavailable(
                span,
                format!("{what}: {error}"),
                "take the option out, or say it in another key of the container",
            )
        })?,
    };
    for port in &container.ports {
        if Port::parse(port).is_none() {
            let text = format!("{what}: '{port}' is no port: expected [[IP:]PORT:]PORT[/PROTOCOL]");
            return Err(unavailable(span, text, "mend `ports`"));
        }
    }
    if let Some(why) = found.engine.forgets(&options) {
        let help = "take the option out, or use a newer engine";
        return Err(unavailable(span, format!("{what}: {why}"), help));
    }
    docker.rights.grant(&mut options);
    if options.platform.is_none() {
        options.platform.clone_from(&docker.platform);
    }
    let name = ImageName::new(&container.image);
    let credentials = container
        .credentials
        .as_ref()
        .filter(|it| !it.username.is_empty() && !it.password.is_empty());
    let about = run
        .provide(&found.engine, &name, options.platform.as_deref(), credentials)
        .await
        .map_err(|error| {
            unavailable(
                span,
                format!("{what} is to run in {name}: {error}"),
                "name an image that is to be had, log in with `docker login`, or build it; -P LABEL=IMAGE and -P LABEL=host choose for a label, --backend host for all",
            )
        })?;
    Ok(Boxed {
        kind: match what {
            What::Machine => Kind::Hosted,
            What::Job(kind) | What::Service(_, kind) => kind,
        },
        image: name,
        about,
        container,
        options,
    })
}

impl Ground {
    /// What the containers mount of the machine that the engine is on, and whether a volume may stand in its place.
    pub fn sources(&self) -> impl Iterator<Item = (&str, bool)> {
        let all = self.machine.iter().chain(self.services.values());
        all.flat_map(|boxed| {
            let volumes = boxed.container.volumes.iter().chain(&boxed.options.volume);
            let sources = volumes.filter_map(|volume| Some((volume.split_once(':')?.0, true)));
            let mounts = boxed.options.mount.iter();
            sources.chain(mounts.filter_map(|mount| Some((mount.source.as_deref()?, false))))
        })
    }

    /// Reads `container` and `services` again, now that the job has its folders (SPEC GEN-3, W-121); the images are
    /// those that were brought.
    pub fn reread(&mut self, job: &Job, definition: &StepsJob) -> Result<(), SetUpError> {
        if definition.container.is_none() && definition.services.is_none() {
            return Ok(());
        }
        let contexts = job
            .server
            .clone()
            .with("env", super::job::env_value(&job.state.env))
            .with("runner", Value::Object(Arc::clone(&job.runner)))
            .with("job", job.job_value());
        let asked = Asked::of(definition, &job.evaluator(&contexts))?;
        let docker = &job.run.options.docker;
        if let (Some(machine), Some(container)) = (&mut self.machine, asked.container) {
            machine.reread(container, docker)?;
        }
        for (name, container) in asked.services {
            if let Some(service) = self.services.get_mut(&name) {
                service.reread(container, docker)?;
            }
        }
        Ok(())
    }
}

impl Boxed {
    fn reread(&mut self, container: Container, docker: &DockerOptions) -> Result<(), SetUpError> {
        if container.options != self.container.options {
            let options = ContainerOptions::parse(&container.options);
            self.options = options.map_err(|error| SetUpError::Message(error.to_string()))?;
            docker.rights.grant(&mut self.options);
            if self.options.platform.is_none() {
                self.options.platform.clone_from(&docker.platform);
            }
        }
        self.container = container;
        Ok(())
    }
}

impl Run {
    /// One line for the whole run: hosted labels run on this machine.
    fn say_no_engine(&self, why: &str) {
        if !self
            .engine_missed
            .swap(true, std::sync::atomic::Ordering::Relaxed)
        {
            let text = format!("{why}: jobs run on this machine itself");
            self.emitter.note(Level::Notice, text);
        }
    }
}
