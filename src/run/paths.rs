//! How the folders of a job look: to lrun, to expressions, and to the job's own processes (SPEC J-41, 3.1).

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::directories::Directories;
use crate::executor::Command;

/// Where a hosted machine has its work.
const HOSTED: &str = "/home/runner/work";
/// Where a hosted machine has its tools.
pub const HOSTED_TOOLS: &str = "/opt/hostedtoolcache";

/// One folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    /// On this machine.
    real: PathBuf,
    /// In expressions: the path on the runner.
    shown: PathBuf,
    /// To processes.
    inside: PathBuf,
}

/// The folders of a job, the first that fits counting.
#[derive(Debug, Clone, Default)]
pub struct Paths {
    views: Vec<View>,
    /// The tool cache, in expressions.
    tools: Option<PathBuf>,
}

/// What the job's own container is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It imitates a machine of GitHub's: no path is translated.
    Hosted,
    /// `container`, on such a machine.
    OnHosted,
    /// `container`, on this machine.
    OnHost,
}

impl Paths {
    /// Of a job in a container.
    /// With the engine's socket in it, paths are those that the engine knows.
    pub fn of(kind: Kind, directories: &Directories, tools: &Path, socket: bool) -> Self {
        let root = &directories.root;
        let shown = match kind {
            Kind::Hosted | Kind::OnHosted if !socket => PathBuf::from(HOSTED),
            _ => root.clone(),
        };
        let view = |below: &str, inside: &str| View {
            real: root.join(below),
            shown: shown.join(below),
            inside: inside.into(),
        };
        // A tree of the user's own lies elsewhere.
        let relative = directories
            .pipeline
            .strip_prefix(root)
            .unwrap_or(&directories.pipeline);
        let workspace = relative.join(relative);
        let bound = |base: &Path| {
            (!directories.workspace.starts_with(root)).then(|| View {
                real: directories.workspace.clone(),
                shown: shown.join(&workspace),
                inside: base.join(&workspace),
            })
        };
        if kind == Kind::Hosted {
            return Self {
                views: bound(&shown)
                    .into_iter()
                    .chain([View {
                        inside: shown.clone(),
                        ..view("", "")
                    }])
                    .collect(),
                tools: Some(HOSTED_TOOLS.into()),
            };
        }
        let shown_tools = match kind {
            Kind::OnHost => tools.to_owned(),
            _ => HOSTED_TOOLS.into(),
        };
        Self {
            views: bound(Path::new("/__w"))
                .into_iter()
                .chain([
                    view("_temp/_github_workflow", "/github/workflow"),
                    view("_temp/_github_home", "/github/home"),
                    view("", "/__w"),
                    View {
                        real: tools.to_owned(),
                        shown: shown_tools.clone(),
                        inside: "/__t".into(),
                    },
                ])
                .collect(),
            tools: Some(shown_tools),
        }
    }

    /// Of a Docker action, in a container of its own beside the job (SPEC A-53).
    pub fn of_action(directories: &Directories, job: &Self) -> Self {
        let view = |real: &Path, inside: &str| View {
            real: real.to_owned(),
            shown: job.shown(real),
            inside: inside.into(),
        };
        let temp = &directories.temp;
        Self {
            views: vec![
                view(&temp.join("_github_workflow"), "/github/workflow"),
                view(&temp.join("_github_home"), "/github/home"),
                view(&directories.file_commands, "/github/file_commands"),
                view(temp, "/github/runner_temp"),
                view(&directories.workspace, "/github/workspace"),
            ],
            tools: None,
        }
    }

    /// Expressions and processes have different paths.
    pub fn translate(&self) -> bool {
        self.views.iter().any(|view| view.shown != view.inside)
    }

    /// Nothing looks different.
    pub fn is_plain(&self) -> bool {
        self.views.is_empty()
    }

    /// As expressions have it.
    pub fn shown(&self, real: &Path) -> PathBuf {
        self.find(real, |view| &view.real, |view| &view.shown)
    }

    /// The tool cache as expressions have it.
    pub fn tools(&self, real: &Path) -> PathBuf {
        self.tools.clone().unwrap_or_else(|| real.to_owned())
    }

    /// As a process has it, whichever way it is written.
    pub fn inside(&self, path: &Path) -> PathBuf {
        let from_real = self.find(path, |view| &view.real, |view| &view.inside);
        if from_real != path {
            return from_real;
        }
        self.find(path, |view| &view.shown, |view| &view.inside)
    }

    /// On this machine, whichever way it is written.
    pub fn real(&self, path: &Path) -> PathBuf {
        let from_inside = self.find(path, |view| &view.inside, |view| &view.real);
        if from_inside != path {
            return from_inside;
        }
        self.find(path, |view| &view.shown, |view| &view.real)
    }

