//! Reads `lrun.toml`: a key is the long name of a flag.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::CliError;
use super::flags::{self, Flag};
use super::near::nearest;
use super::table::FLAGS;

/// One value of one key.
#[derive(Debug)]
pub struct Entry {
    pub flag: &'static Flag,
    pub value: String,
    /// From 1.
    pub line: usize,
}

/// Reads a whole file.
pub fn read(text: &str, path: &Path) -> Result<Vec<Entry>, CliError> {
    let at = |offset: usize| {
        let line = text[..offset.min(text.len())].matches('\n').count() + 1;
        (line, format!("{}:{line}", path.display()))
    };
    let table = DeTable::parse(text).map_err(|error| {
        let (_, place) = at(error.span().map_or(0, |span| span.start));
        CliError::new(format!("{place}: {}", error.message()))
    })?;
    let mut entries = Vec::new();
    for (key, value) in table.get_ref() {
        if key.get_ref() == super::environments::TABLE {
            continue;
        }
        let (line, place) = at(key.span().start);
        let flag = flags::by_long(key.get_ref()).ok_or_else(|| unknown(key.get_ref(), &place))?;
        let values = texts(flag, value)
            .ok_or_else(|| CliError::new(format!("{place}: `{}` {}", flag.long, expected(flag))))?;
        for (value, offset) in values {
            let line = offset.map_or(line, |offset| at(offset).0);
            entries.push(Entry { flag, value, line });
        }
    }
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

/// The values as the command line would have them; none if they have the wrong form.
fn texts(flag: &Flag, value: &Spanned<DeValue<'_>>) -> Option<Vec<(String, Option<usize>)>> {
    match value.get_ref() {
        DeValue::Array(items) if flag.kind.is_many() => items
            .iter()
            .map(|item| Some((scalar(item.get_ref())?, Some(item.span().start))))
            .collect(),
        DeValue::Table(table) if flag.kind.is_many() => {
            let separator = if flag.long == "matrix" { ':' } else { '=' };
            let mut values = Vec::new();
            for (key, value) in table {
                let many = match value.get_ref() {
                    DeValue::Array(items) => items.iter().collect(),
                    _ => vec![value],
                };
                for one in many {
                    let text = format!("{}{separator}{}", key.get_ref(), scalar(one.get_ref())?);
                    values.push((text, Some(key.span().start)));
                }
            }
            Some(values)
        }
        one => Some(vec![(scalar(one)?, None)]),
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(value) => Some(value.to_string()),
        _ => None,
    }
}

fn expected(flag: &Flag) -> &'static str {
    match flag.type_name() {
        "bool" => "is true or false",
        "int" => "is a whole number",
        "stringArray" => "is a text, a list of texts, or a table of them",
        _ => "is a text",
    }
}

fn unknown(key: &str, place: &str) -> CliError {
    CliError::new(format!("{place}: unknown setting `{key}`"))
        .did_you_mean(nearest(key, FLAGS.iter().map(|flag| flag.long)))
        .hint("settings have the long names of the flags of `lrun --help`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let entries = read(text, Path::new("lrun.toml")).unwrap();
        entries
            .iter()
            .map(|entry| format!("{}: {}={}", entry.line, entry.flag.long, entry.value))
            .collect()
    }

    fn error(text: &str) -> String {
        read(text, Path::new("lrun.toml")).unwrap_err().message
    }

    #[test]
    fn keys_are_long_names_and_lists_have_two_forms() {
        assert_eq!(
            values(
                "skip-unavailable = true\nconcurrent-jobs = 4\nenv = [\n  \"A=1\",\n  \"B=2\"]\n[platform]\nubuntu-latest = \"host\"\n"
            ),
            [
                "1: skip-unavailable=true",
                "2: concurrent-jobs=4",
                "4: env=A=1",
                "5: env=B=2",
                "7: platform=ubuntu-latest=host"
            ]
        );
        assert_eq!(
            values("[matrix]\nos = [\"a\", 2]"),
            ["2: matrix=os:a", "2: matrix=os:2"]
        );
    }

    #[test]
    fn environments_are_read_elsewhere() {
        let text = "actor = \"a\"\n[environments.prod]\nsecret-file = \"x\"\n";
        assert_eq!(values(text), ["1: actor=a"]);
    }

    #[test]
    fn mistakes_name_their_line() {
        assert_eq!(
            error("\nclaen = true"),
            "lrun.toml:2: unknown setting `claen`"
        );
        assert_eq!(error("actor = [\"a\"]"), "lrun.toml:1: `actor` is a text");
        assert!(error("a = 1\nb =").starts_with("lrun.toml:2: "));
    }
}
