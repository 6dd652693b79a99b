//! Artifacts on disk: plain zip files or raw ones, in a folder of the run that made them.
//!
//! `<runs>/<run>/run.json`, `<runs>/<run>/artifacts/<id>/meta.json` and beside it the content. An artifact appears by one
//! rename, so nobody ever sees half of one.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::incoming::sweep_in;
use super::super::number;

const ABOUT: &str = "meta.json";
const RUN: &str = "run.json";
const ARTIFACTS: &str = "artifacts";
const INCOMING: &str = "incoming";

/// What the record says of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// `github.run_id`, which may be one that the user gave.
    pub id: String,
    /// `owner/name`.
    pub repository: String,
    /// Tells repositories of one name apart.
    pub project: String,
    pub event: String,
    pub started: Timestamp,
}

/// What a content is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Zip,
    /// One file as it is.
    Raw,
    /// A folder of files, as the first three versions of the client send them.
    Folder,
}

/// An artifact that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub id: u64,
    pub name: String,
    pub form: Form,
    /// The content's name beside the description.
    pub file: String,
    pub size: u64,
    /// `sha256:…`, as the client gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    pub content_type: String,
    pub created: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// The workflow file.
    pub workflow: String,
    /// How clients name the workflow's run, and the job.
    pub run_backend_id: String,
    pub job_backend_id: String,
    /// Where it lies; known by the place where it was read.
    #[serde(skip)]
    pub folder: PathBuf,
}

impl Artifact {
    /// The zip file, the raw file, or the folder.
    pub fn content(&self) -> PathBuf {
        self.folder.join(&self.file)
    }

    /// What a client may call the content.
    pub fn shown_name(&self) -> String {
        let is_zip = self.name.to_lowercase().ends_with(".zip");
        match self.form {
            Form::Zip if !is_zip => format!("{}.zip", self.name),
            _ => self.name.clone(),
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires < now)
    }
}

/// What a content is called beside its description.
pub fn file_name(name: &str, form: Form) -> String {
    match form {
        // The longest name that every file system takes.
        Form::Folder => "files".to_owned(),
        _ if name.len() > 240 || name == ABOUT => "content".to_owned(),
        Form::Zip if !name.to_lowercase().ends_with(".zip") => format!("{name}.zip"),
        _ => name.to_owned(),
    }
}

/// One run's folder.
#[derive(Debug, Clone)]
pub struct RunFolder {
    pub path: PathBuf,
    pub info: RunInfo,
}

impl RunFolder {
    /// Makes the folder of a run that begins; nobody else may look into it. It counts once [`Self::show`] was called.
    pub fn create(runs: &Path, name: &str, info: RunInfo) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let path = runs.join(name);
        fs::create_dir_all(runs)?;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)?;
        fs::create_dir_all(path.join(ARTIFACTS))?;
        Ok(Self { path, info })
    }

    /// From now on others see the run, and may remove it when it is empty and nobody is at work in it.
    pub fn show(&self) -> io::Result<()> {
        write_json(&self.path.join(RUN), &self.info)
    }

    /// All runs that left something, the newest first.
    pub fn all(runs: &Path) -> Vec<Self> {
        let entries = fs::read_dir(runs).into_iter().flatten().flatten();
        let mut all: Vec<Self> = entries
            .filter_map(|entry| {
                let path = entry.path();
                let info = read_json(&path.join(RUN))?;
                Some(Self { path, info })
            })
            .collect();
        all.sort_by_key(|run| std::cmp::Reverse(run.info.started));
        all
    }

    /// Where uploads to it lie until they are whole.
    pub fn incoming(&self) -> PathBuf {
        self.path.join(INCOMING)
    }

    /// Its artifacts, in the order of their making; those whose time is over are not there.
    pub fn artifacts(&self) -> Vec<Artifact> {
        let entries = fs::read_dir(self.path.join(ARTIFACTS));
        let now = Timestamp::now();
        let mut all: Vec<Artifact> = entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| read(&entry.path()))
            .filter(|artifact| !artifact.is_over(now))
            .collect();
        all.sort_by_key(|artifact| artifact.id);
        all
    }

    /// Makes an artifact visible: `folder` holds its content by the name that it says.
    pub fn publish(&self, folder: &Path, mut artifact: Artifact) -> io::Result<Artifact> {
        write_json(&folder.join(ABOUT), &artifact)?;
        let place = self.path.join(ARTIFACTS).join(artifact.id.to_string());
        fs::rename(folder, &place)?;
        artifact.folder = place;
        Ok(artifact)
    }

    /// Removes an artifact: at once for everybody, then from the disk.
    pub fn remove(&self, artifact: &Artifact, trash: &Path) -> io::Result<()> {
        let gone = trash.join(format!("gone-{}", number::unique()));
        fs::rename(&artifact.folder, &gone)?;
        fs::remove_dir_all(gone)
    }

    /// Removes what is over, and a run that has nothing left and is not at work.
    fn clear(&self, now: Timestamp) {
        // Where nobody can tell, somebody is. Asked first: nobody begins in it again, so nothing comes after the answer.
        let is_at_work = sweep_in(&self.incoming()).unwrap_or(true);
        let entries = fs::read_dir(self.path.join(ARTIFACTS)).into_iter();
        let mut left = 0;
        for entry in entries.flatten().flatten() {
            match read(&entry.path()) {
                Some(artifact) if artifact.is_over(now) => {
                    // What can not be removed now is tried again by the next run.
                    drop(fs::remove_dir_all(entry.path()));
                }
                _ => left += 1,
            }
        }
        if left == 0 && !is_at_work && self.holds_only_artifacts() {
            drop(fs::remove_dir_all(&self.path));
        }
    }

    fn holds_only_artifacts(&self) -> bool {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name())
            .all(|name| [RUN, ARTIFACTS, INCOMING].iter().any(|own| name == *own))
    }
}

