//! A line of output read as a workflow command.

pub(super) const STOP_COMMANDS: &str = "stop-commands";

pub(super) const COMMANDS: [&str; 15] = [
    "set-output",
    "save-state",
    "set-env",
    "add-path",
    "add-mask",
    "debug",
    "notice",
    "warning",
    "error",
    "group",
    "endgroup",
    "echo",
    "add-matcher",
    "remove-matcher",
    STOP_COMMANDS,
];

/// A command as it stands in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowCommand {
    /// In lower case.
    pub name: String,
    properties: Vec<(String, String)>,
    pub data: String,
}

impl WorkflowCommand {
    /// The last value given for a property, whatever its case.
    pub fn property(&self, name: &str) -> Option<&str> {
        let mut last_first = self.properties.iter().rev();
        last_first
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// Reads a command; a name that GitHub does not know makes it ordinary output.
pub fn parse(line: &str) -> Option<WorkflowCommand> {
    parse_with(line, None)
}

pub(super) fn parse_with(line: &str, token: Option<&str>) -> Option<WorkflowCommand> {
    parse_colons(line, token).or_else(|| parse_brackets(line, token))
}

fn parse_colons(line: &str, token: Option<&str>) -> Option<WorkflowCommand> {
    let (head, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    Some(WorkflowCommand {
        name: known(name, token)?,
        properties: pairs(properties.trim(), ',', |value| {
            let value = value.replace("%0D", "\r").replace("%0A", "\n");
            let value = value.replace("%3A", ":").replace("%2C", ",");
            value.replace("%25", "%")
        }),
        data: data
            .replace("%0D", "\r")
            .replace("%0A", "\n")
            .replace("%25", "%"),
    })
}

fn parse_brackets(line: &str, token: Option<&str>) -> Option<WorkflowCommand> {
    let at = memchr::memmem::find(line.as_bytes(), b"##[")?;
    let (head, data) = line[at + 3..].split_once(']')?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let unescape = |value: &str| {
        let value = value.replace("%3B", ";").replace("%0D", "\r");
        let value = value.replace("%0A", "\n").replace("%5D", "]");
        value.replace("%25", "%")
    };
    Some(WorkflowCommand {
        name: known(name, token)?,
        properties: pairs(properties, ';', unescape),
        data: unescape(data),
    })
}

fn known(name: &str, token: Option<&str>) -> Option<String> {
    COMMANDS
        .iter()
        .copied()
        .chain(token)
        .find(|command| same(command, name))
        .map(str::to_lowercase)
}

/// Names of commands ignore case.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || a.to_lowercase() == b.to_lowercase()
}

/// Pieces without a key or without a value count for nothing (SPEC K-3).
fn pairs(text: &str, separator: char, unescape: impl Fn(&str) -> String) -> Vec<(String, String)> {
    text.split(separator)
        .filter_map(|piece| {
            let (key, value) = piece.trim_start_matches('=').split_once('=')?;
            let value = value.trim_start_matches('=');
            (!value.is_empty()).then(|| (key.to_owned(), unescape(value)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

    #[test]
    fn reads_both_forms() {
        let table: &[Row<'_>] = &[
            ("::debug::x", "debug", &[], "x"),
            ("  \t::DEBUG::x::y", "debug", &[], "x::y"),
            ("::endgroup::", "endgroup", &[], ""),
            (
                "::set-output name=a::b c ",
                "set-output",
                &[("name", "a")],
                "b c ",
            ),
            (
                "::error file=a.c,line=1,col=2::m",
                "error",
                &[("file", "a.c"), ("line", "1"), ("col", "2")],
                "m",
            ),
            (
                "::error file=a=b,title=::m",
                "error",
                &[("file", "a=b")],
                "m",
            ),
            ("::error =x,,y::m", "error", &[], "m"),
            (
                "::error file=a, line=1::m",
                "error",
                &[("file", "a"), (" line", "1")],
                "m",
            ),
            (
                "::error title=a%3Ab%2Cc%25%0A::x%0Ay%0Dz%25 %3A",
                "error",
                &[("title", "a:b,c%\n")],
                "x\ny\rz% %3A",
            ),
            ("::debug::%250A %0a", "debug", &[], "%0A %0a"),
            ("##[group]x", "group", &[], "x"),
            (
                "time ##[error file=a%5D;line=2]b%3Bc",
                "error",
                &[("file", "a]"), ("line", "2")],
                "b;c",
            ),
        ];
        for (line, name, properties, data) in table {
            let command = parse(line).unwrap();
            assert_eq!(
                (command.name.as_str(), command.data.as_str()),
                (*name, *data),
                "K-1, K-2 {line}"
            );
            let found: Vec<_> = command
                .properties
                .iter()
                .map(|(k, v)| (k.as_str(), v.as_str()))
                .collect();
            assert_eq!(found, *properties, "K-2, K-3 {line}");
        }
    }

    #[test]
    fn leaves_ordinary_output_alone() {
        for line in [
            "",
            "x",
            "::",
            "::::",
            "::debug",
            "::nope::x",
            "a ::debug::x",
            "##[debug",
            "##[nope]x",
            "::error::x".trim_start_matches(':'),
        ] {
            assert_eq!(parse(line), None, "K-1 {line}");
        }
    }

    #[test]
    fn property_names_ignore_case_and_the_last_counts() {
        let command = parse("::error FILE=a,file=b::").unwrap();
        assert_eq!(command.property("File"), Some("b"), "K-3");
    }

    proptest::proptest! {
        #[test]
        fn no_line_makes_it_panic(line in "[:#\\[\\]a-z%0A =,;é]{0,40}", head in "(::|##\\[)?(group|error)?") {
            let line = format!("{head}{line}");
            if let Some(command) = parse(&line) {
                assert!(COMMANDS.contains(&command.name.as_str()), "{line}");
            }
        }

        #[test]
        fn escaped_data_comes_back(data in "[a-z%:,\r\n0AD25é ]{0,30}") {
            let escaped = data.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
            assert_eq!(parse(&format!("::debug::{escaped}")).unwrap().data, data, "K-2");
        }
    }
}
