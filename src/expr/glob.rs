//! The patterns of `hashFiles` (SPEC E-52): what a path must look like, and where to search.

/// A line of patterns, made absolute.
#[derive(Debug)]
pub(super) struct Pattern {
    pub negate: bool,
    /// Ends in a slash: matches directories only.
    directory: bool,
    /// Added for what lies below a pattern that may name a directory.
    implicit: bool,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Globstar,
    Literal(String),
    Glob(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Char(char),
    Any,
    Star,
    Class(bool, Vec<(char, char)>),
}

/// What a match makes of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Match {
    pub file: bool,
    pub directory: bool,
}

/// Reads the lines of patterns; `workspace` and `home` are split at slashes.
pub(super) fn read(
    text: &str,
    workspace: &[String],
    home: &[String],
) -> Result<Vec<Pattern>, String> {
    let mut patterns = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let pattern = Pattern::read(line, workspace, home)?;
        let below = (pattern.directory || pattern.segments.last() != Some(&Segment::Globstar))
            .then(|| pattern.descendants());
        patterns.push(pattern);
        patterns.extend(below);
    }
    Ok(patterns)
}

impl Pattern {
    fn read(line: &str, workspace: &[String], home: &[String]) -> Result<Self, String> {
        let mut text = line;
        let mut negate = false;
        while let Some(rest) = text.strip_prefix('!') {
            negate = !negate;
            text = rest.trim();
        }
        if text.is_empty() {
            return Err("Parameter 'pattern' must not be empty".to_owned());
        }
        let (base, rest): (&[String], &str) = if text.starts_with('/') {
            (&[], text)
        } else if text == "~" || text.starts_with("~/") {
            (home, &text[1..])
        } else {
            (workspace, text)
        };
        let mut segments: Vec<Segment> = base.iter().cloned().map(Segment::Literal).collect();
        for (at, part) in rest.split('/').filter(|part| !part.is_empty()).enumerate() {
            let segment = Segment::read(part);
            match &segment {
                Segment::Literal(dot) if dot == "." && at == 0 && !text.starts_with(['/', '~']) => {
                }
                Segment::Literal(dots) if dots == "." || dots == ".." => {
                    return Err(format!(
                        "Invalid pattern '{text}'. Relative pathing '.' and '..' is not allowed."
                    ));
                }
                _ => segments.push(segment),
            }
        }
        Ok(Self {
            negate,
            directory: text.ends_with('/'),
            implicit: false,
            segments,
        })
    }

    fn descendants(&self) -> Self {
        let mut segments = self.segments.clone();
        segments.push(Segment::Globstar);
        Self {
            negate: self.negate,
            directory: false,
            implicit: true,
            segments,
        }
    }

    /// The literal beginning: nothing above it need be searched.
    pub fn search_path(&self) -> Vec<String> {
        let literal = |segment: &Segment| match segment {
            Segment::Literal(text) => Some(text.clone()),
            Segment::Globstar | Segment::Glob(_) => None,
        };
        self.segments.iter().map_while(literal).collect()
    }

    fn matches(&self, path: &[String]) -> Match {
        // A last `**` that somebody wrote also matches the directory that it stands in.
        let trailing = usize::from(self.implicit);
        let found = match_segments(&self.segments, path, false, trailing);
        Match {
            file: found && !self.directory,
            directory: found,
        }
    }

    /// Whether something below the path might match.
    fn may_match_below(&self, path: &[String]) -> bool {
        match_segments(&self.segments, path, true, 0)
    }
}

/// What all patterns, in their order, make of a path.
pub(super) fn matched(patterns: &[Pattern], path: &[String]) -> Match {
    let mut result = Match::default();
    for pattern in patterns {
        let found = pattern.matches(path);
        if pattern.negate {
            result.file &= !found.file;
            result.directory &= !found.directory;
        } else {
            result.file |= found.file;
            result.directory |= found.directory;
        }
    }
    result
}

