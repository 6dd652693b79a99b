//! Whether the jobs' `needs` can be met (SPEC 1.3).

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;

use super::converter::Converter;
use super::model::{Job, Spanned};
use super::suggest;
use crate::diagnostic::{Diagnostic, Span};

/// Reports unknown jobs, cycles, and a workflow in which no job can start.
pub fn check(converter: &mut Converter<'_>, jobs_span: Span, jobs: &IndexMap<String, Job>) {
    let lower = |id: &str| id.to_lowercase();
    let known: HashSet<String> = jobs.keys().map(|id| lower(id)).collect();
    if jobs.values().all(|job| !job.needs.is_empty()) {
        converter.error(
            jobs_span,
            "no-start-job",
            "The workflow must contain at least one job with no dependencies.",
            "",
        );
        return;
    }
    let done = startable(jobs);
    for job in jobs.values().filter(|job| !done.contains(&lower(&job.id))) {
        if converter.is_full() {
            return;
        }
        for need in job
            .needs
            .iter()
            .filter(|need| !done.contains(&lower(&need.value)))
        {
            let diagnostic = unmet(&job.id, need, &known, jobs).at(converter.file, need.span);
            converter.push(diagnostic);
        }
    }
}

/// The jobs that start when all before them are done, in lower case.
fn startable(jobs: &IndexMap<String, Job>) -> HashSet<String> {
    let mut waiting: HashMap<String, Vec<String>> = HashMap::new();
    let mut left: HashMap<String, usize> = HashMap::new();
    let mut ready = Vec::new();
    for job in jobs.values() {
        let id = job.id.to_lowercase();
        for need in &job.needs {
            let need = need.value.to_lowercase();
            waiting.entry(need).or_default().push(id.clone());
        }
        match job.needs.len() {
            0 => ready.push(id),
            count => {
                left.insert(id, count);
            }
        }
    }
    let mut done = HashSet::new();
    while let Some(id) = ready.pop() {
        for next in waiting.remove(&id).unwrap_or_default() {
            if let Some(count) = left.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    ready.push(next);
                }
            }
        }
        done.insert(id);
    }
    done
}

fn unmet(
    job: &str,
    need: &Spanned<String>,
    known: &HashSet<String>,
    jobs: &IndexMap<String, Job>,
) -> Diagnostic {
    let name = &need.value;
    if known.contains(&name.to_lowercase()) {
        return Diagnostic::error(
            "needs-cycle",
            format!(
                "Job '{job}' depends on job '{name}' which creates a cycle in the dependency graph."
            ),
        )
        .help("remove one `needs` of the cycle");
    }
    let diagnostic = Diagnostic::error(
        "unknown-job",
        format!("Job '{job}' depends on unknown job '{name}'."),
    );
    let ids: Vec<_> = jobs.keys().map(String::as_str).collect();
    diagnostic.help(match suggest::nearest(name, ids.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the jobs are {}", super::explain::listed(&ids)),
    })
}
