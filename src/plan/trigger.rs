//! Whether an event passes the filters of a workflow's `on` (SPEC W-52 to W-60, T-23).

use serde_json::Value;

use super::github_event::GithubEvent;
use super::pattern::{Filter, PatternError, Subject, oddity};
use crate::diagnostic::Diagnostic;
use crate::workflow::{Spanned, Trigger, Workflow};

/// So many changed files GitHub looks at (SPEC W-59).
const FILES_SEEN: usize = 300;

/// The types of a pull request that count where none are listed (SPEC W-54).
const PULL_REQUEST_TYPES: [&str; 3] = ["opened", "synchronize", "reopened"];

/// What in a commit message keeps workflows out (SPEC T-23).
const SKIP_WORDS: [&str; 5] = [
    "[skip ci]",
    "[ci skip]",
    "[no ci]",
    "[skip actions]",
    "[actions skip]",
];

/// A filter that keeps a workflow out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// `branches`, `paths-ignore`, `types`, `[skip ci]` …
    pub filter: String,
    /// The filter and the value that it met, in words.
    pub reason: String,
}

impl Stop {
    fn new(filter: &str, reason: String) -> Self {
        Self {
            filter: filter.to_owned(),
            reason,
        }
    }
}

/// All filters that keep this event out; none lets it in.
pub fn stops(trigger: &Trigger, event: &GithubEvent, head_message: Option<&str>) -> Vec<Stop> {
    let mut stops = Vec::new();
    stops.extend(types(trigger, event));
    match event.name.as_str() {
        "push" => stops.extend(push_refs(trigger, event)),
        "pull_request" | "pull_request_target" => {
            let base = base_branch(event);
            stops.extend(branches(trigger, base, "the base branch"));
        }
        "workflow_run" => {
            stops.extend(source_workflow(trigger, event));
            let head = text(event, &["workflow_run", "head_branch"]);
            stops.extend(branches(trigger, head, "the head branch of the source run"));
        }
        "merge_group" => {
            let base = text(event, &["merge_group", "base_ref"]);
            let base = base.map(|base| base.strip_prefix("refs/heads/").unwrap_or(base));
            stops.extend(branches(trigger, base, "the base branch"));
        }
        _ => {}
    }
    if takes_paths(event) {
        stops.extend(paths(trigger, event));
    }
    stops.extend(skip_word(event, head_message));
    stops
}

/// The cron texts of `schedule`, in file order.
pub fn crons(trigger: &Trigger) -> impl Iterator<Item = &str> {
    trigger
        .schedules
        .iter()
        .map(|each| each.cron.value.as_str())
}

/// Says where GitHub, seeing the first changed files only, would not run what runs here.
pub fn beyond_githubs_sight(trigger: &Trigger, event: &GithubEvent) -> Option<String> {
    let files = event.changed_files.as_ref()?;
    let seen = files.get(..FILES_SEEN)?;
    if files.len() == FILES_SEEN || !takes_paths(event) {
        return None;
    }
    let (name, filter) = path_filter(trigger)?;
    let filter = filter.ok()?;
    (filter.allows_any(files) && !filter.allows_any(seen)).then(|| {
        format!(
            "GitHub looks at the first {FILES_SEEN} of {} changed files, and none of those passes `{name}`: there the workflow would not run",
            files.len()
        )
    })
}

/// Path filters count for pushed branches and pull requests (SPEC W-52, W-58).
fn takes_paths(event: &GithubEvent) -> bool {
    match event.name.as_str() {
        "push" => event.ref_type != "tag",
        "pull_request" | "pull_request_target" => true,
        _ => false,
    }
}

