//! How things look: one colour decision, the symbols, durations.

use std::fmt;

use crate::event::{Conclusion, Level};

/// Whether colours are written; the door decides once, by terminal, `NO_COLOR` and `CLICOLOR_FORCE`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Colors {
    On,
    #[default]
    Off,
}

/// A way to stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
}

impl Tint {
    fn code(self) -> u8 {
        match self {
            Self::Bold => 1,
            Self::Dim => 2,
            Self::Red => 31,
            Self::Green => 32,
            Self::Yellow => 33,
            Self::Blue => 34,
            Self::Magenta => 35,
            Self::Cyan => 36,
        }
    }
}

/// A text in a tint.
#[derive(Debug)]
pub struct Painted<T> {
    tint: Option<Tint>,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tint {
            Some(tint) => write!(f, "\x1b[{}m{}\x1b[0m", tint.code(), self.text),
            None => self.text.fmt(f),
        }
    }
}

impl Colors {
    pub fn paint<T: fmt::Display>(self, tint: Tint, text: T) -> Painted<T> {
        let tint = (self == Self::On).then_some(tint);
        Painted { tint, text }
    }

    /// A tint for the n-th job's prefix.
    pub fn job(n: usize) -> Tint {
        const TINTS: [Tint; 4] = [Tint::Cyan, Tint::Magenta, Tint::Blue, Tint::Green];
        TINTS[n % TINTS.len()]
    }
}

pub const STARTED: &str = "▶";
pub const RERUN: &str = "↻";
pub const UNAVAILABLE: &str = "!";

/// The symbol of a conclusion.
pub fn symbol(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Success => "✓",
        Conclusion::Failure => "✗",
        Conclusion::Cancelled => "⊘",
        Conclusion::Skipped => "-",
    }
}

/// The tint of a conclusion.
pub fn tint(conclusion: Conclusion) -> Tint {
    match conclusion {
        Conclusion::Success => Tint::Green,
        Conclusion::Failure => Tint::Red,
        Conclusion::Cancelled => Tint::Yellow,
        Conclusion::Skipped => Tint::Dim,
    }
}

/// The word and tint of a level.
pub fn level(level: Level) -> (&'static str, Tint) {
    match level {
        Level::Debug => ("debug", Tint::Dim),
        Level::Notice => ("notice", Tint::Cyan),
        Level::Warning => ("warning", Tint::Yellow),
        Level::Error => ("error", Tint::Red),
    }
}

/// The result as people read it: `failure`, or `failure (allowed)` under `continue-on-error`.
pub fn result(outcome: Conclusion, conclusion: Conclusion) -> String {
    if outcome == conclusion {
        conclusion.to_string()
    } else {
        format!("{outcome} (allowed)")
    }
}

/// A length of time: `0.4s`, `12.3s`, `2m 05s`, `1h 02m`.
#[derive(Debug, Clone, Copy)]
pub struct Millis(pub u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tenths, seconds) = (self.0 / 100, self.0 / 1000);
        match seconds {
            0..60 => f.pad(&format!("{}.{}s", tenths / 10, tenths % 10)),
            60..3600 => f.pad(&format!("{}m {:02}s", seconds / 60, seconds % 60)),
            _ => f.pad(&format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let shown = [0, 449, 12_345, 59_999, 125_000, 3_720_000].map(|ms| Millis(ms).to_string());
        assert_eq!(
            shown,
            ["0.0s", "0.4s", "12.3s", "59.9s", "2m 05s", "1h 02m"]
        );
    }

    #[test]
    fn no_colours_no_escapes() {
        assert_eq!(Colors::Off.paint(Tint::Red, "x").to_string(), "x");
        assert_eq!(
            Colors::On.paint(Tint::Red, "x").to_string(),
            "\x1b[31mx\x1b[0m"
        );
    }
}
