//! `lrun plan`: what would run, leg by leg, and for everything else why not.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

pub use super::list::Format;
use super::list::{aligned, pretty};
use crate::plan::outline::{
    ConditionOutline, JobOutline, LegOutline, Legs, Outline, Unavailable, WorkflowOutline,
};

/// Draws the plan.
pub fn render(outline: &Outline, format: Format) -> String {
    match format {
        Format::Text => text(outline),
        Format::Json => json_of(outline, WorkflowOutline::started_jobs),
    }
}

/// The same form with all that is known of one job, also where its workflow is left out.
pub fn why_json(outline: &Outline) -> String {
    json_of(outline, |workflow| &workflow.jobs)
}

fn json_of(outline: &Outline, jobs: fn(&WorkflowOutline) -> &[JobOutline]) -> String {
    let workflows: Vec<Value> = outline
        .workflows
        .iter()
        .map(|each| workflow(each, jobs(each)))
        .collect();
    pretty(&json!({
        "event": outline.event,
        "reason": outline.reason,
        "workflows": workflows,
    }))
}

fn workflow(workflow: &WorkflowOutline, jobs: &[JobOutline]) -> Value {
    let mut value = json!({
        "file": workflow.file,
        "name": workflow.name,
        "triggered": workflow.triggered,
        "reason": workflow.reason,
        "jobs": jobs.iter().map(job).collect::<Vec<_>>(),
    });
    if !workflow.lifted.is_empty() {
        value["lifted"] = json!(workflow.lifted);
    }
    value
}

fn job(job: &JobOutline) -> Value {
    let mut value = Map::new();
    let mut set = |key: &str, entry: Value| value.insert(key.to_owned(), entry);
    set("id", json!(job.id));
    set("name", json!(job.name));
    set("needs", json!(job.needs));
    set("stage", json!(job.stage));
    if let Some(uses) = &job.uses {
        set("uses", json!(uses));
    }
    set(
        "legs",
        match &job.legs {
            Legs::Known(legs) => legs.iter().map(leg).collect(),
            Legs::Dynamic => json!("dynamic"),
        },
    );
    if let Some(found) = &job.condition {
        set("condition", condition(found));
    }
    if !job.idle_steps.is_empty() {
        let step = |(name, found): &(String, ConditionOutline)| json!({ "name": name, "condition": condition(found) });
        set("idle_steps", job.idle_steps.iter().map(step).collect());
    }
    if let Some(reason) = &job.skipped {
        set("skipped", json!(reason));
    }
    if let Some(unavailable) = &job.unavailable {
        set("unavailable", json!(unavailable.reason));
    }
    if let Some(reason) = &job.fails {
        set("fails", json!(reason));
    }
    Value::Object(value)
}

fn condition(condition: &ConditionOutline) -> Value {
    json!({ "text": condition.text, "verdict": condition.verdict, "trace": condition.trace })
}

fn leg(leg: &LegOutline) -> Value {
    let matrix = match leg.matrix.to_json() {
        Value::Null => json!({}),
        matrix => matrix,
    };
    let mut value = json!({ "name": leg.name, "matrix": matrix, "runs_on": leg.runs_on });
    if let Some(unavailable) = &leg.unavailable {
        value["unavailable"] = json!(unavailable.reason);
    }
    value
}

fn text(outline: &Outline) -> String {
    let mut out = String::new();
    if !outline.event.is_empty() {
        let _ = writeln!(out, "event {} ({})", outline.event, outline.reason);
    }
    let mut counts = Counts::default();
    for workflow in outline.workflows.iter().filter(|each| each.triggered) {
        let _ = writeln!(out, "\n{}: {}", title(workflow), workflow.reason);
        out.push_str(&aligned(&rows(workflow, &mut counts), "  "));
    }
    let mut left_out = outline
        .workflows
        .iter()
        .filter(|each| !each.triggered)
        .peekable();
    if left_out.peek().is_some() {
        out.push_str("\nleft out:\n");
    }
    for workflow in left_out {
        let _ = writeln!(out, "  {}: {}", title(workflow), workflow.reason);
        if let Some(help) = &workflow.help {
            let _ = writeln!(out, "    to run it: {help}");
        }
    }
    if !counts.unavailable.is_empty() {
        out.push_str("\nunavailable here:\n");
    }
    for (unavailable, names) in &counts.unavailable {
        let _ = writeln!(out, "  {}: {}", names.join(", "), unavailable.reason);
        let _ = writeln!(out, "    {}", unavailable.help);
    }
    let _ = writeln!(out, "\n{counts}");
    out
}

fn title(workflow: &WorkflowOutline) -> String {
    if workflow.name == workflow.file {
        workflow.file.clone()
    } else {
        format!("{} ({})", workflow.name, workflow.file)
    }
}

#[derive(Default)]
struct Counts {
    legs: usize,
    dynamic: usize,
    skipped: usize,
    failing: usize,
    /// With the names of the legs that it hits.
    unavailable: Vec<(Unavailable, Vec<String>)>,
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let s = if self.legs == 1 { "" } else { "s" };
        write!(f, "{} job{s} would run", self.legs)?;
        if self.dynamic > 0 {
            write!(f, ", {} more with a matrix known only then", self.dynamic)?;
        }
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        if self.failing > 0 {
            write!(f, ", {} would fail at once", self.failing)?;
        }
        Ok(())
    }
}

