//! Takes out of an output what differs from run to run.

use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

static DURATION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r" +\b(\d+\.\ds|\d+m \d\ds)").unwrap());
static SHA: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b[0-9a-f]{40}\b").unwrap());
static OPENING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)(refs/\S+) [0-9a-f]{7}\b").unwrap());
static FILES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\d+ files? of the").unwrap());
static SHELL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"shell: /\S*/").unwrap());
static RUN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"/lrun/work/\d+/").unwrap());

/// Durations become `[T]`, commits `[SHA]`, the scratch folder `[SCRATCH]`, that of a hosted machine's work `[HOSTED]`.
#[derive(Debug)]
pub struct Redactor {
    scratch: String,
}

impl Redactor {
    pub fn new(scratch: &Path) -> Self {
        Self {
            scratch: scratch.to_str().unwrap().to_owned(),
        }
    }

    pub fn redact(&self, text: &str) -> String {
        let text = text.replace(&self.scratch, "[SCRATCH]");
        let text = DURATION.replace_all(&text, " [T]");
        let text = OPENING.replace_all(&text, "$1 [SHA]");
        let text = FILES.replace_all(&text, "[N] files of the");
        let text = SHELL.replace_all(&text, "shell: ");
        let text = RUN.replace_all(&text, "/lrun/[RUN]/");
        let text = text.replace("/home/runner/work/", "[HOSTED]/");
        SHA.replace_all(&text, "[SHA]").into_owned()
    }
}
