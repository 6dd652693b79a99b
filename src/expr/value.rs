//! Values of the expression language and their coercions (SPEC 2.3).

use std::sync::Arc;

use indexmap::IndexMap;

/// A value. Arrays and objects are shared: equality of those is identity (SPEC E-20).
#[derive(Debug, Clone, Default)]
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
#[derive(Debug, Clone, Default)]
pub struct Array {
    pub items: Vec<Value>,
}

/// A map in insertion order; look-up ignores case unless it is `env` (SPEC E-30).
#[derive(Debug, Clone, Default)]
pub struct Object {
    entries: IndexMap<Arc<str>, Value>,
    case_sensitive: bool,
}
