//! Whether the lock covers what a workflow uses; findings carry GitHub's names.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::pin::{Pin, Version};
use super::uses::{LocalUse, RemoteUse, WorkflowUses};
use super::{Lock, PATH, Place};
use crate::diagnostic::{Diagnostic, Severity};

const MEND: &str = "run `lrun lock`, and commit .github/workflows/actions.lock";

impl Lock {
    /// Pins, all that their `uses` lead to, and by which pin each was reached.
    pub(super) fn closure<'l>(
        &'l self,
        pins: impl Iterator<Item = &'l Pin>,
    ) -> BTreeMap<&'l Pin, Option<&'l Pin>> {
        let mut closure = BTreeMap::new();
        let mut waiting: Vec<(&Pin, Option<&Pin>)> = pins.map(|pin| (pin, None)).collect();
        while let Some((pin, by)) = waiting.pop() {
            if closure.contains_key(pin) {
                continue;
            }
            closure.insert(pin, by);
            if let Some(dependency) = self.dependencies.get(pin) {
                waiting.extend(dependency.uses.iter().map(|used| (used, Some(pin))));
            }
        }
        closure
    }

    /// A pin whose `uses` lead back to it.
    pub(super) fn cycle(&self) -> Option<&Pin> {
        // Pins without incoming `uses` are taken away until none is left; what stays holds a circle.
        let mut incoming: BTreeMap<&Pin, usize> =
            self.dependencies.keys().map(|pin| (pin, 0)).collect();
        for used in self.dependencies.values().flat_map(|it| &it.uses) {
            if let Some(count) = incoming.get_mut(used) {
                *count += 1;
            }
        }
        let mut free: Vec<&Pin> = incoming
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(pin, _)| *pin)
            .collect();
        while let Some(pin) = free.pop() {
            incoming.remove(pin);
            for used in &self.dependencies[pin].uses {
                if let Some(count) = incoming.get_mut(used) {
                    *count -= 1;
                    if *count == 0 {
                        free.push(used);
                    }
                }
            }
        }
        // Whoever is left is used by one that is left: going back often enough ends inside a circle.
        let mut pin = *incoming.keys().next()?;
        for _ in 0..incoming.len() {
            pin = incoming
                .keys()
                .find(|user| self.dependencies[*user].uses.contains(pin))?;
        }
        Some(pin)
    }

    /// All of a workflow: what must be mended before it runs, then what is merely worth a word.
    pub fn check_workflow(&self, uses: &WorkflowUses) -> Vec<Diagnostic> {
        let mut found = uses.problems.clone();
        found.extend(uses.local.iter().map(|local| self.local(&uses.path, local)));
        // One that can not be locked lacks no pins.
        if !uses.local.is_empty() && !self.is_onboarded(&uses.path) {
            return found;
        }
        found.extend(self.check(&uses.path, &uses.remote));
        found.extend(self.stale(uses));
        found
    }

    /// What a run is held up or warned by: [`Self::check_workflow`] without what is for those who keep the file.
    /// `required`: the user asks it of workflows that are not onboarded, too.
    pub fn check_before_run(&self, uses: &WorkflowUses, required: bool) -> Vec<Diagnostic> {
        let mut found = uses.problems.clone();
        let held = required || self.is_onboarded(&uses.path);
        let local = uses.local.iter().filter(|_| held);
        found.extend(local.map(|local| Diagnostic {
            severity: Severity::Error,
            ..self.local(&uses.path, local)
        }));
        let checked = self.check(&uses.path, &uses.remote);
        found.extend(
            checked
                .into_iter()
                .filter(|one| one.severity > Severity::Note),
        );
        found
    }

    /// Whether each of these `uses`, of the workflow or of an action that it came to, runs a locked commit.
    pub fn check(&self, workflow: &str, uses: &[RemoteUse]) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut roots: BTreeSet<&Pin> = BTreeSet::new();
        for remote in uses {
            let listed = self.listed(workflow, remote.through.as_deref());
            let pin = remote.pin();
            let closure = self.closure(listed.iter().copied());
            let covered = closure.get_key_value(&pin).map(|(pin, _)| *pin);
            match covered.filter(|pin| self.dependencies.contains_key(pin)) {
                Some(covered) => {
                    roots.insert(covered);
                    found.extend(note(remote));
                }
                None if remote.is_sha() => found.push(bare(remote)),
                None => found.push(uncovered(remote, &listed)),
            }
        }
        found.extend(self.open_ends(&roots));
        found
    }

    /// Pins of the workflow, and of the called one that says the `uses`.
    fn listed(&self, workflow: &str, through: Option<&str>) -> Vec<&Pin> {
        let lists = [Some(workflow), through].into_iter().flatten();
        lists
            .filter_map(|path| self.workflows.get(path))
            .flatten()
            .collect()
    }

    /// `uses` of locked actions that have no entry of their own.
    fn open_ends(&self, roots: &BTreeSet<&Pin>) -> Vec<Diagnostic> {
        let closure = self.closure(roots.iter().copied());
        let mut found = Vec::new();
        for (pin, by) in closure {
            let Some(by) = by.filter(|_| !self.dependencies.contains_key(pin)) else {
                continue;
            };
            let diagnostic = if pin.is_sha() {
                Diagnostic::warning(
                    "sha-as-ref",
                    format!("`{pin}`, used by `{by}`, is a bare commit without a pin"),
                )
            } else {
                Diagnostic::error(
                    "not-pinned",
                    format!("`{pin}`, used by `{by}`, is not pinned in the lock file"),
                )
            };
            let place = Place::Uses(by.clone(), pin.clone());
            found.push(self.at(diagnostic, &place).help(MEND));
        }
        found
    }

    pub(super) fn local(&self, workflow: &str, local: &LocalUse) -> Diagnostic {
        let (severity, message) = if self.is_onboarded(workflow) {
            (
                Severity::Error,
                format!(
                    "`{}` is an action of the workspace: a workflow that uses one can not stand in the lock file",
                    local.text
                ),
            )
        } else {
            (
                Severity::Warning,
                format!(
                    "`{}` is an action of the workspace: {workflow} can not be locked",
                    local.text
                ),
            )
        };
        Diagnostic::new(severity, "local-action", message)
            .at(&local.file, local.span)
            .help(format!(
                "an action of the own repository is locked by itself as `{}`",
                local.text.replacen("./", "$/", 1)
            ))
    }

    /// Pins of the workflow that nothing leads to any more.
    fn stale(&self, uses: &WorkflowUses) -> Vec<Diagnostic> {
        let listed = self.listed(&uses.path, None);
        let named: HashSet<Pin> = uses.remote.iter().map(RemoteUse::pin).collect();
        let by_commit = |pin: &Pin| {
            self.dependencies.get(pin).is_some_and(|dependency| {
                uses.remote.iter().any(|remote| {
                    remote.git_ref.eq_ignore_ascii_case(dependency.sha())
                        && remote.pin().repository() == pin.repository()
                })
            })
        };
        let roots = listed
            .iter()
            .copied()
            .filter(|pin| named.contains(*pin) || by_commit(pin));
        let live = self.closure(roots);
        listed
            .iter()
            .filter(|pin| !live.contains_key(**pin))
            .map(|pin| {
                let place = Place::Listed(uses.path.clone(), (*pin).clone());
                let message = format!("`{pin}` is pinned, but {} does not use it", uses.path);
                self.at(Diagnostic::warning("stale", message), &place)
                    .help("run `lrun lock` to drop it")
            })
            .collect()
    }

    /// Workflows of the file that are no more.
    pub fn stale_workflows(&self, exists: impl Fn(&str) -> bool) -> Vec<Diagnostic> {
        let gone = self.workflows.keys().filter(|path| !exists(path));
        gone.map(|path| {
            let message = format!("There is no workflow {path} any more");
            let place = Place::Workflow(path.clone());
            self.at(
                Diagnostic::new(Severity::Note, "stale-workflow", message),
                &place,
            )
            .help("run `lrun lock` to drop it")
        })
        .collect()
    }
}

