//! What a finished workflow starts: those that list `workflow_run` for it (SPEC W-60, W-64, T-9).

use serde_json::json;

use super::github_event::GithubEvent;
use super::select::{Candidate, State};
use super::trigger;
use crate::workflow::Trigger;

/// GitHub starts no chain of more workflows than this after the first.
pub const MOST_LINKS: usize = 3;

/// A workflow whose run ended.
#[derive(Debug, Clone, Copy)]
pub struct Finished<'a> {
    /// Its `name`, or its path without one.
    pub name: &'a str,
    /// The branch that it ran for.
    pub head_branch: &'a str,
}

/// A workflow that waits for a finished one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place among the candidates.
    pub index: usize,
    /// The activity type that it takes: `completed` where it can.
    pub activity: String,
}

/// The valid workflows that `workflow_run` starts, in the order of the candidates. A broken one never runs.
pub fn waiting(candidates: &[Candidate<'_>], finished: &Finished<'_>) -> Vec<Waiting> {
    let mut found = Vec::new();
    for (index, candidate) in candidates.iter().enumerate() {
        let State::Valid(workflow) = &candidate.state else {
            continue;
        };
        let Some(trigger) = workflow.on.events.get("workflow_run") else {
            continue;
        };
        // GitHub asks for the names: a trigger without them is never met.
        if trigger.workflows.is_none() {
            continue;
        }
        let Some(activity) = activity(trigger) else {
            continue;
        };
        let event = event(finished, activity);
        if trigger::stops(trigger, &event, None).is_empty() {
            let activity = activity.to_owned();
            found.push(Waiting { index, activity });
        }
    }
    found
}

/// After the end all three have happened; one run stands for them.
fn activity(trigger: &Trigger) -> Option<&str> {
    let Some(types) = &trigger.types else {
        return Some("completed");
    };
    ["completed", "requested", "in_progress"]
        .into_iter()
        .find(|known| types.iter().any(|listed| listed.value == *known))
}

/// As much of the event as filters look at.
fn event(finished: &Finished<'_>, activity: &str) -> GithubEvent {
    let payload = json!({
        "action": activity,
        "workflow_run": { "name": finished.name, "head_branch": finished.head_branch },
    });
    GithubEvent {
        name: "workflow_run".to_owned(),
        payload: payload.as_object().cloned().unwrap_or_default(),
        sha: String::new(),
        git_ref: String::new(),
        ref_name: String::new(),
        ref_type: "branch".to_owned(),
        head_ref: String::new(),
        base_ref: String::new(),
        changed_files: None,
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::sample;

    fn started(on: &str, name: &str, head_branch: &str) -> Vec<String> {
        let text = format!(
            "on:\n  {on}\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo\n"
        );
        let workflow = sample::workflow("cd.yml", &text);
        let candidate = Candidate {
            file: "cd.yml",
            state: State::Valid(&workflow),
        };
        waiting(&[candidate], &Finished { name, head_branch })
            .into_iter()
            .map(|waiting| waiting.activity)
            .collect()
    }

    #[test]
    fn names_branches_and_types_decide_what_is_chained() {
        // SPEC W-60, W-64
        for (on, name, branch, activity) in [
            ("workflow_run: {workflows: [CI]}", "CI", "main", "completed"),
            (
                "workflow_run: {workflows: [CI, Other]}",
                "Other",
                "main",
                "completed",
            ),
            ("workflow_run: {workflows: [CI]}", "ci", "main", ""),
            ("workflow_run: {workflows: [CI]}", "Other", "main", ""),
            (
                "workflow_run: {workflows: [CI], types: [completed]}",
                "CI",
                "x",
                "completed",
            ),
            (
                "workflow_run: {workflows: [CI], types: [requested]}",
                "CI",
                "x",
                "requested",
            ),
            (
                "workflow_run: {workflows: [CI], types: [in_progress, completed]}",
                "CI",
                "x",
                "completed",
            ),
            (
                "workflow_run: {workflows: [CI], branches: [main]}",
                "CI",
                "main",
                "completed",
            ),
            (
                "workflow_run: {workflows: [CI], branches: [main]}",
                "CI",
                "topic",
                "",
            ),
            (
                "workflow_run: {workflows: [CI], branches-ignore: [main]}",
                "CI",
                "main",
                "",
            ),
            ("push: {branches: [main]}", "CI", "main", ""),
        ] {
            let expected: Vec<&str> = Some(activity)
                .into_iter()
                .filter(|a| !a.is_empty())
                .collect();
            assert_eq!(
                started(on, name, branch),
                expected,
                "{on} after {name} on {branch}"
            );
        }
    }
}
