//! Cuts what a process prints into lines.

use std::borrow::Cow;

/// The lines of a chunk, without their breaks: line feed, carriage return, or both, as .NET reads them.
pub fn lines(chunk: &str) -> impl Iterator<Item = &str> {
    let mut rest = chunk;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', rest.as_bytes()) else {
            return Some(std::mem::take(&mut rest));
        };
        let (line, after) = rest.split_at(end);
        let width = if after.starts_with("\r\n") { 2 } else { 1 };
        rest = &after[width..];
        Some(line)
    })
}

/// The text of a chunk; bytes that are not UTF-8 become U+FFFD.
pub fn text(chunk: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(chunk)
}

/// Some line of the chunk may hold a workflow command; most chunks hold none and need no look at each line.
pub fn may_hold_commands(chunk: &str) -> bool {
    memchr::memmem::find(chunk.as_bytes(), b"::").is_some()
        || memchr::memmem::find(chunk.as_bytes(), b"##[").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_every_kind_of_line_break() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("a", &["a"]),
            ("a\n", &["a"]),
            ("\n", &[""]),
            ("a\nb", &["a", "b"]),
            ("a\r\nb\r\n", &["a", "b"]),
            ("10%\r20%\r\n\n", &["10%", "20%", ""]),
            ("a\n\rb", &["a", "", "b"]),
        ];
        for (chunk, expected) in table {
            assert_eq!(lines(chunk).collect::<Vec<_>>(), *expected, "{chunk:?}");
        }
    }

    #[test]
    fn replaces_what_is_not_utf_8() {
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn tells_chunks_without_commands() {
        assert!(may_hold_commands("a\n::group::x"));
        assert!(may_hold_commands("x ##[group]x"));
        assert!(!may_hold_commands("a: b\n# [c]"));
    }
}
