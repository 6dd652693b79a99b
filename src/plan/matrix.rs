//! `strategy` → the legs of a job (SPEC 1.7).

use std::collections::HashSet;

use crate::expr::{Object, Value};

/// Most legs that a job may have (SPEC W-92).
pub const MAX_LEGS: usize = 256;

/// Longest display name, in characters (SPEC W-89).
const MAX_NAME: usize = 100;

/// Longest leg id (SPEC W-90).
const MAX_ID: usize = 25;

/// Combinations that are looked at before the excluded ones are taken out.
const MAX_PRODUCT: usize = 1_000_000;

/// Why a strategy gives no legs; in GitHub's words where they are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    #[error("Expected a {expected} for {what}, found {found}")]
    Shape {
        what: String,
        expected: &'static str,
        found: &'static str,
    },
    #[error("Unexpected value '{0}'")]
    Unexpected(String),
    #[error("Matrix must define at least one vector")]
    NoVector,
    #[error("Matrix vector '{0}' does not contain any values")]
    EmptyVector(String),
    #[error("Matrix include mapping does not contain any values")]
    EmptyInclude,
    #[error("Matrix exclude filter must not be empty")]
    EmptyExclude,
    #[error("Matrix exclude key '{0}' does not match any key within the matrix")]
    UnknownExcludeKey(String),
    #[error("the matrix gives more than {MAX_LEGS} legs, which is GitHub's limit")]
    TooManyLegs,
}

/// What a strategy says of all its legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrategySettings {
    pub fail_fast: bool,
    /// As given, if it is more than 0.
    pub max_parallel: Option<usize>,
}

impl Default for StrategySettings {
    fn default() -> Self {
        Self {
            fail_fast: true,
            max_parallel: None,
        }
    }
}

/// All legs of one job; at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Legs {
    pub settings: StrategySettings,
    pub legs: Vec<Leg>,
}

/// One combination of the matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// Unique in its job; `__default` without a matrix (SPEC W-90).
    pub id: String,
    /// The `matrix` context; `Null` without a matrix.
    pub matrix: Value,
    /// What the display name shows of the matrix (SPEC W-89).
    pub segments: Vec<String>,
    /// `strategy.job-index`.
    pub index: usize,
    /// `strategy.job-total`.
    pub total: usize,
}

impl Leg {
    fn single() -> Self {
        Self {
            id: "__default".into(),
            matrix: Value::Null,
            segments: Vec::new(),
            index: 0,
            total: 1,
        }
    }

    /// The name that people see; a name that uses the matrix itself gets no suffix (SPEC W-89).
    pub fn display_name(&self, job_name: &str, name_uses_matrix: bool) -> String {
        let name = if name_uses_matrix || self.segments.is_empty() {
            job_name.to_owned()
        } else {
            format!("{job_name} ({})", self.segments.join(", "))
        };
        if name.chars().count() <= MAX_NAME {
            return name;
        }
        let cut: String = name.chars().take(MAX_NAME - 3).collect();
        cut + "..."
    }

