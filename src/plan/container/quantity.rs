//! Sizes and times as Docker's command line writes them.

/// Bytes: `512m`, `1.5 GiB`, `1024`; units are powers of 1024.
pub fn bytes(text: &str) -> Option<i64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_suffix('b').unwrap_or(&text);
    let text = text.strip_suffix('i').unwrap_or(text);
    let (number, power) = match text.as_bytes().last()? {
        b'k' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 2),
        b'g' => (&text[..text.len() - 1], 3),
        b't' => (&text[..text.len() - 1], 4),
        b'p' => (&text[..text.len() - 1], 5),
        _ => (text, 0),
    };
    let number = number.trim_end();
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let value: f64 = number.parse().ok()?;
    whole(value * 1024_f64.powi(power))
}

/// Nanoseconds: `10s`, `1m30s`, `500ms`, `1h`, `0`.
pub fn nanoseconds(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let value: f64 = number.parse().ok()?;
        let (unit, tail) = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 60e9),
            ("h", 3600e9),
        ]
        .into_iter()
        .find_map(|(name, unit)| Some((unit, tail.strip_prefix(name)?)))?;
        total += value * unit;
        rest = tail;
    }
    (!text.is_empty()).then(|| whole(total)).flatten()
}

/// Processors, in billionths: `0.5`, `2`.
pub fn nano_cpus(text: &str) -> Option<i64> {
    let value: f64 = text.parse().ok()?;
    (value >= 0.0).then(|| whole(value * 1e9)).flatten()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "checked to lie within; the engine takes whole numbers"
)]
fn whole(value: f64) -> Option<i64> {
    (value.is_finite() && value.abs() < i64::MAX as f64).then_some(value as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_dockers_command_line_reads() {
        assert_eq!(bytes("512m"), Some(512 << 20));
        assert_eq!(bytes("1.5 GiB"), Some(3 << 29));
        assert_eq!(bytes("1kb"), Some(1024));
        assert_eq!(bytes("64"), Some(64));
        for wrong in ["", "m", "1x", "-1", "1 2", "nan", "9999999p"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
        assert_eq!(nanoseconds("1m30s"), Some(90_000_000_000));
        assert_eq!(nanoseconds("500ms"), Some(500_000_000));
        assert_eq!(nanoseconds("1.5h"), Some(5_400_000_000_000));
        for wrong in ["", "10", "s", "1x", "-1s"] {
            assert_eq!(nanoseconds(wrong), None, "{wrong}");
        }
        assert_eq!(nano_cpus("0.5"), Some(500_000_000));
        assert_eq!(nano_cpus("-1"), None);
        assert_eq!(nano_cpus("two"), None);
    }
}
