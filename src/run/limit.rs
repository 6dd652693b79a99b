//! GitHub's limits that no other room knows: pure checks with what is to be said (SPEC 15).

use indexmap::IndexMap;
use serde_json::Value;

/// Summaries that a job's page shows (SPEC K-45).
pub const MAX_SUMMARIES: usize = 20;
/// Outputs of one job, and of all jobs of a run, in bytes of UTF-16 (SPEC R-6).
pub const MAX_JOB_OUTPUTS: usize = 1024 * 1024;
pub const MAX_RUN_OUTPUTS: usize = 50 * MAX_JOB_OUTPUTS;

const MAX_VALUE: usize = 48 * 1024;
const MAX_SECRETS: usize = 100;
const MAX_VARS: usize = 256 * 1024;
const MAX_WORKFLOW: usize = 500 * 1024;
const MAX_STEP_MINUTES: u64 = 360;
const HOSTED_MINUTES: u64 = 6 * 60;
const SELF_HOSTED_MINUTES: u64 = 5 * 24 * 60;
const MAX_PROPERTIES: usize = 10;
const MAX_PAYLOAD: usize = 65_535;

/// Size of outputs as GitHub counts them: names and values in UTF-16.
pub fn output_size(outputs: &IndexMap<String, String>) -> usize {
    let units = |text: &str| text.encode_utf16().count();
    outputs
        .iter()
        .map(|(name, value)| 2 * (units(name) + units(value)))
        .sum()
}

/// Why a job's outputs are refused: it fails, and nobody gets one.
pub fn job_outputs(outputs: &IndexMap<String, String>) -> Option<String> {
    let size = output_size(outputs);
    (size > MAX_JOB_OUTPUTS).then(|| {
        format!(
            "The outputs of this job have {} KB, GitHub takes at most {} KB of one job",
            size.div_ceil(1024),
            MAX_JOB_OUTPUTS / 1024
        )
    })
}

/// The same for a run, whose jobs so far have outputs of a size.
pub fn run_outputs(before: usize, outputs: &IndexMap<String, String>) -> Option<String> {
    let size = before.saturating_add(output_size(outputs));
    (size > MAX_RUN_OUTPUTS).then(|| {
        format!(
            "The outputs of this run have {} KB, GitHub takes at most {} KB of one run",
            size.div_ceil(1024),
            MAX_RUN_OUTPUTS / 1024
        )
    })
}

/// A warning for the first summary that GitHub's page leaves out; `number` counts the job's, from 1.
pub fn summary(number: usize) -> Option<String> {
    (number == MAX_SUMMARIES + 1).then(|| {
        format!("GitHub shows {MAX_SUMMARIES} step summaries of a job: this one and those after it are left out there")
    })
}

/// The minutes after which a machine of GitHub's, or one's own, ends a job, and a warning where the file says more.
pub fn job_minutes(asked: u64, is_self_hosted: bool) -> (u64, Option<String>) {
    let (most, whose) = if is_self_hosted {
        (SELF_HOSTED_MINUTES, "a self-hosted runner")
    } else {
        (HOSTED_MINUTES, "a machine of GitHub")
    };
    if asked <= most {
        return (asked, None);
    }
    let warning =
        format!("timeout-minutes: {asked} is more than {whose} gives a job: {most} minutes");
    (most, Some(warning))
}

/// A warning for a step's `timeout-minutes`.
pub fn step_minutes(asked: u64) -> Option<String> {
    (asked > MAX_STEP_MINUTES).then(|| {
        format!("timeout-minutes: {asked} is more than GitHub allows a step: {MAX_STEP_MINUTES}")
    })
}

/// Warnings about secrets that GitHub would not store; none shows a value.
pub fn secrets(secrets: &IndexMap<String, String>) -> Vec<String> {
    let mut warnings = values("secret", secrets);
    // The token is GitHub's own.
    let count = secrets
        .keys()
        .filter(|name| !name.eq_ignore_ascii_case("GITHUB_TOKEN"))
        .count();
    if count > MAX_SECRETS {
        warnings.push(format!(
            "{count} secrets: GitHub stores {MAX_SECRETS} for a repository or an environment"
        ));
    }
    warnings
}

/// Warnings about variables that GitHub would not store.
pub fn vars(vars: &IndexMap<String, String>) -> Vec<String> {
    let mut warnings = values("variable", vars);
    let size: usize = vars
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if size > MAX_VARS {
        warnings.push(format!(
            "the variables have {} KB together: GitHub stores {} KB",
            size.div_ceil(1024),
            MAX_VARS / 1024
        ));
    }
    warnings
}

fn values(kind: &str, values: &IndexMap<String, String>) -> Vec<String> {
    values
        .iter()
        .filter(|(_, value)| value.len() > MAX_VALUE)
        .map(|(name, value)| {
            format!(
                "the {kind} {name} has {} KB: GitHub stores {} KB of one",
                value.len().div_ceil(1024),
                MAX_VALUE / 1024
            )
        })
        .collect()
}

