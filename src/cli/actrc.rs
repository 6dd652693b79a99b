//! Reads `.actrc`: one flag a line, cut at the first blank, as people wrote it for act.

use super::environment::Environment;
use super::flags::{self, Kind};
use super::words::{self, Written};

/// What one line says.
#[derive(Debug, Default)]
pub struct Line {
    /// From 1.
    pub number: usize,
    pub flags: Vec<Written>,
    pub warnings: Vec<String>,
}

/// Reads a whole file; mistakes are warnings of their lines.
pub fn read(text: &str, environment: &Environment) -> Vec<Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .enumerate()
        .map(|(index, raw)| {
            let mut line = Line {
                number: index + 1,
                ..Line::default()
            };
            line.read(raw.trim(), environment);
            line
        })
        .filter(|line| !line.flags.is_empty() || !line.warnings.is_empty())
        .collect()
}

impl Line {
    fn read(&mut self, raw: &str, environment: &Environment) {
        if raw.is_empty() || raw.starts_with('#') {
            return;
        }
        let expanded = self.expand(raw, environment);
        let text = expanded.trim();
        if !text.starts_with('-') {
            let word = raw.split_whitespace().next().unwrap_or(raw);
            self.warnings.push(format!(
                "skipped: a setting starts with `-`, not with `{}`",
                word.chars().take(30).collect::<String>()
            ));
            return;
        }
        let (flag, rest) = match text.split_once([' ', '\t']) {
            Some((flag, rest)) => (flag, rest.trim()),
            None => (text, ""),
        };
        if let Err(error) = self.take(flag, rest) {
            // What else was said of the line no longer matters.
            self.flags.clear();
            self.warnings.clear();
            self.warnings
                .push(format!("{}; the line is ignored", error.message));
        }
    }

    /// Reads a flag with what stands after the blank.
    fn take(&mut self, flag: &str, rest: &str) -> Result<(), super::error::CliError> {
        let mut args = vec![flag.to_owned()];
        if wants_word(flag) {
            if !rest.is_empty() {
                args.push(rest.to_owned());
            }
        } else {
            self.take_more(rest, &mut args);
        }
        let walked = words::walk(&args)?;
        for written in &walked.flags {
            self.doubt(written);
        }
        self.flags.extend(walked.flags);
        Ok(())
    }

    /// Reads what follows a boolean: more booleans, a comment, or its value.
    fn take_more(&mut self, rest: &str, args: &mut Vec<String>) {
        for (index, word) in rest.split_whitespace().enumerate() {
            if word.starts_with('#') {
                break;
            }
            let is_value = index == 0 && matches!(word, "true" | "false");
            if is_value && !args[0].contains('=') {
                self.warnings.push(format!(
                    "write `{}={word}`: act reads `{word}` as the event",
                    args[0]
                ));
                args[0] = format!("{}={word}", args[0]);
            } else if word.starts_with('-') && !wants_word(word) {
                args.push(word.to_owned());
            } else {
                self.warnings
                    .push(format!("skipped from `{word}` on: one flag a line"));
                break;
            }
        }
    }

    /// Says what is rarely meant.
    fn doubt(&mut self, written: &Written) {
        let long = written.flag.long;
        if !written.flag.kind.takes_word() {
            return;
        }
        let value = written
            .value
            .split_once('=')
            .map_or(written.value.as_str(), |(_, v)| v);
        if [&written.value, value].iter().any(|text| is_quoted(text)) {
            self.warnings
                .push(format!("the quotes are part of the value of --{long}"));
        }
        if value.contains(" #") {
            self.warnings
                .push(format!("the `#` is part of the value of --{long}"));
        }
    }

    /// Fills in `$NAME` and `${NAME}`; what is not set is empty, and there is no escape.
    fn expand(&mut self, text: &str, environment: &Environment) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let Some((name, after)) = variable(rest) else {
                out.push('$');
                continue;
            };
            rest = after;
            match environment.get(name) {
                Some(value) => out.push_str(value),
                None if name.is_empty() => {}
                None => self
                    .warnings
                    .push(format!("${name} is not set, and so is empty")),
            }
        }
        out.push_str(rest);
        out
    }
}

