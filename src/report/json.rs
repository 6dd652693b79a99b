//! `--json`: one event a line, in the stable form.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use crate::event::{Event, EventKind, JobKey, Listener, StepKey, Stream, VERSION};

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
    place: Option<Place>,
}

/// What the lines of one step share, already serialised.
#[derive(Debug)]
struct Place {
    job: Option<JobKey>,
    step: Option<StepKey>,
    json: Vec<u8>,
}

impl Json {
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            state: Mutex::new(State {
                sink: Sink::new(out),
                first: true,
                place: None,
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
        match &event.kind {
            EventKind::StepOutput { stream, text } if event.version.is_none() => {
                self.output(event, *stream, text);
                self.sink.settle();
            }
            _ => {
                write_json(self.sink.buffer(), event);
                self.sink.text("\n");
                self.sink.flush();
            }
        }
    }

    /// The same bytes as serde writes, an order of magnitude faster: flattening is slow, and most events are output.
    fn output(&mut self, event: &Event, stream: Stream, text: &str) {
        let place = match self.place.take() {
            Some(place) if place.is_of(event) => place,
            _ => Place::of(event),
        };
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
        self.place = Some(place);
    }
}

impl Place {
    fn is_of(&self, event: &Event) -> bool {
        let jobs = match (&self.job, &event.job) {
            (Some(one), Some(two)) => one.same(two),
            (one, two) => one == two,
        };
        jobs && match (&self.step, &event.step) {
            (Some(one), Some(two)) => one.same(two),
            (one, two) => one == two,
        }
    }

    fn of(event: &Event) -> Self {
        let mut json = Vec::new();
        if let Some(job) = &event.job {
            json.extend_from_slice(b",\"job\":");
            write_json(&mut json, job);
        }
        if let Some(step) = &event.step {
            json.extend_from_slice(b",\"step\":");
            write_json(&mut json, step);
        }
        Self {
            job: event.job.clone(),
            step: event.step.clone(),
            json,
        }
    }
}

fn write_json<T: serde::Serialize + ?Sized>(buffer: &mut Vec<u8>, value: &T) {
    // Writing plain data into memory has no way to fail.
    drop(serde_json::to_writer(buffer, value));
}
