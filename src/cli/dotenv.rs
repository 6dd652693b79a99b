//! Reads `.secrets`, `.env`, `.vars` and `.input`: names with values, as dotenv or as a YAML map.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// One name with its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub value: String,
    /// From 1.
    pub line: usize,
}

impl std::fmt::Debug for Entry {
    /// Leaves the value out: it may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.name)
    }
}

/// What a file says.
#[derive(Debug, Default)]
pub struct Contents {
    pub entries: Vec<Entry>,
    /// Warnings with their lines.
    pub warnings: Vec<(usize, String)>,
}

/// Why a file cannot be read: never says a value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Mistake {
    pub line: usize,
    pub what: String,
}

fn mistake<T>(line: usize, what: impl Into<String>) -> Result<T, Mistake> {
    let what = what.into();
    Err(Mistake { line, what })
}

/// Reads a YAML map of scalars, each as written.
pub fn yaml(text: &str) -> Result<Contents, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut map = YamlMap::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| Mistake {
            line: error.marker().line(),
            what: "not valid YAML".to_owned(),
        })?;
        if map.take(event, span.start.line())? {
            break;
        }
    }
    Ok(map.contents)
}

#[derive(Default)]
struct YamlMap {
    contents: Contents,
    is_open: bool,
    key: Option<(String, usize)>,
    anchors: HashMap<usize, String>,
}

impl YamlMap {
    /// Takes one event; true at the end of the document.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<bool, Mistake> {
        match event {
            Event::MappingStart(..) if !self.is_open => self.is_open = true,
            Event::Scalar(text, style, anchor, _) if self.is_open => {
                let text = if self.key.is_some() {
                    written(text, style)
                } else {
                    text.into_owned()
                };
                if anchor > 0 {
                    self.anchors.insert(anchor, text.clone());
                }
                self.scalar(text, line)?;
            }
            Event::Alias(anchor) if self.is_open => match self.anchors.get(&anchor).cloned() {
                Some(text) => self.scalar(text, line)?,
                None => return mistake(line, "an alias of something that is no text"),
            },
            // An empty document is an empty map.
            Event::Scalar(text, ScalarStyle::Plain, ..)
                if written(text.clone(), ScalarStyle::Plain).is_empty() => {}
            Event::MappingStart(..) | Event::SequenceStart(..) if self.is_open => {
                let name = self.key.as_ref().map_or("a name", |(name, _)| name);
                return mistake(
                    line,
                    format!("`{name}` is a map or a list; only texts stand here"),
                );
            }
            Event::Scalar(..) | Event::SequenceStart(..) | Event::Alias(_) => {
                return mistake(line, "expected a map of names and values");
            }
            Event::MappingEnd | Event::DocumentEnd => return Ok(true),
            _ => {}
        }
        Ok(false)
    }

    fn scalar(&mut self, text: String, line: usize) -> Result<(), Mistake> {
        match self.key.take() {
            None if self.contents.entries.iter().any(|entry| entry.name == text) => {
                mistake(line, format!("`{text}` stands here twice"))
            }
            None => {
                self.key = Some((text, line));
                Ok(())
            }
            Some((name, line)) => {
                self.contents.entries.push(Entry {
                    name,
                    value: text,
                    line,
                });
                Ok(())
            }
        }
    }
}

/// The text of a scalar; a plain null is empty.
fn written(text: Cow<'_, str>, style: ScalarStyle) -> String {
    match text.as_ref() {
        "~" | "null" | "Null" | "NULL" if style == ScalarStyle::Plain => String::new(),
        _ => text.into_owned(),
    }
}

/// Reads the dotenv form.
pub fn dotenv(text: &str) -> Result<Contents, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n");
    let mut reader = Reader {
        rest: &text,
        line: 1,
        contents: Contents::default(),
    };
    while reader.next_entry()? {}
    Ok(reader.contents)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    contents: Contents,
}

/// A blank within a line.
fn is_blank(c: char) -> bool {
    c.is_whitespace() && c != '\n'
}

