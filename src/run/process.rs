//! The process of a step: run it, follow its output, take in what it wrote.

use std::ffi::OsStr;
use std::sync::atomic::Ordering;

use indexmap::IndexMap;
use tokio::time::Instant;

use super::command_files::CommandFiles;
use super::job::{Job, Place};
use super::limit;
use super::log::StepLog;
use super::state::Effects;
use super::step::Worked;
use super::workflow_command::CommandState;
use crate::event::{Conclusion, EventKind, Level, StepKey};
use crate::executor::{Command, Ending, ExecError, Finished};

/// What a process of a step is run with.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub key: &'a StepKey,
    pub files: &'a CommandFiles,
    /// The `env` context.
    pub env: &'a IndexMap<String, String>,
    pub deadline: Option<Instant>,
    /// Asked when the job is cancelled: does this step go on?
    pub survives: &'a (dyn Fn(&Job) -> bool + Sync),
    pub place: Place<'a>,
}

impl Job {
    /// Runs the process of a step, follows its output, and collects what it wrote to its command files.
    pub async fn run_process(
        &mut self,
        stage: &Stage<'_>,
        command: &Command,
        failing: Failing,
    ) -> Worked {
        let mut log = StepLog::new(self, stage.key, self.command_state(stage.env));
        let survives = || (stage.survives)(self);
        let finished = self
            .exec(stage.place, command, &mut log, stage.deadline, &survives)
            .await;
        let mut effects = log.close();
        self.collect_files(stage, &mut effects);
        self.judge(stage, finished, effects, failing)
    }

    /// Each process starts anew: what one switches does not reach the next (SPEC 7.1).
    fn command_state(&self, env: &IndexMap<String, String>) -> CommandState {
        let allowed = |name: &str| {
            let runner = self.run.options.runner_env.get(OsStr::new(name));
            let of_runner = runner.and_then(|value| value.to_str());
            [env.get(name).map(String::as_str), of_runner]
                .iter()
                .flatten()
                .any(|value| value.trim().eq_ignore_ascii_case("true"))
        };
        let mut state = CommandState::new(self.debug);
        state.allow_unsecure_commands = allowed("ACTIONS_ALLOW_UNSECURE_COMMANDS");
        state.allow_unsecure_stop_tokens = allowed("ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS");
        state
    }

    /// Reads the command files and says what is wrong with them.
    fn collect_files(&self, stage: &Stage<'_>, effects: &mut Effects) {
        let written = stage.files.collect(self.files_of(stage.place), effects);
        for failure in &written.failures {
            self.say(Some(stage.key), Level::Error, failure);
        }
        for (level, note) in &written.notes {
            self.say(Some(stage.key), *level, note);
        }
        if let Some(summary) = &written.summary {
            let number = self.summaries.fetch_add(1, Ordering::Relaxed) + 1;
            if let Some(warning) = limit::summary(number) {
                self.say(Some(stage.key), Level::Warning, &warning);
            }
            self.emit(
                Some(stage.key),
                EventKind::StepSummary {
                    markdown: self.masker.mask_lines(summary).into_owned(),
                },
            );
        }
    }

    fn judge(
        &self,
        stage: &Stage<'_>,
        finished: Result<Finished, ExecError>,
        effects: Effects,
        failing: Failing,
    ) -> Worked {
        let finished = match finished {
            Ok(finished) => finished,
            Err(error) => {
                self.say(Some(stage.key), Level::Error, &error.to_string());
                return Worked {
                    outcome: Conclusion::Failure,
                    exit_code: None,
                    effects,
                };
            }
        };
        let exit_code = match finished.ending {
            Ending::Exited(code) => code,
            // As a shell reports it.
            Ending::Signalled(signal) => 128 + signal,
        };
        let outcome = if finished.stopped {
            // A step whose time is up says that instead (SPEC S-6), one in the background nothing: its wait does.
            let ended = self.cancel.is_cancelled() || self.kill.is_cancelled();
            if ended && !self.background {
                self.say(Some(stage.key), Level::Error, "The operation was canceled.");
            }
            Conclusion::Cancelled
        } else if exit_code == 0 {
            Conclusion::Success
        } else {
            if effects.wants_socket {
                let text = "the job does not see the Docker socket, which would own this machine: --docker-socket /var/run/docker.sock lets it";
                self.say(Some(stage.key), Level::Notice, text);
            }
            if failing == Failing::Said {
                self.say(
                    Some(stage.key),
                    Level::Error,
                    &format!("Process completed with exit code {exit_code}."),
                );
            }
            Conclusion::Failure
        };
        Worked {
            outcome,
            exit_code: Some(exit_code),
            effects,
        }
    }
}

/// Whether an exit code other than 0 is said in the log (SPEC S-10: of scripts, not of actions).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failing {
    Said,
    Silent,
}
