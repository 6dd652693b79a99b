//! What tools print in place of a secret: quoted, escaped, encoded (SPEC M-2).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A value and what tools print in its place (SPEC M-2).
pub(super) fn forms(value: &str) -> Vec<String> {
    let bytes = value.as_bytes();
    let mut forms = vec![
        value.to_owned(),
        STANDARD.encode(bytes),
        STANDARD.encode(if bytes.len() > 1 { &bytes[1..] } else { bytes }),
        STANDARD.encode(if bytes.len() > 2 { &bytes[2..] } else { bytes }),
        value.replace('"', "\\\""),
        value.replace('\'', "''"),
        json_escaped(value),
        percent_encoded(value),
        xml_escaped(value),
    ];
    let unquoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    if let Some(unquoted) = unquoted.filter(|_| utf16_len(value) > 8) {
        forms.push(unquoted.to_owned());
    }
    forms.extend(powershell_parts(value));
    forms.retain(|form| !form.is_empty());
    forms
}

fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

fn json_escaped(value: &str) -> String {
    replace_each(value, |c| match c {
        '"' => Some("\\\"".into()),
        '\\' => Some("\\\\".into()),
        '\n' => Some("\\n".into()),
        '\r' => Some("\\r".into()),
        '\t' => Some("\\t".into()),
        '\u{8}' => Some("\\b".into()),
        '\u{c}' => Some("\\f".into()),
        '\0'..='\x1f' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
            Some(format!("\\u{:04x}", u32::from(c)).into())
        }
        _ => None,
    })
}

fn percent_encoded(value: &str) -> String {
    let mut buffer = [0; 4];
    replace_each(value, |c| {
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) {
            return None;
        }
        let bytes = c.encode_utf8(&mut buffer).bytes();
        Some(bytes.map(|byte| format!("%{byte:02X}")).collect())
    })
}

fn xml_escaped(value: &str) -> String {
    replace_each(value, |c| match c {
        '&' => Some("&amp;".into()),
        '<' => Some("&lt;".into()),
        '>' => Some("&gt;".into()),
        '"' => Some("&quot;".into()),
        '\'' => Some("&apos;".into()),
        _ => None,
    })
}

fn replace_each(
    value: &str,
    mut replacement: impl FnMut(char) -> Option<Cow<'static, str>>,
) -> String {
    value.chars().fold(String::new(), |mut replaced, c| {
        match replacement(c) {
            Some(text) => replaced.push_str(&text),
            None => replaced.push(c),
        }
        replaced
    })
}

/// `PowerShell` prints a command that holds `&` in two differently coloured parts.
fn powershell_parts(value: &str) -> impl Iterator<Item = String> {
    let parts = if let Some(at) = value.find("&+") {
        let rest = value[at + 2..].chars();
        Some((&value[..at + 2], rest.clone().skip(1).collect()))
    } else {
        let at = value.rfind('&');
        at.map(|at| (&value[..=at], value[at + 1..].to_owned()))
    };
    parts
        .into_iter()
        .flat_map(|(before, after)| [before.to_owned(), after])
        .filter(|part| utf16_len(part) >= 6)
}