/// A warning for a workflow file that GitHub would read but not run.
pub fn workflow_file(bytes: usize) -> Option<String> {
    (bytes > MAX_WORKFLOW).then(|| {
        format!(
            "the file has {} KB: GitHub runs workflows of at most {} KB",
            bytes.div_ceil(1024),
            MAX_WORKFLOW / 1024
        )
    })
}

/// Why GitHub would refuse a `repository_dispatch` with this `client_payload` (SPEC T-4).
pub fn client_payload(payload: &Value) -> Option<String> {
    let properties = payload.as_object().map_or(0, serde_json::Map::len);
    if properties > MAX_PROPERTIES {
        return Some(format!(
            "No more than {MAX_PROPERTIES} properties are allowed; {properties} were supplied."
        ));
    }
    let length = payload.to_string().chars().count();
    (length > MAX_PAYLOAD).then(|| {
        format!("client_payload has {length} characters, GitHub takes at most {MAX_PAYLOAD}")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(pairs: &[(&str, usize)]) -> IndexMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(name, length)| ((*name).to_owned(), "x".repeat(*length)))
            .collect()
    }

    #[test]
    fn outputs_are_counted_in_utf_16() {
        // SPEC R-6
        let half = MAX_JOB_OUTPUTS / 2;
        assert_eq!(job_outputs(&map(&[("a", half - 1)])), None);
        let message = job_outputs(&map(&[("a", half)])).unwrap();
        assert!(
            message.contains("1025 KB, GitHub takes at most 1024 KB"),
            "{message}"
        );
        let wide = IndexMap::from([("a".to_owned(), "\u{1f600}".repeat(half / 2))]);
        assert!(job_outputs(&wide).is_some());
        assert_eq!(run_outputs(MAX_RUN_OUTPUTS - 4, &map(&[("a", 1)])), None);
        assert!(run_outputs(MAX_RUN_OUTPUTS - 3, &map(&[("a", 1)])).is_some());
    }

    #[test]
    fn one_warning_for_all_summaries_that_are_left_out() {
        // SPEC K-45
        let warned: Vec<usize> = (1..30)
            .filter(|number| summary(*number).is_some())
            .collect();
        assert_eq!(warned, [21]);
    }

    #[test]
    fn machines_end_a_job_in_their_time() {
        for (asked, is_self_hosted, minutes, warns) in [
            (360, false, 360, false),
            (361, false, 360, true),
            (361, true, 361, false),
            (10_000, true, 7200, true),
        ] {
            let (found, warning) = job_minutes(asked, is_self_hosted);
            assert_eq!((found, warning.is_some()), (minutes, warns), "{asked}");
        }
        assert_eq!(step_minutes(360), None);
        assert!(step_minutes(361).is_some());
    }

    #[test]
    fn what_github_would_not_store_is_told_without_its_value() {
        let large = map(&[("KEY", MAX_VALUE + 1), ("SMALL", MAX_VALUE)]);
        assert_eq!(
            secrets(&large),
            ["the secret KEY has 49 KB: GitHub stores 48 KB of one"]
        );
        let names: Vec<String> = (0..=100).map(|number| format!("S{number}")).collect();
        let mut many: IndexMap<String, String> = names
            .iter()
            .map(|name| (name.clone(), String::new()))
            .collect();
        assert_eq!(secrets(&many).len(), 1);
        many.shift_remove("S0");
        many.insert("GITHUB_TOKEN".to_owned(), String::new());
        assert!(secrets(&many).is_empty());
        let five: Vec<(&str, usize)> = ["A", "B", "C", "D", "E", "F"]
            .into_iter()
            .map(|name| (name, MAX_VALUE))
            .collect();
        assert_eq!(
            vars(&map(&five)),
            ["the variables have 289 KB together: GitHub stores 256 KB"]
        );
        assert!(vars(&map(&five[..5])).is_empty());
        assert_eq!(workflow_file(MAX_WORKFLOW), None);
        assert!(workflow_file(MAX_WORKFLOW + 1).is_some());
    }

    #[test]
    fn a_client_payload_is_small() {
        // SPEC T-4
        let many: serde_json::Map<String, Value> =
            (0..11).map(|n| (n.to_string(), json!(1))).collect();
        assert_eq!(
            client_payload(&Value::Object(many)).as_deref(),
            Some("No more than 10 properties are allowed; 11 were supplied.")
        );
        assert!(client_payload(&json!({ "a": "x".repeat(MAX_PAYLOAD) })).is_some());
        assert_eq!(client_payload(&json!({ "a": "x" })), None);
        assert_eq!(client_payload(&Value::Null), None);
    }
}
