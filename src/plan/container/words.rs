//! Splits a line of arguments as the runner's process launcher does: no shell, only double quotes (SPEC J-24).

/// The words of a line. Blanks and tabs part them outside quotes; `\"` is a quote, and so is `""` within quotes;
/// a backslash elsewhere is itself.
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = line.chars().peekable();
    loop {
        while rest.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        if rest.peek().is_none() {
            return words;
        }
        let mut word = String::new();
        let mut quoted = false;
        while let Some(c) = rest.next_if(|c| quoted || !matches!(c, ' ' | '\t')) {
            match c {
                '\\' => {
                    let mut count = 1;
                    while rest.next_if_eq(&'\\').is_some() {
                        count += 1;
                    }
                    if rest.peek() != Some(&'"') {
                        word.extend(std::iter::repeat_n('\\', count));
                        continue;
                    }
                    word.extend(std::iter::repeat_n('\\', count / 2));
                    if count % 2 == 1 {
                        rest.next();
                        word.push('"');
                    }
                }
                '"' if quoted && rest.next_if_eq(&'"').is_some() => word.push('"'),
                '"' => quoted = !quoted,
                c => word.push(c),
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn only_double_quotes_group() {
        // SPEC J-24
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            ("  \t ", &[]),
            ("--init  --cpus 2", &["--init", "--cpus", "2"]),
            (r#"-e A="b c"d"#, &["-e", "A=b cd"]),
            (
                r#"--health-cmd "curl -f x""#,
                &["--health-cmd", "curl -f x"],
            ),
            ("a 'b c'", &["a", "'b", "c'"]),
            (r#"a "" b"#, &["a", "", "b"]),
            (r#"a\b \"c\" "x""y""#, &[r"a\b", "\"c\"", "x\"y"]),
            (r#""a\\" b"#, &["a\\", "b"]),
            ("$HOME", &["$HOME"]),
            (r#""open end"#, &["open end"]),
        ];
        for (line, expected) in table {
            assert_eq!(words(line), *expected, "{line}");
        }
    }
}
