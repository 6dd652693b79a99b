//! Why nothing can be selected.

/// Why nothing can be selected; always exit code 2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    #[error("there is no workflow to run")]
    NoWorkflow,
    #[error("no workflow has a job '{name}'{}", did_you_mean(near.as_deref()))]
    UnknownJob {
        name: String,
        near: Option<String>,
        available: Vec<String>,
    },
    #[error("no workflow lists the event '{event}'; listed: {}", words(listed))]
    EventNotListed { event: String, listed: Vec<String> },
    #[error("several events could start this: {}", words(events))]
    AmbiguousEvent { events: Vec<String> },
    #[error("no event could be found: no workflow says in `on` what starts it")]
    NoEvent,
    #[error(
        "job '{job}' is only in workflows that do not list '{event}' ({}); the other jobs asked for are in ones that do",
        words(files)
    )]
    JobOfOtherEvent {
        job: String,
        event: String,
        files: Vec<String>,
    },
}

impl SelectError {
    /// What to type instead.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NoWorkflow => Some(
                "workflows are the *.yml and *.yaml of .github/workflows; -W names others".into(),
            ),
            Self::UnknownJob { available, .. } => {
                (!available.is_empty()).then(|| format!("jobs: {}", words(available)))
            }
            Self::EventNotListed { listed, .. } => listed
                .first()
                .map(|first| format!("for example: lrun {first}")),
            Self::AmbiguousEvent { events } => events
                .first()
                .map(|first| format!("name one: lrun {first}; --detect-event takes the first")),
            Self::JobOfOtherEvent { job, .. } => Some(format!("run it by itself: lrun -j {job}")),
            Self::NoEvent => None,
        }
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(" (did you mean '{near}'?)"))
        .unwrap_or_default()
}

pub(super) fn words(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}
