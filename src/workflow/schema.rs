//! What a key may hold and what its expressions may name: the terms in which the tables are written (SPEC 1.2).

use std::borrow::Cow;

use crate::expr::{ExtraFunction, Names};

/// A set of contexts and functions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Contexts(u32);

const VALUES: [&str; 12] = [
    "github", "inputs", "vars", "needs", "strategy", "matrix", "secrets", "steps", "job", "runner",
    "env", "jobs",
];

impl Contexts {
    pub const NONE: Self = Self(0);
    pub const GITHUB: Self = Self(1);
    pub const INPUTS: Self = Self(1 << 1);
    pub const VARS: Self = Self(1 << 2);
    pub const NEEDS: Self = Self(1 << 3);
    pub const STRATEGY: Self = Self(1 << 4);
    pub const MATRIX: Self = Self(1 << 5);
    pub const SECRETS: Self = Self(1 << 6);
    pub const STEPS: Self = Self(1 << 7);
    pub const JOB: Self = Self(1 << 8);
    pub const RUNNER: Self = Self(1 << 9);
    pub const ENV: Self = Self(1 << 10);
    pub const JOBS: Self = Self(1 << 11);
    pub const HASH_FILES: Self = Self(1 << 12);
    /// `always()`, `cancelled()`, `failure()`, `success()`.
    pub const STATUS: Self = Self(1 << 13);
    /// The same at a job, where `failure` and `success` may name jobs.
    pub const JOB_STATUS: Self = Self(1 << 14);

    pub const WORKFLOW: Self = Self::GITHUB.and(Self::INPUTS).and(Self::VARS);
    pub const WITH_NEEDS: Self = Self::WORKFLOW.and(Self::NEEDS);
    pub const LEG: Self = Self::WITH_NEEDS.and(Self::STRATEGY).and(Self::MATRIX);
    pub const JOB_IF: Self = Self::WITH_NEEDS.and(Self::JOB_STATUS);
    const MACHINE: Self = Self::STEPS.and(Self::JOB).and(Self::RUNNER).and(Self::ENV);
    pub const MACHINE_NO_SECRETS: Self = Self::LEG.and(Self::MACHINE);
    pub const ON_MACHINE: Self = Self::MACHINE_NO_SECRETS.and(Self::SECRETS);
    pub const STEP: Self = Self::ON_MACHINE.and(Self::HASH_FILES);
    pub const STEP_IF: Self = Self::MACHINE_NO_SECRETS
        .and(Self::HASH_FILES)
        .and(Self::STATUS);

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The set in the terms of the expression language.
    pub fn names(self) -> Names {
        let values = VALUES.iter().enumerate();
        let function = |name: &'static str, min, max| ExtraFunction {
            name: Cow::Borrowed(name),
            min,
            max,
        };
        let mut functions = Vec::new();
        if self.contains(Self::HASH_FILES) {
            functions.push(function("hashFiles", 1, 255));
        }
        if self.contains(Self::STATUS) || self.contains(Self::JOB_STATUS) {
            let max = if self.contains(Self::JOB_STATUS) {
                usize::MAX
            } else {
                0
            };
            functions.extend([
                function("always", 0, 0),
                function("cancelled", 0, 0),
                function("failure", 0, max),
                function("success", 0, max),
            ]);
        }
        Names {
            values: values
                .filter(|(bit, _)| self.0 & (1 << bit) != 0)
                .map(|(_, name)| Cow::Borrowed(*name))
                .collect(),
            functions,
        }
    }
}

/// What a value may be, and what is added to the contexts that it inherits (SPEC W-20).
#[derive(Debug)]
pub struct Definition {
    pub contexts: Contexts,
    pub shape: Shape,
}

/// The forms of a value.
#[derive(Debug)]
pub enum Shape {
    Null,
    Boolean,
    Number,
    /// Text; numbers, booleans and null become text.
    Text,
    NonEmptyText,
    /// One of these words.
    Words(&'static [&'static str]),
    Sequence(&'static Definition),
    Mapping(Mapping),
    /// Alternatives, one level deep.
    OneOf(&'static [&'static Definition]),
}

/// A mapping with known keys, and what the other keys hold.
#[derive(Debug)]
pub struct Mapping {
    pub properties: &'static [Property],
    /// Whether other keys may be empty text, and their values; `None`: there are no other keys.
    pub rest: Option<&'static Definition>,
}

impl Mapping {
    pub fn property(&self, name: &str) -> Option<&'static Property> {
        self.properties
            .iter()
            .find(|property| property.name == name)
    }
}

/// A known key.
#[derive(Debug)]
pub struct Property {
    pub name: &'static str,
    pub definition: &'static Definition,
    pub required: bool,
    /// What is wrong below is ignored, with a warning (SPEC W-50).
    pub lenient: bool,
}

impl Property {
    pub const fn new(name: &'static str, definition: &'static Definition) -> Self {
        Self {
            name,
            definition,
            required: false,
            lenient: false,
        }
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }
}

impl Definition {
    pub const fn new(shape: Shape) -> Self {
        Self {
            contexts: Contexts::NONE,
            shape,
        }
    }

    pub const fn within(contexts: Contexts, shape: Shape) -> Self {
        Self { contexts, shape }
    }

    /// Itself, or its alternatives.
    pub fn shapes(&'static self) -> impl Iterator<Item = &'static Shape> {
        let (own, others): (&[Shape], &[&Self]) = match &self.shape {
            Shape::OneOf(all) => (&[], all),
            shape => (std::slice::from_ref(shape), &[]),
        };
        own.iter().chain(others.iter().map(|one| &one.shape))
    }

    pub fn mappings(&'static self) -> Vec<&'static Mapping> {
        self.shapes()
            .filter_map(|shape| match shape {
                Shape::Mapping(mapping) => Some(mapping),
                _ => None,
            })
            .collect()
    }

    pub fn item(&'static self) -> Option<&'static Self> {
        self.shapes().find_map(|shape| match shape {
            Shape::Sequence(item) => Some(*item),
            _ => None,
        })
    }
}

/// A mapping of these keys only.
pub const fn keys(properties: &'static [Property]) -> Shape {
    Shape::Mapping(Mapping {
        properties,
        rest: None,
    })
}

/// A mapping of any names to one kind of value.
pub const fn map_of(value: &'static Definition) -> Shape {
    Shape::Mapping(Mapping {
        properties: &[],
        rest: Some(value),
    })
}

pub static NULL: Definition = Definition::new(Shape::Null);
pub static BOOLEAN: Definition = Definition::new(Shape::Boolean);
pub static NUMBER: Definition = Definition::new(Shape::Number);
pub static TEXT: Definition = Definition::new(Shape::Text);
pub static NON_EMPTY: Definition = Definition::new(Shape::NonEmptyText);
pub static TEXTS: Definition = Definition::new(Shape::Sequence(&TEXT));
pub static NON_EMPTIES: Definition = Definition::new(Shape::Sequence(&NON_EMPTY));
pub static ONE_OR_MORE: Definition = Definition::new(Shape::OneOf(&[&NON_EMPTY, &NON_EMPTIES]));
pub static ANY: Definition = Definition::new(Shape::OneOf(&[
    &NULL, &BOOLEAN, &NUMBER, &TEXT, &ANY_LIST, &ANY_MAP,
]));
static ANY_LIST: Definition = Definition::new(Shape::Sequence(&ANY));
static ANY_MAP: Definition = Definition::new(map_of(&ANY));
