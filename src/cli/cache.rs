//! `lrun cache`: what actions/cache keeps on this machine.

use indexmap::IndexMap;
use indicatif::DecimalBytes;
use serde_json::{Value, json};

use super::artifacts::when;
use super::environment::Environment;
use super::error::CliError;
use super::list::{aligned, plain};
use super::near::nearest;
use super::project;
use super::settings::Settings;
use crate::server::cache::nearest::{Difference, Near, nearest as nearest_entries};
use crate::server::cache::store::{Entry, Miss, Store, total};

const WORDS: [&str; 5] = ["list", "rm", "clear", "stats", "why"];
/// Entries that an explanation shows.
const MOST_NEAR: usize = 3;

/// Does what the words ask for; gives the text, or JSON.
pub fn run(
    settings: &Settings,
    environment: &Environment,
    words: &[String],
) -> Result<String, CliError> {
    let view = View {
        settings,
        store: Store::new(settings.services.caches.clone(), settings.services.limits),
        project: if settings.all {
            None
        } else {
            Some(project::key_of(settings, environment)?)
        },
    };
    let (word, rest) = words
        .split_first()
        .map_or(("list", words), |(word, rest)| (word.as_str(), rest));
    let takes_keys = matches!(word, "rm" | "why");
    if let (false, Some(extra)) = (takes_keys, rest.first()) {
        return Err(CliError::new(format!(
            "`lrun cache {word}` does not take the word `{extra}`"
        )));
    }
    match word {
        "list" => Ok(view.list()),
        "rm" => view.remove(rest),
        "clear" => view.clear(),
        "stats" => Ok(view.stats()),
        "why" => view.why(environment, rest),
        other => Err(CliError::new(format!(
            "`lrun cache {other}`: expected {}",
            WORDS.join(", ")
        ))
        .did_you_mean(nearest(other, WORDS))),
    }
}

struct View<'s> {
    settings: &'s Settings,
    store: Store,
    /// None: of all repositories.
    project: Option<String>,
}

impl View<'_> {
    /// The entries that are meant, the last used first.
    fn entries(&self) -> Vec<Entry> {
        let mut all = self.store.all();
        if let Some(project) = &self.project {
            all.retain(|entry| entry.project == *project);
        }
        all.reverse();
        all
    }

    fn list(&self) -> String {
        let all = self.entries();
        if self.settings.json {
            let all: Vec<Value> = all.iter().map(about).collect();
            return format!("{:#}\n", Value::Array(all));
        }
        if all.is_empty() {
            return "no caches\n".to_owned();
        }
        let mut head = vec!["KEY", "SIZE", "REF", "CREATED", "USED", "VERSION", "ID"];
        if self.project.is_none() {
            head.push("REPOSITORY");
        }
        let mut rows = vec![head.into_iter().map(str::to_owned).collect::<Vec<_>>()];
        rows.extend(all.iter().map(|entry| {
            let mut row = vec![
                entry.key.clone(),
                DecimalBytes(entry.size).to_string(),
                entry.scope.clone(),
                when(entry.created),
                when(entry.used),
                short(&entry.version),
                entry.id.to_string(),
            ];
            if self.project.is_none() {
                row.push(entry.project.clone());
            }
            row
        }));
        aligned(&rows, "")
    }

    fn remove(&self, wanted: &[String]) -> Result<String, CliError> {
        if wanted.is_empty() {
            return Err(CliError::new("which caches? No key is named").hint(
                "`lrun cache rm KEY…`: a key, the id of an entry, or `BEGINNING*`; `lrun cache clear` removes all",
            ));
        }
        let all = self.entries();
        let mut out: Vec<Entry> = Vec::new();
        for word in wanted {
            let begins = word.strip_suffix('*');
            let fits = |entry: &&Entry| {
                entry.key == *word
                    || entry.id.to_string() == *word
                    || begins.is_some_and(|begin| entry.key.starts_with(begin))
            };
            let found: Vec<Entry> = all.iter().filter(fits).cloned().collect();
            if found.is_empty() {
                return Err(
                    CliError::new(format!("no cache has the key or the id `{word}`"))
                        .did_you_mean(nearest(word, all.iter().map(|entry| entry.key.as_str())))
                        .hint("`lrun cache list` shows them"),
                );
            }
            out.extend(found);
        }
        out.sort_by_key(|entry| entry.id);
        out.dedup_by_key(|entry| entry.id);
        self.gone(&out)
    }

    fn clear(&self) -> Result<String, CliError> {
        self.gone(&self.entries())
    }

    fn gone(&self, out: &[Entry]) -> Result<String, CliError> {
        let freed = self
            .store
            .remove(out)
            .map_err(|error| CliError::new(format!("can not remove caches: {error}")))?;
        if self.settings.json {
            return Ok(format!(
                "{:#}\n",
                json!({"entries": out.len(), "bytes": freed})
            ));
        }
        let entries = if out.len() == 1 { "entry" } else { "entries" };
        Ok(format!(
            "removed {} {entries}, {}\n",
            out.len(),
            DecimalBytes(freed)
        ))
    }

    fn stats(&self) -> String {
        let all = self.store.all();
        let limits = self.store.limits();
        let mut by_project: IndexMap<&str, Vec<&Entry>> = IndexMap::new();
        for entry in &all {
            by_project.entry(&entry.project).or_default().push(entry);
        }
        if let Some(project) = &self.project {
            by_project.retain(|name, _| name == project);
        }
        if self.settings.json {
            let projects: Vec<Value> = by_project
                .iter()
                .map(|(name, entries)| {
                    json!({"repository": name, "entries": entries.len(), "bytes": total(entries.iter().copied())})
                })
                .collect();
            let json = json!({
                "folder": self.store.folder(),
                "entries": all.len(),
                "bytes": total(&all),
                "most_bytes": limits.bytes,
                "most_days": limits.days,
                "repositories": projects,
            });
            return format!("{json:#}\n");
        }
        let days = limits.days.map_or_else(String::new, |days| {
            format!(", forgotten after {days} days without use")
        });
        let mut text = format!(
            "{} of {} in {} entries{days}\n{}\n",
            DecimalBytes(total(&all)),
            DecimalBytes(limits.bytes),
            all.len(),
            self.store.folder().display()
        );
        let mut rows = Vec::new();
        for (name, entries) in &by_project {
            rows.push(vec![
                (*name).to_owned(),
                DecimalBytes(total(entries.iter().copied())).to_string(),
                format!("{} entries", entries.len()),
            ]);
        }
        text.push_str(&aligned(&rows, ""));
        text
    }

    fn why(&self, environment: &Environment, words: &[String]) -> Result<String, CliError> {
        let [key] = words else {
            return Err(CliError::new("`lrun cache why KEY` explains one key"));
        };
        let project = match &self.project {
            Some(project) => project.clone(),
            None => project::key_of(self.settings, environment)?,
        };
        let entries = self.store.entries(&project);
        let misses = self.store.misses(&project);
        let first = |miss: &&Miss| miss.keys.first() == Some(key);
        let newest = misses.iter().rev().find(first);
        let miss = newest.or_else(|| misses.iter().rev().find(|miss| miss.keys.contains(key)));
        let scopes = match miss {
            Some(miss) => miss.scopes.clone(),
            None => project::scopes(self.settings, environment)?,
        };
        let seen: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let version = miss.map(|miss| (miss.version.as_str(), miss.layout.as_str()));
        let near = nearest_entries(&entries, &seen, key, version, MOST_NEAR);
        if self.settings.json {
            let near: Vec<Value> = near.iter().map(|near| json_of(near, key)).collect();
            let json = json!({"key": key, "refs": scopes, "version": miss.map(|miss| &miss.version), "miss": miss, "nearest": near});
            return Ok(format!("{json:#}\n"));
        }
        Ok(explained(key, &scopes, miss, &near, entries.len()))
    }
}

