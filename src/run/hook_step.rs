//! The hooks of a machine's owner as steps of a job (SPEC H-1).

use std::ffi::OsStr;
use std::time::Instant;

use indexmap::IndexMap;

use super::environment::Layers;
use super::hook::{Hook, HookCommand, HookStage};
use super::job::{Job, Place};
use super::process::{Failing, Stage};
use super::step::{Worked, millis};
use crate::action::NodeVersion;
use crate::event::{Conclusion, EventKind, Level, Phase, StepKey, Stream};
use crate::expr::Value;

impl HookStage {
    fn phase(self) -> Phase {
        match self {
            Self::Started => Phase::Setup,
            Self::Completed => Phase::Complete,
        }
    }
}

impl Job {
    /// Runs the hook of a stage, if one is configured, as the step with an index.
    pub async fn run_hook(&mut self, stage: HookStage, index: usize) {
        let Some(hook) = Hook::configured(stage, &self.run.options.runner_env) else {
            return;
        };
        if self.kill.is_cancelled() {
            return;
        }
        self.note_cancel();
        let started = Instant::now();
        let key = self.step_key(index, None, stage.step_name(), stage.phase());
        self.emit(Some(&key), EventKind::StepStarted);
        self.print(&key, stage.announcement());
        let mut worked = self.work_hook(&hook, &key).await;
        self.absorb(&[], &mut worked);
        self.note_cancel();
        self.state.conclude(worked.outcome);
        self.emit(
            Some(&key),
            EventKind::StepFinished {
                outcome: worked.outcome,
                conclusion: worked.outcome,
                duration_ms: millis(started),
                exit_code: worked.exit_code,
            },
        );
    }

    async fn work_hook(&mut self, hook: &Hook, key: &StepKey) -> Worked {
        let Some(files) = self.stage_files(key, Place::Host) else {
            return Worked::failed();
        };
        let mut github = self.github.clone();
        github.insert("action", Value::string(""));
        files.apply(&mut github);
        let variables = self.process_variables(&github);
        // Neither `env` nor `defaults` of the job reach it.
        let none = IndexMap::new();
        let layers = Layers {
            host: &self.run.options.host_env,
            env: &none,
            action: &[],
            runner: &variables,
            path: &self.state.path,
        };
        let HookCommand { command, shell } = match self.hook_command(hook, key, &layers) {
            Ok(found) => found,
            Err(message) => {
                self.say(Some(key), Level::Error, &message);
                return Worked::failed();
            }
        };
        let title = self.masker.mask(&hook.title()).into_owned();
        self.emit(Some(key), EventKind::GroupStarted { title });
        self.print(key, &format!("shell: {shell}"));
        self.emit(Some(key), EventKind::GroupEnded);
        let survives = |_: &Self| true;
        let stage = Stage {
            key,
            files: &files,
            env: &none,
            deadline: None,
            survives: &survives,
            place: Place::Host,
        };
        let worked = self.run_process(&stage, &command, Failing::Said).await;
        Worked {
            // Nothing tolerates a hook that was ended.
            outcome: match worked.outcome {
                Conclusion::Success => Conclusion::Success,
                _ => Conclusion::Failure,
            },
            ..worked
        }
    }

    fn hook_command(
        &self,
        hook: &Hook,
        key: &StepKey,
        layers: &Layers<'_>,
    ) -> Result<HookCommand, String> {
        let search_path = layers.search_path();
        let needs_node = hook.path.extension() == Some(OsStr::new("js"));
        let node = if needs_node {
            let (program, warning) =
                self.run
                    .node(NodeVersion::Node24, layers.env, &search_path)?;
            if let Some(warning) = warning {
                self.say(Some(key), Level::Warning, &warning);
            }
            Some(program)
        } else {
            None
        };
        hook.command(
            &search_path,
            node.as_deref(),
            layers.build(),
            &self.directories.workspace,
        )
        .map_err(|error| error.to_string())
    }

    /// A line that the runner itself writes in a step's log.
    fn print(&self, key: &StepKey, text: &str) {
        self.emit(
            Some(key),
            EventKind::StepOutput {
                stream: Stream::Log,
                text: self.masker.mask(text).into_owned(),
            },
        );
    }
}