/// Removes artifacts whose time is over, and what killed runs left, of all runs.
pub fn clear(runs: &Path) {
    let now = Timestamp::now();
    for run in RunFolder::all(runs) {
        run.clear(now);
    }
}

fn read(folder: &Path) -> Option<Artifact> {
    let mut artifact: Artifact = read_json(&folder.join(ABOUT))?;
    folder.clone_into(&mut artifact.folder);
    Some(artifact)
}

/// Something that is not there, or is no such thing, is none.
pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Written whole or not at all.
pub fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(serde_json::to_string_pretty(value)?.as_bytes())?;
    file.write_all(b"\n")?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::incoming::Inbox;
    use super::*;

    fn info(id: &str) -> RunInfo {
        RunInfo {
            id: id.to_owned(),
            repository: "octo/app".to_owned(),
            project: "octo/app".to_owned(),
            event: "push".to_owned(),
            started: Timestamp::now(),
        }
    }

    fn artifact(name: &str, expires: Option<Timestamp>) -> Artifact {
        Artifact {
            id: number::unique(),
            name: name.to_owned(),
            form: Form::Zip,
            file: file_name(name, Form::Zip),
            size: 3,
            digest: None,
            content_type: "application/zip".to_owned(),
            created: Timestamp::now(),
            expires,
            workflow: String::new(),
            run_backend_id: String::new(),
            job_backend_id: String::new(),
            folder: PathBuf::new(),
        }
    }

    fn publish(run: &RunFolder, name: &str, expires: Option<Timestamp>) -> Artifact {
        let folder = run.path.join(format!("new-{name}"));
        fs::create_dir(&folder).unwrap();
        let artifact = artifact(name, expires);
        fs::write(folder.join(&artifact.file), "zip").unwrap();
        run.publish(&folder, artifact).unwrap()
    }

    #[test]
    fn what_is_published_is_found_and_what_is_removed_is_not() {
        let runs = tempfile::tempdir().unwrap();
        let run = RunFolder::create(runs.path(), "1", info("7")).unwrap();
        run.show().unwrap();
        let one = publish(&run, "one", None);
        let two = publish(&run, "two", None);
        assert_eq!(fs::read_to_string(one.content()).unwrap(), "zip");
        assert_eq!(run.artifacts(), [one.clone(), two.clone()]);
        run.remove(&one, runs.path()).unwrap();
        assert_eq!(run.artifacts(), [two]);
        let all = RunFolder::all(runs.path());
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].info.id, "7");
    }

    #[test]
    fn what_is_over_goes_and_an_empty_run_with_it() {
        let runs = tempfile::tempdir().unwrap();
        let past = Timestamp::now() - jiff::SignedDuration::from_hours(1);
        let mixed = RunFolder::create(runs.path(), "1", info("1")).unwrap();
        mixed.show().unwrap();
        publish(&mixed, "old", Some(past));
        publish(&mixed, "new", None);
        let empty = RunFolder::create(runs.path(), "2", info("2")).unwrap();
        empty.show().unwrap();
        publish(&empty, "old", Some(past));
        assert!(empty.artifacts().is_empty());
        // What a killed run left in the middle of an upload.
        fs::create_dir_all(empty.incoming().join("dead/1")).unwrap();
        let working = RunFolder::create(runs.path(), "3", info("3")).unwrap();
        let _inbox = Inbox::open(&working.incoming()).unwrap();
        working.show().unwrap();
        clear(runs.path());
        assert!(working.path.exists());
        assert_eq!(mixed.artifacts().len(), 1);
        assert!(!empty.path.exists());
        assert!(mixed.path.exists());
    }

    #[test]
    fn contents_have_names_that_file_systems_take() {
        assert_eq!(file_name("app", Form::Zip), "app.zip");
        assert_eq!(file_name("app.ZIP", Form::Zip), "app.ZIP");
        assert_eq!(file_name("app", Form::Raw), "app");
        assert_eq!(file_name("meta.json", Form::Raw), "content");
        assert_eq!(file_name(&"x".repeat(250), Form::Zip), "content");
    }
}
