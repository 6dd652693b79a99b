//! JavaScript actions: the node that fits, pre steps, and one stage's process (SPEC 6.7).

use std::path::PathBuf;

use indexmap::IndexMap;

use super::command_files::CommandFiles;
use super::composite::Frame;
use super::environment::Layers;
use super::job::Job;
use super::process::{Failing, Stage};
use super::step::{Prepared, Worked, millis};
use super::uses::{Meaning, Resolved, input_variables, path_of};
use crate::action::{NodeRuns, NodeVersion, Runs};
use crate::event::{Conclusion, EventKind, Level, Phase};
use crate::executor::{Command, node};
use crate::expr::{Object, Value};
use crate::workflow::{Step, StepKind, StepsJob, Token};

/// One stage of a JavaScript action.
#[derive(Debug)]
pub(super) struct NodeRun<'a> {
    pub version: NodeVersion,
    pub script: PathBuf,
    /// `INPUT_*` and `STATE_*`.
    pub variables: Vec<(String, String)>,
    pub github: &'a Object,
    pub env: &'a IndexMap<String, String>,
}

/// `STATE_*` (SPEC A-33).
pub(super) fn state_variables(state: &IndexMap<String, String>) -> Vec<(String, String)> {
    state
        .iter()
        .map(|(name, value)| (format!("STATE_{name}"), value.clone()))
        .collect()
}

impl Job {
    /// Runs one stage: `node <script>` in the workspace (SPEC A-40).
    pub async fn run_node(&mut self, stage: &Stage<'_>, node: &NodeRun<'_>) -> Worked {
        let variables = self.process_variables(node.github);
        let layers = Layers {
            host: &self.run.options.host_env,
            env: node.env,
            action: &node.variables,
            runner: &variables,
            path: &self.state.path,
        };
        if !node.script.is_file() {
            self.say(
                Some(stage.key),
                Level::Error,
                &format!("File not found: '{}'", node.script.display()),
            );
            return Worked::failed();
        }
        let program = match self.run.node(node.version, node.env, &layers.search_path()) {
            Ok(program) => program,
            Err(message) => {
                self.say(Some(stage.key), Level::Error, &message);
                return Worked::failed();
            }
        };
        let mut env = layers.build();
        env.retain(|(name, _)| name != "NODE_ICU_DATA"); // SPEC V-6
        let command = Command {
            program,
            args: vec![node.script.clone().into_os_string()],
            env,
            cwd: self.directories.workspace.clone(),
        };
        self.run_process(stage, &command, Failing::Silent).await
    }

    /// Runs the `pre` of the job's served actions, in step order, before the first step (SPEC J-1).
    pub async fn run_pre_steps(&mut self, definition: &StepsJob, frame: &mut Frame) {
        for (index, step) in definition.steps.iter().enumerate() {
            let StepKind::Uses { uses, with } = &step.kind else {
                continue;
            };
            // A `./` action is found only when its step runs: the workspace is empty now.
            if uses.value.starts_with("./") || uses.value.starts_with(".\\") {
                continue;
            }
            if let Ok(Meaning::Action(action)) = self.resolve(frame, &uses.value) {
                self.run_pre(frame, step, index + 1, with.as_ref(), &action)
                    .await;
            }
        }
    }

