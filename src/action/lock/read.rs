//! The lock file's text → [`Lock`]: anything that GitHub's form does not have is refused with its place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::pin::{Pin, is_full_sha};
use super::{Dependency, Lock, Place, VERSION};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::workflow::core_schema::Literal;
use crate::workflow::yaml::{self, Node, NodeKind};

/// GitHub's tool refuses larger files.
const MAX_SIZE: usize = 1 << 20;
const UNTOUCHED: &str =
    "the file is left as it is: restore it from git, or remove it and run `lrun lock`";

/// Reads the file, or says all that is wrong with it.
pub fn read(source: &Arc<SourceFile>) -> Result<Lock, Vec<Diagnostic>> {
    if source.text.len() > MAX_SIZE {
        return Err(vec![
            Diagnostic::error(
                "lock-size",
                format!("The lock file is larger than {MAX_SIZE} bytes"),
            )
            .at(source, Span::default())
            .help(UNTOUCHED),
        ]);
    }
    let mut reader = Reader {
        source,
        lock: Lock {
            source: Some(Arc::clone(source)),
            ..Lock::default()
        },
        diagnostics: Vec::new(),
    };
    match yaml::parse(source, yaml::MAX_DEPTH) {
        Ok(root) => reader.file(&root),
        Err(error) if error.code == "empty-file" => reader.no_version(Span::default()),
        Err(error) => return Err(vec![error.help(UNTOUCHED)]),
    }
    if reader.diagnostics.is_empty() {
        reader.cycles();
    }
    if reader.diagnostics.is_empty() {
        Ok(reader.lock)
    } else {
        Err(reader.diagnostics)
    }
}

struct Reader<'a> {
    source: &'a Arc<SourceFile>,
    lock: Lock,
    diagnostics: Vec<Diagnostic>,
}

/// A key of a mapping with its value.
struct Entry<'n> {
    key: &'n str,
    span: Span,
    value: &'n Node,
}

