//! The jobs of a run in the order they appeared, found fast.

use std::collections::HashMap;

use crate::event::JobKey;

/// A value for each job.
#[derive(Debug)]
pub struct Roster<T> {
    jobs: Vec<(JobKey, T)>,
    places: HashMap<JobKey, usize>,
    /// Output comes in streaks: most look-ups are for the same job again.
    last: usize,
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Self {
            jobs: Vec::new(),
            places: HashMap::new(),
            last: 0,
        }
    }
}

impl<T> Roster<T> {
    /// The place of a job, which `make` fills if the job is new.
    pub fn place(&mut self, key: &JobKey, make: impl FnOnce(usize) -> T) -> usize {
        if self
            .jobs
            .get(self.last)
            .is_some_and(|(job, _)| job.same(key))
        {
            return self.last;
        }
        self.last = if let Some(&place) = self.places.get(key) {
            place
        } else {
            let place = self.jobs.len();
            self.jobs.push((key.clone(), make(place)));
            self.places.insert(key.clone(), place);
            place
        };
        self.last
    }

    /// The value of a job, made if the job is new.
    pub fn of(&mut self, key: &JobKey, make: impl FnOnce(usize) -> T) -> &mut T {
        let place = self.place(key, make);
        &mut self.jobs[place].1
    }

    pub fn iter(&self) -> impl Iterator<Item = (&JobKey, &T)> {
        self.jobs.iter().map(|(key, value)| (key, value))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&JobKey, &mut T)> {
        self.jobs.iter_mut().map(|(key, value)| (&*key, value))
    }

    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }
}
