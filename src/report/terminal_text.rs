//! Foreign text made harmless for a screen that is being drawn on: colours stay, all other control goes.

use std::borrow::Cow;

const RESET: &str = "\x1b[0m";

/// A line without anything that moves the cursor, clears or retitles; its colours end with it.
pub fn tame(line: &str) -> Cow<'_, str> {
    // C1 controls begin with 0xC2 in UTF-8; ordinary characters that do are looked at below.
    let suspect = |byte: &u8| (*byte < b' ' && *byte != b'\t') || matches!(*byte, 0x7f | 0xc2);
    if !line.as_bytes().iter().any(suspect) {
        return Cow::Borrowed(line);
    }
    // What a terminal would show of `10%\r20%\r`: the last of them.
    let line = line
        .trim_end_matches('\r')
        .rsplit('\r')
        .next()
        .unwrap_or_default();
    let mut out = String::with_capacity(line.len());
    let mut colored = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => {
                if let Some(color) = escape(&mut chars) {
                    out.push_str("\x1b[");
                    out.push_str(&color);
                    colored = true;
                }
            }
            c if is_control(c) => {}
            c => out.push(c),
        }
    }
    if colored {
        out.push_str(RESET);
    }
    Cow::Owned(out)
}

/// The first line of a text, with neither control nor colour.
pub fn single(text: &str) -> String {
    let tamed = tame(text.lines().next().unwrap_or_default());
    console::strip_ansi_codes(&tamed).replace('\t', " ")
}

fn is_control(c: char) -> bool {
    c != '\t' && c.is_control()
}

/// Reads past one escape sequence; gives the rest of it if it only sets colours.
fn escape(chars: &mut std::str::Chars<'_>) -> Option<String> {
    match chars.next()? {
        '[' => {
            let mut body = String::new();
            for c in chars.by_ref() {
                body.push(c);
                if ('\x40'..='\x7e').contains(&c) {
                    break;
                }
            }
            let plain = |c: char| c.is_ascii_digit() || matches!(c, ';' | ':');
            body.strip_suffix('m')
                .is_some_and(|codes| codes.chars().all(plain))
                .then_some(body)
        }
        // A string for the terminal (title, hyperlink …): ends with BEL or ESC \.
        ']' | 'P' | '_' | '^' | 'X' => {
            let mut before = '\0';
            for c in chars.by_ref() {
                if c == '\x07' || c == '\u{9c}' || (before == '\x1b' && c == '\\') {
                    break;
                }
                before = c;
            }
            None
        }
        // Intermediates, then the final.
        ' '..='/' => {
            for c in chars.by_ref() {
                if !(' '..='/').contains(&c) {
                    break;
                }
            }
            None
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_end_with_the_line() {
        assert_eq!(tame("plain\ttext"), "plain\ttext");
        assert_eq!(tame("\x1b[1;31mred"), "\x1b[1;31mred\x1b[0m");
    }

    #[test]
    fn everything_else_goes() {
        assert_eq!(tame("\x1b[2J\x1b[Ha\x1b[Kb\x1b[?25l"), "ab");
        assert_eq!(
            tame("\x1b]0;title\x07a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\"),
            "alink"
        );
        assert_eq!(tame("\x1b(Ba\x08\x07\u{9b}b\x1bcd"), "abd");
        assert_eq!(tame("10%\r20%\r"), "20%");
        assert_eq!(tame("\x1b[12"), "");
        assert_eq!(tame("\x1b"), "");
    }

    #[test]
    fn names_are_one_line() {
        assert_eq!(single("Run \x1b[31ma\x1b[0m\nb"), "Run a");
    }
}
