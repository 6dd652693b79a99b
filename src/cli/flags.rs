//! What a flag is: its spelling, kind and fate, kept as data so that every reader of settings agrees.

use super::command::CommandKind;
use super::table::FLAGS;

/// How values of a flag are written and add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On or off; a value only after `=`.
    Bool,
    /// A word that may be left out, and then means `true`; a value only after `=`.
    Optional,
    /// One value; the last counts.
    Scalar,
    /// Values of one source stand together; a later source replaces them.
    Group,
    /// Values of all sources add up.
    List,
}

impl Kind {
    /// True where the value may be the next word.
    pub fn takes_word(self) -> bool {
        matches!(self, Self::Scalar | Self::Group | Self::List)
    }

    /// True where several values stand side by side.
    pub fn is_many(self) -> bool {
        matches!(self, Self::Group | Self::List)
    }
}

/// What lrun does with a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It works.
    Works,
    /// Accepted without effect, for the reason given.
    NoOp(&'static str),
    /// Known, but a later version will bring it.
    Later,
}

/// Where a flag stands in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heading {
    Commands,
    Selection,
    Values,
    Machines,
    Workspace,
    Network,
    Output,
}

impl Heading {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commands => "Commands as flags",
            Self::Selection => "What runs",
            Self::Values => "Values that a run sees",
            Self::Machines => "Machines",
            Self::Workspace => "Workspace",
            Self::Network => "Network and caches",
            Self::Output => "Output",
        }
    }
}

/// One flag of lrun, act's included.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// The name after `--`.
    pub long: &'static str,
    pub short: Option<char>,
    pub kind: Kind,
    /// What stands for the value in the help; empty for a boolean.
    pub value: &'static str,
    pub help: &'static str,
    /// What counts where nothing is said, as text.
    pub default: &'static str,
    /// The words that the value may be; empty: any text.
    pub choices: &'static [&'static str],
    pub status: Status,
    pub heading: Heading,
    /// The commands that it belongs to; empty: all.
    pub only: &'static [CommandKind],
    /// The value is a whole number.
    pub number: bool,
}

impl Flag {
    const fn new(long: &'static str, kind: Kind, value: &'static str, help: &'static str) -> Self {
        Self {
            long,
            short: None,
            kind,
            value,
            help,
            default: "",
            choices: &[],
            status: Status::Works,
            heading: Heading::Selection,
            only: &[],
            number: false,
        }
    }

    pub(super) const fn switch(long: &'static str, help: &'static str) -> Self {
        Self::new(long, Kind::Bool, "", help).default("false")
    }

    pub(super) const fn optional(
        long: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self::new(long, Kind::Optional, value, help)
    }

    pub(super) const fn scalar(
        long: &'static str,
        value: &'static str,
        help: &'static str,
    ) -> Self {
        Self::new(long, Kind::Scalar, value, help)
    }

    pub(super) const fn group(long: &'static str, value: &'static str, help: &'static str) -> Self {
        Self::new(long, Kind::Group, value, help)
    }

    pub(super) const fn list(long: &'static str, value: &'static str, help: &'static str) -> Self {
        Self::new(long, Kind::List, value, help)
    }

    pub(super) const fn short(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }

    pub(super) const fn default(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    pub(super) const fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    pub(super) const fn under(mut self, heading: Heading) -> Self {
        self.heading = heading;
        self
    }

    pub(super) const fn only(mut self, only: &'static [CommandKind]) -> Self {
        self.only = only;
        self
    }

    pub(super) const fn number(mut self) -> Self {
        self.number = true;
        self
    }

    pub(super) const fn no_op(mut self, reason: &'static str) -> Self {
        self.status = Status::NoOp(reason);
        self
    }

    pub(super) const fn later(mut self) -> Self {
        self.status = Status::Later;
        self
    }

    /// The variable that sets it.
    pub fn variable(&self) -> String {
        format!("LRUN_{}", self.long.replace('-', "_").to_uppercase())
    }

    /// The type's name in `--list-options`.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Bool => "bool",
            Kind::Scalar if self.number => "int",
            Kind::Optional | Kind::Scalar => "string",
            Kind::Group | Kind::List => "stringArray",
        }
    }

    /// Whether the help names it.
    pub fn is_shown(&self) -> bool {
        self.status == Status::Works
    }
}

/// The flag of that long name.
pub fn by_long(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.long == name)
}

/// The flag of that letter.
pub fn by_short(letter: char) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.short == Some(letter))
}

/// Reads a boolean as every source writes it: in lower, upper or title case, nothing else.
pub fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "TRUE" | "True" | "t" | "T" | "1" => Some(true),
        "false" | "FALSE" | "False" | "f" | "F" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_flags_share_a_name_or_letter() {
        let mut longs = HashSet::new();
        let mut shorts = HashSet::new();
        for flag in FLAGS {
            assert!(longs.insert(flag.long), "--{} twice", flag.long);
            if let Some(short) = flag.short {
                assert!(shorts.insert(short), "-{short} twice");
            }
            assert!(
                !flag.help.is_empty() && !flag.help.ends_with('.'),
                "{}",
                flag.long
            );
        }
    }

    #[test]
    fn booleans_are_these_words_and_no_others() {
        for word in ["true", "TRUE", "True", "t", "T", "1"] {
            assert_eq!(boolean(word), Some(true));
        }
        for word in ["false", "FALSE", "False", "f", "F", "0"] {
            assert_eq!(boolean(word), Some(false));
        }
        for word in ["", "yes", "no", "on", "tRUE", "2", " true"] {
            assert_eq!(boolean(word), None);
        }
    }
}
