//! `CacheService` in both forms, the older protocol, and what a branch sees (SPEC 12.3, 12.4).

use libtest_mimic::Trial;
use lrun::server::cache::store::{Limits, Store};
use lrun::server::grant::CacheMode;
use prost::Message;
use serde_json::{Value, json};

use crate::desk::{CACHES, Desk, Job, admit, serve};
use crate::tool::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "caches: a branch sees itself, its base and the default branch (P-23)",
            &[],
            scopes,
        ),
        trial(
            "caches: exact keys, then prefixes, in order (P-22)",
            &[],
            order,
        ),
        trial(
            "caches: an entry never changes, whoever saves at once (P-20)",
            &[],
            immutable,
        ),
        trial("caches: keys have limits (P-23)", &[], keys),
        trial("caches: modes deny (P-25)", &[], modes),
        trial("caches: the older protocol (P-30)", &[], older),
        trial(
            "caches: what breaks off harms nobody else",
            &[],
            broken_ranges,
        ),
        trial("caches: protobuf", &[], protobuf),
        trial("caches: none are served where they are off", &[], off),
        trial(
            "caches: too large is refused, too much makes room",
            &[],
            limits,
        ),
    ]
}

fn scopes() {
    let desk = Desk::new();
    let (main, feature, other) = (
        desk.job("1", "main"),
        desk.job("2", "feature"),
        desk.job("3", "other"),
    );
    assert!(main.save("k", b"of main"));
    assert!(feature.save("k", b"of feature"));
    assert!(feature.save("only", b"x"));
    let content = |job: &Job, key: &str| job.restore(&[key]).map(|(_, content)| content);
    assert_eq!(content(&feature, "k").unwrap(), b"of feature");
    assert_eq!(content(&other, "k").unwrap(), b"of main");
    assert_eq!(content(&main, "k").unwrap(), b"of main");
    assert_eq!(content(&main, "only"), None);
    assert_eq!(content(&other, "only"), None);
    let pull = desk.job_with("4", "x", |grant| {
        "refs/pull/7/merge".clone_into(&mut grant.caches.own);
        grant.caches.others = vec![
            "refs/heads/feature".to_owned(),
            "refs/heads/main".to_owned(),
        ];
    });
    assert_eq!(content(&pull, "only").unwrap(), b"x");
    assert!(pull.save("pull", b"y"));
    // What was packed where folders lie otherwise would be unpacked somewhere else.
    let elsewhere = desk.job_with("5", "main", |grant| {
        "../..".clone_into(&mut grant.caches.layout);
    });
    assert_eq!(content(&elsewhere, "k"), None);
    assert!(elsewhere.save("k", b"elsewhere"));
    assert_eq!(content(&elsewhere, "k").unwrap(), b"elsewhere");
    assert_eq!(content(&main, "k").unwrap(), b"of main");
    assert_eq!(content(&feature, "pull"), None);
}

fn order() {
    let desk = Desk::new();
    let job = desk.job("1", "main");
    for key in ["npm-a", "npm-ab", "npm-b"] {
        assert!(job.save(key, key.as_bytes()));
    }
    let found = |keys: &[&str]| job.restore(keys).map(|(key, _)| key);
    assert_eq!(found(&["npm-a"]).as_deref(), Some("npm-a"));
    assert_eq!(found(&["x", "npm-"]).as_deref(), Some("npm-b"));
    assert_eq!(found(&["x", "npm-a", "npm-"]).as_deref(), Some("npm-a"));
    assert_eq!(found(&["x"]), None);
    let request = json!({"key": "npm-a", "version": "other"});
    let missed = job.twirp(CACHES, "GetCacheEntryDownloadURL", &request).ok();
    assert_eq!(missed.json()["ok"], false);
}

