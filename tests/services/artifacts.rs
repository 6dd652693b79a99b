//! `ArtifactService`, blobs, the REST API and the old protocol (SPEC 12.2, 12.5).

use std::fs;
use std::io::Write as _;

use libtest_mimic::Trial;
use serde_json::{Value, json};

use crate::desk::{ARTIFACTS, Desk, serve};
use crate::tool::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial("artifacts: blocks in any order, ranges, types", &[], blocks),
        trial(
            "artifacts: a name is taken once in a run (P-10)",
            &[],
            names_are_taken,
        ),
        trial("artifacts: names are of files (P-13)", &[], names),
        trial(
            "artifacts: a token opens its own run, until the job ends (P-1)",
            &[],
            tokens,
        ),
        trial("artifacts: nothing is seen before it is whole", &[], halves),
        trial("artifacts: contents have types (P-12, P-14)", &[], types),
        trial("artifacts: a request that can not be read", &[], unreadable),
        trial(
            "artifacts: of an earlier run, by the REST API",
            &[],
            earlier,
        ),
        trial(
            "artifacts: clients before version 4 (P-40)",
            &[],
            old_clients,
        ),
        trial("artifacts: paths of old clients stay below", &[], old_paths),
        trial(
            "artifacts: what a killed server left is not seen and goes",
            &[],
            leftovers,
        ),
    ]
}

fn blocks() {
    let desk = Desk::new();
    let job = desk.job("run", "main");
    let url = job.begin("app");
    for number in [2, 0, 1] {
        let content = [b"first-", b"second", b"3\n\n\n\n\n"][number];
        let content = if number == 2 { &content[..2] } else { content };
        let answer = job.put_block(&url, number, content).ok();
        assert_eq!(answer.status, 201);
        for header in ["etag", "last-modified", "x-ms-request-id", "x-ms-version"] {
            assert!(!answer.header(header).is_empty(), "{header}");
        }
    }
    // A block that is sent again counts as it was sent last.
    job.put_block(&url, 1, b"SECOND").ok();
    job.put_list(&url, &[0, 1, 2]).ok();
    job.finalize("app", 14).ok();
    let url = job.address("app");
    let whole = job.send("GET", &url, &[], b"").ok();
    assert_eq!(whole.body, b"first-SECOND3\n");
    let part = job.send("GET", &url, &[("range", "bytes=6-11")], b"");
    assert_eq!(
        (part.status, part.body.as_slice()),
        (206, b"SECOND".as_slice())
    );
    assert_eq!(part.header("content-range"), "bytes 6-11/14");
    let head = job.send("HEAD", &url, &[], b"").ok();
    assert_eq!(head.header("content-length"), "14");
    // One address writes, another reads.
    assert_eq!(job.put(&url, b"x").status, 403);
    assert_eq!(
        job.send("GET", &url.replace("sig=", "sig=x"), &[], b"")
            .status,
        403
    );
    let gone = job.artifact("DeleteArtifact", json!({"name": "app"})).ok();
    assert_eq!(gone.json()["ok"], true);
    assert!(job.listed().is_empty());
    job.artifact("GetSignedArtifactURL", json!({"name": "app"}))
        .refused(404, "not_found");
    // What was open while it went.
    let text = job.send("GET", &url, &[], b"");
    assert_eq!(
        (text.status, text.header("x-ms-error-code")),
        (404, "BlobNotFound")
    );
}

fn names_are_taken() {
    let desk = Desk::new();
    let (one, two) = (desk.job("run", "main"), desk.job("run", "main"));
    let other = desk.job("other", "main");
    one.begin("app");
    // Also while it is being sent.
    two.artifact("CreateArtifact", json!({"name": "app"}))
        .refused(409, "already_exists");
    assert!(
        other
            .artifact("CreateArtifact", json!({"name": "app"}))
            .status
            == 200
    );
    two.leave("logs", b"x");
    one.artifact("CreateArtifact", json!({"name": "logs"}))
        .refused(409, "already_exists");
    // The list is of all jobs of the run, and of no other.
    assert_eq!(one.listed(), ["logs"]);
    assert!(other.listed().is_empty());
    // A job that ends in the middle leaves its name.
    desk.server.dismiss(&one.token);
    two.leave("app", b"y");
    assert_eq!(two.listed(), ["logs", "app"]);
    // A client that missed the answer asks again.
    let again = two.finalize("app", 1).ok().json();
    assert_eq!(again["ok"], true);
}

