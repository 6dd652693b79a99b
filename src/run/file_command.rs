//! Command files: what a step writes to `GITHUB_ENV`, `GITHUB_OUTPUT`, `GITHUB_STATE`, `GITHUB_PATH` and `GITHUB_STEP_SUMMARY` (SPEC 7.3).

use std::borrow::Cow;

use crate::event::Level;

/// A larger summary is not shown (SPEC K-45).
pub const SUMMARY_LIMIT: u64 = 1024 * 1024;

/// Which file of pairs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Env,
    Output,
    State,
}

impl Kind {
    /// The field of the `github` context that holds the file's path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::Output => "output",
            Self::State => "state",
        }
    }
}

/// What a file of pairs says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pairs {
    /// In the order of the file, those above a bad line included; the later of two equal names wins.
    pub pairs: Vec<(String, String)>,
    /// Messages that fail nothing.
    pub notes: Vec<(Level, String)>,
    /// Errors to show; where there are some, the step fails.
    pub failures: Vec<String>,
}

/// Reads `GITHUB_ENV`, `GITHUB_OUTPUT` or `GITHUB_STATE`.
pub fn parse_pairs(bytes: &[u8], kind: Kind) -> Pairs {
    let text = decode(bytes);
    let mut file = Pairs::default();
    let mut lines = Lines { rest: &text };
    while let Some(line) = lines.next_line() {
        if line.text.is_empty() {
            continue;
        }
        let taken =
            pair(line.text, &mut lines).and_then(|(name, value)| file.add(kind, name, value));
        if let Err(message) = taken {
            file.failures = unprocessed(kind.name(), message);
            break;
        }
    }
    file
}

impl Pairs {
    fn add(&mut self, kind: Kind, name: &str, value: &str) -> Result<(), String> {
        if kind == Kind::Env && name.eq_ignore_ascii_case("NODE_OPTIONS") {
            let text = "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.";
            self.notes.push((Level::Error, text.to_owned()));
            return Ok(());
        }
        if name.is_empty() {
            if kind == Kind::Output {
                return Err("Value cannot be null. (Parameter 'name')".to_owned());
            }
            let text = format!(
                "a line of GITHUB_{} has no name before its '='",
                kind.name().to_uppercase()
            );
            self.notes.push((Level::Warning, text));
            return Ok(());
        }
        self.pairs.push((name.to_owned(), value.to_owned()));
        Ok(())
    }
}

/// The errors for a command file that could not be read or understood (SPEC K-40).
pub fn unprocessed(name: &str, message: String) -> Vec<String> {
    vec![
        format!("Unable to process file command '{name}' successfully."),
        message,
    ]
}

/// Reads `GITHUB_PATH`: one entry a line (SPEC K-44).
pub fn parse_path(bytes: &[u8]) -> Vec<String> {
    decode(bytes)
        .split(['\n', '\r'])
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The error for a summary of so many bytes, if it is too large; the step does not fail by it (SPEC K-45).
pub fn summary_error(size: u64) -> Option<String> {
    (size > SUMMARY_LIMIT).then(|| {
        let (limit, size) = (SUMMARY_LIMIT / 1024, size / 1024);
        format!(
            "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of {limit}k, got {size}k. For more information see: https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions#adding-a-markdown-summary"
        )
    })
}

/// The text of a command file: UTF-8, a byte order mark is tolerated.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
}

fn pair<'a>(line: &'a str, lines: &mut Lines<'a>) -> Result<(&'a str, &'a str), String> {
    match (line.find('='), line.find("<<")) {
        (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
            Ok((&line[..equals], &line[equals + 1..]))
        }
        (_, Some(heredoc)) => {
            let (name, delimiter) = (&line[..heredoc], &line[heredoc + 2..]);
            if name.is_empty() || delimiter.is_empty() {
                return Err(format!(
                    "Invalid format '{line}'. Name must not be empty and delimiter must not be empty"
                ));
            }
            Ok((name, heredoc_value(delimiter, lines)?))
        }
        _ => Err(format!("Invalid format '{line}'")),
    }
}

fn heredoc_value<'a>(delimiter: &str, lines: &mut Lines<'a>) -> Result<&'a str, String> {
    let all = lines.rest;
    // The value ends before the line break of its last line.
    let mut end = 0;
    loop {
        let Some(line) = lines.next_line() else {
            return Err(format!(
                "Invalid value. Matching delimiter not found '{delimiter}'"
            ));
        };
        if line.text == delimiter {
            return Ok(&all[..end]);
        }
        if line.line_break.is_empty() {
            return Err("Invalid value. EOF marker missing new line.".to_owned());
        }
        end = all.len() - lines.rest.len() - line.line_break.len();
    }
}

struct Lines<'a> {
    rest: &'a str,
}