fn immutable() {
    let desk = Desk::new();
    let (one, two) = (desk.job("1", "main"), desk.job("2", "main"));
    let begin = |job: &Job| {
        let request = json!({"key": "k", "version": "v"});
        job.twirp(CACHES, "CreateCacheEntry", &request).ok().json()
    };
    let first = begin(&one);
    assert_eq!(first["ok"], true);
    // In this run somebody is at it.
    assert_eq!(begin(&two)["ok"], false);
    // Another lrun does not know.
    let other = serve(desk.place.path(), "2", |_| ());
    let far = admit(&other, "3", "main", |_| ());
    assert!(far.save("k", b"far"));
    one.put(first["signed_upload_url"].as_str().unwrap(), b"near")
        .ok();
    let request = json!({"key": "k", "version": "v", "size_bytes": "4"});
    let late = one
        .twirp(CACHES, "FinalizeCacheEntryUpload", &request)
        .ok()
        .json();
    assert_eq!(late["ok"], false);
    assert!(late["message"].as_str().unwrap().contains("first"));
    assert_eq!(two.restore(&["k"]).unwrap().1, b"far");
    // A client that missed the answer asks again.
    let request = json!({"key": "k", "version": "v", "size_bytes": "3"});
    let again = far
        .twirp(CACHES, "FinalizeCacheEntryUpload", &request)
        .ok()
        .json();
    assert_eq!(again["ok"], true);
    assert!(!two.save("k", b"again"));
}

fn keys() {
    let desk = Desk::new();
    let job = desk.job("1", "main");
    let long = "x".repeat(513);
    for key in ["", "a,b", long.as_str()] {
        let request = json!({"key": key, "version": "v"});
        job.twirp(CACHES, "CreateCacheEntry", &request)
            .refused(400, "invalid_argument");
        job.twirp(CACHES, "GetCacheEntryDownloadURL", &request)
            .refused(400, "invalid_argument");
    }
    let many: Vec<String> = (0..10).map(|number| number.to_string()).collect();
    let request = json!({"key": "k", "restore_keys": many, "version": "v"});
    job.twirp(CACHES, "GetCacheEntryDownloadURL", &request)
        .refused(400, "invalid_argument");
    for key in ["../../x", "a/b", "é", "a\0b", &"x".repeat(512)] {
        assert!(job.save(key, key.as_bytes()));
        assert_eq!(job.restore(&[key]).unwrap().1, key.as_bytes());
    }
    let outside = desk.place.path().join("x.json");
    assert!(!outside.exists());
}

fn modes() {
    let desk = Desk::new();
    desk.job("1", "main").save("k", b"x");
    let with = |mode: CacheMode| desk.job_with("2", "main", |grant| grant.caches.mode = mode);
    let read = |mode: CacheMode| {
        let request = json!({"key": "k", "version": "v"});
        with(mode).twirp(CACHES, "GetCacheEntryDownloadURL", &request)
    };
    let write = |mode: CacheMode| {
        let request = json!({"key": "new", "version": "v"});
        with(mode).twirp(CACHES, "CreateCacheEntry", &request)
    };
    assert_eq!(read(CacheMode::Read).status, 200);
    let denied = write(CacheMode::Read).ok().json();
    assert_eq!(denied["ok"], false);
    assert!(
        denied["message"]
            .as_str()
            .unwrap()
            .starts_with("cache write denied:")
    );
    assert_eq!(write(CacheMode::WriteOnly).status, 200);
    for mode in [CacheMode::None, CacheMode::WriteOnly] {
        let denied = read(mode);
        denied.refused(403, "permission_denied");
        assert!(
            denied.json()["msg"]
                .as_str()
                .unwrap()
                .starts_with("cache read denied:")
        );
    }
}

