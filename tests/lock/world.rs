//! A project, a server's repositories as folders, and an API on loopback.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

pub const LOCK: &str = ".github/workflows/actions.lock";

/// Everything that `lrun lock` meets.
pub struct World {
    scratch: TempDir,
    pub api: Api,
    env: BTreeMap<String, String>,
}

/// What lrun left.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        let scratch = tempfile::Builder::new()
            .prefix("lrun-lock-test-")
            .tempdir()
            .unwrap();
        for folder in ["demo/.github/workflows", "home", "server"] {
            fs::create_dir_all(scratch.path().join(folder)).unwrap();
        }
        let server = scratch.path().join("server");
        let config = format!(
            "[user]\n\tname = Mona\n\temail = mona@example.com\n[init]\n\tdefaultBranch = main\n\
             [advice]\n\tdetachedHead = false\n\
             [uploadpack]\n\tallowFilter = true\n\
             [url \"file://{}/\"]\n\tinsteadOf = https://github.com/\n",
            server.display()
        );
        fs::write(scratch.path().join("home/.gitconfig"), config).unwrap();
        let world = Self {
            scratch,
            api: Api::start(),
            env: BTreeMap::new(),
        };
        git(&world.home(), &world.root(), &["init", "--quiet"]);
        world
    }

    fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    pub fn root(&self) -> PathBuf {
        self.scratch.path().join("demo")
    }

    /// Writes a file of the project.
    pub fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// Writes a workflow whose one job has these steps.
    pub fn workflow(&self, name: &str, uses: &[&str]) -> &Self {
        let mut text =
            "on: push\njobs:\n  job:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ran\n"
                .to_owned();
        for uses in uses {
            text.push_str("      - uses: ");
            text.push_str(uses);
            text.push('\n');
        }
        self.file(&format!(".github/workflows/{name}"), &text)
    }

    pub fn lock(&self) -> Option<String> {
        fs::read_to_string(self.root().join(LOCK)).ok()
    }

    /// A repository of the server, with its ids known to the API.
    pub fn repository(&self, name: &str, owner_id: u64, repo_id: u64) -> Repository {
        let folder = self.scratch.path().join("server").join(name);
        fs::create_dir_all(&folder).unwrap();
        let repository = Repository {
            folder,
            home: self.home(),
        };
        repository.git(&["init", "--quiet"]);
        self.api.knows(name, owner_id, repo_id);
        repository
    }

    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs lrun in the project.
    pub fn lrun(&self, args: &[&str]) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_lrun"))
            .args(args)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LRUN_API_URL", self.api.url())
            .env("LRUN_BACKEND", "host")
            .envs(&self.env)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            code: output.status.code().unwrap(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Ended {
    pub fn code(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    pub fn says(&self, part: &str) -> &Self {
        assert!(
            self.stdout.contains(part) || self.stderr.contains(part),
            "no `{part}` in {}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    pub fn says_not(&self, part: &str) -> &Self {
        assert!(
            !self.stdout.contains(part) && !self.stderr.contains(part),
            "`{part}` in {}\n{}",
            self.stdout,
            self.stderr
        );
        self
    }
}

/// A repository of the server.
pub struct Repository {
    folder: PathBuf,
    home: PathBuf,
}

impl Repository {
    pub fn git(&self, args: &[&str]) -> String {
        git(&self.home, &self.folder, args)
    }

    /// Commits these files; gives the commit.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, text) in files {
            let path = self.folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Commits an action that runs on node.
    pub fn action(&self, mark: &str) -> String {
        self.commit(&[
            ("action.yml", "runs:\n  using: node20\n  main: index.js\n"),
            ("mark", mark),
        ])
    }
}

fn git(home: &Path, folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_DATE", "2024-01-02T03:04:05Z")
        .env("GIT_COMMITTER_DATE", "2024-01-02T03:04:05Z")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The part of GitHub's REST API that tells ids.
pub struct Api {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// By the path asked for: status and body.
    answers: BTreeMap<String, (u16, String)>,
    /// Path and authorization of each request.
    heard: Vec<(String, Option<String>)>,
    /// The only token that is not refused.
    token: Option<String>,
}

impl Api {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&stream.unwrap(), &shared);
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn knows(&self, name: &str, owner_id: u64, repo_id: u64) {
        let body = format!(
            r#"{{"id":{repo_id},"full_name":"{name}","owner":{{"login":"x","id":{owner_id}}}}}"#
        );
        self.answers(name, 200, &body);
    }

    pub fn answers(&self, name: &str, status: u16, body: &str) {
        let path = format!("/repos/{name}").to_lowercase();
        let mut state = self.state.lock().unwrap();
        state.answers.insert(path, (status, body.to_owned()));
    }

    /// Refuses every other token, as GitHub does with one that has expired.
    pub fn wants_token(&self, token: &str) {
        self.state.lock().unwrap().token = Some(format!("Bearer {token}"));
    }

    /// What was asked for since the last time.
    pub fn heard(&self) -> Vec<(String, Option<String>)> {
        std::mem::take(&mut self.state.lock().unwrap().heard)
    }
}

fn answer(stream: &TcpStream, state: &Mutex<State>) {
    let mut path = String::new();
    let mut token = None;
    for (index, line) in BufReader::new(stream).lines().enumerate() {
        let line = line.unwrap();
        if line.is_empty() {
            break;
        }
        if index == 0 {
            path = line.split(' ').nth(1).unwrap().to_lowercase();
        } else if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("authorization")
        {
            token = Some(value.to_owned());
        }
    }
    let (status, body) = {
        let mut state = state.lock().unwrap();
        state.heard.push((path.clone(), token.clone()));
        if state.token.is_some() && token.is_some() && token != state.token {
            (401, r#"{"message":"Bad credentials"}"#.to_owned())
        } else {
            let known = state.answers.get(&path).cloned();
            known.unwrap_or((404, r#"{"message":"Not Found"}"#.to_owned()))
        }
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
}
