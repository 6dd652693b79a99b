//! `pull_request` and the events around it (SPEC T-3, T-25).

use git2::Oid;
use serde_json::{Value, json};

use super::scene::{Draft, Scene};
use super::{commit, common, other};
use crate::repo::changes::MOST_COMMITS;
use crate::repo::{RepoError, ZEROS};

/// The two sides of a pull request.
struct Sides {
    base_ref: String,
    base: Option<Oid>,
    head_ref: String,
    head: Option<Oid>,
    /// Whether `-e` names the head, so that what is uncommitted here is no part of it.
    head_is_given: bool,
}

pub(super) fn draft(scene: &Scene<'_>) -> Result<Draft, RepoError> {
    let number = scene.number("pull_request");
    let mut notes = Vec::new();
    let sides = sides(scene, &mut notes);
    let mut draft = if scene.request.event == "pull_request_target" {
        scene.on_default_branch()
    } else {
        let draft = scene.draft(merge_ref(scene, number, &sides), scene.head);
        if scene.head.is_some() {
            notes.push(format!(
                "HEAD runs unmerged: GitHub would run its merge into {}",
                sides.base_ref
            ));
        }
        draft
    };
    draft.notes.append(&mut notes);
    let commits = count_commits(scene, &sides)?;
    if commits > MOST_COMMITS {
        draft.notes.push(format!(
            "the pull request has more than {MOST_COMMITS} commits: like GitHub, path filters let everything through"
        ));
    } else {
        draft.changed_files = changed_files(scene, &sides)?;
    }
    let mut fields = json!({
        "action": other::action(scene),
        "number": number,
        "pull_request": pull_request(scene, number, &sides, commits, draft.changed_files.as_ref()),
    });
    match scene.request.event {
        "pull_request_review" => {
            fields["review"] = other::comment(scene, "review");
            fields["review"]["state"] = json!("commented");
        }
        "pull_request_review_comment" => fields["comment"] = other::comment(scene, "comment"),
        _ => {}
    }
    if fields["action"] == "synchronize" {
        let parent = scene.repo.zip(sides.head);
        let parent = parent.and_then(|(repo, head)| commit::first_parent(repo, head));
        fields["before"] = json!(text_of(parent));
        fields["after"] = json!(text_of(sides.head));
    }
    draft.put(fields);
    Ok(draft)
}

/// The merge ref; a merged pull request runs on its base (SPEC 14.2).
fn merge_ref(scene: &Scene<'_>, number: u64, sides: &Sides) -> String {
    let merged = scene.given(&["pull_request", "merged"]) == Some(&Value::Bool(true));
    if merged && other::action(scene) == "closed" {
        format!("refs/heads/{}", sides.base_ref)
    } else {
        format!("refs/pull/{number}/merge")
    }
}

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
    let given_head = given_sha.and_then(commit).or_else(|| {
        let branch = scene.given_text(&["pull_request", "head", "ref"])?;
        scene.commit_of_ref(&format!("refs/heads/{branch}"))
    });
    let names_head = given_sha.is_some() || head_ref != scene.current_name();
    if names_head && given_head.is_none() && scene.head.is_some() {
        notes.push(format!(
            "the head {head_ref} is not here: HEAD stands for it"
        ));
    }
    Sides {
        head_is_given: given_head.is_some_and(|head| Some(head) != scene.head),
        base_ref,
        base,
        head_ref,
        head: given_head.or(scene.head),
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

/// What the head changed since it left the base, and what the job sees uncommitted.
fn changed_files(scene: &Scene<'_>, sides: &Sides) -> Result<Option<Vec<String>>, RepoError> {
    let (Some(repo), Some(base), Some(head)) = (scene.repo, sides.base, sides.head) else {
        return Ok(None);
    };
    let Some(mut files) = repo.changed_since_merge_base(base, head)? else {
        return Ok(None);
    };
    if !sides.head_is_given {
        files.append(&mut scene.uncommitted()?);
    }
    Ok(Some(files.into_iter().collect()))
}

fn pull_request(
    scene: &Scene<'_>,
    number: u64,
    sides: &Sides,
    commits: usize,
    files: Option<&Vec<String>>,
) -> Value {
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
    json!({
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
        "commits": commits,
        "changed_files": files.map_or(0, Vec::len),
        "additions": 0,
        "deletions": 0,
        "comments": 0,
        "review_comments": 0,
    })
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
