//! `push` (SPEC T-2, T-25).

use std::collections::BTreeSet;

use git2::Oid;
use serde_json::{Value, json};

use super::scene::{Draft, Scene};
use super::{commit, common};
use crate::repo::changes::MOST_COMMITS;
use crate::repo::{Repo, RepoError, ZEROS};

/// GitHub lists no more commits than this to Actions.
const LISTED_COMMITS: usize = 20;

/// Where the push starts.
enum Base {
    /// The commit before it; `None` for the empty tree.
    Known(Option<Oid>),
    /// A sha of `-e` that is not here: no diff can be made.
    Missing,
}

pub(super) fn draft(scene: &Scene<'_>) -> Result<Draft, RepoError> {
    let mut notes = Vec::new();
    let git_ref = scene
        .given_text(&["ref"])
        .unwrap_or(&scene.current_ref)
        .to_owned();
    let after = after(scene, &git_ref, &mut notes);
    let before = before(scene, &git_ref, after, &mut notes);
    let mut draft = scene.draft(git_ref, after);
    let commits = match (&before, after, scene.repo) {
        (Base::Known(base), Some(after), Some(repo)) => {
            let (commits, count) = repo.commits_between(*base, after, LISTED_COMMITS)?;
            if count > MOST_COMMITS {
                notes.push(format!(
                    "the push has more than {MOST_COMMITS} commits: like GitHub, path filters let everything through"
                ));
            } else {
                draft.changed_files = Some(changed_files(scene, repo, *base, after)?);
            }
            commits
        }
        (Base::Known(_), None, _) => {
            draft.changed_files = Some(if scene.request.path_filters {
                scene.uncommitted()?.into_iter().collect()
            } else {
                Vec::new()
            });
            Vec::new()
        }
        _ => after.into_iter().collect(),
    };
    let fields = fields(scene, &draft, &before, &commits)?;
    draft.put(fields);
    draft.notes = notes;
    Ok(draft)
}

/// The pushed commit: `after` of `-e`, the tip of its ref, else HEAD.
fn after(scene: &Scene<'_>, git_ref: &str, notes: &mut Vec<String>) -> Option<Oid> {
    match scene.given_text(&["after"]) {
        Some(sha) if sha != ZEROS => scene.sha_or_head(sha, notes),
        _ => scene.commit_or_head(git_ref, notes),
    }
}

fn before(scene: &Scene<'_>, git_ref: &str, after: Option<Oid>, notes: &mut Vec<String>) -> Base {
    match scene.given_text(&["before"]) {
        Some(sha) if sha != ZEROS => {
            let found = scene.repo.and_then(|repo| repo.commit_id(sha));
            if found.is_none() {
                notes.push(format!(
                    "commit {sha} is not here: path filters let everything through"
                ));
                return Base::Missing;
            }
            Base::Known(found)
        }
        Some(_) => Base::Known(None),
        None => {
            let known = scene.repo.zip(after);
            Base::Known(known.and_then(|(repo, after)| made_before(scene, repo, git_ref, after)))
        }
    }
}

/// What the remote had before, as far as can be told here (SPEC T-25); a pushed tag starts at its commit's parent.
fn made_before(scene: &Scene<'_>, repo: &Repo, git_ref: &str, after: Oid) -> Option<Oid> {
    let parent = commit::first_parent(repo, after);
    let Some(branch) = git_ref.strip_prefix("refs/heads/") else {
        return parent;
    };
    if let Some(tip) = repo.remote_tip(branch, scene.remote()) {
        return if tip != after && repo.is_ancestor(tip, after) {
            Some(tip)
        } else {
            parent
        };
    }
    repo.remote_tip(scene.default_branch(), scene.remote())
        .and_then(|default| repo.merge_base(default, after))
        .filter(|fork| *fork != after)
        .or(parent)
}

/// `before..after`, and what the job sees uncommitted unless `-e` says what was pushed.
fn changed_files(
    scene: &Scene<'_>,
    repo: &Repo,
    base: Option<Oid>,
    after: Oid,
) -> Result<Vec<String>, RepoError> {
    let mut files: BTreeSet<String> = repo.changed_between(base, after)?;
    let told = ["before", "after"].map(|key| scene.given_text(&[key]));
    if scene.request.path_filters && told == [None, None] && Some(after) == scene.head {
        files.append(&mut scene.uncommitted()?);
    }
    Ok(files.into_iter().collect())
}

fn fields(
    scene: &Scene<'_>,
    draft: &Draft,
    before: &Base,
    commits: &[Oid],
) -> Result<Value, RepoError> {
    let is_tag = draft.git_ref.starts_with("refs/tags/");
    let after = draft
        .sha
        .map_or_else(|| ZEROS.to_owned(), |id| id.to_string());
    let before_id = match before {
        Base::Known(Some(id)) if !is_tag => Some(*id),
        _ => None,
    };
    let before = before_id.map_or_else(|| ZEROS.to_owned(), |id| id.to_string());
    let created = before_id.is_none();
    let forced = match (scene.repo, before_id, draft.sha) {
        (Some(repo), Some(before), Some(after)) => {
            before != after && !repo.is_ancestor(before, after)
        }
        _ => false,
    };
    let url = common::html_url(scene);
    let compare = if created {
        format!("{url}/compare/{}", super::ref_name(&draft.git_ref))
    } else {
        format!("{url}/compare/{}...{}", &before[..12], &after[..12])
    };
    let head_commit = match draft.sha {
        Some(id) => commit::detailed(scene, id)?,
        None => Value::Null,
    };
    let listed: Vec<Value> = commits
        .iter()
        .filter(|_| !is_tag)
        .filter_map(|id| commit::listed(scene, *id))
        .collect();
    let identity = scene.identity();
    Ok(json!({
        "ref": draft.git_ref,
        "before": before,
        "after": after,
        "base_ref": null,
        "created": created,
        "deleted": false,
        "forced": forced,
        "compare": compare,
        "commits": listed,
        "head_commit": head_commit,
        "pusher": { "name": identity.actor, "email": identity.user_email },
    }))
}
