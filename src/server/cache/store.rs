//! Caches on disk, shared by every lrun of this user: one description an entry, one file a content.
//!
//! `entries/<project>/<scope, key, version>.json`, whose time of change is that of its last use, and `blobs/<digest>`. An
//! entry appears by one link that never replaces another, so entries do not change, whoever saves at once.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::artifact::store::read_json;
use super::super::incoming::Content;
use super::super::signed::encoded;
use super::choose::Wanted;

/// Misses that are remembered for each project.
const MISSES: usize = 50;

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub id: u64,
    pub project: String,
    /// The ref that saved it.
    pub scope: String,
    pub key: String,
    pub version: String,
    /// Of the folders of the job that saved it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub layout: String,
    pub size: u64,
    /// The name of its content.
    pub blob: String,
    pub created: Timestamp,
    /// Its last use.
    #[serde(skip)]
    pub used: Timestamp,
    #[serde(skip)]
    path: PathBuf,
}

/// An entry that shall be.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    pub id: u64,
    pub project: &'a str,
    pub scope: &'a str,
    pub key: &'a str,
    pub version: &'a str,
    pub layout: &'a str,
}

/// A look-up whose key found nothing; perhaps a restore key did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Miss {
    pub time: Timestamp,
    /// The key of the entry that was taken in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    pub scopes: Vec<String>,
    pub keys: Vec<String>,
    pub version: String,
    #[serde(default)]
    pub layout: String,
}

/// How much is kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all contents together.
    pub bytes: u64,
    /// Days since the last use.
    pub days: Option<u32>,
}

impl Default for Limits {
    /// GitHub's (SPEC P-23).
    fn default() -> Self {
        Self {
            bytes: 10_000_000_000,
            days: Some(7),
        }
    }
}

/// A folder of caches.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
    limits: Limits,
}

impl Store {
    pub fn new(folder: PathBuf, limits: Limits) -> Self {
        Self { folder, limits }
    }

    /// Where uploads lie until they are whole.
    pub fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn entries_folder(&self, project: &str) -> PathBuf {
        self.folder.join("entries").join(encoded(project))
    }

    fn place(&self, new: &New<'_>) -> PathBuf {
        let mut digest = Sha256::new();
        for part in [new.scope, new.key, new.version, new.layout] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        let name = hex::encode(&digest.finalize()[..16]);
        self.entries_folder(new.project)
            .join(format!("{name}.json"))
    }

    pub fn has(&self, new: &New<'_>) -> bool {
        read(&self.place(new)).is_some_and(|entry| self.is_whole(&entry))
    }

    /// The entries of one project.
    pub fn entries(&self, project: &str) -> Vec<Entry> {
        entries_in(&self.entries_folder(project))
    }

    /// The entries of all projects, those that were used longest ago first.
    pub fn all(&self) -> Vec<Entry> {
        let projects = fs::read_dir(self.folder.join("entries"));
        let projects = projects.into_iter().flatten().flatten();
        let mut all: Vec<Entry> = projects.flat_map(|it| entries_in(&it.path())).collect();
        all.sort_by_key(|entry| (entry.used, entry.id));
        all
    }

    /// The file with an entry's content.
    pub fn blob(&self, entry: &Entry) -> PathBuf {
        self.folder.join("blobs").join(&entry.blob)
    }

    /// Whether all of its content is here: it is not written through to the disk before the entry appears.
    pub fn is_whole(&self, entry: &Entry) -> bool {
        fs::metadata(self.blob(entry)).is_ok_and(|about| about.len() == entry.size)
    }

    /// It is used now.
    pub fn touch(&self, entry: &Entry) {
        // Without it the entry only seems older than it is.
        let opened = File::options().append(true).open(&entry.path);
        drop(opened.and_then(|file| file.set_modified(SystemTime::now())));
    }

    /// One writer at a time; held as long as the file is.
    fn turn(&self) -> io::Result<File> {
        self.prepare()?;
        let turn = File::create(self.folder.join(".lock"))?;
        turn.lock()?;
        Ok(turn)
    }