fn types(trigger: &Trigger, event: &GithubEvent) -> Option<Stop> {
    let action = event.action()?;
    if let Some(listed) = &trigger.types {
        if listed.iter().any(|each| each.value == action) {
            return None;
        }
        let reason = format!("`types: {}` leaves out '{action}'", list(listed));
        return Some(Stop::new("types", reason));
    }
    let defaults = matches!(event.name.as_str(), "pull_request" | "pull_request_target");
    (defaults && !PULL_REQUEST_TYPES.contains(&action)).then(|| {
        let reason = format!(
            "without `types` a pull request counts when {}, not when '{action}'",
            "opened, synchronize or reopened"
        );
        Stop::new("types", reason)
    })
}

/// A list of branches leaves tags out, and the other way round (SPEC W-58).
fn push_refs(trigger: &Trigger, event: &GithubEvent) -> Option<Stop> {
    let by_branch = branch_filter(trigger);
    let by_tag = tag_filter(trigger);
    let is_tag = event.ref_type == "tag";
    let (own, other, what, others) = if is_tag {
        (by_tag, by_branch, "the tag", "branches")
    } else {
        (by_branch, by_tag, "the branch", "tags")
    };
    match (own, other) {
        (Some((name, filter)), _) => check(name, filter, &event.ref_name, what),
        (None, Some((name, filter))) => {
            let shown = filter.map_or_else(|error| error.pattern, |filter| filter.to_string());
            let reason = format!(
                "`{name}: [{shown}]` alone lets only {others} in, not {what} '{}'",
                event.ref_name
            );
            Some(Stop::new(name, reason))
        }
        (None, None) => None,
    }
}

fn branches(trigger: &Trigger, branch: Option<&str>, what: &str) -> Option<Stop> {
    let (name, filter) = branch_filter(trigger)?;
    check(name, filter, branch?, what)
}

fn check(
    name: &str,
    filter: Result<Filter, PatternError>,
    value: &str,
    what: &str,
) -> Option<Stop> {
    let filter = match filter {
        Ok(filter) => filter,
        Err(error) => return Some(Stop::new(name, format!("`{name}`: {error}"))),
    };
    if filter.allows(value) {
        return None;
    }
    let verb = if name.ends_with("-ignore") {
        "keeps out"
    } else {
        "does not fit"
    };
    let reason = format!("`{name}: [{filter}]` {verb} {what} '{value}'");
    Some(Stop::new(name, reason))
}

fn source_workflow(trigger: &Trigger, event: &GithubEvent) -> Option<Stop> {
    let listed = trigger.workflows.as_ref()?;
    let source = text(event, &["workflow_run", "name"])?;
    if listed.iter().any(|each| each.value == source) {
        return None;
    }
    match Filter::include(&values(listed)) {
        Ok(filter) if !filter.allows(source) => {
            let reason = format!(
                "`workflows: {}` leaves out the workflow '{source}'",
                list(listed)
            );
            Some(Stop::new("workflows", reason))
        }
        _ => None,
    }
}

fn paths(trigger: &Trigger, event: &GithubEvent) -> Option<Stop> {
    // A diff that can not be made runs the workflow (SPEC W-59).
    let files = event.changed_files.as_ref()?;
    let (name, filter) = path_filter(trigger)?;
    let filter = match filter {
        Ok(filter) => filter,
        Err(error) => return Some(Stop::new(name, format!("`{name}`: {error}"))),
    };
    if filter.allows_any(files) {
        return None;
    }
    let verb = if name == "paths" {
        "fits none of"
    } else {
        "keeps out all of"
    };
    let reason = match files.as_slice() {
        [] => format!("`{name}: [{filter}]` needs a changed file, and there is none"),
        [only] => format!("`{name}: [{filter}]` {verb} the changed files ('{only}')"),
        [first, ..] => format!(
            "`{name}: [{filter}]` {verb} the {} changed files ('{first}' …)",
            files.len()
        ),
    };
    Some(Stop::new(name, reason))
}