pub(super) fn may_match_below(patterns: &[Pattern], path: &[String]) -> bool {
    patterns
        .iter()
        .any(|pattern| !pattern.negate && pattern.may_match_below(path))
}

/// Where to search, in pattern order, without what lies below another.
pub(super) fn search_paths(patterns: &[Pattern]) -> Vec<Vec<String>> {
    let positive = patterns.iter().filter(|pattern| !pattern.negate);
    let candidates: Vec<_> = positive.map(Pattern::search_path).collect();
    let mut found: Vec<Vec<String>> = Vec::new();
    for candidate in &candidates {
        let below_another = candidates
            .iter()
            .any(|other| other.len() < candidate.len() && candidate.starts_with(other));
        if !below_another && !found.contains(candidate) {
            found.push(candidate.clone());
        }
    }
    found
}

/// `trailing` is how many segments a last `**` needs; with `partial` the path may end early.
fn match_segments(segments: &[Segment], path: &[String], partial: bool, trailing: usize) -> bool {
    // Row by row over the path: which numbers of segments can be used up so far.
    let mut reach = vec![false; segments.len() + 1];
    reach[0] = true;
    spread(segments, &mut reach, trailing);
    for name in path {
        let mut next = vec![false; segments.len() + 1];
        for (at, segment) in segments.iter().enumerate() {
            if !reach[at] {
                continue;
            }
            match segment {
                Segment::Globstar => {
                    next[at] = true;
                    next[at + 1] = true;
                }
                segment => next[at + 1] |= segment.matches(name),
            }
        }
        spread(segments, &mut next, trailing);
        if !next.contains(&true) {
            return false;
        }
        reach = next;
    }
    partial || reach[segments.len()]
}

/// A `**` may stand for nothing.
fn spread(segments: &[Segment], reach: &mut [bool], trailing: usize) {
    for (at, segment) in segments.iter().enumerate() {
        let needs = if at + 1 == segments.len() {
            trailing
        } else {
            0
        };
        if reach[at] && *segment == Segment::Globstar && needs == 0 {
            reach[at + 1] = true;
        }
    }
}

impl Segment {
    fn read(text: &str) -> Self {
        if text == "**" {
            return Self::Globstar;
        }
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            let part = match c {
                '\\' => rest.next().map_or(Part::Char('\\'), Part::Char),
                '?' => Part::Any,
                '*' if parts.last() == Some(&Part::Star) => continue,
                '*' => Part::Star,
                '[' => match read_class(rest.as_str()) {
                    Some((part, length)) => {
                        rest = rest.as_str()[length..].chars();
                        part
                    }
                    None => Part::Char('['),
                },
                c => Part::Char(c),
            };
            parts.push(part);
        }
        let literal = |part: &Part| match part {
            Part::Char(c) => Some(*c),
            // A class of one is how a special character is written plainly.
            Part::Class(true, ranges) if ranges.len() == 1 && ranges[0].0 == ranges[0].1 => {
                Some(ranges[0].0)
            }
            _ => None,
        };
        match parts.iter().map(literal).collect() {
            Some(text) => Self::Literal(text),
            None => Self::Glob(parts),
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Globstar => true,
            Self::Literal(text) => same_name(text, name),
            Self::Glob(parts) => {
                let name: Vec<char> = name.chars().collect();
                match_parts(parts, &name)
            }
        }
    }
}

fn same_name(pattern: &str, name: &str) -> bool {
    pattern == name || (cfg!(windows) && pattern.to_lowercase() == name.to_lowercase())
}

/// Stars are tried again one character on where what follows them does not fit.
fn match_parts(parts: &[Part], name: &[char]) -> bool {
    let (mut at, mut from) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while from < name.len() {
        match parts.get(at) {
            Some(Part::Star) => {
                star = Some((at, from));
                at += 1;
            }
            Some(part) if part.fits(name[from]) => {
                at += 1;
                from += 1;
            }
            _ => {
                let Some((star_at, star_from)) = star else {
                    return false;
                };
                star = Some((star_at, star_from + 1));
                at = star_at + 1;
                from = star_from + 1;
            }
        }
    }
    parts[at..].iter().all(|part| *part == Part::Star)
}

