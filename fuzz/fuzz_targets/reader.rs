//! Workflow files and action manifests: every text is read or refused, and what is said of it can be shown.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lrun::action::manifest::read_manifest;
use lrun::diagnostic::{Diagnostic, SourceFile};
use lrun::report::diagnostic::render;
use lrun::report::style::Colors;
use lrun::workflow::{ReadOptions, read_workflow};

fuzz_target!(|text: &str| {
    for angle_delimiters in [true, false] {
        let options = ReadOptions {
            angle_delimiters,
            ..ReadOptions::default()
        };
        let source = SourceFile::new(".github/workflows/a.yml", text);
        let reading = read_workflow(Arc::clone(&source), &options);
        let refused = reading.errors().next().is_some();
        assert_eq!(reading.workflow.is_none(), refused, "read or refused");
        show(&source, &reading.diagnostics);
        if let Some(workflow) = reading.workflow {
            for expression in workflow.expressions() {
                assert!(!expression.source().is_empty());
            }
            show(&source, &workflow.not_acted_on());
        }

        let source = SourceFile::new("action.yml", text);
        let diagnostics = match read_manifest(Arc::clone(&source), &options) {
            Ok((_, diagnostics)) => diagnostics,
            Err(diagnostics) => {
                assert!(
                    diagnostics.iter().any(Diagnostic::is_error),
                    "refused without a reason"
                );
                diagnostics
            }
        };
        show(&source, &diagnostics);
    }
});

fn show(source: &SourceFile, diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let spans = diagnostic.labels.iter().map(|label| label.span);
        for span in diagnostic.span.into_iter().chain(spans) {
            assert!(
                source.text.get(span.start..span.end).is_some(),
                "{span:?} cuts the text of {diagnostic:?}"
            );
        }
        assert!(!render(diagnostic, Colors::Off).is_empty());
    }
}
