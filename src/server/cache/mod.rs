//! Caches: what jobs of later runs may go on with (SPEC 12.3, 12.4).

pub mod choose;
pub mod nearest;
pub(super) mod rest;
pub(super) mod service;
pub mod store;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::Shared;
use super::fault::{Code, Fault};
use super::grant::Grant;
use super::incoming::{Inbox, Incoming, sweep_in};
use super::number;
use super::signed::{Download, Target};
use choose::Wanted;
use store::{Entry, New, Store};

/// Keys of one look-up, and the characters of each (SPEC P-23).
const MOST_KEYS: usize = 10;
const MOST_CHARACTERS: usize = 512;

/// The caches that the jobs of one run may use.
#[derive(Debug)]
pub struct Caches {
    store: Store,
    /// Tells repositories of one name apart.
    project: String,
    /// The largest entry that is taken: one that fills the store.
    most: u64,
    inbox: OnceLock<Inbox>,
    pending: Mutex<HashMap<u64, Pending>>,
}

/// An entry that was begun.
#[derive(Debug)]
struct Pending {
    job: String,
    scope: String,
    key: String,
    version: String,
    layout: String,
    incoming: Arc<Incoming>,
}

/// What came of an attempt to save.
enum Saved {
    Entry(u64),
    /// Somebody else's counts.
    Exists(String),
}

