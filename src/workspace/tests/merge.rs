//! A pull request: the merge in HEAD's place, with uncommitted changes laid over it (SPEC T-25).

use super::super::{Merge, confirm_overlay};
use super::*;

const LINES: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";

/// HEAD is `topic`; `main` went on from where it left. The merge is git's own, in a store beside.
struct Request {
    scratch: Scratch,
    merge: Merge,
}

impl Request {
    fn new() -> Self {
        let scratch = Scratch::new();
        scratch.write("both.txt", LINES);
        scratch.write("theirs.txt", "old\n");
        scratch.write("removed.txt", "old\n");
        scratch.git(&["add", "-A"]);
        scratch.commit("second");
        scratch.git(&["switch", "-q", "-c", "topic"]);
        scratch.write("both.txt", &LINES.replace('9', "nine"));
        scratch.git(&["add", "-A"]);
        scratch.commit("topic");
        scratch.git(&["switch", "-q", "main"]);
        scratch.write("both.txt", &LINES.replace('1', "one"));
        scratch.write("theirs.txt", "new\n");
        scratch.write("added.txt", "added\n");
        scratch.git(&["rm", "-q", "removed.txt"]);
        scratch.git(&["add", "-A"]);
        scratch.commit("main");
        scratch.git(&["switch", "-q", "topic"]);
        Self::of(scratch)
    }

    fn of(scratch: Scratch) -> Self {
        let store = scratch.path("store.git");
        git(&scratch.path(""), &["init", "-q", "--bare", "store.git"]);
        let objects = scratch.repo().join(".git/objects");
        let alternates = store.join("objects/info/alternates");
        fs::write(alternates, format!("{}\n", objects.display())).unwrap();
        let sha = |name: &str| scratch.git(&["rev-parse", name]).trim().to_owned();
        let (base, head) = (sha("main"), sha("topic"));
        let tree = git(&store, &["merge-tree", "--write-tree", &base, &head]);
        let commit = git(
            &store,
            &[
                "commit-tree",
                tree.trim(),
                "-p",
                &base,
                "-p",
                &head,
                "-m",
                "Merge",
            ],
        );
        let merge = Merge {
            commit: commit.trim().to_owned(),
            store,
            of_head: true,
        };
        Self { scratch, merge }
    }

    fn options(&self, content: Content) -> Options {
        Options {
            merge: Some(self.merge.clone()),
            ..self.scratch.with(content)
        }
    }

    fn checkout(&self, options: &Options, depth: u32) -> Result<PathBuf, WorkspaceError> {
        let snapshot = Snapshot::prepare(options)?;
        let request = CheckoutRequest {
            fetch_depth: Some(depth),
            ..CheckoutRequest::default()
        };
        let target = Target {
            sha: self.merge.commit.clone(),
            git_ref: "refs/pull/1/merge".to_owned(),
            ref_name: "1/merge".to_owned(),
            ..self.scratch.target()
        };
        let place = self.scratch.workspace();
        checkout(&snapshot, options, &request, &target, &place)?;
        Ok(place)
    }

    fn refused(&self, content: Content) -> Vec<String> {
        match confirm_overlay(&self.options(content)) {
            Err(WorkspaceError::Overlay(files)) => files,
            other => panic!("{other:?}"),
        }
    }

    /// The files of the merge as git writes them.
    fn expected(&self) -> BTreeMap<String, String> {
        let place = self.scratch.path("expected");
        let clone = ["clone", "-q", "--shared", "--no-checkout"];
        let store = self.merge.store.to_str().unwrap();
        git(
            &self.scratch.path(""),
            &[&clone[..], &[store, place.to_str().unwrap()]].concat(),
        );
        git(&place, &["checkout", "-q", &self.merge.commit]);
        tree(&place)
    }
}

fn read(place: &Path, name: &str) -> String {
    fs::read_to_string(place.join(name)).unwrap()
}

#[test]
fn a_clean_tree_gives_the_merge_itself() {
    let request = Request::new();
    for content in [Content::WorkingTree, Content::Staged, Content::Clean] {
        let place = request.checkout(&request.options(content), 1).unwrap();
        assert_eq!(tree(&place), request.expected(), "{content:?}");
        assert_eq!(git(&place, &["status", "--porcelain"]), "", "{content:?}");
        let head = git(&place, &["rev-parse", "HEAD"]);
        assert_eq!(head.trim(), request.merge.commit);
        fs::remove_dir_all(request.scratch.path("expected")).unwrap();
    }
}

