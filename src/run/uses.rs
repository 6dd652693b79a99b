//! `uses` steps: what the reference means here, its inputs, and the kind of action (SPEC 6.4 to 6.6).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::Run;
use super::composite::{Frame, Outer};
use super::job::Job;
use super::paths::Paths;
use super::post::PostWork;
use super::remote::RemoteName;
use super::step::{Prepared, Worked};
use crate::action::{MANIFESTS, Manifest, Reference, Runs, read_manifest};
use crate::diagnostic::SourceFile;
use crate::event::Level;
use crate::executor::files::{Disk, Files};
use crate::expr::{Object, Value};
use crate::workflow::{ReadOptions, Spanned, Token, decode};

/// An action whose files are here.
#[derive(Debug)]
pub(super) struct Resolved {
    pub directory: PathBuf,
    /// A `./` action of the workspace: its `pre` is not run (SPEC A-13).
    pub local: bool,
    /// The repository that it stands in, if that is not the workspace.
    pub served: Option<Served>,
    pub manifest: Manifest,
    pub source: Arc<SourceFile>,
}

/// What a reference means in this run.
#[derive(Debug)]
pub(super) enum Meaning {
    /// `actions/checkout`: served from the local tree.
    Checkout,
    Action(Box<Resolved>),
    /// `docker://image`.
    Image(String),
}

/// Of which repository an `actions/checkout` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkout {
    /// lrun does it from the local tree.
    Own,
    /// The real action does it.
    Foreign,
}

/// A repository whose files are here.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub root: PathBuf,
    /// `owner/repo`.
    pub repository: String,
    pub git_ref: String,
    /// It is the repository of the workflow.
    pub own: bool,
}

impl Served {
    /// Puts its name into `github` (SPEC 3.1).
    pub fn apply(&self, github: &mut Object) {
        github.insert("action_repository", Value::string(self.repository.as_str()));
        github.insert("action_ref", Value::string(self.git_ref.as_str()));
    }
}

/// Reads the action in a folder: one of the workspace, or one of a served repository.
pub(super) fn read_action(
    run: &Run,
    directory: PathBuf,
    label: &str,
    served: Option<Served>,
) -> Result<Resolved, Unreadable> {
    let plain = Paths::default();
    read_action_in((&Disk, &plain), run, directory, label, served)
}

/// The same among a job's files.
fn read_action_in(
    (files, paths): (&dyn Files, &Paths),
    run: &Run,
    directory: PathBuf,
    label: &str,
    served: Option<Served>,
) -> Result<Resolved, Unreadable> {
    let options = ReadOptions {
        // `$<< >>` counts in the own repository's files only.
        angle_delimiters: run.options.angle && served.as_ref().is_none_or(|served| served.own),
        ..ReadOptions::default()
    };
    let missing = || match &served {
        Some(_) => {
            format!("Can't find 'action.yml', 'action.yaml' or 'Dockerfile' for action '{label}'.")
        }
        None => format!(
            "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '{}'. Did you forget to run actions/checkout before running your local action?",
            paths.shown(&directory).display()
        ),
    };
    let found = MANIFESTS
        .iter()
        .map(|name| (name, directory.join(name)))
        .find(|(_, path)| files.is_file(path));
    let Some((name, path)) = found else {
        return Err(Unreadable {
            message: missing(),
            help: "an action is a folder with an action.yml or a Dockerfile".to_owned(),
        });
    };
    let display = format!("{}/{name}", label.trim_end_matches('/'));
    let bytes = files.read(&path).map_err(|error| Unreadable {
        message: format!("{display} can not be read: {error}"),
        help: "let everybody read it".to_owned(),
    })?;
    let manifest = read_manifest_text(bytes, &display, &options)?;
    Ok(Resolved {
        directory,
        local: served.is_none(),
        served,
        source: Arc::clone(&manifest.source),
        manifest,
    })
}

/// Why an action can not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    pub message: String,
    pub help: String,
}

impl From<Unreadable> for String {
    fn from(unreadable: Unreadable) -> Self {
        unreadable.message
    }
}

fn read_manifest_text(
    bytes: Vec<u8>,
    display: &str,
    options: &ReadOptions,
) -> Result<Manifest, Unreadable> {
    let source = decode(bytes, display).map_err(|error| Unreadable {
        message: error.to_string(),
        help: error.help.join("; "),
    })?;
    if !Path::new(display)
        .extension()
        .is_some_and(|extension| extension == "yml" || extension == "yaml")
    {
        return Ok(Manifest::of_dockerfile(source));
    }
    match read_manifest(source, options) {
        Ok((manifest, _warnings)) => Ok(manifest),
        Err(errors) => {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            let help = errors
                .into_iter()
                .flat_map(|error| error.help)
                .next()
                .unwrap_or_else(|| "mend its manifest".to_owned());
            Err(Unreadable {
                message: texts.join("\n"),
                help,
            })
        }
    }
}

impl Job {
    /// What the reference of a step means; the error is for the user.
    pub fn resolve(
        &self,
        scope: Option<Served>,
        text: &str,
        checkout: Checkout,
    ) -> Result<Meaning, String> {
        let reference: Reference = text.parse().map_err(|error| format!("{error}"))?;
        match &reference {
            Reference::Local(path) => {
                let directory = self.directories.workspace.join(path);
                let action = self.read(directory, text, None)?;
                Ok(Meaning::Action(Box::new(action)))
            }
            Reference::SelfRepository(path) => self.resolve_in_own_repository(scope, path, text),
            Reference::Docker(image) => Ok(Meaning::Image(image.clone())),
            Reference::Remote { .. } => {
                let Some(name) = RemoteName::of(&reference) else {
                    return Err(format!("{text} names no repository"));
                };
                if self.run.is_checkout(name) && checkout == Checkout::Own {
                    return Ok(Meaning::Checkout);
                }
                let actions = self.actions_folder();
                let served = self
                    .run
                    .served(&self.invocation, name, Some(&actions))
                    .map_err(|missing| match missing.help {
                        Some(help) => format!("{}\n{help}", missing.reason),
                        None => missing.reason,
                    })?;
                let directory = served.root.join(name.path.unwrap_or_default());
                let action = self.read(directory, text, Some(served))?;
                Ok(Meaning::Action(Box::new(action)))
            }
        }
    }

