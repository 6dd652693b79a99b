//! `lrun list`: the jobs of all workflows.

use std::fmt::Write as _;

use console::measure_text_width;
use serde_json::{Value, json};

use crate::plan::outline::{JobOutline, Legs, Outline, WorkflowOutline};

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

/// Draws the jobs, files by path; a job that calls a workflow is one entry. With an event, those of the workflows that
/// list it, whatever their filters say.
pub fn render(outline: &Outline, format: Format) -> String {
    let listed =
        |each: &&WorkflowOutline| outline.event.is_empty() || each.triggered || each.filtered;
    let mut workflows: Vec<&WorkflowOutline> = outline.workflows.iter().filter(listed).collect();
    workflows.sort_by(|a, b| a.file.cmp(&b.file));
    let entries: Vec<(&WorkflowOutline, &JobOutline)> = workflows
        .into_iter()
        .flat_map(|workflow| {
            let own = workflow.jobs.iter().filter(|job| job.depth == 0);
            own.map(move |job| (workflow, job))
        })
        .collect();
    match format {
        Format::Text => text(&entries),
        Format::Json => pretty(&entries.iter().map(|(w, j)| entry(w, j)).collect()),
    }
}

/// JSON as all commands print it, with its line break.
pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn entry(workflow: &WorkflowOutline, job: &JobOutline) -> Value {
    json!({
        "workflow": workflow.name,
        "file": workflow.file,
        "job": job.id,
        "name": job.name,
        "needs": job.needs,
        "stage": job.stage,
        "legs": match &job.legs {
            Legs::Known(legs) => json!(legs.len()),
            Legs::Dynamic => json!("dynamic"),
        },
        "events": workflow.events,
        "runs_on": job.runs_on.to_json(),
    })
}

fn text(entries: &[(&WorkflowOutline, &JobOutline)]) -> String {
    if entries.is_empty() {
        return "no jobs\n".into();
    }
    let head = [
        "JOB", "NAME", "LEGS", "NEEDS", "RUNS ON", "EVENTS", "WORKFLOW", "FILE",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(entries.iter().map(|(workflow, job)| {
        let runs_on = match &job.uses {
            Some(uses) => format!("calls {uses}"),
            None => job.runs_on.to_text(),
        };
        vec![
            job.id.clone(),
            job.name.clone(),
            match &job.legs {
                Legs::Known(legs) => legs.len().to_string(),
                Legs::Dynamic => "dynamic".into(),
            },
            job.needs.join(", "),
            runs_on,
            workflow.events.join(", "),
            workflow.name.clone(),
            workflow.file.clone(),
        ]
    }));
    aligned(&rows, "")
}

/// Text as it may go to a terminal: what jobs name things is not for the terminal to act on.
pub(super) fn plain(text: &str) -> String {
    if text.chars().any(char::is_control) {
        text.escape_debug().to_string()
    } else {
        text.to_owned()
    }
}

/// Rows as columns, each as wide as its widest cell; the last cell of a row may run on. An empty cell is a dash.
pub(super) fn aligned(rows: &[Vec<String>], indent: &str) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter(|row| column + 1 < row.len())
            .filter_map(|row| row.get(column));
        cells.map(|cell| measure_text_width(cell)).max()
    };
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or_default().max(1))
        .collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = indent.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            let cell = if cell.is_empty() { "-" } else { cell };
            line.push_str(cell);
            let padding = (width + 2).saturating_sub(measure_text_width(cell));
            line.extend(std::iter::repeat_n(' ', padding));
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::outline::{LegOutline, RunsOn};

    fn outline() -> Outline {
        let job = |id: &str, name: &str| JobOutline {
            id: id.into(),
            name: name.into(),
            legs: Legs::Known(vec![LegOutline::default()]),
            runs_on: RunsOn::One("ubuntu-latest".into()),
            ..JobOutline::default()
        };
        let ci = WorkflowOutline {
            file: ".github/workflows/ci.yml".into(),
            name: "CI".into(),
            events: vec!["push".into(), "pull_request".into()],
            jobs: vec![
                job("build", "Bauen für 日本"),
                JobOutline {
                    needs: vec!["build".into()],
                    stage: 1,
                    legs: Legs::Dynamic,
                    runs_on: RunsOn::Many(vec!["self-hosted".into(), "linux".into()]),
                    ..job("test", "test")
                },
                JobOutline {
                    uses: Some("./.github/workflows/x.yml".into()),
                    runs_on: RunsOn::None,
                    ..job("call", "call")
                },
                JobOutline {
                    depth: 1,
                    ..job("call.inner", "call / inner")
                },
            ],
            ..WorkflowOutline::default()
        };
        Outline {
            workflows: vec![
                ci,
                WorkflowOutline {
                    file: ".github/workflows/a.yml".into(),
                    name: ".github/workflows/a.yml".into(),
                    events: vec!["schedule".into()],
                    jobs: vec![job("nightly", "nightly")],
                    ..WorkflowOutline::default()
                },
            ],
            ..Outline::default()
        }
    }

    #[test]
    fn the_table_stands_in_columns() {
        let expected = "\
JOB      NAME            LEGS     NEEDS  RUNS ON                          EVENTS              WORKFLOW                 FILE
nightly  nightly         1        -      ubuntu-latest                    schedule            .github/workflows/a.yml  .github/workflows/a.yml
build    Bauen für 日本  1        -      ubuntu-latest                    push, pull_request  CI                       .github/workflows/ci.yml
test     test            dynamic  build  self-hosted, linux               push, pull_request  CI                       .github/workflows/ci.yml
call     call            1        -      calls ./.github/workflows/x.yml  push, pull_request  CI                       .github/workflows/ci.yml
";
        assert_eq!(render(&outline(), Format::Text), expected);
        assert_eq!(render(&Outline::default(), Format::Text), "no jobs\n");
    }

    #[test]
    fn the_json_has_its_stable_form() {
        let text = render(&outline(), Format::Json);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value[2],
            json!({
                "workflow": "CI", "file": ".github/workflows/ci.yml", "job": "test", "name": "test",
                "needs": ["build"], "stage": 1, "legs": "dynamic",
                "events": ["push", "pull_request"], "runs_on": ["self-hosted", "linux"],
            })
        );
        assert_eq!(value[3]["runs_on"], Value::Null);
        assert_eq!(value.as_array().unwrap().len(), 4);
        assert_eq!(render(&Outline::default(), Format::Json), "[]\n");
    }
}