impl Reader<'_> {
    fn error(&mut self, code: &'static str, message: impl Into<String>, span: Span) {
        let diagnostic = Diagnostic::error(code, message).at(self.source, span);
        self.diagnostics.push(diagnostic.help(UNTOUCHED));
    }

    fn no_version(&mut self, span: Span) {
        self.error("lock-version", "The lock file has no `version`", span);
    }

    fn file(&mut self, root: &Node) {
        let entries = self.mapping(root, "The lock file");
        let Some(version) = entries.iter().find(|entry| entry.key == "version") else {
            if self.diagnostics.is_empty() {
                self.no_version(root.span);
            }
            return;
        };
        if !self.is_known_version(version.value) {
            return;
        }
        for entry in entries {
            match entry.key {
                "version" => {}
                "workflows" => self.workflows(entry.value),
                "dependencies" => self.dependencies(entry.value),
                other => self.error(
                    "lock-unknown-key",
                    format!("The lock file has the unknown key `{other}`"),
                    entry.span,
                ),
            }
        }
    }

    fn is_known_version(&mut self, node: &Node) -> bool {
        let text = match &node.kind {
            NodeKind::Scalar(Literal::String(text)) if text == VERSION => return true,
            NodeKind::Scalar(_) => self.raw(node),
            _ => String::new(),
        };
        let diagnostic = Diagnostic::error(
            "lock-version",
            format!("The lock file has the version '{text}'; only {VERSION} is known"),
        )
        .at(self.source, node.span);
        self.diagnostics.push(if is_newer(&text) {
            diagnostic.help(
                "a newer tool wrote it: update lrun; the file is neither used nor overwritten",
            )
        } else {
            diagnostic.help(UNTOUCHED)
        });
        false
    }

    /// The pairs of a mapping; nothing at all is an empty one.
    fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> Vec<Entry<'n>> {
        let pairs = match &node.kind {
            NodeKind::Mapping(pairs) => pairs.as_slice(),
            NodeKind::Scalar(Literal::Null) => &[],
            _ => {
                self.error(
                    "lock-value",
                    format!("{what} has to be a mapping"),
                    node.span,
                );
                &[]
            }
        };
        let mut entries: Vec<Entry<'n>> = Vec::new();
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for (key, value) in pairs {
            let NodeKind::Scalar(Literal::String(text)) = &key.kind else {
                self.error(
                    "lock-value",
                    format!("A key of {} has to be text", lower(what)),
                    key.span,
                );
                continue;
            };
            if let Some(first) = seen.insert(text, key.span) {
                let line = self.source.position(first.start).line;
                self.error(
                    "lock-duplicate",
                    format!("`{text}` stands here twice; first in line {line}"),
                    key.span,
                );
                continue;
            }
            entries.push(Entry {
                key: text,
                span: key.span,
                value,
            });
        }
        entries
    }

    fn workflows(&mut self, node: &Node) {
        for entry in self.mapping(node, "`workflows`") {
            if let Some(reason) = unsafe_path(entry.key) {
                self.error(
                    "lock-path",
                    format!("`{}` is no path of a workflow: {reason}", entry.key),
                    entry.span,
                );
            }
            let pins = self.pins(entry.value, &format!("`{}`", entry.key));
            let workflow = entry.key.to_owned();
            for (pin, span) in &pins {
                let place = Place::Listed(workflow.clone(), pin.clone());
                self.lock.places.insert(place, *span);
            }
            self.lock
                .places
                .insert(Place::Workflow(workflow.clone()), entry.span);
            let pins = pins.into_iter().map(|(pin, _)| pin).collect();
            self.lock.workflows.insert(workflow, pins);
        }
    }

    fn dependencies(&mut self, node: &Node) {
        for entry in self.mapping(node, "`dependencies`") {
            let Some(pin) = self.pin(entry.key, entry.span) else {
                continue;
            };
            let Some(dependency) = self.dependency(&pin, &entry) else {
                continue;
            };
            let same = self.lock.dependencies.get(&pin);
            if same.is_some_and(|same| *same != dependency) {
                self.error(
                    "lock-duplicate",
                    format!("`{pin}` has two entries that differ"),
                    entry.span,
                );
                continue;
            }
            self.lock
                .places
                .insert(Place::Dependency(pin.clone()), entry.span);
            self.lock.dependencies.insert(pin, dependency);
        }
    }

    fn dependency(&mut self, pin: &Pin, entry: &Entry<'_>) -> Option<Dependency> {
        let what = format!("`{pin}`");
        if matches!(entry.value.kind, NodeKind::Scalar(Literal::Null)) {
            self.error(
                "lock-value",
                format!("{what} has to be a mapping"),
                entry.value.span,
            );
            return None;
        }
        let before = self.diagnostics.len();
        let mut fields: BTreeMap<&str, &Node> = BTreeMap::new();
        for field in self.mapping(entry.value, &what) {
            if matches!(
                field.key,
                "ref" | "commit" | "owner_id" | "repo_id" | "uses"
            ) {
                fields.insert(field.key, field.value);
            } else {
                self.error(
                    "lock-unknown-key",
                    format!("{what} has the unknown key `{}`", field.key),
                    field.span,
                );
            }
        }
        if self.diagnostics.len() > before {
            return None;
        }
        for key in ["ref", "commit", "owner_id", "repo_id"] {
            if !fields.contains_key(key) {
                self.error(
                    "lock-missing-key",
                    format!("{what} has no `{key}`"),
                    entry.span,
                );
            }
        }
        let git_ref = self.git_ref(pin, fields.get("ref")?);
        let commit = self.commit(pin, fields.get("commit")?);
        let owner_id = self.id(&what, "owner_id", fields.get("owner_id")?);
        let repo_id = self.id(&what, "repo_id", fields.get("repo_id")?);
        let mut uses = Vec::new();
        if let Some(node) = fields.get("uses") {
            for (used, span) in self.pins(node, &format!("`uses` of {what}")) {
                let place = Place::Uses(pin.clone(), used.clone());
                self.lock.places.insert(place, span);
                uses.push(used);
            }
        }
        Some(Dependency {
            git_ref: git_ref?,
            commit: commit?,
            owner_id: owner_id?,
            repo_id: repo_id?,
            uses,
        })
    }

    /// That of the pin; under a sha the name that it was found by.
    fn git_ref(&mut self, pin: &Pin, node: &Node) -> Option<String> {
        let text = self.scalar(node).unwrap_or_default();
        if text.is_empty() {
            self.error(
                "lock-value",
                format!("`ref` of `{pin}` has to be a ref"),
                node.span,
            );
            return None;
        }
        if text != pin.git_ref() && !pin.is_sha() {
            self.error(
                "lock-value",
                format!("`ref` of `{pin}` is '{text}', not that of its pin"),
                node.span,
            );
            return None;
        }
        Some(text)
    }

    fn commit(&mut self, pin: &Pin, node: &Node) -> Option<String> {
        let text = self.scalar(node).unwrap_or_default().to_lowercase();
        let sha = match text.split_once('-') {
            Some(("sha1", sha)) if sha.len() == 40 && is_full_sha(sha) => sha,
            Some(("sha256", sha)) if sha.len() == 64 && is_full_sha(sha) => sha,
            _ => {
                self.error(
                    "lock-value",
                    format!("`commit` of `{pin}` has to be `sha1-` and 40 hexadecimal digits"),
                    node.span,
                );
                return None;
            }
        };
        if pin.is_sha() && !pin.git_ref().eq_ignore_ascii_case(sha) {
            self.error(
                "lock-value",
                format!("`commit` of `{pin}` is another one than its pin names"),
                node.span,
            );
            return None;
        }
        Some(text)
    }

    fn id(&mut self, what: &str, key: &str, node: &Node) -> Option<u64> {
        if let NodeKind::Scalar(Literal::Number(_)) = node.kind
            && let Ok(id) = self.raw(node).parse::<u64>()
            && id > 0
            && i64::try_from(id).is_ok()
        {
            return Some(id);
        }
        self.error(
            "lock-value",
            format!("`{key}` of {what} has to be a positive whole number"),
            node.span,
        );
        None
    }

    fn pins(&mut self, node: &Node, what: &str) -> Vec<(Pin, Span)> {
        let items = match &node.kind {
            NodeKind::Sequence(items) => items.as_slice(),
            NodeKind::Scalar(Literal::Null) => &[],
            _ => {
                self.error(
                    "lock-value",
                    format!("{what} has to be a list of pins"),
                    node.span,
                );
                &[]
            }
        };
        let mut pins = Vec::new();
        for item in items {
            let text = self.scalar(item).unwrap_or_default();
            if let Some(pin) = self.pin(&text, item.span) {
                pins.push((pin, item.span));
            }
        }
        pins
    }

    fn pin(&mut self, text: &str, span: Span) -> Option<Pin> {
        let pin = text.parse();
        if pin.is_err() {
            self.error(
                "lock-pin",
                format!("`{text}` is no pin: expected OWNER/REPO@REF"),
                span,
            );
        }
        pin.ok()
    }

    /// The text of a scalar; a plain one that YAML takes for a number counts as written.
    fn scalar(&self, node: &Node) -> Option<String> {
        match &node.kind {
            NodeKind::Scalar(Literal::String(text)) => Some(text.clone()),
            NodeKind::Scalar(Literal::Number(_) | Literal::Bool(_)) => Some(self.raw(node)),
            _ => None,
        }
    }

    fn raw(&self, node: &Node) -> String {
        self.source.text[node.span.start..node.span.end]
            .trim_matches(['\'', '"'])
            .to_owned()
    }

    /// `uses` that lead back to where they came from would never end.
    fn cycles(&mut self) {
        let found = self.lock.cycle().map(|pin| {
            let span = self.lock.places.get(&Place::Dependency(pin.clone()));
            (pin.clone(), span.copied().unwrap_or_default())
        });
        if let Some((pin, span)) = found {
            self.error(
                "lock-cycle",
                format!("The `uses` of `{pin}` lead back to it"),
                span,
            );
        }
    }
}

fn lower(what: &str) -> String {
    what.replacen("The", "the", 1)
}

fn is_newer(version: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<u64>> {
        let parts = text.strip_prefix('v').unwrap_or(text).split('.');
        parts.map(|part| part.parse().ok()).collect()
    };
    numbers(version).is_some_and(|numbers_of| Some(numbers_of) > numbers(VERSION))
}

/// Why a key of `workflows` can not be a file of the repository.
fn unsafe_path(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        Some("it is empty")
    } else if path.starts_with('/') {
        Some("it has to be relative to the root")
    } else if path.contains(|c: char| c.is_control() || matches!(c, '\\' | ':')) {
        Some("it has a character that no such path has")
    } else if path.split('/').any(|part| part == "..") {
        Some("it leaves the root")
    } else {
        None
    }
}
