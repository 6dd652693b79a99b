//! GitHub's lock file of actions, `.github/workflows/actions.lock` (SPEC A-6): what it holds and who is under it.

mod api;
mod assemble;
mod check;
mod complete;
mod git;
mod pin;
mod read;
mod source;
mod uses;
mod verify;
mod walk;
mod want;
mod write;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile, Span};

pub use api::Api;
pub use complete::{Completed, Completion, complete};
pub use git::Git;
pub use pin::{Pin, is_full_sha};
pub use read::read;
pub use source::{IdSource, Ids, ManifestSource, RefSource, Refs, Repository, SourceError};
pub use uses::{LocalUse, RemoteUse, WorkflowUses};
pub use verify::verify;
pub use write::save;

/// Where it lies, below the root.
pub const PATH: &str = ".github/workflows/actions.lock";
/// The only form that is read and written.
pub const VERSION: &str = "v0.0.2";

/// What runs for each `uses`, and for which workflows that is asked.
#[derive(Debug, Clone, Default)]
pub struct Lock {
    /// By the path of a workflow; the workflows that are onboarded.
    pub workflows: BTreeMap<String, Vec<Pin>>,
    pub dependencies: BTreeMap<Pin, Dependency>,
    /// The file that it was read from.
    pub source: Option<Arc<SourceFile>>,
    places: HashMap<Place, Span>,
}

/// One locked repository at one ref.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The ref that the commit was found by: that of the pin, or the name of a pin that is a sha.
    pub git_ref: String,
    /// With its algorithm: `sha1-…`.
    pub commit: String,
    pub owner_id: u64,
    pub repo_id: u64,
    /// Pins of the remote actions that its own actions use.
    pub uses: Vec<Pin>,
}

impl Dependency {
    /// The commit without its algorithm.
    pub fn sha(&self) -> &str {
        self.commit
            .split_once('-')
            .map_or(self.commit.as_str(), |(_, sha)| sha)
    }
}

/// A part of the file that diagnostics point at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Workflow(String),
    Listed(String, Pin),
    Dependency(Pin),
    Uses(Pin, Pin),
}

impl Lock {
    /// Reads the file of a project; `None` where it has none.
    pub fn load(root: &Path) -> Result<Option<Self>, Vec<Diagnostic>> {
        let path = root.join(PATH);
        // A link that leads nowhere is a file that can not be read, not an absent one.
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let source = crate::workflow::load(&path, PATH).map_err(|error| vec![error])?;
        read(&source).map(Some)
    }

    /// Whether a workflow runs locked commits without being asked to.
    pub fn is_onboarded(&self, workflow: &str) -> bool {
        self.workflows.contains_key(workflow)
    }

    /// The commit that runs for `owner/repo@ref`.
    pub fn commit(&self, owner: &str, repo: &str, git_ref: &str) -> Option<&str> {
        let pin = Pin::new(owner, repo, git_ref);
        self.dependencies.get(&pin).map(Dependency::sha)
    }

    /// Pins a diagnostic to a part of the file.
    fn at(&self, diagnostic: Diagnostic, place: &Place) -> Diagnostic {
        match (&self.source, self.places.get(place)) {
            (Some(source), Some(span)) => diagnostic.at(source, *span),
            (Some(source), None) => diagnostic.at(source, Span::default()),
            _ => diagnostic,
        }
    }
}