    /// The `strategy` context (SPEC W-91).
    pub fn strategy(&self, settings: StrategySettings) -> Value {
        let max_parallel = if matches!(self.matrix, Value::Null) {
            1
        } else {
            settings.max_parallel.unwrap_or(self.total)
        };
        Value::object([
            ("fail-fast", Value::Bool(settings.fail_fast)),
            ("job-index", count(self.index)),
            ("job-total", count(self.total)),
            ("max-parallel", count(max_parallel)),
        ])
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of legs is small")]
fn count(n: usize) -> Value {
    Value::Number(n as f64)
}

/// Unfolds the evaluated value of `strategy`; `Null` is a job without one.
pub fn expand(strategy: &Value) -> Result<Legs, MatrixError> {
    let strategy = match strategy {
        Value::Null => return Ok(single(StrategySettings::default())),
        Value::Object(object) => object,
        other => return Err(shape("strategy", "mapping", other)),
    };
    let mut settings = StrategySettings::default();
    let mut matrix = None;
    for (key, value) in strategy.iter() {
        match key {
            "fail-fast" => settings.fail_fast = fail_fast(value)?,
            "max-parallel" => settings.max_parallel = max_parallel(value)?,
            "matrix" => matrix = Some(value),
            _ => return Err(MatrixError::Unexpected(key.to_owned())),
        }
    }
    let Some(matrix) = matrix else {
        return Ok(single(settings));
    };
    let legs = Matrix::read(matrix)?.legs()?;
    if legs.is_empty() {
        return Ok(single(settings));
    }
    Ok(Legs { settings, legs })
}

fn single(settings: StrategySettings) -> Legs {
    Legs {
        settings,
        legs: vec![Leg::single()],
    }
}

fn fail_fast(value: &Value) -> Result<bool, MatrixError> {
    match value {
        Value::Bool(b) => Ok(*b),
        Value::Null => Ok(true),
        other => Err(MatrixError::Unexpected(other.to_text().to_string())),
    }
}

fn max_parallel(value: &Value) -> Result<Option<usize>, MatrixError> {
    match value {
        // Truncated to whole numbers (SPEC W-70); nothing above 0 is no limit (SPEC W-91).
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked to be above 0"
        )]
        Value::Number(n) if *n >= 1.0 => Ok(Some(*n as usize)),
        Value::Number(_) | Value::Null => Ok(None),
        other => Err(MatrixError::Unexpected(other.to_text().to_string())),
    }
}

fn shape(what: &str, expected: &'static str, found: &Value) -> MatrixError {
    MatrixError::Shape {
        what: what.to_owned(),
        expected,
        found: found.kind(),
    }
}

/// A matrix as written.
struct Matrix {
    vectors: Vec<(String, Vec<Value>)>,
    includes: Vec<Include>,
    excludes: Vec<Value>,
}

/// An item of `include`: the keys that name vectors, and the others (SPEC W-85).
struct Include {
    filter: Object,
    extras: Object,
}

impl Matrix {
    fn read(value: &Value) -> Result<Self, MatrixError> {
        let Value::Object(object) = value else {
            return Err(shape("matrix", "mapping", value));
        };
        let mut vectors = Vec::new();
        let mut include: &[Value] = &[];
        let mut exclude: &[Value] = &[];
        for (key, value) in object.iter() {
            match key {
                "include" => include = list("matrix include", value)?,
                "exclude" => exclude = list("matrix exclude", value)?,
                _ => {
                    let Value::Array(vector) = value else {
                        let what = format!("matrix vector '{key}'");
                        return Err(shape(&what, "sequence", value));
                    };
                    if vector.items.is_empty() {
                        return Err(MatrixError::EmptyVector(key.to_owned()));
                    }
                    vectors.push((key.to_owned(), vector.items.clone()));
                }
            }
        }
        if vectors.is_empty() && include.is_empty() {
            return Err(MatrixError::NoVector);
        }
        let is_vector =
            |key: &str| object.get(key).is_some() && key != "include" && key != "exclude";
        let includes = include
            .iter()
            .map(|item| Include::read(item, is_vector))
            .collect::<Result<_, _>>()?;
        for item in exclude {
            check_exclude(item, is_vector)?;
        }
        Ok(Self {
            vectors,
            includes,
            excludes: exclude.to_vec(),
        })
    }