#[test]
fn the_history_of_the_merge_has_the_depth_asked_for() {
    let request = Request::new();
    for (depth, commits) in [(1, "1"), (2, "3"), (0, "5")] {
        let options = request.options(Content::WorkingTree);
        let place = request.checkout(&options, depth).unwrap();
        let count = git(&place, &["rev-list", "--count", "HEAD"]);
        assert_eq!(count.trim(), commits, "depth {depth}");
        git(&place, &["fsck", "--connectivity-only"]);
        let pull = git(&place, &["rev-parse", "refs/remotes/pull/1/merge"]);
        assert_eq!(pull.trim(), request.merge.commit);
    }
}

#[test]
fn uncommitted_changes_lie_over_the_merge() {
    let request = Request::new();
    let scratch = &request.scratch;
    scratch.write("both.txt", &LINES.replace('9', "nine").replace('5', "five"));
    scratch.write("a.txt", "mine\n");
    scratch.write("untracked.txt", "new\n");
    scratch.executable("theirs.txt");
    fs::remove_file(scratch.repo().join("gone.txt")).unwrap();
    fs::remove_file(scratch.repo().join("removed.txt")).unwrap();
    let options = request.options(Content::WorkingTree);
    confirm_overlay(&options).unwrap();
    let before = tree(&scratch.repo());
    let objects = scratch.git(&["count-objects", "-v"]);
    let place = request.checkout(&options, 1).unwrap();
    let mut expected = request.expected();
    let both = LINES
        .replace('1', "one")
        .replace('5', "five")
        .replace('9', "nine");
    expected.insert("both.txt".to_owned(), format!("644 {both}"));
    expected.insert("a.txt".to_owned(), "644 mine\n".to_owned());
    expected.insert("untracked.txt".to_owned(), "644 new\n".to_owned());
    expected.insert("theirs.txt".to_owned(), "755 new\n".to_owned());
    expected.remove("gone.txt");
    assert_eq!(tree(&place), expected);
    let status = git(&place, &["status", "--porcelain"]);
    assert_eq!(
        status,
        " M a.txt\n M both.txt\n D gone.txt\n M theirs.txt\n?? untracked.txt\n"
    );
    assert_eq!(tree(&scratch.repo()), before);
    assert_eq!(scratch.git(&["count-objects", "-v"]), objects);
    // The next run of another kind is not mistaken for this one.
    let clean = request
        .checkout(&request.options(Content::Clean), 1)
        .unwrap();
    assert_eq!(read(&clean, "a.txt"), "a\n");
}

#[test]
fn the_index_is_laid_over_alone() {
    let request = Request::new();
    request.scratch.write("a.txt", "staged\n");
    request.scratch.git(&["add", "a.txt"]);
    request.scratch.write("a.txt", "later\n");
    request.scratch.write("untracked.txt", "new\n");
    let place = request
        .checkout(&request.options(Content::Staged), 1)
        .unwrap();
    assert_eq!(read(&place, "a.txt"), "staged\n");
    assert_eq!(read(&place, "added.txt"), "added\n");
    assert!(!place.join("untracked.txt").exists());
}

#[test]
fn changes_that_do_not_apply_are_named() {
    let request = Request::new();
    let scratch = &request.scratch;
    scratch.write("both.txt", &LINES.replace('1', "un"));
    scratch.write("theirs.txt", "other\n");
    scratch.write("added.txt", "mine\n");
    scratch.write("removed.txt", "changed\n");
    assert_eq!(
        request.refused(Content::WorkingTree),
        ["added.txt", "both.txt", "removed.txt", "theirs.txt"]
    );
    scratch.git(&["add", "both.txt"]);
    assert_eq!(request.refused(Content::Staged), ["both.txt"]);
    confirm_overlay(&request.options(Content::Clean)).unwrap();
    let options = request.options(Content::WorkingTree);
    let error = request.checkout(&options, 1).unwrap_err();
    assert!(error.to_string().contains("added.txt, both.txt"), "{error}");
    fs::remove_file(scratch.repo().join("theirs.txt")).unwrap();
    scratch.git(&["checkout", "HEAD", "both.txt", "removed.txt"]);
    fs::remove_file(scratch.repo().join("added.txt")).unwrap();
    assert_eq!(request.refused(Content::WorkingTree), ["theirs.txt"]);
}

