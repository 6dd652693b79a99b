//! Numbers that nothing else on this machine has.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, none of them twice in one process, then three digits that differ for processes that start at
/// once. Exact as a number of JavaScript.
pub fn unique() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(1, |since| u64::try_from(since.as_millis()).unwrap_or(1));
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
        assert!(all.iter().all(|one| *one < 1 << 53));
    }
}
