//! A pin: `owner/repo@ref`, the name of a locked repository at a ref.

use std::fmt;
use std::str::FromStr;

/// Owner and repository in lower case, the ref as written; ordered as its text, as GitHub's tool sorts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin {
    text: String,
    at: usize,
}

impl Pin {
    pub fn new(owner: &str, repo: &str, git_ref: &str) -> Self {
        let name = format!("{owner}/{repo}").to_lowercase();
        Self {
            text: format!("{name}@{git_ref}"),
            at: name.len(),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `owner/repo`.
    pub fn repository(&self) -> &str {
        &self.text[..self.at]
    }

    pub fn git_ref(&self) -> &str {
        &self.text[self.at + 1..]
    }

    /// The pin names its own commit.
    pub fn is_sha(&self) -> bool {
        is_full_sha(self.git_ref())
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is no pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected OWNER/REPO@REF")]
pub struct PinError;

impl FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let (name, git_ref) = text.split_once('@').ok_or(PinError)?;
        let (owner, repo) = name.split_once('/').ok_or(PinError)?;
        let sound = |part: &str| {
            !part.is_empty()
                && part != "."
                && part != ".."
                && !part.contains(['/', ':', '\\'])
                && !part.contains(|c: char| c.is_whitespace() || c.is_control())
        };
        let sound_ref = !git_ref.is_empty()
            && !git_ref.starts_with('-')
            && !git_ref.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control());
        if sound(owner) && sound(repo) && sound_ref {
            Ok(Self::new(owner, repo, git_ref))
        } else {
            Err(PinError)
        }
    }
}

/// A whole commit id, of either of git's algorithms.
pub fn is_full_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `v1.2.3`: the parts that are there, and whether anything follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub numbers: [u64; 3],
    /// Nothing follows the numbers.
    pub is_stable: bool,
    has_v: bool,
    /// All three numbers are there.
    is_whole: bool,
}

impl Version {
    pub fn of(tag: &str) -> Option<Self> {
        if is_full_sha(tag) {
            return None;
        }
        let bare = tag.strip_prefix('v').unwrap_or(tag);
        let mut rest = bare;
        let mut numbers = [0; 3];
        let mut count = 0;
        for number in &mut numbers {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            if digits == 0 {
                break;
            }
            *number = rest[..digits].parse().ok()?;
            count += 1;
            rest = &rest[digits..];
            match rest.strip_prefix('.') {
                Some(next) if count < 3 && next.starts_with(|c: char| c.is_ascii_digit()) => {
                    rest = next;
                }
                _ => break,
            }
        }
        (count > 0).then_some(Self {
            numbers,
            is_stable: rest.is_empty(),
            has_v: bare.len() != tag.len(),
            is_whole: count == 3,
        })
    }

    /// Names one release, by custom for ever.
    pub fn is_full(self) -> bool {
        self.is_whole && self.is_stable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_a_pin_is_lower_case_but_for_its_ref() {
        let pin: Pin = "Actions/CheckOut@V4-rc@2".parse().unwrap();
        assert_eq!(pin.as_str(), "actions/checkout@V4-rc@2");
        assert_eq!(pin.repository(), "actions/checkout");
        assert_eq!(pin.git_ref(), "V4-rc@2");
        assert_eq!(pin, Pin::new("ACTIONS", "checkout", "V4-rc@2"));
    }

    #[test]
    fn a6_a_path_or_digest_is_no_pin() {
        for text in [
            "",
            "a",
            "a/b",
            "a/b@",
            "/b@v1",
            "a/@v1",
            "a/b/c@v1",
            "a/b@v1:sha1-00",
            "./a@v1",
            "a/..@v1",
            "a/b@-x",
            "a/b@v 1",
        ] {
            assert!(text.parse::<Pin>().is_err(), "{text}");
        }
    }

    #[test]
    fn a6_pins_sort_as_their_text() {
        let mut pins = ["a/b@v1", "a/b-c@v1", "a/b.d@v1"].map(|text| text.parse::<Pin>().unwrap());
        pins.sort();
        assert_eq!(
            pins.map(|pin| pin.to_string()),
            ["a/b-c@v1", "a/b.d@v1", "a/b@v1"]
        );
    }

    #[test]
    fn versions_know_if_they_name_one_release() {
        for (tag, is_full) in [
            ("v1.2.3", true),
            ("1.2.3", true),
            ("v1", false),
            ("v1.2", false),
            ("v1.2.3-rc.1", false),
            ("v1.2.3.4", false),
        ] {
            assert_eq!(Version::of(tag).unwrap().is_full(), is_full, "{tag}");
        }
        for tag in ["main", "vx", "", "0123456789012345678901234567890123456789"] {
            assert_eq!(Version::of(tag), None, "{tag}");
        }
        assert!(Version::of("v1.10.0") > Version::of("v1.9.0"));
        assert!(Version::of("v1.0.0") > Version::of("v1.0.0-rc.1"));
    }
}
