//! `--json`: one event a line, in the stable form.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, EventKind, JobKey, Listener, StepKey, Stream, VERSION};

use super::roster::Roster;
use super::sink::Sink;

/// Writes each event as a line of JSON.
#[derive(Debug)]
pub struct Json {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sink: Sink,
    first: bool,
    places: Roster<Place>,
}

/// What the lines of a job's current step share, already serialised.
#[derive(Debug)]
struct Place {
    step: StepKey,
    json: Vec<u8>,
}

impl Json {
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            state: Mutex::new(State {
                sink: Sink::new(out),
                first: true,
                places: Roster::default(),
            }),
        }
    }
}

impl Listener for Json {
    fn on_event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.first) && event.version.is_none() {
            let mut first = event.clone();
            first.version = Some(VERSION);
            state.write(&first);
        } else {
            state.write(event);
        }
    }

    fn tick(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sink
            .flush();
    }
}

impl State {
    fn write(&mut self, event: &Event) {
        let EventKind::StepOutput { stream, text } = &event.kind else {
            self.any(event);
            self.sink.flush();
            return;
        };
        match (&event.job, &event.step, event.version) {
            (Some(job), Some(step), None) => self.output(event, job, step, *stream, text),
            _ => self.any(event),
        }
        self.sink.settle();
    }

    fn any(&mut self, event: &Event) {
        write_json(self.sink.buffer(), event);
        self.sink.text("\n");
    }

    /// The same bytes as serde writes; job and step, the same for most lines, are not serialised again.
    fn output(&mut self, event: &Event, job: &JobKey, step: &StepKey, stream: Stream, text: &str) {
        let place = self.places.of(job, |_| Place::of(job, step));
        if !place.step.same(step) {
            *place = Place::of(job, step);
        }
        let buffer = self.sink.buffer();
        buffer.extend_from_slice(b"{\"seq\":");
        write_json(buffer, &event.seq);
        buffer.extend_from_slice(b",\"time\":");
        write_json(buffer, &event.time);
        buffer.extend_from_slice(b",\"run\":");
        write_json(buffer, &event.run);
        buffer.extend_from_slice(&place.json);
        buffer.extend_from_slice(match stream {
            Stream::Stdout => b",\"kind\":\"step.output\",\"stream\":\"stdout\",\"text\":",
            Stream::Stderr => b",\"kind\":\"step.output\",\"stream\":\"stderr\",\"text\":",
            Stream::Log => b",\"kind\":\"step.output\",\"stream\":\"log\",\"text\":" as &[u8],
        });
        write_json(buffer, text);
        buffer.extend_from_slice(b"}\n");
    }
}

impl Place {
    fn of(job: &JobKey, step: &StepKey) -> Self {
        let mut json = b",\"job\":".to_vec();
        write_json(&mut json, job);
        json.extend_from_slice(b",\"step\":");
        write_json(&mut json, step);
        Self {
            step: step.clone(),
            json,
        }
    }
}

fn write_json<T: serde::Serialize + ?Sized>(buffer: &mut Vec<u8>, value: &T) {
    // Writing plain data into memory has no way to fail.
    drop(serde_json::to_writer(buffer, value));
}