impl Part {
    fn fits(&self, c: char) -> bool {
        match self {
            Self::Char(own) => {
                *own == c || (cfg!(windows) && own.to_lowercase().eq(c.to_lowercase()))
            }
            Self::Any | Self::Star => true,
            Self::Class(includes, ranges) => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) == *includes
            }
        }
    }
}

/// `abc]`, `!a-z]` → the class and its length; `None` if it is not closed.
fn read_class(text: &str) -> Option<(Part, usize)> {
    let mut chars = text.char_indices().peekable();
    let negated = chars.next_if(|(_, c)| matches!(c, '!' | '^')).is_some();
    let mut ranges: Vec<(char, char)> = Vec::new();
    let mut range_from: Option<char> = None;
    while let Some((at, mut c)) = chars.next() {
        if c == ']' && !(ranges.is_empty() && range_from.is_none()) {
            if let Some(low) = range_from {
                ranges.extend([(low, low), ('-', '-')]);
            }
            return Some((Part::Class(!negated, ranges), at + 1));
        }
        if c == '\\' {
            c = chars.next()?.1;
        }
        if let Some(low) = range_from.take() {
            ranges.push((low, c));
        } else if chars.peek().is_some_and(|(_, next)| *next == '-') {
            chars.next();
            range_from = Some(c);
        } else {
            ranges.push((c, c));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(path: &str) -> Vec<String> {
        path.split('/')
            .filter(|p| !p.is_empty())
            .map(str::to_owned)
            .collect()
    }

    fn file(patterns: &str, path: &str) -> bool {
        let patterns = read(patterns, &split("/w"), &split("/home/me")).unwrap();
        matched(&patterns, &split(path)).file
    }

    #[test]
    fn e52_patterns_match_as_they_read() {
        assert!(file("**/*.lock", "/w/a/b/x.lock"));
        assert!(file("**/*.lock", "/w/.x.lock"));
        assert!(!file("*.lock", "/w/a/x.lock"));
        assert!(file("a?c", "/w/abc"));
        assert!(file("[a-c]x[!0-9]", "/w/bxy"));
        assert!(!file("[a-c]x[!0-9]", "/w/bx1"));
        assert!(file("a[[]b", "/w/a[b"));
        assert!(file(r"a\*b", "/w/a*b"));
        assert!(!file(r"a\*b", "/w/axb"));
        assert!(file("dir", "/w/dir/deep/file"));
        assert!(file("dir/", "/w/dir/file"));
        assert!(!file("dir/", "/w/dir"));
        assert!(file("./a", "/w/a"));
        assert!(file("~/a", "/home/me/a"));
        assert!(file("/w/a/**", "/w/a/b"));
        assert!(!file("a{b,c}", "/w/ab"));
        assert!(file("# no\n\n a ", "/w/a"));
    }

    #[test]
    fn e53_negation_is_in_order() {
        assert!(!file("**\n!a", "/w/a"));
        assert!(file("!a\n**", "/w/a"));
        assert!(file("**\n!a/**\na/keep", "/w/a/keep"));
        assert!(file("!!a", "/w/a"));
    }

    #[test]
    fn e53_searches_literal_beginnings() {
        let patterns = read("b/*.x\na/b/c\na/**\n!z\nb", &split("/w"), &[]).unwrap();
        assert_eq!(search_paths(&patterns), [split("/w/b"), split("/w/a")]);
    }

    #[test]
    fn e52_dots_are_refused() {
        for bad in ["../a", "a/../b", "a/./b", "!"] {
            assert!(read(bad, &split("/w"), &[]).is_err(), "{bad}");
        }
    }
}