fn short(version: &str) -> String {
    version.chars().take(8).collect()
}

fn about(entry: &Entry) -> Value {
    json!({
        "id": entry.id,
        "key": entry.key,
        "ref": entry.scope,
        "version": entry.version,
        "size": entry.size,
        "created": entry.created,
        "used": entry.used,
        "repository": entry.project,
    })
}

fn json_of(near: &Near<'_>, key: &str) -> Value {
    let mut value = about(near.entry);
    value["visible"] = json!(near.visible);
    value["difference"] = json!(difference(near, key, None));
    value
}

fn explained(
    key: &str,
    scopes: &[String],
    miss: Option<&Miss>,
    near: &[Near<'_>],
    entries: usize,
) -> String {
    let mut text = String::new();
    let mut line = |words: String| {
        text.push_str(&words);
        text.push('\n');
    };
    match miss {
        Some(miss) => line(format!(
            "{key}: looked for in vain at {}, from {}, as version {}",
            when(miss.time),
            scopes.join(" and "),
            short(&miss.version)
        )),
        None => line(format!("{key}: seen from {}", scopes.join(" and "))),
    }
    if let Some(found) = miss.and_then(|miss| miss.found.as_ref()) {
        line(format!("a restore key found {} in its place", plain(found)));
    }
    if near.is_empty() {
        line(match entries {
            0 => {
                "there are no caches of this repository; what a green run saves, the next one finds"
                    .to_owned()
            }
            1 => "the only entry of this repository has another key from its first letter on"
                .to_owned(),
            all => format!("none of the {all} entries of this repository begins like it"),
        });
    }
    for near in near {
        line(format!(
            "  {} ({})",
            plain(&near.entry.key),
            near.entry.scope
        ));
        line(format!("    {}", difference(near, key, miss)));
    }
    text
}

/// What stands between an entry and the key.
fn difference(near: &Near<'_>, key: &str, miss: Option<&Miss>) -> String {
    let entry = near.entry;
    let unseen = || {
        format!(
            "it belongs to {}: a run sees its own ref, the base of its pull request and the default branch",
            entry.scope
        )
    };
    match near.difference {
        Difference::None => match miss {
            Some(miss) if entry.created > miss.time => format!(
                "the key is there since {}: it would be found now",
                when(entry.created)
            ),
            _ => "the key is there: it would be found".to_owned(),
        },
        Difference::Version => format!(
            "the same key, but version {} and not {}: it was saved with other paths in `path` (on this machine ${{{{ github.workspace }}}} and ${{{{ runner.temp }}}} are others in every run: relative paths are found again), or another compression",
            short(&entry.version),
            miss.map_or_else(String::new, |miss| short(&miss.version))
        ),
        Difference::Layout => format!(
            "the same key, but its files were packed {}, where the workspace and the home folder lie otherwise: unpacked here they would lie elsewhere",
            if entry.layout.is_empty() {
                "in a container"
            } else {
                "on this machine"
            }
        ),
        Difference::Scope => format!("the same key, but {}", unseen()),
        Difference::Beginning => {
            "it begins like that: a look-up of this key would find it".to_owned()
        }
        Difference::Key { common } => {
            let (same, own, other) = (&key[..common], &key[common..], &entry.key[common..]);
            let differs = format!("after {same:?} it has {other:?}, not {own:?}");
            if near.visible {
                differs
            } else {
                format!("{differs}; and {}", unseen())
            }
        }
    }
}
