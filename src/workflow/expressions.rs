//! Every expression of a workflow, for questions about the file as a whole.

use super::model::{CallSecrets, Condition, Job, JobKind, Step, StepKind, Workflow};
use super::token::{Token, TokenKind};
use crate::expr::Expr;

impl Token {
    /// Adds the expressions of this tree.
    pub fn collect_expressions<'a>(&'a self, found: &mut Vec<&'a Expr>) {
        match &self.kind {
            TokenKind::Expression(expr) => found.push(expr),
            TokenKind::Sequence(items) => {
                for item in items {
                    item.collect_expressions(found);
                }
            }
            TokenKind::Mapping(pairs) => {
                for (key, value) in pairs {
                    key.collect_expressions(found);
                    value.collect_expressions(found);
                }
            }
            TokenKind::Null
            | TokenKind::Bool(_)
            | TokenKind::Number(_)
            | TokenKind::String(_)
            | TokenKind::Insert => {}
        }
    }
}

impl Workflow {
    /// All expressions, conditions included.
    pub fn expressions(&self) -> Vec<&Expr> {
        let mut found = Vec::new();
        add(&mut found, [&self.run_name, &self.env]);
        for trigger in self.on.events.values() {
            for output in trigger.outputs.values() {
                output.value.collect_expressions(&mut found);
            }
        }
        for job in self.jobs.values() {
            of_job(job, &mut found);
        }
        found
    }
}

fn add<'a>(found: &mut Vec<&'a Expr>, tokens: impl IntoIterator<Item = &'a Option<Token>>) {
    for token in tokens.into_iter().flatten() {
        token.collect_expressions(found);
    }
}

fn of_condition<'a>(condition: &'a Condition, found: &mut Vec<&'a Expr>) {
    if condition.text.is_some() {
        found.push(&condition.expr);
    }
}

fn of_job<'a>(job: &'a Job, found: &mut Vec<&'a Expr>) {
    of_condition(&job.condition, found);
    add(found, [&job.name]);
    if let Some(strategy) = &job.strategy {
        strategy.value.collect_expressions(found);
    }
    match &job.kind {
        JobKind::Call(call) => {
            add(found, [&call.with]);
            if let CallSecrets::Map(secrets) = &call.secrets {
                secrets.collect_expressions(found);
            }
        }
        JobKind::Steps(steps) => {
            steps.runs_on.collect_expressions(found);
            add(
                found,
                [
                    &steps.environment,
                    &steps.env,
                    &steps.default_run,
                    &steps.outputs,
                    &steps.continue_on_error,
                    &steps.container,
                    &steps.services,
                ],
            );
            for step in &steps.steps {
                of_step(step, found);
            }
        }
    }
}

fn of_step<'a>(step: &'a Step, found: &mut Vec<&'a Expr>) {
    of_condition(&step.condition, found);
    add(found, [&step.name, &step.env, &step.continue_on_error]);
    match &step.kind {
        StepKind::Run {
            run,
            working_directory,
            ..
        } => {
            run.collect_expressions(found);
            add(found, [working_directory]);
        }
        StepKind::Uses { with, .. } => add(found, [with]),
        StepKind::Parallel(steps) => {
            for step in steps {
                of_step(step, found);
            }
        }
        StepKind::Wait(_) | StepKind::WaitAll | StepKind::Cancel(_) => {}
    }
}
