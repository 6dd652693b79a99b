//! What an expression matches, and with which groups.

use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::compile(text, 1_000_000).unwrap()
}

fn groups(text: &str, line: &str) -> Option<Vec<String>> {
    let pattern = pattern(text);
    let found = pattern.captures(line).unwrap()?;
    Some(
        (0..pattern.groups())
            .map(|group| pattern.text(&found, group).to_owned())
            .collect(),
    )
}

fn matches(text: &str, line: &str) -> bool {
    groups(text, line).is_some()
}

fn error(text: &str) -> String {
    Pattern::compile(text, 1000).unwrap_err()
}

#[test]
fn classes_are_those_of_ascii() {
    // SPEC K-22
    let cases = [
        (r"^\d+$", "123", true),
        (r"^\d+$", "\u{663}", false),
        (r"^\w+$", "a_1", true),
        (r"^\w+$", "é", false),
        (r"^\s$", "\u{a0}", false),
        (r"^\s$", "\u{b}", true),
        (r"^\S+$", "é\u{a0}", true),
        (r"^[\w-.]+$", "a-b.c", true),
        (r"^[^\s]+$", "a\u{a0}b", true),
        (r"^[\D]$", "٣", true),
        (r"\bé", "xé", true),
        (r"^x\b", "xé", true),
        (r"\Bb", "ab", true),
        (r"^.$", "\r", true),
    ];
    for (text, line, expected) in cases {
        assert_eq!(matches(text, line), expected, "{text} on {line:?}");
    }
}

#[test]
fn escapes_are_those_of_the_language() {
    let cases = [
        (r"^\x41\u0042\cI\e\/\-\y$", "AB\t\u{1b}/-y"),
        (r"^\101\0$", "A\0"),
        (r"^{a}{1,x}$", "{a}{1,x}"),
        (r"^a{2}b{1,}c{0,1}$", "aabbb"),
        (r"^]}$", "]}"),
        (r"^[]a]+$", "]a"),
        (r"^[[&&~~|b#-]+$", "[&~|#-b"),
        (r"^[\b\]\\^]+$", "\u{8}]\\^"),
        (r"^[a-z-[aeiou]]+$", "xyz"),
        (r"^(?#nothing)a\Z", "a"),
        (r"^(?i)ABC(?-i)d$", "abcd"),
        (r"^\p{Lu}$", "É"),
        (r"^(?>a+)b(?=c)(?!d)c(?<=c)$", "aabc"),
    ];
    for (text, line) in cases {
        assert!(matches(text, line), "{text} on {line:?}");
    }
    assert!(!matches(r"^[a-z-[aeiou]]+$", "xayz"));
}

#[test]
fn a_reference_to_a_group_that_took_no_part_is_empty() {
    assert!(matches(r"^(a)?\1b$", "b"));
    assert!(matches(r"^(a)\1$", "aa"));
    assert!(!matches(r"^(a)\1$", "ab"));
    // ECMAScript: no twelfth group, so the first, and a 2.
    assert!(matches(r"^(a)\12$", "aa2"));
    assert!(matches(r"^(?<q>['x]).\k<q>$", "'a'"));
}

#[test]
fn named_groups_come_after_the_others() {
    let found = groups(r"(?<file>\w+):(\d+):(?<rest>.*)", "a:1:b").unwrap();
    assert_eq!(found, ["a:1:b", "1", "a", "b"]);
    let shared = groups(r"(?<x>a)|(?<x>b)", "b").unwrap();
    assert_eq!(shared, ["b", "b"]);
    assert_eq!(groups("(a)|(b)", "b").unwrap(), ["b", "", "b"]);
}

#[test]
fn what_the_language_refuses_is_refused() {
    for (text, what) in [
        ("a++", "Nested quantifier '+'."),
        ("*a", "Quantifier '*' following nothing."),
        ("a{2}{3}", "Nested quantifier '{3}'."),
        ("[a", "Unterminated [] set."),
        ("[z-a]", "[z-a] range in reverse order."),
        (r"[a-\d]", r"Cannot include class \d in character range."),
        (r"\x4", "Insufficient hexadecimal digits."),
        ("(a", ""),
        ("a)", ""),
        ("\\", "Illegal \\ at the end of the pattern."),
    ] {
        let message = error(text);
        assert!(
            message.starts_with(&format!("Invalid pattern '{text}'. {what}")),
            "{text}: {message}"
        );
    }
}

#[test]
fn too_much_backtracking_is_told() {
    let slow = Pattern::compile(r"^(a|aa)*(?=c)\1$", 10_000).unwrap();
    let line = "a".repeat(60);
    assert_eq!(slow.captures(&line).unwrap_err(), TooSlow);
}

proptest! {
    #[test]
    fn no_text_breaks_it(text in "[\\[\\]()?<>:=!{}*+|^$.,\\-\\\\a-eknpuwx0-9'é#]{0,24}", line in "\\PC{0,20}") {
        if let Ok(pattern) = Pattern::compile(&text, 10_000)
            && let Ok(Some(found)) = pattern.captures(&line)
        {
            for group in 0..pattern.groups() + 2 {
                pattern.text(&found, group);
            }
        }
    }
}
