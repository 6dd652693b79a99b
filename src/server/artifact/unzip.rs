//! Takes artifacts apart for people: nothing leaves the folder, nothing there is replaced, nothing is larger than it says.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::super::incoming::free_bytes;
use super::legacy::walk;
use super::store::{Artifact, Form};

/// Deflate packs no more than 1032 bytes into one (zlib.net, "Maximum Expansion Factor").
pub(super) const MOST_PACKED: u64 = 1032;

/// Why an artifact is not taken apart.
#[derive(Debug, thiserror::Error)]
pub enum UnzipError {
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("{path} is no zip file that can be read: {source}")]
    Zip {
        path: String,
        source: zip::result::ZipError,
    },
    #[error("the entry {0:?} does not lie plainly below the artifact")]
    Outside(String),
    #[error("the entry {0:?} is a link: artifacts have files and folders only")]
    Link(String),
    #[error("it says that it unpacks to {claimed} bytes, more than {packed} bytes can hold")]
    Bomb { claimed: u64, packed: u64 },
    #[error("the entry {0:?} has not the size that it says")]
    Size(String),
    #[error("it needs {needed} bytes, and {folder} has {free} left")]
    Full {
        needed: u64,
        free: u64,
        folder: String,
    },
    #[error("{0} is there already, and is not replaced")]
    Exists(String),
}

impl UnzipError {
    fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            source,
        }
    }
}

/// One file of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// With `/`; a folder ends in one.
    pub path: String,
    pub size: u64,
}

/// What an artifact holds.
pub fn list(artifact: &Artifact) -> Result<Vec<Listed>, UnzipError> {
    let content = artifact.content();
    match artifact.form {
        Form::Raw => Ok(vec![Listed {
            path: artifact.name.clone(),
            size: artifact.size,
        }]),
        Form::Folder => {
            let mut all = Vec::new();
            walk(&content, "", &mut |path, size| {
                all.extend(size.map(|size| Listed {
                    path: path.to_owned(),
                    size,
                }));
            })
            .map_err(|source| UnzipError::file(&content, source))?;
            Ok(all)
        }
        Form::Zip => {
            let mut archive = open(&content)?;
            (0..archive.len())
                .map(|index| {
                    let entry = archive
                        .by_index_raw(index)
                        .map_err(|source| zip_error(&content, source))?;
                    Ok(Listed {
                        path: entry
                            .name()
                            .map_err(|source| zip_error(&content, source))?
                            .to_string(),
                        size: entry.size(),
                    })
                })
                .collect()
        }
    }
}

/// Puts its files below a folder.
pub fn extract(artifact: &Artifact, folder: &Path) -> Result<usize, UnzipError> {
    let content = artifact.content();
    let fail = |path: &Path| {
        let path = path.to_owned();
        move |source| UnzipError::file(&path, source)
    };
    fs::create_dir_all(folder).map_err(fail(folder))?;
    if artifact.form == Form::Zip {
        return unzip(&content, folder);
    }
    let files = list(artifact)?;
    let places: Vec<(PathBuf, PathBuf)> = files
        .iter()
        .map(|file| {
            let from = match artifact.form {
                Form::Folder => content.join(&file.path),
                _ => content.clone(),
            };
            (from, folder.join(&file.path))
        })
        .collect();
    room(folder, files.iter().map(|file| file.size).sum())?;
    free(folder, places.iter().map(|(_, place)| place.as_path()))?;
    for (from, place) in &places {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent).map_err(fail(parent))?;
        }
        reflink_copy::reflink_or_copy(from, place).map_err(fail(place))?;
    }
    Ok(places.len())
}

fn open(path: &Path) -> Result<ZipArchive<File>, UnzipError> {
    let file = File::open(path).map_err(|source| UnzipError::file(path, source))?;
    ZipArchive::new(file).map_err(|source| zip_error(path, source))
}

fn zip_error(path: &Path, source: zip::result::ZipError) -> UnzipError {
    UnzipError::Zip {
        path: path.display().to_string(),
        source,
    }
}

/// An entry that may be taken out.
struct Entry {
    index: usize,
    name: String,
    place: PathBuf,
    is_folder: bool,
    size: u64,
    mode: Option<u32>,
}

fn unzip(path: &Path, folder: &Path) -> Result<usize, UnzipError> {
    let packed = fs::metadata(path).map_or(0, |about| about.len());
    let mut archive = open(path)?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let entry = archive
            .by_index_raw(index)
            .map_err(|source| zip_error(path, source))?;
        let name = entry
            .name()
            .map_err(|source| zip_error(path, source))?
            .to_string();
        if entry.is_symlink() {
            return Err(UnzipError::Link(name));
        }
        let plain = super::check_path(name.trim_end_matches('/')).is_ok();
        if !plain {
            return Err(UnzipError::Outside(name));
        }
        entries.push(Entry {
            index,
            place: folder.join(name.trim_end_matches('/')),
            is_folder: entry.is_dir(),
            size: entry.size(),
            mode: entry.unix_mode(),
            name,
        });
    }
    let claimed = entries
        .iter()
        .fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    if claimed > packed.saturating_mul(MOST_PACKED) {
        return Err(UnzipError::Bomb { claimed, packed });
    }
    room(folder, claimed)?;
    let files = || entries.iter().filter(|entry| !entry.is_folder);
    free(
        folder,
        entries
            .iter()
            .filter(|it| !it.is_folder)
            .map(|it| it.place.as_path()),
    )?;
    for entry in &entries {
        let parent = if entry.is_folder {
            Some(entry.place.as_path())
        } else {
            entry.place.parent()
        };
        if let Some(parent) = parent {
            fs::create_dir_all(parent).map_err(|source| UnzipError::file(parent, source))?;
        }
        if !entry.is_folder {
            take_out(&mut archive, entry, path)?;
        }
    }
    Ok(files().count())
}

