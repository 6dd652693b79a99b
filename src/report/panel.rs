//! The lines at the foot of the terminal that are drawn over and over.

use std::fmt;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub rows: usize,
    pub columns: usize,
}

/// A block of lines, never higher than the terminal, each cut to its width.
pub struct Panel {
    screen: MultiProgress,
    size: Box<dyn Fn() -> Size + Send + Sync>,
    lines: Vec<(ProgressBar, String)>,
}

impl fmt::Debug for Panel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panel({} lines)", self.lines.len())
    }
}

impl Panel {
    pub fn new(target: ProgressDrawTarget, size: Box<dyn Fn() -> Size + Send + Sync>) -> Self {
        Self {
            screen: MultiProgress::with_draw_target(target),
            size,
            lines: Vec::new(),
        }
    }

    /// Shows as many rows as fit, a count of the others, and the status.
    pub fn show(&mut self, mut rows: Vec<String>, status: Option<String>) {
        // The log above keeps the upper half at least.
        let size = (self.size)();
        let room = (size.rows / 2).max(3) - usize::from(status.is_some());
        if rows.len() > room {
            let hidden = rows.len() - (room - 1);
            rows.truncate(room - 1);
            rows.push(format!("… and {hidden} more"));
        }
        rows.extend(status);
        while self.lines.len() > rows.len() {
            if let Some((bar, _)) = self.lines.pop() {
                bar.finish_and_clear();
                self.screen.remove(&bar);
            }
        }
        for (at, row) in rows.into_iter().enumerate() {
            // Cut here: indicatif's own cutting pads to the edge, and padded lines wrap when the window shrinks.
            let row = console::truncate_str(&row, size.columns, "…").into_owned();
            match self.lines.get_mut(at) {
                Some((_, shown)) if *shown == row => {}
                Some((bar, shown)) => {
                    bar.set_message(row.clone());
                    *shown = row;
                }
                None => {
                    let bar = self
                        .screen
                        .add(ProgressBar::new_spinner().with_style(style()));
                    bar.set_message(row.clone());
                    bar.tick();
                    self.lines.push((bar, row));
                }
            }
        }
    }

    /// Takes the lines off the screen while something else is written.
    pub fn suspend(&self, write: impl FnOnce()) {
        self.screen.suspend(write);
    }

    /// Takes the lines off the screen for good.
    pub fn clear(&mut self) {
        for (bar, _) in self.lines.drain(..) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        // A terminal that is gone needs no clearing.
        drop(self.screen.clear());
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}
