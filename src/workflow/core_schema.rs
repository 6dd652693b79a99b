//! Scalars by the YAML 1.2 core schema, as GitHub reads them (SPEC W-1..W-4).

/// A scalar's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
}

const PREFIX: &str = "tag:yaml.org,2002:";

/// Code and message of a scalar that its tag or its range does not allow.
type Refusal = (&'static str, String);

/// The value of a scalar; only plain ones without a tag are typed by their text.
pub fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Literal, Refusal> {
    let string = || Literal::String(text.to_owned());
    let Some(tag) = tag else {
        if !plain {
            return Ok(string());
        }
        if is_null(text) {
            return Ok(Literal::Null);
        }
        if let Some(value) = boolean(text) {
            return Ok(Literal::Bool(value));
        }
        if let Some(value) = integer(text).transpose()? {
            return Ok(Literal::Number(value));
        }
        return Ok(float(text).map_or_else(string, Literal::Number));
    };
    let Some(kind) = tag.strip_prefix(PREFIX) else {
        return Err(("unexpected-tag", format!("Unexpected tag '{tag}'")));
    };
    if kind == "str" {
        return Ok(string());
    }
    if !plain {
        return Err((
            "unexpected-tag",
            format!("A quoted or block scalar is not valid with the tag '{tag}'"),
        ));
    }
    let value = match kind {
        "null" => is_null(text).then_some(Literal::Null),
        "bool" => boolean(text).map(Literal::Bool),
        "int" => integer(text).transpose()?.map(Literal::Number),
        "float" => float(text).map(Literal::Number),
        _ => return Err(("unexpected-tag", format!("Unexpected tag '{tag}'"))),
    };
    value.ok_or_else(|| invalid(text, kind))
}

fn invalid(text: &str, kind: &str) -> Refusal {
    (
        "invalid-for-tag",
        format!("The value '{text}' is invalid for the type '{PREFIX}{kind}'"),
    )
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "null" | "Null" | "NULL" | "~")
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

fn all(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn integer(text: &str) -> Option<Result<f64, Refusal>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if all(unsigned, |b| b.is_ascii_digit()) {
        return text.parse().ok().map(Ok);
    }
    let out_of_range = || invalid(text, "int");
    if let Some(digits) = text
        .strip_prefix("0x")
        .filter(|d| all(d, |b| b.is_ascii_hexdigit()))
    {
        let value = u32::from_str_radix(digits, 16).map(u32::cast_signed);
        return Some(value.map(f64::from).map_err(|_| out_of_range()));
    }
    if let Some(digits) = text
        .strip_prefix("0o")
        .filter(|d| all(d, |b| (b'0'..=b'7').contains(&b)))
    {
        let value = u32::from_str_radix(digits, 8).map(u32::cast_signed);
        return Some(value.map(f64::from).map_err(|_| out_of_range()));
    }
    None
}

fn float(text: &str) -> Option<f64> {
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let has_digits = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        all(exponent.strip_prefix(['-', '+']).unwrap_or(exponent), |b| {
            b.is_ascii_digit()
        })
    });
    if !has_digits || !digits(whole) || !fraction.is_none_or(digits) || !exponent_fits {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Literal {
        resolve(text, true, None).unwrap()
    }

    #[test]
    fn plain_scalars_are_typed_by_the_core_schema() {
        for null in ["", "null", "Null", "NULL", "~"] {
            assert_eq!(plain(null), Literal::Null, "W-2 {null}");
        }
        for (text, number) in [
            ("010", 10.0),
            ("+1", 1.0),
            ("0x1F", 31.0),
            ("0xFFFFFFFF", -1.0),
            ("0o14", 12.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("-1.5e3", -1500.0),
            ("1e3", 1000.0),
            ("-.INF", f64::NEG_INFINITY),
        ] {
            assert_eq!(plain(text), Literal::Number(number), "W-3 {text}");
        }
        for text in [
            "yes",
            "on",
            "off",
            "y",
            "tRue",
            "1_000",
            "0b11",
            "1:30",
            "2001-12-14",
            ".",
            "e3",
            "1e",
            "-",
            "0x",
        ] {
            assert_eq!(plain(text), Literal::String(text.into()), "W-2, W-3 {text}");
        }
        assert!(resolve("0x1FFFFFFFF", true, None).is_err(), "W-3");
        assert_eq!(
            resolve("1", false, None),
            Ok(Literal::String("1".into())),
            "W-1"
        );
    }

    #[test]
    fn tags_are_few_and_strict() {
        let tag = |text, plain, tag| resolve(text, plain, Some(tag));
        assert_eq!(
            tag("1", true, "tag:yaml.org,2002:str"),
            Ok(Literal::String("1".into())),
            "W-4"
        );
        assert_eq!(
            tag("1", true, "tag:yaml.org,2002:float"),
            Ok(Literal::Number(1.0)),
            "W-4"
        );
        assert_eq!(
            tag("test", true, "tag:yaml.org,2002:bool").unwrap_err().1,
            "The value 'test' is invalid for the type 'tag:yaml.org,2002:bool'"
        );
        assert!(tag("true", false, "tag:yaml.org,2002:bool").is_err(), "W-4");
        assert_eq!(
            tag("x", true, "!custom").unwrap_err().1,
            "Unexpected tag '!custom'"
        );
    }
}
