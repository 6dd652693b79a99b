//! Images: whether they are here, and how they get here.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use bollard::auth::DockerCredentials;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use serde::Deserialize;

use super::{DockerError, Engine, is_missing};
use crate::plan::container::ImageName;
use crate::workflow::container::Credentials;

/// A registry may stumble (SPEC J-23).
const TRIES: u32 = 3;

/// When a registry is asked (`--pull`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pull {
    Always,
    #[default]
    Missing,
    Never,
}

/// How much of a layer is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    pub id: String,
    pub status: String,
    pub done: u64,
    pub total: u64,
}

/// What lrun needs to know of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    pub env: Vec<String>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub user: String,
    pub has_healthcheck: bool,
    /// `linux/arm64`.
    pub platform: String,
}

impl Image {
    /// It is of this platform, as far as both say; `linux/arm64/v8` is a variant of `linux/arm64`.
    fn fits(&self, platform: Option<&str>) -> bool {
        platform.is_none_or(|wanted| {
            wanted == self.platform || wanted.starts_with(&format!("{}/", self.platform))
        })
    }
}

/// How an image is to be had.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub name: &'a ImageName,
    pub platform: Option<&'a str>,
    pub pull: Pull,
    pub credentials: Option<&'a Credentials>,
    /// The folder of Docker's own configuration.
    pub config: Option<&'a Path>,
}

impl Engine {
    /// The image, if it is here.
    pub async fn image(&self, name: &ImageName) -> Result<Option<Image>, DockerError> {
        let found = match self.docker.inspect_image(name.as_str()).await {
            Err(error) if is_missing(&error) => return Ok(None),
            found => found?,
        };
        let config = found.config.unwrap_or_default();
        let health = config.healthcheck.and_then(|check| check.test);
        let os = found.os.unwrap_or_default();
        Ok(Some(Image {
            platform: format!("{os}/{}", found.architecture.unwrap_or_default()),
            id: found.id.unwrap_or_default(),
            env: config.env.unwrap_or_default(),
            entrypoint: config.entrypoint.unwrap_or_default(),
            cmd: config.cmd.unwrap_or_default(),
            user: config.user.unwrap_or_default(),
            has_healthcheck: health.is_some_and(|test| {
                test.first().is_some_and(|first| first != "NONE") && test.len() > 1
            }),
        }))
    }