fn rows(workflow: &WorkflowOutline, counts: &mut Counts) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for job in &workflow.jobs {
        let needs = if job.needs.is_empty() {
            String::new()
        } else {
            format!("needs {}", job.needs.join(", "))
        };
        if let Some(reason) = &job.skipped {
            counts.skipped += 1;
            rows.push(vec![
                "-".into(),
                job.name.clone(),
                format!("skipped: {reason}"),
            ]);
            continue;
        }
        if let Some(reason) = &job.fails {
            counts.failing += 1;
            rows.push(vec![
                job.stage.to_string(),
                job.name.clone(),
                format!("fails: {reason}"),
                needs,
            ]);
            continue;
        }
        if let Some(unavailable) = &job.unavailable {
            counts.note(unavailable, &job.name);
            rows.push(vec![
                job.stage.to_string(),
                job.name.clone(),
                "unavailable".into(),
                needs,
            ]);
            continue;
        }
        let stage = job.stage.to_string();
        match &job.legs {
            // What it calls is counted by itself.
            _ if job.uses.is_some() => {
                let calls = format!("calls {}", job.uses.as_deref().unwrap_or_default());
                rows.push(vec![stage, job.name.clone(), calls, needs, note(job)]);
            }
            Legs::Dynamic => {
                counts.dynamic += 1;
                let matrix = "legs known only during the run".into();
                rows.push(vec![stage, job.name.clone(), matrix, needs, note(job)]);
            }
            Legs::Known(legs) => {
                for leg in legs {
                    rows.push(leg_row(job, leg, &stage, &needs, counts));
                }
            }
        }
    }
    for row in &mut rows {
        while row.last().is_some_and(String::is_empty) {
            row.pop();
        }
    }
    rows
}

fn leg_row(
    job: &JobOutline,
    leg: &LegOutline,
    stage: &str,
    needs: &str,
    counts: &mut Counts,
) -> Vec<String> {
    let place = if let Some(unavailable) = &leg.unavailable {
        counts.note(unavailable, &leg.name);
        "unavailable".into()
    } else {
        counts.legs += 1;
        if leg.runs_on.is_empty() {
            job.runs_on.to_text()
        } else {
            leg.runs_on.join(", ")
        }
    };
    vec![
        stage.to_owned(),
        leg.name.clone(),
        place,
        needs.to_owned(),
        note(job),
    ]
}

impl Counts {
    fn note(&mut self, unavailable: &Unavailable, name: &str) {
        let name = name.to_owned();
        let mut known = self.unavailable.iter_mut();
        match known.find(|(each, _)| each == unavailable) {
            Some((_, names)) => names.push(name),
            None => self.unavailable.push((unavailable.clone(), vec![name])),
        }
    }
}

fn note(job: &JobOutline) -> String {
    match &job.condition {
        Some(condition) if condition.verdict != "true" => {
            format!("if {}: {}", condition.text, condition.verdict)
        }
        _ => String::new(),
    }
}

