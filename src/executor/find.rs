//! Finds programs in a PATH, as shells do (SPEC V-23).

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The program of this name; one with a folder in its name is looked for there only, counted from `cwd`.
pub fn which(program: impl AsRef<Path>, path: &OsStr, cwd: &Path) -> Option<PathBuf> {
    let program = program.as_ref();
    if program.as_os_str().is_empty() {
        return None;
    }
    if program.components().count() > 1 || program.is_absolute() {
        return executable(&cwd.join(program));
    }
    std::env::split_paths(path)
        .filter(|folder| !folder.as_os_str().is_empty())
        .find_map(|folder| executable(&cwd.join(folder).join(program)))
}

#[cfg(unix)]
fn executable(path: &Path) -> Option<PathBuf> {
    use nix::unistd::{AccessFlags, access};
    (path.is_file() && access(path, AccessFlags::X_OK).is_ok()).then(|| path.to_owned())
}

#[cfg(not(unix))]
fn executable(path: &Path) -> Option<PathBuf> {
    let with = |extension: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    let candidates = ["", ".exe", ".cmd", ".bat", ".com"];
    candidates
        .iter()
        .map(|end| with(end))
        .find(|path| path.is_file())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    fn place(path: &Path, mode: u32) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_executable_in_the_path_counts() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        place(&at("a/tool"), 0o600);
        place(&at("b/tool"), 0o755);
        place(&at("c/tool"), 0o755);
        fs::create_dir_all(at("a/other")).unwrap();
        let path = std::env::join_paths([at("none"), at("a"), at("b"), at("c")]).unwrap();
        assert_eq!(
            which("tool", &path, root.path()),
            Some(at("b/tool")),
            "V-23"
        );
        assert_eq!(
            which("other", &path, root.path()),
            None,
            "a folder is no program"
        );
        assert_eq!(which("none", &path, root.path()), None);
        assert_eq!(which("", &path, root.path()), None);
        assert_eq!(
            which("c/tool", OsStr::new(""), root.path()),
            Some(at("c/tool"))
        );
        assert_eq!(
            which(at("c/tool"), OsStr::new(""), Path::new("/")),
            Some(at("c/tool"))
        );
        assert_eq!(
            which("tool", OsStr::new(":c"), root.path()),
            Some(at("c/tool"))
        );
    }
}
