//! A pre-commit hook judges the index, not the working tree.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use crate::lrun::Lrun;

const HOOK: &str = "#!/bin/sh\nexec lrun -q -j lint --staged\n";
const LINT: &str = "
on: push
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: No unfinished work
        run: |
          if grep -n UNFINISHED *.txt; then exit 1; fi
  test:
    runs-on: ubuntu-latest
    steps:
      - run: exit 1
";

fn repository() -> Lrun {
    let lrun = Lrun::new()
        .workflow("ci.yml", LINT)
        .file("a.txt", "one\n")
        .file("b.txt", "two\n")
        .commit();
    let hook = lrun.root().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, HOOK).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    lrun
}

/// A folder with a tree of that repository, main or added.
struct Tree<'a> {
    lrun: &'a Lrun,
    folder: &'a Path,
}

impl Tree<'_> {
    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    fn git(&self, args: &[&str]) -> Output {
        self.lrun
            .command("git", self.folder)
            .args(args)
            .output()
            .unwrap()
    }

    fn reset(&self) {
        assert!(self.git(&["reset", "--quiet", "--hard"]).status.success());
    }

    #[track_caller]
    fn passes(&self, args: &[&str]) {
        let output = self.git(args);
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args:?}: {shown}");
        assert_eq!(
            (&*output.stdout, &*shown),
            (&b""[..], ""),
            "a green hook is silent"
        );
    }

    #[track_caller]
    fn fails(&self, args: &[&str]) {
        let before = self.lrun.git_in(self.folder, &["rev-parse", "HEAD"]);
        let output = self.git(args);
        let shown = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!output.status.success(), "{args:?} passed: {shown}");
        assert!(shown.contains("No unfinished work"), "{shown}");
        assert_eq!(
            self.lrun.git_in(self.folder, &["rev-parse", "HEAD"]),
            before
        );
        self.reset();
    }

    /// The index alone counts, whichever way git commits.
    fn judge(&self) {
        // What is staged is fine, the working tree is not.
        self.write("a.txt", "fine\n");
        self.git(&["add", "a.txt"]);
        self.write("a.txt", "UNFINISHED\n");
        self.passes(&["commit", "-q", "-m", "staged and fine"]);
        self.reset();
        // The other way round.
        self.write("a.txt", "UNFINISHED\n");
        self.git(&["add", "a.txt"]);
        self.write("a.txt", "fine again\n");
        self.fails(&["commit", "-q", "-m", "staged and unfinished"]);
        // `commit -a` has an index of its own.
        self.write("a.txt", "UNFINISHED\n");
        self.fails(&["commit", "-q", "-a", "-m", "all, unfinished"]);
        self.write("a.txt", "all fine\n");
        self.passes(&["commit", "-q", "-a", "-m", "all, fine"]);
        // `commit FILE` takes that file over HEAD, whatever else is staged.
        self.write("a.txt", "UNFINISHED\n");
        self.git(&["add", "a.txt"]);
        self.write("b.txt", "only this\n");
        self.passes(&["commit", "-q", "-m", "one file, fine", "b.txt"]);
        self.reset();
        self.write("a.txt", "staged and fine\n");
        self.git(&["add", "a.txt"]);
        self.write("b.txt", "UNFINISHED\n");
        self.fails(&["commit", "-q", "-m", "one file, unfinished", "b.txt"]);
        // An untracked file is not part of the commit.
        self.write("c.txt", "UNFINISHED\n");
        self.write("a.txt", "beside an untracked file\n");
        self.passes(&["commit", "-q", "-a", "-m", "untracked beside"]);
    }
}

pub fn judges_the_index() {
    let lrun = repository();
    let folder = lrun.root();
    Tree {
        lrun: &lrun,
        folder: &folder,
    }
    .judge();
}

pub fn judges_the_index_of_a_worktree() {
    let lrun = repository();
    let folder = lrun.scratch().join("tree");
    lrun.git(&["worktree", "add", "--quiet", "-b", "topic", "../tree"]);
    // Trouble in the main tree is none of this one's.
    fs::write(lrun.root().join("a.txt"), "UNFINISHED\n").unwrap();
    lrun.git(&["add", "a.txt"]);
    Tree {
        lrun: &lrun,
        folder: &folder,
    }
    .judge();
}
