//! The snapshot in the cache: what a second run costs, and what survives a crash or a neighbour.

use std::os::unix::fs::MetadataExt as _;

use super::*;

fn store(scratch: &Scratch) -> PathBuf {
    let mut children: Vec<_> = fs::read_dir(scratch.path("cache")).unwrap().collect();
    assert_eq!(children.len(), 1);
    children.remove(0).unwrap().path()
}

fn generations(scratch: &Scratch) -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(store(scratch))
        .unwrap()
        .map(|child| child.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "lock" && name != "clock")
        .collect();
    found.sort();
    found
}

/// Makes every file of the tree old enough to be trusted.
fn age(scratch: &Scratch) {
    // The file system's clock has moved on when a file written now is younger by more than its tick.
    const TICK: i64 = 20_000_000;
    let newest = fs::metadata(scratch.repo().join("a.txt")).unwrap();
    let probe = scratch.path("probe");
    loop {
        fs::write(&probe, "").unwrap();
        let now = fs::metadata(&probe).unwrap();
        let since =
            (now.mtime() - newest.ctime()) * 1_000_000_000 + now.mtime_nsec() - newest.ctime_nsec();
        if since > TICK {
            break;
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_second_run_touches_only_what_changed() {
    let scratch = Scratch::new();
    age(&scratch);
    let first = Snapshot::prepare(&scratch.options()).unwrap();
    let path = first.path().to_owned();
    let inode = |name: &str| fs::metadata(path.join(name)).unwrap().ino();
    let before = (inode("run.sh"), inode("dir/b.txt"), inode("a.txt"));
    drop(first);
    scratch.write("a.txt", "changed\n");
    let second = Snapshot::prepare(&scratch.options()).unwrap();
    assert_eq!(
        second.path(),
        path,
        "nobody used it: brought up to date in place"
    );
    assert_eq!((inode("run.sh"), inode("dir/b.txt")), (before.0, before.1));
    assert_eq!(fs::read_to_string(path.join("a.txt")).unwrap(), "changed\n");
}

#[test]
fn a_run_in_progress_keeps_its_generation_and_the_next_sweeps_it() {
    let scratch = Scratch::new();
    age(&scratch);
    let first = Snapshot::prepare(&scratch.options()).unwrap();
    let same = Snapshot::prepare(&scratch.options()).unwrap();
    assert_eq!(first.path(), same.path());
    scratch.write("a.txt", "changed\n");
    age(&scratch);
    let second = Snapshot::prepare(&scratch.options()).unwrap();
    assert_eq!(
        fs::read_to_string(first.path().join("a.txt")).unwrap(),
        "a\n"
    );
    assert_eq!(
        fs::read_to_string(second.path().join("a.txt")).unwrap(),
        "changed\n"
    );
    let inode = |snapshot: &Snapshot| fs::metadata(snapshot.path().join("run.sh")).unwrap().ino();
    assert_eq!(
        inode(&first),
        inode(&second),
        "what did not change is shared"
    );
    assert_eq!(generations(&scratch), ["1", "2"]);
    drop((first, same));
    drop(Snapshot::prepare(&scratch.options()).unwrap());
    assert_eq!(generations(&scratch), ["2"]);
}

#[test]
fn a_change_within_the_clocks_grain_is_seen() {
    let scratch = Scratch::new();
    for round in 0..50 {
        let text = format!("{round:02}\n");
        scratch.write("a.txt", &text);
        let snapshot = Snapshot::prepare(&scratch.options()).unwrap();
        assert_eq!(
            fs::read_to_string(snapshot.path().join("a.txt")).unwrap(),
            text
        );
    }
}

#[test]
fn half_builds_and_interrupted_updates_are_not_taken_for_whole() {
    let scratch = Scratch::new();
    let path = Snapshot::prepare(&scratch.options())
        .unwrap()
        .path()
        .to_owned();
    let expected = tree(&path);
    // Killed while it built the next generation, and while it updated the last in place.
    write(&store(&scratch).join("half-2/tree/rubbish"), "x");
    write(&path.parent().unwrap().join("updating"), "");
    write(&path.join("rubbish"), "x");
    let snapshot = Snapshot::prepare(&scratch.options()).unwrap();
    assert_eq!(tree(snapshot.path()), expected);
    assert_eq!(generations(&scratch), ["2"]);
}

#[test]
fn a_damaged_manifest_is_none() {
    let scratch = Scratch::new();
    let prepare = || {
        Snapshot::prepare(&scratch.options())
            .unwrap()
            .path()
            .to_owned()
    };
    let mut path = prepare();
    let expected = tree(&path);
    let whole = fs::read(path.with_file_name("manifest")).unwrap();
    for cut in [0, 10, 20, whole.len() / 2, whole.len() - 1] {
        write(&path.join("rubbish"), "x");
        fs::write(path.with_file_name("manifest"), &whole[..cut]).unwrap();
        path = prepare();
        assert_eq!(tree(&path), expected, "cut at {cut}");
    }
}

#[test]
fn many_at_once_all_see_the_tree() {
    let scratch = Scratch::dirty();
    let expected = tree(
        Snapshot::prepare(&Options {
            cache: scratch.path("other"),
            ..scratch.options()
        })
        .unwrap()
        .path(),
    );
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|run| {
                let (scratch, expected) = (&scratch, &expected);
                scope.spawn(move || {
                    for round in 0..5 {
                        let snapshot = Snapshot::prepare(&scratch.options()).unwrap();
                        let dest = scratch.path(&format!("dest-{run}-{round}"));
                        snapshot.materialize(&dest).unwrap();
                        assert_eq!(&tree(&dest), expected);
                    }
                })
            })
            .collect();
        for run in runs {
            run.join().unwrap();
        }
    });
}

#[test]
fn a_copied_repository_is_hashed_once_and_counts_as_clean() {
    let scratch = Scratch::new();
    let status = Command::new("cp")
        .arg("-r")
        .arg(scratch.repo())
        .arg(scratch.path("copy"))
        .status()
        .unwrap();
    assert!(status.success());
    let options = Options {
        root: scratch.path("copy"),
        git_dir: Some(scratch.path("copy/.git")),
        ..scratch.options()
    };
    assert!(Snapshot::prepare(&options).unwrap().changes().is_empty());
    assert!(Snapshot::prepare(&options).unwrap().changes().is_empty());
}
