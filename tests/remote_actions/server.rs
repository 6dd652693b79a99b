//! git over HTTP on loopback, for those who come without a token or with a good one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A server that answers until the test ends.
pub struct Server {
    pub url: String,
    /// The `Authorization` of each request.
    seen: Arc<Mutex<Vec<Option<String>>>>,
}

/// Whether a request with this `Authorization` is served.
pub type Rule = fn(Option<&str>) -> bool;

impl Server {
    pub fn start(hub: PathBuf, rule: Rule) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (hub, log) = (hub.clone(), Arc::clone(&log));
                std::thread::spawn(move || answer(&stream.unwrap(), &hub, rule, &log));
            }
        });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Option<String>> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(stream: &TcpStream, hub: &Path, rule: Rule, log: &Mutex<Vec<Option<String>>>) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or_default() == 0 {
            return;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        lines.iter().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name)
                .then(|| value.trim().to_owned())
        })
    };
    let length = header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let authorization = header("authorization");
    log.lock().unwrap().push(authorization.clone());
    let mut stream = stream;
    if !rule(authorization.as_deref()) {
        let text = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(text.as_bytes()).unwrap();
        return;
    }
    let mut request = lines[0].split(' ');
    let (method, target) = (request.next().unwrap(), request.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    // As GitHub: with or without `.git`.
    let mut parts = path.trim_start_matches('/').splitn(3, '/');
    let (owner, repo, rest) = (
        parts.next().unwrap(),
        parts.next().unwrap(),
        parts.next().unwrap(),
    );
    let path = format!("/{owner}/{}.git/{rest}", repo.trim_end_matches(".git"));
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", hub)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", method)
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", length.to_string())
        .env(
            "HTTP_CONTENT_ENCODING",
            header("content-encoding").unwrap_or_default(),
        )
        .env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    backend.stdin.take().unwrap().write_all(&body).unwrap();
    let output = backend.wait_with_output().unwrap().stdout;
    let head = output
        .windows(4)
        .position(|part| part == b"\r\n\r\n")
        .unwrap();
    let text = String::from_utf8_lossy(&output[..head]).into_owned();
    let status = text
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK");
    let length = output.len() - head - 4;
    let start = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n");
    stream.write_all(start.as_bytes()).unwrap();
    stream.write_all(&output).unwrap();
}