    /// The legs; none where all combinations are excluded.
    fn legs(&self) -> Result<Vec<Leg>, MatrixError> {
        let mut ids = Ids::default();
        let mut legs = Vec::new();
        let mut used = vec![false; self.includes.len()];
        for index in 0..self.product()? {
            let combination = self.combination(index);
            // Excluded first (SPEC W-88).
            if self.excludes.iter().any(|item| fits(&combination, item)) {
                continue;
            }
            let extras = self.extras(&combination, &mut used);
            push(&mut legs, &mut ids, combination, &extras)?;
        }
        for (include, used) in self.includes.iter().zip(used) {
            if !used {
                // An include that met nothing is a leg of its own (SPEC W-86).
                let mut all = include.filter.clone();
                all.extend(include.extras.iter().map(|(k, v)| (k, v.clone())));
                push(&mut legs, &mut ids, all.into(), &Object::new())?;
            }
        }
        let total = legs.len();
        for leg in &mut legs {
            leg.total = total;
        }
        Ok(legs)
    }

    fn product(&self) -> Result<usize, MatrixError> {
        if self.vectors.is_empty() {
            return Ok(0);
        }
        self.vectors
            .iter()
            .try_fold(1_usize, |size, (_, vector)| size.checked_mul(vector.len()))
            .filter(|size| *size <= MAX_PRODUCT)
            .ok_or(MatrixError::TooManyLegs)
    }

    /// The last vector varies fastest (SPEC W-82).
    fn combination(&self, index: usize) -> Value {
        let mut rest = index;
        let mut entries: Vec<(&str, Value)> = self
            .vectors
            .iter()
            .rev()
            .map(|(name, vector)| {
                let value = vector[rest % vector.len()].clone();
                rest /= vector.len();
                (name.as_str(), value)
            })
            .collect();
        entries.reverse();
        Value::object(entries)
    }

    /// What all fitting includes add; the later ones win (SPEC W-83).
    fn extras(&self, combination: &Value, used: &mut [bool]) -> Object {
        let mut extras = Object::new();
        for (include, used) in self.includes.iter().zip(used) {
            let matches = include
                .filter
                .iter()
                .all(|(key, wanted)| fits(&combination.get(key), wanted));
            if matches {
                *used = true;
                extras.extend(include.extras.iter().map(|(k, v)| (k, v.clone())));
            }
        }
        extras
    }
}

fn list<'a>(what: &str, value: &'a Value) -> Result<&'a [Value], MatrixError> {
    match value {
        Value::Array(array) => Ok(&array.items),
        Value::Null => Ok(&[]),
        other => Err(shape(what, "sequence", other)),
    }
}

impl Include {
    fn read(item: &Value, is_vector: impl Fn(&str) -> bool) -> Result<Self, MatrixError> {
        let Value::Object(object) = item else {
            return Err(shape("matrix include item", "mapping", item));
        };
        if object.is_empty() {
            return Err(MatrixError::EmptyInclude);
        }
        let mut filter = Object::new();
        let mut extras = Object::new();
        for (key, value) in object.iter() {
            let part = if is_vector(key) {
                &mut filter
            } else {
                &mut extras
            };
            part.insert(key, value.clone());
        }
        Ok(Self { filter, extras })
    }
}

fn check_exclude(item: &Value, is_vector: impl Fn(&str) -> bool) -> Result<(), MatrixError> {
    let Value::Object(object) = item else {
        return Err(shape("matrix exclude item", "mapping", item));
    };
    if object.is_empty() {
        return Err(MatrixError::EmptyExclude);
    }
    match object.iter().find(|(key, _)| !is_vector(key)) {
        Some((key, _)) => Err(MatrixError::UnknownExcludeKey(key.to_owned())),
        None => Ok(()),
    }
}

/// Says whether each leaf of a filter equals what stands at the same path (SPEC W-84).
fn fits(value: &Value, filter: &Value) -> bool {
    match filter {
        Value::Object(object) => object
            .iter()
            .all(|(key, wanted)| fits(&value.get(key), wanted)),
        Value::Array(array) => array.iter().enumerate().all(|(index, wanted)| {
            let item = match value {
                Value::Array(items) => items.items.get(index).cloned().unwrap_or_default(),
                other => other.get(&index.to_string()),
            };
            fits(&item, wanted)
        }),
        leaf => value.loosely_equals(leaf),
    }
}

