//! Numbers as text, and text compared without case, the way .NET does both (SPEC E-3, E-20, W-5).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

/// Significant digits of a number that becomes text.
const PRECISION: i32 = 15;

/// The number that a text stands for; empty is 0, nonsense is NaN.
pub fn parse_number(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return parse_bits(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return parse_bits(digits, 8);
    }
    match text {
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => parse_decimal(text),
    }
}

/// A decimal with sign and exponent; Rust alone would also take words such as `inf`.
pub(super) fn parse_decimal(text: &str) -> f64 {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    if text.bytes().all(plain) {
        text.parse().unwrap_or(f64::NAN)
    } else {
        f64::NAN
    }
}

/// Hex and octal are read as 32 bits with a sign.
fn parse_bits(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return f64::NAN;
    }
    u32::from_str_radix(digits, radix).map_or(f64::NAN, |bits| f64::from(bits.cast_signed()))
}

/// The text of a number: 15 significant digits, `1E+20` from the 16th place on.
pub fn format_number(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let (digits, exponent) = rounded_digits(number.abs());
    let mut text = String::with_capacity(24);
    if number < 0.0 {
        text.push('-');
    }
    if !(-4..PRECISION).contains(&exponent) {
        text.push_str(&digits[..1]);
        if digits.len() > 1 {
            text.push('.');
            text.push_str(&digits[1..]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        _ = write!(text, "E{sign}{:02}", exponent.abs());
    } else if exponent < 0 {
        text.push_str("0.");
        text.extend((1..-exponent).map(|_| '0'));
        text.push_str(&digits);
    } else {
        let whole = usize::try_from(exponent).unwrap_or_default() + 1;
        if digits.len() <= whole {
            text.push_str(&digits);
            text.extend((digits.len()..whole).map(|_| '0'));
        } else {
            text.push_str(&digits[..whole]);
            text.push('.');
            text.push_str(&digits[whole..]);
        }
    }
    text
}

/// The first 15 digits without trailing zeros, halves rounded up, and the exponent of the first.
fn rounded_digits(number: f64) -> (String, i32) {
    let exact = format!("{number:.40e}");
    let (mantissa, exponent) = exact.split_once('e').unwrap_or((&exact, "0"));
    let mut exponent: i32 = exponent.parse().unwrap_or_default();
    let all: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let keep = usize::try_from(PRECISION).unwrap_or_default();
    let mut digits = all[..keep].to_vec();
    if all[keep] >= b'5' {
        if let Some(at) = digits.iter().rposition(|d| *d != b'9') {
            digits[at] += 1;
            digits.truncate(at + 1);
        } else {
            digits = vec![b'1'];
            exponent += 1;
        }
    }
    let used = digits.iter().rposition(|d| *d != b'0').map_or(1, |i| i + 1);
    digits.truncate(used);
    let digits = digits.into_iter().map(char::from).collect();
    (digits, exponent)
}

/// Upper case character by character; `ı` and `ſ` have none here, as in .NET's ordinal comparison.
fn upper(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_uppercase();
    }
    let mut mapped = c.to_uppercase();
    match (mapped.next(), mapped.next()) {
        (Some(one), None) if c != 'ı' && c != 'ſ' => one,
        _ => c,
    }
}

/// A form in which texts that differ only by case are the same; most keys are in it already.
pub(super) fn fold(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        return Cow::Borrowed(text);
    }
    let folded = text.chars().map(|c| upper(c).to_ascii_lowercase());
    Cow::Owned(folded.collect())
}

/// Whether two texts are equal but for case.
pub(super) fn equal_ignoring_case(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().map(upper).eq(right.chars().map(upper))
}

/// The order of two texts in upper case, by UTF-16 code units.
pub(super) fn compare_ignoring_case(left: &str, right: &str) -> Ordering {
    let units = |text: &str| -> Vec<u16> {
        let mut buffer = [0; 2];
        text.chars()
            .flat_map(|c| upper(c).encode_utf16(&mut buffer).to_vec())
            .collect()
    };
    if left.is_ascii() && right.is_ascii() {
        let left = left.bytes().map(|b| b.to_ascii_uppercase());
        return left.cmp(right.bytes().map(|b| b.to_ascii_uppercase()));
    }
    units(left).cmp(&units(right))
}

/// The length of a text in UTF-16 code units.
pub(super) fn utf16_len(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Value;
    use super::*;

    #[test]
    fn w5_formats_with_fifteen_digits() {
        let cases: [(f64, &str); 14] = [
            (1.0, "1"),
            (3.10, "3.1"),
            (1e3, "1000"),
            (1e20, "1E+20"),
            (1e15, "1E+15"),
            (123_456_789_012_345.0, "123456789012345"),
            (0.1 + 0.2, "0.3"),
            (-0.0, "0"),
            (0.00001, "1E-05"),
            (0.0001, "0.0001"),
            (1.5e-7, "1.5E-07"),
            (-1234.5, "-1234.5"),
            (999_999_999_999_999.9, "1E+15"),
            (f64::MAX, "1.79769313486232E+308"),
        ];
        for (number, text) in cases {
            assert_eq!(format_number(number), text);
        }
    }

    #[test]
    fn e3_reads_hex_and_octal_as_signed() {
        assert_eq!(
            Value::Number(parse_number("0xFFFFFFFF")),
            Value::Number(-1.0)
        );
        assert_eq!(Value::Number(parse_number("0o777")), Value::Number(511.0));
        assert_eq!(Value::Number(parse_number(" 5. ")), Value::Number(5.0));
        assert!(parse_number("0x1FFFFFFFF").is_nan());
        assert!(parse_number("inf").is_nan());
        assert!(parse_number("0X1").is_nan());
        assert!(parse_number("-0x1").is_nan());
    }

    #[test]
    fn e20_folds_case_without_the_special_letters() {
        assert!(equal_ignoring_case("Straße", "STRAßE"));
        assert!(!equal_ignoring_case("ı", "I"));
        assert!(equal_ignoring_case("É", "é"));
    }
}