/// Splits the name after a dollar from what follows; none where the dollar stands for itself.
fn variable(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        return Some(braced.split_once('}').unwrap_or(("", braced)));
    }
    let first = text.chars().next()?;
    if matches!(first, '$' | '*' | '#' | '@' | '!' | '?' | '-' | '0'..='9') {
        // The special variables of a shell: always empty here.
        return Some(("", &text[1..]));
    }
    let end = text
        .find(|c: char| c != '_' && !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// True if the flag's value is what stands after the blank.
fn wants_word(flag: &str) -> bool {
    let last = if let Some(long) = flag.strip_prefix("--") {
        flags::by_long(long)
    } else {
        bundle_end(flag.strip_prefix('-').unwrap_or(flag))
    };
    last.is_some_and(|flag| flag.kind.takes_word())
}

/// The last letter of a bundle, unless a value is attached to one.
fn bundle_end(letters: &str) -> Option<&'static flags::Flag> {
    let mut chars = letters.chars();
    while let Some(letter) = chars.next() {
        let flag = flags::by_short(letter)?;
        if chars.as_str().is_empty() {
            return Some(flag);
        }
        if flag.kind != Kind::Bool || chars.as_str().starts_with('=') {
            return None;
        }
    }
    None
}

fn is_quoted(text: &str) -> bool {
    text.len() > 1
        && ['"', '\'']
            .iter()
            .any(|quote| text.starts_with(*quote) && text.ends_with(*quote))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Vec<String> {
        let environment = Environment {
            variables: [("NAME".to_owned(), "value".to_owned())].into(),
            ..Environment::default()
        };
        let lines = read(text, &environment);
        let flags = lines.iter().flat_map(|line| &line.flags);
        flags
            .map(|w| format!("{}={}", w.flag.long, w.value))
            .collect()
    }

    fn warnings(text: &str) -> usize {
        read(text, &Environment::default())
            .iter()
            .map(|line| line.warnings.len())
            .sum()
    }

    #[test]
    fn a_line_is_one_flag_cut_at_the_first_blank() {
        assert_eq!(
            flags(
                "  --container-options --dns=1.1.1.1 --dns=8.8.8.8\r\n# x\r\n\r\n--env  A=1\t\r\n"
            ),
            ["container-options=--dns=1.1.1.1 --dns=8.8.8.8", "env=A=1"]
        );
        assert_eq!(flags("-P a=b -P c=d"), ["platform=a=b -P c=d"]);
        assert_eq!(flags("-Pa=b\n-P=a=b\n--platform=a=b"), ["platform=a=b"; 3]);
        assert_eq!(flags("push\nubuntu-latest=img"), [""; 0]);
        assert_eq!(warnings("push\nubuntu-latest=img\n\n  # c"), 2);
    }

    #[test]
    fn a_boolean_may_be_followed_by_booleans_a_comment_or_its_value() {
        assert_eq!(
            flags("-b -r -v"),
            ["bind=true", "reuse=true", "verbose=true"]
        );
        assert_eq!(flags("--rm # tidy"), ["rm=true"]);
        assert_eq!(flags("--pull false"), ["pull=false"]);
        assert_eq!(warnings("--pull false"), 1);
        assert_eq!(flags("-b push"), ["bind=true"]);
        assert_eq!(warnings("-b push"), 1);
    }

    #[test]
    fn quotes_and_comments_are_part_of_a_value() {
        assert_eq!(flags("--env A=\"x\""), ["env=A=\"x\""]);
        assert_eq!(warnings("--env A=\"x\""), 1);
        assert_eq!(flags("--env A=x # y"), ["env=A=x # y"]);
        assert_eq!(warnings("--env A=x # y"), 1);
    }

    #[test]
    fn variables_are_filled_in_without_an_escape() {
        assert_eq!(flags("--env A=$NAME-${NAME}"), ["env=A=value-value"]);
        assert_eq!(flags("--env A=$$-$UNSET-\\$NAME"), ["env=A=--\\value"]);
        assert_eq!(warnings("--env A=$UNSET"), 1);
        assert_eq!(flags("--env A=$ b"), ["env=A=$ b"]);
    }

    #[test]
    fn an_unknown_flag_is_a_warning() {
        assert_eq!(flags("--nonsense x"), [""; 0]);
        assert_eq!(warnings("--nonsense x\n-b=maybe"), 2);
    }
}
