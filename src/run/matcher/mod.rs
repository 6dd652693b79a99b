//! Problem matchers: expressions that find warnings and errors in what steps print (SPEC 7.2).
//!
//! [`Matchers`] are a job's; each process of a step reads its lines through a [`Scanner`] of its own.

mod config;
mod groups;
mod location;
mod pattern;
mod scan;
mod translate;

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;

use crate::event::{Annotation, Level};
use config::Matcher;
use location::Locator;
use scan::{Fields, Live};

pub use location::Place;

/// Sets another time for one expression on one line, as .NET writes a span: `00:00:02`.
pub const TIMEOUT_VARIABLE: &str = "GITHUB_ACTIONS_RUNNER_ISSUE_MATCHER_TIMEOUT";

/// Steps of the engine that stand for a second.
const STEPS_A_SECOND: usize = 5_000_000;
const ATTEMPTS: usize = 3;

static COLOR: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\x1b\[[0-9;]*m?").ok());

/// A job's matchers; clones share them.
#[derive(Debug, Clone)]
pub struct Matchers {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    place: Place,
    steps: usize,
    book: Mutex<Book>,
    /// Length of the book's `changes`.
    changes: AtomicUsize,
}

#[derive(Debug, Default)]
struct Book {
    /// The newest first.
    current: Vec<Arc<Matcher>>,
    /// Everything that happened, for the scanners that are under way.
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Add(Arc<Matcher>),
    Remove(String),
}

impl Change {
    fn owner(&self) -> &str {
        match self {
            Self::Add(matcher) => &matcher.owner,
            Self::Remove(owner) => owner,
        }
    }
}

/// A line that a matcher recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its file is relative to the repository, with `/`.
    pub annotation: Annotation,
    /// The code of the message, such as `TS2304`.
    pub code: Option<String>,
    /// Goes to the log instead of the line: without its colours.
    pub line: String,
}

/// What a line gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    pub found: Option<Found>,
    /// For the user: a matcher is no longer asked.
    pub warnings: Vec<String>,
    /// For a debugged step.
    pub debug: Vec<String>,
}

impl Matchers {
    /// `timeout` is the text of [`TIMEOUT_VARIABLE`], if it is set.
    pub fn new(place: Place, timeout: Option<&str>) -> Self {
        let time = timeout
            .and_then(time_span)
            .unwrap_or(Duration::from_secs(1));
        let millis = usize::try_from(time.as_millis()).unwrap_or(usize::MAX);
        Self {
            shared: Arc::new(Shared {
                place,
                steps: (STEPS_A_SECOND / 1000).saturating_mul(millis).max(1000),
                book: Mutex::default(),
                changes: AtomicUsize::new(0),
            }),
        }
    }

    /// `::add-matcher::FILE`: what a debugged step says, or why the command fails (SPEC K-23).
    pub fn add_file(&self, file: &str) -> Result<Option<String>, String> {
        self.add(&self.text(file)?)
    }

    /// Adds what a file's text defines.
    pub fn add(&self, text: &str) -> Result<Option<String>, String> {
        let matchers = config::read(text, self.shared.steps)?;
        if matchers.is_empty() {
            return Ok(None);
        }
        let matchers: Vec<_> = matchers.into_iter().map(Arc::new).collect();
        let owners = list(matchers.iter().map(|matcher| matcher.owner.as_str()));
        let mut book = self.book();
        book.current.retain(|old| {
            let is_old = |new: &Arc<Matcher>| same(&new.owner, &old.owner);
            !matchers.iter().any(is_old)
        });
        book.current.splice(0..0, matchers.iter().cloned());
        book.changes.extend(matchers.into_iter().map(Change::Add));
        self.shared
            .changes
            .store(book.changes.len(), Ordering::Release);
        Ok(Some(format!(
            "Added matchers: {owners}. Problem matchers scan action output for known warning or error strings and report these inline."
        )))
    }

    /// `::remove-matcher::FILE`: all owners that the file names.
    pub fn remove_file(&self, file: &str) -> Result<String, String> {
        let owners = config::owners(&self.text(file)?)?;
        Ok(self.remove(&owners))
    }

    /// `::remove-matcher owner=OWNER::`
    pub fn remove_owner(&self, owner: &str) -> String {
        self.remove(&[owner.to_owned()])
    }

    fn remove(&self, owners: &[String]) -> String {
        let mut book = self.book();
        let (gone, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut book.current)
            .into_iter()
            .partition(|matcher| owners.iter().any(|owner| same(owner, &matcher.owner)));
        book.current = kept;
        book.changes
            .extend(gone.iter().map(|old| Change::Remove(old.owner.clone())));
        self.shared
            .changes
            .store(book.changes.len(), Ordering::Release);
        let names = list(gone.iter().map(|matcher| matcher.owner.as_str()));
        format!("Removed matchers: {names}")
    }

    /// For one process of a step: its state begins empty.
    pub fn scanner(&self) -> Scanner {
        let book = self.book();
        Scanner {
            live: book.current.iter().cloned().map(Live::new).collect(),
            seen: book.changes.len(),
            shared: Arc::clone(&self.shared),
            locator: Locator::default(),
        }
    }

