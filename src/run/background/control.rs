//! Waits and cancels, and the way of a job through its places (SPEC S-42 to S-48).

use std::time::Instant;

use super::super::composite::Frame;
use super::super::job::Job;
use super::super::step::{Reached, Worked, millis};
use super::course::{Control, ControlKind, Entry, Target, Work};
use super::crew::Crew;
use super::worker::{Latest, Queued};
use crate::event::{Conclusion, EventKind, Phase, StepKey, Stream};
use crate::workflow::Step;

/// GitHub's name for the wait that nobody wrote.
const LAST_WAIT: &str = "Wait for all background steps";

impl Job {
    /// Does what is due at one place of the job.
    pub async fn pass<'a>(&mut self, crew: &mut Crew<'a>, frame: &mut Frame, entry: &Entry<'a>) {
        if !crew.is_empty() || matches!(entry.work, Work::Background(_)) {
            crew.inform(self.latest(frame));
        }
        match &entry.work {
            Work::Foreground(step) => {
                crew.beside(self.run_step(frame, step, entry.place)).await;
            }
            Work::Background(step) => self.send_off(crew, frame, step, entry.place),
            Work::Control(control) => self.run_control(crew, frame, control, entry.place).await,
        }
        self.collect(crew);
    }

    /// Before the posts: all background steps have ended, and their results count (SPEC S-46).
    pub async fn settle(&mut self, crew: &mut Crew<'_>, frame: &mut Frame) {
        let rest = crew.uncovered();
        crew.wait(&rest, &self.cancel).await;
        self.cover(crew, frame, &rest);
        self.state.conclude(crew.result());
        self.note_cancel();
        self.collect(crew);
    }

    /// Takes over what ended background steps left for the end of the job.
    pub fn collect(&mut self, crew: &mut Crew<'_>) {
        for done in crew.take_done() {
            self.take_over(done);
        }
    }

    fn latest(&self, frame: &Frame) -> Latest {
        Latest {
            steps: frame.steps.clone(),
            path: self.state.path.clone(),
            status: Some(self.state.status),
        }
    }

    /// Evaluates a background step and leaves it to the crew (SPEC S-40). One that fails here is no member: nothing
    /// of it is deferred, and nothing is recorded.
    fn send_off<'a>(&mut self, crew: &mut Crew<'a>, frame: &Frame, step: &'a Step, place: usize) {
        match self.reach(frame, step, place) {
            Reached::Ready(ready) => {
                let limit = self.limit(frame, step, &ready);
                crew.queue(Queued {
                    worker: self.fork(place),
                    step,
                    place,
                    ready,
                    limit,
                });
            }
            Reached::Skipped => {}
            Reached::Failed { ready, .. } => {
                let conclusion = self.close(frame, (step, place), &ready, &mut Worked::failed());
                self.note_cancel();
                self.state.conclude(conclusion);
            }
        }
    }

    async fn run_control(
        &mut self,
        crew: &mut Crew<'_>,
        frame: &mut Frame,
        control: &Control<'_>,
        place: usize,
    ) {
        self.note_cancel();
        let started = Instant::now();
        let key = self.control_key(frame, control, place);
        self.emit(Some(&key), EventKind::StepStarted);
        let (targets, ending) = self.announce(crew, control, &key);
        let places: Vec<usize> = targets.iter().map(|target| target.place).collect();
        let mut result = Conclusion::Success;
        if let ControlKind::Cancel(_) = control.kind {
            crew.cancel(&places).await;
            self.cover(crew, frame, &places);
        } else {
            crew.wait(&places, &self.cancel).await;
            result = self.cover(crew, frame, &places);
        }
        self.log(&key, ending);
        for member in places.iter().filter_map(|place| crew.member(*place)) {
            let result = word(member.conclusion());
            self.log(&key, &format!("  {}: {result}", member.name));
        }
        if let Some(step) = control.step {
            frame.record(step, indexmap::IndexMap::new(), result, result);
        }
        self.note_cancel();
        self.state.conclude(result);
        self.emit(
            Some(&key),
            EventKind::StepFinished {
                outcome: result,
                conclusion: result,
                duration_ms: millis(started),
                exit_code: None,
            },
        );
    }

    fn control_key(&self, frame: &Frame, control: &Control<'_>, place: usize) -> StepKey {
        let Some(step) = control.step else {
            return self.step_key(place, None, LAST_WAIT, Phase::Main);
        };
        let github = self.step_github(frame, &step.id);
        let contexts = self.contexts(frame, github, &self.state.env);
        let name = self.display_name(frame, step, &contexts);
        self.step_key(place, step.user_id(), &name, Phase::Main)
    }

    /// Says what the step does, and gives those that it is about, with the line after it.
    fn announce<'t>(
        &self,
        crew: &'t Crew<'_>,
        control: &'t Control<'_>,
        key: &StepKey,
    ) -> (Vec<Target<'t>>, &'static str) {
        let (targets, doing, ending) = match &control.kind {
            ControlKind::Wait(targets) => (
                targets.clone(),
                "Waiting for background step(s) to complete",
                "Finished waiting for background step(s).",
            ),
            ControlKind::WaitAll => {
                let rest = crew.uncovered().into_iter();
                (
                    rest.map(|place| Target { id: "", place }).collect(),
                    "Waiting for all background step(s) to complete",
                    "Finished waiting for all background step(s).",
                )
            }
            ControlKind::Cancel(target) => (
                vec![*target],
                "Cancelling background step(s)",
                "Finished cancelling background step(s).",
            ),
        };
        if targets.is_empty() {
            self.log(key, "No background steps remaining to wait for.");
        } else {
            let names: Vec<&str> = targets
                .iter()
                .map(|target| match crew.member(target.place) {
                    Some(member) => member.name.as_str(),
                    None => target.id,
                })
                .collect();
            self.log(key, &format!("{doing}: {}", names.join(", ")));
        }
        (targets, ending)
    }

    /// What these did becomes visible (SPEC S-41).
    fn cover(&mut self, crew: &mut Crew<'_>, frame: &mut Frame, places: &[usize]) -> Conclusion {
        let result = crew.cover(places);
        for member in places.iter().filter_map(|place| crew.member(*place)) {
            if let Some(end) = &member.end {
                self.learn(frame, member.step, end);
            }
        }
        result
    }

    fn log(&self, key: &StepKey, text: &str) {
        let text = self.masker.mask(text).into_owned();
        let stream = Stream::Log;
        self.emit(Some(key), EventKind::StepOutput { stream, text });
    }
}

/// A result as the log of a wait names it.
fn word(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Success => "Succeeded",
        Conclusion::Failure => "Failed",
        Conclusion::Cancelled => "Canceled",
        Conclusion::Skipped => "Skipped",
    }
}
