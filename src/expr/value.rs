//! Values of the expression language and their coercions (SPEC 2.3).

use std::cmp::Ordering;
use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::Entry;

use super::number::{
    compare_ignoring_case, equal_ignoring_case, fold, format_number, parse_number,
};

/// A value. Arrays and objects are shared: `==` of the language takes those as identity (SPEC E-20),
/// `PartialEq` compares what they hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    String(Arc<str>),
    Array(Arc<Array>),
    Object(Arc<Object>),
}

/// A list of values.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Array {
    pub items: Vec<Value>,
    /// Made by `.*`: a following access goes to each item (SPEC E-33).
    pub(super) filtered: bool,
}

/// A map in insertion order; look-up ignores case unless it is `env` (SPEC E-30).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object {
    /// Keyed by the folded name, which is the name itself where case counts.
    entries: IndexMap<Arc<str>, (Arc<str>, Value)>,
    case_sensitive: bool,
}

impl Value {
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    pub fn array(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(Array {
            items,
            filtered: false,
        }))
    }

    pub(super) fn filtered(items: Vec<Self>) -> Self {
        Self::Array(Arc::new(Array {
            items,
            filtered: true,
        }))
    }

    pub fn object<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Object(Arc::new(entries.into_iter().collect()))
    }

    pub fn from_json(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(b) => Self::Bool(*b),
            serde_json::Value::Number(n) => Self::Number(n.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => Self::string(text.as_str()),
            serde_json::Value::Array(items) => {
                Self::array(items.iter().map(Self::from_json).collect())
            }
            serde_json::Value::Object(entries) => Self::object(
                entries
                    .iter()
                    .map(|(key, value)| (key.as_str(), Self::from_json(value))),
            ),
        }
    }

    /// As JSON; a number that JSON does not know becomes null.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(b) => (*b).into(),
            Self::Number(n) => number_to_json(*n),
            Self::String(text) => (**text).into(),
            Self::Array(array) => array.items.iter().map(Self::to_json).collect(),
            Self::Object(object) => object
                .iter()
                .map(|(key, value)| (key.to_owned(), value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// As `toJSON` writes it.
    pub fn to_pretty_json(&self) -> String {
        let mut text = String::new();
        // Nothing refuses a piece here.
        let written = super::json::write(self, &mut text, &mut |_| Ok(()));
        debug_assert!(written.is_ok());
        text
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::Bool(_) => "Boolean",
            Self::Number(_) => "Number",
            Self::String(_) => "String",
            Self::Array(_) => "Array",
            Self::Object(_) => "Object",
        }
    }

    pub fn is_primitive(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::String(text) => !text.is_empty(),
            Self::Array(_) | Self::Object(_) => true,
        }
    }

    pub fn to_number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Bool(b) => f64::from(u8::from(*b)),
            Self::Number(n) => *n,
            Self::String(text) => parse_number(text),
            Self::Array(_) | Self::Object(_) => f64::NAN,
        }
    }

    /// The value where a text is wanted; collections give the name of their kind.
    pub fn to_text(&self) -> Arc<str> {
        match self {
            Self::Null => "".into(),
            Self::Bool(b) => if *b { "true" } else { "false" }.into(),
            Self::Number(n) => format_number(*n).into(),
            Self::String(text) => Arc::clone(text),
            Self::Array(_) | Self::Object(_) => self.kind().into(),
        }
    }

    /// `==` (SPEC E-20, E-21).
    pub fn loosely_equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::String(a), Self::String(b)) => equal_ignoring_case(a, b),
            (Self::Array(a), Self::Array(b)) => Arc::ptr_eq(a, b),
            (Self::Object(a), Self::Object(b)) => Arc::ptr_eq(a, b),
            _ => match coerced(self, other) {
                #[expect(clippy::float_cmp, reason = "the language compares exactly")]
                Some((a, b)) => a == b,
                None => false,
            },
        }
    }

    /// The order that `<` and `>` see; `None` where every comparison is false (SPEC E-22).
    pub fn loosely_compares(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Null, Self::Null) => None,
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            (Self::String(a), Self::String(b)) => Some(compare_ignoring_case(a, b)),
            _ => coerced(self, other).and_then(|(a, b)| a.partial_cmp(&b)),
        }
    }

    /// A property; `Null` if there is none.
    #[must_use]
    pub fn get(&self, key: &str) -> Self {
        self.as_object()
            .and_then(|object| object.get(key))
            .cloned()
            .unwrap_or_default()
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(array) => Some(array),
            _ => None,
        }
    }
}

