//! The Node.js that JavaScript actions run on: which there are here, and which one an action gets (SPEC A-41).

mod choose;
mod find;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use choose::{NoNode, choose_node, prefers_20};
pub use find::{Places, find_nodes, unpacked};

/// `major.minor.patch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads `v24.1.0`, `24.1.0`, `24`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut parts = text.strip_prefix('v').unwrap_or(text).split('.');
        let mut number = |needed: bool| match parts.next() {
            Some(part) => part.parse().ok(),
            None => (!needed).then_some(0),
        };
        Some(Self(number(true)?, number(false)?, number(false)?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// One Node.js of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    pub path: PathBuf,
    pub version: Version,
}