fn names() {
    let desk = Desk::new();
    let job = desk.job("run", "main");
    for name in [
        "",
        "..",
        "a/b",
        "../../etc/passwd",
        "a\\b",
        "a\nb",
        "a:b",
        "nul\0",
    ] {
        job.artifact("CreateArtifact", json!({"name": name}))
            .refused(400, "invalid_argument");
    }
    let long = "x".repeat(256);
    job.artifact("CreateArtifact", json!({"name": long}))
        .refused(400, "invalid_argument");
    for name in ["a b é'&#.zip", "run.json", "meta.json", ".hidden"] {
        job.leave(name, b"content");
        let content = job.send("GET", &job.address(name), &[], b"").ok();
        assert_eq!(content.body, b"content", "{name}");
    }
}

fn tokens() {
    let desk = Desk::new();
    let (one, other) = (desk.job("one", "main"), desk.job("other", "main"));
    one.leave("app", b"mine");
    for method in [
        "ListArtifacts",
        "GetSignedArtifactURL",
        "CreateArtifact",
        "DeleteArtifact",
    ] {
        let request = json!({"workflow_run_backend_id": "one", "name": "app"});
        other
            .twirp(ARTIFACTS, method, &request)
            .refused(403, "permission_denied");
    }
    let bare = one.send(
        "POST",
        &format!("/twirp/{ARTIFACTS}/ListArtifacts"),
        &[],
        b"{}",
    );
    bare.refused(401, "unauthenticated");
    let address = one.address("app");
    let upload = one.begin("more");
    desk.server.dismiss(&one.token);
    one.artifact("ListArtifacts", json!({}))
        .refused(401, "unauthenticated");
    assert_eq!(one.send("GET", &address, &[], b"").status, 403);
    assert_eq!(one.put(&upload, b"x").status, 403);
    one.twirp("x.Y", "Z", &json!({}))
        .refused(401, "unauthenticated");
    other
        .twirp("x.Y", "Z", &json!({}))
        .refused(404, "bad_route");
    other
        .artifact("MakeCoffee", json!({}))
        .refused(404, "bad_route");
}

fn halves() {
    let desk = Desk::new();
    let job = desk.job("run", "main");
    let url = job.begin("app");
    job.put_block(&url, 0, b"half").ok();
    assert!(job.listed().is_empty());
    job.finalize("app", 4).refused(412, "failed_precondition");
    let list = job.put_list(&url, &[0, 1]);
    assert_eq!(
        (list.status, list.header("x-ms-error-code")),
        (400, "InvalidInput")
    );
    job.put_list(&url, &[0]).ok();
    assert!(job.listed().is_empty());
    job.finalize("app", 5).refused(400, "invalid_argument");
    job.finalize("other", 4).refused(404, "not_found");
    job.finalize("app", 4).ok();
    assert_eq!(job.listed(), ["app"]);
    // Nothing can be added to it any more.
    assert_eq!(job.put_block(&url, 1, b"more").status, 403);
}

