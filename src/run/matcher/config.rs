//! The file of a problem matcher: reading and rules (SPEC K-20, K-21).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::pattern::Pattern;

/// A matcher that keeps the rules.
#[derive(Debug)]
pub(super) struct Matcher {
    pub owner: String,
    /// Default severity; empty is none.
    pub severity: String,
    pub from_path: String,
    pub patterns: Vec<Line>,
}

/// What one line must look like, and which groups hold what.
#[derive(Debug)]
pub(super) struct Line {
    pub regex: Pattern,
    pub file: Option<usize>,
    pub number: Option<usize>,
    pub column: Option<usize>,
    pub severity: Option<usize>,
    pub code: Option<usize>,
    pub message: Option<usize>,
    pub from_path: Option<usize>,
    pub repeats: bool,
}

/// Names of the properties that a pattern may set, in the order of the rules.
const PROPERTIES: [&str; 7] = [
    "file", "line", "column", "severity", "code", "message", "fromPath",
];

/// Reads a file's text; expressions may take that many steps on a line.
pub(super) fn read(text: &str, steps: usize) -> Result<Vec<Matcher>, String> {
    let entries = entries(text)?;
    let mut matchers = Vec::with_capacity(entries.len());
    let mut owners = HashSet::new();
    for entry in &entries {
        let matcher = matcher(entry, steps)?;
        if !owners.insert(matcher.owner.to_uppercase()) {
            return Err(format!("Duplicate owner name '{}'", matcher.owner));
        }
        matchers.push(matcher);
    }
    Ok(matchers)
}

/// The owners that a file names, by no rule at all.
pub(super) fn owners(text: &str) -> Result<Vec<String>, String> {
    let entries = entries(text)?;
    entries.iter().map(|entry| string(entry, "owner")).collect()
}

fn entries(text: &str) -> Result<Vec<Map<String, Value>>, String> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("The file is not JSON: {error}"))?;
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Object(map) => objects(&map, "problemMatcher"),
        _ => Err("The file must hold an object".to_owned()),
    }
}

fn matcher(entry: &Map<String, Value>, steps: usize) -> Result<Matcher, String> {
    let owner = string(entry, "owner")?;
    if owner.is_empty() {
        return Err("Owner must not be empty".to_owned());
    }
    let severity = string(entry, "severity")?;
    let is_known = |known: &str| severity.eq_ignore_ascii_case(known);
    if !["", "error", "warning", "notice"].into_iter().any(is_known) {
        return Err(format!(
            "Matcher '{owner}' contains unexpected default severity '{severity}'"
        ));
    }
    let entries = objects(entry, "pattern")?;
    if entries.is_empty() {
        return Err(format!("Matcher '{owner}' does not contain any patterns"));
    }
    let mut set = HashSet::new();
    let mut patterns = Vec::with_capacity(entries.len());
    for (place, pattern) in entries.iter().enumerate() {
        let is_last = place + 1 == entries.len();
        patterns.push(line(pattern, place > 0 && is_last, steps, &mut set)?);
    }
    if !set.contains("message") {
        return Err("At least one pattern must set 'message'".to_owned());
    }
    Ok(Matcher {
        owner,
        severity,
        from_path: string(entry, "fromPath")?,
        patterns,
    })
}

fn line(
    entry: &Map<String, Value>,
    may_repeat: bool,
    steps: usize,
    set: &mut HashSet<&'static str>,
) -> Result<Line, String> {
    let repeats = boolean(entry, "loop")?;
    if repeats && !may_repeat {
        return Err("Only the last pattern in a multiline matcher may set 'loop'".to_owned());
    }
    if repeats && number(entry, "message")?.is_none() {
        return Err("The loop pattern must set 'message'".to_owned());
    }
    let regex = Pattern::compile(&string(entry, "regexp")?, steps)?;
    let mut groups = [None; PROPERTIES.len()];
    for (group, name) in groups.iter_mut().zip(PROPERTIES) {
        let Some(value) = number(entry, name)? else {
            continue;
        };
        if !set.insert(name) {
            return Err(format!("The property '{name}' is set twice"));
        }
        let valid = usize::try_from(value).ok().filter(|n| *n < regex.groups());
        *group = Some(valid.ok_or_else(|| {
            format!("The property '{name}' is set to {value} which is out of range")
        })?);
    }
    let [file, number, column, severity, code, message, from_path] = groups;
    Ok(Line {
        regex,
        file,
        number,
        column,
        severity,
        code,
        message,
        from_path,
        repeats,
    })
}

/// A property, whatever the case of its name; the last of several counts.
fn get<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.iter()
        .rev()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
        .filter(|value| !value.is_null())
}

fn objects(map: &Map<String, Value>, name: &str) -> Result<Vec<Map<String, Value>>, String> {
    let wrong = || format!("'{name}' must be a list of objects");
    let items = match get(map, name) {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(wrong()),
    };
    items
        .iter()
        .map(|item| item.as_object().cloned().ok_or_else(wrong))
        .collect()
}

