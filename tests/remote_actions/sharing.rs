//! Several lrun at one cache, and lrun killed in the middle.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use lrun::action::{RemoteActions, RemoteOptions};
use nix::sys::stat::Mode;

use crate::Test;
use crate::world::World;

pub const TESTS: &[Test] = &[
    ("two_at_once_fetch_once", two_at_once_fetch_once),
    (
        "a_killed_fetch_leaves_a_usable_cache",
        a_killed_fetch_leaves_a_usable_cache,
    ),
];

const FOLDER: &str = "REMOTE_ACTIONS_FOLDER";

pub fn is_child() -> bool {
    std::env::var_os(FOLDER).is_some()
}

/// Fetches `o/r@v1` as a process of its own.
pub fn child() -> ExitCode {
    let folder = std::env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let remote = RemoteActions::new(RemoteOptions {
        git: folder.join("git-wrapper"),
        back_off: Duration::ZERO,
        ..RemoteOptions::new(folder.join("cache"), folder.join("root"))
    });
    match remote.fetch("o", "r", "v1") {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn spawn(world: &World) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .env_clear()
        .envs(world.environment())
        .env(FOLDER, world.path(""))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

fn fifo(world: &World, name: &str) -> String {
    let path = world.path(name);
    nix::unistd::mkfifo(&path, Mode::from_bits_truncate(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn two_at_once_fetch_once() {
    let world = World::new();
    let commit = world.repository("o/r", "v1", &[("one", "1")]);
    world.wrapper("");
    let locks = world.path("cache/github.com/o/r/locks");
    fs::create_dir_all(&locks).unwrap();
    let lock = fs::File::create(locks.join(&commit)).unwrap();
    lock.lock().unwrap();
    let mut children = [spawn(&world), spawn(&world)];
    // Nobody can fetch before both know what to fetch.
    while world.calls().0 < 2 {
        std::thread::yield_now();
    }
    assert_eq!(world.calls().1, 0);
    drop(lock);
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(world.calls().1, 1);
}

fn a_killed_fetch_leaves_a_usable_cache() {
    let world = World::new();
    world.repository("o/r", "v1", &[("one", "1")]);
    let (arrived, go) = (fifo(&world, "arrived"), fifo(&world, "go"));
    world.wrapper(&format!(
        "[ \"$command\" != fetch ] || {{ echo here >'{arrived}'; read line <'{go}'; }}"
    ));
    let mut child = spawn(&world);
    assert_eq!(fs::read_to_string(&arrived).unwrap(), "here\n");
    child.kill().unwrap();
    child.wait().unwrap();
    // git lives on and holds the entry.
    let entry = world.path("cache/github.com/o/r");
    let commit = world.git(&world.path("hub/o/r.git"), &["rev-parse", "main"]);
    let lock = fs::File::open(entry.join("locks").join(&commit)).unwrap();
    assert!(lock.try_lock().is_err());
    assert!(entry.join(format!("{commit}.part")).is_dir());
    assert!(!entry.join(&commit).exists());
    drop(lock);
    let second = std::thread::scope(|scope| {
        let second = scope.spawn(|| world.remote().fetch("o", "r", "v1"));
        fs::write(&go, "go\n").unwrap();
        second.join().unwrap()
    });
    assert!(second.unwrap().folder.join("one").is_file());
    assert!(!entry.join(format!("{commit}.part")).exists());
}
