//! The door handle: parse, call, exit code.

fn main() {}
