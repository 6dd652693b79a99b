//! Workflow commands: the output of a job, line after line, under one state.
//!
//! The first byte sets the switches of the job.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lrun::run::output_line;
use lrun::run::workflow_command::{CommandState, Effect, parse};

fuzz_target!(|bytes: &[u8]| {
    let Some((switches, output)) = bytes.split_first() else {
        return;
    };
    let mut state = CommandState::new(switches & 1 != 0);
    state.allow_unsecure_commands = switches & 2 != 0;
    state.allow_unsecure_stop_tokens = switches & 4 != 0;

    let text = output_line::text(output);
    let all = output_line::may_hold_commands(&text);
    for line in output_line::lines(&text) {
        assert!(
            !line.contains(['\n', '\r']),
            "{line:?} is more than one line"
        );
        let command = parse(line);
        assert!(command.is_none() || all, "{line:?} holds a command");

        let stopped = state.is_stopped();
        let before = state.clone();
        let outcome = state.line(line);
        if !outcome.failures.is_empty() {
            assert_eq!(outcome.effect, None, "{line:?} failed and did something");
            assert_eq!(state, before, "{line:?} failed and switched something");
        }
        if stopped {
            assert!(
                matches!(outcome.effect, None | Some(Effect::Resume)),
                "{line:?} was stopped"
            );
            assert_eq!(
                outcome.print.as_deref(),
                Some(line),
                "what is stopped is text"
            );
            assert_eq!(state.is_stopped(), outcome.effect.is_none(), "{line:?}");
        } else {
            let text = command.is_none();
            assert!(
                !text || outcome.print.as_deref() == Some(line),
                "{line:?} is text"
            );
            if let Some(Effect::AddMask(secret)) = &outcome.effect {
                let shown = outcome.print.as_deref().unwrap_or_default();
                let told = shown != "::add-mask::***" && shown.contains(secret.as_str());
                assert!(!told, "the mask {secret:?} is shown: {shown:?}");
            }
        }
        if let Some(Effect::Annotation(found)) = &outcome.effect {
            let reversed =
                |start: Option<u64>, end| matches!((start, end), (Some(a), Some(b)) if b < a);
            assert!(!reversed(found.line, found.end_line), "{line:?}: {found:?}");
            assert!(
                !reversed(found.column, found.end_column),
                "{line:?}: {found:?}"
            );
        }
    }
});
