//! Two folders of this machine as one tree, mounted by the engine as a volume: no right of lrun's own is needed.

use std::collections::HashMap;
use std::path::Path;

use bollard::models::VolumeCreateRequest;

use super::{DockerError, Engine};

/// What overlayfs is made of; the folders are there.
#[derive(Debug, Clone, Copy)]
pub struct Overlay<'a> {
    /// Read only.
    pub lower: &'a Path,
    /// Takes all that is written.
    pub upper: &'a Path,
    /// For the kernel, on the file system of `upper`.
    pub work: &'a Path,
}

impl Overlay<'_> {
    /// The mount's options: folders can be renamed, as in any file system, and nothing waits for the disk, since what a
    /// job writes is gone after it (kernel: Documentation/filesystems/overlayfs.rst, `redirect_dir` and `volatile`).
    fn options(&self) -> Result<String, DockerError> {
        let mut options = Vec::new();
        for (name, folder) in [
            ("lowerdir", self.lower),
            ("upperdir", self.upper),
            ("workdir", self.work),
        ] {
            let path = folder
                .to_str()
                .filter(|path| !path.contains([':', ',', '\\']));
            let path = path.ok_or_else(|| DockerError::Layer(folder.display().to_string()))?;
            options.push(format!("{name}={path}"));
        }
        Ok(format!("{},redirect_dir=on,volatile", options.join(",")))
    }
}

impl Engine {
    /// Names the merged tree; the first container that has it mounts it, and there fails what can not be.
    pub async fn lay(
        &self,
        name: &str,
        overlay: Overlay<'_>,
        labels: &[(String, String)],
    ) -> Result<(), DockerError> {
        let text = |text: &str| text.to_owned();
        let request = VolumeCreateRequest {
            name: Some(text(name)),
            driver: Some(text("local")),
            driver_opts: Some(HashMap::from([
                (text("type"), text("overlay")),
                (text("device"), text("overlay")),
                (text("o"), overlay.options()?),
            ])),
            labels: Some(labels.iter().cloned().collect()),
            ..VolumeCreateRequest::default()
        };
        self.docker.create_volume(request).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_the_mount_would_read_otherwise_is_refused() {
        let of = |lower: &str| {
            let overlay = Overlay {
                lower: Path::new(lower),
                upper: Path::new("/u"),
                work: Path::new("/w"),
            };
            overlay.options()
        };
        assert_eq!(
            of("/a b").unwrap(),
            "lowerdir=/a b,upperdir=/u,workdir=/w,redirect_dir=on,volatile"
        );
        for path in ["/a:b", "/a,b", "/a\\b"] {
            assert!(of(path).unwrap_err().to_string().contains(path));
        }
    }
}