    fn text(&self, file: &str) -> Result<String, String> {
        let bytes = self.shared.place.read(file)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.shared
            .book
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the lines of one process.
#[derive(Debug)]
pub struct Scanner {
    shared: Arc<Shared>,
    live: Vec<Live>,
    /// How many of the job's changes are taken over.
    seen: usize,
    locator: Locator,
}

impl Scanner {
    /// Some matcher is there: lines must be looked at.
    pub fn is_active(&mut self) -> bool {
        if self.shared.changes.load(Ordering::Acquire) != self.seen {
            self.catch_up();
        }
        !self.live.is_empty()
    }

    /// Looks at one line that held no command (SPEC K-24, K-26).
    pub fn line(&mut self, line: &str) -> Scanned {
        let mut scanned = Scanned::default();
        if !self.is_active() {
            return scanned;
        }
        let stripped = stripped(line);
        let mut place = 0;
        while place < self.live.len() {
            let fields = match self.live[place].look(&stripped) {
                Ok(None) => {
                    place += 1;
                    continue;
                }
                Ok(Some(fields)) => fields,
                Err(_) => {
                    // The same steps again would be as many: all attempts have failed.
                    let slow = self.live.remove(place);
                    scanned.warnings.push(format!(
                        "Removing issue matcher '{}'. Matcher failed {ATTEMPTS} times. Error: an expression took too long on one line.",
                        slow.matcher.owner
                    ));
                    continue;
                }
            };
            for (other, live) in self.live.iter_mut().enumerate() {
                if other != place {
                    live.reset();
                }
            }
            if let Some((annotation, code)) = self.issue(fields, &mut scanned.debug) {
                scanned.found = Some(Found {
                    annotation,
                    code,
                    line: stripped.into_owned(),
                });
                return scanned;
            }
            place += 1;
        }
        scanned
    }

    /// Takes over what happened since the last line, change by change (SPEC K-23).
    fn catch_up(&mut self) {
        let shared = Arc::clone(&self.shared);
        let book = shared.book.lock().unwrap_or_else(PoisonError::into_inner);
        for change in &book.changes[self.seen..] {
            self.live
                .retain(|live| !same(&live.matcher.owner, change.owner()));
            if let Change::Add(matcher) = change {
                self.live.insert(0, Live::new(Arc::clone(matcher)));
            }
        }
        self.seen = book.changes.len();
    }

    /// The annotation of a match, if it has a message and a severity that can be shown (SPEC K-27).
    fn issue(
        &mut self,
        fields: Fields,
        debug: &mut Vec<String>,
    ) -> Option<(Annotation, Option<String>)> {
        let message = fields.message.unwrap_or_default();
        if message.trim().is_empty() {
            debug.push(
                "Skipping logging an issue for the matched line because the message is empty."
                    .into(),
            );
            return None;
        }
        let severity = fields.severity.unwrap_or_default();
        let level = match severity.to_ascii_lowercase().as_str() {
            "" | "error" => Level::Error,
            "warning" => Level::Warning,
            "notice" => Level::Notice,
            _ => {
                debug.push(format!("Skipped logging an issue for the matched line because the severity '{severity}' is not supported."));
                return None;
            }
        };
        let line = position(fields.line.as_deref(), "line", debug);
        let column = position(fields.column.as_deref(), "column", debug);
        let file = fields.file.filter(|file| !file.trim().is_empty());
        let file = file.and_then(|file| {
            let from = fields.from_path.unwrap_or_default();
            self.locator
                .locate(&self.shared.place, &file, &from)
                .map_err(|reason| debug.push(reason))
                .ok()
        });
        let annotation = Annotation {
            level,
            message,
            title: None,
            file,
            line,
            end_line: None,
            column,
            end_column: None,
            log: None,
        };
        let code = fields.code.unwrap_or_default().trim().to_owned();
        Some((annotation, (!code.is_empty()).then_some(code)))
    }
}

/// The line without the codes of colours (SPEC K-24).
fn stripped(line: &str) -> Cow<'_, str> {
    match &*COLOR {
        Some(color) if memchr::memmem::find(line.as_bytes(), b"\x1b[").is_some() => {
            color.replace_all(line, "")
        }
        _ => Cow::Borrowed(line),
    }
}

/// Digits alone count, up to 32 bits.
fn position(text: Option<&str>, what: &str, debug: &mut Vec<String>) -> Option<u64> {
    let text = text.filter(|text| !text.is_empty())?;
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    if is_number && let Ok(number) = text.parse::<i32>() {
        return u64::try_from(number).ok();
    }
    debug.push(format!("Unable to parse {what} number '{text}'"));
    None
}

fn same(one: &str, other: &str) -> bool {
    one.to_uppercase() == other.to_uppercase()
}

fn list<'a>(owners: impl Iterator<Item = &'a str>) -> String {
    owners
        .map(|owner| format!("'{owner}'"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// `[d.]hh:mm[:ss[.fraction]]`, or whole days alone; nothing for what is not above zero.
fn time_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let parts: Vec<&str> = text.split(':').collect();
    let whole = |part: &str, limit: u64| part.parse::<u64>().ok().filter(|n| *n < limit);
    let seconds = match parts.as_slice() {
        [days] => Duration::from_secs(whole(days, 10_675_200)? * 86_400),
        [hours, minutes, rest @ ..] if rest.len() <= 1 => {
            let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
            let minutes =
                (whole(days, 10_675_200)? * 24 + whole(hours, 24)?) * 60 + whole(minutes, 60)?;
            let (seconds, fraction) = match rest.first() {
                Some(seconds) => seconds.split_once('.').unwrap_or((seconds, "0")),
                None => ("0", "0"),
            };
            let fraction = format!("{fraction:0<9}");
            let nanos = whole(fraction.get(..9)?, 1_000_000_000)?;
            Duration::from_secs(minutes * 60 + whole(seconds, 60)?) + Duration::from_nanos(nanos)
        }
        _ => return None,
    };
    (!seconds.is_zero()).then_some(seconds)
}

#[cfg(test)]
#[path = "matcher_tests.rs"]
mod tests;
