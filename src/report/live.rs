//! The live view of a terminal: the log of one job in focus, below it a line for each running job.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::ProgressDrawTarget;
use jiff::Timestamp;

use crate::event::{Event, EventKind, JobKey, Listener};

use super::job_log::{JobLog, JobState};
use super::layers::Layers;
use super::panel::{Panel, Size};
use super::roster::Roster;
use super::sink::Sink;
use super::style::{Millis, Tint};
use super::summary::Summary;
use super::terminal_text::tame;
use super::wording::{self, Detail, Options, Workflows};

/// Between two drawings.
const PAUSE: Duration = Duration::from_millis(50);

/// The terminal and the clock that the view is drawn by.
pub struct Screen {
    pub target: ProgressDrawTarget,
    /// Asked at each drawing: the terminal may be resized.
    pub size: Box<dyn Fn() -> Size + Send + Sync>,
    pub now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Screen {
    /// The terminal that stderr is.
    pub fn stderr() -> Self {
        let term = console::Term::stderr();
        Self {
            target: ProgressDrawTarget::stderr(),
            size: Box::new(move || {
                let (rows, columns) = term.size();
                Size {
                    rows: rows.into(),
                    columns: columns.into(),
                }
            }),
            now: Box::new(Timestamp::now),
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Screen")
    }
}

/// Draws on a [`Screen`]; the log goes to `out`, notes to `err`.
#[derive(Debug)]
pub struct Live {
    state: Mutex<State>,
}

struct State {
    out: Sink,
    err: Sink,
    panel: Panel,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
    options: Options,
    workflows: Workflows,
    jobs: Roster<JobLog>,
    layers: Layers,
    /// The job whose log is shown as it comes; the others are held until they finish.
    focus: Option<JobKey>,
    /// The job that the last lines on the screen belong to.
    shown: Option<JobKey>,
    scratch: Vec<u8>,
    drawn: Instant,
    started: Option<Timestamp>,
    /// Jobs known at the start.
    total: usize,
    summary: Summary,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("focus", &self.focus)
            .finish_non_exhaustive()
    }
}

impl Live {
    pub fn new(
        screen: Screen,
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
        options: Options,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                out: Sink::new(out),
                err: Sink::new(err),
                panel: Panel::new(screen.target, screen.size),
                now: screen.now,
                options,
                workflows: Workflows::default(),
                jobs: Roster::default(),
                layers: Layers::default(),
                focus: None,
                shown: None,
                scratch: Vec::new(),
                drawn: Instant::now(),
                started: None,
                total: 0,
                summary: Summary::new(options),
            }),
        }
    }
}

impl Listener for Live {
    fn on_event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.summary.observe(event);
        match &event.job {
            Some(key) => state.job_event(key, event),
            None => state.run_event(event),
        }
        if state.out.is_full() || state.drawn.elapsed() >= PAUSE {
            state.draw();
        }
    }

    fn tick(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.draw();
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.finish();
    }
}

impl State {
    fn run_event(&mut self, event: &Event) {
        let colors = self.options.colors;
        match &event.kind {
            EventKind::ImageLayer {
                image,
                layer,
                status,
                done,
                total,
            } => self.layers.observe(image, layer, status, *done, *total),
            EventKind::RunStarted {
                workflows, jobs, ..
            } => {
                self.workflows = Workflows::of(workflows);
                self.total = *jobs;
                self.started = Some(event.time);
                self.out.text(&wording::opening(&event.kind, colors));
                self.out.text("\n");
            }
            EventKind::RunFinished { .. } => {
                self.finish();
                let summary = self.summary.render();
                self.out.text(&summary);
                self.out.flush();
            }
            EventKind::StepOutput { text, .. } => {
                self.out.text(&tame(text));
                self.out.text("\n");
            }
            kind => {
                if let Some(note) = wording::note(kind, self.options.detail, colors) {
                    for line in note.lines() {
                        self.err.text(&tame(line));
                        self.err.text("\n");
                    }
                    let (out, err) = (&mut self.out, &mut self.err);
                    self.panel.suspend(|| {
                        out.flush();
                        err.flush();
                    });
                }
            }
        }
    }

    fn job_event(&mut self, key: &JobKey, event: &Event) {
        let (options, workflows) = (self.options, self.workflows);
        let job = self.jobs.of(key, |_| JobLog::new(key, options, workflows));
        match &event.kind {
            EventKind::JobStarted { .. } => {
                job.state = JobState::Running(event.time);
                self.refocus();
                if options.detail == Detail::Full {
                    self.say(key, event);
                }
                return;
            }
            kind @ (EventKind::StepStarted | EventKind::StepFinished { .. }) => {
                if let Some(step) = &event.step {
                    job.follow(step, kind);
                }
            }
            EventKind::JobFinished { .. }
            | EventKind::JobSkipped { .. }
            | EventKind::JobUnavailable { .. } => job.state = JobState::Done,
            _ => {}
        }
        if let EventKind::JobSkipped { reason, .. } = &event.kind {
            let line = wording::skipped(&job.name, reason, options.colors);
            self.out.text(&tame(&line));
            self.out.text("\n");
            self.shown = None;
            return;
        }
        let done = job.state == JobState::Done;
        self.say(key, event);
        if done {
            self.release(key);
        }
    }

