//! The steps of one job that run at this moment: mostly one, more where steps run in the background.

use crate::event::{Phase, StepKey};

/// A value for each step of the job that runs; what a composite action does belongs to its step.
#[derive(Debug)]
pub struct OpenSteps<T> {
    open: Vec<(usize, Phase, T)>,
}

impl<T> Default for OpenSteps<T> {
    fn default() -> Self {
        Self { open: Vec::new() }
    }
}

impl<T: Default> OpenSteps<T> {
    /// The value of a step, made if it was not known to run.
    pub fn of(&mut self, step: &StepKey) -> &mut T {
        let place = self.place(step).unwrap_or_else(|| {
            self.open.push((step.index, step.phase, T::default()));
            self.open.len() - 1
        });
        &mut self.open[place].2
    }
}

impl<T> OpenSteps<T> {
    pub fn get(&self, step: &StepKey) -> Option<&T> {
        self.place(step).map(|place| &self.open[place].2)
    }

    /// The value of a step that has ended.
    pub fn finish(&mut self, step: &StepKey) -> Option<T> {
        self.place(step).map(|place| self.open.remove(place).2)
    }

    pub fn are_several(&self) -> bool {
        self.open.len() > 1
    }

    pub fn clear(&mut self) {
        self.open.clear();
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.open.iter().map(|(_, _, value)| value)
    }

    pub fn drain(&mut self) -> impl Iterator<Item = T> {
        self.open.drain(..).map(|(_, _, value)| value)
    }

    fn place(&self, step: &StepKey) -> Option<usize> {
        self.open
            .iter()
            .position(|(index, phase, _)| (*index, *phase) == (step.index, step.phase))
    }
}

/// Whether two events belong to one step of the job.
pub fn same_step(a: &StepKey, b: &StepKey) -> bool {
    (a.index, a.phase) == (b.index, b.phase)
}
