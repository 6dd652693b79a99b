//! Images of Docker actions: built once for each content.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bollard::query_parameters::BuildImageOptionsBuilder;
use bytes::Bytes;
use futures_util::StreamExt as _;
use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use indexmap::IndexMap;
use sha2::{Digest as _, Sha256};

use super::buildkit::{Client, needs_buildkit};
use super::sweep::LABEL_TOOLS;
use super::{DockerError, Engine};
use crate::plan::container::ImageName;

/// What an image is made of.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The folder with the Dockerfile.
    pub folder: PathBuf,
    /// The name of the Dockerfile in it.
    pub dockerfile: String,
    pub platform: Option<String>,
}

/// A file of the folder, in the order of their names.
struct Entry {
    path: PathBuf,
    name: PathBuf,
}

impl Recipe {
    fn entries(&self) -> io::Result<Vec<Entry>> {
        let rules = self.rules();
        let mut entries = Vec::new();
        let walk = WalkBuilder::new(&self.folder)
            .standard_filters(false)
            .sort_by_file_name(Ord::cmp)
            .build();
        for entry in walk {
            let entry = entry.map_err(io::Error::other)?;
            let path = entry.into_path();
            let Ok(name) = path.strip_prefix(&self.folder) else {
                continue;
            };
            let name = name.to_owned();
            let kept = name == Path::new(&self.dockerfile)
                || !rules
                    .matched_path_or_any_parents(&name, path.is_dir())
                    .is_ignore();
            if kept && !name.as_os_str().is_empty() {
                entries.push(Entry { path, name });
            }
        }
        Ok(entries)
    }

    /// `.dockerignore`: its patterns count from the folder.
    fn rules(&self) -> Gitignore {
        let text = fs::read_to_string(self.folder.join(".dockerignore")).unwrap_or_default();
        let mut builder = GitignoreBuilder::new("");
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (mark, pattern) = match line.strip_prefix('!') {
                Some(pattern) => ("!", pattern.trim()),
                None => ("", line),
            };
            let anchored = format!("{mark}/{}", pattern.trim_start_matches('/'));
            // A pattern that is none leaves its files in.
            drop(builder.add_line(None, &anchored));
        }
        builder.build().unwrap_or_else(|_| Gitignore::empty())
    }

    /// The images that it begins with, as far as they are named in full.
    pub fn bases(&self) -> Vec<ImageName> {
        let text = fs::read_to_string(self.folder.join(&self.dockerfile)).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let is_from = words.next()?.eq_ignore_ascii_case("from");
                let name = words.find(|word| !word.starts_with("--"))?;
                (is_from && !name.contains('$') && name != "scratch").then(|| ImageName::new(name))
            })
            .collect()
    }

    /// The name of the image: the same for the same content, upon the same bases.
    pub fn image(&self, bases: &[String]) -> io::Result<ImageName> {
        use std::os::unix::fs::PermissionsExt as _;
        let mut digest = Sha256::new();
        let mut feed = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        feed(self.dockerfile.as_bytes());
        feed(self.platform.as_deref().unwrap_or_default().as_bytes());
        for base in bases {
            feed(base.as_bytes());
        }
        for entry in self.entries()? {
            if is_of_one_checkout(&entry.name) {
                continue;
            }
            feed(entry.name.as_os_str().as_encoded_bytes());
            let about = fs::symlink_metadata(&entry.path)?;
            if about.is_symlink() {
                feed(fs::read_link(&entry.path)?.as_os_str().as_encoded_bytes());
            } else if about.is_file() {
                feed(&[u8::from(about.permissions().mode() & 0o111 != 0)]);
                feed(&fs::read(&entry.path)?);
            }
        }
        let name = hex::encode(digest.finalize());
        Ok(ImageName::new(&format!("lrun-action:{}", &name[..24])))
    }

    fn context(&self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        archive.follow_symlinks(false);
        for entry in self.entries()? {
            archive.append_path_with_name(&entry.path, &entry.name)?;
        }
        archive.into_inner()
    }
}