fn push(
    legs: &mut Vec<Leg>,
    ids: &mut Ids,
    vector_part: Value,
    extras: &Object,
) -> Result<(), MatrixError> {
    if legs.len() == MAX_LEGS {
        return Err(MatrixError::TooManyLegs);
    }
    let mut segments = Vec::new();
    leaves(&vector_part, &mut segments);
    let matrix = if extras.is_empty() {
        vector_part
    } else {
        let mut all = vector_part.as_object().cloned().unwrap_or_default();
        all.extend(extras.iter().map(|(k, v)| (k, v.clone())));
        all.into()
    };
    legs.push(Leg {
        id: ids.make(&segments),
        matrix,
        segments,
        index: legs.len(),
        total: 0,
    });
    Ok(())
}

/// Collects the scalars that a name shows, in order.
fn leaves(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Null => {}
        Value::Array(array) => array.iter().for_each(|item| leaves(item, out)),
        Value::Object(object) => object.values().for_each(|item| leaves(item, out)),
        scalar => {
            let text = scalar.to_text();
            if !text.is_empty() {
                out.push(text.to_string());
            }
        }
    }
}

/// Makes ids that differ without regard to case (SPEC W-90).
#[derive(Default)]
struct Ids {
    taken: HashSet<String>,
}

impl Ids {
    fn make(&mut self, segments: &[String]) -> String {
        let mut base: String = segments
            .join("_")
            .chars()
            .map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => c,
                _ => '_',
            })
            .collect();
        if base.is_empty() {
            base.push_str("job");
        }
        if base.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            base.insert(0, '_');
        }
        if base.starts_with("__") {
            base = format!("_{}", base.trim_start_matches('_'));
        }
        let mut suffix = String::new();
        for attempt in 2.. {
            let mut id = base.clone();
            id.truncate(MAX_ID - suffix.len());
            id.push_str(&suffix);
            if self.taken.insert(id.to_ascii_lowercase()) {
                return id;
            }
            suffix = if base == "_" {
                attempt.to_string()
            } else {
                format!("_{attempt}")
            };
        }
        base
    }
}

/// One `--matrix key:value` of the command line; several of one key are alternatives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixFilter {
    pub key: String,
    pub values: Vec<String>,
}

impl MatrixFilter {
    /// Gathers `key:value` texts; `Err` is a text that is not of this form.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Vec<Self>, String> {
        let mut filters: Vec<Self> = Vec::new();
        for text in texts {
            let text = text.as_ref();
            let Some((key, value)) = text.split_once(':').filter(|(key, _)| !key.is_empty()) else {
                return Err(text.to_owned());
            };
            match filters
                .iter_mut()
                .find(|filter| filter.key.eq_ignore_ascii_case(key))
            {
                Some(filter) => filter.values.push(value.to_owned()),
                None => filters.push(Self {
                    key: key.to_owned(),
                    values: vec![value.to_owned()],
                }),
            }
        }
        Ok(filters)
    }

    /// Legs without the key stay.
    fn keeps(&self, leg: &Leg) -> bool {
        let Some(found) = leg.matrix.as_object().and_then(|m| m.get(&self.key)) else {
            return true;
        };
        self.values.iter().any(|wanted| {
            // `true == 'true'` is false in the language, yet `--matrix experimental:true` means it.
            found.loosely_equals(&Value::string(wanted.as_str()))
                || (found.is_primitive() && *found.to_text() == **wanted)
        })
    }
}

impl Legs {
    /// Says whether any leg has this key.
    pub fn has_key(&self, key: &str) -> bool {
        self.legs
            .iter()
            .any(|leg| leg.matrix.as_object().is_some_and(|m| m.contains_key(key)))
    }

