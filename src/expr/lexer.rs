//! Text → tokens, one at a time; a token's neighbours decide what it may be (SPEC 2.1).

use std::sync::Arc;

use super::Stage;
use super::number::parse_number;
use super::value::Value;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    GroupStart,
    IndexStart,
    CallStart,
    GroupEnd,
    IndexEnd,
    CallEnd,
    Separator,
    Dot,
    Star,
    Operator(Operator),
    Literal,
    Property,
    Function,
    Name,
    /// Not legal here; the stage tells whether it is a token at all.
    Unexpected(Stage),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Not,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

/// A piece of the expression with its bytes.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
    /// What a literal stands for.
    pub value: Value,
}

impl Kind {
    /// After this the expression, an argument or a group may end, or a binary operator follow.
    fn ends_operand(self) -> bool {
        matches!(self, Self::Literal) || self.is_indexable()
    }

    /// After this `[` or `.` may follow (SPEC E-6).
    fn is_indexable(self) -> bool {
        matches!(
            self,
            Self::GroupEnd
                | Self::CallEnd
                | Self::IndexEnd
                | Self::Star
                | Self::Property
                | Self::Name
        )
    }

    pub fn is_operator(self) -> bool {
        !matches!(
            self,
            Self::Star | Self::Literal | Self::Property | Self::Function | Self::Name
        )
    }
}

/// Whether an operand or a prefix operator may follow; `None` is the beginning.
fn starts_operand(last: Option<Kind>) -> bool {
    matches!(
        last,
        None | Some(
            Kind::Separator
                | Kind::GroupStart
                | Kind::CallStart
                | Kind::IndexStart
                | Kind::Operator(_)
        )
    )
}

/// Reads tokens; remembers the last one and what is open.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    last: Option<Kind>,
    open: Vec<Kind>,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            last: None,
            open: Vec::new(),
        }
    }

    /// Whether something opened is not closed.
    pub fn is_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub fn next(&mut self) -> Option<Token> {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        let first = rest.chars().next()?;
        let start = self.at;
        let (mut kind, length, value) = self.read(first, rest);
        self.at += length;
        if !matches!(kind, Kind::Unexpected(_)) && !self.accept(kind) {
            kind = Kind::Unexpected(Stage::Parsing);
        }
        self.last = Some(kind);
        Some(Token {
            kind,
            start,
            end: self.at,
            value,
        })
    }

    /// What stands at the beginning of `rest`, and its length in bytes.
    fn read(&self, first: char, rest: &str) -> (Kind, usize, Value) {
        let kind = match first {
            '(' if self.last == Some(Kind::Function) => Kind::CallStart,
            '(' => Kind::GroupStart,
            '[' => Kind::IndexStart,
            ')' if self.open.last() == Some(&Kind::CallStart) => Kind::CallEnd,
            ')' => Kind::GroupEnd,
            ']' => Kind::IndexEnd,
            ',' => Kind::Separator,
            '*' => Kind::Star,
            '.' if !starts_operand(self.last) => Kind::Dot,
            '\'' => return read_string(rest),
            '!' | '>' | '<' | '=' | '&' | '|' => return read_operator(rest),
            '.' | '-' | '+' | '0'..='9' => return read_number(rest),
            _ => return self.read_word(rest),
        };
        (kind, 1, Value::Null)
    }

    fn read_word(&self, rest: &str) -> (Kind, usize, Value) {
        let length = token_length(rest, false);
        let word = &rest[..length];
        if !is_identifier(word) {
            return (Kind::Unexpected(Stage::Lexing), length, Value::Null);
        }
        if self.last == Some(Kind::Dot) {
            return (Kind::Property, length, Value::string(word));
        }
        let literal = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "NaN" => Value::Number(f64::NAN),
            "Infinity" => Value::Number(f64::INFINITY),
            _ if rest[length..].trim_start().starts_with('(') => {
                return (Kind::Function, length, Value::Null);
            }
            _ => return (Kind::Name, length, Value::Null),
        };
        (Kind::Literal, length, literal)
    }

    /// Whether the token may stand here; opens and closes what it opens and closes.
    fn accept(&mut self, kind: Kind) -> bool {
        let last = self.last;
        let after_operand = last.is_some_and(Kind::ends_operand);
        let fits = match kind {
            Kind::GroupStart
            | Kind::Operator(Operator::Not)
            | Kind::Literal
            | Kind::Function
            | Kind::Name => starts_operand(last),
            Kind::IndexStart | Kind::Dot => last.is_some_and(Kind::is_indexable),
            Kind::CallStart => last == Some(Kind::Function),
            Kind::CallEnd => last == Some(Kind::CallStart) || after_operand,
            Kind::GroupEnd | Kind::IndexEnd | Kind::Separator | Kind::Operator(_) => after_operand,
            Kind::Star => matches!(last, Some(Kind::IndexStart | Kind::Dot)),
            Kind::Property => last == Some(Kind::Dot),
            Kind::Unexpected(_) => false,
        };
        if !fits {
            return false;
        }
        let opener = match kind {
            Kind::GroupStart | Kind::IndexStart | Kind::CallStart => {
                self.open.push(kind);
                return true;
            }
            Kind::Separator => return self.open.last() == Some(&Kind::CallStart),
            Kind::GroupEnd => Kind::GroupStart,
            Kind::IndexEnd => Kind::IndexStart,
            Kind::CallEnd => Kind::CallStart,
            _ => return true,
        };
        self.open.pop() == Some(opener)
    }
}

fn read_number(rest: &str) -> (Kind, usize, Value) {
    let length = token_length(rest, true);
    let number = parse_number(&rest[..length]);
    if number.is_nan() {
        return (Kind::Unexpected(Stage::Lexing), length, Value::Null);
    }
    (Kind::Literal, length, Value::Number(number))
}

fn read_string(rest: &str) -> (Kind, usize, Value) {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            return (Kind::Literal, at + 1, Value::String(Arc::from(text)));
        }
        text.push(c);
    }
    (Kind::Unexpected(Stage::Lexing), rest.len(), Value::Null)
}

fn read_operator(rest: &str) -> (Kind, usize, Value) {
    let two = match rest.as_bytes().get(..2) {
        Some(b"!=") => Some(Operator::NotEqual),
        Some(b">=") => Some(Operator::GreaterOrEqual),
        Some(b"<=") => Some(Operator::LessOrEqual),
        Some(b"==") => Some(Operator::Equal),
        Some(b"&&") => Some(Operator::And),
        Some(b"||") => Some(Operator::Or),
        _ => None,
    };
    if let Some(operator) = two {
        return (Kind::Operator(operator), 2, Value::Null);
    }
    let operator = match rest.as_bytes().first() {
        Some(b'!') => Operator::Not,
        Some(b'>') => Operator::Greater,
        Some(b'<') => Operator::Less,
        _ => {
            let length = token_length(rest, false);
            return (Kind::Unexpected(Stage::Lexing), length, Value::Null);
        }
    };
    (Kind::Operator(operator), 1, Value::Null)
}

/// Up to the next boundary after the first character.
fn token_length(rest: &str, dots: bool) -> usize {
    let boundary = |c: char| match c {
        '.' => !dots,
        '(' | '[' | ')' | ']' | ',' | '!' | '>' | '<' | '=' | '&' | '|' => true,
        _ => c.is_whitespace(),
    };
    let first = rest.chars().next().map_or(0, char::len_utf8);
    rest[first..]
        .find(boundary)
        .map_or(rest.len(), |length| first + length)
}

/// `[A-Za-z_][A-Za-z0-9_-]*` (SPEC E-5).
pub(super) fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}
