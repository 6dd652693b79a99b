//! .NET's language of expressions, with ECMAScript classes, in that of the engine.

use std::collections::BTreeMap;

use super::groups::{Name, name_at, names};

/// ASCII classes; the one letter beside them is what .NET has.
const DIGIT: &str = "0-9";
const WORD: &str = "a-zA-Z0-9_\u{130}";
const SPACE: &str = "\\t-\\r\\x{20}";

/// The same expression for the engine, all groups without names; or what is wrong with it.
pub(super) fn translate(text: &str, slots: &BTreeMap<usize, Vec<usize>>) -> Result<String, String> {
    let mut translator = Translator {
        chars: text.chars().collect(),
        at: 0,
        slots,
        opened: 0,
        out: String::new(),
        last: Last::Nothing,
    };
    translator.run()?;
    Ok(translator.out)
}

/// What stands before a quantifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Atom,
    Quantifier,
}

/// One element of a class, or of a pattern outside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Char(char),
    /// `\d`, `\w`, `\s` and their opposites.
    Class(char),
}

#[derive(Debug)]
struct Translator<'a> {
    chars: Vec<char>,
    at: usize,
    slots: &'a BTreeMap<usize, Vec<usize>>,
    /// Groups opened so far.
    opened: usize,
    out: String,
    last: Last,
}

