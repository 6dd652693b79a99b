//! Files of a container over the engine's archive API: the way to engines that share no files with this machine.
//!
//! Whoever asks waits, so the work is done in a thread of its own, with a client of its own.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc as sync;

use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder,
    UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::mpsc;

use super::super::files::{Op, Outcome, own};
use super::{Engine, is_missing};
use crate::expr::hash_files;

/// Go's `os.ModeDir` and `os.ModeSymlink`, in which the engine tells what a path is.
const FOLDER: u32 = 1 << 31;
const LINK: u32 = 1 << 27;
const NOT_REGULAR: u32 = 0b1_1111 << 24 | LINK | FOLDER;
/// Links that may lead to one another.
const LINKS: usize = 40;

/// Empties `$2`, which must lie within `$1`, of everything or of the names in `$3` and after.
const CLEAR: &str = r#"home=$(cd "$1" && pwd -P) || exit 1
mkdir -p "$2" && cd "$2" || exit 1
case "$(pwd -P)/" in "${home%/}"/*) ;; *) exit 3;; esac
shift 2
points=$(while read -r _ _ _ _ point _; do echo "$point"; done < /proc/self/mountinfo)
mounted() { case "
$points
" in *"
$1
"*) ;; *) return 1;; esac; }
above() { case "
$points" in *"
$1/"*) ;; *) return 1;; esac; }
empty() {
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    if [ -L "$entry" ]; then rm -f -- "$entry" || exit 1
    elif mounted "$entry"; then :
    elif above "$entry"; then (empty "$entry") || exit 1
    else rm -rf -- "$entry" || exit 1
    fi
  done
}
if [ "$1" = all ]; then
  empty "$(pwd -P)"
else
  shift
  [ $# -eq 0 ] || rm -rf -- "$@"
fi"#;

/// What a container is to have before it starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skeleton {
    /// Folders that every user may write to.
    pub folders: Vec<PathBuf>,
    /// Links, and what they lead to.
    pub links: Vec<(PathBuf, PathBuf)>,
}

impl Skeleton {
    pub(super) fn archive(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        let relative = |path: &Path| path.strip_prefix("/").unwrap_or(path).to_owned();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        for folder in &self.folders {
            let mut header = tar::Header::new_gnu();
            header.set_mtime(now);
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            header.set_mode(0o777);
            archive.append_data(&mut header, relative(folder), io::empty())?;
        }
        for (link, target) in &self.links {
            let mut header = tar::Header::new_gnu();
            header.set_mtime(now);
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            header.set_mode(0o777);
            archive.append_link(&mut header, relative(link), target)?;
        }
        archive.into_inner()
    }
}

/// The thread that does it.
#[derive(Debug)]
pub(super) struct Archive {
    orders: mpsc::UnboundedSender<(Vec<Op>, sync::Sender<Vec<Outcome>>)>,
}

impl Archive {
    /// For a container whose files are to be those of this user.
    pub fn open(engine: &Engine, container: &str, user: u32) -> Self {
        let (orders, mut asked) =
            mpsc::unbounded_channel::<(Vec<Op>, sync::Sender<Vec<Outcome>>)>();
        let (address, container) = (engine.address.clone(), container.to_owned());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async {
                let Ok(engine) = Engine::at(&address).await else {
                    return;
                };
                let far = Far {
                    engine,
                    container,
                    user,
                };
                while let Some((ops, answer)) = asked.recv().await {
                    // Nobody may wait any more.
                    drop(answer.send(far.perform(ops).await));
                }
            });
        });
        Self { orders }
    }

    pub fn perform(&self, ops: Vec<Op>) -> Vec<Outcome> {
        let count = ops.len();
        let (answer, answered) = sync::channel();
        let asked = self.orders.send((ops, answer)).ok();
        let outcomes = asked.and_then(|()| answered.recv().ok());
        outcomes.unwrap_or_else(|| {
            let lost = || Err(io::Error::other("the engine does not answer"));
            (0..count).map(|_| lost()).collect()
        })
    }
}

/// A container that is not reached but through its engine.
struct Far {
    engine: Engine,
    container: String,
    user: u32,
}

impl Far {
    async fn perform(&self, ops: Vec<Op>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(ops.len());
        let mut ops = ops.into_iter().peekable();
        while let Some(op) = ops.next() {
            if let Op::Write { .. } = op {
                // One archive for all that follow each other.
                let mut writes = vec![op];
                while let Some(next) = ops.next_if(|op| matches!(op, Op::Write { .. })) {
                    writes.push(next);
                }
                let written = self.write(&writes).await;
                let told = || match &written {
                    Ok(()) => Ok(Vec::new()),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                };
                outcomes.extend(writes.iter().map(|_| told()));
            } else {
                outcomes.push(self.one(op).await);
            }
        }
        outcomes
    }

    async fn one(&self, op: Op) -> Outcome {
        match op {
            Op::Read(path) | Op::Take(path) => self.read(&path).await,
            Op::Look(path) => {
                let (_, mode, _) = self.resolve(&path).await?;
                Ok(match mode & NOT_REGULAR {
                    0 => b"f",
                    FOLDER => b"d",
                    _ => b"o",
                }
                .to_vec())
            }
            Op::Hash { workspace, args } => self.hash(&workspace, &args).await,
            Op::Copy {
                from,
                to,
                user,
                group,
            } => {
                self.download(&from, &to).await?;
                own(&to, user, group).map(|()| Vec::new())
            }
            Op::Bring {
                from,
                within,
                to,
                replaced,
                ..
            } => {
                self.clear(&within, &to, replaced.as_deref()).await?;
                self.upload(from, &to).await.map(|()| Vec::new())
            }
            Op::Write { .. } => self.write(&[op]).await.map(|()| Vec::new()),
        }
    }

    /// What a path leads to: where, what, and how large.
    async fn resolve(&self, path: &Path) -> io::Result<(PathBuf, u32, i64)> {
        let mut path = path.to_owned();
        for _ in 0..LINKS {
            let name = text(&path)?;
            let options = ContainerArchiveInfoOptionsBuilder::new().path(name).build();
            let docker = &self.engine.docker;
            let about = docker.get_container_archive_info(&self.container, Some(options));
            let about = about.await.map_err(|error| told(&error))?;
            if about.file_mode & LINK == 0 {
                return Ok((path, about.file_mode, about.size));
            }
            let target = PathBuf::from(about.link_target);
            path = path.parent().unwrap_or(Path::new("/")).join(target);
        }
        Err(io::Error::other("too many links lead to one another"))
    }

    async fn read(&self, path: &Path) -> Outcome {
        let (path, mode, size) = self.resolve(path).await?;
        match mode & NOT_REGULAR {
            0 if size == 0 => return Ok(Vec::new()),
            0 => {}
            FOLDER => return Err(io::ErrorKind::IsADirectory.into()),
            _ => return Err(io::Error::other("not a regular file")),
        }
        let mut archive = Vec::new();
        let options = DownloadFromContainerOptionsBuilder::new().path(text(&path)?);
        let docker = &self.engine.docker;
        let mut pieces = docker.download_from_container(&self.container, Some(options.build()));
        while let Some(piece) = pieces.next().await {
            archive.extend_from_slice(&piece.map_err(|error| told(&error))?);
        }
        let mut archive = tar::Archive::new(&archive[..]);
        let mut entry = archive
            .entries()?
            .next()
            .ok_or(io::ErrorKind::UnexpectedEof)??;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    async fn write(&self, writes: &[Op]) -> io::Result<()> {
        // Above them all: a container may have only its volumes to write to.
        let paths = || {
            writes.iter().filter_map(|op| match op {
                Op::Write { path, .. } => Some(path.as_path()),
                _ => None,
            })
        };
        let above = paths()
            .next()
            .and_then(|first| {
                first
                    .ancestors()
                    .skip(1)
                    .find(|above| paths().all(|path| path.starts_with(above)))
            })
            .unwrap_or(Path::new("/"))
            .to_owned();
        let mut archive = tar::Builder::new(Vec::new());
        for op in writes {
            let Op::Write { path, mode, bytes } = op else {
                continue;
            };
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(*mode);
            header.set_uid(u64::from(self.user));
            let name = path.strip_prefix(&above).unwrap_or(path);
            archive.append_data(&mut header, name, &bytes[..])?;
        }
        let archive = Bytes::from(archive.into_inner()?);
        match self.send(&above, archive.clone()).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.run("mkdir -p \"$1\"", &[text(&above)?]).await?;
                self.send(&above, archive).await
            }
            sent => sent,
        }
    }

    async fn send(&self, to: &Path, archive: Bytes) -> io::Result<()> {
        let options = UploadToContainerOptionsBuilder::new().path(text(to)?);
        let body = bollard::body_full(archive);
        let docker = &self.engine.docker;
        let sent = docker.upload_to_container(&self.container, Some(options.build()), body);
        sent.await.map_err(|error| told(&error))
    }

    async fn hash(&self, workspace: &Path, args: &[String]) -> Outcome {
        let place = tempfile::tempdir()?;
        let tree = place.path().join("tree");
        self.download(workspace, &tree).await?;
        // Patterns may be absolute.
        let (there, here) = (text(workspace)?, text(&tree)?.to_owned());
        let args: Vec<String> = args.iter().map(|arg| arg.replace(there, &here)).collect();
        let done = tokio::task::spawn_blocking(move || hash_files(&tree, &args)).await;
        let hashed = done.map_err(io::Error::other)?;
        hashed
            .map(String::into_bytes)
            .map_err(|error| io::Error::other(error.replace(&here, there)))
    }

    /// A folder, as another of this machine.
    async fn download(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, mode, _) = self.resolve(from).await?;
        if mode & FOLDER == 0 {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        // Its content, not the folder by its name.
        let options =
            DownloadFromContainerOptionsBuilder::new().path(&format!("{}/.", text(&from)?));
        let docker = &self.engine.docker;
        let mut pieces = docker.download_from_container(&self.container, Some(options.build()));
        let (sender, receiver) = sync::sync_channel::<Bytes>(16);
        let to = to.to_owned();
        let unpacking = tokio::task::spawn_blocking(move || {
            std::fs::create_dir_all(&to)?;
            let mut archive = tar::Archive::new(Pieces {
                receiver,
                rest: Bytes::new(),
            });
            archive.set_preserve_permissions(true);
            archive.unpack(&to)
        });
        let mut failed = None;
        while let Some(piece) = pieces.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    failed = Some(told(&error));
                    break;
                }
            };
            // An unpacker that gave up says why.
            if sender.send(piece).is_err() {
                break;
            }
        }
        drop(sender);
        unpacking.await.map_err(io::Error::other)??;
        failed.map_or(Ok(()), Err)
    }

    async fn clear(
        &self,
        within: &Path,
        to: &Path,
        replaced: Option<&[PathBuf]>,
    ) -> io::Result<()> {
        let mut args = vec![text(within)?, text(to)?];
        match replaced {
            None => args.push("all"),
            Some(names) => {
                args.push("these");
                for name in names {
                    args.push(text(name)?);
                }
            }
        }
        match self.run(CLEAR, &args).await? {
            0 => Ok(()),
            3 => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "Repository path '{}' is not under '{}'",
                    to.display(),
                    within.display()
                ),
            )),
            _ => Err(io::Error::other(format!(
                "{} can not be emptied",
                to.display()
            ))),
        }
    }

    /// Puts what is in a folder of this machine into one of the container.
    async fn upload(&self, from: PathBuf, to: &Path) -> io::Result<()> {
        let (sender, receiver) = mpsc::channel::<Bytes>(16);
        let user = self.user;
        let packing = tokio::task::spawn_blocking(move || {
            let mut archive = tar::Builder::new(Sending(sender));
            archive.follow_symlinks(false);
            pack(&mut archive, &from, Path::new(""), user)?;
            archive.finish()
        });
        let pieces = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|piece| (piece, receiver))
        });
        let options = UploadToContainerOptionsBuilder::new().path(text(to)?);
        let docker = &self.engine.docker;
        let sent = docker
            .upload_to_container(
                &self.container,
                Some(options.build()),
                bollard::body_stream(pieces),
            )
            .await;
        packing.await.map_err(io::Error::other)??;
        sent.map_err(|error| told(&error))
    }

    /// Runs a short script there; gives its exit code.
    async fn run(&self, script: &str, args: &[&str]) -> io::Result<i64> {
        let docker = &self.engine.docker;
        let mut words = vec!["sh", "-c", script, "sh"];
        words.extend(args);
        let config = ExecConfig {
            cmd: Some(words.into_iter().map(str::to_owned).collect()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..ExecConfig::default()
        };
        let failed = |error: bollard::errors::Error| told(&error);
        let exec = docker
            .create_exec(&self.container, config)
            .await
            .map_err(failed)?;
        let started = docker.start_exec(&exec.id, None).await.map_err(failed)?;
        if let StartExecResults::Attached { mut output, .. } = started {
            while output.next().await.is_some() {}
        }
        let about = docker.inspect_exec(&exec.id).await.map_err(failed)?;
        Ok(about.exit_code.unwrap_or(-1))
    }
}

/// A tree, whose owner is this user there.
fn pack(
    archive: &mut tar::Builder<impl Write>,
    from: &Path,
    name: &Path,
    user: u32,
) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), name.join(entry.file_name()));
        let about = std::fs::symlink_metadata(&path)?;
        let mut header = tar::Header::new_gnu();
        header.set_metadata(&about);
        header.set_uid(u64::from(user));
        header.set_gid(0);
        if about.is_symlink() {
            header.set_size(0);
            archive.append_link(&mut header, &name, std::fs::read_link(&path)?)?;
        } else if about.is_dir() {
            archive.append_data(&mut header, &name, io::empty())?;
            pack(archive, &path, &name, user)?;
        } else if about.is_file() {
            archive.append_data(&mut header, &name, std::fs::File::open(&path)?)?;
        }
    }
    Ok(())
}

/// Hands an archive on, piece by piece.
struct Sending(mpsc::Sender<Bytes>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let sent = self.0.blocking_send(Bytes::copy_from_slice(bytes));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An archive as it comes.
struct Pieces {
    receiver: sync::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.recv() {
                Ok(piece) => self.rest = piece,
                // The end, or a stream that broke off: the archive knows.
                Err(_) => return Ok(0),
            }
        }
        let count = into.len().min(self.rest.len());
        into[..count].copy_from_slice(&self.rest.split_to(count));
        Ok(count)
    }
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a path that is no UTF-8"))
}

fn told(error: &bollard::errors::Error) -> io::Error {
    let kind = if is_missing(error) {
        io::ErrorKind::NotFound
    } else {
        io::ErrorKind::Other
    };
    io::Error::new(kind, super::reason(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_packed_with_its_links_and_modes() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let from = place.path().join("from");
        std::fs::create_dir_all(from.join("folder/empty")).unwrap();
        std::fs::write(from.join("folder/run"), "x").unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(from.join("folder/run"), mode).unwrap();
        std::os::unix::fs::symlink("folder/run", from.join("link")).unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        pack(&mut archive, &from, Path::new(""), 1234).unwrap();
        let bytes = archive.into_inner().unwrap();
        let mut seen: Vec<(String, u64, u32)> = tar::Archive::new(&bytes[..])
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let path = entry.path().unwrap().display().to_string();
                (path, header.uid().unwrap(), header.mode().unwrap() & 0o777)
            })
            .collect();
        seen.sort();
        let names: Vec<&str> = seen
            .iter()
            .map(|(name, ..)| name.trim_end_matches('/'))
            .collect();
        assert_eq!(names, ["folder", "folder/empty", "folder/run", "link"]);
        assert!(seen.iter().all(|(_, user, _)| *user == 1234));
        assert_eq!(seen[2].2, 0o755);
    }
}
