//! A step's output on its way to the log: lines, commands, masks (SPEC S-11).

use std::cell::Cell;
use std::path::Path;

use crate::event::{Annotation, EventKind, Level, StepKey, Stream};
use crate::executor::Output;

use super::job::Job;
use super::mask::Mask;
use super::matcher::{Found, Scanner};
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
    scanner: Scanner,
    recorded: Recorded,
    in_group: bool,
    /// The job is in a container that does not see the engine's socket.
    watches_for_socket: bool,
    /// The step speaks of it.
    wants_socket: Cell<bool>,
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
            scanner: job.matchers.scanner(),
            recorded: Recorded::default(),
            in_group: false,
            watches_for_socket: job.containers.is_some() && job.run.options.docker.socket.is_none(),
            wants_socket: Cell::new(false),
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
        self.effects.wants_socket = self.wants_socket.get();
        self.effects
    }

    fn text(&mut self, stream: Stream, text: &str) {
        let is_plain = !self.commands.is_stopped() && !output_line::may_hold_commands(text);
        if is_plain && !self.scanner.is_active() {
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
        let is_command = outcome.effect.is_some() || !outcome.failures.is_empty();
        if let Some(effect) = outcome.effect {
            self.apply(effect, line);
        }
        if let Some(text) = outcome.print {
            // SPEC K-24: what was a command is no output of a tool.
            let found = if is_command { None } else { self.scan(&text) };
            if let Some(found) = found {
                self.annotate_match(&found);
            } else {
                let masked = self.mask.mask(&text);
                self.print(stream, &masked);
            }
        }
        for failure in outcome.failures {
            self.fail(&failure);
        }
    }

    fn fail(&mut self, message: &str) {
        self.effects.failed = true;
        self.job.say(Some(self.key), Level::Error, message);
    }

    /// What the job's problem matchers find in a line.
    fn scan(&mut self, line: &str) -> Option<Found> {
        let scanned = self.scanner.line(line);
        for warning in &scanned.warnings {
            self.job.say(Some(self.key), Level::Warning, warning);
        }
        for message in &scanned.debug {
            self.debug(message);
        }
        scanned.found
    }

    fn debug(&self, message: &str) {
        if self.job.debug {
            let line = format!("##[debug]{}", self.mask.mask_lines(message));
            self.print(Stream::Log, &line);
        }
    }

    fn print(&self, stream: Stream, line: &str) {
        if self.watches_for_socket && line.contains("docker.sock") {
            self.wants_socket.set(true);
        }
        self.job.emit(
            Some(self.key),
            EventKind::StepOutput {
                stream,
                text: line.to_owned(),
            },
        );
    }

    fn apply(&mut self, effect: Effect, line: &str) {
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
            Effect::Debug(message) => self.debug(&message),
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
                let added = self.job.matchers.add_file(&file);
                self.after_matcher_command(added, line);
            }
            Effect::RemoveMatcherOwner(owner) => {
                let removed = self.job.matchers.remove_owner(&owner);
                self.debug(&removed);
            }
            Effect::RemoveMatcherFile(file) => {
                let removed = self.job.matchers.remove_file(&file).map(Some);
                self.after_matcher_command(removed, line);
            }
            Effect::Echo(_) | Effect::Resume | Effect::StopCommands { mask: None } => {}
        }
    }

    fn after_matcher_command(&mut self, done: Result<Option<String>, String>, line: &str) {
        match done {
            Ok(said) => said.iter().for_each(|message| self.debug(message)),
            Err(message) => {
                // SPEC K-5
                self.fail(&format!("Unable to process command '{line}' successfully."));
                self.fail(&message);
            }
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

    /// The message of a command, whose file stands as printed.
    fn annotate(&mut self, found: &Annotation) {
        let workspace = self.job.directories.workspace.to_string_lossy();
        let real = |file: &str| {
            let path = self.job.paths.real(Path::new(file));
            path.to_string_lossy().into_owned()
        };
        let file = found.file.as_deref().map(real);
        self.record(&Annotation {
            file: file.map(|file| relative_file(&file, &workspace)),
            ..found.clone()
        });
    }

    /// A match: the log has its line, the annotation its message (SPEC K-24, K-27).
    fn annotate_match(&mut self, found: &Found) {
        self.record(&Annotation {
            log: Some(found.line.clone()),
            ..found.annotation.clone()
        });
    }

    fn record(&mut self, found: &Annotation) {
        let mask = |text: &str| self.mask.mask_lines(text).into_owned();
        let message = mask(&found.message);
        let log = found.log.as_deref().map(mask);
        if !self.recorded.admits(found.level) {
            for line in log.as_deref().unwrap_or(&message).lines() {
                self.print(Stream::Log, &format!("##[{}]{line}", word(found.level)));
            }
            return;
        }
        let annotation = Annotation {
            message: recorded_message(&message).to_owned(),
            title: found.title.as_deref().map(mask),
            file: found.file.as_deref().map(mask),
            log,
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