impl Translator<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0);
        self.at += 1;
        c
    }

    fn run(&mut self) -> Result<(), String> {
        while let Some(c) = self.next() {
            let last = self.last;
            self.last = Last::Atom;
            match c {
                '\\' => self.escape()?,
                '[' => {
                    let class = self.class()?;
                    self.out.push_str(&class);
                }
                '(' => self.open()?,
                '|' => {
                    self.out.push('|');
                    self.last = Last::Nothing;
                }
                '*' | '+' | '?' => self.quantifier(last, c, 0)?,
                '{' => match self.braces() {
                    Some(length) => self.quantifier(last, c, length)?,
                    None => self.out.push_str("\\{"),
                },
                '}' | ']' => push_char(&mut self.out, c),
                _ => self.out.push(c),
            }
        }
        Ok(())
    }

    /// The length behind `{` of what counts as a quantifier: `{2}`, `{2,}`, `{2,3}`.
    fn braces(&self) -> Option<usize> {
        let rest = &self.chars[self.at..];
        let end = rest.iter().position(|c| *c == '}')?;
        let inner: String = rest[..end].iter().collect();
        let (low, high) = inner.split_once(',').unwrap_or((&inner, ""));
        let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
        (!low.is_empty() && digits(low) && digits(high)).then_some(end + 1)
    }

    fn quantifier(&mut self, last: Last, first: char, more: usize) -> Result<(), String> {
        let mut text = String::from(first);
        for _ in 0..more {
            text.extend(self.next());
        }
        match last {
            Last::Nothing => return Err(format!("Quantifier '{text}' following nothing.")),
            Last::Quantifier => return Err(format!("Nested quantifier '{text}'.")),
            Last::Atom => self.out.push_str(&text),
        }
        if self.peek(0) == Some('?') {
            self.at += 1;
            self.out.push('?');
        }
        self.last = Last::Quantifier;
        Ok(())
    }

    fn open(&mut self) -> Result<(), String> {
        self.last = Last::Nothing;
        if let Some((_, after)) = name_at(&self.chars, self.at) {
            self.at = after;
            self.opened += 1;
            self.out.push('(');
            return Ok(());
        }
        if self.peek(0) == Some('?') && self.peek(1) == Some('#') {
            while self.next().ok_or("Unterminated (?#...) comment.")? != ')' {}
            self.last = Last::Atom;
            return Ok(());
        }
        self.out.push('(');
        if self.peek(0) != Some('?') {
            self.opened += 1;
            return Ok(());
        }
        // What follows is for the engine to judge: look-around, atomic groups, options.
        self.at += 1;
        self.out.push('?');
        while let Some(c) = self.peek(0).filter(|c| "<=!>:imsx-".contains(*c)) {
            self.at += 1;
            self.out.push(c);
            if "=!>:".contains(c) {
                break;
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), String> {
        let word = |negative: bool| {
            let (yes, no) = if negative { ('=', '!') } else { ('!', '=') };
            format!("(?:(?<=[{WORD}])(?{yes}[{WORD}])|(?<![{WORD}])(?{no}[{WORD}]))")
        };
        let c = self
            .peek(0)
            .ok_or("Illegal \\ at the end of the pattern.")?;
        let known = match c {
            'b' => word(false),
            'B' => word(true),
            'A' | 'z' | 'G' => format!("\\{c}"),
            'Z' => "(?=\\n?\\z)".to_owned(),
            'p' | 'P' if self.peek(1) == Some('{') => {
                let end = self.chars[self.at..].iter().position(|c| *c == '}');
                let end = self.at + end.ok_or("Incomplete \\p{X} character escape.")?;
                let name: String = self.chars[self.at..end].iter().collect();
                self.at = end;
                format!("\\{name}}}")
            }
            'k' => return self.named_reference(),
            '1'..='9' => match self.reference() {
                Some(reference) => {
                    self.out.push_str(&reference);
                    return Ok(());
                }
                None => return self.unit(),
            },
            _ => return self.unit(),
        };
        self.at += 1;
        self.out.push_str(&known);
        Ok(())
    }

    /// An escape that stands for a character or a class.
    fn unit(&mut self) -> Result<(), String> {
        match self.escaped()? {
            Unit::Char(c) => push_char(&mut self.out, c),
            Unit::Class(c) => self.out.push_str(&format_class(c)),
        }
        Ok(())
    }

    /// The longest number at this place that names a group opened before (ECMAScript).
    fn reference(&mut self) -> Option<String> {
        let mut number = 0;
        let mut found = None;
        for (length, c) in self.chars[self.at..].iter().enumerate() {
            let Some(digit) = c.to_digit(10) else { break };
            number = number * 10 + digit as usize;
            if number > 10_000 {
                break;
            }
            if let Some(place) = self.place(number) {
                found = Some((place, length + 1));
            }
        }
        let (place, length) = found?;
        self.at += length;
        Some(reference_to(place))
    }

    fn place(&self, number: usize) -> Option<usize> {
        let place = *self.slots.get(&number)?.first()?;
        (place <= self.opened).then_some(place)
    }

    fn named_reference(&mut self) -> Result<(), String> {
        let malformed = "Malformed \\k<...> named back reference.";
        // `\k<name>` has the form of `?<name>`.
        let mut chars = self.chars.clone();
        chars[self.at] = '?';
        let (name, after) = name_at(&chars, self.at).ok_or(malformed)?;
        let text: String = self.chars.iter().collect();
        let place = match &name {
            Name::Number(number) => self.place(*number),
            _ => names(&text)
                .iter()
                .position(|known| *known == name)
                .map(|place| place + 1),
        };
        let place = place.ok_or("Reference to undefined group name.")?;
        self.at = after;
        self.out.push_str(&reference_to(place));
        Ok(())
    }

    /// The character or class of an escape; `at` stands behind the backslash.
    fn escaped(&mut self) -> Result<Unit, String> {
        let c = self.next().ok_or("Illegal \\ at the end of the pattern.")?;
        Ok(Unit::Char(match c {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => return Ok(Unit::Class(c)),
            'a' => '\u{7}',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'c' => {
                let letter = self.next().filter(char::is_ascii);
                let letter = letter.ok_or("Missing control character.")?;
                char::from((letter.to_ascii_uppercase() as u8) & 0x1f)
            }
            '0'..='7' => {
                self.at -= 1;
                self.octal()
            }
            other => other,
        }))
    }

    fn hex(&mut self, digits: usize) -> Result<char, String> {
        let text: String = self.chars[self.at..].iter().take(digits).collect();
        if text.len() != digits || !text.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err("Insufficient hexadecimal digits.".to_owned());
        }
        self.at += digits;
        let code = u32::from_str_radix(&text, 16).unwrap_or(0xfffd);
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Up to three digits; ECMAScript stops where a fourth bit group would begin.
    fn octal(&mut self) -> char {
        let mut code = 0;
        for _ in 0..3 {
            let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else {
                break;
            };
            code = code * 8 + digit;
            self.at += 1;
            if code >= 0x20 {
                break;
            }
        }
        char::from_u32(code & 0xff).unwrap_or_default()
    }

    /// A class; `at` stands behind its `[`.
    fn class(&mut self) -> Result<String, String> {
        let open = "Unterminated [] set.";
        let mut out = String::from("[");
        if self.peek(0) == Some('^') {
            self.at += 1;
            out.push('^');
        }
        let mut is_first = true;
        loop {
            let c = self.next().ok_or(open)?;
            if c == ']' && !is_first {
                break;
            }
            if c == '-' && self.peek(0) == Some('[') && !is_first {
                self.at += 1;
                let without = self.class()?;
                if self.next() != Some(']') {
                    return Err(
                        "A subtraction must be the last element in a character class.".into(),
                    );
                }
                out.push_str("--");
                out.push_str(&without);
                break;
            }
            is_first = false;
            match self.class_unit(c)? {
                Unit::Class(class) => out.push_str(&format_class(class)),
                Unit::Char(low) => self.range(&mut out, low)?,
            }
        }
        out.push(']');
        Ok(out)
    }

    fn class_unit(&mut self, c: char) -> Result<Unit, String> {
        match (c, self.peek(0)) {
            ('\\', Some('b')) => {
                self.at += 1;
                Ok(Unit::Char('\u{8}'))
            }
            ('\\', _) => self.escaped(),
            _ => Ok(Unit::Char(c)),
        }
    }

    fn range(&mut self, out: &mut String, low: char) -> Result<(), String> {
        push_char(out, low);
        let is_range =
            self.peek(0) == Some('-') && self.peek(1).is_some_and(|c| c != ']' && c != '[');
        if !is_range {
            return Ok(());
        }
        self.at += 1;
        let c = self.next().unwrap_or_default();
        match self.class_unit(c)? {
            Unit::Class(class) => Err(format!(
                "Cannot include class \\{class} in character range."
            )),
            Unit::Char(high) if high < low => {
                Err(format!("[{low}-{high}] range in reverse order."))
            }
            Unit::Char(high) => {
                out.push('-');
                push_char(out, high);
                Ok(())
            }
        }
    }
}

/// A group that took no part matches the empty text (ECMAScript).
fn reference_to(place: usize) -> String {
    format!("(?({place})\\{place})")
}

fn format_class(class: char) -> String {
    let members = match class.to_ascii_lowercase() {
        'd' => DIGIT,
        'w' => WORD,
        _ => SPACE,
    };
    let not = if class.is_ascii_uppercase() { "^" } else { "" };
    format!("[{not}{members}]")
}

fn push_char(out: &mut String, c: char) {
    if c.is_ascii() && !c.is_ascii_alphanumeric() {
        out.push_str("\\x{");
        for shift in [4, 0] {
            out.extend(char::from_digit(u32::from(c) >> shift & 0xf, 16));
        }
        out.push('}');
    } else {
        out.push(c);
    }
}
