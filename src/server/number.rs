//! Numbers that nothing else on this machine has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// 2020-01-01, in milliseconds.
const START: u128 = 1_577_836_800_000;

/// Milliseconds since 2020, none of them twice in one process, then three digits that differ for processes that start at
/// once. No more than 15 digits: expressions write longer numbers with an exponent (SPEC 2.3).
pub fn unique() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis().saturating_sub(START));
    let now = u64::try_from(now).unwrap_or(0).max(1);
    let after = |last: u64| now.max(last + 1);
    let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| {
        Some(after(last))
    });
    let own = u64::from(std::process::id() % 1000);
    after(last.unwrap_or_default()) * 1000 + own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_comes_twice() {
        let all: std::collections::BTreeSet<u64> = (0..1000).map(|_| unique()).collect();
        assert_eq!(all.len(), 1000);
        let own = u64::from(std::process::id() % 1000);
        assert!(all.iter().all(|one| one % 1000 == own));
        assert!(all.iter().all(|one| *one < 1_000_000_000_000_000));
    }
}
