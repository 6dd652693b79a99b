//! Tokens of identity (SPEC 12.6).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::os::unix::fs::PermissionsExt as _;

use libtest_mimic::Trial;
use lrun::server::oidc::Subject;
use serde_json::Value;

use crate::desk::{Desk, admit, serve};
use crate::tool::trial;

pub fn trials() -> Vec<Trial> {
    vec![
        trial(
            "identity: a job that may asks for a token (P-80)",
            &[],
            tokens,
        ),
        trial("identity: nobody else gets one", &[], others),
    ]
}

fn subject() -> Subject {
    Subject {
        sub: "repo:octo/app:ref:refs/heads/main".to_owned(),
        audience: "https://github.com/octo".to_owned(),
        claims: vec![("repository", "octo/app".to_owned())],
    }
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn tokens() {
    let desk = Desk::new();
    let job = desk.job_with("1", "main", |grant| grant.subject = Some(subject()));
    let ask = |query: &str| {
        let answer = job.ask(
            "GET",
            &format!("/oidc/token?api-version=2.0{query}"),
            &Value::Null,
        );
        answer.ok().json()["value"].as_str().unwrap().to_owned()
    };
    let plain = claims(&ask(""));
    assert_eq!(plain["aud"], "https://github.com/octo");
    assert_eq!(plain["sub"], "repo:octo/app:ref:refs/heads/main");
    assert_eq!(plain["repository"], "octo/app");
    assert_eq!(plain["iss"], job.base);
    assert_eq!(
        claims(&ask("&audience=sts.amazonaws.com"))["aud"],
        "sts.amazonaws.com"
    );
    let configuration = job
        .send("GET", "/.well-known/openid-configuration", &[], b"")
        .ok()
        .json();
    assert_eq!(configuration["issuer"], job.base);
    let keys = job.send("GET", configuration["jwks_uri"].as_str().unwrap(), &[], b"");
    let keys = keys.ok().json();
    let head = ask("").split('.').next().unwrap().to_owned();
    let head: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(head).unwrap()).unwrap();
    assert_eq!(head["kid"], keys["keys"][0]["kid"]);
    assert_eq!(head["alg"], "RS256");
    // Only its owner may read the key.
    let key = desk.place.path().join("oidc/key.pem");
    let mode = std::fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

fn others() {
    let desk = Desk::new();
    let job = desk.job("1", "main");
    assert_eq!(job.ask("GET", "/oidc/token?x=1", &Value::Null).status, 403);
    assert_eq!(job.send("GET", "/oidc/token?x=1", &[], b"").status, 401);
    let place = tempfile::tempdir().unwrap();
    let server = serve(place.path(), "1", |settings| settings.oidc = None);
    let job = admit(&server, "1", "main", |grant| {
        grant.subject = Some(subject());
    });
    assert_eq!(job.ask("GET", "/oidc/token?x=1", &Value::Null).status, 404);
    assert_eq!(job.send("GET", "/.well-known/jwks", &[], b"").status, 404);
}
