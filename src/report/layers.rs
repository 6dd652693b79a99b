//! Images on their way here: a bar for each layer.

use indexmap::IndexMap;

use super::style::{Colors, Tint};

/// Characters of a whole bar.
const WIDTH: u64 = 24;

/// Layers by image, in the order in which they came up.
#[derive(Debug, Default)]
pub struct Layers(IndexMap<(String, String), Layer>);

#[derive(Debug)]
struct Layer {
    status: String,
    done: u64,
    total: u64,
}

impl Layers {
    pub fn observe(&mut self, image: &str, layer: &str, status: &str, done: u64, total: u64) {
        let key = (image.to_owned(), layer.to_owned());
        // What is here needs no bar, and the first line of a pull names the tag.
        if ["Pull complete", "Already exists"].contains(&status)
            || status.starts_with("Pulling from")
        {
            self.0.shift_remove(&key);
            return;
        }
        let layer = Layer {
            status: status.to_owned(),
            done,
            total,
        };
        self.0.insert(key, layer);
    }

    /// A line each.
    pub fn rows(&self, colors: Colors) -> Vec<String> {
        let row = |((image, id), layer): (&(String, String), &Layer)| {
            let arrow = colors.paint(Tint::Cyan, "⇣");
            if layer.total == 0 {
                return format!("{arrow} {image} {id} {}", layer.status);
            }
            let filled = (layer.done.min(layer.total) * WIDTH / layer.total).min(WIDTH);
            let bar: String = (0..WIDTH)
                .map(|place| if place < filled { '━' } else { '─' })
                .collect();
            format!(
                "{arrow} {image} {id} {bar} {} of {} {}",
                size(layer.done),
                size(layer.total),
                layer.status.to_lowercase()
            )
        };
        self.0.iter().map(row).collect()
    }
}

/// `12.3 MB`, in powers of 1000 as Docker shows them.
fn size(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        1_000_000..1_000_000_000 => format!("{} MB", tenths(1_000_000)),
        _ => format!("{} GB", tenths(1_000_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_a_bar_until_it_is_here() {
        let mut layers = Layers::default();
        layers.observe("node:22", "22", "Pulling from library/node", 0, 0);
        layers.observe("node:22", "a1", "Downloading", 6_000_000, 12_000_000);
        layers.observe("node:22", "b2", "Waiting", 0, 0);
        let rows = layers.rows(Colors::Off);
        assert_eq!(
            rows,
            [
                "⇣ node:22 a1 ━━━━━━━━━━━━──────────── 6.0 MB of 12.0 MB downloading",
                "⇣ node:22 b2 Waiting",
            ]
        );
        layers.observe("node:22", "a1", "Pull complete", 0, 0);
        layers.observe("node:22", "b2", "Already exists", 0, 0);
        assert!(layers.rows(Colors::Off).is_empty());
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1_500), "1.5 kB");
        assert_eq!(size(2_345_678_901), "2.3 GB");
    }
}