fn take_out(archive: &mut ZipArchive<File>, entry: &Entry, path: &Path) -> Result<(), UnzipError> {
    let fail = |source| UnzipError::file(&entry.place, source);
    let packed = archive
        .by_index(entry.index)
        .map_err(|source| zip_error(path, source))?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(&entry.place)
        .map_err(fail)?;
    let written = io::copy(&mut packed.take(entry.size.saturating_add(1)), &mut file);
    if written.map_err(fail)? != entry.size {
        return Err(UnzipError::Size(entry.name.clone()));
    }
    if let Some(mode) = entry.mode {
        use std::os::unix::fs::PermissionsExt as _;
        // Of others' rights none but those to read and to run.
        let mode = fs::Permissions::from_mode(mode & 0o755 | 0o600);
        fs::set_permissions(&entry.place, mode).map_err(fail)?;
    }
    Ok(())
}

pub(super) fn room(folder: &Path, needed: u64) -> Result<(), UnzipError> {
    let free = free_bytes(folder);
    if needed > free {
        return Err(UnzipError::Full {
            needed,
            free,
            folder: folder.display().to_string(),
        });
    }
    Ok(())
}

/// Nothing stands where files will come, and no link leads out of the folder.
fn free<'p>(folder: &Path, places: impl Iterator<Item = &'p Path>) -> Result<(), UnzipError> {
    for place in places {
        let between = place.ancestors().skip(1).take_while(|it| *it != folder);
        for parent in between {
            if fs::symlink_metadata(parent).is_ok_and(|about| !about.is_dir()) {
                return Err(UnzipError::Exists(parent.display().to_string()));
            }
        }
        if fs::symlink_metadata(place).is_ok() {
            return Err(UnzipError::Exists(place.display().to_string()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek as _, Write as _};
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    fn zipped(folder: &Path, fill: impl FnOnce(&mut ZipWriter<File>)) -> Artifact {
        let mut writer = ZipWriter::new(File::create(folder.join("a.zip")).unwrap());
        fill(&mut writer);
        writer.finish().unwrap();
        Artifact {
            id: 1,
            name: "a".to_owned(),
            form: Form::Zip,
            file: "a.zip".to_owned(),
            size: 0,
            digest: None,
            content_type: String::new(),
            created: jiff::Timestamp::now(),
            expires: None,
            workflow: String::new(),
            run_backend_id: String::new(),
            job_backend_id: String::new(),
            folder: folder.to_owned(),
        }
    }

    fn with_file(name: &'static str) -> impl FnOnce(&mut ZipWriter<File>) {
        move |writer| {
            writer
                .start_file(name, SimpleFileOptions::default().unix_permissions(0o777))
                .unwrap();
            writer.write_all(b"text").unwrap();
        }
    }

    #[test]
    fn files_come_out_and_none_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let artifact = zipped(place.path(), with_file("sub/x"));
        let out = place.path().join("out");
        assert_eq!(extract(&artifact, &out).unwrap(), 1);
        assert_eq!(fs::read_to_string(out.join("sub/x")).unwrap(), "text");
        let again = extract(&artifact, &out).unwrap_err();
        assert!(matches!(again, UnzipError::Exists(_)), "{again}");
        // A link that stands there already does not lead out.
        let linked = place.path().join("linked");
        fs::create_dir(&linked).unwrap();
        std::os::unix::fs::symlink(place.path(), linked.join("sub")).unwrap();
        let refused = extract(&artifact, &linked).unwrap_err();
        assert!(matches!(refused, UnzipError::Exists(_)), "{refused}");
        assert!(!place.path().join("x").exists());
        let listed = list(&artifact).unwrap();
        assert_eq!(listed[0].path, "sub/x");
        assert_eq!(listed[0].size, 4);
    }

    #[test]
    fn nothing_leaves_the_folder() {
        for name in ["../x", "/x", "a/../../x", "a\\..\\x", "C:/x"] {
            let place = tempfile::tempdir().unwrap();
            let artifact = zipped(place.path(), with_file(name));
            let out = place.path().join("out");
            let refused = extract(&artifact, &out).unwrap_err();
            assert!(
                matches!(refused, UnzipError::Outside(_)),
                "{name}: {refused}"
            );
            assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
        }
        let place = tempfile::tempdir().unwrap();
        let artifact = zipped(place.path(), |writer| {
            let options = SimpleFileOptions::default();
            writer.add_symlink("link", "/etc/passwd", options).unwrap();
        });
        let refused = extract(&artifact, &place.path().join("out")).unwrap_err();
        assert!(matches!(refused, UnzipError::Link(_)), "{refused}");
    }

    #[test]
    fn what_claims_more_than_it_can_hold_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let artifact = zipped(place.path(), with_file("x"));
        // The size in the central directory, 24 bytes after its signature.
        let mut file = File::options()
            .read(true)
            .write(true)
            .open(artifact.content())
            .unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        let start = bytes.windows(4).position(|it| it == b"PK\x01\x02").unwrap() as u64;
        let mut claim = |size: u32| {
            file.seek(io::SeekFrom::Start(start + 24)).unwrap();
            file.write_all(&size.to_le_bytes()).unwrap();
            extract(&artifact, &place.path().join(size.to_string())).unwrap_err()
        };
        assert!(matches!(claim(4_000_000), UnzipError::Bomb { .. }));
        assert!(matches!(
            claim(3),
            UnzipError::Size(_) | UnzipError::File { .. }
        ));
    }
}
