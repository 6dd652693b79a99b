//! `pull_request` and the events around it (SPEC T-3, T-25).

use git2::Oid;
use serde_json::{Value, json};

use super::scene::{Draft, Scene};
use super::{commit, common, other};
use crate::plan::Merge;
use crate::repo::changes::MOST_COMMITS;
use crate::repo::merge::{Merged, Merging};
use crate::repo::{RepoError, ZEROS};

/// The two sides of a pull request.
struct Sides {
    base_ref: String,
    base: Option<Oid>,
    head_ref: String,
    head: Option<Oid>,
    /// `-e` names a head that is not here, so that HEAD only stands for it.
    head_is_missing: bool,
    /// Whether the head is HEAD, so that what is uncommitted here is part of it.
    of_head: bool,
}

pub(super) fn draft(scene: &Scene<'_>) -> Result<Draft, RepoError> {
    let number = scene.number("pull_request");
    let mut notes = Vec::new();
    let sides = sides(scene, &mut notes);
    let mut draft = if scene.request.event == "pull_request_target" {
        scene.on_default_branch()
    } else {
        on_merge(scene, number, &sides, &mut notes)?
    };
    draft.notes.append(&mut notes);
    let mut request = pull_request(scene, number, &sides)?;
    let commits = count_commits(scene, &sides)?;
    request["commits"] = json!(commits);
    if commits > MOST_COMMITS {
        draft.notes.push(format!(
            "the pull request has more than {MOST_COMMITS} commits: like GitHub, path filters let everything through"
        ));
    } else {
        let (count, files) = changed_files(scene, &sides)?;
        draft.changed_files = files;
        request["changed_files"] = json!(count);
    }
    if let Some(merge) = &draft.merge {
        request["mergeable"] = json!(true);
        request["merge_commit_sha"] = json!(merge.commit);
    }
    let action = other::action(scene);
    let mut fields = json!({ "action": action, "number": number, "pull_request": request });
    match scene.request.event {
        "pull_request_review" => {
            fields["review"] = other::comment(scene, "review");
            fields["review"]["state"] = json!("commented");
            fields["review"]["commit_id"] = json!(text_of(sides.head));
        }
        "pull_request_review_comment" => fields["comment"] = other::comment(scene, "comment"),
        _ => activity(scene, &sides, action, &mut fields),
    }
    draft.put(fields);
    Ok(draft)
}

/// What some activity types add (SPEC T-3).
fn activity(scene: &Scene<'_>, sides: &Sides, action: &str, fields: &mut Value) {
    let actor = || common::user(&scene.identity().actor);
    match action {
        "synchronize" => {
            let parent = scene.repo.zip(sides.head);
            let parent = parent.and_then(|(repo, head)| commit::first_parent(repo, head));
            fields["before"] = json!(text_of(parent));
            fields["after"] = json!(text_of(sides.head));
        }
        "edited" => fields["changes"] = json!({}),
        "labeled" | "unlabeled" => {
            let label = other::label(scene);
            if action == "labeled" {
                fields["pull_request"]["labels"] = json!([label]);
            }
            fields["label"] = label;
        }
        "assigned" | "unassigned" => {
            if action == "assigned" {
                fields["pull_request"]["assignee"] = actor();
                fields["pull_request"]["assignees"] = json!([actor()]);
            }
            fields["assignee"] = actor();
        }
        "review_requested" | "review_request_removed" => {
            if action == "review_requested" {
                fields["pull_request"]["requested_reviewers"] = json!([actor()]);
            }
            fields["requested_reviewer"] = actor();
        }
        "closed" => fields["pull_request"]["state"] = json!("closed"),
        "converted_to_draft" => fields["pull_request"]["draft"] = json!(true),
        _ => {}
    }
}