fn types() {
    let desk = Desk::new();
    let job = desk.job("run", "main");
    let make = |name: &str, request: Value, header: Option<&str>| {
        let mut full = request;
        full["name"] = json!(name);
        let made = job.artifact("CreateArtifact", full).ok().json();
        let url = made["signed_upload_url"].as_str().unwrap().to_owned();
        let mut headers = vec![("x-ms-blob-type", "BlockBlob")];
        headers.extend(header.map(|kind| ("x-ms-blob-content-type", kind)));
        job.send("PUT", &url, &headers, b"PK").ok();
        job.finalize(name, 2).ok();
        let url = job.address(name);
        let got = job.send("GET", &url, &[], b"").ok();
        let path = url.split('?').next().unwrap().to_owned();
        (
            got.header("content-type").to_owned(),
            got.header("content-disposition").to_owned(),
            path,
        )
    };
    // Old clients say `zip` to the blob alone; what they send is always one.
    let (kind, name, path) = make("old", json!({"version": 4}), Some("zip"));
    assert_eq!(kind, "application/zip");
    assert!(name.contains("filename=\"old.zip\"") && path.ends_with("/old.zip"));
    let new = json!({"version": 7, "mime_type": "text/plain"});
    let (kind, name, path) = make("a é.txt", new, None);
    assert_eq!(kind, "text/plain");
    assert!(name.ends_with("filename*=UTF-8''a%20%C3%A9.txt"), "{name}");
    assert!(path.ends_with("/a%20%C3%A9.txt"));
    let (kind, ..) = make("new", json!({"version": 7}), Some("image/png"));
    assert_eq!(kind, "image/png");
    let camel = json!({"version": 7, "mimeType": "application/zip"});
    let (kind, _, path) = make("camel", camel, None);
    assert!(kind == "application/zip" && path.ends_with("/camel.zip"));
}

fn unreadable() {
    let desk = Desk::new();
    let job = desk.job("run", "main");
    let url = format!("/twirp/{ARTIFACTS}/CreateArtifact");
    let bearer = format!("Bearer {}", job.token);
    let post = |kind: &str, body: &[u8]| {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        job.send("POST", &url, &headers, body)
    };
    post("application/json", b"{").refused(400, "malformed");
    post("application/json", b"{\"name\": 5}").refused(400, "malformed");
    post("application/protobuf", b"\x0a").refused(400, "malformed");
    post("application/json", &vec![b' '; 2 << 20]).refused(413, "out_of_range");
    assert_eq!(job.send("GET", "/nothing/here", &[], b"").status, 404);
    let blob = job.begin("app");
    let bad = job.send("PUT", &format!("{blob}&comp=block&blockid=!"), &[], b"x");
    assert_eq!(bad.header("x-ms-error-code"), "InvalidInput");
    let page = job.send("PUT", &blob, &[("x-ms-blob-type", "PageBlob")], b"x");
    assert_eq!(page.status, 400);
    let list = job.send("PUT", &format!("{blob}&comp=blocklist"), &[], b"nonsense");
    assert_eq!(list.status, 400);
    assert!(String::from_utf8(list.body).unwrap().starts_with("<?xml"));
}

fn earlier() {
    let desk = Desk::new();
    let first = desk.job("run", "main");
    let id = first.leave("app", b"PK-content");
    first.leave("logs", b"PK");
    let second = serve(desk.place.path(), "2", |_| ());
    let job = crate::desk::admit(&second, "run-2", "main", |_| ());
    assert!(second.has_run("1") && !second.has_run("3"));
    // By its token alone it sees nothing of the first.
    assert!(job.listed().is_empty());
    let of_run = |query: &str| {
        job.ask(
            "GET",
            &format!("/repos/octo/app/actions/runs/1/artifacts{query}"),
            &Value::Null,
        )
    };
    let all = of_run("?per_page=1&page=2").ok().json();
    assert_eq!(
        (
            all["total_count"].as_u64(),
            all["artifacts"][0]["name"].as_str()
        ),
        (Some(2), Some("app"))
    );
    let named = of_run("?name=app").ok().json();
    assert_eq!(named["artifacts"][0]["id"].to_string(), id);
    assert_eq!(named["artifacts"][0]["size_in_bytes"], 10);
    let one = job.ask(
        "GET",
        &format!("/repos/octo/app/actions/artifacts/{id}"),
        &Value::Null,
    );
    assert_eq!(one.ok().json()["name"], "app");
    let zip = job.ask(
        "GET",
        &format!("/repos/octo/app/actions/artifacts/{id}/zip"),
        &Value::Null,
    );
    assert_eq!(zip.status, 302);
    let content = job.send("GET", zip.header("location"), &[], b"").ok();
    assert_eq!(content.body, b"PK-content");
    for other in [
        "/repos/octo/other/actions/runs/1/artifacts",
        "/repos/octo/app/actions/runs/9/artifacts",
    ] {
        let answer = job.ask("GET", other, &Value::Null);
        assert_eq!(answer.status, 404);
        assert!(answer.json()["message"].is_string());
    }
    assert_eq!(
        job.send("GET", "/repos/octo/app/actions/runs/1/artifacts", &[], b"")
            .status,
        401
    );
}

