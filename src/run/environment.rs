//! The environment of a step's process: what the host gives, what the workflow sets, what the runner forces (SPEC 4).

use std::ffi::{OsStr, OsString};

use indexmap::IndexMap;

/// Variables that belong to a git hook or to another run, never to a step (DESIGN 4).
const DROPPED: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_QUARANTINE_PATH",
    "GIT_EXEC_PATH",
    "GIT_EDITOR",
];
const DROPPED_PREFIXES: &[&str] = &["LRUN_", "GITHUB_", "RUNNER_", "ACTIONS_"];
const CLEAN: &[&str] = &["PATH", "HOME", "LANG"];
const PROXIES: &[&str] = &["http_proxy", "https_proxy", "no_proxy"];

/// How much of the user's environment a host step inherits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inherit {
    /// All but what belongs to hooks and runners.
    Filtered,
    /// `PATH`, `HOME` and `LANG` only (`--clean-env`).
    Clean,
}

/// The host's part of a step's environment.
pub fn inherited(
    process: impl IntoIterator<Item = (OsString, OsString)>,
    inherit: Inherit,
) -> IndexMap<OsString, OsString> {
    let process: IndexMap<OsString, OsString> = process.into_iter().collect();
    if inherit == Inherit::Clean {
        return process
            .into_iter()
            .filter(|(name, _)| CLEAN.iter().any(|clean| name == OsStr::new(clean)))
            .collect();
    }
    let in_hook = process.contains_key(OsStr::new("GIT_INDEX_FILE"));
    let mut kept: IndexMap<OsString, OsString> = process
        .into_iter()
        .filter(|(name, _)| !is_dropped(&name.to_string_lossy(), in_hook))
        .collect();
    export_proxies(&mut kept);
    kept
}

fn is_dropped(name: &str, in_hook: bool) -> bool {
    DROPPED.contains(&name)
        || DROPPED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || (in_hook && name.starts_with("GIT_AUTHOR_"))
}

/// Both spellings of each proxy variable, the lower-case one first (SPEC H-4).
fn export_proxies(env: &mut IndexMap<OsString, OsString>) {
    for lower in PROXIES {
        let upper = lower.to_uppercase();
        let Some(value) = env
            .get(OsStr::new(lower))
            .or_else(|| env.get(OsStr::new(&upper)))
            .filter(|value| !value.is_empty())
            .cloned()
        else {
            continue;
        };
        let value = match value.to_str() {
            Some(text) if *lower != "no_proxy" && !text.contains("://") => {
                OsString::from(format!("http://{text}"))
            }
            _ => value,
        };
        env.insert(OsString::from(lower), value.clone());
        env.insert(OsString::from(upper), value);
    }
}

/// Everything that decides a step's environment, weakest first (SPEC 4.3).
#[derive(Debug)]
pub struct Layers<'a> {
    pub host: &'a IndexMap<OsString, OsString>,
    /// The `env` context of the step.
    pub env: &'a IndexMap<String, String>,
    /// `STATE_*` and `INPUT_*`.
    pub action: &'a [(String, String)],
    /// `GITHUB_*` and `RUNNER_*`: can not be overridden (SPEC V-1).
    pub runner: &'a [(String, String)],
    /// Entries of `GITHUB_PATH`, first one first.
    pub path: &'a [String],
}

