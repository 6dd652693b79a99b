//! `--matrix`: the legs that are kept.

use super::{Leg, Legs};
use crate::expr::Value;

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