fn string(map: &Map<String, Value>, name: &str) -> Result<String, String> {
    match get(map, name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(_) | Value::Object(_)) => Err(format!("'{name}' must be a text")),
        Some(other) => Ok(other.to_string()),
    }
}

fn number(map: &Map<String, Value>, name: &str) -> Result<Option<i64>, String> {
    let Some(value) = get(map, name) else {
        return Ok(None);
    };
    let found = match value {
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    };
    found
        .map(Some)
        .ok_or_else(|| format!("'{name}' must be a whole number"))
}

fn boolean(map: &Map<String, Value>, name: &str) -> Result<bool, String> {
    let found = match get(map, name) {
        None => Some(false),
        Some(Value::Bool(value)) => Some(*value),
        Some(Value::String(text)) => text.trim().to_ascii_lowercase().parse().ok(),
        Some(other) => other.as_i64().map(|number| number != 0),
    };
    found.ok_or_else(|| format!("'{name}' must be true or false"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text, 1000).unwrap_err()
    }

    fn of(patterns: &str) -> String {
        format!(r#"{{"problemMatcher":[{{"owner":"o","pattern":[{patterns}]}}]}}"#)
    }

    #[test]
    fn a_file_may_name_several_matchers() {
        // SPEC K-20
        let text = r#"{"problemMatcher":[
            {"owner":"a","severity":"Warning","fromPath":"p/x","pattern":[{"regexp":"(.)(.)","file":1,"message":2}]},
            {"OWNER":"b","pattern":[{"regexp":"a","message":0},{"Regexp":"b","code":"0"}]}]}"#;
        let matchers = read(text, 1000).unwrap();
        assert_eq!(matchers[0].owner, "a");
        assert_eq!(matchers[0].severity, "Warning");
        assert_eq!(matchers[0].from_path, "p/x");
        assert_eq!(matchers[0].patterns[0].file, Some(1));
        assert_eq!(matchers[1].patterns[1].code, Some(0));
        assert_eq!(owners(text).unwrap(), ["a", "b"]);
        for nothing in ["", "{}", "null", "\u{feff}{\"problemMatcher\":[]}"] {
            assert!(read(nothing, 1000).unwrap().is_empty(), "{nothing}");
        }
    }

    #[test]
    fn the_rules_have_their_messages() {
        // SPEC K-21
        let no_owner = r#"{"problemMatcher":[{"pattern":[{"regexp":"a","message":0}]}]}"#;
        let severity = r#"{"problemMatcher":[{"owner":"o","severity":"fatal","pattern":[]}]}"#;
        let twice = r#"{"problemMatcher":[{"owner":"o","pattern":[{"regexp":"a","message":0}]},
            {"owner":"O","pattern":[{"regexp":"a","message":0}]}]}"#;
        let cases = [
            (no_owner.to_owned(), "Owner must not be empty"),
            (
                severity.to_owned(),
                "Matcher 'o' contains unexpected default severity 'fatal'",
            ),
            (of(""), "Matcher 'o' does not contain any patterns"),
            (
                of(r#"{"regexp":"(a)","file":1}"#),
                "At least one pattern must set 'message'",
            ),
            (
                of(r#"{"regexp":"(a)","message":1},{"regexp":"(a)","message":1}"#),
                "The property 'message' is set twice",
            ),
            (
                of(r#"{"regexp":"(a)","message":2}"#),
                "The property 'message' is set to 2 which is out of range",
            ),
            (
                of(r#"{"regexp":"(a)","fromPath":-1,"message":1}"#),
                "The property 'fromPath' is set to -1 which is out of range",
            ),
            (
                of(r#"{"regexp":"(a)","message":1,"loop":true}"#),
                "Only the last pattern in a multiline matcher may set 'loop'",
            ),
            (
                of(r#"{"regexp":"a"},{"regexp":"b","message":0,"loop":true},{"regexp":"c"}"#),
                "Only the last pattern in a multiline matcher may set 'loop'",
            ),
            (
                of(r#"{"regexp":"a","message":0},{"regexp":"b","loop":true}"#),
                "The loop pattern must set 'message'",
            ),
            (twice.to_owned(), "Duplicate owner name 'O'"),
            (of(r#"{"regexp":"(","message":0}"#), "Invalid pattern '('. "),
            ("{".to_owned(), "The file is not JSON: "),
            ("[]".to_owned(), "The file must hold an object"),
            (
                r#"{"problemMatcher":{}}"#.to_owned(),
                "'problemMatcher' must be a list of objects",
            ),
        ];
        for (text, message) in cases {
            let found = error(&text);
            assert!(found.starts_with(message), "{text}: {found}");
        }
    }
}
