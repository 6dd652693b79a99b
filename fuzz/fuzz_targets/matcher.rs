//! Problem matchers: a file of them, then the lines that they look at. A zero byte parts the two.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lrun::run::matcher::{Matchers, Place};
use lrun::run::output_line;

/// Time for one expression on one line: a slow one is to be given up soon.
const TIMEOUT: &str = "00:00:00.020";

fuzz_target!(|text: &str| {
    let (file, output) = text.split_once('\0').unwrap_or((text, ""));
    let place = Place::new("/", "https://github.com", "octo/hello", None);
    let matchers = Matchers::new(place, Some(TIMEOUT));
    let mut scanner = matchers.scanner();
    match matchers.add(file) {
        Ok(None) => assert!(!scanner.is_active(), "nothing was added"),
        Ok(Some(_)) => assert!(scanner.is_active(), "something was added"),
        Err(reason) => {
            assert!(!reason.is_empty(), "refused without a reason");
            assert!(!scanner.is_active(), "what was refused is asked");
        }
    }
    // Twice: the second time with the state that the first left.
    for line in output_line::lines(output).chain(output_line::lines(output)) {
        let scanned = scanner.line(line);
        if let Some(found) = scanned.found {
            assert!(
                !found.annotation.message.trim().is_empty(),
                "{line:?} has no message"
            );
            assert!(found.line.len() <= line.len(), "{line:?} grew");
        }
    }
});
