//! `uses` steps: what the reference means here, its inputs, and the kind of action (SPEC 6.4 to 6.6).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::Run;
use super::composite::{Frame, Outer};
use super::job::Job;
use super::node_action::{NodeRun, state_variables};
use super::post::{Post, PostWork};
use super::process::Stage;
use super::step::{Prepared, Worked};
use crate::action::{Manifest, NodeRuns, Reference, Runs, find_manifest, read_manifest};
use crate::diagnostic::SourceFile;
use crate::event::{EventKind, Level, Phase, StepKey};
use crate::expr::Expr;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{ReadOptions, Spanned, Token, load};

/// An action whose files are here.
#[derive(Debug)]
pub(super) struct Resolved {
    pub directory: PathBuf,
    /// The folder of the served repository that it stands in.
    pub root: Option<PathBuf>,
    /// `owner/repo` and ref of an action that is not a `./` one.
    pub repository: Option<String>,
    pub git_ref: Option<String>,
    pub manifest: Manifest,
    pub source: Arc<SourceFile>,
}

impl Resolved {
    /// Whether it is a `./` action: its `pre` is not run (SPEC A-13).
    pub fn is_local(&self) -> bool {
        self.repository.is_none()
    }
}

/// What a reference means in this run.
#[derive(Debug)]
pub(super) enum Meaning {
    /// `actions/checkout`: served from the local tree.
    Checkout,
    Action(Box<Resolved>),
}

/// A repository that a folder stands in for.
#[derive(Debug, Clone)]
pub(super) struct Served {
    pub root: PathBuf,
    /// `owner/repo`.
    pub repository: String,
    pub git_ref: String,
}

/// Reads the action in a folder: one of the workspace, or one of a served repository.
pub(super) fn read_action(
    run: &Run,
    directory: PathBuf,
    label: &str,
    served: Option<Served>,
) -> Result<Resolved, String> {
    let options = ReadOptions {
        // `$<< >>` counts in the own repository's files only.
        angle_delimiters: run.options.angle && served.is_none(),
        ..ReadOptions::default()
    };
    let manifest = read_manifest_in(&directory, label, &options)?;
    let (root, repository, git_ref) = match served {
        Some(served) => (
            Some(served.root),
            Some(served.repository),
            Some(served.git_ref),
        ),
        None => (None, None, None),
    };
    Ok(Resolved {
        directory,
        root,
        repository,
        git_ref,
        source: Arc::clone(&manifest.source),
        manifest,
    })
}