    async fn run_pre(
        &mut self,
        frame: &mut Frame,
        step: &Step,
        place: usize,
        with: Option<&Token>,
        action: &Resolved,
    ) {
        let Runs::Node(NodeRuns {
            version,
            pre: Some(pre),
            pre_if,
            ..
        }) = &action.manifest.runs
        else {
            return;
        };
        let started = std::time::Instant::now();
        self.note_cancel();
        let Ok(files) = CommandFiles::create(&self.directories.file_commands) else {
            return;
        };
        let mut github = self.step_github(frame, &step.id);
        files.apply(&mut github);
        let mut env = self.frame_env(frame);
        let mut contexts = self.contexts(frame, github.clone(), &env);
        let name = self.display_name(frame, step, &contexts);
        let key = self.step_key(place, step.user_id(), &name, Phase::Pre);
        if let Some(condition) = pre_if
            && condition
                .expr
                .evaluate(&contexts)
                .is_ok_and(|value| !value.is_truthy())
        {
            return;
        }
        self.emit(Some(&key), EventKind::StepStarted);
        let own_env = match &step.env {
            Some(token) => self.evaluator_of(frame, &contexts).string_map(token),
            None => Ok(IndexMap::new()),
        };
        let worked = match own_env {
            Err(error) => {
                self.annotate(Some(&key), &error);
                Worked::failed()
            }
            Ok(own_env) => {
                env.extend(own_env.clone());
                contexts.set("env", super::job::env_value(&env));
                contexts.set("github", Value::Object(github.clone().into()));
                let prepared = Prepared {
                    step,
                    place,
                    key: key.clone(),
                    github,
                    env,
                    own_env,
                    contexts,
                    files,
                    deadline: None,
                };
                self.pre_stage(frame, &prepared, with, action, *version, pre)
                    .await
            }
        };
        self.early_state
            .insert(path_of(frame, place), worked.effects.state.clone());
        self.state.absorb(&worked.effects);
        let outcome = if worked.effects.failed && worked.outcome == Conclusion::Success {
            Conclusion::Failure
        } else {
            worked.outcome
        };
        self.state.conclude(outcome);
        self.emit(
            Some(&key),
            EventKind::StepFinished {
                outcome,
                conclusion: outcome,
                duration_ms: millis(started),
                exit_code: worked.exit_code,
            },
        );
    }

    async fn pre_stage(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        with: Option<&Token>,
        action: &Resolved,
        version: NodeVersion,
        pre: &str,
    ) -> Worked {
        let inputs = self
            .given_inputs(frame, prepared, with)
            .map_err(|error| (error, self.invocation.workflow.source.clone()))
            .and_then(|given| {
                self.inputs(action, prepared, given)
                    .map_err(|error| (error, action.source.clone()))
            });
        let inputs = match inputs {
            Ok(inputs) => inputs,
            Err((error, source)) => {
                self.annotate_in(Some(&prepared.key), &error, &source);
                return Worked::failed();
            }
        };
        let node = NodeRun {
            version,
            script: action.directory.join(pre),
            variables: input_variables(&inputs),
            github: &prepared.github,
            env: &prepared.env,
        };
        let survives = |_: &Self| true;
        let stage = Stage {
            key: &prepared.key,
            files: &prepared.files,
            deadline: None,
            survives: &survives,
        };
        self.run_node(&stage, &node).await
    }
}

impl super::Run {
    /// The node that runs an action of this version (SPEC A-41).
    pub(super) fn node(
        &self,
        version: NodeVersion,
        env: &IndexMap<String, String>,
        search_path: &std::ffi::OsStr,
    ) -> Result<PathBuf, String> {
        let variable = |name: &str| {
            env.get(name)
                .cloned()
                .or_else(|| {
                    self.options
                        .runner_env
                        .get(std::ffi::OsStr::new(name))
                        .and_then(|value| value.to_str().map(str::to_owned))
                })
                .is_some_and(|value| value.eq_ignore_ascii_case("true"))
        };
        let home = self
            .options
            .host_env
            .get(std::ffi::OsStr::new("HOME"))
            .map(PathBuf::from);
        let nodes = self.nodes.get_or_init(|| {
            node::find_nodes(node::Places {
                path: Some(search_path),
                tool_cache: Some(&self.tool_cache()),
                home: home.as_deref(),
                memory: Some(&self.options.cache.join("nodes.json")),
            })
        });
        let unsecure = variable("ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION");
        node::choose_node(nodes, version.major(), unsecure)
            .map(|found| found.path.clone())
            .map_err(|error| error.to_string())
    }
}