    /// Makes an entry visible and takes its content; false where there is one already.
    pub fn publish(&self, new: &New<'_>, content: &Content) -> io::Result<bool> {
        let place = self.place(new);
        let _turn = self.turn()?;
        if let Some(there) = read(&place) {
            if self.is_whole(&there) {
                return Ok(false);
            }
            fs::remove_file(&place)?;
        }
        let entry = Entry {
            id: new.id,
            project: new.project.to_owned(),
            scope: new.scope.to_owned(),
            key: new.key.to_owned(),
            version: new.version.to_owned(),
            layout: new.layout.to_owned(),
            size: content.size,
            blob: format!("{}-{}", content.digest, content.size),
            created: Timestamp::now(),
            used: Timestamp::now(),
            path: place.clone(),
        };
        let blob = self.blob(&entry);
        if !self.is_whole(&entry) {
            fs::create_dir_all(self.folder.join("blobs"))?;
            fs::rename(&content.path, &blob)?;
        }
        let folder = self.entries_folder(new.project);
        fs::create_dir_all(&folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.write_all(serde_json::to_string_pretty(&entry)?.as_bytes())?;
        file.persist_noclobber(&place)?;
        // The entry is there; what is too much goes with the next one.
        drop(self.evict_in_turn(Some(&entry)));
        Ok(true)
    }

    /// Removes entries, and contents that nobody names any more. Gives the bytes that are free now.
    pub fn remove(&self, entries: &[Entry]) -> io::Result<u64> {
        let _turn = self.turn()?;
        self.remove_in_turn(entries)
    }

    fn remove_in_turn(&self, entries: &[Entry]) -> io::Result<u64> {
        for entry in entries {
            gone(fs::remove_file(&entry.path))?;
        }
        let named = self.named()?;
        let mut freed = 0;
        for blob in fs::read_dir(self.folder.join("blobs"))
            .into_iter()
            .flatten()
        {
            let blob = blob?;
            if !blob
                .file_name()
                .to_str()
                .is_some_and(|name| named.contains(name))
            {
                freed += blob.metadata().map_or(0, |about| about.len());
                gone(fs::remove_file(blob.path()))?;
            }
        }
        Ok(freed)
    }

    /// The contents that entries name. Where one can not be read, nobody knows what it names.
    fn named(&self) -> io::Result<HashSet<String>> {
        let mut named = HashSet::new();
        let projects = match fs::read_dir(self.folder.join("entries")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(named),
            projects => projects?,
        };
        for project in projects {
            for file in fs::read_dir(project?.path())? {
                let path = file?.path();
                if path.extension().is_some_and(|it| it == "json") {
                    let entry: Entry =
                        serde_json::from_slice(&fs::read(&path)?).map_err(|error| {
                            io::Error::other(format!("{}: {error}", path.display()))
                        })?;
                    named.insert(entry.blob);
                }
            }
        }
        Ok(named)
    }

    /// Makes the folder, which is nobody else's: caches hold what jobs had, tokens too.
    pub fn prepare(&self) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        fs::create_dir_all(&self.folder)?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))
    }

    /// Removes what was not used for long, and then what was used longest ago until the rest fits.
    pub fn evict(&self) -> io::Result<Vec<Entry>> {
        let _turn = self.turn()?;
        self.evict_in_turn(None)
    }

    fn evict_in_turn(&self, spared: Option<&Entry>) -> io::Result<Vec<Entry>> {
        let all = self.all();
        let out = superfluous(&all, self.limits, Timestamp::now(), spared);
        if !out.is_empty() {
            self.remove_in_turn(&out)?;
        }
        Ok(out)
    }

    /// Remembers what was looked for in vain, to explain it later.
    pub fn note_miss(&self, project: &str, wanted: &Wanted<'_>, found: Option<&str>) {
        let noted = || -> io::Result<()> {
            let path = self.misses_file(project);
            let _turn = self.turn()?;
            let mut misses = self.misses(project);
            misses.retain(|it| {
                it.keys != wanted.keys || it.version != wanted.version || it.layout != wanted.layout
            });
            misses.push(Miss {
                time: Timestamp::now(),
                found: found.map(str::to_owned),
                scopes: wanted.scopes.iter().map(|it| (*it).to_owned()).collect(),
                keys: wanted.keys.to_vec(),
                version: wanted.version.to_owned(),
                layout: wanted.layout.to_owned(),
            });
            let start = misses.len().saturating_sub(MISSES);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            super::super::artifact::store::write_json(&path, &misses[start..].to_vec())
        };
        // It is for `lrun cache why` alone: no reason to fail a look-up.
        drop(noted());
    }

    /// Look-ups of a project that found nothing, the last one last.
    pub fn misses(&self, project: &str) -> Vec<Miss> {
        read_json(&self.misses_file(project)).unwrap_or_default()
    }

    fn misses_file(&self, project: &str) -> PathBuf {
        let name = format!("{}.json", encoded(project));
        self.folder.join("misses").join(name)
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn entries_in(folder: &Path) -> Vec<Entry> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter(|file| file.path().extension().is_some_and(|it| it == "json"))
        .filter_map(|file| read(&file.path()))
        .collect()
}

