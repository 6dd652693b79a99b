//! The refs and the history that a checkout leaves, as the action's fetch makes them.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs;

use git2::{Oid, Reference};

use super::Result;
use super::checkout::Target;
use super::refs::{self, Wanted};
use super::source::Source;

/// Where HEAD points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    /// A local branch that tracks the one of the same name of `origin`.
    Branch(String),
    Detached,
}

/// Refs, HEAD and the border of the history.
#[derive(Debug)]
pub(super) struct History {
    pub commit: Oid,
    pub head: Head,
    /// All but the local branch.
    pub refs: BTreeMap<String, Oid>,
    /// Commits whose parents are not there.
    pub shallow: Vec<Oid>,
}

impl History {
    /// `depth` 0 is all: every branch and tag.
    pub(super) fn of(
        source: &Source,
        wanted: &Wanted,
        target: &Target,
        depth: u32,
        tags: bool,
    ) -> Result<Self> {
        let mut refs = BTreeMap::new();
        if depth == 0 {
            branches(source, target, &mut refs)?;
        }
        if depth == 0 || tags {
            tags_of(source, &mut refs)?;
        }
        let head = own_ref(source, wanted, &mut refs);
        let cut: HashSet<Oid> = user_shallow(source);
        let shallow = if depth == 0 {
            cut.into_iter().collect()
        } else {
            let tips = refs.values().copied().chain([wanted.commit]);
            let tips = tips.filter_map(|oid| peel(source, oid));
            border(source, tips, depth, &cut)
        };
        Ok(Self {
            commit: wanted.commit,
            head,
            refs,
            shallow,
        })
    }

    /// Only a commit, as a submodule is left.
    pub(super) fn detached(source: &Source, commit: Oid, depth: u32) -> Self {
        let cut = user_shallow(source);
        let shallow = if depth == 0 {
            cut.into_iter().collect()
        } else {
            border(source, [commit].into_iter(), depth, &cut)
        };
        Self {
            commit,
            head: Head::Detached,
            refs: BTreeMap::new(),
            shallow,
        }
    }
}

fn branches(source: &Source, target: &Target, found: &mut BTreeMap<String, Oid>) -> Result<()> {
    let remote = format!("refs/remotes/{}/", target.remote_name);
    for prefix in ["refs/heads/", remote.as_str()] {
        for (name, _) in matching(source, prefix)? {
            if name == "HEAD" {
                continue;
            }
            if let Some(tip) = refs::branch_tip(source, &name, &target.remote_name) {
                found.insert(format!("refs/remotes/origin/{name}"), tip);
            }
        }
    }
    Ok(())
}

fn tags_of(source: &Source, refs: &mut BTreeMap<String, Oid>) -> Result<()> {
    for (name, oid) in matching(source, "refs/tags/")? {
        refs.insert(format!("refs/tags/{name}"), oid);
    }
    Ok(())
}

fn matching(source: &Source, prefix: &str) -> Result<Vec<(String, Oid)>> {
    let found = source
        .repo
        .references_glob(&format!("{prefix}*"))
        .map_err(source.error())?;
    let mut refs = Vec::new();
    for reference in found.flatten() {
        let oid = reference.target().or_else(|| {
            reference
                .resolve()
                .ok()
                .and_then(|resolved| resolved.target())
        });
        if let (Ok(name), Some(oid)) = (reference.name(), oid)
            && let Some(short) = name.strip_prefix(prefix)
        {
            refs.push((short.to_owned(), oid));
        }
    }
    Ok(refs)
}

/// The ref that the fetch of the wanted commit writes.
fn own_ref(source: &Source, wanted: &Wanted, refs: &mut BTreeMap<String, Oid>) -> Head {
    let name = &wanted.name;
    if !Reference::is_valid_name(name) {
        return Head::Detached;
    }
    if let Some(branch) = name.strip_prefix("refs/heads/") {
        refs.insert(format!("refs/remotes/origin/{branch}"), wanted.commit);
        return Head::Branch(branch.to_owned());
    }
    if let Some(pull) = name.strip_prefix("refs/pull/") {
        refs.insert(format!("refs/remotes/pull/{pull}"), wanted.commit);
    } else if name.starts_with("refs/tags/") {
        // An annotated tag stays one: `git describe` asks for it.
        let tag = source
            .repo
            .find_reference(name)
            .ok()
            .and_then(|reference| reference.target())
            .filter(|oid| peel(source, *oid) == Some(wanted.commit));
        refs.insert(name.clone(), tag.unwrap_or(wanted.commit));
    }
    Head::Detached
}

fn peel(source: &Source, oid: Oid) -> Option<Oid> {
    let object = source.repo.find_object(oid, None).ok()?;
    Some(object.peel_to_commit().ok()?.id())
}

/// Where the user's own clone ends.
fn user_shallow(source: &Source) -> HashSet<Oid> {
    fs::read_to_string(source.repo.commondir().join("shallow"))
        .unwrap_or_default()
        .lines()
        .filter_map(|line| Oid::from_str(line.trim()).ok())
        .collect()
}

/// The commits at `depth` from the nearest tip that have parents, and the user's own cuts before.
fn border(
    source: &Source,
    tips: impl Iterator<Item = Oid>,
    depth: u32,
    cut: &HashSet<Oid>,
) -> Vec<Oid> {
    let mut distance: HashMap<Oid, u32> = HashMap::new();
    let mut queue: VecDeque<Oid> = VecDeque::new();
    for tip in tips {
        if distance.insert(tip, 1).is_none() {
            queue.push_back(tip);
        }
    }
    let mut border = Vec::new();
    while let Some(at) = queue.pop_front() {
        let far = distance.get(&at).copied().unwrap_or(1);
        if cut.contains(&at) {
            border.push(at);
            continue;
        }
        let Ok(commit) = source.repo.find_commit(at) else {
            continue;
        };
        if far >= depth {
            if commit.parent_count() > 0 {
                border.push(at);
            }
            continue;
        }
        for parent in commit.parent_ids() {
            distance.entry(parent).or_insert_with(|| {
                queue.push_back(parent);
                far + 1
            });
        }
    }
    border.sort_unstable();
    border
}
