//! "Did you mean …?": the known word that is nearest to a mistyped one.

/// The nearest word, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase().replace('_', "-");
    let limit = match lower.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=24 => 2,
        _ => return None,
    };
    known
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| {
            (
                distance(&lower, &candidate.to_lowercase().replace('_', "-")),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits of one character, swaps of neighbours included.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_words_are_suggested() {
        let keys = ["runs-on", "steps", "needs", "name"];
        assert_eq!(nearest("run-on", keys), Some("runs-on"));
        assert_eq!(nearest("runs_on", keys), Some("runs-on"));
        assert_eq!(nearest("Steps", keys), Some("steps"));
        assert_eq!(nearest("setps", keys), Some("steps"));
        assert_eq!(nearest("zzz", keys), None);
        assert_eq!(nearest("a", keys), None);
    }
}