/// Each checkout makes its `.git` anew: what it has of the repository is in HEAD and the refs.
fn is_of_one_checkout(name: &Path) -> bool {
    name.strip_prefix(".git").is_ok_and(|rest| {
        let stays = ["HEAD", "packed-refs", "refs", "shallow"];
        !stays.iter().any(|name| rest.starts_with(name))
    })
}

impl Engine {
    /// Builds an image and tells each line of the log; `env` is lrun's own environment.
    pub async fn build(
        &self,
        recipe: &Recipe,
        image: &ImageName,
        env: &IndexMap<OsString, OsString>,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<(), DockerError> {
        let text = fs::read_to_string(recipe.folder.join(&recipe.dockerfile)).unwrap_or_default();
        // Podman's builder is none of Docker's, and knows all this.
        if let Some(why) = needs_buildkit(&text).filter(|_| self.name == "Docker") {
            let client = Client { engine: self, env };
            return client.build(recipe, image, why, say).await;
        }
        let file = |source: io::Error| DockerError::File {
            path: recipe.folder.display().to_string(),
            source,
        };
        let owned = recipe.clone();
        let context = tokio::task::spawn_blocking(move || owned.context())
            .await
            .map_err(|error| file(io::Error::other(error)))?
            .map_err(file)?;
        let labels = HashMap::from([(LABEL_TOOLS.to_owned(), "true".to_owned())]);
        let mut options = BuildImageOptionsBuilder::new()
            .dockerfile(&recipe.dockerfile)
            .t(image.as_str())
            .labels(&labels)
            .rm(true)
            .forcerm(true);
        if let Some(platform) = &recipe.platform {
            options = options.platform(platform);
        }
        let body = bollard::body_full(Bytes::from(context));
        let mut lines = self.docker.build_image(options.build(), None, Some(body));
        while let Some(line) = lines.next().await {
            let fail = |reason: String| DockerError::Build {
                dockerfile: recipe.folder.join(&recipe.dockerfile).display().to_string(),
                reason,
            };
            let line = line.map_err(|error| fail(super::reason(&error)))?;
            if let Some(text) = line.stream {
                say(text.trim_end());
            }
            if let Some(error) = line.error_detail {
                return Err(fail(error.message.unwrap_or_default()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let text =
            "ARG V=1\nFROM --platform=linux/amd64 a:1 AS x\nfrom b\nFROM c:$V\nFROM scratch\n";
        fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let recipe = Recipe {
            folder: folder.path().to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            platform: None,
        };
        assert_eq!(recipe.bases(), ["a:1", "b"].map(ImageName::new));
    }

    #[test]
    fn the_name_follows_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("Dockerfile", "FROM scratch\n");
        write("a", "1");
        write(".dockerignore", "# no\nignored\nsub/**\n!sub/kept\n");
        let recipe = Recipe {
            folder: folder.path().to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            platform: None,
        };
        let first = recipe.image(&[]).unwrap();
        assert_eq!(recipe.image(&[]).unwrap(), first);
        write("ignored", "anything");
        assert_eq!(recipe.image(&[]).unwrap(), first);
        write("a", "2");
        let second = recipe.image(&[]).unwrap();
        assert_ne!(second, first);
        assert_ne!(recipe.image(&["sha256:1".to_owned()]).unwrap(), second);
        fs::create_dir(folder.path().join(".git")).unwrap();
        write(".git/HEAD", "ref: refs/heads/main");
        let third = recipe.image(&[]).unwrap();
        assert_ne!(third, second);
        write(".git/index", "anything");
        assert_eq!(recipe.image(&[]).unwrap(), third);
        fs::remove_dir_all(folder.path().join(".git")).unwrap();
        let other = Recipe {
            platform: Some("linux/arm64".to_owned()),
            ..recipe.clone()
        };
        assert_ne!(other.image(&[]).unwrap(), second);
        let names: Vec<_> = recipe
            .entries()
            .unwrap()
            .iter()
            .map(|entry| entry.name.display().to_string())
            .collect();
        assert_eq!(names, [".dockerignore", "Dockerfile", "a"]);
    }
}
