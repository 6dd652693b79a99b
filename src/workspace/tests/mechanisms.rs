//! Every mechanism brings the same tree (DESIGN 4).

use super::*;

fn change(scratch: &Scratch) {
    scratch.write("a.txt", "a\n");
    scratch.write("gone.txt", "back\n");
    fs::remove_dir_all(scratch.repo().join("sub")).unwrap();
    scratch.write("sub", "now a file\n");
    fs::remove_file(scratch.repo().join("new.txt")).unwrap();
    scratch.write("new.txt/inner", "now a folder\n");
    fs::remove_file(scratch.repo().join("link")).unwrap();
    std::os::unix::fs::symlink("run.sh", scratch.repo().join("link")).unwrap();
    scratch.executable("dir/b.txt");
    scratch.git(&["add", "-A"]);
}

#[test]
fn every_mechanism_yields_the_same_tree() {
    for content in [Content::WorkingTree, Content::Staged, Content::Clean] {
        for with_ignored in [false, true] {
            let scratch = Scratch::dirty();
            let options = Options {
                with_ignored,
                ..scratch.with(content)
            };
            let mut mechanisms = Vec::new();
            let bring = |name: &str, snapshot: &Snapshot| {
                let dest = scratch.path(name);
                snapshot.materialize(&dest).unwrap();
                tree(&dest)
            };
            let first = Snapshot::prepare(&options).unwrap();
            assert_eq!(
                tree(first.path()),
                bring("first", &Snapshot::direct(&options).unwrap())
            );
            change(&scratch);
            scratch.commit("second");
            scratch.write("a.txt", "dirty again\n");
            let beside = Snapshot::prepare(&options).unwrap();
            assert_ne!(first.path(), beside.path());
            mechanisms.push((
                "direct copy",
                bring("direct", &Snapshot::direct(&options).unwrap()),
            ));
            mechanisms.push(("next generation", tree(beside.path())));
            mechanisms.push(("copied generation", bring("beside", &beside)));
            drop((first, beside));
            let fresh = Options {
                cache: scratch.path("cache2"),
                ..options.clone()
            };
            mechanisms.push((
                "first build",
                tree(Snapshot::prepare(&fresh).unwrap().path()),
            ));
            scratch.write("a.txt", "for a moment\n");
            drop(Snapshot::prepare(&fresh).unwrap());
            scratch.write("a.txt", "dirty again\n");
            mechanisms.push(("in place", tree(Snapshot::prepare(&fresh).unwrap().path())));
            let request = CheckoutRequest::default();
            scratch.try_checkout(&options, &request).unwrap();
            mechanisms.push(("checkout", tree(&scratch.workspace())));
            scratch.try_checkout(&options, &request).unwrap();
            mechanisms.push(("checkout again", tree(&scratch.workspace())));
            let (_, expected) = &mechanisms[0];
            for (name, seen) in &mechanisms {
                assert_eq!(
                    seen, expected,
                    "{name}, {content:?}, ignored: {with_ignored}"
                );
            }
        }
    }
}

#[test]
fn what_a_job_writes_reaches_neither_the_snapshot_nor_the_tree() {
    let scratch = Scratch::new();
    let snapshot = Snapshot::prepare(&scratch.options()).unwrap();
    let work = scratch.checkout(&CheckoutRequest::default());
    let before = (tree(snapshot.path()), tree(&scratch.repo()));
    for name in ["a.txt", "run.sh", "dir/b.txt"] {
        write(&work.join(name), "overwritten\n");
    }
    assert_eq!((tree(snapshot.path()), tree(&scratch.repo())), before);
}

#[test]
fn odd_names_survive() {
    use std::os::unix::ffi::OsStrExt as _;
    let scratch = Scratch::new();
    let odd = std::ffi::OsStr::from_bytes(b"not utf-8 \xff");
    fs::write(scratch.repo().join(odd), "x").unwrap();
    scratch.write("new\nline \"quoted\"*", "x");
    scratch.git(&["add", "-A"]);
    scratch.commit("odd");
    for content in [Content::WorkingTree, Content::Clean] {
        let snapshot = Snapshot::prepare(&scratch.with(content)).unwrap();
        assert!(snapshot.path().join(odd).exists());
        assert!(snapshot.path().join("new\nline \"quoted\"*").exists());
    }
}
