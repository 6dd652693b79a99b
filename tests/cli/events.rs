//! The `--json` stream of a run, asked for what a test needs.

use serde_json::Value;

use crate::lrun::Ended;

/// All events of a run.
#[derive(Debug)]
pub struct Events {
    pub code: Option<i32>,
    pub stderr: String,
    pub all: Vec<Value>,
}

impl Events {
    #[track_caller]
    pub fn read(ended: &Ended) -> Self {
        let parse = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}\n{ended}"))
        };
        Self {
            code: ended.code,
            stderr: ended.stderr.clone(),
            all: ended.stdout.lines().map(parse).collect(),
        }
    }

    /// Events of a kind.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.all.iter().filter(move |event| event["kind"] == kind)
    }

    /// What steps of a job printed on their standard output and error.
    pub fn lines(&self, job: &str) -> Vec<&str> {
        self.of("step.output")
            .filter(|event| event["job"]["key"] == job && event["stream"] != "log")
            .filter_map(|event| event["text"].as_str())
            .collect()
    }

    /// `success`, `failure`, `cancelled`; `skipped`, `unavailable`, or nothing where the job never came up.
    pub fn job(&self, job: &str) -> &str {
        let end = self.all.iter().find_map(|event| {
            if event["job"]["key"] != job {
                return None;
            }
            match event["kind"].as_str()? {
                "job.finished" => event["conclusion"].as_str(),
                "job.skipped" => Some("skipped"),
                "job.unavailable" => Some("unavailable"),
                _ => None,
            }
        });
        end.unwrap_or("")
    }

    /// Each step of a job that ended, in order: `name outcome`, or `name outcome/conclusion` where they differ.
    pub fn steps(&self, job: &str) -> Vec<String> {
        let ended = |event: &Value| {
            let step = &event["step"];
            let name = match step["phase"].as_str() {
                Some("pre") => format!("Pre {}", step["name"].as_str()?),
                Some("post") => format!("Post {}", step["name"].as_str()?),
                _ => step["name"].as_str()?.to_owned(),
            };
            match event["kind"].as_str()? {
                "step.skipped" => Some(format!("{name}: skipped")),
                "step.finished" if event["outcome"] == event["conclusion"] => {
                    Some(format!("{name}: {}", event["outcome"].as_str()?))
                }
                "step.finished" => Some(format!(
                    "{name}: {}/{}",
                    event["outcome"].as_str()?,
                    event["conclusion"].as_str()?
                )),
                _ => None,
            }
        };
        self.all
            .iter()
            .filter(|event| event["job"]["key"] == job)
            .filter(|event| !matches!(event["step"]["phase"].as_str(), Some("setup" | "complete")))
            .filter_map(ended)
            .collect()
    }

    /// Messages of the annotations of a level.
    pub fn annotations(&self, level: &str) -> Vec<&str> {
        self.of("annotation")
            .filter(|event| event["level"] == level)
            .filter_map(|event| event["message"].as_str())
            .collect()
    }

    /// Keys of the jobs that started, in order.
    pub fn started(&self) -> Vec<&str> {
        self.of("job.started")
            .filter_map(|event| event["job"]["key"].as_str())
            .collect()
    }

    /// Everything that was said of the run itself.
    pub fn notes(&self) -> Vec<&str> {
        self.of("run.note")
            .filter_map(|event| event["text"].as_str())
            .collect()
    }

    /// The whole stream as one text.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.all.iter().map(Value::to_string).collect();
        lines.join("\n")
    }
}
