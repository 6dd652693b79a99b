//! Scratch repositories, and the real git as the judge.