    /// Keeps the legs that `--matrix` asks for; false where none is left.
    pub fn keep(&mut self, filters: &[MatrixFilter]) -> bool {
        self.legs
            .retain(|leg| filters.iter().all(|filter| filter.keeps(leg)));
        !self.legs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn legs(matrix: &Json) -> Result<Legs, MatrixError> {
        expand(&Value::from_json(&json!({ "matrix": matrix })))
    }

    fn matrices(matrix: &Json) -> Json {
        legs(matrix)
            .unwrap()
            .legs
            .iter()
            .map(|leg| leg.matrix.to_json())
            .collect()
    }

    fn names(matrix: &Json) -> Vec<String> {
        legs(matrix)
            .unwrap()
            .legs
            .iter()
            .map(|leg| leg.display_name("job", false))
            .collect()
    }

    #[test]
    fn combinations_and_includes_follow_the_rules() {
        let table = [
            (
                "W-82: the first vector varies slowest",
                json!({"a": [1, 2], "b": ["x", "y"]}),
                json!([{"a":1,"b":"x"},{"a":1,"b":"y"},{"a":2,"b":"x"},{"a":2,"b":"y"}]),
            ),
            (
                "W-81: names of vectors ignore case",
                json!({"OS": ["linux", "mac"], "exclude": [{"os": "mac"}]}),
                json!([{"OS": "linux"}]),
            ),
            (
                "W-84: leaves compare as the language does",
                json!({"v": ["12", "x"], "os": ["linux"], "exclude": [{"v": 12, "os": "LINUX"}]}),
                json!([{"v": "x", "os": "linux"}]),
            ),
            (
                "W-84: a filter compares only the leaves that it names",
                json!({"v": [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3]}],
                    "exclude": [{"v": {"b": [1]}}]}),
                json!([{"v": {"a": 2, "b": [3]}}]),
            ),
            (
                "W-84: a null leaf fits a missing value",
                json!({"v": [{"a": 1}, {"b": 2}], "exclude": [{"v": {"a": null}}]}),
                json!([{"v": {"a": 1}}]),
            ),
            (
                "W-84: an empty filter value compares nothing",
                json!({"os": ["a", "b"], "exclude": [{"os": {}}], "include": [{"os": "c"}]}),
                json!([{"os": "c"}]),
            ),
            (
                "W-83: all fitting includes add, later ones win",
                json!({"os": ["a", "b"], "include": [{"x": 1, "y": 1}, {"os": "a", "x": 2}]}),
                json!([{"os": "a", "x": 2, "y": 1}, {"os": "b", "x": 1, "y": 1}]),
            ),
            (
                "W-86: an include that met nothing is a leg",
                json!({"os": ["a"], "include": [{"os": "b", "x": 1}, {"os": "c"}]}),
                json!([{"os": "a"}, {"os": "b", "x": 1}, {"os": "c"}]),
            ),
            (
                "W-86: so is one that fits only what is excluded",
                json!({"os": ["a", "b"], "exclude": [{"os": "b"}], "include": [{"os": "b", "x": 1}]}),
                json!([{"os": "a"}, {"os": "b", "x": 1}]),
            ),
            (
                "W-86: without vectors every include is a leg",
                json!({"include": [{"a": 1}, {"b": 2}]}),
                json!([{"a": 1}, {"b": 2}]),
            ),
            (
                "W-87: an include of extras only is never a leg beside combinations",
                json!({"os": ["a"], "include": [{"x": 1}]}),
                json!([{"os": "a", "x": 1}]),
            ),
            (
                "W-87: but it is where no combination is left",
                json!({"os": ["a"], "exclude": [{"os": "a"}], "include": [{"x": 1}]}),
                json!([{"x": 1}]),
            ),
            (
                "W-88: include legs are never excluded",
                json!({"os": ["a"], "exclude": [{"os": "b"}], "include": [{"os": "b"}]}),
                json!([{"os": "a"}, {"os": "b"}]),
            ),
            (
                "W-92: all excluded is one leg without a matrix",
                json!({"os": ["a"], "exclude": [{"os": "a"}]}),
                json!([null]),
            ),
        ];
        for (rule, matrix, expected) in table {
            assert_eq!(matrices(&matrix), expected, "{rule}");
        }
    }

    #[test]
    fn the_fruit_example_of_the_documentation_holds() {
        let matrix = json!({
            "fruit": ["apple", "pear"],
            "animal": ["cat", "dog"],
            "include": [
                {"color": "green"},
                {"color": "pink", "animal": "cat"},
                {"fruit": "apple", "shape": "circle"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ],
        });
        assert_eq!(
            matrices(&matrix),
            json!([
                {"fruit": "apple", "animal": "cat", "color": "pink", "shape": "circle"},
                {"fruit": "apple", "animal": "dog", "color": "green", "shape": "circle"},
                {"fruit": "pear", "animal": "cat", "color": "pink"},
                {"fruit": "pear", "animal": "dog", "color": "green"},
                {"fruit": "banana"},
                {"fruit": "banana", "animal": "cat"},
            ])
        );
    }

    #[test]
    fn broken_matrices_are_named() {
        let table = [
            (json!({}), "Matrix must define at least one vector"),
            (
                json!({"include": []}),
                "Matrix must define at least one vector",
            ),
            (
                json!({"include": null}),
                "Matrix must define at least one vector",
            ),
            (
                json!({"exclude": [{"a": 1}]}),
                "Matrix must define at least one vector",
            ),
            (
                json!({"os": []}),
                "Matrix vector 'os' does not contain any values",
            ),
            (
                json!({"os": "x"}),
                "Expected a sequence for matrix vector 'os', found String",
            ),
            (
                json!({"os": ["x"], "include": [{}]}),
                "Matrix include mapping does not contain any values",
            ),
            (
                json!({"os": ["x"], "include": ["y"]}),
                "Expected a mapping for matrix include item, found String",
            ),
            (
                json!({"os": ["x"], "exclude": [{}]}),
                "Matrix exclude filter must not be empty",
            ),
            (
                json!({"os": ["x"], "exclude": [{"arch": 1}]}),
                "Matrix exclude key 'arch' does not match any key within the matrix",
            ),
            (json!("x"), "Expected a mapping for matrix, found String"),
        ];
        for (matrix, message) in table {
            assert_eq!(legs(&matrix).unwrap_err().to_string(), message, "{matrix}");
        }
    }

    #[test]
    fn more_than_256_legs_are_refused() {
        // SPEC W-92.
        let numbers: Vec<u32> = (0..16).collect();
        assert_eq!(
            legs(&json!({"a": numbers, "b": numbers}))
                .unwrap()
                .legs
                .len(),
            256
        );
        let one_more = json!({"a": numbers, "b": numbers, "include": [{"a": 99}]});
        assert_eq!(legs(&one_more), Err(MatrixError::TooManyLegs));
        let huge: Vec<u32> = (0..10_000).collect();
        assert_eq!(
            legs(&json!({"a": huge, "b": huge, "c": huge, "d": huge, "e": huge})),
            Err(MatrixError::TooManyLegs)
        );
    }

    #[test]
    fn names_show_the_vector_part() {
        // SPEC W-89.
        let table = [
            (json!({"os": ["linux"], "v": [1.10]}), "job (linux, 1.1)"),
            (json!({"os": ["", "x"]}), "job"),
            (
                json!({"v": [{"a": true, "b": ["x", null]}]}),
                "job (true, x)",
            ),
            (json!({"os": ["a"], "include": [{"x": 1}]}), "job (a)"),
            (json!({"include": [{"a": 1, "b": "z"}]}), "job (1, z)"),
        ];
        for (matrix, name) in table {
            assert_eq!(names(&matrix)[0], name, "{matrix}");
        }
        let long = Leg {
            segments: vec!["x".repeat(120)],
            ..Leg::single()
        };
        let name = long.display_name("job", false);
        assert_eq!(name.chars().count(), 100);
        assert!(name.ends_with("x..."));
        assert_eq!(long.display_name("own", true), "own");
    }

    #[test]
    fn ids_are_legal_short_and_unique() {
        // SPEC W-90.
        let ids = |matrix: &Json| -> Vec<String> {
            let legs = legs(matrix).unwrap().legs;
            legs.into_iter().map(|leg| leg.id).collect()
        };
        assert_eq!(
            ids(&json!({"v": ["a b", "A_B", 12, "", "__x"]})),
            ["a_b", "A_B_2", "_12", "job", "_x"]
        );
        let long = "y".repeat(40);
        assert_eq!(
            ids(&json!({"v": [long, long]})),
            ["y".repeat(25), format!("{}_2", "y".repeat(23))]
        );
        assert_eq!(expand(&Value::Null).unwrap().legs[0].id, "__default");
    }

    #[test]
    fn the_strategy_context_tells_index_total_and_limits() {
        // SPEC W-91: (strategy, leg, context).
        let table = [
            (
                json!(null),
                json!({"fail-fast": true, "job-index": 0, "job-total": 1, "max-parallel": 1}),
            ),
            (
                json!({"fail-fast": false, "max-parallel": 4}),
                json!({"fail-fast": false, "job-index": 0, "job-total": 1, "max-parallel": 1}),
            ),
            (
                json!({"matrix": {"a": [1, 2, 3]}, "max-parallel": 0}),
                json!({"fail-fast": true, "job-index": 2, "job-total": 3, "max-parallel": 3}),
            ),
            (
                json!({"matrix": {"a": [1, 2]}, "max-parallel": 1.9}),
                json!({"fail-fast": true, "job-index": 1, "job-total": 2, "max-parallel": 1}),
            ),
        ];
        for (strategy, context) in table {
            let legs = expand(&Value::from_json(&strategy)).unwrap();
            let last = legs.legs.last().unwrap();
            assert_eq!(
                last.strategy(legs.settings).to_json(),
                context,
                "{strategy}"
            );
        }
    }

    #[test]
    fn a_text_is_neither_a_number_nor_a_boolean() {
        // SPEC W-21.
        for strategy in [
            json!({"fail-fast": "true"}),
            json!({"max-parallel": "2"}),
            json!({"bad": 1}),
        ] {
            let error = expand(&Value::from_json(&strategy)).unwrap_err();
            assert!(matches!(error, MatrixError::Unexpected(_)), "{strategy}");
        }
    }

    #[test]
    fn the_matrix_flag_keeps_what_equals() {
        let matrix = json!({"v": [1.1, 2], "os": ["Linux", "mac"], "t": [true]});
        let kept = |texts: &[&str]| {
            let mut legs = legs(&matrix).unwrap();
            let any = legs.keep(&MatrixFilter::parse(texts).unwrap());
            assert_eq!(any, !legs.legs.is_empty());
            let names: Vec<_> = legs.legs.iter().map(|leg| leg.segments.join(" ")).collect();
            names.join("|")
        };
        let table: &[(&[&str], &str)] = &[
            (&["v:1.10"], "1.1 Linux true|1.1 mac true"),
            (&["os:linux", "v:2"], "2 Linux true"),
            (&["os:linux", "os:mac", "v:2"], "2 Linux true|2 mac true"),
            (&["t:true", "os:MAC"], "1.1 mac true|2 mac true"),
            (&["v:3"], ""),
            (
                &["other:1"],
                "1.1 Linux true|1.1 mac true|2 Linux true|2 mac true",
            ),
        ];
        for (flags, expected) in table {
            assert_eq!(kept(flags), *expected, "{flags:?}");
        }
        assert_eq!(MatrixFilter::parse(&["novalue"]), Err("novalue".into()));
        assert!(legs(&matrix).unwrap().has_key("OS"));
        assert!(!legs(&matrix).unwrap().has_key("other"));
    }
}
