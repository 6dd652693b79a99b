//! The functions that every expression has (SPEC 2.5).

use std::sync::Arc;

use super::Names;
use super::ast::Node;
use super::eval::{Evaluator, Memory};
use super::json;
use super::number::fold;
use super::value::Value;

/// How many arguments a function takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arity {
    pub min: usize,
    pub max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtin {
    Case,
    Contains,
    EndsWith,
    Format,
    FromJson,
    Join,
    StartsWith,
    ToJson,
}

/// What a call names.
#[derive(Debug, Clone)]
pub(super) enum Function {
    Builtin(Builtin, Arc<str>),
    /// Asked of the context; the arity is checked while parsing.
    Extra(Arc<str>),
}

impl Function {
    /// Without names, whatever is not built in is taken for a function of the context.
    pub fn find(name: &str, names: Option<&Names>) -> Option<Self> {
        const ALL: [(&str, Builtin); 8] = [
            ("case", Builtin::Case),
            ("contains", Builtin::Contains),
            ("endsWith", Builtin::EndsWith),
            ("format", Builtin::Format),
            ("fromJSON", Builtin::FromJson),
            ("join", Builtin::Join),
            ("startsWith", Builtin::StartsWith),
            ("toJSON", Builtin::ToJson),
        ];
        let builtin = ALL
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, builtin)) = builtin {
            return Some(Self::Builtin(*builtin, name.into()));
        }
        let known = |names: &Names| {
            let mut functions = names.functions.iter();
            functions.any(|function| function.name.eq_ignore_ascii_case(name))
        };
        names.is_none_or(known).then(|| Self::Extra(name.into()))
    }

    /// As written.
    pub fn name(&self) -> &str {
        match self {
            Self::Builtin(_, name) | Self::Extra(name) => name,
        }
    }

    pub fn needs_odd(&self) -> bool {
        matches!(self, Self::Builtin(Builtin::Case, _))
    }

    pub fn arity(&self, names: Option<&Names>) -> Arity {
        let (min, max) = match self {
            Self::Builtin(Builtin::Case, _) => (3, usize::MAX),
            Self::Builtin(Builtin::Contains | Builtin::StartsWith | Builtin::EndsWith, _) => (2, 2),
            Self::Builtin(Builtin::Format, _) => (1, 255),
            Self::Builtin(Builtin::FromJson | Builtin::ToJson, _) => (1, 1),
            Self::Builtin(Builtin::Join, _) => (1, 2),
            Self::Extra(name) => {
                let mut functions = names.iter().flat_map(|names| &names.functions);
                functions
                    .find(|function| function.name.eq_ignore_ascii_case(name))
                    .map_or((0, usize::MAX), |function| (function.min, function.max))
            }
        };
        Arity { min, max }
    }
}

/// Calls a built-in function; each evaluates its arguments itself, when it needs them.
pub(super) fn call(
    builtin: Builtin,
    args: &[Node],
    source: &str,
    eval: &mut Evaluator<'_>,
    level: usize,
) -> Result<Value, String> {
    let memory = &mut Memory::new(eval.limit(), source);
    match builtin {
        Builtin::Case => case(args, eval, level),
        Builtin::Contains => contains(args, eval, level).map(Value::Bool),
        Builtin::StartsWith => affix(args, eval, level, |text, x| text.starts_with(x)),
        Builtin::EndsWith => affix(args, eval, level, |text, x| text.ends_with(x)),
        Builtin::Format => format(args, eval, level, memory),
        Builtin::FromJson => {
            let text = arg(args, 0, eval, level)?.to_text();
            json::read(&text).map_err(|why| format!("Error parsing fromJson: {why}"))
        }
        Builtin::Join => join(args, eval, level, memory),
        Builtin::ToJson => {
            let value = arg(args, 0, eval, level)?;
            let mut text = String::new();
            json::write(&value, &mut text, &mut |piece| memory.add_text(piece))?;
            Ok(Value::string(text))
        }
    }
}

/// Evaluates an argument; a missing one is null, though the parser lets none be missing.
fn arg(args: &[Node], at: usize, eval: &mut Evaluator<'_>, level: usize) -> Result<Value, String> {
    args.get(at)
        .map_or(Ok(Value::Null), |node| eval.node(node, level + 1))
}

fn case(args: &[Node], eval: &mut Evaluator<'_>, level: usize) -> Result<Value, String> {
    let pairs = args.len() / 2;
    for pair in 0..pairs {
        match arg(args, 2 * pair, eval, level)? {
            Value::Bool(false) => eval.skip(&args[2 * pair + 1], level + 1),
            Value::Bool(true) => {
                let value = arg(args, 2 * pair + 1, eval, level)?;
                for rest in &args[2 * pair + 2..] {
                    eval.skip(rest, level + 1);
                }
                return Ok(value);
            }
            _ => return Err("case predicate must evaluate to a boolean value".to_owned()),
        }
    }
    arg(args, args.len() - 1, eval, level)
}

