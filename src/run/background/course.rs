//! The steps of a job in the order of their places: groups spread out, the last wait added (SPEC S-46, S-49).

use std::collections::HashMap;

use crate::workflow::{Step, StepKind, StepsJob};

/// One place of a job, from 1.
#[derive(Debug)]
pub struct Entry<'a> {
    pub place: usize,
    pub work: Work<'a>,
}

/// What is done there.
#[derive(Debug)]
pub enum Work<'a> {
    Foreground(&'a Step),
    Background(&'a Step),
    Control(Control<'a>),
}

/// A step that waits for others, or ends them.
#[derive(Debug)]
pub struct Control<'a> {
    /// None where nobody wrote it: the last wait.
    pub step: Option<&'a Step>,
    pub kind: ControlKind<'a>,
}

#[derive(Debug)]
pub enum ControlKind<'a> {
    Wait(Vec<Target<'a>>),
    WaitAll,
    Cancel(Target<'a>),
}

/// The step that a control step names.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    pub id: &'a str,
    pub place: usize,
}

/// All places of a job.
#[derive(Debug)]
pub struct Course<'a> {
    pub entries: Vec<Entry<'a>>,
}

impl<'a> Course<'a> {
    pub fn of(job: &'a StepsJob) -> Self {
        let mut maker = Maker::default();
        for step in &job.steps {
            maker.step(step);
        }
        if !maker.uncovered.is_empty() {
            maker.control(None, ControlKind::WaitAll);
        }
        Self {
            entries: maker.entries,
        }
    }

    /// The steps that do something themselves, with their places.
    pub fn steps(&self) -> impl Iterator<Item = (usize, &'a Step)> {
        self.entries.iter().filter_map(|entry| match entry.work {
            Work::Foreground(step) | Work::Background(step) => Some((entry.place, step)),
            Work::Control(_) => None,
        })
    }
}

#[derive(Default)]
struct Maker<'a> {
    entries: Vec<Entry<'a>>,
    places: HashMap<&'a str, usize>,
    /// Places of background steps that no step waits for, or cancels, so far.
    uncovered: Vec<usize>,
}

impl<'a> Maker<'a> {
    fn step(&mut self, step: &'a Step) {
        match &step.kind {
            StepKind::Run { .. } | StepKind::Uses { .. } => {
                let place = self.act(step, step.background);
                self.places.insert(&step.id, place);
            }
            StepKind::Wait(ids) => {
                let targets = ids.iter().map(|id| self.target(&id.value)).collect();
                self.control(Some(step), ControlKind::Wait(targets));
            }
            StepKind::WaitAll => self.control(Some(step), ControlKind::WaitAll),
            StepKind::Cancel(id) => {
                let target = self.target(&id.value);
                self.control(Some(step), ControlKind::Cancel(target));
            }
            StepKind::Parallel(children) => {
                let targets = children
                    .iter()
                    .map(|child| Target {
                        id: &child.id,
                        place: self.act(child, true),
                    })
                    .collect();
                self.control(Some(step), ControlKind::Wait(targets));
            }
        }
    }

    fn act(&mut self, step: &'a Step, background: bool) -> usize {
        if !background {
            return self.push(Work::Foreground(step));
        }
        let place = self.push(Work::Background(step));
        self.uncovered.push(place);
        place
    }

    fn control(&mut self, step: Option<&'a Step>, kind: ControlKind<'a>) {
        match &kind {
            ControlKind::Wait(targets) => self.cover(targets),
            ControlKind::Cancel(target) => self.cover(std::slice::from_ref(target)),
            ControlKind::WaitAll => self.uncovered.clear(),
        }
        self.push(Work::Control(Control { step, kind }));
    }

    fn cover(&mut self, targets: &[Target<'_>]) {
        self.uncovered
            .retain(|place| targets.iter().all(|target| target.place != *place));
    }

    /// The reader has seen to it that a step above has the id; 0 is no place.
    fn target(&self, id: &'a str) -> Target<'a> {
        Target {
            id,
            place: self.places.get(id).copied().unwrap_or_default(),
        }
    }

    fn push(&mut self, work: Work<'a>) -> usize {
        let place = self.entries.len() + 1;
        self.entries.push(Entry { place, work });
        place
    }
}