impl Layers<'_> {
    /// The search path of the step (SPEC V-21).
    pub fn search_path(&self) -> OsString {
        let base = self
            .env
            .get("PATH")
            .map(OsString::from)
            .or_else(|| self.host.get(OsStr::new("PATH")).cloned())
            .unwrap_or_default();
        let mut joined = OsString::new();
        for entry in self.path {
            joined.push(entry);
            joined.push(":");
        }
        joined.push(base);
        joined
    }

    /// The whole environment, ready for the process.
    pub fn build(&self) -> Vec<(OsString, OsString)> {
        let mut all = self.host.clone();
        let mut set = |name: &str, value: &str| {
            // No process can carry such a variable; starting one with it would fail without saying why.
            if !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0') {
                all.insert(OsString::from(name), OsString::from(value));
            }
        };
        for (name, value) in self.env {
            set(name, value);
        }
        for (name, value) in self.action.iter().chain(self.runner) {
            set(name, value);
        }
        set("GITHUB_ACTIONS", "true");
        if !self.env.contains_key("CI") && !self.host.contains_key(OsStr::new("CI")) {
            set("CI", "true");
        }
        if !self.path.is_empty() {
            all.insert(OsString::from("PATH"), self.search_path());
        }
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn os(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(n, v)| (OsString::from(n), OsString::from(v)))
            .collect()
    }

    fn text(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn hooks_and_other_runs_stay_out() {
        let env = inherited(
            os(&[
                ("PATH", "/bin"),
                ("GIT_DIR", "x"),
                ("GIT_INDEX_FILE", "x"),
                ("GIT_AUTHOR_NAME", "x"),
                ("GIT_SSH_COMMAND", "ssh"),
                ("GITHUB_SHA", "x"),
                ("LRUN_JOB", "x"),
                ("RUNNER_OS", "x"),
                ("ACTIONS_CACHE_URL", "x"),
            ]),
            Inherit::Filtered,
        );
        let names: Vec<_> = env.keys().filter_map(|name| name.to_str()).collect();
        assert_eq!(names, ["PATH", "GIT_SSH_COMMAND"]);
    }

    #[test]
    fn the_author_stays_outside_of_a_hook() {
        let env = inherited(os(&[("GIT_AUTHOR_NAME", "me")]), Inherit::Filtered);
        assert_eq!(env.len(), 1);
    }

    #[test]
    fn clean_env_is_three_variables() {
        let env = inherited(
            os(&[
                ("PATH", "/bin"),
                ("HOME", "/h"),
                ("LANG", "C"),
                ("FOO", "x"),
            ]),
            Inherit::Clean,
        );
        assert_eq!(env.len(), 3);
    }

    #[test]
    fn proxies_get_both_spellings_and_a_scheme() {
        let env = inherited(os(&[("HTTP_PROXY", "proxy:3128")]), Inherit::Filtered);
        assert_eq!(env[OsStr::new("http_proxy")], "http://proxy:3128");
        assert_eq!(env[OsStr::new("HTTP_PROXY")], "http://proxy:3128");
    }

    fn built(
        env: &[(&str, &str)],
        host: &[(&str, &str)],
        path: &[&str],
    ) -> IndexMap<String, String> {
        let host = os(host).into_iter().collect();
        let env = text(env).into_iter().collect();
        let path: Vec<String> = path.iter().map(|p| (*p).to_owned()).collect();
        Layers {
            host: &host,
            env: &env,
            action: &text(&[("INPUT_A", "1")]),
            runner: &text(&[("GITHUB_SHA", "real")]),
            path: &path,
        }
        .build()
        .into_iter()
        .map(|(n, v)| (n.into_string().unwrap(), v.into_string().unwrap()))
        .collect()
    }

    #[test]
    fn the_runner_wins_over_env() {
        // SPEC V-1
        assert_eq!(
            built(&[("GITHUB_SHA", "fake")], &[], &[])["GITHUB_SHA"],
            "real"
        );
    }

    #[test]
    fn ci_can_be_changed_by_the_workflow_and_the_host() {
        // SPEC 4.1
        assert_eq!(built(&[], &[], &[])["CI"], "true");
        assert_eq!(built(&[("CI", "false")], &[], &[])["CI"], "false");
        assert_eq!(built(&[], &[("CI", "no")], &[])["CI"], "no");
        assert_eq!(
            built(&[("GITHUB_ACTIONS", "no")], &[], &[])["GITHUB_ACTIONS"],
            "true"
        );
    }

    #[test]
    fn added_paths_come_first() {
        // SPEC V-20, V-21
        let env = built(&[], &[("PATH", "/bin")], &["/new", "/old"]);
        assert_eq!(env["PATH"], "/new:/old:/bin");
        let env = built(&[("PATH", "/mine")], &[("PATH", "/bin")], &["/new"]);
        assert_eq!(env["PATH"], "/new:/mine");
    }
}