/// Pinned, but by a ref that says little.
fn note(remote: &RemoteUse) -> Option<Diagnostic> {
    let (code, message) = if remote.is_sha() {
        (
            "sha-as-ref",
            format!("`{}` names a bare commit, no version", remote.text()),
        )
    } else if Version::of(&remote.git_ref).is_some_and(Version::is_full) {
        return None;
    } else {
        (
            "version-ref",
            format!("`{}` is a ref that may move", remote.text()),
        )
    };
    let note = Diagnostic::new(Severity::Note, code, message).at(&remote.file, remote.span);
    Some(note.help("a whole version, like v4.2.1, names one commit for good"))
}

fn bare(remote: &RemoteUse) -> Diagnostic {
    let message = format!("`{}` is a bare commit without a pin", remote.text());
    Diagnostic::warning("sha-as-ref", message)
        .at(&remote.file, remote.span)
        .help(MEND)
}

fn uncovered(remote: &RemoteUse, listed: &[&Pin]) -> Diagnostic {
    let pin = remote.pin();
    let other = listed
        .iter()
        .find(|other| other.repository() == pin.repository() && other.git_ref() != pin.git_ref());
    let diagnostic = match other {
        Some(other) => Diagnostic::error(
            "ref-changed",
            format!(
                "`{}` is not what the lock file pins: that is '{}'",
                remote.text(),
                other.git_ref()
            ),
        ),
        None => Diagnostic::error(
            "not-pinned",
            format!("`{}` is not pinned in {PATH}", remote.text()),
        ),
    };
    let diagnostic = diagnostic.at(&remote.file, remote.span).help(MEND);
    match other {
        Some(other) => diagnostic.help(format!("or go back to `@{}`", other.git_ref())),
        None => diagnostic,
    }
}