fn container(desk: &Desk, name: &str) -> (crate::desk::Job, String) {
    let job = desk.job("run", "main");
    let request = json!({"Type": "actions_storage", "Name": name, "RetentionDays": 5});
    let made = job.ask(
        "POST",
        "/_apis/pipelines/workflows/1/artifacts?api-version=6.0-preview",
        &request,
    );
    let url = made.ok().json()["fileContainerResourceUrl"]
        .as_str()
        .unwrap()
        .to_owned();
    (job, url)
}

fn put_part(
    job: &crate::desk::Job,
    url: &str,
    range: &str,
    more: &[(&str, &str)],
    content: &[u8],
) -> u16 {
    let bearer = format!("Bearer {}", job.token);
    let mut headers = vec![("authorization", bearer.as_str()), ("content-range", range)];
    headers.extend(more);
    job.send("PUT", url, &headers, content).status
}

fn old_clients() {
    let desk = Desk::new();
    let (job, url) = container(&desk, "app");
    let put = |path: &str, range: &str, more: &[(&str, &str)], content: &[u8]| {
        put_part(
            &job,
            &format!("{url}?itemPath=app%2F{path}"),
            range,
            more,
            content,
        )
    };
    assert_eq!(put("sub%2Fb.txt", "bytes 3-5/6", &[], b"def"), 200);
    assert_eq!(put("sub%2Fb.txt", "bytes 0-2/6", &[], b"abc"), 200);
    assert_eq!(put("empty", "bytes 0--1/0", &[], b""), 200);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&[b'x'; 5000]).unwrap();
    let packed = packed.finish().unwrap();
    let range = format!("bytes 0-{}/{}", packed.len() - 1, packed.len());
    let gzip = [("content-encoding", "gzip"), ("x-tfs-filelength", "5000")];
    assert_eq!(put("packed", &range, &gzip, &packed), 200);
    let artifacts = "/_apis/pipelines/workflows/1/artifacts?api-version=6.0-preview";
    assert_eq!(
        job.ask("GET", artifacts, &Value::Null).ok().json()["count"],
        0
    );
    let finish = format!("{artifacts}&artifactName=app");
    job.ask("PATCH", &finish, &json!({"Size": 5006})).ok();
    let all = job.ask("GET", artifacts, &Value::Null).ok().json();
    assert_eq!(
        (all["count"].as_u64(), all["value"][0]["name"].as_str()),
        (Some(1), Some("app"))
    );
    let container = all["value"][0]["fileContainerResourceUrl"]
        .as_str()
        .unwrap();
    let items = job
        .ask("GET", &format!("{container}?itemPath=app"), &Value::Null)
        .ok()
        .json();
    let items = items["value"].as_array().unwrap();
    let find = |path: &str| items.iter().find(|it| it["path"] == path).unwrap();
    assert_eq!(find("app/sub")["itemType"], "folder");
    let get = |path: &str| {
        let location = find(path)["contentLocation"].as_str().unwrap();
        job.ask("GET", location, &Value::Null).ok().body
    };
    assert_eq!(get("app/sub/b.txt"), b"abcdef");
    assert_eq!(get("app/packed"), [b'x'; 5000]);
    assert_eq!(get("app/empty"), b"");
    // A matrix fills one artifact, leg after leg.
    let second = desk.job("run", "main");
    let request = json!({"Type": "actions_storage", "Name": "app"});
    second.ask("POST", artifacts, &request).ok();
    let part = format!("{url}?itemPath=app%2Fsecond");
    assert_eq!(put_part(&second, &part, "bytes 0-1/2", &[], b"2!"), 200);
    second.ask("PATCH", &finish, &json!({"Size": 2})).ok();
    second.ask("PATCH", &finish, &json!({"Size": 2})).ok();
    let items = job
        .ask("GET", &format!("{container}?itemPath=app"), &Value::Null)
        .ok()
        .json();
    let items = items["value"].as_array().unwrap();
    let find = |path: &str| items.iter().find(|it| it["path"] == path).unwrap();
    let get = |path: &str| {
        let location = find(path)["contentLocation"].as_str().unwrap();
        job.ask("GET", location, &Value::Null).ok().body
    };
    assert_eq!(get("app/sub/b.txt"), b"abcdef");
    assert_eq!(get("app/second"), b"2!");
    // What can not be joined is refused, however often it is asked, and harms nothing.
    let third = desk.job("run", "main");
    third.ask("POST", artifacts, &request).ok();
    let part = format!("{url}?itemPath=app%2Fsecond%2Fx");
    assert_eq!(put_part(&third, &part, "bytes 0-0/1", &[], b"x"), 200);
    for _ in 0..2 {
        let refused = third.ask("PATCH", &finish, &json!({"Size": 1}));
        assert!(refused.status >= 400, "{refused:?}");
    }
    assert_eq!(get("app/second"), b"2!");
    // Newer clients do not see it, and are told why they can not have it.
    assert!(job.listed().is_empty());
    job.artifact("GetSignedArtifactURL", json!({"name": "app"}))
        .refused(412, "failed_precondition");
}

