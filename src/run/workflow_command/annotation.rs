//! Messages with a place: how a command gives them, and which places make sense.

use super::{Effect, WorkflowCommand};
use crate::event::{Annotation, Level};

/// A warning that the runner itself gives.
pub(super) fn warning(message: &str) -> Effect {
    Effect::Annotation(plain(Level::Warning, message))
}

/// A message without a place.
pub(super) fn plain(level: Level, message: impl Into<String>) -> Annotation {
    Annotation {
        level,
        message: message.into(),
        title: None,
        file: None,
        line: None,
        end_line: None,
        column: None,
        end_column: None,
        log: None,
    }
}

/// What `::notice::`, `::warning::` and `::error::` say.
pub(super) fn annotation(level: Level, command: &WorkflowCommand) -> Annotation {
    let text = |name| command.property(name).map(str::to_owned);
    let number = |name| command.property(name)?.trim().parse::<u64>().ok();
    let mut found = Annotation {
        title: text("title"),
        file: text("file"),
        line: number("line"),
        end_line: number("endLine"),
        column: number("col"),
        end_column: number("endColumn"),
        ..plain(level, command.data.as_str())
    };
    fix_position(&mut found);
    found
}

/// Drops and fills in what does not fit together (SPEC K-10).
pub fn fix_position(found: &mut Annotation) {
    found.line = found.line.or(found.end_line);
    found.column = found.column.or(found.end_column);
    let spans_lines = found.end_line.is_some_and(|end| found.line != Some(end));
    let columns_reversed = matches!((found.column, found.end_column), (Some(a), Some(b)) if b < a);
    if found.line.is_none() || spans_lines || columns_reversed {
        (found.column, found.end_column) = (None, None);
    }
    if matches!((found.line, found.end_line), (Some(a), Some(b)) if b < a) {
        (found.line, found.end_line) = (None, None);
    }
}

/// Messages are cut there (SPEC K-12).
const LONGEST_MESSAGE: usize = 4096;

/// How many of each level a step may record (SPEC K-12).
const MOST: usize = 10;

/// Counts what a step has recorded.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    errors: usize,
    warnings: usize,
    notices: usize,
}

impl Recorded {
    /// One more annotation of this level may be recorded; it stands in the log either way.
    pub fn admits(&mut self, level: Level) -> bool {
        let count = match level {
            Level::Error => &mut self.errors,
            Level::Warning => &mut self.warnings,
            Level::Notice => &mut self.notices,
            Level::Debug => return false,
        };
        *count += 1;
        *count <= MOST
    }
}

/// The part of a message, already masked, that is recorded.
pub fn recorded_message(message: &str) -> &str {
    let end = message.char_indices().nth(LONGEST_MESSAGE);
    end.map_or(message, |(end, _)| &message[..end])
}

/// Names a file relative to the workspace, with `/`, where it lies in it (SPEC K-11).
pub fn relative_file(file: &str, workspace: &str) -> String {
    let root = workspace.trim_end_matches(['/', '\\']);
    let inside = file
        .strip_prefix(root)
        .filter(|_| !root.is_empty())
        .and_then(|rest| rest.strip_prefix(['/', '\\']));
    match inside {
        Some(inside) if !inside.is_empty() => inside.replace(std::path::MAIN_SEPARATOR, "/"),
        _ => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mends_positions() {
        type Place = (Option<u64>, Option<u64>, Option<u64>, Option<u64>);
        let table: &[(&str, Place)] = &[
            ("line=3,endLine=5", (Some(3), Some(5), None, None)),
            ("endLine=5", (Some(5), Some(5), None, None)),
            ("line=3,endColumn=7", (Some(3), None, Some(7), Some(7))),
            ("col=1,endColumn=2", (None, None, None, None)),
            ("line=3,endLine=5,col=1", (Some(3), Some(5), None, None)),
            (
                "line=3,endLine=3,col=1,endColumn=4",
                (Some(3), Some(3), Some(1), Some(4)),
            ),
            ("line=5,endLine=3", (None, None, None, None)),
            ("line=5,col=4,endColumn=2", (Some(5), None, None, None)),
            ("line=x,endLine=-1", (None, None, None, None)),
        ];
        for (properties, expected) in table {
            let command = super::super::parse(&format!("::error {properties}::m")).unwrap();
            let found = annotation(Level::Error, &command);
            let place = (found.line, found.end_line, found.column, found.end_column);
            assert_eq!(place, *expected, "K-10 {properties}");
        }
    }

    #[test]
    fn ten_of_each_level_are_recorded_and_messages_are_cut() {
        let mut recorded = Recorded::default();
        let errors = (0..12).filter(|_| recorded.admits(Level::Error)).count();
        assert_eq!(errors, 10, "K-12");
        assert!(
            recorded.admits(Level::Warning) && !recorded.admits(Level::Debug),
            "K-12"
        );
        let long = "é".repeat(5000);
        assert_eq!(recorded_message(&long).chars().count(), 4096, "K-12");
        assert_eq!(recorded_message("short"), "short", "K-12");
    }

    #[test]
    fn files_are_relative_to_the_workspace() {
        let table = [
            ("/w/s/a/b.c", "/w/s", "a/b.c"),
            ("/w/s/a.c", "/w/s/", "a.c"),
            ("/w/sx/a.c", "/w/s", "/w/sx/a.c"),
            ("a.c", "/w/s", "a.c"),
            ("/w/s", "/w/s", "/w/s"),
            ("/a", "", "/a"),
        ];
        for (file, workspace, expected) in table {
            assert_eq!(relative_file(file, workspace), expected, "K-11 {file}");
        }
    }
}