    /// Reads an action where the job has it.
    fn read(
        &self,
        directory: PathBuf,
        label: &str,
        served: Option<Served>,
    ) -> Result<Resolved, Unreadable> {
        if let Some(served) = &served {
            self.push(&served.root).map_err(|message| Unreadable {
                message,
                help: "look at the engine".to_owned(),
            })?;
        }
        let files = (&self.files as &dyn Files, &self.paths);
        read_action_in(files, &self.run, directory, label, served)
    }

    /// Whose checkout a step with these inputs would be.
    fn checkout_of(&self, given: &IndexMap<String, String>) -> Checkout {
        let wanted = given
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("repository"));
        match wanted {
            Some((_, wanted)) if !self.run.is_own_repository(wanted) => Checkout::Foreign,
            _ => Checkout::Own,
        }
    }

    /// `$/path`: the repository that holds the file with the step (SPEC A-5).
    fn resolve_in_own_repository(
        &self,
        scope: Option<Served>,
        path: &str,
        text: &str,
    ) -> Result<Meaning, String> {
        let served = match (scope, &self.invocation.origin) {
            (Some(served), _) => served,
            // A called workflow of another repository: that one at that commit.
            (None, Some(origin)) => {
                let name = RemoteName {
                    owner: &origin.owner,
                    repo: &origin.repo,
                    path: None,
                    git_ref: &origin.git_ref,
                };
                self.run
                    .served(&self.invocation, name, Some(&self.actions_folder()))
                    .map_err(|missing| missing.reason)?
            }
            (None, None) => Served {
                root: self.run.snapshot()?.path().to_path_buf(),
                repository: self.run.options.identity.repository.clone(),
                git_ref: self.invocation.event.sha.clone(),
                own: true,
            },
        };
        let action = read_action(&self.run, served.root.join(path), text, Some(served))?;
        Ok(Meaning::Action(Box::new(action)))
    }

    /// Runs the action of a step.
    pub async fn run_action(
        &mut self,
        frame: &Frame,
        mut prepared: Prepared<'_>,
        uses: &Spanned<String>,
        with: Option<&Token>,
    ) -> Worked {
        let given = match self.given_inputs(frame, &prepared, with) {
            Ok(given) => given,
            Err(error) => {
                self.annotate(Some(&prepared.key), &error);
                return Worked::failed();
            }
        };
        self.describe_action(&prepared, &given);
        let checkout = self.checkout_of(&given);
        self.bring(&uses.value, checkout).await;
        let action = match self.resolve(frame.served(), &uses.value, checkout) {
            Ok(Meaning::Checkout) => {
                let survives = self.survives(frame, &prepared);
                return self.run_checkout(&prepared, &given, survives).await;
            }
            Ok(Meaning::Action(action)) => *action,
            Ok(Meaning::Image(image)) => {
                return self.run_image(frame, &prepared, &image, &given).await;
            }
            Err(message) => {
                self.say(Some(&prepared.key), Level::Error, &message);
                return Worked::failed();
            }
        };
        if let Err(message) = self.bring_nested(&action).await {
            self.say(Some(&prepared.key), Level::Error, &message);
            return Worked::failed();
        }
        prepared.enter(&action);
        let names: Vec<String> = given.keys().cloned().collect();
        let mut inputs = match self.inputs(&action, &prepared, given) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.annotate(Some(&prepared.key), &error);
                return Worked::failed();
            }
        };
        let aimed = self.aim_at_earlier_run(&mut prepared, &action, &names, &mut inputs);
        if let Err(message) = Box::pin(aimed).await {
            self.say(Some(&prepared.key), Level::Error, &message);
            return Worked::failed();
        }
        self.run_resolved(frame, &prepared, &action, &inputs).await
    }

    async fn run_resolved(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        action: &Resolved,
        inputs: &IndexMap<String, String>,
    ) -> Worked {
        match &action.manifest.runs {
            Runs::Composite { steps } => {
                let outer = Outer {
                    key: &prepared.key,
                    path: frame.path_of(prepared.place),
                    env: &prepared.own_env,
                    inputs,
                    deadline: prepared.deadline,
                };
                let (outcome, outputs) = self.run_composite(frame, action, steps, outer).await;
                if self.posts.has_any(&frame.path_of(prepared.place)) {
                    self.register_post(frame, prepared, None, PostWork::Composite);
                }
                let mut worked = Worked::ended(outcome);
                worked.effects.outputs = outputs;
                worked
            }
            Runs::Docker(docker) => {
                if docker.pre_entrypoint.is_some() && action.local {
                    let message = "`pre` execution is not supported for local action";
                    self.say(Some(&prepared.key), Level::Warning, message);
                }
                self.run_docker_action(frame, prepared, action, docker, inputs)
                    .await
            }
            Runs::Node(node) => {
                if node.pre.is_some() && action.local {
                    let message = "`pre` execution is not supported for local action";
                    self.say(Some(&prepared.key), Level::Warning, message);
                }
                let survives = |job: &Self| job.survives(frame, prepared);
                self.run_node_stage(
                    frame,
                    prepared,
                    action,
                    (node, &node.main),
                    inputs,
                    &survives,
                )
                .await
            }
        }
    }
}