fn broken_ranges() {
    let desk = Desk::new();
    let job = desk.job("1", "main");
    let made = job.ask(
        "POST",
        "/_apis/artifactcache/caches",
        &json!({"key": "k", "version": "v"}),
    );
    let at = format!(
        "/_apis/artifactcache/caches/{}",
        made.ok().json()["cacheId"]
    );
    let bearer = format!("Bearer {}", job.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-range", "bytes 0-3/*"),
    ];
    for content in [b"aaaa", b"bbbb"] {
        assert_eq!(job.send("PATCH", &at, &headers, content).status, 204);
    }
    // A third attempt that breaks off in the middle.
    let host = job.base.trim_start_matches("http://");
    let mut broken = std::net::TcpStream::connect(host).unwrap();
    let request = format!(
        "PATCH {at} HTTP/1.1\r\nhost: {host}\r\nauthorization: {bearer}\r\ncontent-range: bytes 0-3/*\r\ncontent-length: 4\r\n\r\ncc"
    );
    std::io::Write::write_all(&mut broken, request.as_bytes()).unwrap();
    broken.shutdown(std::net::Shutdown::Write).unwrap();
    std::io::Read::read_to_end(&mut broken, &mut Vec::new()).unwrap();
    assert_eq!(job.ask("POST", &at, &json!({"size": 4})).status, 204);
    let kept = job.restore(&["k"]).unwrap().1;
    // Nobody else who saves what was announced gets what came.
    for content in [b"aaaa", b"bbbb"] {
        let key = String::from_utf8(content.to_vec()).unwrap();
        assert!(job.save(&key, content));
        assert_eq!(job.restore(&[&key]).unwrap().1, content);
    }
    assert_eq!(job.restore(&["k"]).unwrap().1, kept);
    let late = job.send("PATCH", &at, &headers, b"dddd").status;
    assert_eq!(late, 404);
}

fn older() {
    let desk = Desk::new();
    let job = desk.job("1", "main");
    let at = |path: &str| format!("/_apis/artifactcache/{path}");
    let look = |job: &Job| job.ask("GET", &at("cache?keys=k-1,k-&version=v"), &Value::Null);
    assert_eq!(look(&job).status, 204);
    let request = json!({"key": "k-1", "version": "v", "cacheSize": 7});
    let made = job.ask("POST", &at("caches"), &request);
    assert_eq!(made.status, 201);
    let id = made.json()["cacheId"].to_string();
    let second = desk.job("2", "main");
    assert_eq!(second.ask("POST", &at("caches"), &request).status, 409);
    let bearer = format!("Bearer {}", job.token);
    let patch = |range: &str, content: &[u8]| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/octet-stream"),
            ("content-range", range),
        ];
        job.send("PATCH", &at(&format!("caches/{id}")), &headers, content)
            .status
    };
    assert_eq!(patch("bytes 4-6/*", b"two"), 204);
    let commit = |size: u64| {
        job.ask("POST", &at(&format!("caches/{id}")), &json!({"size": size}))
            .status
    };
    assert_eq!(commit(7), 400, "the first bytes were not sent");
    assert_eq!(patch("bytes 0-3/*", b"one-"), 204);
    assert_eq!(patch("nonsense", b"x"), 400);
    assert_eq!(commit(9), 400);
    assert_eq!(commit(7), 204);
    assert_eq!(commit(7), 204, "a client that missed the answer asks again");
    assert_eq!(commit(8), 404);
    let found = look(&job).ok().json();
    assert_eq!(found["cacheKey"], "k-1");
    assert_eq!(found["scope"], "refs/heads/main");
    let content = job
        .send("GET", found["archiveLocation"].as_str().unwrap(), &[], b"")
        .ok();
    assert_eq!(content.body, b"one-two");
    let listed = job
        .ask("GET", &at("caches?key=k"), &Value::Null)
        .ok()
        .json();
    assert_eq!(listed["totalCount"], 1);
    // Both protocols see one store.
    assert_eq!(job.restore(&["k-1"]).unwrap().1, b"one-two");
    let other = desk.job("2", "other");
    assert_eq!(
        other
            .ask("POST", &at("caches/1"), &json!({"size": 1}))
            .status,
        404
    );
    let denied = job.send("GET", &at("cache?keys=k&version=v"), &[], b"");
    assert_eq!(denied.status, 401);
    assert!(denied.json()["message"].is_string());
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Create {
    #[prost(string, tag = "2")]
    key: String,
    #[prost(string, tag = "3")]
    version: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Finalize {
    #[prost(string, tag = "2")]
    key: String,
    #[prost(int64, tag = "3")]
    size_bytes: i64,
    #[prost(string, tag = "4")]
    version: String,
}

#[derive(Clone, PartialEq, Eq, Message)]
struct Get {
    #[prost(string, tag = "2")]
    key: String,
    #[prost(string, repeated, tag = "3")]
    restore_keys: Vec<String>,
    #[prost(string, tag = "4")]
    version: String,
}

/// `ok`, a text, a text.
#[derive(Clone, PartialEq, Eq, Message)]
struct Answer {
    #[prost(bool, tag = "1")]
    ok: bool,
    #[prost(string, tag = "2")]
    url: String,
    #[prost(string, tag = "3")]
    text: String,
}

fn protobuf() {
    let desk = Desk::new();
    let job = desk.job("1", "main");
    let bearer = format!("Bearer {}", job.token);
    let call = |method: &str, request: Vec<u8>| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/protobuf"),
        ];
        let answer = job.send(
            "POST",
            &format!("/twirp/{CACHES}/{method}"),
            &headers,
            &request,
        );
        assert_eq!(answer.header("content-type"), "application/protobuf");
        answer.ok().body
    };
    let (key, version) = ("k".to_owned(), "v".to_owned());
    let create = Create {
        key: key.clone(),
        version: version.clone(),
    };
    let made = Answer::decode(&*call("CreateCacheEntry", create.encode_to_vec())).unwrap();
    assert!(made.ok);
    job.put(&made.url, b"content").ok();
    let finalize = Finalize {
        key: key.clone(),
        size_bytes: 7,
        version: version.clone(),
    };
    let saved = call("FinalizeCacheEntryUpload", finalize.encode_to_vec());
    assert_eq!(saved[..2], [8, 1], "ok: true");
    let get = Get {
        key: "x".to_owned(),
        restore_keys: vec![key],
        version,
    };
    let got = Answer::decode(&*call("GetCacheEntryDownloadURL", get.encode_to_vec())).unwrap();
    assert_eq!((got.ok, got.text.as_str()), (true, "k"));
    assert_eq!(job.send("GET", &got.url, &[], b"").ok().body, b"content");
}

fn off() {
    let place = tempfile::tempdir().unwrap();
    let server = serve(place.path(), "1", |settings| settings.caches = None);
    let job = admit(&server, "1", "main", |_| ());
    let request = json!({"key": "k", "version": "v"});
    job.twirp(CACHES, "CreateCacheEntry", &request)
        .refused(404, "not_found");
    let look = job.ask(
        "GET",
        "/_apis/artifactcache/cache?keys=k&version=v",
        &Value::Null,
    );
    assert_eq!(look.status, 404);
    assert!(!place.path().join("caches").exists());
}

fn limits() {
    let place = tempfile::tempdir().unwrap();
    let limits = Limits {
        bytes: 100,
        days: None,
    };
    let folder = place.path().join("caches");
    let store = Store::new(folder, limits);
    let server = serve(place.path(), "1", |settings| settings.caches = Some(store));
    let job = admit(&server, "1", "main", |_| ());
    for key in ["a", "b", "c"] {
        // Different contents: equal ones take their room once.
        assert!(job.save(key, key.repeat(40).as_bytes()));
    }
    assert!(job.restore(&["a"]).is_none(), "it was used longest ago");
    assert!(job.restore(&["b"]).is_some() && job.restore(&["c"]).is_some());
    let made = job.twirp(
        CACHES,
        "CreateCacheEntry",
        &json!({"key": "big", "version": "v"}),
    );
    let url = made.ok().json()["signed_upload_url"]
        .as_str()
        .unwrap()
        .to_owned();
    let refused = job.put(&url, &[0; 101]);
    assert_eq!(
        (refused.status, refused.header("x-ms-error-code")),
        (413, "RequestBodyTooLarge")
    );
    let request = json!({"key": "big", "version": "v", "cacheSize": 101});
    assert_eq!(
        job.ask("POST", "/_apis/artifactcache/caches", &request)
            .status,
        413
    );
}