#[test]
fn a_head_that_holds_its_base_takes_every_change() {
    let scratch = Scratch::new();
    scratch.git(&["switch", "-q", "-c", "topic"]);
    scratch.write("a.txt", "topic\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("topic");
    let request = Request::of(scratch);
    request.scratch.write("a.txt", "mine\n");
    request.scratch.write("new.txt", "new\n");
    let options = request.options(Content::WorkingTree);
    confirm_overlay(&options).unwrap();
    let place = request.checkout(&options, 1).unwrap();
    assert_eq!(read(&place, "a.txt"), "mine\n");
    let status = git(&place, &["status", "--porcelain"]);
    assert_eq!(status, " M a.txt\n?? new.txt\n");
}

#[test]
fn the_same_change_on_both_sides_is_no_conflict() {
    let request = Request::new();
    request.scratch.write("theirs.txt", "new\n");
    request.scratch.write("added.txt", "added\n");
    let options = request.options(Content::WorkingTree);
    let place = request.checkout(&options, 1).unwrap();
    assert_eq!(tree(&place), request.expected());
    assert_eq!(git(&place, &["status", "--porcelain"]), "");
}

#[test]
fn a_file_where_the_merge_has_a_folder_does_not_apply() {
    let scratch = Scratch::new();
    scratch.git(&["switch", "-q", "-c", "topic"]);
    scratch.commit("topic");
    scratch.git(&["switch", "-q", "main"]);
    scratch.write("place/file", "1\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("main");
    scratch.git(&["switch", "-q", "topic"]);
    let request = Request::of(scratch);
    request.scratch.write("place", "a file\n");
    assert_eq!(request.refused(Content::WorkingTree), ["place/file"]);
}

#[test]
fn a_head_that_is_not_here_takes_no_uncommitted_changes() {
    let mut request = Request::new();
    request.merge.of_head = false;
    request.scratch.write("both.txt", "conflicting\n");
    let options = request.options(Content::WorkingTree);
    confirm_overlay(&options).unwrap();
    let place = request.checkout(&options, 1).unwrap();
    assert_eq!(tree(&place), request.expected());
}

#[test]
fn attributes_of_the_tree_decide_how_the_merge_is_written() {
    let scratch = Scratch::new();
    scratch.write(".gitattributes", "*.bat text eol=crlf\n");
    scratch.write("run.bat", "1\n2\n3\n4\n5\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("second");
    scratch.git(&["switch", "-q", "-c", "topic"]);
    scratch.commit("topic");
    scratch.git(&["switch", "-q", "main"]);
    scratch.write("run.bat", "one\n2\n3\n4\n5\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("main");
    scratch.git(&["switch", "-q", "topic"]);
    let request = Request::of(scratch);
    request
        .scratch
        .write("run.bat", "1\r\n2\r\n3\r\n4\r\nfive\r\n");
    let options = request.options(Content::WorkingTree);
    let place = request.checkout(&options, 1).unwrap();
    assert_eq!(read(&place, "run.bat"), "one\r\n2\r\n3\r\n4\r\nfive\r\n");
    assert_eq!(git(&place, &["status", "--porcelain"]), " M run.bat\n");
}

#[test]
fn a_root_below_the_top_level_sees_its_part_of_the_merge() {
    let request = Request::new();
    let scratch = &request.scratch;
    scratch.git(&["switch", "-q", "main"]);
    scratch.write("dir/b.txt", "b\nmain\n");
    scratch.git(&["add", "-A"]);
    scratch.commit("main again");
    scratch.git(&["switch", "-q", "topic"]);
    let Request { scratch, .. } = request;
    fs::remove_dir_all(scratch.path("store.git")).unwrap();
    let request = Request::of(scratch);
    request.scratch.write("dir/c.txt", "mine\n");
    let options = Options {
        root: request.scratch.repo().join("dir"),
        below_top_level: true,
        ..request.options(Content::WorkingTree)
    };
    let place = request.checkout(&options, 1).unwrap();
    assert_eq!(read(&place, "b.txt"), "b\nmain\n");
    assert_eq!(read(&place, "c.txt"), "mine\n");
    assert!(!place.join(".git").exists());
}