fn old_paths() {
    let desk = Desk::new();
    let (job, url) = container(&desk, "app");
    for path in [
        "..%2Fx",
        "app%2F..%2F..%2Fx",
        "app%2F%2Fetc%2Fx",
        "app%5C..%5Cx",
        "other%2Fx",
        "app",
        "app%2Fa%00",
        "",
    ] {
        let status = put_part(
            &job,
            &format!("{url}?itemPath={path}"),
            "bytes 0-0/1",
            &[],
            b"x",
        );
        assert_eq!(status, 400, "{path}");
    }
    // It says less than what comes out.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; 1 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let range = format!("bytes 0-{}/{}", bomb.len() - 1, bomb.len());
    let gzip = [("content-encoding", "gzip"), ("x-tfs-filelength", "10")];
    put_part(
        &job,
        &format!("{url}?itemPath=app%2Fbomb"),
        &range,
        &gzip,
        &bomb,
    );
    let finish = job.ask(
        "PATCH",
        "/_apis/pipelines/workflows/1/artifacts?artifactName=app",
        &json!({"Size": 1}),
    );
    assert_eq!(finish.status, 400);
    assert!(
        finish.json()["message"]
            .as_str()
            .unwrap()
            .contains("announced")
    );
    assert!(job.listed().is_empty());
    let one = job.leave("real", b"PK");
    assert!(!one.is_empty());
    for path in ["..%2Fmeta.json", "%2Fetc%2Fpasswd", "x"] {
        let url = format!("/_apis/resources/Files/real?itemPath={path}");
        assert!(job.ask("GET", &url, &Value::Null).status >= 400, "{path}");
    }
}

fn leftovers() {
    let desk = Desk::new();
    let job = desk.job("run", "main");
    let url = job.begin("app");
    job.put_block(&url, 0, &vec![1; 1 << 16]).ok();
    // What a kill leaves: the folder of a server without anybody who holds it.
    let incoming = desk.place.path().join("runs/1/incoming");
    let own = fs::read_dir(&incoming)
        .unwrap()
        .map(|it| it.unwrap().path());
    let own = own.into_iter().find(|path| path.is_dir()).unwrap();
    let dead = incoming.join("dead");
    fs::create_dir(&dead).unwrap();
    for entry in fs::read_dir(own.join("1")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), dead.join(entry.file_name())).unwrap();
    }
    fs::write(dead.join(".alive"), "").unwrap();
    let next = serve(desk.place.path(), "1", |_| ());
    let other = crate::desk::admit(&next, "run-2", "main", |_| ());
    other.leave("mine", b"PK");
    assert!(!dead.exists(), "nobody holds it");
    assert!(own.exists(), "its server lives");
}