struct Line<'a> {
    text: &'a str,
    line_break: &'a str,
}

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> Option<Line<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
        let (line, rest) = self.rest.split_at(end);
        self.rest = rest;
        // Elsewhere than on Windows a carriage return is part of the text (SPEC K-42).
        let text = match line.strip_suffix('\n') {
            Some(text) if cfg!(windows) => text.strip_suffix('\r').unwrap_or(text),
            Some(text) => text,
            None => line,
        };
        Some(Line {
            text,
            line_break: &line[text.len()..],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let file = parse_pairs(text.as_bytes(), Kind::Output);
        assert_eq!(file.failures, Vec::<String>::new(), "{text:?}");
        file.pairs
    }

    #[test]
    fn reads_pairs_and_heredocs() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("\n\n", &[]),
            ("a=b", &[("a", "b")]),
            ("a=b=c\n", &[("a", "b=c")]),
            ("a=\n\nb= x \n", &[("a", ""), ("b", " x ")]),
            (" a =b", &[(" a ", "b")]),
            ("a=b<<c", &[("a", "b<<c")]),
            ("a<<E\nE", &[("a", "")]),
            ("a<<E\nx\nE", &[("a", "x")]),
            ("a<<E\nx\ny\n\nE\nb=1", &[("a", "x\ny\n"), ("b", "1")]),
            ("a<<E\n\nE\n", &[("a", "")]),
            ("a<<E=F\nx=y\nE=F\n", &[("a", "x=y")]),
            ("a<<E<<F\nx\nE<<F\n", &[("a", "x")]),
            ("\u{feff}a=b", &[("a", "b")]),
            ("a=1\na=2", &[("a", "1"), ("a", "2")]),
        ];
        for (text, expected) in table {
            let expected: Vec<_> = expected
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect();
            assert_eq!(pairs(text), expected, "K-41 {text:?}");
        }
    }

    #[cfg(not(windows))]
    #[test]
    fn a_carriage_return_is_part_of_the_text() {
        assert_eq!(pairs("a=b\r\n"), [("a".into(), "b\r".into())], "K-42");
        let file = parse_pairs(b"a<<EOF\r\nx\r\nEOF\n", Kind::Output);
        assert_eq!(
            file.failures[1],
            "Invalid value. Matching delimiter not found 'EOF\r'"
        );
    }

    #[test]
    fn a_bad_line_fails_and_keeps_what_stands_above() {
        let table = [
            ("x", "Invalid format 'x'"),
            (
                "<<E",
                "Invalid format '<<E'. Name must not be empty and delimiter must not be empty",
            ),
            (
                "x<<",
                "Invalid format 'x<<'. Name must not be empty and delimiter must not be empty",
            ),
            (
                "x<<E\ny\n",
                "Invalid value. Matching delimiter not found 'E'",
            ),
            ("x<<E", "Invalid value. Matching delimiter not found 'E'"),
            ("x<<E\ny", "Invalid value. EOF marker missing new line."),
            ("=x", "Value cannot be null. (Parameter 'name')"),
        ];
        for (bad, message) in table {
            let file = parse_pairs(format!("a=1\n{bad}").as_bytes(), Kind::Output);
            assert_eq!(file.pairs, [("a".into(), "1".into())], "K-41 {bad:?}");
            let first = "Unable to process file command 'output' successfully.";
            assert_eq!(file.failures, [first, message], "K-40 {bad:?}");
        }
    }

    #[test]
    fn an_env_file_may_not_set_node_options() {
        let file = parse_pairs(b"a=1\nnode_options=x\nb=2", Kind::Env);
        assert_eq!(file.pairs.len(), 2, "V-12");
        assert_eq!(file.failures, Vec::<String>::new(), "V-12");
        let text = "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.";
        assert_eq!(file.notes, [(Level::Error, text.to_owned())], "V-12");
        assert_eq!(parse_pairs(b"NODE_OPTIONS=x", Kind::Output).pairs.len(), 1);
    }

    #[test]
    fn a_name_may_be_empty_in_env_and_state_only() {
        for kind in [Kind::Env, Kind::State] {
            let file = parse_pairs(b"=x\na=1", kind);
            assert_eq!(
                (file.pairs.len(), file.notes.len(), file.failures.len()),
                (1, 1, 0),
                "K-43"
            );
        }
    }

    #[test]
    fn a_path_file_has_an_entry_a_line() {
        let entries = parse_path(b"/a\n\n/b c \r\n/d\r/e");
        assert_eq!(entries, ["/a", "/b c ", "/d", "/e"], "K-44");
    }

    #[test]
    fn a_summary_may_have_one_mebibyte() {
        assert_eq!(summary_error(SUMMARY_LIMIT), None, "K-45");
        assert!(
            summary_error(SUMMARY_LIMIT + 1024)
                .is_some_and(|text| text.contains("1024k, got 1025k"))
        );
    }

    proptest::proptest! {
        #[test]
        fn a_heredoc_gives_its_value_back(value in "[a-z=<\\r\n E]{0,40}") {
            let text = format!("name<<END\n{value}\nEND\n");
            if cfg!(not(windows)) {
                assert_eq!(pairs(&text), [("name".to_owned(), value)]);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::sample::select(&b"a=<\n\r\xef\xbb\xbfE"[..]), 0..40)) {
            for kind in [Kind::Env, Kind::Output, Kind::State] {
                parse_pairs(&bytes, kind);
            }
            parse_path(&bytes);
        }
    }
}