    /// Writes what the log says of an event to where the job's log goes now.
    fn say(&mut self, key: &JobKey, event: &Event) {
        let (options, workflows) = (self.options, self.workflows);
        let job = self.jobs.of(key, |_| JobLog::new(key, options, workflows));
        self.scratch.clear();
        job.write(event, options, &mut self.scratch);
        if !self.focus.as_ref().is_some_and(|focus| focus.same(key)) {
            job.held.write(&self.scratch);
        } else if !self.scratch.is_empty() {
            self.turn_to(key);
            self.out.buffer().extend_from_slice(&self.scratch);
        }
    }

    /// Names the job that the next lines belong to, if it is not the one before.
    fn turn_to(&mut self, key: &JobKey) {
        if self.shown.as_ref().is_some_and(|shown| shown.same(key)) {
            return;
        }
        let (options, workflows) = (self.options, self.workflows);
        let job = self.jobs.of(key, |_| JobLog::new(key, options, workflows));
        let heading = format!("── {} ──", job.name);
        let heading = options.colors.paint(Tint::Bold, heading).to_string();
        self.out.text(&heading);
        self.out.text("\n");
        self.shown = Some(key.clone());
    }

    /// A job has ended: what is held of it is shown as a block.
    fn release(&mut self, key: &JobKey) {
        if self.focus.as_ref() == Some(key) {
            self.focus = None;
        } else {
            self.show(key);
        }
        self.refocus();
    }

    /// Turns to the longest-running job if none is in focus.
    fn refocus(&mut self) {
        if self.focus.is_some() {
            return;
        }
        let longest = self
            .jobs
            .iter()
            .filter_map(|(key, job)| match job.state {
                JobState::Running(since) => Some((since, key)),
                _ => None,
            })
            .min_by_key(|(since, _)| *since)
            .map(|(_, key)| key.clone());
        if let Some(key) = longest {
            self.show(&key);
            self.focus = Some(key);
        }
    }

    /// Shows what is held of a job.
    fn show(&mut self, key: &JobKey) {
        let (options, workflows) = (self.options, self.workflows);
        let job = self.jobs.of(key, |_| JobLog::new(key, options, workflows));
        if job.held.is_empty() {
            return;
        }
        self.turn_to(key);
        let job = self.jobs.of(key, |_| JobLog::new(key, options, workflows));
        let out = &mut self.out;
        let panel = &self.panel;
        job.held.drain(|bytes| {
            out.buffer().extend_from_slice(bytes);
            if out.is_full() {
                panel.suspend(|| out.flush());
            }
        });
    }

    fn draw(&mut self) {
        self.drawn = Instant::now();
        if self.out.is_pending() {
            let out = &mut self.out;
            self.panel.suspend(|| out.flush());
        }
        let now = (self.now)();
        let rows = self.rows(now);
        self.panel.show(rows, self.status(now));
    }

    /// A line for each running job, the longest-running first.
    fn rows(&self, now: Timestamp) -> Vec<String> {
        let colors = self.options.colors;
        let mut running: Vec<_> = self
            .jobs
            .iter()
            .filter_map(|(_, job)| match job.state {
                JobState::Running(since) => Some((since, job)),
                _ => None,
            })
            .collect();
        running.sort_by_key(|(since, _)| *since);
        let width = running
            .iter()
            .map(|(_, job)| console::measure_text_width(&job.name))
            .max()
            .unwrap_or(0)
            .min(40);
        let jobs = running.into_iter().map(|(since, job)| {
            let name = console::truncate_str(&job.name, width, "…");
            let name = console::pad_str(&name, width, console::Alignment::Left, None);
            let time = Millis(between(since, now));
            format!(
                "{} {name} {} {}",
                colors.paint(Tint::Cyan, "▶"),
                colors.paint(Tint::Dim, format!("{time:>7}")),
                job.step,
            )
        });
        self.layers.rows(colors).into_iter().chain(jobs).collect()
    }

    /// `2 running, 3 of 8 done, 12.3s`; a run of one job needs none.
    fn status(&self, now: Timestamp) -> Option<String> {
        let count = |state: fn(JobState) -> bool| {
            self.jobs.iter().filter(|(_, job)| state(job.state)).count()
        };
        let running = count(|state| matches!(state, JobState::Running(_)));
        let done = count(|state| state == JobState::Done);
        let total = self.total.max(self.jobs.iter().count());
        if total <= 1 || running == 0 {
            return None;
        }
        let time = Millis(between(self.started?, now));
        let line = format!("{running} running, {done} of {total} done, {time}");
        Some(self.options.colors.paint(Tint::Dim, line).to_string())
    }

    /// Shows all that is held and takes the panel off the screen.
    fn finish(&mut self) {
        let held: Vec<JobKey> = self
            .jobs
            .iter()
            .filter(|(_, job)| !job.held.is_empty())
            .map(|(key, _)| key.clone())
            .collect();
        for key in held {
            self.show(&key);
        }
        self.panel.clear();
        self.out.flush();
    }
}

fn between(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(since).as_millis()).unwrap_or(0)
}
