//! Turns what happens into [`Event`]s: numbered, timed, in one order for every listener.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use crate::event::{Event, EventKind, JobKey, Level, Listener, StepKey, VERSION};

/// The one mouth of a run. Listeners are called under its lock, so they all hear the same order.
pub struct Emitter {
    run: Arc<str>,
    seq: Mutex<u64>,
    listener: Box<dyn Listener>,
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emitter")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

impl Emitter {
    pub fn new(run: Arc<str>, listener: Box<dyn Listener>) -> Self {
        Self {
            run,
            seq: Mutex::new(0),
            listener,
        }
    }

    /// Tells what happened to the whole run.
    pub fn run(&self, kind: EventKind) {
        self.emit(None, None, kind);
    }

    /// Tells what happened to a job.
    pub fn job(&self, job: &JobKey, kind: EventKind) {
        self.emit(Some(job), None, kind);
    }

    /// Tells what happened to a step.
    pub fn step(&self, job: &JobKey, step: &StepKey, kind: EventKind) {
        self.emit(Some(job), Some(step), kind);
    }

    /// A line for the user that belongs to no step.
    pub fn note(&self, level: Level, text: impl Into<String>) {
        self.run(EventKind::Note {
            level,
            text: text.into(),
        });
    }

    /// Gives listeners a moment to show what they hold back.
    pub fn tick(&self) {
        self.listener.tick();
    }

    fn emit(&self, job: Option<&JobKey>, step: Option<&StepKey>, kind: EventKind) {
        // A listener that panicked must not silence the rest of the run.
        let mut seq = self.seq.lock().unwrap_or_else(PoisonError::into_inner);
        *seq += 1;
        let event = Event {
            seq: *seq,
            version: (*seq == 1).then_some(VERSION),
            time: Timestamp::now(),
            run: Arc::clone(&self.run),
            job: job.cloned(),
            step: step.cloned(),
            kind,
        };
        self.listener.on_event(&event);
    }
}
