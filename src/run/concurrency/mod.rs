//! Concurrency groups, within a run and between the runs of one repository on this machine (SPEC 1.9, X-10).

mod ledger;
mod terms;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use ledger::{Ledger, Ticket};

pub use terms::Terms;

/// How many may wait where `queue` is `max` (SPEC W-110).
pub const LONGEST_QUEUE: usize = 100;

/// How often other processes are looked at: a killed one sends no message. This process's own news come at once.
const LOOK: Duration = Duration::from_millis(100);
/// How soon a guard that another has is tried again: it is held for moments.
const RETRY: Duration = Duration::from_millis(5);

/// `queue`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Queue {
    /// One runs and one waits: who comes takes the place of the one that waits.
    #[default]
    Single,
    /// All wait, in the order in which they came.
    Max,
}

/// Who is in a group; other processes read it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holder {
    pub pid: u32,
    /// `github.run_id`.
    pub run: String,
    /// The workflow's name or path.
    pub workflow: String,
    /// The job's display name; none for a whole workflow.
    pub job: Option<String>,
    pub since: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(job) = &self.job {
            write!(f, "job '{job}' of ")?;
        }
        write!(
            f,
            "'{}' (run {}, process {}, since {:.0})",
            self.workflow, self.run, self.pid, self.since
        )
    }
}

/// A group that something around the asker has: waiting for it would never end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outer {
    pub group: String,
    /// `top level workflow`, or the name of the calling job.
    pub name: String,
}

/// Asks for a place in a group.
#[derive(Debug, Clone)]
pub struct GroupRequest {
    pub terms: Terms,
    pub holder: Holder,
    /// What the workflow, and the jobs that call it, have.
    pub within: Vec<Outer>,
}

/// Why there is no place: the job or workflow counts as cancelled.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    #[error("Canceling since a higher priority waiting request for '{group}' exists")]
    Replaced { group: String, by: Holder },
    #[error(
        "Canceling since a deadlock for concurrency group '{group}' was detected between '{outer}' and '{inner}'"
    )]
    Deadlock {
        group: String,
        outer: String,
        inner: String,
    },
    #[error("Canceling since the queue of '{group}' is full: {LONGEST_QUEUE} are waiting")]
    QueueFull { group: String },
    /// Its own run was cancelled while it waited.
    #[error("cancelled while it waited for the concurrency group '{group}'")]
    Cancelled { group: String },
    #[error("can not keep the concurrency group '{group}': {source}")]
    Io { group: String, source: io::Error },
}

/// The groups of one repository; clones share what they know.
#[derive(Debug, Clone)]
pub struct Groups {
    folder: PathBuf,
    repository: String,
    /// Rings when something changed in this process.
    bell: Arc<Notify>,
}

/// A ticket whose end this process hears of.
#[derive(Debug)]
struct Place {
    /// None only while it is given up.
    ticket: Option<Ticket>,
    bell: Arc<Notify>,
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.ticket.take());
        self.bell.notify_waiters();
    }
}

/// The right to run; leaving the group is dropping it.
#[derive(Debug)]
pub struct Permit {
    place: Place,
    group: String,
}

