//! `-q`: nothing of a green run; of a red one what failed and the command to run it again.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, EventKind, Level, Listener};

use super::sink::Sink;
use super::summary::Summary;
use super::wording::{self, Detail, Options};

/// Writes the trouble to `out`, the warnings of a red run to `err`.
#[derive(Debug)]
pub struct Quiet {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    out: Sink,
    err: Sink,
    options: Options,
    warnings: Vec<String>,
    summary: Summary,
}

impl Quiet {
    pub fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, options: Options) -> Self {
        Self {
            state: Mutex::new(State {
                out: Sink::new(out),
                err: Sink::new(err),
                options,
                warnings: Vec::new(),
                summary: Summary::new(options),
            }),
        }
    }
}

impl Listener for Quiet {
    fn on_event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.summary.observe(event);
        match &event.kind {
            EventKind::Note { level, .. } if *level >= Level::Warning => {
                let note = wording::note(&event.kind, Detail::Brief, state.options.colors);
                state.warnings.extend(note);
            }
            EventKind::RunFinished { exit_code, .. } if *exit_code != 0 => state.tell(),
            _ => {}
        }
    }
}

impl State {
    fn tell(&mut self) {
        for warning in std::mem::take(&mut self.warnings) {
            self.err.text(&warning);
            self.err.text("\n");
        }
        self.err.flush();
        let trouble = self.summary.trouble();
        self.out.text(trouble.trim_start_matches('\n'));
        self.out.flush();
    }
}
