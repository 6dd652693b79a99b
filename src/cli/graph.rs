//! `lrun graph`: which job waits for which.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::list::pretty;
use crate::plan::graph::{Branch, Needs, trees};
use crate::plan::outline::{JobOutline, Legs, Outline, WorkflowOutline};

/// How a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Mermaid,
    Dot,
    Json,
}

impl Format {
    /// The names that `--format` takes.
    pub const NAMES: [&'static str; 4] = ["text", "mermaid", "dot", "json"];

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "mermaid" => Some(Self::Mermaid),
            "dot" => Some(Self::Dot),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Draws the jobs of all workflows that run; of all there are where no event is given.
pub fn render(outline: &Outline, format: Format) -> String {
    let workflows: Vec<&WorkflowOutline> = outline
        .workflows
        .iter()
        .filter(|each| outline.event.is_empty() || each.triggered)
        .collect();
    match format {
        Format::Text => text(&workflows),
        Format::Mermaid => mermaid(&workflows),
        Format::Dot => dot(&workflows),
        Format::Json => pretty(&json!({
            "event": outline.event,
            "workflows": workflows.iter().map(|each| entry(each)).collect::<Vec<_>>(),
        })),
    }
}

fn entry(workflow: &WorkflowOutline) -> Value {
    let job = |job: &JobOutline| json!({"id": job.id, "name": job.name, "needs": job.needs, "stage": job.stage});
    json!({
        "file": workflow.file,
        "name": workflow.name,
        "jobs": workflow.jobs.iter().map(job).collect::<Vec<_>>(),
    })
}

fn needs(workflow: &WorkflowOutline) -> Vec<Needs<'_>> {
    let jobs = workflow.jobs.iter();
    jobs.map(|job| (job.id.as_str(), before(job))).collect()
}

/// The needs of a job; the first ones of a called workflow wait for their caller.
fn before(job: &JobOutline) -> Vec<&str> {
    match job.id.rsplit_once('.') {
        Some((caller, _)) if job.needs.is_empty() => vec![caller],
        _ => job.needs.iter().map(String::as_str).collect(),
    }
}

fn label(job: &JobOutline) -> String {
    match &job.legs {
        Legs::Known(legs) if legs.len() > 1 => format!("{} ×{}", job.name, legs.len()),
        Legs::Dynamic => format!("{} ×?", job.name),
        Legs::Known(_) => job.name.clone(),
    }
}

fn text(workflows: &[&WorkflowOutline]) -> String {
    if workflows.is_empty() {
        return "nothing runs\n".into();
    }
    let mut out = String::new();
    for (place, workflow) in workflows.iter().enumerate() {
        if place > 0 {
            out.push('\n');
        }
        let _ = if workflow.name == workflow.file {
            writeln!(out, "{}", workflow.file)
        } else {
            writeln!(out, "{} ({})", workflow.name, workflow.file)
        };
        draw(&mut out, workflow, &trees(&needs(workflow)), "");
    }
    out
}

fn draw(out: &mut String, workflow: &WorkflowOutline, branches: &[Branch], indent: &str) {
    for (place, branch) in branches.iter().enumerate() {
        let last = place + 1 == branches.len();
        let (corner, below) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let job = &workflow.jobs[branch.job];
        let also: Vec<&str> = branch
            .also
            .iter()
            .map(|need| workflow.jobs[*need].id.as_str())
            .collect();
        let mut notes = Vec::new();
        if !also.is_empty() {
            notes.push(format!("also needs {}", also.join(", ")));
        }
        if let Some(uses) = &job.uses {
            notes.push(format!("calls {uses}"));
        }
        if job.skipped.is_some() {
            notes.push("skipped".into());
        }
        let notes = if notes.is_empty() {
            String::new()
        } else {
            format!("  ({})", notes.join("; "))
        };
        let _ = writeln!(out, "{indent}{corner}{}{notes}", label(job));
        draw(out, workflow, &branch.children, &format!("{indent}{below}"));
    }
}

/// A name for a node that both languages take.
fn node(workflow: usize, id: &str) -> String {
    // `-` and `.` stay apart from `_`, which ids may hold too.
    let id = id.replace('-', "__").replace('.', "_0_");
    format!("w{workflow}_{id}")
}

/// Every job with the place of its workflow, and every edge between nodes.
fn edges(place: usize, workflow: &WorkflowOutline) -> Vec<(String, String)> {
    let known = |need: &str| {
        workflow
            .jobs
            .iter()
            .find(|job| job.id.eq_ignore_ascii_case(need))
    };
    let mut edges = Vec::new();
    for job in &workflow.jobs {
        for need in before(job).into_iter().filter_map(known) {
            edges.push((node(place, &need.id), node(place, &job.id)));
        }
    }
    edges
}

fn mermaid(workflows: &[&WorkflowOutline]) -> String {
    let quote = |text: &str| text.replace('#', "#35;").replace('"', "#quot;");
    let mut out = String::from("flowchart LR\n");
    for (place, workflow) in workflows.iter().enumerate() {
        let _ = writeln!(out, "  subgraph w{place}[\"{}\"]", quote(&workflow.name));
        for job in &workflow.jobs {
            let node = node(place, &job.id);
            let _ = writeln!(out, "    {node}[\"{}\"]", quote(&label(job)));
        }
        for (from, to) in edges(place, workflow) {
            let _ = writeln!(out, "    {from} --> {to}");
        }
        out.push_str("  end\n");
    }
    out
}

fn dot(workflows: &[&WorkflowOutline]) -> String {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let mut out = String::from("digraph lrun {\n  rankdir=LR;\n  node [shape=box];\n");
    for (place, workflow) in workflows.iter().enumerate() {
        let _ = writeln!(out, "  subgraph cluster_{place} {{");
        let _ = writeln!(out, "    label=\"{}\";", quote(&workflow.name));
        for job in &workflow.jobs {
            let node = node(place, &job.id);
            let _ = writeln!(out, "    {node} [label=\"{}\"];", quote(&label(job)));
        }
        for (from, to) in edges(place, workflow) {
            let _ = writeln!(out, "    {from} -> {to};");
        }
        out.push_str("  }\n");
    }
    out.push_str("}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::outline::LegOutline;

    fn outline() -> Outline {
        let job = |id: &str, needs: &[&str]| JobOutline {
            id: id.into(),
            name: id.into(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            legs: Legs::Known(vec![LegOutline::default()]),
            ..JobOutline::default()
        };
        let two = || Legs::Known(vec![LegOutline::default(), LegOutline::default()]);
        Outline {
            event: "push".into(),
            workflows: vec![WorkflowOutline {
                file: "ci.yml".into(),
                name: "C\"I".into(),
                triggered: true,
                jobs: vec![
                    job("lint", &[]),
                    JobOutline {
                        legs: two(),
                        ..job("build", &[])
                    },
                    JobOutline {
                        legs: Legs::Dynamic,
                        ..job("test-all", &["build"])
                    },
                    job("deploy", &["lint", "test-all"]),
                ],
                ..WorkflowOutline::default()
            }],
            ..Outline::default()
        }
    }

    #[test]
    fn the_tree_hangs_jobs_under_their_last_need() {
        let expected = "\
C\"I (ci.yml)
├─ lint
└─ build ×2
   └─ test-all ×?
      └─ deploy  (also needs lint)
";
        assert_eq!(render(&outline(), Format::Text), expected);
    }

    #[test]
    fn mermaid_and_dot_name_nodes_and_edges() {
        let mermaid = "\
flowchart LR
  subgraph w0[\"C#quot;I\"]
    w0_lint[\"lint\"]
    w0_build[\"build ×2\"]
    w0_test__all[\"test-all ×?\"]
    w0_deploy[\"deploy\"]
    w0_build --> w0_test__all
    w0_lint --> w0_deploy
    w0_test__all --> w0_deploy
  end
";
        assert_eq!(render(&outline(), Format::Mermaid), mermaid);
        let dot = render(&outline(), Format::Dot);
        assert!(dot.contains("label=\"C\\\"I\";"));
        assert!(dot.contains("    w0_test__all -> w0_deploy;\n"));
    }

    #[test]
    fn workflows_that_are_left_out_are_not_drawn() {
        let mut outline = outline();
        outline.workflows[0].triggered = false;
        assert_eq!(render(&outline, Format::Text), "nothing runs\n");
        outline.event.clear();
        assert_ne!(render(&outline, Format::Text), "nothing runs\n");
    }
}
