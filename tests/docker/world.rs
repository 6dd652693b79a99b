//! The engine and the images of the tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use lrun::executor::docker::{Engine, Seek};
use lrun::plan::container::ImageName;

use crate::lrun::Lrun;

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

pub fn base() -> String {
    setting("LRUN_TEST_BASE", "lrun-test/base")
}

pub fn tiny() -> String {
    setting("LRUN_TEST_TINY", "lrun-test/tiny")
}

pub fn web() -> String {
    setting("LRUN_TEST_WEB", "lrun-test/web")
}

pub fn env() -> IndexMap<OsString, OsString> {
    std::env::vars_os().collect()
}

pub async fn engine() -> Engine {
    find().await.unwrap()
}

async fn find() -> Result<Engine, String> {
    let home = std::env::home_dir();
    let env = env();
    let seek = Seek {
        env: &env,
        home: home.as_deref(),
    };
    seek.find().await.map_err(|error| error.to_string())
}

pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// Why the tests can not run.
pub fn missing() -> Option<String> {
    if !cfg!(target_os = "linux") {
        return Some("these tests want Linux".to_owned());
    }
    block_on(async {
        let engine = match find().await {
            Ok(engine) => engine,
            Err(why) => return Some(why),
        };
        for image in [base(), tiny(), web()] {
            let found = engine.image(&ImageName::new(&image)).await;
            if !matches!(found, Ok(Some(_))) {
                return Some(format!("the image {image} is not here"));
            }
        }
        None
    })
}

/// lrun itself.
pub fn program() -> PathBuf {
    env!("CARGO_BIN_EXE_lrun").into()
}

/// The engine that the tests are told of is the runs' own.
pub fn on_this_engine(lrun: Lrun) -> Lrun {
    let lrun = lrun.env("LRUN_BACKEND", "auto");
    match std::env::var("DOCKER_HOST") {
        Ok(address) => lrun.env("DOCKER_HOST", &address),
        Err(_) => lrun,
    }
}

/// How many containers, networks and volumes a repository's runs have.
pub fn left(root: &Path) -> usize {
    block_on(async { engine().await.count_of(root).await.unwrap() })
}

#[track_caller]
pub fn nothing_left(root: &Path) {
    assert_eq!(left(root), 0, "something of {} is left", root.display());
}

/// `lrun clean` takes what any run left or kept: tests that keep something and those that clean take turns.
pub fn turn() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The run is green, and leaves nothing.
#[track_caller]
pub fn passes(lrun: &Lrun) -> crate::events::Events {
    let events = lrun.events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    nothing_left(&lrun.root());
    events
}

/// The engine under an address that says nothing of this machine's files.
pub fn front() -> String {
    let socket = block_on(async { engine().await.address });
    let socket = socket.trim_start_matches("unix://").to_owned();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            let server = std::os::unix::net::UnixStream::connect(&socket).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                // Either side may go first.
                drop(std::io::copy(&mut from, &mut to));
                drop(to.shutdown(std::net::Shutdown::Write));
            });
            let (mut from, mut to) = (server, client);
            std::thread::spawn(move || {
                drop(std::io::copy(&mut from, &mut to));
                drop(to.shutdown(std::net::Shutdown::Write));
            });
        }
    });
    address
}
