//! JSON as `fromJSON` reads it, leniently, and as `toJSON` writes it (SPEC 2.5).

use std::fmt::Write as _;

use super::number::{format_number, parse_decimal};
use super::value::{Object, Value};

/// Levels of nesting that `fromJSON` reads.
const MAX_DEPTH: usize = 64;

/// Reads the first value; what follows it does not matter.
pub(super) fn read(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    reader.skip_blanks()?;
    if reader.peek().is_none() {
        return Err(
            "Error reading JToken from JsonReader. Path '', line 0, position 0.".to_owned(),
        );
    }
    reader.value(0)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn error<T>(&self, what: &str) -> Result<T, String> {
        let before = &self.text[..self.at];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        Err(format!("{what} at line {line}, position {column}"))
    }

    fn unexpected<T>(&self) -> Result<T, String> {
        match self.peek() {
            Some(c) => self.error(&format!("unexpected character '{c}'")),
            None => self.error("unexpected end of JSON"),
        }
    }

    /// White space and comments.
    fn skip_blanks(&mut self) -> Result<(), String> {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if let Some(comment) = trimmed.strip_prefix("//") {
                self.at += 2 + comment.find('\n').unwrap_or(comment.len());
            } else if let Some(comment) = trimmed.strip_prefix("/*") {
                match comment.find("*/") {
                    Some(length) => self.at += length + 4,
                    None => return self.error("unclosed comment"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return self.error(&format!("more than {MAX_DEPTH} levels"));
        }
        match self.peek() {
            Some('{') => self.object(depth),
            Some('[') => self.array(depth),
            Some('"' | '\'') => self.string().map(Value::string),
            Some('-' | '.' | '0'..='9') => self.number(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, String> {
        let mut object = Object::new();
        self.next();
        loop {
            self.skip_blanks()?;
            if self.eat('}') {
                return Ok(object.into());
            }
            let key = match self.peek() {
                Some('"' | '\'') => self.string()?,
                _ => self.bare_key()?,
            };
            self.skip_blanks()?;
            if !self.eat(':') {
                return self.unexpected();
            }
            self.skip_blanks()?;
            let value = self.value(depth + 1)?;
            object.insert(key, value);
            self.skip_blanks()?;
            if !self.eat(',') && self.peek() != Some('}') {
                return self.unexpected();
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        self.next();
        loop {
            self.skip_blanks()?;
            if self.eat(']') {
                return Ok(Value::array(items));
            }
            // Nothing between two commas is null.
            if self.eat(',') {
                items.push(Value::Null);
                continue;
            }
            items.push(self.value(depth + 1)?);
            self.skip_blanks()?;
            if !self.eat(',') && self.peek() != Some(']') {
                return self.unexpected();
            }
        }
    }

    fn bare_key(&mut self) -> Result<String, String> {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
            .unwrap_or(rest.len());
        if length == 0 {
            return self.unexpected();
        }
        self.at += length;
        Ok(rest[..length].to_owned())
    }

    fn string(&mut self) -> Result<String, String> {
        let quote = self.next();
        let mut text = String::new();
        loop {
            match self.next() {
                None => return self.error("unclosed string"),
                c if c == quote => return Ok(text),
                Some('\\') => self.escape(&mut text)?,
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Result<(), String> {
        let c = match self.next() {
            Some('b') => '\u{8}',
            Some('t') => '\t',
            Some('n') => '\n',
            Some('f') => '\u{c}',
            Some('r') => '\r',
            Some(c @ ('\\' | '"' | '\'' | '/')) => c,
            Some('u') => {
                let mut units = vec![self.unit()?];
                if (0xD800..0xDC00).contains(&units[0]) && self.text[self.at..].starts_with("\\u") {
                    let back = self.at;
                    self.at += 2;
                    let low = self.unit()?;
                    if (0xDC00..0xE000).contains(&low) {
                        units.push(low);
                    } else {
                        self.at = back;
                    }
                }
                text.push_str(&String::from_utf16_lossy(&units));
                return Ok(());
            }
            _ => return self.error("bad escape"),
        };
        text.push(c);
        Ok(())
    }

    fn unit(&mut self) -> Result<u16, String> {
        let digits = self.text.get(self.at..self.at + 4);
        let unit = digits
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u16::from_str_radix(digits, 16).ok());
        match unit {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.error("bad \\u escape"),
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = &self.text[self.at..];
        if rest.starts_with("-Infinity") {
            return self.literal("-Infinity", Value::Number(f64::NEG_INFINITY));
        }
        let part =
            |c: char| c.is_ascii_hexdigit() || matches!(c, '+' | '-' | '.' | 'x' | 'X' | 'o' | 'O');
        let length = rest.find(|c| !part(c)).unwrap_or(rest.len());
        let text = &rest[..length];
        let number = match text.as_bytes() {
            [b'0', b'x' | b'X', ..] => radix(&text[2..], 16),
            [b'0', b'0'..=b'9', ..] => radix(text, 8),
            _ => parse_decimal(text),
        };
        if number.is_nan() || !ends_token(rest[length..].chars().next()) {
            return self.error(&format!("bad number '{text}'"));
        }
        self.at += length;
        Ok(Value::Number(number))
    }

    fn word(&mut self) -> Result<Value, String> {
        let words = [
            ("null", Value::Null),
            ("undefined", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Number(f64::NAN)),
            ("Infinity", Value::Number(f64::INFINITY)),
        ];
        for (word, value) in words {
            if self.text[self.at..].starts_with(word) {
                return self.literal(word, value);
            }
        }
        self.unexpected()
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, String> {
        if !ends_token(self.text[self.at + word.len()..].chars().next()) {
            return self.unexpected();
        }
        self.at += word.len();
        Ok(value)
    }
}

fn ends_token(next: Option<char>) -> bool {
    next.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ']' | '}' | ')' | '/'))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "every number of the language is a double"
)]
fn radix(digits: &str, radix: u32) -> f64 {
    i64::from_str_radix(digits, radix).map_or(f64::NAN, |number| number as f64)
}

/// Writes a value with two blanks a level; `count` sees every piece and may refuse it.
pub(super) fn write(
    value: &Value,
    out: &mut String,
    count: &mut dyn FnMut(&str) -> Result<(), String>,
) -> Result<(), String> {
    Writer { out, count }.value(value, 0, "")
}

struct Writer<'a> {
    out: &'a mut String,
    count: &'a mut dyn FnMut(&str) -> Result<(), String>,
}

impl Writer<'_> {
    fn piece(&mut self, piece: &str) -> Result<(), String> {
        (self.count)(piece)?;
        self.out.push_str(piece);
        Ok(())
    }

    fn value(&mut self, value: &Value, level: usize, prefix: &str) -> Result<(), String> {
        let text = match value {
            Value::Array(array) if !array.is_empty() => {
                self.piece(&format!("{prefix}["))?;
                for (at, item) in array.iter().enumerate() {
                    self.value(item, level + 1, &line(level + 1, at > 0))?;
                }
                return self.piece(&format!("{}]", line(level, false)));
            }
            Value::Object(object) if !object.is_empty() => {
                self.piece(&format!("{prefix}{{"))?;
                for (at, (key, item)) in object.iter().enumerate() {
                    let start = line(level + 1, at > 0);
                    self.piece(&format!("{start}{}", quoted(key)))?;
                    self.value(item, level + 1, ": ")?;
                }
                return self.piece(&format!("{}}}", line(level, false)));
            }
            Value::Null => "null".to_owned(),
            Value::Bool(b) => b.to_string(),
            Value::Number(number) => format_number(*number),
            Value::String(text) => quoted(text),
            Value::Array(_) => "[]".to_owned(),
            Value::Object(_) => "{}".to_owned(),
        };
        self.piece(&format!("{prefix}{text}"))
    }
}

fn line(level: usize, comma: bool) -> String {
    format!("{}\n{}", if comma { "," } else { "" }, "  ".repeat(level))
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> serde_json::Value {
        read(text).unwrap().to_json()
    }

    #[test]
    fn from_json_is_lenient() {
        let odd = "/* c */ {a: 'x', \"b\": [1, 2,], // d\n 'c': 0x1F,} trailing";
        assert_eq!(json(odd).to_string(), r#"{"a":"x","b":[1,2],"c":31}"#);
        assert_eq!(json("[1,,2]").to_string(), "[1,null,2]");
        assert_eq!(json("\"\\ud83d\\ude00\\u00e9\""), "😀é");
        assert_eq!(json("010"), 8);
        assert_eq!(json("1e3 x"), 1000);
    }

    #[test]
    fn from_json_refuses_what_is_no_json() {
        for bad in [
            "", "  ", "{", "[1", "{a}", "'x", "nul", "1z", "08", "\"\\x\"", "{,}", "abc",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
