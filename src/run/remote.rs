//! Actions and workflows of other repositories, as a run sees them: fetched before the first step, pinned by the lock
//! file, copied for each job (SPEC 6.4, A-6).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Run;
use super::invocation::Invocation;
use super::job::Job;
use super::uses::{Checkout, Resolved, Served};
use crate::action::{Origin, Reference, Runs};
use crate::workflow::{StepKind, Token, TokenKind};

/// Why a remote action is not here: what to say, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Missing {
    pub reason: String,
    pub help: Option<String>,
    /// GitHub could not have it either.
    pub everywhere: bool,
}

/// What `uses` names, taken apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct RemoteName<'a> {
    pub owner: &'a str,
    pub repo: &'a str,
    pub path: Option<&'a str>,
    pub git_ref: &'a str,
}

impl<'a> RemoteName<'a> {
    /// Of a reference to another repository.
    pub fn of(reference: &'a Reference) -> Option<Self> {
        let Reference::Remote {
            owner,
            repo,
            path,
            git_ref,
        } = reference
        else {
            return None;
        };
        Some(Self {
            owner,
            repo,
            path: path.as_deref(),
            git_ref,
        })
    }

    /// As a `uses` writes it.
    pub fn text(&self) -> String {
        let path = self.path.map(|path| format!("/{path}")).unwrap_or_default();
        format!("{}/{}{path}@{}", self.owner, self.repo, self.git_ref)
    }
}

/// Repository, file, ref and commit of a workflow (SPEC C-13).
#[derive(Debug)]
pub(super) struct Defined {
    pub repository: String,
    pub file: String,
    pub git_ref: String,
    pub sha: String,
}

impl Run {
    /// The repository at a ref, if it was fetched or a folder stands in for it. `actions` holds a job's own copies.
    pub(super) fn served(
        &self,
        invocation: &Invocation,
        name: RemoteName<'_>,
        actions: Option<&Path>,
    ) -> Result<Served, Missing> {
        let origin = Origin::pinned(
            name.owner,
            name.repo,
            name.git_ref,
            invocation.pins.as_ref(),
        );
        let known = self
            .options
            .remote
            .known(&origin.owner, &origin.repo, &origin.git_ref);
        let fetched = match known {
            Some(Ok(fetched)) => fetched,
            Some(Err(error)) => {
                return Err(Missing {
                    reason: error.message(&name.text()),
                    help: error.help(),
                    everywhere: error.is_of_the_reference(),
                });
            }
            None => {
                return Err(Missing {
                    reason: format!("the action {} was not fetched", name.text()),
                    help: None,
                    everywhere: false,
                });
            }
        };
        let copy = actions.map(|folder| {
            folder
                .join(&origin.owner)
                .join(&origin.repo)
                .join(&origin.git_ref)
        });
        Ok(Served {
            root: copy.filter(|copy| copy.is_dir()).unwrap_or(fetched.folder),
            repository: format!("{}/{}", name.owner, name.repo),
            git_ref: name.git_ref.to_owned(),
            own: false,
        })
    }

    /// Whether a step is the checkout of the own repository that lrun does itself. What its `repository` is may be
    /// known only when the step runs: `with` is as written.
    pub(super) fn is_own_checkout(&self, name: RemoteName<'_>, with: Option<&Token>) -> bool {
        self.is_checkout(name)
            && repository_input(with).is_none_or(|wanted| self.is_own_repository(wanted))
    }

    /// Whether a reference is `actions/checkout`, and lrun may take it over.
    pub(super) fn is_checkout(&self, name: RemoteName<'_>) -> bool {
        name.owner.eq_ignore_ascii_case("actions")
            && name.repo.eq_ignore_ascii_case("checkout")
            && name.path.is_none()
            && !self.options.real_checkout
            && !self
                .options
                .remote
                .stands_in(name.owner, name.repo, name.git_ref)
    }

    /// Whether a `repository` input names this repository; an empty one does.
    pub(super) fn is_own_repository(&self, wanted: &str) -> bool {
        wanted.is_empty() || wanted.eq_ignore_ascii_case(&self.options.identity.repository)
    }
}