impl Permit {
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Ends when someone asks this work to end, and says who (SPEC W-111).
    pub async fn cancelled(&self) -> Holder {
        loop {
            let bell = self.place.bell.notified();
            tokio::pin!(bell);
            // From here on no ring is missed.
            bell.as_mut().enable();
            if let Some(by) = self.place.ticket.as_ref().and_then(Ticket::stopped_by) {
                return by;
            }
            tokio::select! {
                () = bell => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

/// Who is in a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occupancy {
    pub running: Option<Holder>,
    /// In the order in which they will run.
    pub pending: Vec<Holder>,
}

impl Groups {
    /// `folder` belongs to lrun and is shared by all its runs; `repository` tells its groups from those of others.
    pub fn new(folder: impl Into<PathBuf>, repository: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            repository: repository.into(),
            bell: Arc::new(Notify::new()),
        }
    }

    /// Waits for the group. `waiting` hears for whom, each time that this changes.
    pub async fn acquire(
        &self,
        request: &GroupRequest,
        cancel: &CancellationToken,
        waiting: &mut (dyn FnMut(&Holder) + Send),
    ) -> Result<Permit, Lost> {
        let group = &request.terms.group;
        deadlock(request)?;
        let cancelled = || Lost::Cancelled {
            group: group.clone(),
        };
        let io = |source| Lost::Io {
            group: group.clone(),
            source,
        };
        let ledger = Ledger::open(&self.folder, &self.repository, group).map_err(io)?;
        let mut place = Place {
            ticket: None,
            bell: Arc::clone(&self.bell),
        };
        let ticket = {
            let _guard = guard(&ledger, cancel)
                .await
                .map_err(io)?
                .ok_or_else(cancelled)?;
            place.ticket.insert(enter(&ledger, request)?)
        };
        self.bell.notify_waiters();
        let mut told = None;
        loop {
            let bell = self.bell.notified();
            tokio::pin!(bell);
            // From here on no ring is missed.
            bell.as_mut().enable();
            let ahead = ticket.ahead().map_err(io)?;
            if ahead.is_none() && !ticket.is_running() {
                let _guard = guard(&ledger, cancel)
                    .await
                    .map_err(io)?
                    .ok_or_else(cancelled)?;
                if ticket.stopped_by().is_none() && ticket.ahead().map_err(io)?.is_none() {
                    ticket.promote().map_err(io)?;
                }
            }
            if ticket.is_running() {
                return Ok(Permit {
                    place,
                    group: group.clone(),
                });
            }
            if let Some(by) = ticket.stopped_by() {
                return Err(Lost::Replaced {
                    group: group.clone(),
                    by,
                });
            }
            if let Some(holder) = ahead.filter(|ahead| told.as_ref() != Some(ahead)) {
                waiting(&holder);
                told = Some(holder);
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(cancelled()),
                () = bell => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Who runs and who waits, for those who only want to know.
    pub fn occupancy(&self, group: &str) -> io::Result<Occupancy> {
        let members = Ledger::open(&self.folder, &self.repository, group)?.members()?;
        let mut occupancy = Occupancy::default();
        for member in members {
            if member.is_running {
                occupancy.running = Some(member.holder);
            } else if !member.is_stopped {
                occupancy.pending.push(member.holder);
            }
        }
        Ok(occupancy)
    }
}

/// A group that the asker itself stands in would be waited for without end.
fn deadlock(request: &GroupRequest) -> Result<(), Lost> {
    let group = &request.terms.group;
    let same = |outer: &&Outer| outer.group.to_lowercase() == group.to_lowercase();
    match request.within.iter().find(same) {
        None => Ok(()),
        Some(outer) => Err(Lost::Deadlock {
            group: group.clone(),
            outer: outer.name.clone(),
            inner: request
                .holder
                .job
                .clone()
                .unwrap_or_else(|| request.holder.workflow.clone()),
        }),
    }
}

/// The guard of the repository's groups; none if the asker is cancelled first.
async fn guard(ledger: &Ledger, cancel: &CancellationToken) -> io::Result<Option<File>> {
    loop {
        if cancel.is_cancelled() {
            return Ok(None);
        }
        if let Some(guard) = ledger.guard()? {
            return Ok(Some(guard));
        }
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(RETRY) => {}
        }
    }
}

/// Takes a place, and asks those to end whom this one replaces (SPEC W-110, W-111).
fn enter(ledger: &Ledger, request: &GroupRequest) -> Result<Ticket, Lost> {
    let group = &request.terms.group;
    let io = |source| Lost::Io {
        group: group.clone(),
        source,
    };
    ledger.sweep().map_err(io)?;
    let members = ledger.members().map_err(io)?;
    let mut running: Vec<_> = members.iter().filter(|member| member.is_running).collect();
    let mut pending: Vec<_> = members
        .iter()
        .filter(|member| !member.is_running && !member.is_stopped)
        .collect();
    let starts_now = running.is_empty() && pending.is_empty();
    if running.is_empty() && !pending.is_empty() {
        // The first that waits is about to start.
        running.push(pending.remove(0));
    }
    match request.terms.queue {
        Queue::Max if pending.len() >= LONGEST_QUEUE => {
            return Err(Lost::QueueFull {
                group: group.clone(),
            });
        }
        Queue::Max => pending.clear(),
        Queue::Single => {}
    }
    if request.terms.cancel_in_progress {
        pending.append(&mut running);
    }
    let ticket = ledger.enter(&request.holder, starts_now).map_err(io)?;
    for member in pending {
        if !member.is_stopped {
            ledger
                .ask_to_stop(member.number, &request.holder)
                .map_err(io)?;
        }
    }
    Ok(ticket)
}

#[cfg(test)]
#[path = "concurrency_tests.rs"]
mod tests;
