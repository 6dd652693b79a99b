//! A wish that cannot be met: one message, hints on lines of their own, exit code 2.

use std::fmt;

use crate::diagnostic::Diagnostic;

/// What is wrong with the arguments or settings, and what to type instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliError {
    pub message: String,
    pub hints: Vec<String>,
    /// What is wrong with workflows, for machines; people were told already.
    pub diagnostics: Vec<Diagnostic>,
}

impl CliError {
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hints: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// Adds a line of help.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }

    /// Selected workflows that have errors, drawn already.
    pub fn faulty(diagnostics: &[Diagnostic]) -> Self {
        Self {
            diagnostics: diagnostics.to_vec(),
            ..Self::new("a selected workflow has errors")
        }
    }

    /// Adds a "did you mean" line, if there is something to say.
    #[must_use]
    pub fn did_you_mean(self, near: Option<impl fmt::Display>) -> Self {
        match near {
            Some(near) => self.hint(format!("did you mean `{near}`?")),
            None => self,
        }
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for hint in &self.hints {
            write!(f, "\n  {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CliError {}
