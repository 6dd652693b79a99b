//! `-e` and `--input` over the made payload (DESIGN 7).

use serde_json::{Map, Value};

/// Objects merge key by key, anything else replaces.
pub(super) fn merge(made: &mut Map<String, Value>, given: &Map<String, Value>) {
    for (key, value) in given {
        match (made.get_mut(key), value) {
            (Some(Value::Object(made)), Value::Object(given)) => merge(made, given),
            _ => {
                made.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Puts inputs over those of the payload.
pub(super) fn merge_inputs(payload: &mut Map<String, Value>, inputs: &Map<String, Value>) {
    if let Some(Value::Object(old)) = payload.get_mut("inputs") {
        merge(old, inputs);
    } else if !inputs.is_empty() {
        payload.insert("inputs".to_owned(), Value::Object(inputs.clone()));
    }
}

/// The value under nested keys.
pub(super) fn at<'a>(map: &'a Map<String, Value>, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(map.get(*first)?, |value, key| value.get(*key))
}

/// The text under nested keys; an empty one counts as absent.
pub(super) fn text_at<'a>(map: &'a Map<String, Value>, path: &[&str]) -> Option<&'a str> {
    at(map, path)?.as_str().filter(|text| !text.is_empty())
}
