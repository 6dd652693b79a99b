//! Command files: what a step writes to `GITHUB_ENV` and its siblings; what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lrun::run::file_command::{Kind, decode, parse_pairs, parse_path};

fuzz_target!(|bytes: &[u8]| {
    for kind in [Kind::Env, Kind::Output, Kind::State] {
        let file = parse_pairs(bytes, kind);
        for (name, _) in &file.pairs {
            assert!(!name.is_empty(), "a name is empty");
            assert!(!name.contains('\n'), "{name:?} has lines");
            let node_options = kind == Kind::Env && name.eq_ignore_ascii_case("NODE_OPTIONS");
            assert!(!node_options, "NODE_OPTIONS is set");
        }
        assert!(matches!(file.failures.len(), 0 | 2), "{:?}", file.failures);

        // A name with `=` or `<<`, or with `<` before the `<<`, can not be written so.
        let writable = |name: &str| {
            !name.contains('=')
                && !name.contains("<<")
                && !name.ends_with('<')
                && !name.starts_with('\u{feff}')
        };
        let pairs: Vec<_> = file
            .pairs
            .into_iter()
            .filter(|(name, _)| writable(name))
            .collect();
        let mut text = String::new();
        for (name, value) in &pairs {
            let mut delimiter = "END".to_owned();
            while value.contains(&delimiter) {
                delimiter.push('_');
            }
            text.push_str(&format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
        }
        let again = parse_pairs(text.as_bytes(), kind);
        assert!(again.failures.is_empty(), "{:?}: {text:?}", again.failures);
        if cfg!(not(windows)) {
            assert_eq!(again.pairs, pairs, "{text:?}");
        }
    }
    for entry in parse_path(bytes) {
        assert!(
            !entry.is_empty() && !entry.contains(['\n', '\r']),
            "{entry:?}"
        );
    }
    assert!(decode(bytes).len() <= bytes.len() * 3);
});