/// Explains one job: the filter that keeps its workflow out, or its `if` with each part's value.
/// `None` where no workflow has such a job.
pub fn why(outline: &Outline, job: &str) -> Option<String> {
    let mut out = String::new();
    for (workflow, found) in outline.find(job) {
        let _ = writeln!(out, "{} in {}:{}", found.id, found.file, found.line);
        let verb = if workflow.triggered {
            "is started"
        } else {
            "is left out"
        };
        let _ = writeln!(out, "  the workflow {verb}: {}", workflow.reason);
        if let Some(help) = workflow.help.as_ref().filter(|_| !workflow.triggered) {
            let _ = writeln!(out, "    to run it: {help}");
        }
        if let Some(condition) = &found.condition {
            let _ = writeln!(out, "  if: {} → {}", condition.text, condition.verdict);
            explain_parts(&mut out, condition);
        }
        if !found.needs.is_empty() {
            let _ = writeln!(out, "  needs: {}", found.needs.join(", "));
        }
        if !workflow.triggered {
            continue;
        }
        match &found.skipped {
            Some(reason) => {
                let _ = writeln!(out, "  it is skipped: {reason}");
            }
            None if found.fails.is_some() => {
                let reason = found.fails.as_deref().unwrap_or_default();
                let _ = writeln!(out, "  it fails at once: {reason}");
            }
            None => {
                explain_legs(&mut out, found);
                explain_steps(&mut out, found);
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

fn explain_parts(out: &mut String, condition: &ConditionOutline) {
    for line in condition.trace.lines() {
        let _ = writeln!(out, "    {line}");
    }
    if condition.trace.contains("→ null") && condition.verdict == "known only during the run" {
        let _ = writeln!(out, "    (as it stands before the run)");
    }
}

/// Steps that would not run; the `if` of the others is true, or known only during the run.
fn explain_steps(out: &mut String, job: &JobOutline) {
    for (name, condition) in &job.idle_steps {
        let _ = writeln!(out, "  its step '{name}' would not run");
        let _ = writeln!(out, "  if: {} → {}", condition.text, condition.verdict);
        explain_parts(out, condition);
    }
}

fn explain_legs(out: &mut String, job: &JobOutline) {
    if let Some(unavailable) = &job.unavailable {
        let _ = writeln!(out, "  it can not run here: {}", unavailable.reason);
        let _ = writeln!(out, "    {}", unavailable.help);
        return;
    }
    match &job.legs {
        Legs::Dynamic => {
            let _ = writeln!(out, "  its legs are known only during the run");
        }
        Legs::Known(legs) => {
            for leg in legs {
                let _ = match &leg.unavailable {
                    Some(why) => writeln!(out, "  {} can not run here: {}", leg.name, why.reason),
                    None => writeln!(out, "  {} would run", leg.name),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::outline::{ConditionOutline, RunsOn};

    fn outline() -> Outline {
        let leg = |name: &str, matrix: Value| LegOutline {
            name: name.into(),
            matrix: crate::expr::Value::from_json(&matrix),
            runs_on: vec!["ubuntu-latest".into()],
            unavailable: None,
        };
        let build = JobOutline {
            id: "build".into(),
            name: "build".into(),
            legs: Legs::Known(vec![
                leg("build (1)", json!({"v": 1})),
                LegOutline {
                    unavailable: Some(Unavailable {
                        reason: "'macos-15' is a macOS machine, and this one is Linux".into(),
                        help: "-P macos-15=host runs it on this machine all the same".into(),
                    }),
                    ..leg("build (2)", json!({"v": 2}))
                },
            ]),
            runs_on: RunsOn::One("${{ matrix.os }}".into()),
            file: "ci.yml".into(),
            line: 4,
            ..JobOutline::default()
        };
        let deploy = JobOutline {
            id: "deploy".into(),
            name: "deploy".into(),
            needs: vec!["build".into()],
            stage: 1,
            condition: Some(ConditionOutline {
                text: "github.ref == 'x'".into(),
                verdict: "false".into(),
                trace: "github.ref == 'x' → false\n  github.ref → \"y\"\n".into(),
            }),
            skipped: Some("`if: github.ref == 'x'` is false".into()),
            legs: Legs::Known(vec![leg("deploy", json!(null))]),
            file: "ci.yml".into(),
            line: 9,
            ..JobOutline::default()
        };
        Outline {
            event: "push".into(),
            reason: "typed".into(),
            workflows: vec![
                WorkflowOutline {
                    file: "ci.yml".into(),
                    name: "CI".into(),
                    triggered: true,
                    reason: "lists 'push'".into(),
                    jobs: vec![build, deploy],
                    ..WorkflowOutline::default()
                },
                WorkflowOutline {
                    file: "rel.yml".into(),
                    name: "rel.yml".into(),
                    reason: "does not list 'push' (lists release)".into(),
                    help: Some("lrun release".into()),
                    ..WorkflowOutline::default()
                },
            ],
            ..Outline::default()
        }
    }

    #[test]
    fn the_text_says_what_runs_and_why_the_rest_does_not() {
        let expected = "\
event push (typed)

CI (ci.yml): lists 'push'
  0  build (1)  ubuntu-latest
  0  build (2)  unavailable
  -  deploy     skipped: `if: github.ref == 'x'` is false

left out:
  rel.yml: does not list 'push' (lists release)
    to run it: lrun release

unavailable here:
  build (2): 'macos-15' is a macOS machine, and this one is Linux
    -P macos-15=host runs it on this machine all the same

1 job would run, 1 skipped
";
        assert_eq!(render(&outline(), Format::Text), expected);
    }

    #[test]
    fn the_json_has_its_stable_form() {
        let value: Value = serde_json::from_str(&render(&outline(), Format::Json)).unwrap();
        assert_eq!(value["event"], "push");
        let workflow = &value["workflows"][0];
        assert_eq!(workflow["file"], "ci.yml");
        assert_eq!(workflow["triggered"], true);
        let job = &workflow["jobs"][0];
        assert_eq!(job["legs"][0]["name"], "build (1)");
        assert_eq!(job["legs"][0]["matrix"], json!({"v": 1}));
        assert_eq!(job.get("uses"), None);
        assert_eq!(workflow["jobs"][1]["legs"][0]["matrix"], json!({}));
        assert_eq!(workflow["jobs"][1]["stage"], 1);
        assert_eq!(value["workflows"][1]["triggered"], false);
    }

    #[test]
    fn why_shows_each_part_with_its_value() {
        let expected = "\
deploy in ci.yml:9
  the workflow is started: lists 'push'
  if: github.ref == 'x' → false
    github.ref == 'x' → false
      github.ref → \"y\"
  needs: build
  it is skipped: `if: github.ref == 'x'` is false
";
        assert_eq!(why(&outline(), "DEPLOY").unwrap(), expected);
        assert!(why(&outline(), "nothing").is_none());
        assert!(
            why(&outline(), "build")
                .unwrap()
                .contains("build (2) can not run here")
        );
    }
}