fn contains(args: &[Node], eval: &mut Evaluator<'_>, level: usize) -> Result<bool, String> {
    let within = arg(args, 0, eval, level)?;
    match &within {
        Value::Object(_) => Ok(false),
        Value::Array(array) if array.is_empty() => Ok(false),
        Value::Array(array) => {
            let item = arg(args, 1, eval, level)?;
            Ok(array.iter().any(|each| item.loosely_equals(each)))
        }
        primitive => {
            let item = arg(args, 1, eval, level)?;
            let text = primitive.to_text();
            Ok(item.is_primitive() && fold(&text).contains(&*fold(&item.to_text())))
        }
    }
}

fn affix(
    args: &[Node],
    eval: &mut Evaluator<'_>,
    level: usize,
    found_in: fn(&str, &str) -> bool,
) -> Result<Value, String> {
    let text = arg(args, 0, eval, level)?;
    if !text.is_primitive() {
        return Ok(Value::Bool(false));
    }
    let part = arg(args, 1, eval, level)?;
    let found = part.is_primitive() && found_in(&fold(&text.to_text()), &fold(&part.to_text()));
    Ok(Value::Bool(found))
}

fn join(
    args: &[Node],
    eval: &mut Evaluator<'_>,
    level: usize,
    memory: &mut Memory,
) -> Result<Value, String> {
    let items = arg(args, 0, eval, level)?;
    let array = match &items {
        Value::Array(array) => array,
        Value::Object(_) => return Ok(Value::string("")),
        primitive => return Ok(Value::String(primitive.to_text())),
    };
    let mut separator: Arc<str> = ",".into();
    if array.len() > 1 && args.len() > 1 {
        let given = arg(args, 1, eval, level)?;
        if given.is_primitive() {
            separator = given.to_text();
        }
    }
    let mut joined = String::new();
    for (at, item) in array.iter().enumerate() {
        if at > 0 {
            memory.add_text(&separator)?;
            joined.push_str(&separator);
        }
        let text = item.to_text();
        memory.add_text(&text)?;
        joined.push_str(&text);
    }
    Ok(Value::string(joined))
}

/// A piece of a format string.
enum Segment<'a> {
    Text(&'a str),
    Argument(usize, String),
}

/// The whole format string is judged before any argument is evaluated.
fn format(
    args: &[Node],
    eval: &mut Evaluator<'_>,
    level: usize,
    memory: &mut Memory,
) -> Result<Value, String> {
    let format = arg(args, 0, eval, level)?.to_text();
    let segments = split_format(&format, args.len() - 1)?;
    for segment in &segments {
        if let Segment::Text(text) = segment {
            memory.add_text(text)?;
        }
    }
    let mut values: Vec<Option<Value>> = vec![None; args.len()];
    let mut result = String::with_capacity(format.len());
    for segment in &segments {
        let (at, specifier) = match segment {
            Segment::Text(text) => {
                result.push_str(text);
                continue;
            }
            Segment::Argument(at, specifier) => (at + 1, specifier),
        };
        let value = match &values[at] {
            Some(value) => value.clone(),
            None => arg(args, at, eval, level)?,
        };
        if !specifier.is_empty() {
            return Err(format!(
                "The format specifiers '{specifier}' are not valid for objects of type '{}'",
                value.kind()
            ));
        }
        let text = value.to_text();
        memory.add_text(&text)?;
        result.push_str(&text);
        values[at] = Some(value);
    }
    for (node, value) in args.iter().zip(&values).skip(1) {
        if value.is_none() {
            eval.skip(node, level + 1);
        }
    }
    Ok(Value::string(result))
}

fn split_format(format: &str, supplied: usize) -> Result<Vec<Segment<'_>>, String> {
    let invalid = || format!("The following format string is invalid: {format}");
    let mut segments = Vec::new();
    let mut rest = format;
    while let Some(brace) = rest.find(['{', '}']) {
        let after = &rest[brace + 1..];
        if after.starts_with(&rest[brace..=brace]) {
            segments.push(Segment::Text(&rest[..=brace]));
            rest = &after[1..];
            continue;
        }
        if rest[brace..].starts_with('}') {
            return Err(invalid());
        }
        let (at, specifier, length) = read_argument(after).ok_or_else(invalid)?;
        if at >= supplied {
            return Err(format!(
                "The following format string references more arguments than were supplied: {format}"
            ));
        }
        segments.push(Segment::Text(&rest[..brace]));
        segments.push(Segment::Argument(at, specifier));
        rest = &after[length..];
    }
    segments.push(Segment::Text(rest));
    segments.retain(|segment| !matches!(segment, Segment::Text("")));
    Ok(segments)
}

/// `0}` or `0:spec}` → the index, the specifier, and how long it is with the brace.
fn read_argument(text: &str) -> Option<(usize, String, usize)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let at: u8 = text[..digits].parse().ok()?;
    let mut rest = &text[digits..];
    if rest.starts_with('}') {
        return Some((at.into(), String::new(), digits + 1));
    }
    rest = rest.strip_prefix(':')?;
    let mut specifier = String::new();
    loop {
        let brace = rest.find('}')?;
        specifier.push_str(&rest[..brace]);
        rest = &rest[brace + 1..];
        match rest.strip_prefix('}') {
            Some(more) => {
                specifier.push('}');
                rest = more;
            }
            None => return Some((at.into(), specifier, text.len() - rest.len())),
        }
    }
}