/// Both sides as numbers, where the language compares these two kinds at all.
fn coerced(left: &Value, right: &Value) -> Option<(f64, f64)> {
    (left.is_primitive() && right.is_primitive()).then(|| (left.to_number(), right.to_number()))
}

fn number_to_json(number: f64) -> serde_json::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        let whole = number as i64;
        return whole.into();
    }
    serde_json::Number::from_f64(number).map_or(serde_json::Value::Null, Into::into)
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::string(value)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Self::Object(Arc::new(value))
    }
}

impl Array {
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.items.iter()
    }
}

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    /// An object whose keys differ by case, as `env` on Linux and macOS.
    pub fn case_sensitive() -> Self {
        Self {
            entries: IndexMap::new(),
            case_sensitive: true,
        }
    }

    /// Sets a value; a key that is there keeps its place and spelling.
    pub fn insert(&mut self, key: impl Into<Arc<str>>, value: Value) {
        let key = key.into();
        let folded = if self.case_sensitive {
            Arc::clone(&key)
        } else {
            match fold(&key) {
                std::borrow::Cow::Borrowed(_) => Arc::clone(&key),
                std::borrow::Cow::Owned(folded) => folded.into(),
            }
        };
        match self.entries.entry(folded) {
            Entry::Occupied(mut entry) => entry.get_mut().1 = value,
            Entry::Vacant(entry) => {
                entry.insert((key, value));
            }
        }
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        let entry = if self.case_sensitive {
            self.entries.get(key)
        } else {
            self.entries.get(&*fold(key))
        };
        entry.map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let entry = if self.case_sensitive {
            self.entries.shift_remove(key)
        } else {
            self.entries.shift_remove(&*fold(key))
        };
        entry.map(|(_, value)| value)
    }

    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.entries.values().map(|(key, value)| (&**key, value))
    }

    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.values().map(|(_, value)| value)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K: Into<Arc<str>>> FromIterator<(K, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        let mut object = Self::new();
        object.extend(entries);
        object
    }
}

impl<K: Into<Arc<str>>> Extend<(K, Value)> for Object {
    fn extend<I: IntoIterator<Item = (K, Value)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e30_looks_keys_up_without_case_but_env() {
        let mut object = Object::new();
        object.insert("Path", 1.0.into());
        object.insert("PATH", 2.0.into());
        assert_eq!(object.get("path"), Some(&Value::Number(2.0)));
        assert_eq!(object.iter().next(), Some(("Path", &Value::Number(2.0))));
        let mut env = Object::case_sensitive();
        env.insert("Path", 1.0.into());
        env.insert("PATH", 2.0.into());
        assert_eq!(env.get("Path"), Some(&Value::Number(1.0)));
        assert_eq!(env.get("path"), None);
    }

    #[test]
    fn e20_collections_are_equal_by_identity() {
        let list = Value::array(vec![]);
        assert!(list.loosely_equals(&list.clone()));
        assert!(!list.loosely_equals(&Value::array(vec![])));
    }

    #[test]
    fn json_goes_there_and_back() {
        let json = serde_json::json!({"b": [1, 2.5, null, true], "a": {"x": "y"}});
        assert_eq!(Value::from_json(&json).to_json(), json);
    }
}