    /// Brings an image here if it is to be brought.
    pub async fn provide(
        &self,
        wanted: Wanted<'_>,
        progress: &(dyn Fn(&Layer) + Sync),
    ) -> Result<Image, DockerError> {
        let here = self.image(wanted.name).await?;
        // The same name may stand for an image of another platform.
        let here = here.filter(|image| image.fits(wanted.platform));
        match (here, wanted.pull) {
            (Some(image), Pull::Missing | Pull::Never) => return Ok(image),
            (None, Pull::Never) => return Err(DockerError::NotHere(wanted.name.to_string())),
            (_, Pull::Always) | (None, Pull::Missing) => {}
        }
        let mut tries = 1;
        loop {
            match self.pull(wanted, progress).await {
                Ok(()) => break,
                Err(error) if tries < TRIES && is_passing(&error) => {
                    tokio::time::sleep(Duration::from_secs(u64::from(tries))).await;
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
        self.image(wanted.name)
            .await?
            .ok_or_else(|| DockerError::NotHere(wanted.name.to_string()))
    }

    async fn pull(
        &self,
        wanted: Wanted<'_>,
        progress: &(dyn Fn(&Layer) + Sync),
    ) -> Result<(), DockerError> {
        let credentials = match wanted.credentials {
            Some(given) => Some(DockerCredentials {
                username: Some(given.username.clone()),
                password: Some(given.password.clone()),
                serveraddress: Some(wanted.name.registry_key().to_owned()),
                ..DockerCredentials::default()
            }),
            None => match wanted.config {
                Some(folder) => saved(folder, wanted.name.registry_key()),
                None => None,
            },
        };
        let mut options = CreateImageOptionsBuilder::new().from_image(wanted.name.as_str());
        if let Some(platform) = wanted.platform {
            options = options.platform(platform);
        }
        let mut events = self
            .docker
            .create_image(Some(options.build()), None, credentials);
        while let Some(event) = events.next().await {
            let fail = |reason: String| DockerError::Pull {
                image: wanted.name.to_string(),
                reason,
            };
            let event = event.map_err(|error| fail(super::reason(&error)))?;
            if let Some(error) = event.error_detail {
                return Err(fail(error.message.unwrap_or_default()));
            }
            if let (Some(id), Some(status)) = (event.id, event.status) {
                let detail = event.progress_detail.unwrap_or_default();
                let size = |number: Option<i64>| number.and_then(|it| u64::try_from(it).ok());
                progress(&Layer {
                    id,
                    status,
                    done: size(detail.current).unwrap_or_default(),
                    total: size(detail.total).unwrap_or_default(),
                });
            }
        }
        Ok(())
    }
}

/// Worth another try: the registry did not say no.
fn is_passing(error: &DockerError) -> bool {
    let DockerError::Pull { reason, .. } = error else {
        return false;
    };
    let reason = reason.to_ascii_lowercase();
    let final_words = [
        "not found",
        "manifest unknown",
        "denied",
        "unauthorized",
        "no such host",
        "invalid reference",
        "does not match the specified platform",
        "no matching manifest",
    ];
    !final_words.iter().any(|words| reason.contains(words))
}

/// What `docker login` saved.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Saved {
    auths: HashMap<String, Auth>,
    creds_store: String,
    cred_helpers: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    identitytoken: String,
}

/// What a credential helper answers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

fn saved(folder: &Path, registry: &str) -> Option<DockerCredentials> {
    let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
    let saved: Saved = serde_json::from_str(&text).ok()?;
    let helper = saved
        .cred_helpers
        .get(registry)
        .or(Some(&saved.creds_store))
        .filter(|helper| !helper.is_empty());
    if let Some(found) = helper.and_then(|helper| ask_helper(helper, registry)) {
        return Some(found);
    }
    let plain = |key: &str| {
        let host = key.split_once("://").map_or(key, |(_, rest)| rest);
        host.trim_end_matches('/').to_owned()
    };
    let (_, auth) = saved
        .auths
        .iter()
        .find(|(key, _)| *key == registry || plain(key) == plain(registry))?;
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(&auth.auth)
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (username, password) = decoded.split_once(':')?;
    let token = Some(auth.identitytoken.clone()).filter(|token| !token.is_empty());
    Some(DockerCredentials {
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        serveraddress: Some(registry.to_owned()),
        identitytoken: token,
        ..DockerCredentials::default()
    })
}

fn ask_helper(helper: &str, registry: &str) -> Option<DockerCredentials> {
    let program = PathBuf::from(format!("docker-credential-{helper}"));
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(registry.as_bytes()).ok()?;
    let answer = child.wait_with_output().ok()?;
    if !answer.status.success() {
        return None;
    }
    let Helped { username, secret } = serde_json::from_slice(&answer.stdout).ok()?;
    // `<token>` says that the secret is an identity token.
    let is_token = username == "<token>";
    Some(DockerCredentials {
        username: (!is_token).then_some(username),
        password: (!is_token).then(|| secret.clone()),
        identitytoken: is_token.then_some(secret),
        serveraddress: Some(registry.to_owned()),
        ..DockerCredentials::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_login_saved_is_found_by_the_registry() {
        let folder = tempfile::tempdir().unwrap();
        let auth = base64::engine::general_purpose::STANDARD.encode("mona:pa:ss");
        std::fs::write(
            folder.path().join("config.json"),
            format!(
                r#"{{"auths": {{"https://ghcr.io": {{"auth": "{auth}"}}, "https://index.docker.io/v1/": {{}}}}}}"#
            ),
        )
        .unwrap();
        let found = saved(folder.path(), "ghcr.io").unwrap();
        assert_eq!(found.username.as_deref(), Some("mona"));
        assert_eq!(found.password.as_deref(), Some("pa:ss"));
        assert!(saved(folder.path(), "quay.io").is_none());
        assert!(saved(folder.path(), "https://index.docker.io/v1/").is_none());
        assert!(saved(&folder.path().join("none"), "ghcr.io").is_none());
    }
}
