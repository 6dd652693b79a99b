//! Refs and files of repositories through the git program, so that the user's git configuration counts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;

use super::super::git_command::HOOK_VARIABLES;
use super::source::{ManifestSource, RefSource, Refs, Repository, SourceError};

/// A fetched commit, under way at most once.
type Cell = Arc<Mutex<Option<Result<PathBuf, SourceError>>>>;

/// Asks a server by git; what is fetched lies in a folder of its own until this is dropped.
#[derive(Debug)]
pub struct Git {
    server: String,
    environment: Vec<(String, String)>,
    folder: TempDir,
    fetched: Mutex<HashMap<String, Cell>>,
}

impl Git {
    /// `server` is a URL like `https://github.com`; `environment` is all that git sees.
    pub fn new(
        server: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, SourceError> {
        let folder = tempfile::Builder::new()
            .prefix("lrun-lock-")
            .tempdir()
            .map_err(|error| SourceError::Disk(format!("no temporary folder: {error}")))?;
        let environment = environment
            .into_iter()
            .filter(|(name, _)| !HOOK_VARIABLES.contains(&name.as_str()))
            .collect();
        Ok(Self {
            server: server.trim_end_matches('/').to_owned(),
            environment,
            folder,
            fetched: Mutex::default(),
        })
    }

    fn url(&self, repository: &Repository) -> String {
        format!("{}/{repository}", self.server)
    }

    fn run(&self, folder: &Path, args: &[&str]) -> Result<Output, SourceError> {
        Command::new("git")
            .args(args)
            .current_dir(folder)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .output()
            .map_err(|error| SourceError::NoGit(error.to_string()))
    }

    /// Runs git and takes what it prints.
    fn git(&self, folder: &Path, args: &[&str]) -> Result<String, SourceError> {
        let output = self.run(folder, args)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = stderr.lines().map(str::trim).collect();
        let message = said
            .iter()
            .find(|line| line.starts_with("fatal:") || line.starts_with("error:"))
            .or_else(|| said.iter().find(|line| !line.is_empty()))
            .map_or_else(|| output.status.to_string(), |line| (*line).to_owned());
        Err(SourceError::Git {
            command: args.join(" "),
            message,
        })
    }

    /// A bare repository for `what`, filled by `fill` the first time that it is asked for.
    fn once(
        &self,
        what: String,
        fill: impl FnOnce(&Path) -> Result<(), SourceError>,
    ) -> Result<PathBuf, SourceError> {
        let (cell, folder) = {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            let folder = self.folder.path().join(fetched.len().to_string());
            (Arc::clone(fetched.entry(what).or_default()), folder)
        };
        let mut cell = cell.lock().unwrap_or_else(PoisonError::into_inner);
        cell.get_or_insert_with(|| {
            std::fs::create_dir(&folder)
                .map_err(|error| SourceError::Disk(format!("no temporary folder: {error}")))?;
            self.git(&folder, &["init", "--quiet", "--bare"])?;
            fill(&folder)?;
            Ok(folder)
        })
        .clone()
    }

    /// A bare repository that has the commit.
    fn fetched(&self, repository: &Repository, commit: &str) -> Result<PathBuf, SourceError> {
        let url = self.url(repository);
        self.once(format!("{url}@{commit}"), |folder| {
            let fetch = ["fetch", "--quiet", "--no-tags", "--depth=1", &url, commit];
            self.git(folder, &fetch).map(drop)
        })
    }
}

impl RefSource for Git {
    fn refs(&self, repository: &Repository) -> Result<Refs, SourceError> {
        let url = self.url(repository);
        let text = self.git(self.folder.path(), &["ls-remote", "--symref", &url])?;
        let mut refs = Refs::default();
        let mut peeled = Vec::new();
        for (value, name) in text.lines().filter_map(|line| line.split_once('\t')) {
            if let Some(target) = value.strip_prefix("ref: refs/heads/") {
                refs.default_branch = Some(target.to_owned());
            } else if let Some(branch) = name.strip_prefix("refs/heads/") {
                refs.branches.insert(branch.to_owned(), value.to_owned());
            } else if let Some(tag) = name.strip_prefix("refs/tags/") {
                match tag.strip_suffix("^{}") {
                    Some(tag) => peeled.push((tag.to_owned(), value.to_owned())),
                    None => {
                        refs.tags.insert(tag.to_owned(), value.to_owned());
                    }
                }
            }
        }
        // The commit that an annotated tag is about, not the tag's own object.
        refs.tags.extend(peeled);
        Ok(refs)
    }

    fn branches_with(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Vec<String>, SourceError> {
        let url = self.url(repository);
        let folder = self.once(format!("{url} history"), |folder| {
            let branches = "+refs/heads/*:refs/heads/*";
            let fetch = [
                "fetch",
                "--quiet",
                "--no-tags",
                "--filter=tree:0",
                &url,
                branches,
            ];
            self.git(folder, &fetch).map(drop)
        })?;
        let list = [
            "for-each-ref",
            "--format=%(refname:lstrip=2)",
            "--contains",
            commit,
        ];
        let output = self.run(&folder, &list)?;
        // A commit that no branch brought along is an error to git.
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl ManifestSource for Git {
    fn file(
        &self,
        repository: &Repository,
        commit: &str,
        path: &str,
    ) -> Result<Option<String>, SourceError> {
        let folder = self.fetched(repository, commit)?;
        let name = format!("{commit}:{path}");
        let kind = self.run(&folder, &["cat-file", "-t", &name])?;
        if kind.stdout.trim_ascii() != b"blob" {
            return Ok(None);
        }
        self.git(&folder, &["cat-file", "blob", &name]).map(Some)
    }

    fn committed_at(
        &self,
        repository: &Repository,
        commit: &str,
    ) -> Result<Option<i64>, SourceError> {
        let folder = self.fetched(repository, commit)?;
        let text = self.git(&folder, &["show", "--no-patch", "--format=%ct", commit])?;
        Ok(text.trim().parse().ok())
    }
}