    fn find(
        &self,
        path: &Path,
        from: impl Fn(&View) -> &PathBuf,
        to: impl Fn(&View) -> &PathBuf,
    ) -> PathBuf {
        let found = self
            .views
            .iter()
            .find_map(|view| Some((view, path.strip_prefix(from(view)).ok()?)));
        match found {
            Some((view, rest)) if rest.as_os_str().is_empty() => to(view).clone(),
            Some((view, rest)) => to(view).join(rest),
            None => path.to_owned(),
        }
    }

    /// A command for the container: its folder, and every value that is such a path or begins with one (SPEC J-41).
    pub fn enter(&self, command: &Command) -> Command {
        Self::translated(command, |path| self.inside(path))
    }

    /// The same for a process on this machine.
    pub fn leave(&self, command: &Command) -> Command {
        Self::translated(command, |path| self.real(path))
    }

    fn translated(command: &Command, path: impl Fn(&Path) -> PathBuf) -> Command {
        let value = |text: &OsString| -> OsString {
            // Only a whole value counts, and only one that is written as a path.
            if text.as_encoded_bytes().first() == Some(&b'/') {
                path(Path::new(text)).into_os_string()
            } else {
                text.clone()
            }
        };
        let pair = |(name, text): &(OsString, OsString)| {
            // Of a search path the first entry is no whole value.
            let is_search_path = name == OsStr::new("PATH");
            let text = if is_search_path {
                text.clone()
            } else {
                value(text)
            };
            (name.clone(), text)
        };
        Command {
            program: command.program.clone(),
            args: command.args.clone(),
            env: command.env.iter().map(pair).collect(),
            cwd: path(&command.cwd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(kind: Kind) -> (tempfile::TempDir, Directories, Paths) {
        let place = tempfile::tempdir().unwrap();
        let tools = place.path().join("tools");
        let directories =
            Directories::create(place.path().join("1"), "o/demo", None, tools.clone()).unwrap();
        let paths = Paths::of(kind, &directories, &tools, false);
        (place, directories, paths)
    }

    #[test]
    fn a_hosted_machine_has_one_path_for_all() {
        let (_place, directories, paths) = paths(Kind::Hosted);
        let workspace = Path::new("/home/runner/work/demo/demo");
        assert_eq!(paths.shown(&directories.workspace), workspace);
        assert_eq!(paths.inside(workspace), workspace);
        assert_eq!(paths.real(workspace), directories.workspace);
        assert_eq!(
            paths.tools(&directories.tool_cache),
            Path::new(HOSTED_TOOLS)
        );
    }

    #[test]
    fn a_container_has_github_s_folders() {
        // SPEC J-25, J-41
        let (_place, directories, paths) = paths(Kind::OnHosted);
        let shown = paths.shown(&directories.event);
        assert_eq!(
            shown,
            Path::new("/home/runner/work/_temp/_github_workflow/event.json")
        );
        let table = [
            (
                "/home/runner/work/_temp/_github_workflow/event.json",
                "/github/workflow/event.json",
            ),
            ("/home/runner/work/_temp/_github_home", "/github/home"),
            ("/home/runner/work/demo/demo", "/__w/demo/demo"),
            ("/home/runner/work", "/__w"),
            ("/home/runner/works", "/home/runner/works"),
            ("/opt/hostedtoolcache/node", "/__t/node"),
            ("/usr/bin", "/usr/bin"),
        ];
        for (shown, inside) in table {
            assert_eq!(paths.inside(Path::new(shown)), Path::new(inside), "{shown}");
        }
        assert_eq!(
            paths.real(Path::new("/__w/demo/demo/x")),
            directories.workspace.join("x")
        );
    }

    #[test]
    fn only_whole_values_are_translated() {
        let (_place, directories, paths) = paths(Kind::OnHost);
        let root = directories.root.display().to_string();
        let command = Command {
            program: "sh".into(),
            args: vec![root.clone().into()],
            env: vec![
                ("A".into(), format!("{root}/demo").into()),
                ("B".into(), format!("x {root}").into()),
                ("PATH".into(), format!("{root}/bin:/bin").into()),
            ],
            cwd: directories.workspace.clone(),
        };
        let entered = paths.enter(&command);
        assert_eq!(entered.cwd, Path::new("/__w/demo/demo"));
        let values: Vec<_> = entered.env.iter().map(|(_, value)| value.clone()).collect();
        assert_eq!(
            values,
            [
                "/__w/demo".into(),
                OsString::from(format!("x {root}")),
                format!("{root}/bin:/bin").into()
            ]
        );
        let back = paths.leave(&entered);
        assert_eq!(back.env[0], command.env[0]);
    }
}
