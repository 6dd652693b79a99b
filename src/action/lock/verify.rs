//! Whether the refs of the lock still name the locked commits.

use std::collections::{BTreeMap, BTreeSet};

use super::pin::Pin;
use super::source::{RefSource, Refs, Repository, SourceError};
use super::want::each;
use super::{Dependency, Lock, Place};
use crate::diagnostic::{Diagnostic, Severity};

/// Asks for the refs of every locked repository and compares.
pub fn verify(lock: &Lock, source: &dyn RefSource) -> Vec<Diagnostic> {
    let repositories: BTreeSet<&str> = lock.dependencies.keys().map(Pin::repository).collect();
    let repositories: Vec<&str> = repositories.into_iter().collect();
    let answers: BTreeMap<&str, Result<Refs, SourceError>> = each(&repositories, |name| {
        let (owner, repo) = name.split_once('/').unwrap_or_default();
        let repository = Repository {
            owner: owner.to_owned(),
            repo: repo.to_owned(),
        };
        (*name, source.refs(&repository))
    })
    .into_iter()
    .collect();
    let mut found = Vec::new();
    for (pin, dependency) in &lock.dependencies {
        let finding = match &answers[pin.repository()] {
            Ok(refs) => compare(pin, dependency, refs),
            Err(error) => Some(Diagnostic::error(
                "unreachable",
                format!("`{pin}` can not be verified: {error}"),
            )),
        };
        if let Some(finding) = finding {
            found.push(lock.at(finding, &Place::Dependency(pin.clone())));
        }
    }
    found
}

fn compare(pin: &Pin, dependency: &Dependency, refs: &Refs) -> Option<Diagnostic> {
    let locked = dependency.sha();
    let git_ref = dependency.git_ref.as_str();
    if pin.is_sha() {
        if let Some(now) = refs.commit(pin.git_ref()).filter(|now| *now != locked) {
            let message = format!("`{pin}` looks like a commit, but is a ref that names {now}");
            return Some(Diagnostic::error("misleading-sha", message));
        }
        // The name of a bare commit is for people; a branch goes on from it.
        if !refs.tags.contains_key(git_ref) {
            return None;
        }
    }
    let Some(now) = refs.commit(git_ref) else {
        let message = format!("`{pin}` is locked to {locked}, but the ref is gone");
        return Some(
            Diagnostic::error("unreachable-pin", message)
                .help("see what became of it before you trust that commit"),
        );
    };
    if now == locked {
        return None;
    }
    let is_tag = refs
        .tags
        .contains_key(git_ref.trim_start_matches("refs/tags/"));
    let (severity, kind) = if is_tag {
        (Severity::Error, "tag")
    } else {
        (Severity::Warning, "branch")
    };
    let message = format!("The {kind} of `{pin}` has moved: locked is {locked}, now it is {now}");
    Some(Diagnostic::new(severity, "ref-moved", message).help(
        "the locked commit still runs; take the new one, if you trust it, by `lrun lock --relock`",
    ))
}
