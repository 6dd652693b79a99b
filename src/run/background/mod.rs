//! Steps that run beside the others, and the steps that control them (SPEC 6.3).

mod control;
mod course;
mod crew;
mod worker;

pub(super) use course::Course;
pub(super) use crew::Crew;
