//! A GitHub that is a folder of repositories, and a git that counts what it is asked for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::lrun::Lrun;

/// A repository whose `https://github.com/` is the folder `hub`, and whose git counts what it asks for.
pub fn world(workflow: &str) -> Lrun {
    let lrun = Lrun::new().workflow("ci.yml", workflow);
    let bin = lrun.scratch().join("bin");
    fs::create_dir(&bin).unwrap();
    let git = find_git();
    let calls = lrun.scratch().join("calls");
    let script = format!(
        "#!/bin/sh\nfor word; do case $word in fetch|ls-remote) echo $word >>'{}';; esac; done\nexec '{git}' \"$@\"\n",
        calls.display()
    );
    fs::write(bin.join("git"), script).unwrap();
    make_executable(&bin.join("git"));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    lrun.commit()
        .args(["push"])
        .env("PATH", &path)
        .env("GIT_CONFIG_COUNT", "1")
        .env("GIT_CONFIG_KEY_0", "url.file://{SCRATCH}/hub/.insteadOf")
        .env("GIT_CONFIG_VALUE_0", "https://github.com/")
}

fn find_git() -> String {
    let path = std::env::var_os("PATH").unwrap();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join("git"))
        .find(|git| git.is_file());
    found.unwrap().to_str().unwrap().to_owned()
}

fn make_executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Puts files into a repository of the hub, under a tag that may move; gives the commit.
pub fn publish(lrun: &Lrun, name: &str, tag: &str, files: &[(&str, &str)]) -> String {
    let folder = lrun.scratch().join(format!("hub/{name}.git"));
    if !folder.exists() {
        fs::create_dir_all(&folder).unwrap();
        lrun.git_in(&folder, &["init", "--quiet"]);
    }
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    lrun.git_in(&folder, &["add", "--all"]);
    lrun.git_in(
        &folder,
        &["commit", "--quiet", "--allow-empty", "--message", tag],
    );
    lrun.git_in(&folder, &["tag", "--force", tag]);
    lrun.git_in(&folder, &["rev-parse", "HEAD"])
}

/// How often git looked up refs, and fetched, since the last time.
pub fn calls(lrun: &Lrun) -> (usize, usize) {
    let path = lrun.scratch().join("calls");
    let text = fs::read_to_string(&path).unwrap_or_default();
    drop(fs::remove_file(path));
    let count = |word| text.lines().filter(|line| *line == word).count();
    (count("ls-remote"), count("fetch"))
}
