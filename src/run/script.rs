//! `run` steps: the script as a file, the shell, the process (SPEC 6.2).

use std::path::{Path, PathBuf};

use super::composite::Frame;
use super::environment::Layers;
use super::job::{Job, Place};
use super::process::{Failing, Stage};
use super::shell::Shell;
use super::step::{Prepared, Worked};
use super::toolkit::{Caller, spare_proxies};
use crate::event::{EventKind, Level};
use crate::executor::Command;
use crate::executor::files::{Files as _, Op};
use crate::workflow::Token;
use crate::workflow::evaluate::EvalError;

/// A script with the shell that runs it.
#[derive(Debug)]
struct Script {
    text: String,
    shell: Shell,
    directory: PathBuf,
}

/// The same, before it is known which shell there is.
#[derive(Debug)]
struct Written {
    text: String,
    shell: Option<Shell>,
    directory: PathBuf,
}

/// Why a script can not be started.
#[derive(Debug)]
enum Unready {
    Evaluation(EvalError),
    Message(String),
}

impl Job {
    /// Runs the script of a step.
    pub async fn run_script(
        &mut self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        run: &Token,
        shell: Option<&Token>,
        directory: Option<&Token>,
    ) -> Worked {
        let mut variables = self.process_variables(&prepared.github);
        let services = self.service_variables(Caller::Script, None).await;
        variables.extend(services.iter().cloned());
        let layers = Layers {
            host: &self.base_env,
            env: &prepared.env,
            action: &[],
            runner: &variables,
            path: &self.state.path,
        };
        let search_path = layers.search_path();
        let script = match self.script(frame, prepared, run, shell, directory) {
            Ok(script) => script,
            Err(unready) => {
                self.explain(prepared, &unready);
                return Worked::failed();
            }
        };
        let shell = match script.shell {
            Some(shell) => shell,
            None => self.fallback_shell(&search_path).await,
        };
        let script = Script {
            shell,
            text: script.text,
            directory: script.directory,
        };
        let found = self.which(&script.shell.command, &search_path, &script.directory);
        let Some(program) = found.await else {
            self.say(
                Some(&prepared.key),
                Level::Error,
                &format!(
                    "{}: command not found. The step's shell is looked for in PATH: {}",
                    script.shell.command,
                    search_path.to_string_lossy()
                ),
            );
            return Worked::failed();
        };
        self.describe_script(prepared, &script, &program);
        let file = self.directories.temp.join(format!(
            "{}{}",
            uuid::Uuid::new_v4(),
            script.shell.extension()
        ));
        let write = Op::Write {
            path: file.clone(),
            mode: 0o644,
            bytes: script.shell.fix_up(&script.text).into(),
        };
        if let Err(error) = self.files.one(write) {
            self.say(
                Some(&prepared.key),
                Level::Error,
                &format!(
                    "can not write the script {}: {error}",
                    self.paths.shown(&file).display()
                ),
            );
            return Worked::failed();
        }
        let mut env = layers.build();
        spare_proxies(&mut env, &services);
        let command = Command {
            args: script.shell.arguments(&self.paths.inside(&file)),
            env,
            cwd: script.directory,
            program,
        };
        let survives = |job: &Self| job.survives(frame, prepared);
        let stage = Stage {
            key: &prepared.key,
            files: &prepared.files,
            env: &prepared.env,
            deadline: prepared.deadline,
            survives: &survives,
            place: Place::Machine,
        };
        self.run_process(&stage, &command, Failing::Said).await
    }

    fn script(
        &self,
        frame: &Frame,
        prepared: &Prepared<'_>,
        run: &Token,
        shell: Option<&Token>,
        directory: Option<&Token>,
    ) -> Result<Written, Unready> {
        let contexts = self.contexts_inside(&prepared.contexts);
        let evaluator = self.evaluator_of(frame, &contexts);
        let optional = |token: Option<&Token>| {
            token
                .map(|token| evaluator.string(token))
                .transpose()
                .map(|text| text.filter(|text| !text.is_empty()))
                .map_err(Unready::Evaluation)
        };
        // Defaults of the job do not apply inside composite actions (SPEC S-24).
        let default = |value: &Option<String>| {
            (!frame.is_composite())
                .then(|| value.clone())
                .flatten()
                .filter(|text| !text.is_empty())
        };
        let shell = optional(shell)?.or_else(|| default(&self.default_shell));
        let directory = optional(directory)?.or_else(|| default(&self.default_directory));
        Ok(Written {
            text: evaluator.string(run).map_err(Unready::Evaluation)?,
            shell: match shell {
                Some(value) => Some(
                    Shell::parse(&value).map_err(|error| Unready::Message(error.to_string()))?,
                ),
                None => None,
            },
            directory: self.directory(directory.as_deref()),
        })
    }

    fn explain(&self, prepared: &Prepared<'_>, unready: &Unready) {
        match unready {
            Unready::Message(message) => self.say(Some(&prepared.key), Level::Error, message),
            Unready::Evaluation(error) => self.annotate(Some(&prepared.key), error),
        }
    }

    fn describe_script(&self, prepared: &Prepared<'_>, script: &Script, program: &Path) {
        let mask = |text: &str| self.masker.mask_lines(text).into_owned();
        self.emit(
            Some(&prepared.key),
            EventKind::StepDetails {
                script: Some(mask(&script.text)),
                shell: Some(mask(&script.shell.describe(program))),
                with: Vec::new(),
                env: self.masked_env(prepared),
            },
        );
    }

    /// The `env` context, for the log.
    pub fn masked_env(&self, prepared: &Prepared<'_>) -> Vec<(String, String)> {
        prepared
            .env
            .iter()
            .map(|(name, value)| (name.clone(), self.masker.mask(value).into_owned()))
            .collect()
    }
}