impl Caches {
    pub fn new(store: Store, project: String, most: u64) -> Self {
        Self {
            store,
            project,
            most,
            inbox: OnceLock::new(),
            pending: Mutex::default(),
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<u64, Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The job is over: what it did not end is nothing.
    pub fn dismiss(&self, job: &str) {
        self.pending().retain(|_, pending| pending.job != job);
    }

    /// Removes what is too much or too old, and what killed runs left.
    pub fn tidy(&self) -> std::io::Result<()> {
        sweep_in(&self.store.incoming())?;
        self.store.evict().map(drop)
    }

    /// Begins an entry; the text says why there will be none.
    fn begin(
        &self,
        grant: &Grant,
        key: &str,
        version: &str,
        size: Option<u64>,
    ) -> Result<Result<(u64, Arc<Incoming>), String>, Fault> {
        check_key(key)?;
        check_version(version)?;
        if !grant.caches.mode.writes() {
            let text = "cache write denied: the cache mode of this job does not allow to save";
            return Err(Fault::new(Code::PermissionDenied, text));
        }
        if size.is_some_and(|size| size > self.most) {
            return Err(Fault::new(
                Code::TooLarge,
                format!("an entry may have {} bytes at most", self.most),
            ));
        }
        let scope = &grant.caches.own;
        let mut pending = self.pending();
        let is_same = |it: &Pending| {
            (it.scope.as_str(), it.key.as_str(), it.version.as_str())
                == (scope.as_str(), key, version)
                && it.layout == grant.caches.layout
        };
        // A client that missed the answer asks again.
        pending.retain(|_, it| it.job != grant.job || !is_same(it));
        let is_pending = pending.values().any(is_same);
        if is_pending {
            return Ok(Err(format!("another job is saving {key:?} right now")));
        }
        let new = New {
            id: number::unique(),
            project: &self.project,
            scope,
            key,
            version,
            layout: &grant.caches.layout,
        };
        if self.store.has(&new) {
            return Ok(Err(format!(
                "{key:?} exists already, and entries never change"
            )));
        }
        let incoming = Arc::new(self.inbox()?.receive(self.most)?);
        let id = new.id;
        let begun = Pending {
            job: grant.job.clone(),
            scope: scope.clone(),
            key: key.to_owned(),
            version: version.to_owned(),
            layout: grant.caches.layout.clone(),
            incoming: Arc::clone(&incoming),
        };
        pending.insert(id, begun);
        Ok(Ok((id, incoming)))
    }

    fn inbox(&self) -> Result<&Inbox, Fault> {
        if let Some(inbox) = self.inbox.get() {
            return Ok(inbox);
        }
        self.store.prepare()?;
        let inbox = Inbox::open(&self.store.incoming())?;
        Ok(self.inbox.get_or_init(|| inbox))
    }

    /// Makes an entry visible, whose content has come.
    fn end(&self, id: u64, size: u64) -> Result<Saved, Fault> {
        let (pending, content) = {
            let mut all = self.pending();
            let pending = all.get(&id);
            let pending = pending.ok_or_else(|| Fault::missing("no such upload was begun"))?;
            let content = pending.incoming.content().ok_or_else(|| {
                let text = "the entry's content has not come: its block list is missing";
                Fault::new(Code::FailedPrecondition, text)
            })?;
            if content.size != size {
                return Err(Fault::invalid(format!(
                    "the entry has {} bytes, not {size}",
                    content.size
                )));
            }
            let pending = all.remove(&id);
            let pending = pending.ok_or_else(|| Fault::missing("no such upload was begun"))?;
            (pending, content)
        };
        let new = New {
            id,
            project: &self.project,
            scope: &pending.scope,
            key: &pending.key,
            version: &pending.version,
            layout: &pending.layout,
        };
        Ok(if self.store.publish(&new, &content)? {
            Saved::Entry(id)
        } else {
            Saved::Exists(format!("another run saved {:?} first", pending.key))
        })
    }

    /// The job's upload that fits.
    fn begun(
        &self,
        job: &str,
        fits: impl Fn(u64, &Pending) -> bool,
    ) -> Option<(u64, Arc<Incoming>)> {
        let pending = self.pending();
        let mut own = pending.iter().filter(|(_, it)| it.job == job);
        let (id, it) = own.find(|(id, it)| fits(**id, it))?;
        Some((*id, Arc::clone(&it.incoming)))
    }

    /// What a client that missed the answer asks again: the entry is there.
    fn ended(&self, grant: &Grant, fits: impl Fn(&Entry) -> bool) -> Option<u64> {
        let caches = &grant.caches;
        let own = |entry: &Entry| entry.scope == caches.own && entry.layout == caches.layout;
        let mut all = self.store.entries(&self.project).into_iter();
        all.find(|entry| own(entry) && fits(entry))
            .map(|entry| entry.id)
    }

    /// The entry that fits best; it is used now.
    fn find(&self, grant: &Grant, keys: &[String], version: &str) -> Result<Option<Entry>, Fault> {
        if !grant.caches.mode.reads() {
            let text = "cache read denied: the cache mode of this job does not allow to restore";
            return Err(Fault::new(Code::PermissionDenied, text));
        }
        if keys.len() > MOST_KEYS {
            let text = format!("{} keys: expected {MOST_KEYS} at most", keys.len());
            return Err(Fault::invalid(text));
        }
        for key in keys {
            check_key(key)?;
        }
        let scopes: Vec<&str> = grant.caches.readable().collect();
        let wanted = Wanted {
            scopes: &scopes,
            keys,
            version,
            layout: &grant.caches.layout,
        };
        loop {
            let entries = self.store.entries(&self.project);
            let Some(found) = choose::choose(&entries, &wanted) else {
                self.store.note_miss(&self.project, &wanted, None);
                return Ok(None);
            };
            if self.store.is_whole(found) {
                if keys.first() != Some(&found.key) {
                    self.store
                        .note_miss(&self.project, &wanted, Some(&found.key));
                }
                self.store.touch(found);
                return Ok(Some(found.clone()));
            }
            // The machine went down before it had reached the disk.
            self.store.remove(std::slice::from_ref(found))?;
        }
    }

    fn target(&self, entry: &Entry) -> Target {
        Target::Download(Download {
            path: self.store.blob(entry),
            content_type: "application/octet-stream".to_owned(),
            name: "cache".to_owned(),
        })
    }
}

/// The caches, unless they are turned off.
fn of(shared: &Shared) -> Result<&Caches, Fault> {
    shared.caches.as_ref().ok_or_else(|| {
        Fault::missing("the cache service is off: `--no-cache-server` was given, or another service is told to jobs")
    })
}

/// SPEC P-23
fn check_key(key: &str) -> Result<(), Fault> {
    if key.is_empty() || key.chars().count() > MOST_CHARACTERS {
        return Err(Fault::invalid(format!(
            "the key {key:?}: expected 1 to {MOST_CHARACTERS} characters"
        )));
    }
    if key.contains(',') {
        return Err(Fault::invalid(format!("the key {key:?} has a comma in it")));
    }
    Ok(())
}

fn check_version(version: &str) -> Result<(), Fault> {
    if version.is_empty() || version.len() > MOST_CHARACTERS {
        return Err(Fault::invalid("the version is empty or too long"));
    }
    Ok(())
}
