//! Commits as payloads show them (SPEC T-2).

use git2::{Commit, Oid, Signature, Time};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::{Value, json};

use super::common::html_url;
use super::scene::Scene;
use crate::repo::changes::ChangeKind;
use crate::repo::{Repo, RepoError};

/// An entry of `commits`, which in Actions has no lists of files.
pub(super) fn listed(scene: &Scene<'_>, id: Oid) -> Option<Value> {
    let commit = scene.repo?.git.find_commit(id).ok()?;
    Some(json!({
        "author": person(scene, &commit.author()),
        "committer": person(scene, &commit.committer()),
        "distinct": true,
        "id": id.to_string(),
        "message": message(&commit),
        "timestamp": timestamp(commit.author().when()),
        "tree_id": commit.tree_id().to_string(),
        "url": format!("{}/commit/{id}", html_url(scene)),
    }))
}

/// `head_commit`: with the files that it changed against its first parent.
pub(super) fn detailed(scene: &Scene<'_>, id: Oid) -> Result<Value, RepoError> {
    let (Some(repo), Some(mut value)) = (scene.repo, listed(scene, id)) else {
        return Ok(Value::Null);
    };
    let mut lists = [Vec::new(), Vec::new(), Vec::new()];
    for file in repo.diff_commits(first_parent(repo, id), id)? {
        let list = match file.kind {
            ChangeKind::Added | ChangeKind::Untracked => 0,
            ChangeKind::Removed => 1,
            ChangeKind::Modified => 2,
        };
        lists[list].push(file.path);
    }
    for (name, list) in ["added", "removed", "modified"].into_iter().zip(lists) {
        value[name] = json!(list);
    }
    Ok(value)
}

pub(super) fn first_parent(repo: &Repo, id: Oid) -> Option<Oid> {
    repo.git.find_commit(id).ok()?.parent_id(0).ok()
}

/// When a commit was made, in UTC as the fields of other objects have it.
pub(super) fn time_of(scene: &Scene<'_>, id: Option<Oid>) -> Value {
    let time = id.zip(scene.repo).and_then(|(id, repo)| {
        let commit = repo.git.find_commit(id).ok()?;
        Timestamp::from_second(commit.time().seconds()).ok()
    });
    json!(time.unwrap_or(Timestamp::UNIX_EPOCH).to_string())
}

/// The message without the line break that git puts at its end.
fn message(commit: &Commit<'_>) -> String {
    String::from_utf8_lossy(commit.message_bytes())
        .trim_end()
        .to_owned()
}

/// The login is known for GitHub's own no-reply addresses and for the user of this machine; else it is left out, as
/// GitHub does.
fn person(scene: &Scene<'_>, who: &Signature<'_>) -> Value {
    let name = String::from_utf8_lossy(who.name_bytes());
    let email = String::from_utf8_lossy(who.email_bytes());
    let identity = scene.identity();
    let login = match email.split_once("@users.noreply.") {
        Some((user, _)) => user.split_once('+').map_or(user, |(_, login)| login),
        None if email == identity.user_email => identity.user_login.as_str(),
        None => "",
    };
    let mut person = json!({ "email": email, "name": name });
    if !login.is_empty() {
        person["username"] = json!(login);
    }
    person
}

/// RFC 3339 in the author's own offset; `Z` for UTC.
fn timestamp(time: Time) -> String {
    let instant = Timestamp::from_second(time.seconds()).unwrap_or(Timestamp::UNIX_EPOCH);
    let offset = time
        .offset_minutes()
        .checked_mul(60)
        .and_then(|seconds| Offset::from_seconds(seconds).ok())
        .unwrap_or(Offset::UTC);
    if offset == Offset::UTC {
        return instant.to_string();
    }
    instant
        .to_zoned(TimeZone::fixed(offset))
        .strftime("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}
