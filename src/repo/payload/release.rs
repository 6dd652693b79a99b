//! `release` (SPEC T-7): runs on the commit of its tag.

use serde_json::json;

use super::scene::{Draft, Scene};
use super::{commit, common, other};

/// The tag of a release where neither `-e` nor HEAD names one.
const INVENTED_TAG: &str = "v0.0.0";

pub(super) fn draft(scene: &Scene<'_>) -> Draft {
    let mut notes = Vec::new();
    let (tag, sha) = if let Some(tag) = scene.given_text(&["release", "tag_name"]) {
        let sha = scene.commit_or_head(&format!("refs/tags/{tag}"), &mut notes);
        (tag.to_owned(), sha)
    } else {
        let tag = tag_at_head(scene).unwrap_or_else(|| {
            notes.push(format!(
                "no tag points at HEAD: the release is of {INVENTED_TAG}; name one with -e {{\"release\": {{\"tag_name\": …}}}}"
            ));
            INVENTED_TAG.to_owned()
        });
        (tag, scene.head)
    };
    let mut draft = scene.draft(format!("refs/tags/{tag}"), sha);
    let action = other::action(scene);
    let time = commit::time_of(scene, sha);
    let url = common::html_url(scene);
    let id = common::id_within(scene, &format!("releases/{tag}"));
    draft.put(json!({
        "action": action,
        "release": {
            "id": id,
            "tag_name": tag,
            "target_commitish": scene.default_branch(),
            "name": tag,
            "body": "",
            "draft": false,
            "prerelease": action == "prereleased",
            "author": common::user(&scene.identity().actor),
            "assets": [],
            "created_at": time,
            "published_at": time,
            "html_url": format!("{url}/releases/tag/{tag}"),
            "upload_url": format!("{url}/releases/{id}/assets{{?name,label}}"),
            "tarball_url": format!("{url}/archive/refs/tags/{tag}.tar.gz"),
            "zipball_url": format!("{url}/archive/refs/tags/{tag}.zip"),
        },
    }));
    draft.notes = notes;
    draft
}

/// The current tag, else the last by name of those at HEAD.
fn tag_at_head(scene: &Scene<'_>) -> Option<String> {
    if let Some(tag) = scene.current_ref.strip_prefix("refs/tags/") {
        return Some(tag.to_owned());
    }
    scene.repo?.tags_at(scene.head?).pop()
}
