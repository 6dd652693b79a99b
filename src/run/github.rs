//! The `github` and `runner` contexts, and the variables made from them (SPEC 3.1, C-14, 4.1).

use std::path::Path;
use std::sync::Arc;

use super::options::Identity;
use crate::expr::{Object, Value};
use crate::plan::GithubEvent;
use crate::workflow::Workflow;

/// The part of `github` that all jobs of a workflow share.
pub fn shared(
    identity: &Identity,
    event: &GithubEvent,
    workflow: &Workflow,
    run_number: &str,
    token: Option<&str>,
) -> Object {
    let mut github = Object::new();
    let mut set = |name: &str, value: &str| github.insert(name, Value::string(value));
    set("ref", &event.git_ref);
    set("sha", &event.sha);
    set("repository", &identity.repository);
    set("repository_owner", &identity.owner);
    set(
        "repository_id",
        &number(event.payload.get("repository"), &["id"]),
    );
    set(
        "repository_owner_id",
        &number(event.payload.get("repository"), &["owner", "id"]),
    );
    let path = identity.server_url.trim_start_matches("https://");
    set(
        "repositoryUrl",
        &format!("git://{path}/{}.git", identity.repository),
    );
    set("run_id", &identity.run_id);
    set("run_number", run_number);
    set("retention_days", &identity.retention_days);
    set("run_attempt", &identity.run_attempt);
    set("actor_id", &number(event.payload.get("sender"), &["id"]));
    set("actor", &identity.actor);
    set("triggering_actor", &identity.actor);
    set("workflow", workflow.display_name());
    set("head_ref", &event.head_ref);
    set("base_ref", &event.base_ref);
    set("event_name", &event.name);
    set("server_url", &identity.server_url);
    set("api_url", &identity.api_url);
    set("graphql_url", &identity.graphql_url);
    set("ref_name", &event.ref_name);
    set("ref_type", &event.ref_type);
    set("secret_source", "Actions");
    set(
        "workflow_ref",
        &format!(
            "{}/{}@{}",
            identity.repository, workflow.source.path, event.git_ref
        ),
    );
    set("workflow_sha", &event.sha);
    if let Some(token) = token {
        set("token", token);
    }
    github.insert("ref_protected", Value::Bool(false));
    github.insert(
        "event",
        Value::from_json(&serde_json::Value::Object(event.payload.clone())),
    );
    github
}

/// An id of the payload as text; `1` where there is none.
fn number(object: Option<&serde_json::Value>, path: &[&str]) -> String {
    let mut value = object;
    for name in path {
        value = value.and_then(|value| value.get(name));
    }
    value
        .and_then(serde_json::Value::as_u64)
        .map_or_else(|| "1".to_owned(), |id| id.to_string())
}

/// Fields of `github` that every process gets as `GITHUB_<FIELD>` (SPEC 4.1).
const EXPORTED: &[&str] = &[
    "action_path",
    "action_ref",
    "action_repository",
    "action",
    "actor",
    "actor_id",
    "api_url",
    "artifacts",
    "artifacts_list",
    "base_ref",
    "env",
    "event_name",
    "event_path",
    "graphql_url",
    "head_ref",
    "job",
    "output",
    "path",
    "ref_name",
    "ref_protected",
    "ref_type",
    "ref",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
    "retention_days",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "state",
    "step_summary",
    "triggering_actor",
    "workflow",
    "workflow_ref",
    "workflow_sha",
    "workspace",
];

/// `GITHUB_*` of a `github` context.
pub fn variables(github: &Object) -> Vec<(String, String)> {
    EXPORTED
        .iter()
        .filter_map(|field| {
            let value = match github.get(field)? {
                Value::Null => return None,
                value => value.to_text().to_string(),
            };
            Some((format!("GITHUB_{}", field.to_ascii_uppercase()), value))
        })
        .collect()
}

/// The `runner` context of a job (SPEC C-14).
pub fn runner(
    temp: &Path,
    tool_cache: &Path,
    workspace: &Path,
    hosted: bool,
    debug: bool,
) -> Arc<Object> {
    let mut runner = Object::new();
    let mut set = |name: &str, value: &str| runner.insert(name, Value::string(value));
    set("name", &host_name());
    set("os", os());
    set("arch", arch());
    set("temp", &temp.to_string_lossy());
    set("tool_cache", &tool_cache.to_string_lossy());
    set("workspace", &workspace.to_string_lossy());
    set(
        "environment",
        if hosted {
            "github-hosted"
        } else {
            "self-hosted"
        },
    );
    if debug {
        set("debug", "1");
    }
    Arc::new(runner)
}

/// `RUNNER_*` of a `runner` context.
pub fn runner_variables(runner: &Object) -> Vec<(String, String)> {
    runner
        .iter()
        .map(|(field, value)| {
            (
                format!("RUNNER_{}", field.to_ascii_uppercase()),
                value.to_text().to_string(),
            )
        })
        .collect()
}

/// This machine's `runner.os`.
pub fn os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "macOS",
        "windows" => "Windows",
        _ => "Linux",
    }
}

/// This machine's `runner.arch`.
pub fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86" => "X86",
        "aarch64" => "ARM64",
        "arm" => "ARM",
        _ => "X64",
    }
}

fn host_name() -> String {
    nix::sys::utsname::uname()
        .ok()
        .and_then(|machine| machine.nodename().to_str().map(str::to_owned))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "lrun".to_owned())
}
