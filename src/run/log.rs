//! A step's output on its way to the log: lines, commands, masks (SPEC S-11).

use crate::event::{Annotation, EventKind, Level, StepKey, Stream};
use crate::executor::Output;

use super::job::Job;
use super::mask::Mask;
use super::output_line;
use super::state::Effects;
use super::workflow_command::{CommandState, Effect, Recorded, recorded_message, relative_file};

/// A line longer than this is shown in pieces.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// The log of one process of a step.
pub(super) struct StepLog<'a> {
    job: &'a Job,
    key: &'a StepKey,
    commands: CommandState,
    effects: Effects,
    mask: Mask,
    recorded: Recorded,
    in_group: bool,
    /// Starts of lines that have not ended yet, of stdout and stderr.
    held: [Vec<u8>; 2],
}

impl<'a> StepLog<'a> {
    pub fn new(job: &'a Job, key: &'a StepKey, commands: CommandState) -> Self {
        Self {
            job,
            key,
            commands,
            effects: Effects::default(),
            mask: job.masker.snapshot(),
            recorded: Recorded::default(),
            in_group: false,
            held: [Vec::new(), Vec::new()],
        }
    }

    /// The end of the output: what the commands in it asked for.
    pub fn close(mut self) -> Effects {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let rest = std::mem::take(&mut self.held[slot(stream)]);
            if !rest.is_empty() {
                self.text(stream, &output_line::text(&rest));
            }
        }
        self.end_group();
        self.effects
    }

    fn text(&mut self, stream: Stream, text: &str) {
        if !self.commands.is_stopped() && !output_line::may_hold_commands(text) {
            let masked = self.mask.mask_lines(text);
            for line in output_line::lines(&masked) {
                self.print(stream, line);
            }
            return;
        }
        for line in output_line::lines(text) {
            self.line(stream, line);
        }
    }

    fn line(&mut self, stream: Stream, line: &str) {
        let outcome = self.commands.line(line);
        if let Some(effect) = outcome.effect {
            self.apply(effect);
        }
        if let Some(text) = outcome.print {
            let masked = self.mask.mask(&text);
            self.print(stream, &masked);
        }
        for failure in outcome.failures {
            self.effects.failed = true;
            self.job.say(Some(self.key), Level::Error, &failure);
        }
    }

    fn print(&self, stream: Stream, line: &str) {
        self.job.emit(
            Some(self.key),
            EventKind::StepOutput {
                stream,
                text: line.to_owned(),
            },
        );
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::SetOutput { name, value } => {
                self.effects.outputs.insert(name, value);
            }
            Effect::SaveState { name, value } => {
                self.effects.state.insert(name, value);
            }
            Effect::SetEnv { name, value } => self.effects.env.push((name, value)),
            Effect::AddPath(path) => self.effects.path.push(path),
            Effect::AddMask(value) => self.add_mask(&value),
            Effect::StopCommands { mask: Some(token) } => self.add_mask(&token),
            Effect::Debug(message) => {
                if self.job.debug {
                    let line = format!("##[debug]{}", self.mask.mask_lines(&message));
                    self.print(Stream::Log, &line);
                }
            }
            Effect::Annotation(annotation) => self.annotate(&annotation),
            Effect::Group(title) => {
                self.end_group();
                self.in_group = true;
                let title = self.mask.mask(&title).into_owned();
                self.job
                    .emit(Some(self.key), EventKind::GroupStarted { title });
            }
            Effect::EndGroup => self.end_group(),
            Effect::AddMatcher(file) => {
                // Said, so that nobody takes a quiet step for a clean one.
                let line = format!("problem matchers are not applied yet: {file}");
                self.print(Stream::Log, &self.mask.mask(&line));
            }
            Effect::Echo(_)
            | Effect::Resume
            | Effect::StopCommands { mask: None }
            | Effect::RemoveMatcherOwner(_)
            | Effect::RemoveMatcherFile(_) => {}
        }
    }

    fn add_mask(&mut self, value: &str) {
        self.job.masker.add(value);
        self.mask = self.job.masker.snapshot();
    }

    fn end_group(&mut self) {
        if std::mem::take(&mut self.in_group) {
            self.job.emit(Some(self.key), EventKind::GroupEnded);
        }
    }

    fn annotate(&mut self, found: &Annotation) {
        let mask = |text: &str| self.mask.mask_lines(text).into_owned();
        let message = mask(&found.message);
        if !self.recorded.admits(found.level) {
            for line in message.lines() {
                self.print(Stream::Log, &format!("##[{}]{line}", word(found.level)));
            }
            return;
        }
        let workspace = self.job.directories.workspace.to_string_lossy();
        let annotation = Annotation {
            message: recorded_message(&message).to_owned(),
            title: found.title.as_deref().map(mask),
            file: found
                .file
                .as_deref()
                .map(|file| mask(&relative_file(file, &workspace))),
            ..found.clone()
        };
        self.job
            .emit(Some(self.key), EventKind::Annotation(annotation));
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn slot(stream: Stream) -> usize {
    usize::from(stream == Stream::Stderr)
}

impl Output for StepLog<'_> {
    fn chunk(&mut self, stream: Stream, bytes: &[u8]) {
        // A step that runs beside this one may have hidden something since (SPEC M-6).
        self.mask = self.job.masker.snapshot();
        let ends = matches!(bytes.last(), Some(b'\n' | b'\r'));
        let slot = slot(stream);
        if self.held[slot].is_empty() && ends {
            self.text(stream, &output_line::text(bytes));
            return;
        }
        // A secret must not slip through in two halves: a line is looked at whole.
        self.held[slot].extend_from_slice(bytes);
        if ends {
            let line = std::mem::take(&mut self.held[slot]);
            self.text(stream, &output_line::text(&line));
        } else if self.held[slot].len() > MAX_LINE {
            self.let_go(stream);
        }
    }
}

impl StepLog<'_> {
    /// Shows the start of a line that has grown too long, but for an end that may hold half a secret.
    fn let_go(&mut self, stream: Stream) {
        let held = std::mem::take(&mut self.held[slot(stream)]);
        let text = output_line::text(&held);
        let cut = self.mask.safe_cut(&text);
        let masked = self.mask.mask_lines(&text[..cut]).into_owned();
        for piece in output_line::lines(&masked) {
            self.print(stream, piece);
        }
        self.held[slot(stream)].extend_from_slice(&text.as_bytes()[cut..]);
    }
}
