//! The sentences that the plain log, the live view and the summary share.

use std::fmt::Write as _;

use crate::event::{Annotation, Conclusion, EventKind, JobKey, Level, StepKey};

use super::style::{self, Colors, Millis, Tint};
use super::terminal_text::single;

/// Columns of a source line that are shown.
const SOURCE: usize = 200;

/// Whether lines name a job as people see it or by its id (`--log-prefix-job-id`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum JobName {
    #[default]
    Key,
    Id,
}

/// What a listener for people is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    pub colors: Colors,
    pub job_name: JobName,
    pub detail: Detail,
}

/// How much of a step is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Detail {
    /// Its name, output and end.
    #[default]
    Brief,
    /// Also its script, shell, inputs and `env` (`-v`).
    Full,
}

/// How many workflows a run has: the job's name alone does for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Workflows {
    #[default]
    One,
    Many,
}

impl Workflows {
    pub fn of(files: &[String]) -> Self {
        if files.len() > 1 {
            Self::Many
        } else {
            Self::One
        }
    }
}

/// What a step is about to do, as GitHub shows it above the output.
pub fn details(kind: &EventKind, colors: Colors) -> Option<String> {
    let EventKind::StepDetails {
        script,
        shell,
        with,
        env,
    } = kind
    else {
        return None;
    };
    let mut lines: Vec<String> = Vec::new();
    for line in script.iter().flat_map(|script| script.lines()) {
        lines.push(colors.paint(Tint::Cyan, line).to_string());
    }
    lines.extend(shell.iter().map(|shell| format!("shell: {shell}")));
    for (title, pairs) in [("with:", with), ("env:", env)] {
        if !pairs.is_empty() {
            lines.push(title.to_owned());
            lines.extend(
                pairs
                    .iter()
                    .map(|(name, value)| format!("  {name}: {value}")),
            );
        }
    }
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `job`, or `workflow/job` where there are several workflows.
pub fn job_name(job: &JobKey, name: JobName, workflows: Workflows) -> String {
    let own = match name {
        JobName::Key => &job.key,
        JobName::Id => &job.id,
    };
    match (&job.workflow, workflows) {
        (Some(workflow), Workflows::Many) => format!("{workflow}/{own}"),
        _ => own.to_string(),
    }
}

/// The first line of a run: the event and why it is this one.
pub fn opening(kind: &EventKind, colors: Colors) -> String {
    let EventKind::RunStarted {
        event,
        reason,
        repository,
        git_ref,
        sha,
        workflows,
        jobs,
        run_names,
    } = kind
    else {
        return String::new();
    };
    let mut line = colors.paint(Tint::Bold, event).to_string();
    if !reason.is_empty() {
        _ = write!(line, " ({reason})");
    }
    _ = write!(line, ": {repository}");
    if !git_ref.is_empty() {
        _ = write!(line, " {git_ref}");
    }
    if !sha.is_empty() {
        _ = write!(line, " {}", sha.chars().take(7).collect::<String>());
    }
    for (index, workflow) in workflows.iter().enumerate() {
        _ = write!(line, ", {workflow}");
        if let Some(name) = run_names.get(index).filter(|name| !name.is_empty()) {
            _ = write!(line, " \"{name}\"");
        }
    }
    _ = write!(line, ", {}", counted(*jobs, "job"));
    line
}

/// `1 job`, `2 jobs`.
pub fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// The name of a step, with what part of its life runs.
pub fn step_name(step: &StepKey) -> String {
    use crate::event::Phase;
    match step.phase {
        Phase::Pre => format!("Pre {}", step.name),
        Phase::Post => format!("Post {}", step.name),
        Phase::Setup | Phase::Main | Phase::Complete => step.name.to_string(),
    }
}

/// `✓ Build 1.2s`, `✗ Test 0.4s: failure, exit code 1`.
pub fn step_result(step: &StepKey, kind: &EventKind, colors: Colors) -> String {
    let EventKind::StepFinished {
        outcome,
        conclusion,
        duration_ms,
        exit_code,
    } = kind
    else {
        return String::new();
    };
    let mut line = format!(
        "{} {} {}",
        colors.paint(style::tint(*outcome), style::symbol(*outcome)),
        step_name(step),
        colors.paint(Tint::Dim, Millis(*duration_ms)),
    );
    if *outcome != Conclusion::Success {
        _ = write!(line, ": {}", style::result(*outcome, *conclusion));
        if let Some(code) = exit_code.filter(|code| *code != 0) {
            _ = write!(line, ", exit code {code}");
        }
    }
    line
}

/// `✓ success in 1.2s`.
pub fn ending(outcome: Conclusion, conclusion: Conclusion, ms: u64, colors: Colors) -> String {
    let tint = style::tint(outcome);
    format!(
        "{} {} in {}",
        colors.paint(tint, style::symbol(outcome)),
        colors.paint(tint, style::result(outcome, conclusion)),
        Millis(ms),
    )
}

/// `- Deploy skipped: reason`.
pub fn skipped(name: &str, reason: &str, colors: Colors) -> String {
    let line = match (name, reason) {
        ("", "") => "- skipped".to_owned(),
        ("", reason) => format!("- skipped: {reason}"),
        (name, "") => format!("- {name} skipped"),
        (name, reason) => format!("- {name} skipped: {reason}"),
    };
    colors.paint(Tint::Dim, line).to_string()
}

/// What GitHub's token could do, below the job's first line.
pub fn permissions(permissions: &[(String, String)], colors: Colors) -> String {
    if permissions.is_empty() {
        return String::new();
    }
    let title = colors.paint(Tint::Cyan, "▾ GITHUB_TOKEN Permissions");
    let mut text = format!("\n{title}");
    for (name, access) in permissions {
        _ = write!(text, "\n  {name}: {access}");
    }
    text
}

/// An annotation in the log: `error: title: message (file:line)`, or the line that holds it; may have several lines.
pub fn annotation(it: &Annotation, colors: Colors) -> String {
    let (word, tint) = style::level(it.level);
    match &it.log {
        Some(log) => format!("{}: {log}", colors.paint(tint, word)),
        None => message(it, colors),
    }
}

fn message(it: &Annotation, colors: Colors) -> String {
    let (word, tint) = style::level(it.level);
    let mut line = format!("{}: ", colors.paint(tint, word));
    if let Some(title) = it.title.as_deref().filter(|title| *title != it.message) {
        _ = write!(line, "{title}: ");
    }
    line.push_str(it.message.trim_end());
    if let Some(place) = place(it) {
        _ = write!(line, " ({place})");
    }
    line
}

/// The same on one line: the first of a long message, with its place.
pub fn annotation_line(it: &Annotation, colors: Colors) -> String {
    let mut first = it.clone();
    first
        .message
        .truncate(it.message.trim_end().find('\n').unwrap_or(it.message.len()));
    message(&first, colors)
}

/// `file:line:column` as far as it is known.
fn place(it: &Annotation) -> Option<String> {
    let mut place = it.file.clone()?;
    if let Some(line) = it.line {
        _ = write!(place, ":{line}");
        if let Some(column) = it.column {
            _ = write!(place, ":{column}");
        }
    }
    Some(place)
}

/// A note of the run or a skipped workflow: what goes to stderr.
pub fn note(kind: &EventKind, detail: Detail, colors: Colors) -> Option<String> {
    let (level, text) = match kind {
        EventKind::Note {
            level: Level::Debug,
            ..
        } if detail == Detail::Brief => return None,
        EventKind::Note { level, text } => (*level, text.clone()),
        EventKind::WorkflowSkipped { file, reason } => {
            (Level::Notice, format!("{file} is skipped: {reason}"))
        }
        _ => return None,
    };
    let (word, tint) = style::level(level);
    let word = if level == Level::Notice { "note" } else { word };
    Some(format!("{}: {text}", colors.paint(tint, word)))
}

/// A leg that can not run here, loudly: place, source line, reason, help.
pub fn unavailable(kind: &EventKind, colors: Colors) -> Vec<String> {
    let EventKind::JobUnavailable {
        reason,
        file,
        line,
        column,
        help,
        source,
    } = kind
    else {
        return Vec::new();
    };
    let number = line.to_string();
    let blank = " ".repeat(number.len());
    let bar = colors.paint(Tint::Blue, "|");
    let shown = single(source);
    let shown = console::truncate_str(shown.trim_end(), SOURCE, "…");
    let before: String = source.chars().take(column.saturating_sub(1)).collect();
    let indent = console::measure_text_width(&single(&before));
    let mut lines = vec![
        format!("{} {reason}", colors.paint(Tint::Red, "unavailable:")),
        format!(
            "{blank}{} {file}:{line}:{column}",
            colors.paint(Tint::Blue, "-->")
        ),
    ];
    if !shown.is_empty() {
        lines.push(format!(
            "{} {bar} {shown}",
            colors.paint(Tint::Blue, &number)
        ));
        if indent < SOURCE {
            let caret = colors.paint(Tint::Red, "^");
            lines.push(format!("{blank} {bar} {}{caret}", " ".repeat(indent)));
        }
    }
    if !help.is_empty() {
        lines.push(format!("{}: {help}", colors.paint(Tint::Cyan, "help")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_annotation_keeps_its_place_on_one_line() {
        let long = Annotation {
            level: Level::Notice,
            message: "hello\n two".into(),
            title: None,
            file: Some("x.rs".into()),
            line: Some(2),
            end_line: None,
            column: None,
            end_column: None,
            log: None,
        };
        assert_eq!(
            annotation_line(&long, Colors::Off),
            "notice: hello (x.rs:2)"
        );
    }
}