fn read(path: &Path) -> Option<Entry> {
    let mut entry: Entry = read_json(path)?;
    let used = fs::metadata(path).and_then(|about| about.modified()).ok()?;
    entry.used = Timestamp::try_from(used).ok()?;
    path.clone_into(&mut entry.path);
    Some(entry)
}

/// Bytes of all contents that entries name, each counted once.
pub fn total<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> u64 {
    let blobs: BTreeMap<&str, u64> = entries
        .into_iter()
        .map(|entry| (entry.blob.as_str(), entry.size))
        .collect();
    blobs.values().sum()
}

/// What must go; `all` is in the order of last use.
fn superfluous(
    all: &[Entry],
    limits: Limits,
    now: Timestamp,
    spared: Option<&Entry>,
) -> Vec<Entry> {
    let is_spared = |entry: &Entry| spared.is_some_and(|spared| spared.id == entry.id);
    let is_old = |entry: &Entry| {
        limits.days.is_some_and(|days| {
            // More days than there are keep everything.
            now.checked_sub(jiff::SignedDuration::from_hours(i64::from(days) * 24))
                .is_ok_and(|start| entry.used < start)
        })
    };
    let (mut out, mut kept): (Vec<Entry>, Vec<Entry>) = all
        .iter()
        .cloned()
        .partition(|entry| is_old(entry) && !is_spared(entry));
    while total(&kept) > limits.bytes {
        let Some(oldest) = kept.iter().position(|entry| !is_spared(entry)) else {
            break;
        };
        out.push(kept.remove(oldest));
    }
    out
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// Created and used at the second that its number says.
    pub fn entry(id: u64, scope: &str, key: &str, version: &str) -> Entry {
        let time = Timestamp::from_second(i64::try_from(id).unwrap()).unwrap();
        Entry {
            id,
            project: "octo/app".to_owned(),
            scope: scope.to_owned(),
            key: key.to_owned(),
            version: version.to_owned(),
            layout: String::new(),
            size: 10,
            blob: format!("blob-{id}"),
            created: time,
            used: time,
            path: PathBuf::new(),
        }
    }

    fn store(bytes: u64) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { bytes, days: None };
        let store = Store::new(folder.path().join("caches"), limits);
        (folder, store)
    }

    fn content(folder: &Path, text: &str) -> Content {
        let path = folder.join("content");
        fs::write(&path, text).unwrap();
        Content {
            path,
            size: text.len() as u64,
            digest: hex::encode(Sha256::digest(text.as_bytes())),
        }
    }

    fn new(id: u64, key: &str) -> New<'_> {
        New {
            id,
            project: "octo/app",
            scope: "refs/heads/main",
            key,
            version: "v",
            layout: "",
        }
    }

    fn keys(store: &Store) -> Vec<String> {
        let mut keys: Vec<String> = store.all().into_iter().map(|it| it.key).collect();
        keys.sort();
        keys
    }

    #[test]
    fn entries_never_change_and_contents_are_stored_once() {
        // SPEC P-23
        let (folder, store) = store(1000);
        assert!(
            store
                .publish(&new(1, "a"), &content(folder.path(), "same"))
                .unwrap()
        );
        assert!(
            !store
                .publish(&new(2, "a"), &content(folder.path(), "other"))
                .unwrap()
        );
        assert!(
            store
                .publish(&new(3, "b"), &content(folder.path(), "same"))
                .unwrap()
        );
        assert!(store.has(&new(0, "a")));
        assert!(!store.has(&New {
            layout: "elsewhere",
            ..new(0, "a")
        }));
        let all = store.all();
        assert_eq!((all.len(), total(&all)), (2, 4));
        assert_eq!(fs::read_dir(store.folder.join("blobs")).unwrap().count(), 1);
        // The content goes with the last that names it.
        assert_eq!(store.remove(&all[..1]).unwrap(), 0);
        assert!(store.is_whole(&store.all()[0]));
        assert_eq!(store.remove(&store.all()).unwrap(), 4);
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let (folder, store) = store(10);
        for (id, key) in [(1, "a"), (2, "b")] {
            assert!(
                store
                    .publish(&new(id, key), &content(folder.path(), &key.repeat(4)))
                    .unwrap()
            );
        }
        // `a` was made first, but used last.
        let find = |key: &str| store.all().into_iter().find(|it| it.key == key).unwrap();
        let old = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        File::options()
            .append(true)
            .open(find("b").path)
            .unwrap()
            .set_modified(old)
            .unwrap();
        store.touch(&find("a"));
        assert!(
            store
                .publish(&new(3, "c"), &content(folder.path(), "cccc"))
                .unwrap()
        );
        assert_eq!(keys(&store), ["a", "c"]);
        // One that is larger than all makes room for itself alone.
        assert!(
            store
                .publish(&new(4, "d"), &content(folder.path(), "0123456789ab"))
                .unwrap()
        );
        assert_eq!(keys(&store), ["d"]);
    }

    #[test]
    fn what_was_not_used_for_days_goes() {
        let all = [entry(1, "main", "a", "v"), entry(900_000, "main", "b", "v")];
        let limits = Limits {
            bytes: 1000,
            days: Some(7),
        };
        let now = Timestamp::from_second(700_000).unwrap();
        let out = superfluous(&all, limits, now, None);
        assert_eq!(out, all[..1]);
    }

    #[test]
    fn a_content_that_is_cut_is_no_content() {
        let (folder, store) = store(1000);
        store
            .publish(&new(1, "a"), &content(folder.path(), "whole"))
            .unwrap();
        let blob = store.blob(&store.all()[0]);
        fs::write(&blob, "wh").unwrap();
        assert!(!store.has(&new(0, "a")));
        // It can be saved again.
        assert!(
            store
                .publish(&new(2, "a"), &content(folder.path(), "whole"))
                .unwrap()
        );
        assert!(store.has(&new(0, "a")));
    }

    #[test]
    fn nothing_goes_that_an_unreadable_entry_may_name() {
        use std::os::unix::fs::PermissionsExt as _;
        let (folder, store) = store(1000);
        for (id, key) in [(1, "a"), (2, "b")] {
            assert!(
                store
                    .publish(&new(id, key), &content(folder.path(), key))
                    .unwrap()
            );
        }
        let all = store.all();
        fs::write(&all[0].path, "{}").unwrap();
        let error = store.remove(&all[1..]).unwrap_err().to_string();
        assert!(error.contains(".json: missing field"), "{error}");
        assert!(store.is_whole(&all[0]) && store.is_whole(&all[1]));
        let mode = fs::metadata(&store.folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    #[test]
    fn the_last_misses_are_remembered() {
        let (_folder, store) = store(1000);
        for number in 0..MISSES + 5 {
            let keys = [format!("k{number}")];
            let wanted = Wanted {
                scopes: &["refs/heads/main"],
                keys: &keys,
                version: "v",
                layout: "",
            };
            store.note_miss("octo/app", &wanted, None);
            store.note_miss("octo/app", &wanted, Some("k"));
        }
        let misses = store.misses("octo/app");
        assert_eq!(misses.len(), MISSES);
        assert_eq!(misses[0].found.as_deref(), Some("k"));
        assert_eq!(misses[MISSES - 1].keys, [format!("k{}", MISSES + 4)]);
    }
}
