//! The last lines of a step, in bounded memory.

use std::collections::VecDeque;

/// Longer lines are kept up to here.
const LINE: usize = 2048;

/// A ring of lines.
#[derive(Debug, Clone)]
pub struct Tail {
    lines: VecDeque<String>,
    limit: usize,
    seen: usize,
}

impl Tail {
    pub fn new(limit: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            limit,
            seen: 0,
        }
    }

    pub fn push(&mut self, line: &str) {
        self.seen += 1;
        let mut kept = if self.lines.len() >= self.limit {
            self.lines.pop_front().unwrap_or_default()
        } else {
            String::new()
        };
        kept.clear();
        let cut = line.floor_char_boundary(LINE.min(line.len()));
        kept.push_str(&line[..cut]);
        if cut < line.len() {
            kept.push('…');
        }
        if self.limit > 0 {
            self.lines.push_back(kept);
        }
    }

    pub fn clear(&mut self) {
        self.lines.clear();
        self.seen = 0;
    }

    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// How many lines came before the kept ones.
    pub fn dropped(&self) -> usize {
        self.seen - self.lines.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_last_lines() {
        let mut tail = Tail::new(2);
        for line in ["a", "b", "c"] {
            tail.push(line);
        }
        assert_eq!(tail.lines().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!(tail.dropped(), 1);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let mut tail = Tail::new(1);
        tail.push(&"é".repeat(LINE));
        assert!(tail.lines().all(|line| line.len() <= LINE + 3));
    }
}
