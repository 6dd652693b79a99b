//! Token trees of `jobs` → [`Job`]s (SPEC 1.6, 1.12).

use indexmap::IndexMap;

use super::converter::{Converter, key_spans, pair, permissions, spanned, texts};
use super::model::{CallJob, CallSecrets, Job, JobKind, Spanned, Step, StepsJob, Strategy};
use super::reference::WorkflowReference;
use super::schema::Contexts;
use super::token::Token;
use super::{container, ids, runs_on, strategy};

impl Converter<'_> {
    pub fn jobs(&mut self, token: &Token) -> IndexMap<String, Job> {
        let mut jobs = IndexMap::new();
        for (key, value) in token.pairs() {
            let Some(id) = key.as_str() else { continue };
            // Each id has a scope of its own here: the reader has seen the duplicates.
            if let (false, Err(message)) = (id.is_empty(), ids::Ids::default().claim(id)) {
                self.error(key.span, "invalid-id", message, "");
            }
            jobs.insert(id.to_owned(), self.job(key, id, value));
        }
        jobs
    }

    fn job(&mut self, key: &Token, id: &str, token: &Token) -> Job {
        let strategy = pair(token, "strategy").map(|(key, value)| {
            strategy::check(self, value);
            Strategy {
                span: key.span,
                value: value.clone(),
            }
        });
        Job {
            span: key.span,
            id: id.to_owned(),
            keys: key_spans(token),
            name: token
                .get("name")
                .filter(|name| name.as_str() != Some(""))
                .cloned(),
            needs: needs(token),
            condition: self.condition(token.get("if"), Contexts::JOB_IF),
            strategy,
            permissions: permissions(token),
            concurrency: self.concurrency(token),
            kind: match token.get("uses") {
                Some(uses) => JobKind::Call(Box::new(self.call_job(uses, token))),
                None => JobKind::Steps(Box::new(self.steps_job(key, token))),
            },
        }
    }

    fn call_job(&mut self, uses: &Token, token: &Token) -> CallJob {
        let uses = spanned(uses).unwrap_or_else(|| Spanned {
            value: String::new(),
            span: uses.span,
        });
        let parsed = uses.value.parse::<WorkflowReference>();
        if let (false, Err(error)) = (uses.value.is_empty(), parsed) {
            self.error(
                uses.span,
                "workflow-reference",
                error.to_string(),
                error.help(),
            );
        }
        let secrets = match token.get("secrets") {
            None => CallSecrets::None,
            Some(secrets) if secrets.as_str().is_some() => CallSecrets::Inherit,
            Some(secrets) => CallSecrets::Map(secrets.clone()),
        };
        CallJob {
            uses,
            with: token.get("with").cloned(),
            secrets,
        }
    }

    fn steps_job(&mut self, key: &Token, token: &Token) -> StepsJob {
        let get = |key: &str| token.get(key).cloned();
        let runs_on = get("runs-on").unwrap_or(Token {
            kind: super::token::TokenKind::Null,
            span: key.span,
        });
        runs_on::check(self, &runs_on);
        if let Some(one) = token.get("container") {
            container::check(self, one, false);
        }
        if let Some(services) = token.get("services").filter(|all| !all.has_expressions()) {
            for (_, service) in services.pairs() {
                container::check(self, service, true);
            }
        }
        if let Some(snapshot) = token.get("snapshot") {
            self.snapshot(snapshot);
        }
        self.warn_fraction(token.get("timeout-minutes"));
        self.warn_fraction(token.get("cancel-timeout-minutes"));
        let steps: Vec<Step> = token
            .get("steps")
            .map(|steps| self.steps(steps))
            .unwrap_or_default();
        StepsJob {
            runs_on,
            environment: get("environment"),
            env: get("env"),
            default_run: token
                .get("defaults")
                .and_then(|defaults| defaults.get("run"))
                .cloned(),
            outputs: get("outputs"),
            timeout_minutes: get("timeout-minutes"),
            cancel_timeout_minutes: get("cancel-timeout-minutes"),
            continue_on_error: get("continue-on-error"),
            container: get("container"),
            services: get("services"),
            snapshot: get("snapshot"),
            steps,
        }
    }

    fn snapshot(&mut self, token: &Token) {
        if let Some(condition) = token.get("if") {
            self.condition(Some(condition), Contexts::STEP_IF);
        }
        let Some(version) = token.get("version").and_then(Token::as_str) else {
            return;
        };
        let major = version.strip_suffix(".*");
        if !major.is_some_and(|major| {
            major.bytes().all(|b| b.is_ascii_digit()) && major.parse::<i32>().is_ok()
        }) {
            self.error(
                token.span,
                "snapshot-version",
                format!("Expected format '{{major-version}}.*' Actual '{version}'"),
                "for instance `1.*`",
            );
        }
    }
}

fn needs(token: &Token) -> Vec<Spanned<String>> {
    let mut needs = token.get("needs").map(texts).unwrap_or_default();
    // The reader has refused empty ones.
    needs.retain(|need| !need.value.is_empty());
    needs
}
