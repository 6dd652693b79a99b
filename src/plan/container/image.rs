//! The name of an image and the registry that it is asked from.

use std::fmt;

/// `[registry/]repository[:tag][@digest]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageName(String);

/// Where images without a registry come from, as `docker login` calls it.
pub const DOCKER_HUB: &str = "https://index.docker.io/v1/";

impl ImageName {
    /// A name without a tag or digest means `latest`.
    pub fn new(text: &str) -> Self {
        let last = text.rsplit('/').next().unwrap_or(text);
        if last.contains(':') || text.contains('@') || is_id(text) {
            Self(text.to_owned())
        } else {
            Self(format!("{text}:latest"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host of the registry (SPEC J-22); `None` is Docker Hub.
    pub fn registry(&self) -> Option<&str> {
        let (first, rest) = self.0.split_once('/')?;
        let is_host = first.contains(['.', ':']) || first == "localhost" || rest.contains('/');
        (is_host && first != "docker.io" && first != "index.docker.io").then_some(first)
    }

    /// The key of its registry in Docker's own configuration.
    pub fn registry_key(&self) -> &str {
        self.registry().unwrap_or(DOCKER_HUB)
    }

    /// For the name of a container: letters and digits only (SPEC J-24).
    pub fn sanitised(&self) -> String {
        self.0.chars().filter(char::is_ascii_alphanumeric).collect()
    }
}

/// An image may be named by its id, too.
fn is_id(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_the_first_part() {
        // SPEC J-22
        let table = [
            ("alpine", "alpine:latest", None),
            ("node:22", "node:22", None),
            ("library/node", "library/node:latest", None),
            ("docker.io/library/node:1", "docker.io/library/node:1", None),
            ("ghcr.io/o/r", "ghcr.io/o/r:latest", Some("ghcr.io")),
            ("host:5000/x", "host:5000/x:latest", Some("host:5000")),
            ("host/a/b:1", "host/a/b:1", Some("host")),
            ("a@sha256:1", "a@sha256:1", None),
        ];
        for (text, full, registry) in table {
            let name = ImageName::new(text);
            assert_eq!((name.as_str(), name.registry()), (full, registry), "{text}");
        }
        assert_eq!(ImageName::new("node:22").sanitised(), "node22");
    }
}
