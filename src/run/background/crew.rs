//! The background steps of one job: who waits for a slot, who runs, who has ended.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::worker::{Done, End, Latest, Queued, work};
use crate::event::{Conclusion, EventKind};
use crate::executor::BoxFuture;
use crate::workflow::Step;

/// Background steps of a job that run at once (SPEC S-40).
const SLOTS: usize = 10;
/// How long a step that was told to end is waited for (SPEC S-43).
const GRACE: Duration = Duration::from_millis(7500);

/// All background steps that were reached.
#[derive(Default)]
pub struct Crew<'a> {
    members: BTreeMap<usize, Member<'a>>,
    waiting: VecDeque<Queued<'a>>,
    running: FuturesUnordered<BoxFuture<'a, Done>>,
    /// Ended, and not taken over by the job yet.
    done: Vec<Done>,
    latest: Latest,
}

impl fmt::Debug for Crew<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crew")
            .field("members", &self.members)
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

/// One background step.
#[derive(Debug)]
pub struct Member<'a> {
    pub step: &'a Step,
    pub name: String,
    cancel: CancellationToken,
    kill: CancellationToken,
    pub end: Option<End>,
    /// A wait or a cancel has covered it.
    covered: bool,
    /// A `cancel` named it: that it was cancelled says nothing about the job.
    dismissed: bool,
}

impl<'a> Crew<'a> {
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Takes a step in; it starts as soon as there is a slot.
    pub fn queue(&mut self, queued: Queued<'a>) {
        let member = Member {
            step: queued.step,
            name: queued.ready.key.name.to_string(),
            cancel: queued.worker.cancel.clone(),
            kill: queued.worker.kill.clone(),
            end: None,
            covered: false,
            dismissed: false,
        };
        self.members.insert(queued.place, member);
        self.waiting.push_back(queued);
        self.fill();
    }

    /// What a step sees that gets its slot from now on.
    pub fn inform(&mut self, latest: Latest) {
        self.latest = latest;
    }

    pub fn member(&self, place: usize) -> Option<&Member<'a>> {
        self.members.get(&place)
    }

    /// Does something while the background steps go on.
    pub async fn beside<T>(&mut self, work: impl Future<Output = T>) -> T {
        if self.running.is_empty() {
            return work.await;
        }
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                Some(done) = self.running.next(), if !self.running.is_empty() => self.ended(done),
                result = &mut work => return result,
            }
        }
    }

    /// The steps that no wait has covered so far, in the order in which they were reached.
    pub fn uncovered(&self) -> Vec<usize> {
        let uncovered = self.members.iter().filter(|(_, member)| !member.covered);
        uncovered.map(|(place, _)| *place).collect()
    }

    /// Waits until these have ended. A job that is cancelled ends them, and waits no longer than the grace.
    pub async fn wait(&mut self, places: &[usize], cancel: &CancellationToken) {
        tokio::select! {
            biased;
            () = self.all_ended(places) => return,
            () = cancel.cancelled() => {}
        }
        self.end(places).await;
    }

    /// Tells these to end because a step says so.
    pub async fn cancel(&mut self, places: &[usize]) {
        for place in places {
            if let Some(member) = self.members.get_mut(place) {
                member.dismissed = true;
            }
        }
        self.end(places).await;
    }

    /// Marks these as covered, and gives their merged result.
    pub fn cover(&mut self, places: &[usize]) -> Conclusion {
        let mut result = Conclusion::Success;
        for place in places {
            if let Some(member) = self.members.get_mut(place) {
                member.covered = true;
                result = super::super::step::worse(result, member.conclusion());
            }
        }
        result
    }

    /// The result of all, but for those that were cancelled because a step said so (SPEC S-46).
    pub fn result(&self) -> Conclusion {
        self.members
            .values()
            .filter(|member| !(member.dismissed && member.conclusion() == Conclusion::Cancelled))
            .fold(Conclusion::Success, |result, member| {
                super::super::step::worse(result, member.conclusion())
            })
    }

    /// What ended since the last time.
    pub fn take_done(&mut self) -> Vec<Done> {
        std::mem::take(&mut self.done)
    }

    /// Ends what still runs, at once.
    pub async fn dismiss(&mut self) {
        for member in self.members.values() {
            member.cancel.cancel();
            member.kill.cancel();
        }
        self.fill();
        while let Some(done) = self.running.next().await {
            self.ended(done);
        }
    }

    async fn all_ended(&mut self, places: &[usize]) {
        while self.runs_any(places) {
            match self.running.next().await {
                Some(done) => self.ended(done),
                None => return,
            }
        }
    }

    fn runs_any(&self, places: &[usize]) -> bool {
        let members = places.iter().filter_map(|place| self.members.get(place));
        members.into_iter().any(|member| member.end.is_none())
    }

    /// Tells these to end and waits for the grace; who goes on after it counts as cancelled.
    async fn end(&mut self, places: &[usize]) {
        let deadline = Instant::now() + GRACE;
        for place in places {
            if let Some(member) = self.members.get(place) {
                member.cancel.cancel();
            }
        }
        self.fill();
        if tokio::time::timeout_at(deadline, self.all_ended(places))
            .await
            .is_ok()
        {
            return;
        }
        for place in places {
            if let Some(member) = self.members.get_mut(place) {
                member.end.get_or_insert_with(End::cancelled);
            }
        }
    }

    fn ended(&mut self, mut done: Done) {
        if let Some(member) = self.members.get_mut(&done.place)
            && member.end.is_none()
        {
            member.end = Some(std::mem::replace(&mut done.end, End::cancelled()));
        }
        self.done.push(done);
        self.fill();
    }

    /// Gives free slots to those who wait; who was told to end meanwhile never starts.
    fn fill(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for queued in waiting {
            if queued.worker.cancel.is_cancelled() {
                self.give_up(&queued);
            } else if self.running.len() < SLOTS {
                self.running
                    .push(Box::pin(work(queued, self.latest.clone())));
            } else {
                self.waiting.push_back(queued);
            }
        }
    }

    fn give_up(&mut self, queued: &Queued<'_>) {
        let reason = "cancelled before it started".to_owned();
        let kind = EventKind::StepSkipped {
            reason,
            trace: None,
        };
        queued.worker.emit(Some(&queued.ready.key), kind);
        if let Some(member) = self.members.get_mut(&queued.place) {
            member.end = Some(End::cancelled());
        }
    }
}

impl Member<'_> {
    pub fn conclusion(&self) -> Conclusion {
        self.end
            .as_ref()
            .map_or(Conclusion::Success, |end| end.conclusion)
    }
}
