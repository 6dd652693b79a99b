//! Which programs this machine has: what a test needs and does not find makes it an ignored one.

use libtest_mimic::Trial;

/// A test that runs where all these programs are, and is shown as ignored, by name, elsewhere.
pub fn trial(name: &str, needs: &[&str], test: fn()) -> Trial {
    let missing = needs.iter().any(|tool| !is_here(tool));
    let run = move || {
        test();
        Ok(())
    };
    Trial::test(name, run).with_ignored_flag(missing)
}

pub fn is_here(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}
