//! JavaScript actions: the node that fits, and one stage's process (SPEC 6.7).

use std::ffi::OsStr;
use std::path::PathBuf;

use indexmap::IndexMap;

use super::composite::Frame;
use super::environment::Layers;
use super::inputs::input_variables;
use super::job::{Job, Place};
use super::post::PostWork;
use super::process::{Failing, Stage};
use super::step::{Prepared, Worked};
use super::toolkit::{Caller, spare_proxies};
use super::uses::Resolved;
use crate::action::{NodeRuns, NodeVersion, node_download};
use crate::event::Level;
use crate::executor::files::Files as _;
use crate::executor::{Command, node};
use crate::expr::Object;

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
        let mut variables = self.process_variables(node.github);
        let services = self.service_variables(Caller::JavaScript, None).await;
        variables.extend(services.iter().cloned());
        let layers = Layers {
            host: &self.base_env,
            env: node.env,
            action: &node.variables,
            runner: &variables,
            path: &self.state.path,
        };
        if !self.files.is_file(&node.script) {
            self.say(
                Some(stage.key),
                Level::Error,
                &format!(
                    "File not found: '{}'",
                    self.paths.shown(&node.script).display()
                ),
            );
            return Worked::failed();
        }
        let found = match self.boxed() {
            Some(machine) => self
                .node_inside(&machine, node.version, &layers.search_path())
                .await
                .map(|program| (program, None)),
            None => self.run.node(node.version, node.env, &layers.search_path()),
        };
        let program = match found {
            Ok((program, warning)) => {
                if let Some(warning) = warning {
                    self.say(Some(stage.key), Level::Warning, &warning);
                }
                program
            }
            Err(message) => {
                self.say(Some(stage.key), Level::Error, &message);
                return Worked::failed();
            }
        };
        let mut env = layers.build();
        env.retain(|(name, _)| name != "NODE_ICU_DATA"); // SPEC V-6
        spare_proxies(&mut env, &services);
        let command = Command {
            program,
            args: vec![self.paths.inside(&node.script).into_os_string()],
            env,
            cwd: self.directories.workspace.clone(),
        };
        self.run_process(stage, &command, Failing::Silent).await
    }

    /// Runs the main or pre script of an action, and registers its post (SPEC J-2).
    pub async fn run_node_stage(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        action: &Resolved,
        (runs, script): (&NodeRuns, &str),
        inputs: &IndexMap<String, String>,
        survives: &(dyn Fn(&Self) -> bool + Sync),
    ) -> Worked {
        if let Some(post) = &runs.post {
            let condition = runs.post_if.as_ref().map(|it| it.expr.clone());
            let work = PostWork::Node {
                version: runs.version,
                script: action.directory.join(post),
                inputs: input_variables(inputs),
            };
            self.register_post(frame, prepared, condition, work);
        }
        let mut variables = input_variables(inputs);
        if let Some(state) = self.saved.get(&frame.path_of(prepared.place)) {
            variables.extend(state_variables(state));
        }
        let node = NodeRun {
            version: runs.version,
            script: action.directory.join(script),
            variables,
            github: &prepared.github,
            env: &prepared.env,
        };
        let stage = Stage {
            key: &prepared.key,
            files: &prepared.files,
            env: &prepared.env,
            deadline: prepared.deadline,
            survives,
            place: Place::Machine,
        };
        self.run_node(&stage, &node).await
    }
}

impl super::Run {
    /// Why no node here runs an action of this version, and how to mend it.
    pub(super) fn no_node(&self, version: NodeVersion) -> Option<(String, String)> {
        let path = self.options.host_env.get(OsStr::new("PATH"));
        let path = path.cloned().unwrap_or_default();
        let error = self.node(version, &IndexMap::new(), &path).err()?;
        Some((error, node_download::help(&self.tool_cache())))
    }

    /// The node that runs an action of this version (SPEC A-41).
    pub(super) fn node(
        &self,
        version: NodeVersion,
        env: &IndexMap<String, String>,
        search_path: &OsStr,
    ) -> Result<(PathBuf, Option<String>), String> {
        let runner = &self.options.runner_env;
        let (prefer_20, warning) = node::prefers_20(
            |name| env.get(name).map(String::as_str),
            |name| {
                runner
                    .get(OsStr::new(name))
                    .and_then(|value| value.to_str())
            },
        );
        // Only actions for an older node ask the switches.
        let warning = warning.filter(|_| version.major() < 24);
        let home = self
            .options
            .host_env
            .get(OsStr::new("HOME"))
            .map(PathBuf::from);
        let nodes = self.nodes.get_or_init(|| {
            node::find_nodes(node::Places {
                path: Some(search_path),
                tool_cache: Some(&self.tool_cache()),
                home: home.as_deref(),
                memory: Some(&self.options.cache.join("nodes.json")),
            })
        });
        node::choose_node(nodes, version.major(), prefer_20)
            .map(|found| (found.path.clone(), warning))
            .map_err(|error| error.to_string())
    }
}