fn skip_word(event: &GithubEvent, head_message: Option<&str>) -> Option<Stop> {
    if !matches!(event.name.as_str(), "push" | "pull_request") {
        return None;
    }
    let message = text(event, &["head_commit", "message"]).or(head_message)?;
    let lower = message.to_lowercase();
    let word = SKIP_WORDS
        .into_iter()
        .find(|word| lower.contains(word))
        .or_else(|| has_skip_trailer(&lower).then_some("skip-checks: true"))?;
    let reason = format!("the commit message says '{word}'");
    Some(Stop::new("[skip ci]", reason))
}

fn has_skip_trailer(message: &str) -> bool {
    message
        .trim_end()
        .rsplit("\n\n")
        .next()
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| name.trim() == "skip-checks" && value.trim() == "true")
}

fn base_branch(event: &GithubEvent) -> Option<&str> {
    if event.base_ref.is_empty() {
        text(event, &["pull_request", "base", "ref"])
    } else {
        Some(&event.base_ref)
    }
}

/// A text of the payload.
fn text<'a>(event: &'a GithubEvent, path: &[&str]) -> Option<&'a str> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(event.payload.get(*first)?, |value: &Value, key| {
            value.get(*key)
        })?
        .as_str()
}

type Named = (&'static str, Result<Filter, PatternError>);

fn branch_filter(trigger: &Trigger) -> Option<Named> {
    let include = trigger.branches.as_ref();
    either(
        "branches",
        include,
        "branches-ignore",
        trigger.branches_ignore.as_ref(),
    )
}

fn tag_filter(trigger: &Trigger) -> Option<Named> {
    let include = trigger.tags.as_ref();
    either("tags", include, "tags-ignore", trigger.tags_ignore.as_ref())
}

fn path_filter(trigger: &Trigger) -> Option<Named> {
    let include = trigger.paths.as_ref();
    either(
        "paths",
        include,
        "paths-ignore",
        trigger.paths_ignore.as_ref(),
    )
}

fn either(
    name: &'static str,
    include: Option<&Vec<Spanned<String>>>,
    ignore_name: &'static str,
    ignore: Option<&Vec<Spanned<String>>>,
) -> Option<Named> {
    match (include, ignore) {
        (Some(include), _) => Some((name, Filter::include(&values(include)))),
        (None, Some(ignore)) => Some((ignore_name, Filter::ignore(&values(ignore)))),
        (None, None) => None,
    }
}

fn values(patterns: &[Spanned<String>]) -> Vec<&str> {
    patterns.iter().map(|each| each.value.as_str()).collect()
}

fn list(patterns: &[Spanned<String>]) -> String {
    format!("[{}]", values(patterns).join(", "))
}

/// Finds the patterns of a workflow that can not be read, and those that can hardly be meant.
pub fn check_patterns(workflow: &Workflow) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for trigger in workflow.on.events.values() {
        let refs = [
            &trigger.branches,
            &trigger.branches_ignore,
            &trigger.tags,
            &trigger.tags_ignore,
        ];
        let paths = [&trigger.paths, &trigger.paths_ignore];
        let all = refs
            .into_iter()
            .map(|patterns| (patterns, Subject::Ref))
            .chain(paths.into_iter().map(|patterns| (patterns, Subject::Path)));
        for (patterns, subject) in all {
            for pattern in patterns.iter().flatten() {
                found.extend(check_pattern(workflow, pattern, subject));
            }
        }
    }
    found
}

fn check_pattern(
    workflow: &Workflow,
    pattern: &Spanned<String>,
    subject: Subject,
) -> Option<Diagnostic> {
    let text = pattern.value.as_str();
    let diagnostic = match super::pattern::Pattern::parse(text) {
        Err(error) => Diagnostic::error("invalid-pattern", error.to_string()),
        Ok(_) => Diagnostic::warning(
            "odd-pattern",
            format!("filter pattern '{text}': {}", oddity(text, subject)?),
        ),
    };
    Some(diagnostic.at(&workflow.source, pattern.span))
}
