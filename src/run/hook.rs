//! Scripts that the owner of a machine runs before and after each job (SPEC H-1).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::shell::Shell;
use crate::executor::{Command, find};

/// Which end of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookStage {
    /// After the job is set up, before its first step.
    Started,
    /// After the posts, before the job is completed.
    Completed,
}

/// A script that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    pub stage: HookStage,
    pub path: PathBuf,
}

/// How a hook is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookCommand {
    pub command: Command,
    /// As the log shows it after `shell: `.
    pub shell: String,
}

/// Why a hook can not be run; the job fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    #[error(
        "File doesn't exist: {variable} is set to '{}'; expected the absolute path of a script",
        path.display()
    )]
    Missing {
        variable: &'static str,
        path: PathBuf,
    },
    #[error(
        "{} is not a valid path to a script. Make sure it ends in '.sh', '.ps1' or '.js'.",
        .0.display()
    )]
    Extension(PathBuf),
    #[error("{0}: command not found")]
    NoProgram(&'static str),
}

impl HookStage {
    /// Names the script, in the environment of lrun itself.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Started => "ACTIONS_RUNNER_HOOK_JOB_STARTED",
            Self::Completed => "ACTIONS_RUNNER_HOOK_JOB_COMPLETED",
        }
    }

    /// The name of the step that the hook is shown as.
    pub fn step_name(self) -> &'static str {
        match self {
            Self::Started => "Set up runner",
            Self::Completed => "Complete runner",
        }
    }

    /// The first line of that step's log.
    pub fn announcement(self) -> &'static str {
        match self {
            Self::Started => {
                "A job started hook has been configured by the self-hosted runner administrator"
            }
            Self::Completed => {
                "A job completed hook has been configured by the self-hosted runner administrator"
            }
        }
    }
}

impl Hook {
    /// The hook of a stage, if there is one.
    pub fn configured(stage: HookStage, runner_env: &IndexMap<OsString, OsString>) -> Option<Self> {
        let path = runner_env.get(OsStr::new(stage.variable()))?;
        (!path.is_empty()).then(|| Self {
            stage,
            path: PathBuf::from(path),
        })
    }

    /// What the log shows above the output.
    pub fn title(&self) -> String {
        format!("Run '{}'", self.path.display())
    }

    /// The command: shell by ending, on the host, in the workspace; no default of the job applies.
    ///
    /// `env` is the whole environment, `search_path` its PATH; `node` is the runner's own, for `.js`.
    pub fn command(
        &self,
        search_path: &OsStr,
        node: Option<&Path>,
        env: Vec<(OsString, OsString)>,
        workspace: &Path,
    ) -> Result<HookCommand, HookError> {
        if !self.path.is_file() {
            return Err(HookError::Missing {
                variable: self.stage.variable(),
                path: self.path.clone(),
            });
        }
        let which = |program: &str| find::which(program, search_path, workspace);
        let ending = self.path.extension().and_then(OsStr::to_str);
        let (program, template) = match ending {
            Some("sh") => {
                let program = which("bash").or_else(|| which("sh"));
                (program.ok_or(HookError::NoProgram("sh"))?, "sh -e {0}")
            }
            Some("ps1") => {
                let program = which("pwsh").or_else(|| which("powershell"));
                (program.ok_or(HookError::NoProgram("powershell"))?, "pwsh")
            }
            Some("js") => {
                let program = node.ok_or(HookError::NoProgram("node"))?;
                (program.to_owned(), "node {0}")
            }
            _ => return Err(HookError::Extension(self.path.clone())),
        };
        let Ok(shell) = Shell::parse(template) else {
            return Err(HookError::Extension(self.path.clone()));
        };
        Ok(HookCommand {
            shell: shell.describe(&program),
            command: Command {
                args: shell.arguments(&self.path),
                program,
                env,
                cwd: workspace.to_owned(),
            },
        })
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder with empty programs and scripts.
    fn machine(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn hook(folder: &tempfile::TempDir, script: &str) -> Hook {
        Hook {
            stage: HookStage::Started,
            path: folder.path().join(script),
        }
    }

    /// Program, arguments and shown shell, without the folder.
    fn command(programs: &[&str], script: &str) -> Result<[String; 3], HookError> {
        let folder = machine(&[programs, &[script]].concat());
        let node = programs
            .contains(&"node")
            .then(|| folder.path().join("node"));
        let found = hook(&folder, script).command(
            folder.path().as_os_str(),
            node.as_deref(),
            Vec::new(),
            folder.path(),
        )?;
        assert_eq!(found.command.cwd, folder.path());
        let here = format!("{}/", folder.path().display());
        let args: Vec<_> = found
            .command
            .args
            .iter()
            .map(|arg| arg.to_string_lossy())
            .collect();
        let program = found.command.program.display().to_string();
        Ok([program, args.join(" "), found.shell].map(|text| text.replace(&here, "")))
    }

    #[test]
    fn the_ending_decides_the_shell() {
        // SPEC H-1
        for (programs, script, expected) in [
            (
                ["bash", "sh"].as_slice(),
                "a.sh",
                ["bash", "-e a.sh", "bash -e {0}"],
            ),
            (&["sh"], "a.sh", ["sh", "-e a.sh", "sh -e {0}"]),
            (
                &["pwsh", "powershell"],
                "a.ps1",
                ["pwsh", "-command . 'a.ps1'", "pwsh -command \". '{0}'\""],
            ),
            (
                &["powershell"],
                "a.ps1",
                [
                    "powershell",
                    "-command . 'a.ps1'",
                    "powershell -command \". '{0}'\"",
                ],
            ),
            (&["node"], "a.js", ["node", "a.js", "node {0}"]),
        ] {
            let found = command(programs, script).unwrap();
            assert_eq!(found, expected.map(str::to_owned), "{script}");
        }
    }

    #[test]
    fn what_can_not_be_run_is_said() {
        assert_eq!(
            command(&[], "a.ps1"),
            Err(HookError::NoProgram("powershell"))
        );
        assert_eq!(command(&[], "a.js"), Err(HookError::NoProgram("node")));
        let error = command(&["bash"], "a.py").unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("Make sure it ends in '.sh', '.ps1' or '.js'.")
        );
        let folder = machine(&["bash"]);
        let gone = hook(&folder, "gone.sh");
        let found = gone.command(folder.path().as_os_str(), None, Vec::new(), folder.path());
        let error = found.unwrap_err().to_string();
        assert!(error.contains("ACTIONS_RUNNER_HOOK_JOB_"), "{error}");
        assert!(error.contains("gone.sh"), "{error}");
    }

    #[test]
    fn the_runners_own_environment_names_them() {
        let env: IndexMap<OsString, OsString> = [
            ("ACTIONS_RUNNER_HOOK_JOB_STARTED", "/opt/start.sh"),
            ("ACTIONS_RUNNER_HOOK_JOB_COMPLETED", ""),
        ]
        .into_iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
        let hook = Hook::configured(HookStage::Started, &env).unwrap();
        assert_eq!(hook.title(), "Run '/opt/start.sh'");
        assert_eq!(hook.stage.step_name(), "Set up runner");
        assert_eq!(Hook::configured(HookStage::Completed, &env), None);
    }
}
