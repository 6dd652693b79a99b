//! What was found out → the lock: ids, lists of the workflows, entries.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::complete::{Node, Work};
use super::pin::{Pin, Version};
use super::source::Ids;
use super::uses::{RemoteUse, WorkflowUses};
use super::want::each;
use super::{Dependency, Lock};
use crate::diagnostic::{Diagnostic, Severity};

/// A tag younger than this may still be taken back.
const FRESH: i64 = 3 * 24 * 60 * 60;

impl Work<'_> {
    /// The ids of every repository: those of the file, else the API's.
    pub fn ids(&mut self) -> BTreeMap<String, Ids> {
        let mut known: BTreeMap<String, Ids> = BTreeMap::new();
        for (pin, dependency) in &self.completion.old.dependencies {
            let ids = Ids {
                owner: dependency.owner_id,
                repo: dependency.repo_id,
            };
            known.entry(pin.repository().to_owned()).or_insert(ids);
        }
        let mut missing: BTreeMap<&str, &Node> = BTreeMap::new();
        for (pin, node) in &self.nodes {
            if !known.contains_key(pin.repository()) {
                missing.entry(pin.repository()).or_insert(node);
            }
        }
        let missing: Vec<(&str, &Node)> = missing.into_iter().collect();
        let source = self.completion.ids;
        let answers = each(&missing, |(_, node)| source.ids(&node.repository));
        for ((name, node), answer) in missing.iter().zip(answers) {
            match answer {
                Ok(ids) => _ = known.insert((*name).to_owned(), ids),
                Err(error) => {
                    let message =
                        format!("The ids of `{}` can not be had: {error}", node.repository);
                    self.problems.push(node.want.problem("no-ids", message));
                }
            }
        }
        known
    }

    pub fn lock(&self, onboarded: &[&WorkflowUses], ids: &BTreeMap<String, Ids>) -> Lock {
        let mut lock = Lock::default();
        if !self.completion.is_whole {
            lock.workflows = self.completion.old.workflows.clone();
            lock.dependencies = self.completion.old.dependencies.clone();
        }
        let keys: HashSet<&str> = onboarded
            .iter()
            .map(|workflow| workflow.path.as_str())
            .chain(lock.workflows.keys().map(String::as_str))
            .collect();
        let lists: Vec<(String, Vec<Pin>)> = onboarded
            .iter()
            .map(|workflow| {
                // A called workflow that is onboarded itself has its own list.
                let own = |remote: &&RemoteUse| {
                    let through = remote.through.as_deref();
                    through.is_none_or(|through| !keys.contains(through))
                };
                let pins: BTreeSet<Pin> = workflow
                    .remote
                    .iter()
                    .filter(own)
                    .map(RemoteUse::pin)
                    .collect();
                (workflow.path.clone(), pins.into_iter().collect())
            })
            .collect();
        lock.workflows.extend(lists);
        for (pin, node) in &self.nodes {
            let ids = ids[pin.repository()];
            let mut uses = node.uses.clone();
            // Folders that only workflows outside this round use were not looked into.
            if !self.completion.is_whole
                && let Some(kept) = self.kept(pin)
            {
                uses.extend(kept.uses.iter().cloned());
            }
            let algorithm = if node.sha.len() == 64 {
                "sha256"
            } else {
                "sha1"
            };
            lock.dependencies.insert(
                pin.clone(),
                Dependency {
                    git_ref: node.git_ref.clone(),
                    commit: format!("{algorithm}-{}", node.sha),
                    owner_id: ids.owner,
                    repo_id: ids.repo,
                    uses: uses.into_iter().collect(),
                },
            );
        }
        let live: HashSet<Pin> = lock
            .closure(lock.workflows.values().flatten())
            .into_keys()
            .cloned()
            .collect();
        lock.dependencies.retain(|pin, _| live.contains(pin));
        lock
    }

    /// Names the tags locked just now that are very young.
    pub fn fresh_tags(&mut self) {
        let young: Vec<(&Pin, &Node)> = self
            .nodes
            .iter()
            .filter(|(_, node)| node.is_fresh && Version::of(&node.git_ref).is_some())
            .collect();
        let completion = self.completion;
        let dates = each(&young, |(_, node)| {
            completion
                .manifests
                .committed_at(&node.repository, &node.sha)
        });
        for ((pin, node), date) in young.into_iter().zip(dates) {
            let age = date.ok().flatten().map(|date| completion.now - date);
            if age.is_some_and(|age| age < FRESH) {
                let message = format!("`{pin}` was made less than three days ago");
                let note = Diagnostic::new(Severity::Note, "fresh-tag", message);
                self.notes.push(note.at(&node.want.file, node.want.span));
            }
        }
    }
}
