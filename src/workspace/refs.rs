//! Which commit a checkout asks for, and under which name `actions/checkout` leaves it.

use git2::Oid;

use super::checkout::Target;
use super::source::Source;
use super::{Result, WorkspaceError};

/// What a checkout asks for, found in the user's repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub commit: Oid,
    /// The full name (`refs/heads/main`); empty for a bare commit.
    pub name: String,
    /// The action's output `ref`.
    pub output: String,
}

/// Finds an explicit ref, or what the event names.
pub(super) fn wanted(source: &Source, asked: Option<&str>, target: &Target) -> Result<Wanted> {
    let Some(asked) = asked else {
        let name = qualified(&target.git_ref);
        return Ok(Wanted {
            commit: existing(source, &target.sha)?,
            output: name.clone(),
            name,
        });
    };
    if asked.len() == 40 && asked.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(Wanted {
            commit: existing(source, asked)?,
            name: String::new(),
            output: String::new(),
        });
    }
    let candidates = if asked.to_ascii_lowercase().starts_with("refs/") {
        vec![asked.to_owned()]
    } else {
        vec![format!("refs/heads/{asked}"), format!("refs/tags/{asked}")]
    };
    for name in candidates {
        if let Some(commit) = lookup(source, &name, target)? {
            return Ok(Wanted {
                commit,
                name,
                output: asked.to_owned(),
            });
        }
    }
    Err(WorkspaceError::UnknownRef(asked.to_owned()))
}

/// Some events name a branch without `refs/heads/`.
fn qualified(name: &str) -> String {
    if name.is_empty() || name.starts_with("refs/") {
        name.to_owned()
    } else {
        format!("refs/heads/{name}")
    }
}

fn existing(source: &Source, sha: &str) -> Result<Oid> {
    Oid::from_str(sha)
        .ok()
        .filter(|oid| source.repo.find_commit(*oid).is_ok())
        .ok_or_else(|| WorkspaceError::UnknownCommit(sha.to_owned()))
}

/// What GitHub would have under that name, as far as this repository knows.
fn lookup(source: &Source, name: &str, target: &Target) -> Result<Option<Oid>> {
    if !target.git_ref.is_empty() && name == qualified(&target.git_ref) {
        return existing(source, &target.sha).map(Some);
    }
    if let Some(branch) = name.strip_prefix("refs/heads/") {
        return Ok(branch_tip(source, branch, &target.remote_name));
    }
    let Some(pull) = name.strip_prefix("refs/pull/") else {
        return Ok(tip(source, name));
    };
    let remote = &target.remote_name;
    let fetched = [
        name.to_owned(),
        format!("refs/remotes/pull/{pull}"),
        format!("refs/remotes/{remote}/pull/{pull}"),
    ];
    // The head of the pull request that is simulated is what stands here.
    let own = pull
        .strip_suffix("/head")
        .is_some_and(|number| target.git_ref == format!("refs/pull/{number}/merge"));
    Ok(match source.head() {
        Some(head) if own => Some(head.id()),
        _ => fetched.iter().find_map(|place| tip(source, place)),
    })
}

fn tip(source: &Source, name: &str) -> Option<Oid> {
    let reference = source.repo.find_reference(name).ok()?;
    Some(reference.peel_to_commit().ok()?.id())
}

/// Where a branch stands on GitHub: where the remote is known to have it, unless it is about to be pushed further.
pub(super) fn branch_tip(source: &Source, branch: &str, remote: &str) -> Option<Oid> {
    let local_name = format!("refs/heads/{branch}");
    let local = tip(source, &local_name);
    let known = tip(source, &format!("refs/remotes/{remote}/{branch}"));
    let (Some(local), Some(known)) = (local, known) else {
        return local.or(known);
    };
    let current = source
        .repo
        .head()
        .is_ok_and(|head| head.name() == Ok(local_name.as_str()));
    let ahead = || {
        source
            .repo
            .graph_descendant_of(local, known)
            .unwrap_or(false)
    };
    Some(if local == known || current || ahead() {
        local
    } else {
        known
    })
}
