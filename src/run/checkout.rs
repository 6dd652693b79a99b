//! `actions/checkout` of the own repository, from the local tree: never the network (DESIGN 4).

use std::error::Error;

use indexmap::IndexMap;

use super::Run;
use super::job::Job;
use super::step::{Prepared, Worked};
use crate::event::{Conclusion, EventKind, Level, Stream};
use crate::workspace::{self, Checkout, CheckoutRequest, Snapshot, Target};

impl Job {
    /// Checks out the own repository into the workspace.
    pub async fn run_checkout(
        &mut self,
        prepared: &Prepared<'_>,
        given: &IndexMap<String, String>,
        survives: bool,
    ) -> Worked {
        let (request, warnings) = match CheckoutRequest::from_inputs(given) {
            Ok(read) => read,
            Err(message) => {
                self.say(Some(&prepared.key), Level::Error, &message);
                return Worked::failed();
            }
        };
        for warning in warnings {
            self.say(Some(&prepared.key), Level::Warning, &warning);
        }
        let mut request = request;
        // It may be written as a path of the container's.
        request.path = request.path.map(|path| {
            let real = self.paths.real(std::path::Path::new(&path));
            real.to_string_lossy().into_owned()
        });
        if let Some(laid) = self.laid.take_if(|laid| laid.request == request) {
            return self.end_checkout(prepared, laid.checkout, survives);
        }
        request.spare = self.mounted();
        if !self.run.options.bind && self.is_seen_from_inside_only() {
            let made = tokio::select! {
                made = self.check_out_inside(&request) => made,
                () = self.kill.cancelled() => return Worked::ended(Conclusion::Cancelled),
            };
            return match made {
                Ok(checkout) => self.end_checkout(prepared, checkout, survives),
                Err(message) => {
                    self.say(Some(&prepared.key), Level::Error, &message);
                    Worked::failed()
                }
            };
        }
        let target = self.target();
        let run = std::sync::Arc::clone(&self.run);
        let folder = self.directories.workspace.clone();
        // Copying a tree is work for another thread: other jobs' output must not wait for it.
        let copying = tokio::task::spawn_blocking(move || {
            if run.options.bind {
                return workspace::confirm_bound(&run.options.workspace, &request, &target)
                    .map_err(|error| told(&error));
            }
            let snapshot = run.snapshot()?;
            workspace::checkout(
                &snapshot,
                &run.options.workspace,
                &request,
                &target,
                &folder,
            )
            .map_err(|error| told(&error))
        });
        // A tree may take minutes to copy; what a kill leaves half-made goes with the job's folder.
        let done = tokio::select! {
            done = copying => done,
            () = self.kill.cancelled() => return Worked::ended(Conclusion::Cancelled),
        };
        let checkout = match done {
            Ok(Ok(checkout)) => checkout,
            Ok(Err(message)) => {
                self.say(Some(&prepared.key), Level::Error, &message);
                return Worked::failed();
            }
            Err(error) => {
                self.say(
                    Some(&prepared.key),
                    Level::Error,
                    &format!("the checkout broke off: {error}"),
                );
                return Worked::failed();
            }
        };
        self.end_checkout(prepared, checkout, survives)
    }

    /// Says what was checked out.
    fn end_checkout(&self, prepared: &Prepared<'_>, checkout: Checkout, survives: bool) -> Worked {
        for line in &checkout.log {
            self.emit(
                Some(&prepared.key),
                EventKind::StepOutput {
                    stream: Stream::Log,
                    text: self.masker.mask(line).into_owned(),
                },
            );
        }
        // SPEC X-2: one that was asked to end meanwhile is cancelled, though its files are there.
        let outcome = if self.cancel.is_cancelled() && !survives {
            Conclusion::Cancelled
        } else {
            Conclusion::Success
        };
        let mut worked = Worked::ended(outcome);
        worked
            .effects
            .outputs
            .insert("ref".to_owned(), checkout.ref_);
        worked
            .effects
            .outputs
            .insert("commit".to_owned(), checkout.commit);
        worked
    }

    /// What `github.sha` and `github.ref` say the workspace should be.
    pub fn target(&self) -> Target {
        let event = &self.invocation.event;
        let identity = &self.run.options.identity;
        Target {
            sha: event.sha.clone(),
            git_ref: event.git_ref.clone(),
            ref_name: event.ref_name.clone(),
            remote_url: identity.remote_url.clone(),
            remote_name: identity.remote_name.clone(),
        }
    }
}

impl Run {
    /// The tree that all jobs of this run see, made when the first one asks.
    pub(super) fn snapshot(&self) -> Result<Snapshot, String> {
        self.snapshot
            .get_or_init(|| {
                Snapshot::prepare(&self.options.workspace).map_err(|error| told(&error))
            })
            .clone()
    }
}

/// An error with its causes: "cannot copy x" alone says nothing of a full disk.
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::WorkspaceError;

    #[test]
    fn an_error_is_told_with_its_cause() {
        let error = WorkspaceError::Io {
            action: "copy",
            path: "/x".into(),
            source: std::io::ErrorKind::StorageFull.into(),
        };
        assert_eq!(told(&error), "cannot copy /x: no storage space");
    }
}
