//! Vectors, includes and excludes → combinations (SPEC W-81 to W-90).

use std::collections::HashSet;

use super::{Leg, MAX_LEGS, MatrixError, shape};
use crate::expr::{Object, Value};

/// Longest leg id (SPEC W-90).
const MAX_ID: usize = 25;

/// Combinations that are looked at before the excluded ones are taken out.
const MAX_PRODUCT: usize = 1_000_000;

/// A matrix as written.
pub(super) struct Matrix {
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
    pub(super) fn read(value: &Value) -> Result<Self, MatrixError> {
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
    pub(super) fn legs(&self) -> Result<Vec<Leg>, MatrixError> {
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