impl<'a> Reader<'a> {
    /// Reads one entry; false at the end.
    fn next_entry(&mut self) -> Result<bool, Mistake> {
        loop {
            self.rest = self.rest.trim_start_matches(is_blank);
            match self.rest.chars().next() {
                None => return Ok(false),
                Some('\n') => self.advance(1),
                Some('#') => self.skip_line(),
                Some(_) => break,
            }
        }
        let line = self.line;
        let name = self.name()?;
        self.rest = self.rest.trim_start_matches(is_blank);
        let value = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote, &name)?,
            _ => self.bare(),
        };
        self.contents.entries.retain(|entry| entry.name != name);
        self.contents.entries.push(Entry { name, value, line });
        Ok(true)
    }

    fn name(&mut self) -> Result<String, Mistake> {
        let line = self.rest.split('\n').next().unwrap_or_default();
        let Some(end) = line.find(['=', ':']) else {
            return mistake(self.line, "a line without `=`");
        };
        let mut name = line[..end].trim();
        if let Some(exported) = name.strip_prefix("export")
            && exported.starts_with(is_blank)
        {
            name = exported.trim_start();
        }
        if name.is_empty() {
            return mistake(self.line, "a value without a name");
        }
        // The character alone is named: the rest of the line may be a secret.
        if let Some(other) = name
            .chars()
            .find(|&c| !c.is_alphanumeric() && c != '_' && c != '.')
        {
            return mistake(self.line, format!("`{other}` cannot stand in a name"));
        }
        self.rest = &self.rest[end + 1..];
        Ok(name.to_owned())
    }

    /// Reads to the end of the line, or to a comment with a blank before it.
    fn bare(&mut self) -> String {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        let mut before = ' ';
        let comment = text.char_indices().find(|&(_, c)| {
            let is_comment = c == '#' && is_blank(before);
            before = c;
            is_comment
        });
        let value = text[..comment.map_or(end, |(at, _)| at)].trim();
        let value = self.expand_bare(value);
        self.rest = &self.rest[end..];
        value
    }

    fn expand_bare(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let before = &rest[..at];
            rest = &rest[at + 1..];
            if let Some(before) = before.strip_suffix('\\') {
                out.push_str(before);
                out.push('$');
            } else {
                out.push_str(before);
                rest = self.expand(rest, &mut out);
            }
        }
        out.push_str(rest);
        out
    }

    /// Reads what stands after a dollar: a name that a line above has set, or a dollar.
    fn expand<'t>(&mut self, text: &'t str, out: &mut String) -> &'t str {
        let is_name = |c: char| c == '_' || c.is_ascii_uppercase() || c.is_ascii_digit();
        let braced = text.strip_prefix('{');
        let inner = braced.unwrap_or(text);
        let end = inner.find(|c| !is_name(c)).unwrap_or(inner.len());
        let (name, mut after) = inner.split_at(end);
        if braced.is_some() {
            let Some(rest) = after.strip_prefix('}') else {
                out.push('$');
                return text;
            };
            after = rest;
        }
        let known = self
            .contents
            .entries
            .iter()
            .find(|entry| entry.name == name);
        match known {
            Some(entry) if !name.is_empty() => {
                out.push_str(&entry.value);
                after
            }
            _ => {
                if !name.is_empty() {
                    let warning = format!("no line above sets ${name}; it stays as written");
                    self.contents.warnings.push((self.line, warning));
                }
                out.push('$');
                text
            }
        }
    }

    /// Reads to the closing quote; a quoted value may span lines.
    fn quoted(&mut self, quote: char, name: &str) -> Result<String, Mistake> {
        let start = self.line;
        self.advance(1);
        let mut out = String::new();
        loop {
            let Some(c) = self.rest.chars().next() else {
                return mistake(start, format!("the quote of `{name}` is not closed"));
            };
            self.advance(c.len_utf8());
            match c {
                _ if c == quote => break,
                '\\' if quote == '"' => {
                    let Some(escaped) = self.rest.chars().next() else {
                        return mistake(start, format!("the quote of `{name}` is not closed"));
                    };
                    self.advance(escaped.len_utf8());
                    out.push(match escaped {
                        'n' => '\n',
                        'r' => '\r',
                        other => other,
                    });
                }
                '$' if quote == '"' => {
                    let rest = self.rest;
                    self.rest = self.expand(rest, &mut out);
                }
                _ => out.push(c),
            }
        }
        self.rest = self.rest.trim_start_matches(is_blank);
        match self.rest.chars().next() {
            None | Some('\n' | '#') => {
                self.skip_line();
                Ok(out)
            }
            Some(_) => mistake(
                self.line,
                format!("only a comment may follow the closing quote of `{name}`"),
            ),
        }
    }

    fn advance(&mut self, bytes: usize) {
        let (passed, rest): (&'a str, &'a str) = self.rest.split_at(bytes);
        self.line += passed.matches('\n').count();
        self.rest = rest;
    }

    fn skip_line(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        pairs(dotenv(text))
    }

    fn pairs(contents: Result<Contents, Mistake>) -> Vec<(String, String)> {
        let entries = contents.unwrap().entries;
        entries.into_iter().map(|e| (e.name, e.value)).collect()
    }

    fn value(text: &str) -> String {
        values(text).pop().unwrap().1
    }

    fn fatal(text: &str) -> usize {
        dotenv(text).unwrap_err().line
    }

    #[test]
    fn a_line_is_a_name_and_a_value() {
        for line in [
            "A=b",
            "A: b",
            "export A=b",
            " A = b ",
            "A:b",
            "export  A : b\r\n",
            "\u{feff}A=b",
        ] {
            assert_eq!(values(line), [("A".to_owned(), "b".to_owned())], "{line}");
        }
        assert_eq!(
            values("\n# c\n  # d\na.b_1=x\n"),
            [("a.b_1".to_owned(), "x".to_owned())]
        );
        assert_eq!(values("A=1\nB=2\nA=3").len(), 2);
        assert_eq!(value("A=1\nA=3"), "3");
        assert_eq!(values("export=x")[0].0, "export");
    }

    #[test]
    fn a_bare_value_goes_to_the_end_of_the_line() {
        assert_eq!(value("A=a b"), "a b");
        assert_eq!(value("A=a#b"), "a#b");
        assert_eq!(value("A=a #b"), "a");
        assert_eq!(value("A=# b"), "");
        assert_eq!(value("A="), "");
        assert_eq!(value(r"A=a\tb\"), r"a\tb\");
        assert_eq!(value(r#"A={"x": "y"}"#), r#"{"x": "y"}"#);
        assert_eq!(value("A=b=c:d"), "b=c:d");
    }

    #[test]
    fn quoted_values_span_lines() {
        assert_eq!(value("A=\"a\nb\" # c\n"), "a\nb");
        assert_eq!(value(r#"A="a\nb\r\"\\\$\t""#), "a\nb\r\"\\$t");
        assert_eq!(value("A='a\\n$B\n#'"), "a\\n$B\n#");
        assert_eq!(value("A='a\\'"), "a\\");
        let contents = dotenv("A='\n\n'\nB=1").unwrap();
        assert_eq!(contents.entries[1].line, 4);
    }

    #[test]
    fn names_from_lines_above_are_filled_in() {
        assert_eq!(value("A=1\nB=$A-${A}"), "1-1");
        assert_eq!(value("A=1\nB=\"$A-${A}\""), "1-1");
        assert_eq!(value("A=1\nB='$A'"), "$A");
        assert_eq!(value("A=1\nB=\\$A"), "$A");
        assert_eq!(value("a=1\nB=pa$word$a"), "pa$word$a");
        assert_eq!(value("B=pa$HOME"), "pa$HOME");
        assert_eq!(value("A=1\nB=${A"), "${A");
        assert_eq!(value("B=$ $$"), "$ $$");
        let warnings = dotenv("B=pa$HOME").unwrap().warnings;
        assert_eq!(
            warnings,
            [(
                1,
                "no line above sets $HOME; it stays as written".to_owned()
            )]
        );
    }

    #[test]
    fn what_cannot_be_read_names_its_line_and_not_its_value() {
        assert_eq!(fatal("A=1\nhunter2"), 2);
        assert_eq!(fatal("A-B=1"), 1);
        assert_eq!(fatal("{A=1"), 1);
        assert_eq!(fatal("A B=1"), 1);
        assert_eq!(fatal("=1"), 1);
        assert_eq!(fatal("\nA=\"hunter2\n\n"), 2);
        assert_eq!(fatal("A=\"x\" hunter2"), 1);
        for text in ["hunter2", "A=\"hunter2", "A='x' hunter2", "hunter-2=x"] {
            assert!(!dotenv(text).unwrap_err().what.contains("hunter"), "{text}");
        }
    }

    #[test]
    fn yaml_scalars_are_taken_as_written() {
        let text =
            "a: 010\nb: 1.10\nc: yes\nd: 2020-01-01\ne: ~\nf: null\ng:\nh: '~'\ni: |\n  x\n  y\n";
        let expected = [
            "010",
            "1.10",
            "yes",
            "2020-01-01",
            "",
            "",
            "",
            "~",
            "x\ny\n",
        ];
        let found: Vec<String> = pairs(yaml(text)).into_iter().map(|(_, v)| v).collect();
        assert_eq!(found, expected);
        assert_eq!(pairs(yaml("a: &x 1\nb: *x\n"))[1].1, "1");
        assert!(yaml("").unwrap().entries.is_empty());
        assert!(yaml("# nothing\n").unwrap().entries.is_empty());
        assert_eq!(yaml("a: 1\nb:\n  c: 2\n").unwrap_err().line, 3);
        assert_eq!(yaml("a: 1\nb: [1]\n").unwrap_err().line, 2);
        assert_eq!(yaml("- a\n").unwrap_err().line, 1);
        assert_eq!(yaml("a: 1\na: 2\n").unwrap_err().line, 2);
    }
}
