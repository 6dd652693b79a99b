//! What `permissions` come to, and where a called workflow asks for more (SPEC 1.8, U-6).

use indexmap::IndexMap;

use super::model::{Access, Grant};

/// All permissions, in GitHub's order of comparing.
pub const PERMISSIONS: [&str; 20] = [
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "code-quality",
    "contents",
    "copilot-requests",
    "deployments",
    "discussions",
    "drives",
    "issues",
    "packages",
    "pages",
    "pull-requests",
    "repository-projects",
    "statuses",
    "security-events",
    "id-token",
    "models",
    "vulnerability-alerts",
];

/// What a repository gives where no `permissions` say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PermissionsPolicy {
    /// Contents and packages, to read.
    LimitedRead,
    #[default]
    Write,
}

impl PermissionsPolicy {
    pub fn grant(self) -> Grant {
        match self {
            Self::Write => Grant::WriteAll,
            Self::LimitedRead => Grant::Map(
                ["contents", "packages"]
                    .map(|name| (name.to_owned(), Access::Read))
                    .into(),
            ),
        }
    }
}

impl Grant {
    /// The access of one permission; what is not listed is none (SPEC W-101).
    pub fn access(&self, permission: &str) -> Access {
        match self {
            Self::ReadAll => Access::Read,
            Self::WriteAll if matches!(permission, "models" | "vulnerability-alerts") => {
                Access::Read
            }
            Self::WriteAll => Access::Write,
            Self::Map(map) => map.get(permission).copied().unwrap_or(Access::None),
        }
    }

    /// Everything that is more than nothing.
    pub fn effective(&self) -> IndexMap<&'static str, Access> {
        let all = PERMISSIONS
            .into_iter()
            .map(|name| (name, self.access(name)));
        all.filter(|(_, access)| *access > Access::None).collect()
    }

    /// What this asks for beyond another: name, asked, allowed.
    pub fn beyond(&self, allowed: &Self) -> Vec<(&'static str, Access, Access)> {
        PERMISSIONS
            .into_iter()
            .map(|name| (name, self.access(name), allowed.access(name)))
            .filter(|(_, asked, allowed)| asked > allowed)
            .collect()
    }
}

/// `actions: write, checks: write`.
pub(super) fn listed(all: impl Iterator<Item = (&'static str, Access)>) -> String {
    let all: Vec<_> = all
        .map(|(name, access)| format!("{name}: {}", access.as_str()))
        .collect();
    all.join(", ")
}