/// The literal `repository` of a `with`.
pub(super) fn repository_input(with: Option<&Token>) -> Option<&str> {
    let TokenKind::Mapping(entries) = &with?.kind else {
        return None;
    };
    entries
        .iter()
        .find_map(|(name, value)| match (&name.kind, &value.kind) {
            (TokenKind::String(name), TokenKind::String(value))
                if name.eq_ignore_ascii_case("repository") =>
            {
                Some(value.as_str())
            }
            _ => None,
        })
}

impl Job {
    /// Where the workflow lies that has this job.
    pub fn defined(&self) -> Defined {
        let event = &self.invocation.event;
        let path = self.invocation.workflow.source.path.as_str();
        let Some(origin) = &self.invocation.origin else {
            return Defined {
                repository: self.run.options.identity.repository.clone(),
                file: path.to_owned(),
                git_ref: event.git_ref.clone(),
                sha: event.sha.clone(),
            };
        };
        let Origin {
            owner,
            repo,
            git_ref,
        } = origin;
        let repository = format!("{owner}/{repo}");
        // A file of another repository goes by its `uses`.
        let file = path.get(repository.len() + 1..).unwrap_or(path);
        let file = file.strip_suffix(git_ref).unwrap_or(file);
        let remote = &self.run.options.remote;
        Defined {
            file: file.trim_end_matches('@').to_owned(),
            git_ref: git_ref.clone(),
            sha: remote.commit(owner, repo, git_ref).unwrap_or_default(),
            repository,
        }
    }

    /// Where this job's own copies of actions lie.
    pub fn actions_folder(&self) -> PathBuf {
        self.directories.root.join("_actions")
    }

    /// Brings what the steps of a `./` action use: GitHub prepares all of it when the action is loaded, whatever their
    /// conditions (SPEC A-1). The error names what is not to be had.
    pub async fn bring_nested(&self, action: &Resolved) -> Result<(), String> {
        let Runs::Composite { steps } = &action.manifest.runs else {
            return Ok(());
        };
        if !action.local {
            return Ok(());
        }
        for step in steps {
            let StepKind::Uses { uses, with } = &step.kind else {
                continue;
            };
            let Ok(reference) = uses.value.parse::<Reference>() else {
                continue;
            };
            let Some(name) = RemoteName::of(&reference) else {
                continue;
            };
            if self.run.is_own_checkout(name, with.as_ref()) {
                continue;
            }
            self.bring(&uses.value, Checkout::Foreign).await;
            let served = self
                .run
                .served(&self.invocation, name, Some(&self.actions_folder()));
            if let Err(missing) = served {
                let at = action.source.position(uses.span.start);
                return Err(format!(
                    "{}:{}:{}: {}",
                    action.source.path, at.line, at.column, missing.reason
                ));
            }
        }
        Ok(())
    }

    /// Fetches an action that only a `./` action named, and gives the job its own copy. What goes wrong shows when the
    /// action is resolved.
    pub async fn bring(&self, uses: &str, checkout: Checkout) {
        let Ok(reference) = uses.parse::<Reference>() else {
            return;
        };
        let Some(name) = RemoteName::of(&reference) else {
            return;
        };
        // lrun's own checkout needs nothing of the action: never the network (DESIGN 4).
        if checkout == Checkout::Own && self.run.is_checkout(name) {
            return;
        }
        let pins = self.invocation.pins.as_ref();
        let origin = Origin::pinned(name.owner, name.repo, name.git_ref, pins);
        let remote = Arc::clone(&self.run.options.remote);
        let actions = self.actions_folder();
        let work = move || {
            drop(remote.copy(&origin.owner, &origin.repo, &origin.git_ref, &actions));
        };
        // The network and the disk take their time; other jobs' output must not wait for them.
        if let Err(error) = tokio::task::spawn_blocking(work).await {
            self.run
                .broken(&format!("fetching {uses} broke off: {error}"));
        }
    }
}
