//! What the caller wants of an event.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{ref_name, ref_type};
use crate::plan::GithubEvent;
use crate::repo::{Identity, JobView};

/// An event to be made.
#[derive(Debug, Clone)]
pub struct PayloadRequest<'a> {
    /// `push`, `pull_request`, …
    pub event: &'a str,
    pub identity: &'a Identity,
    /// The object of `-e`.
    pub merge: Option<Map<String, Value>>,
    /// The inputs of `workflow_dispatch`, values as texts.
    pub inputs: Option<Map<String, Value>>,
    pub view: JobView,
    /// A workflow asks which files a push changed. Looking for uncommitted ones takes time in a large tree.
    pub path_filters: bool,
    /// The activity type, where the chosen workflows do not take the default one.
    pub action: Option<String>,
    /// The cron text that fires.
    pub cron: Option<String>,
    /// Path of the workflow that is dispatched.
    pub workflow: Option<String>,
    /// The run that a `workflow_run` is about.
    pub source: SourceRun,
    /// Number of the pull request, issue or discussion.
    pub number: Option<u64>,
    /// lrun's folder for merges of pull requests; without one HEAD runs unmerged.
    pub merges: Option<PathBuf>,
    pub overrides: ContextOverrides,
}

/// A finished run of a workflow; what is not known is made up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRun {
    /// The workflow's name.
    pub name: Option<String>,
    /// Its file.
    pub path: Option<String>,
    pub event: Option<String>,
    pub conclusion: Option<String>,
    pub id: Option<u64>,
    pub number: Option<u64>,
    pub head_branch: Option<String>,
    pub head_sha: Option<String>,
}

impl<'a> PayloadRequest<'a> {
    pub fn new(event: &'a str, identity: &'a Identity) -> Self {
        Self {
            event,
            identity,
            merge: None,
            inputs: None,
            view: JobView::default(),
            path_filters: true,
            action: None,
            cron: None,
            workflow: None,
            source: SourceRun::default(),
            number: None,
            merges: None,
            overrides: ContextOverrides::default(),
        }
    }
}

/// What `--env` sets in the `github` context (ACT-HABITS 5); the payload stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContextOverrides {
    pub git_ref: Option<String>,
    pub ref_name: Option<String>,
    pub ref_type: Option<String>,
    pub head_ref: Option<String>,
    pub base_ref: Option<String>,
    pub sha: Option<String>,
}

impl ContextOverrides {
    /// Takes `GITHUB_REF` and its like; `SHA_REF` is act's name for `GITHUB_SHA`.
    pub fn from_env(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name| get(name).filter(|value| !value.is_empty());
        Self {
            git_ref: get("GITHUB_REF"),
            ref_name: get("GITHUB_REF_NAME"),
            ref_type: get("GITHUB_REF_TYPE"),
            head_ref: get("GITHUB_HEAD_REF"),
            base_ref: get("GITHUB_BASE_REF"),
            sha: get("GITHUB_SHA").or_else(|| get("SHA_REF")),
        }
    }

    /// Name and type follow a ref unless they are set too.
    pub(super) fn apply(&self, event: &mut GithubEvent) {
        if let Some(git_ref) = &self.git_ref {
            event.git_ref.clone_from(git_ref);
            ref_name(git_ref).clone_into(&mut event.ref_name);
            ref_type(git_ref).clone_into(&mut event.ref_type);
        }
        for (wish, field) in [
            (&self.ref_name, &mut event.ref_name),
            (&self.ref_type, &mut event.ref_type),
            (&self.head_ref, &mut event.head_ref),
            (&self.base_ref, &mut event.base_ref),
            (&self.sha, &mut event.sha),
        ] {
            if let Some(wish) = wish {
                field.clone_from(wish);
            }
        }
    }
}