/// Ref and commit of the merge, or of HEAD where there is none (SPEC T-25).
fn on_merge(
    scene: &Scene<'_>,
    number: u64,
    sides: &Sides,
    notes: &mut Vec<String>,
) -> Result<Draft, RepoError> {
    let merged = scene.given(&["pull_request", "merged"]) == Some(&Value::Bool(true));
    let on_base = merged && other::action(scene) == "closed";
    let git_ref = if on_base {
        format!("refs/heads/{}", sides.base_ref)
    } else {
        format!("refs/pull/{number}/merge")
    };
    let mut draft = scene.draft(git_ref, scene.head);
    let known = scene
        .given_text(&["pull_request", "merge_commit_sha"])
        .filter(|_| on_base)
        .and_then(|sha| scene.repo?.commit_id(sha));
    if known.is_some() {
        draft.sha = known;
        return Ok(draft);
    }
    let unmerged = match merge(scene, sides)? {
        Ok((commit, merge)) => {
            draft.sha = Some(commit);
            if !sides.of_head {
                notes.push(
                    "the head is not HEAD: what is uncommitted here is no part of the merge"
                        .to_owned(),
                );
            }
            draft.merge = Some(merge);
            return Ok(draft);
        }
        Err(reason) => reason,
    };
    if scene.head.is_some() {
        let base = &sides.base_ref;
        notes.push(format!(
            "HEAD runs unmerged{unmerged}: GitHub would run its merge into {base}"
        ));
    }
    Ok(draft)
}

/// The merge, or why there is none.
fn merge(
    scene: &Scene<'_>,
    sides: &Sides,
) -> Result<Result<(Oid, Merge), &'static str>, RepoError> {
    let Some(cache) = &scene.request.merges else {
        return Ok(Err(""));
    };
    let (Some(repo), Some(base), Some(head), false) =
        (scene.repo, sides.base, sides.head, sides.head_is_missing)
    else {
        return Ok(Err(""));
    };
    if base == head {
        return Ok(Err(", for it is the base"));
    }
    let merging = repo.merge(cache, base, head).map_err(|error| match error {
        RepoError::Conflict { files, .. } => RepoError::Conflict {
            base: sides.base_ref.clone(),
            head: sides.head_ref.clone(),
            files,
        },
        other => other,
    })?;
    Ok(match merging {
        Merging::Unrelated if repo.is_shallow() => {
            Err(", for this clone is too shallow to have what it shares with the base")
        }
        Merging::Unrelated => Err(", for it shares no history with the base"),
        Merging::Done(Merged { commit, store }) => Ok((
            commit,
            Merge {
                commit: commit.to_string(),
                store,
                of_head: sides.of_head,
            },
        )),
    })
}

/// Base and head. The head is HEAD, unless `-e` gives the sha of another commit that is here.
fn sides(scene: &Scene<'_>, notes: &mut Vec<String>) -> Sides {
    let base_ref = scene
        .given_text(&["pull_request", "base", "ref"])
        .unwrap_or(scene.default_branch())
        .to_owned();
    let head_ref = scene
        .given_text(&["pull_request", "head", "ref"])
        .unwrap_or(scene.current_name())
        .to_owned();
    let commit = |sha: &str| scene.repo.and_then(|repo| repo.commit_id(sha));
    let base = scene
        .given_text(&["pull_request", "base", "sha"])
        .and_then(commit)
        .or_else(|| base_tip(scene, &base_ref));
    if base.is_none() && scene.head.is_some() {
        notes.push(format!(
            "the base {base_ref} is not here: path filters let everything through"
        ));
    }
    let given_sha = scene.given_text(&["pull_request", "head", "sha"]);
    let given_head = given_sha.and_then(commit);
    let is_here = || {
        head_ref == scene.current_name()
            || scene
                .commit_of_ref(&format!("refs/heads/{head_ref}"))
                .is_some()
    };
    let head_is_missing = match given_sha {
        Some(_) => given_head.is_none(),
        None => !is_here(),
    };
    if head_is_missing && scene.head.is_some() {
        notes.push(format!(
            "the head {head_ref} is not here: HEAD stands for it"
        ));
    } else if given_sha.is_none() && head_ref != scene.current_name() {
        notes.push(format!(
            "HEAD stands for the head {head_ref}: a pull_request.head.sha would name its commit"
        ));
    }
    let head = given_head.or(scene.head);
    Sides {
        base_ref,
        base,
        head_ref,
        of_head: head == scene.head,
        head,
        head_is_missing,
    }
}