fn read_manifest_in(
    directory: &Path,
    label: &str,
    options: &ReadOptions,
) -> Result<Manifest, String> {
    let Some(path) = find_manifest(directory) else {
        return Err(format!(
            "Can't find 'action.yml', 'action.yaml' or 'Dockerfile' under '{}'. Did you forget to run actions/checkout before running your local action?",
            directory.display()
        ));
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let display = format!("{}/{name}", label.trim_end_matches('/'));
    let source = load(&path, &display).map_err(|error| error.to_string())?;
    if !path
        .extension()
        .is_some_and(|extension| extension == "yml" || extension == "yaml")
    {
        return Ok(Manifest::of_dockerfile(source));
    }
    match read_manifest(source, options) {
        Ok((manifest, _warnings)) => Ok(manifest),
        Err(errors) => {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(texts.join("\n"))
        }
    }
}

impl Run {
    /// The folder that stands in for a remote action, if the user named one.
    pub(super) fn served(&self, owner: &str, repo: &str, git_ref: &str) -> Option<Served> {
        let wanted = format!("{owner}/{repo}");
        let found = self.options.local_repositories.iter().rev().find(|local| {
            local.repository.eq_ignore_ascii_case(&wanted) && local.git_ref == git_ref
        })?;
        Some(Served {
            root: found.directory.clone(),
            repository: wanted,
            git_ref: git_ref.to_owned(),
        })
    }

    /// Whether a reference is the checkout that lrun does itself.
    pub(super) fn is_checkout(
        &self,
        owner: &str,
        repo: &str,
        path: Option<&str>,
        git_ref: &str,
    ) -> bool {
        owner.eq_ignore_ascii_case("actions")
            && repo.eq_ignore_ascii_case("checkout")
            && path.is_none()
            && self.served(owner, repo, git_ref).is_none()
    }
}

impl Job {
    /// What the reference of a step means; the error is for the user.
    pub fn resolve(&self, frame: &Frame, text: &str) -> Result<Meaning, String> {
        let reference: Reference = text.parse().map_err(|error| format!("{error}"))?;
        match reference {
            Reference::Local(path) => {
                let directory = self.directories.workspace.join(&path);
                read_action(&self.run, directory, text, None)
                    .map(|action| Meaning::Action(Box::new(action)))
            }
            Reference::SelfRepository(path) => self.resolve_in_own_repository(frame, &path, text),
            Reference::Docker(image) => Err(format!(
                "the Docker image {image} can not run on the host: Docker is not built yet"
            )),
            Reference::Remote {
                owner,
                repo,
                path,
                git_ref,
            } => {
                if self
                    .run
                    .is_checkout(&owner, &repo, path.as_deref(), &git_ref)
                {
                    return Ok(Meaning::Checkout);
                }
                let Some(served) = self.run.served(&owner, &repo, &git_ref) else {
                    return Err(format!(
                        "{text} is not here, and lrun does not fetch actions yet: serve it with --local-repository {owner}/{repo}@{git_ref}=FOLDER"
                    ));
                };
                let directory = served.root.join(path.unwrap_or_default());
                read_action(&self.run, directory, text, Some(served))
                    .map(|action| Meaning::Action(Box::new(action)))
            }
        }
    }

    /// `$/path`: the repository that holds the file with the step (SPEC A-5).
    fn resolve_in_own_repository(
        &self,
        frame: &Frame,
        path: &str,
        text: &str,
    ) -> Result<Meaning, String> {
        let Some(served) = frame.served() else {
            let snapshot = self.run.snapshot()?;
            return read_action(&self.run, snapshot.path().join(path), text, None)
                .map(|action| Meaning::Action(Box::new(action)));
        };
        read_action(&self.run, served.root.join(path), text, Some(served))
            .map(|action| Meaning::Action(Box::new(action)))
    }

    /// Runs the action of a step.
    pub async fn run_action(
        &mut self,
        frame: &mut Frame,
        prepared: &Prepared<'_>,
        uses: &Spanned<String>,
        with: Option<&Token>,
    ) -> Worked {
        let given = match self.given_inputs(frame, prepared, with) {
            Ok(given) => given,
            Err(error) => {
                match frame.source() {
                    Some(source) => self.annotate_in(Some(&prepared.key), &error, source),
                    None => self.annotate(Some(&prepared.key), &error),
                }
                return Worked::failed();
            }
        };
        self.describe_action(prepared, &given);
        let action = match self.resolve(frame, &uses.value) {
            Ok(Meaning::Checkout) => return self.run_checkout(prepared, &given).await,
            Ok(Meaning::Action(action)) => *action,
            Err(message) => {
                self.say(Some(&prepared.key), Level::Error, &message);
                return Worked::failed();
            }
        };
        let inputs = match self.inputs(&action, prepared, given) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.annotate_in(Some(&prepared.key), &error, &action.source);
                return Worked::failed();
            }
        };
        self.run_resolved(frame, prepared, action, inputs).await
    }

    async fn run_resolved(
        &mut self,
        frame: &mut Frame,
        prepared: &Prepared<'_>,
        action: Resolved,
        inputs: IndexMap<String, String>,
    ) -> Worked {
        match &action.manifest.runs {
            Runs::Composite { steps } => {
                let outer = Outer {
                    key: &prepared.key,
                    path: path_of(frame, prepared.place),
                    env: &prepared.own_env,
                    inputs: &inputs,
                    deadline: prepared.deadline,
                    survives: self.survives(frame, prepared),
                };
                let (outcome, outputs, posts) =
                    self.run_composite(frame, &action, steps, outer).await;
                if !posts.is_empty() {
                    let post = post_of(prepared, None, PostWork::Composite(posts));
                    self.push_post(frame, post);
                }
                let mut worked = Worked::ended(outcome);
                worked.effects.outputs = outputs;
                worked
            }
            Runs::Docker(_) => {
                self.say(
                    Some(&prepared.key),
                    Level::Error,
                    "this action runs in Docker, and Docker is not built yet",
                );
                Worked::failed()
            }
            Runs::Node(node) => {
                self.run_node_action(frame, prepared, &action, node, &inputs)
                    .await
            }
        }
    }

    async fn run_node_action(
        &mut self,
        frame: &mut Frame,
        prepared: &Prepared<'_>,
        action: &Resolved,
        runs: &NodeRuns,
        inputs: &IndexMap<String, String>,
    ) -> Worked {
        if runs.pre.is_some() && action.is_local() {
            self.say(
                Some(&prepared.key),
                Level::Warning,
                "`pre` execution is not supported for local action",
            );
        }
        let path = path_of(frame, prepared.place);
        let early = self.early_state.get(&path).cloned().unwrap_or_default();
        let mut variables = input_variables(inputs);
        variables.extend(state_variables(&early));
        let node = NodeRun {
            version: runs.version,
            script: action.directory.join(&runs.main),
            variables,
            github: &prepared.github,
            env: &prepared.env,
        };
        let worked = {
            let survives = |job: &Self| job.survives(frame, prepared);
            let stage = Stage {
                key: &prepared.key,
                files: &prepared.files,
                deadline: prepared.deadline,
                survives: &survives,
            };
            self.run_node(&stage, &node).await
        };
        if let Some(entry) = &runs.post {
            let mut state = early;
            state.extend(worked.effects.state.clone());
            let work = PostWork::Node {
                version: runs.version,
                script: action.directory.join(entry),
                inputs: input_variables(inputs),
                state,
                own_env: prepared.own_env.clone(),
                github: prepared.github.clone(),
            };
            let condition = runs
                .post_if
                .as_ref()
                .map(|condition| condition.expr.clone());
            self.push_post(frame, post_of(prepared, condition, work));
        }
        worked
    }

    /// Posts of the job's steps stand on its stack, those of a composite's steps with their outer step.
    fn push_post(&mut self, frame: &mut Frame, post: Post) {
        if frame.is_composite() {
            frame.posts.push(post);
        } else {
            self.posts.push(post);
        }
    }

    /// Evaluates `with`.
    pub fn given_inputs(
        &self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        with: Option<&Token>,
    ) -> Result<IndexMap<String, String>, EvalError> {
        with.map(|with| {
            self.evaluator_of(frame, &prepared.contexts)
                .string_map(with)
        })
        .transpose()
        .map(Option::unwrap_or_default)
    }

    /// All inputs of an action: the given ones, then declared defaults (SPEC ).
    pub fn inputs(
        &self,
        action: &Resolved,
        prepared: &Prepared<'_>,
        given: IndexMap<String, String>,
    ) -> Result<IndexMap<String, String>, EvalError> {
        self.inputs_in(action, &prepared.contexts, Some(&prepared.key), given)
    }

    pub fn inputs_in(
        &self,
        action: &Resolved,
        contexts: &super::context::Contexts,
        key: Option<&StepKey>,
        given: IndexMap<String, String>,
    ) -> Result<IndexMap<String, String>, EvalError> {
        let evaluator = Evaluator {
            context: contexts,
            source: &action.source,
        };
        let declared = &action.manifest.inputs;
        self.warn_of_unexpected(action, &given, key);
        let mut inputs = IndexMap::new();
        for (name, input) in declared {
            let value = given
                .iter()
                .find(|(given, _)| given.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.clone());
            let value = match (value, &input.default) {
                (Some(value), _) => {
                    if let Some(message) = &input.deprecation {
                        self.say(
                            key,
                            Level::Warning,
                            &format!("Input '{name}' has been deprecated with message: {message}"),
                        );
                    }
                    value
                }
                (None, Some(default)) => evaluator.string(default)?,
                (None, None) => String::new(),
            };
            inputs.insert(name.clone(), value);
        }
        for (name, value) in given {
            if !declared
                .keys()
                .any(|known| known.eq_ignore_ascii_case(&name))
            {
                inputs.insert(name, value);
            }
        }
        Ok(inputs)
    }

    fn warn_of_unexpected(
        &self,
        action: &Resolved,
        given: &IndexMap<String, String>,
        key: Option<&StepKey>,
    ) {
        let declared = &action.manifest.inputs;
        let quoted = |names: Vec<&String>| {
            names
                .iter()
                .map(|name| format!("'{name}'"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let unexpected: Vec<&String> = given
            .keys()
            .filter(|name| {
                !declared
                    .keys()
                    .any(|known| known.eq_ignore_ascii_case(name))
            })
            .collect();
        if !unexpected.is_empty() {
            let message = format!(
                "Unexpected input(s) {}, valid inputs are [{}]",
                quoted(unexpected),
                quoted(declared.keys().collect())
            );
            self.say(key, Level::Warning, &message);
        }
    }

    fn describe_action(&self, prepared: &Prepared<'_>, given: &IndexMap<String, String>) {
        let with = given
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.clone(), self.masker.mask(value).into_owned()))
            .collect();
        self.emit(
            Some(&prepared.key),
            EventKind::StepDetails {
                script: None,
                shell: None,
                with,
                env: self.masked_env(prepared),
            },
        );
    }
}

fn post_of(prepared: &Prepared<'_>, condition: Option<Expr>, work: PostWork) -> Post {
    let key = &prepared.key;
    Post {
        key: StepKey {
            phase: Phase::Post,
            ..key.clone()
        },
        condition,
        contexts: prepared.contexts.clone(),
        work,
    }
}

/// The places of a step and of those that enclose it.
pub(super) fn path_of(frame: &Frame, place: usize) -> Vec<usize> {
    let mut path = frame.path.clone();
    path.push(place);
    path
}

/// `INPUT_*` (SPEC A-30).
pub(super) fn input_variables(inputs: &IndexMap<String, String>) -> Vec<(String, String)> {
    inputs
        .iter()
        .map(|(name, value)| {
            (
                format!("INPUT_{}", name.to_uppercase().replace(' ', "_")),
                value.clone(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_variables_keep_hyphens_and_dots() {
        // SPEC A-30
        let inputs = IndexMap::from([("My input-a.b".to_owned(), "v".to_owned())]);
        assert_eq!(
            input_variables(&inputs),
            [("INPUT_MY_INPUT-A.B".to_owned(), "v".to_owned())]
        );
    }
}
