//! From a place in a scalar's value back to its place in the file.

use crate::diagnostic::Span;

/// The byte of the file that shows byte `offset` of a scalar's value; `None` where escapes or folding hide it.
pub fn in_scalar(source: &str, span: Span, value: &str, offset: usize) -> Option<usize> {
    let raw = source.get(span.start..span.end)?;
    let mut at = content_start(raw);
    let quote = raw[..at].chars().next_back();
    if !raw[..at].ends_with(['\'', '"', '\n']) || at == 0 {
        at += raw[at..].len() - raw[at..].trim_start().len();
    }
    if raw[..at].ends_with('\n') {
        at += indent(&raw[at..]);
    }
    for (position, c) in value.char_indices() {
        if position >= offset {
            return Some(span.start + at);
        }
        let found = raw[at..].chars().next()?;
        if found == c && found != '\n' {
            at += c.len_utf8();
            if quote == Some('\'') && c == '\'' {
                at += 1;
            }
        } else if c.is_whitespace() && matches!(found, '\n' | '\r' | ' ' | '\t') {
            // One break of the value may be a break and an indentation of the file.
            let from = at + raw[at..].find('\n')?;
            if !raw[at..from].trim().is_empty() {
                return None;
            }
            at = from + 1;
            at += if raw[at..].trim_start_matches(' ').starts_with('\n')
                && value[position..].starts_with("\n\n")
            {
                raw[at..].len() - raw[at..].trim_start_matches(' ').len()
            } else {
                indent(&raw[at..])
            };
        } else {
            return None;
        }
    }
    Some(span.start + at)
}

/// Where the content starts, after tag, anchor, quote or block header.
fn content_start(raw: &str) -> usize {
    let mut at = 0;
    while raw[at..].starts_with(['!', '&']) {
        at += raw[at..]
            .find(char::is_whitespace)
            .unwrap_or(raw.len() - at);
        at += raw[at..].len() - raw[at..].trim_start().len();
    }
    match raw[at..].chars().next() {
        Some('\'' | '"') => at + 1,
        Some('|' | '>') => raw[at..].find('\n').map_or(raw.len(), |end| at + end + 1),
        _ => at,
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, value: &str, needle: &str) -> Option<String> {
        let span = Span::new(0, source.len());
        let at = in_scalar(source, span, value, value.find(needle).unwrap())?;
        Some(source[at..at + needle.len()].to_owned())
    }

    #[test]
    fn places_are_found_in_all_styles() {
        for (source, value) in [
            ("a ${{ bad }}", "a ${{ bad }}"),
            ("'it''s ${{ bad }}'", "it's ${{ bad }}"),
            ("\"a ${{ bad }}\"", "a ${{ bad }}"),
            ("|\n   echo\n   ${{ bad }}\n", "echo\n${{ bad }}\n"),
            (">-\n   echo\n   ${{ bad }}", "echo ${{ bad }}"),
            ("!!str &x |\n   echo ${{ bad }}\n", "echo ${{ bad }}\n"),
            ("echo\n    ${{ bad }}", "echo ${{ bad }}"),
        ] {
            assert_eq!(
                shown(source, value, "bad").as_deref(),
                Some("bad"),
                "{source}"
            );
        }
        assert_eq!(shown("\"\\u0061 bad\"", "a bad", "bad"), None);
    }
}
