//! The fields that every payload has (SPEC T-1), and the invented ids.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::scene::Scene;

/// `repository` and `sender`.
pub(super) fn payload(scene: &Scene<'_>) -> Map<String, Value> {
    let mut payload = Map::new();
    payload.insert("repository".to_owned(), repository(scene));
    payload.insert("sender".to_owned(), user(&scene.identity().actor));
    payload
}

pub(super) fn repository(scene: &Scene<'_>) -> Value {
    let identity = scene.identity();
    let full_name = identity.repository.as_str();
    let html_url = html_url(scene);
    let server = identity.server_url.as_str();
    let host = server.split_once("://").map_or(server, |(_, host)| host);
    json!({
        "id": stable_id(full_name),
        "name": identity.name(),
        "full_name": full_name,
        "private": false,
        "visibility": "public",
        "owner": user(identity.owner()),
        "html_url": html_url,
        "description": null,
        "fork": false,
        "archived": false,
        "disabled": false,
        "git_url": format!("git://{host}/{full_name}.git"),
        "ssh_url": format!("git@{host}:{full_name}.git"),
        "clone_url": format!("{html_url}.git"),
        "topics": [],
        "default_branch": identity.default_branch,
        "master_branch": identity.default_branch,
    })
}

pub(super) fn html_url(scene: &Scene<'_>) -> String {
    let identity = scene.identity();
    format!("{}/{}", identity.server_url, identity.repository)
}

/// A person or organisation.
pub(super) fn user(login: &str) -> Value {
    json!({
        "login": login,
        "id": stable_id(login),
        "type": "User",
        "site_admin": false,
    })
}

/// A number for a thing that GitHub would have numbered: positive, below 2³¹, the same in every run.
pub(super) fn stable_id(name: &str) -> u32 {
    let digest = Sha256::digest(name.as_bytes());
    let bytes = [digest[0], digest[1], digest[2], digest[3]];
    (u32::from_be_bytes(bytes) >> 1).max(1)
}

/// The id of a numbered or named thing of this repository.
pub(super) fn id_within(scene: &Scene<'_>, thing: &str) -> u32 {
    stable_id(&format!("{}/{thing}", scene.identity().repository))
}
