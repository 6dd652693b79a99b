//! A made-up Node.js from a server on loopback.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

/// Paths and what stands there; each request is noted.
struct Site {
    address: String,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/dist", listener.local_addr().unwrap());
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (shown, log) = (Arc::clone(&files), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().unwrap().unwrap();
                while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
                let path = first.split(' ').nth(1).unwrap().to_owned();
                let found = shown.lock().unwrap().get(&path).cloned();
                log.lock().unwrap().push(path);
                let (status, body) = match found {
                    // An empty file stands for a connection that breaks off.
                    Some(body) if body.is_empty() => continue,
                    Some(body) => ("200 OK", body),
                    None => ("404 Not Found", Vec::new()),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(&body).unwrap();
            }
        });
        Self {
            address,
            files,
            asked,
        }
    }

    fn put(&self, path: &str, body: Vec<u8>) {
        let path = format!("/dist/latest-v24.x/{path}");
        self.files.lock().unwrap().insert(path, body);
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Offers an archive, with this checksum or its own.
    fn offer(&self, archive: Vec<u8>, sha256: Option<&str>) {
        let own = hex::encode(Sha256::digest(&archive));
        let list = format!(
            "{}  node-v24.9.1-aix-ppc64.tar.gz\n{}  {}\n",
            "0".repeat(64),
            sha256.unwrap_or(&own),
            file()
        );
        self.put("SHASUMS256.txt", list.into_bytes());
        self.put(&file(), archive);
    }
}

fn file() -> String {
    format!("node-v24.9.1-{}.tar.gz", platform())
}

fn archive(program: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(5);
    let top = format!("node-v24.9.1-{}", platform());
    tar.append_data(&mut header, format!("{top}/{program}"), &b"hello"[..])
        .unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

fn provider(site: &Site, folder: &Path) -> NodeDownload {
    NodeDownload {
        address: site.address.clone(),
        tool_cache: folder.to_owned(),
        offline: false,
        libc: Libc::Native,
    }
}

#[test]
fn builds_for_musl_are_found_by_the_list_of_versions() {
    let (site, folder) = (Site::start(), tempfile::tempdir().unwrap());
    let platform = format!("{}-musl", platform());
    let file = format!("node-v24.10.1-{platform}.tar.gz");
    let archive = archive("bin/node");
    let list = format!("{}  {file}\n", hex::encode(Sha256::digest(&archive)));
    let index = format!(
        "version\tdate\tfiles\nv25.0.0\t2026\t{platform}\nv24.9.1\t2026\t{platform},x\nv24.10.1\t2026\tx,{platform}\nv24.11.0\t2026\tx\n"
    );
    for (path, body) in [
        ("index.tab", index.into_bytes()),
        ("v24.10.1/SHASUMS256.txt", list.into_bytes()),
        (&format!("v24.10.1/{file}"), archive),
    ] {
        let mut files = site.files.lock().unwrap();
        files.insert(format!("/dist/{path}"), body);
    }
    let download = NodeDownload {
        libc: Libc::Musl,
        ..provider(&site, folder.path())
    };
    let program = download.provide(24, &|_| {}).unwrap();
    assert!(program.starts_with(folder.path().join("node-musl/24.10.1")));
    let error = download.provide(26, &|_| {}).unwrap_err();
    assert!(
        error.to_string().contains("no build of Node.js 26"),
        "{error}"
    );
}

#[test]
fn a41_a_build_is_checked_and_kept_in_the_tool_cache() {
    let (site, folder) = (Site::start(), tempfile::tempdir().unwrap());
    site.offer(archive("bin/node"), None);
    let said = Mutex::new(Vec::new());
    let download = provider(&site, folder.path());
    let program = download
        .provide(24, &|text| said.lock().unwrap().push(text.to_owned()))
        .unwrap();
    let version = folder.path().join("node/24.9.1");
    assert_eq!(program, version.join(architecture()).join("bin/node"));
    assert_eq!(fs::read(&program).unwrap(), b"hello");
    assert!(
        version
            .join(format!("{}.complete", architecture()))
            .is_file()
    );
    assert_eq!(
        fs::read_dir(folder.path().join("node/.lrun"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(
        *said.lock().unwrap(),
        [format!(
            "downloading Node.js 24.9.1 for {} from {}/latest-v24.x/{}",
            platform(),
            site.address,
            file()
        )]
    );
    // The second time only the list is read.
    let asked = site.asked();
    download
        .provide(24, &|_| panic!("downloads again"))
        .unwrap();
    assert_eq!(site.asked(), asked + 1);
}

#[test]
fn what_is_damaged_is_not_kept() {
    let (site, folder) = (Site::start(), tempfile::tempdir().unwrap());
    let wrong = "1".repeat(64);
    site.offer(archive("bin/node"), Some(&wrong));
    let error = provider(&site, folder.path())
        .provide(24, &|_| {})
        .unwrap_err();
    assert!(matches!(&error, NodeDownloadError::Checksum { expected, .. } if *expected == wrong));
    assert!(!folder.path().join("node/24.9.1").exists());
    // What is no Node.js is not kept either.
    site.offer(archive("bin/other"), None);
    let error = provider(&site, folder.path())
        .provide(24, &|_| {})
        .unwrap_err();
    assert!(error.to_string().ends_with("the archive holds no bin/node"));
    assert!(
        !folder
            .path()
            .join("node/24.9.1")
            .join(architecture())
            .exists()
    );
    // And a good one is, after all that.
    site.offer(archive("bin/node"), None);
    provider(&site, folder.path()).provide(24, &|_| {}).unwrap();
}

#[test]
fn what_can_not_be_had_is_said() {
    let (site, folder) = (Site::start(), tempfile::tempdir().unwrap());
    let mut download = provider(&site, folder.path());
    let failed = |download: &NodeDownload| download.provide(24, &|_| {}).unwrap_err().to_string();
    let list = format!("{}/latest-v24.x/SHASUMS256.txt", site.address);
    assert_eq!(
        failed(&download),
        format!("{list} can not be downloaded: http status: 404")
    );
    assert_eq!(site.asked(), 1);
    site.put("SHASUMS256.txt", Vec::new());
    assert!(failed(&download).starts_with(&format!("{list} can not be downloaded: ")));
    assert!(site.asked() >= 4, "three tries");
    site.put("SHASUMS256.txt", b"odd\n".to_vec());
    assert_eq!(
        failed(&download),
        format!(
            "there is no build of Node.js 24 for {} at {}/latest-v24.x",
            platform(),
            site.address
        )
    );
    download.offline = true;
    let asked = site.asked();
    let error = download.provide(24, &|_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Node.js 24 is not here, and --offline forbids to download it"
    );
    assert!(help(folder.path()).starts_with("install Node.js 24 so that `node` is in PATH"));
    assert_eq!(site.asked(), asked);
}

#[test]
fn builds_are_found_by_version_and_platform() {
    let sum = "a".repeat(64);
    let list = format!(
        "{sum}  node-v24.1.0-headers.tar.gz\n{sum}  node-v24.1.0-linux-x64.tar.xz\n{sum}  node-v24.1.0-linux-x64.tar.gz\n{sum}  node-v../x-linux-arm64.tar.gz\nshort  node-v24.1.0-linux-s390x.tar.gz\n"
    );
    let found = find_build(&list, 24, "linux-x64").unwrap();
    assert_eq!((found.version.as_str(), found.sha256), ("24.1.0", sum));
    for (major, platform) in [(20, "linux-x64"), (24, "linux-arm64"), (24, "linux-s390x")] {
        assert_eq!(find_build(&list, major, platform), None, "{platform}");
    }
}