/// The base as the remote has it, else the branch here.
fn base_tip(scene: &Scene<'_>, branch: &str) -> Option<Oid> {
    let repo = scene.repo?;
    repo.remote_tip(branch, scene.remote())
        .or_else(|| repo.branch_tip(branch, None))
}

fn count_commits(scene: &Scene<'_>, sides: &Sides) -> Result<usize, RepoError> {
    match (scene.repo, sides.base, sides.head) {
        (Some(repo), Some(base), Some(head)) => Ok(repo.commits_between(Some(base), head, 0)?.1),
        _ => Ok(0),
    }
}

/// What the head changed since it left the base, counted, and with what the job sees uncommitted.
fn changed_files(
    scene: &Scene<'_>,
    sides: &Sides,
) -> Result<(usize, Option<Vec<String>>), RepoError> {
    let (Some(repo), Some(base), Some(head)) = (scene.repo, sides.base, sides.head) else {
        return Ok((0, None));
    };
    let Some(mut files) = repo.changed_since_merge_base(base, head)? else {
        return Ok((0, None));
    };
    let count = files.len();
    if sides.of_head && scene.request.path_filters {
        files.append(&mut scene.uncommitted()?);
    }
    Ok((count, Some(files.into_iter().collect())))
}

fn pull_request(scene: &Scene<'_>, number: u64, sides: &Sides) -> Result<Value, RepoError> {
    let (additions, deletions) = match (scene.repo, sides.base, sides.head) {
        (Some(repo), Some(base), Some(head)) => repo.lines_since_merge_base(base, head)?,
        _ => (0, 0),
    };
    let title = title(scene, sides.head);
    let identity = scene.identity();
    let time = commit::time_of(scene, sides.head);
    let url = format!("{}/pull/{number}", common::html_url(scene));
    let side = |name: &str, id: Option<Oid>| {
        json!({
            "label": format!("{}:{name}", identity.owner()),
            "ref": name,
            "sha": text_of(id),
            "user": common::user(identity.owner()),
            "repo": common::repository(scene),
        })
    };
    Ok(json!({
        "id": common::id_within(scene, &format!("pull/{number}")),
        "number": number,
        "state": "open",
        "locked": false,
        "title": title,
        "body": null,
        "user": common::user(&identity.actor),
        "labels": [],
        "assignee": null,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "milestone": null,
        "draft": false,
        "merged": false,
        "mergeable": null,
        "merge_commit_sha": null,
        "auto_merge": null,
        "author_association": "OWNER",
        "created_at": time,
        "updated_at": time,
        "closed_at": null,
        "merged_at": null,
        "html_url": url,
        "diff_url": format!("{url}.diff"),
        "patch_url": format!("{url}.patch"),
        "head": side(&sides.head_ref, sides.head),
        "base": side(&sides.base_ref, sides.base),
        "commits": 0,
        "changed_files": 0,
        "additions": additions,
        "deletions": deletions,
        "comments": 0,
        "review_comments": 0,
    }))
}

/// The first line of the head's message, else the name of its branch.
fn title(scene: &Scene<'_>, head: Option<Oid>) -> String {
    let summary = scene.repo.zip(head).and_then(|(repo, head)| {
        let commit = repo.git.find_commit(head).ok()?;
        Some(String::from_utf8_lossy(commit.summary_bytes()?).into_owned())
    });
    summary.unwrap_or_else(|| scene.current_name().to_owned())
}

fn text_of(id: Option<Oid>) -> String {
    id.map_or_else(|| ZEROS.to_owned(), |id| id.to_string())
}
