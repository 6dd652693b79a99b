//! What `list`, `plan` and `graph` show: workflows, jobs, legs, and the reason for all that stays out.

use crate::expr::Value;

/// Everything that an event would do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outline {
    /// The event; empty where a list is asked for without one.
    pub event: String,
    /// Why this event.
    pub reason: String,
    pub workflows: Vec<WorkflowOutline>,
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkflowOutline {
    pub file: String,
    /// `name`, else the file.
    pub name: String,
    /// The events of `on`, in file order.
    pub events: Vec<String>,
    pub triggered: bool,
    pub reason: String,
    /// It lists the event, and only its filters keep it out.
    pub filtered: bool,
    /// The way to run it anyway.
    pub help: Option<String>,
    /// Filters that `-j` or `-W` lifted.
    pub lifted: Vec<String>,
    /// In file order; those of called workflows after their caller.
    pub jobs: Vec<JobOutline>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobOutline {
    /// `build`; `caller.build` in a called workflow (SPEC U-7).
    pub id: String,
    /// `name` as far as it is known, else as written; `caller / build` in a called workflow.
    pub name: String,
    pub needs: Vec<String>,
    /// Length of the longest chain of needs before it.
    pub stage: usize,
    /// The called workflow, as written.
    pub uses: Option<String>,
    /// Levels of callers above it.
    pub depth: usize,
    pub legs: Legs,
    /// `runs-on` as written.
    pub runs_on: RunsOn,
    pub condition: Option<ConditionOutline>,
    /// Its steps that are known not to run, by name.
    pub idle_steps: Vec<(String, ConditionOutline)>,
    /// Why it does not run, where that is known.
    pub skipped: Option<String>,
    /// Why it can not run here, with the way to mend it.
    pub unavailable: Option<Unavailable>,
    /// The error that fails it before its first step, where that is known.
    pub fails: Option<String>,
    /// The file and line where it stands.
    pub file: String,
    pub line: usize,
}

impl WorkflowOutline {
    /// Its jobs, unless it is left out.
    pub fn started_jobs(&self) -> &[JobOutline] {
        if self.triggered { &self.jobs } else { &[] }
    }
}

impl JobOutline {
    /// Says whether it is selected and not known to stay out.
    pub fn runs(&self) -> bool {
        self.skipped.is_none()
    }
}

/// The legs of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Legs {
    Known(Vec<LegOutline>),
    /// The matrix is known only during the run.
    Dynamic,
}

impl Default for Legs {
    fn default() -> Self {
        Self::Known(Vec::new())
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct LegOutline {
    pub name: String,
    /// `Null` without a matrix.
    pub matrix: Value,
    /// Evaluated labels; empty where they are known only during the run.
    pub runs_on: Vec<String>,
    pub unavailable: Option<Unavailable>,
}

/// Why something can not run here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unavailable {
    pub reason: String,
    pub help: String,
}

/// `runs-on` as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum RunsOn {
    /// A job that calls a workflow has none.
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl RunsOn {
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::None => serde_json::Value::Null,
            Self::One(label) => label.as_str().into(),
            Self::Many(labels) => labels.clone().into(),
        }
    }

    pub fn to_text(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::One(label) => label.clone(),
            Self::Many(labels) => labels.join(", "),
        }
    }
}

/// An `if`, with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionOutline {
    /// As written.
    pub text: String,
    /// `true`, `false`, `only after a failure` …
    pub verdict: String,
    /// Every part with its value, one a line.
    pub trace: String,
}

impl Outline {
    /// Leaves only the jobs of an id; false where there is none.
    pub fn narrow(&mut self, job: &str) -> bool {
        for workflow in &mut self.workflows {
            let jobs = &mut workflow.jobs;
            jobs.retain(|each| each.id.eq_ignore_ascii_case(job));
        }
        self.workflows.retain(|workflow| !workflow.jobs.is_empty());
        !self.workflows.is_empty()
    }

    /// The job of this id in every workflow that has one; ids ignore case.
    pub fn find<'a>(
        &'a self,
        job: &'a str,
    ) -> impl Iterator<Item = (&'a WorkflowOutline, &'a JobOutline)> {
        self.workflows.iter().filter_map(move |workflow| {
            let found = workflow
                .jobs
                .iter()
                .find(|each| each.id.eq_ignore_ascii_case(job));
            found.map(|found| (workflow, found))
        })
    }
}
