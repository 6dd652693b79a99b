//! Token trees of `steps` → [`Step`]s, for jobs and composite actions (SPEC 1.11).

use std::collections::HashSet;

use super::converter::{Converter, pair, spanned, texts};
use super::ids::Ids;
use super::model::{Spanned, Step, StepKind};
use super::reference::Reference;
use super::schema::Contexts;
use super::token::Token;

/// Ids of one list of steps.
#[derive(Default)]
struct Scope {
    ids: Ids,
    /// Declared so far, as written.
    known: HashSet<String>,
}

impl Converter<'_> {
    /// The steps of a job.
    pub fn steps(&mut self, token: &Token) -> Vec<Step> {
        self.steps_within(token, Contexts::STEP_IF)
    }

    /// Steps whose `if` has these contexts.
    pub fn steps_within(&mut self, token: &Token, condition: Contexts) -> Vec<Step> {
        let mut scope = Scope::default();
        let mut steps: Vec<Step> = token
            .items()
            .iter()
            .filter(|item| item.is_mapping())
            .map(|item| self.step(item, &mut scope, condition))
            .collect();
        for step in steps.iter_mut().filter(|step| step.id.is_empty()) {
            step.id = scope.ids.make(&base_id(&step.kind));
        }
        steps
    }

    fn step(&mut self, token: &Token, scope: &mut Scope, condition: Contexts) -> Step {
        let get = |key: &str| token.get(key).cloned();
        // GitHub knows an id only from its key on.
        let mut id = None;
        let mut kind = None;
        for (key, value) in token.pairs() {
            match key.as_str() {
                Some("id") => {
                    id = spanned(value);
                    self.claim(id.as_ref(), scope);
                }
                Some("wait") => {
                    let targets = texts(value);
                    for target in &targets {
                        self.check_target(target, id.as_ref(), scope);
                    }
                    kind = Some(StepKind::Wait(targets));
                }
                Some("wait-all") => {
                    if value.as_bool() == Some(false) {
                        self.error(
                            value.span,
                            "wait-all",
                            "The value of 'wait-all' must be true or omitted",
                            "",
                        );
                    }
                    kind = Some(StepKind::WaitAll);
                }
                Some("cancel") => {
                    kind = spanned(value).map(|target| {
                        self.check_target(&target, id.as_ref(), scope);
                        StepKind::Cancel(target)
                    });
                }
                Some("parallel") => kind = Some(self.parallel(token, value, condition)),
                _ => {}
            }
        }
        self.warn_fraction(token.get("timeout-minutes"));
        let kind = kind.unwrap_or_else(|| match token.get("run") {
            Some(run) => StepKind::Run {
                run: run.clone(),
                shell: get("shell"),
                working_directory: get("working-directory"),
            },
            None => StepKind::Uses {
                uses: self.uses(token),
                with: get("with"),
            },
        });
        Step {
            span: token.span,
            id: id.map(|id| id.value).unwrap_or_default(),
            name: get("name"),
            condition: self.condition(token.get("if"), condition),
            env: get("env"),
            timeout_minutes: get("timeout-minutes"),
            continue_on_error: get("continue-on-error"),
            background: token
                .get("background")
                .and_then(Token::as_bool)
                .unwrap_or_default(),
            kind,
        }
    }

    fn claim(&mut self, id: Option<&Spanned<String>>, scope: &mut Scope) {
        let Some(id) = id.filter(|id| !id.value.is_empty()) else {
            return;
        };
        match scope.ids.claim(&id.value) {
            Ok(()) => {
                scope.known.insert(id.value.clone());
            }
            Err(message) => self.error(id.span, "invalid-id", message, ""),
        }
    }

    fn uses(&mut self, token: &Token) -> Spanned<String> {
        let uses = token
            .get("uses")
            .and_then(spanned)
            .unwrap_or_else(|| Spanned {
                value: String::new(),
                span: token.span,
            });
        if let (false, Err(error)) = (uses.value.is_empty(), uses.value.parse::<Reference>()) {
            self.error(uses.span, "uses-syntax", error.to_string(), error.help());
        }
        uses
    }

    /// `wait` and `cancel` name a step that stands above (SPEC W-131).
    fn check_target(
        &mut self,
        target: &Spanned<String>,
        own: Option<&Spanned<String>>,
        scope: &Scope,
    ) {
        let name = &target.value;
        if name.starts_with("__") {
            let message =
                format!("The identifier '{name}' is invalid. IDs starting with '__' are reserved.");
            self.error(target.span, "invalid-id", message, "");
        } else if let Some(own) = own.filter(|own| own.value.eq_ignore_ascii_case(name)) {
            let message = format!("Step '{}' cannot reference itself", own.value);
            self.error(target.span, "step-target", message, "");
        } else if !scope.known.contains(name) {
            self.error(
                target.span,
                "step-target",
                format!("Step references unknown step ID '{name}'"),
                "it has to be the `id` of a step above",
            );
        }
    }

    fn parallel(&mut self, step: &Token, list: &Token, condition: Contexts) -> StepKind {
        for item in list.items() {
            for (key, message) in [
                (
                    "background",
                    "'background' is not allowed inside a parallel block. Steps in a parallel block are automatically run as background steps.",
                ),
                ("wait", "'wait' is not allowed inside a parallel block."),
                (
                    "wait-all",
                    "'wait-all' is not allowed inside a parallel block.",
                ),
                ("cancel", "'cancel' is not allowed inside a parallel block."),
                ("parallel", "Nested 'parallel' blocks are not allowed."),
            ] {
                if let Some((key, _)) = pair(item, key) {
                    let diagnostic = crate::diagnostic::Diagnostic::error("parallel", message)
                        .at(self.file, step.span)
                        .label(key.span, "here");
                    self.push(diagnostic);
                }
            }
        }
        StepKind::Parallel(self.steps_within(list, condition))
    }
}

/// What an id is made from (SPEC W-132).
fn base_id(kind: &StepKind) -> String {
    match kind {
        StepKind::Run { .. } => "run".into(),
        StepKind::Uses { uses, .. } => match uses.value.parse() {
            Ok(Reference::Docker(image)) => image,
            Ok(Reference::Local(_)) => "self".into(),
            Ok(Reference::SelfRepository(_)) => "selfRepository".into(),
            Ok(Reference::Remote { owner, repo, .. }) => format!("{owner}/{repo}"),
            Err(_) => "run".into(),
        },
        StepKind::Wait(_) => "wait".into(),
        StepKind::WaitAll => "wait-all".into(),
        StepKind::Cancel(_) => "cancel".into(),
        StepKind::Parallel(_) => "parallel".into(),
    }
}
