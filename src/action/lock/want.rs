//! A repository at a ref that is wanted: which of its files says what comes next, and what that says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::pin::Pin;
use super::source::{ManifestSource, Repository};
use super::uses::RemoteUse;
use super::walk::Found;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::workflow::reference::{Reference, WorkflowReference};

/// Requests under way at once.
const AT_ONCE: usize = 8;

/// Does one thing for each item, several at once; answers in the order of the items.
pub(super) fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(items.len()) {
            scope.spawn(|| {
                while let Some((at, item)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    items.get(at).map(|item| (at, item))
                } {
                    let answer = act(item);
                    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                    answers.push((at, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// A repository at a ref, and the part of it that is used.
#[derive(Debug, Clone)]
pub(super) struct Want {
    pub pin: Pin,
    pub repository: Repository,
    pub look: Look,
    pub file: Arc<SourceFile>,
    pub span: Span,
    pub depth: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Look {
    /// A folder of the repository, the root being empty.
    Action(String),
    /// A file of it.
    Workflow(String),
}

impl Want {
    pub fn of(remote: &RemoteUse) -> Self {
        let path = remote.path.clone().unwrap_or_default();
        Self {
            pin: remote.pin(),
            repository: Repository {
                owner: remote.owner.clone(),
                repo: remote.repo.clone(),
            },
            look: if remote.is_workflow {
                Look::Workflow(path)
            } else {
                Look::Action(path)
            },
            file: Arc::clone(&remote.file),
            span: remote.span,
            depth: 0,
        }
    }

    pub fn problem(&self, code: &'static str, message: String) -> Diagnostic {
        Diagnostic::error(code, message).at(&self.file, self.span)
    }
}

/// Where a `uses` of a fetched file leads.
pub(super) enum Within {
    /// Elsewhere in the same repository, at the same commit.
    Look(Look),
    Workspace,
    Other,
}

pub(super) fn within(found: &Found) -> Within {
    if let Some(path) = found.text.strip_prefix("$/") {
        let path = path.trim_end_matches('/').to_owned();
        return Within::Look(if found.by_job {
            Look::Workflow(path)
        } else {
            Look::Action(path)
        });
    }
    if found.by_job {
        return match found.text.parse() {
            Ok(WorkflowReference::Local(path)) => Within::Look(Look::Workflow(path)),
            _ => Within::Other,
        };
    }
    match found.text.parse() {
        Ok(Reference::Local(_)) => Within::Workspace,
        _ => Within::Other,
    }
}

/// The file that says what a want uses; `None` for an action that is a Dockerfile.
pub(super) fn open(
    manifests: &dyn ManifestSource,
    want: &Want,
    sha: &str,
) -> Result<Option<Arc<SourceFile>>, Diagnostic> {
    let read = |path: &str| -> Result<Option<Arc<SourceFile>>, Diagnostic> {
        let text = manifests
            .file(&want.repository, sha, path)
            .map_err(|error| {
                let message = format!("`{}` can not be fetched: {error}", want.pin);
                want.problem("unresolved", message)
            })?;
        Ok(text.map(|text| {
            let git_ref = want.pin.git_ref();
            SourceFile::new(format!("{}/{path}@{git_ref}", want.repository), text)
        }))
    };
    match &want.look {
        Look::Workflow(path) => read(path)?.map(Some).ok_or_else(|| {
            let message = format!("`{}` has no workflow {path}", want.pin);
            want.problem("not-found", message)
        }),
        Look::Action(folder) => {
            let inside = |name: &str| match folder.as_str() {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            for name in ["action.yml", "action.yaml"] {
                if let Some(source) = read(&inside(name))? {
                    return Ok(Some(source));
                }
            }
            for name in ["Dockerfile", "dockerfile"] {
                if read(&inside(name))?.is_some() {
                    return Ok(None);
                }
            }
            let place = if folder.is_empty() {
                "its root"
            } else {
                folder
            };
            let message = format!("`{}` has no action in {place}", want.pin);
            Err(want.problem("not-found", message))
        }
    }
}
