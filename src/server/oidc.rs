//! Tokens of identity, signed by a key of this machine (SPEC 12.6).
//!
//! Nobody trusts them unless told to: a cloud or a vault that is given this issuer can be tried with them.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{Generate as _, PrivateKey, PublicKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::Shared;
use super::blob::blocking;
use super::fault::{Code, Fault};

/// Seconds that a token counts.
const LIFE: i64 = 300;

/// What a job's tokens say of it, beside what every token says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    pub sub: String,
    /// Where nobody asks for another one.
    pub audience: String,
    pub claims: Vec<(&'static str, String)>,
}

/// Signs tokens.
pub struct Issuer {
    url: Option<String>,
    key: SigningKey<Sha256>,
    public: PublicKey,
    key_id: String,
}

impl std::fmt::Debug for Issuer {
    /// Leaves the key out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Issuer {
    /// The key in this folder, made there if need be. Without a URL the issuer is the server itself.
    pub fn open(folder: &Path, url: Option<String>) -> io::Result<Self> {
        let key = key_of(folder)?;
        let public = key.to_public_key();
        let digest = Sha256::digest(public.n_bytes());
        Ok(Self {
            url: url.map(|url| url.trim_end_matches('/').to_owned()),
            key: SigningKey::new(key),
            key_id: hex::encode(&digest[..16]),
            public,
        })
    }

    fn url(&self, base: &str) -> String {
        self.url.clone().unwrap_or_else(|| base.to_owned())
    }

    /// A token for a job (SPEC P-81).
    fn token(&self, base: &str, subject: &Subject, audience: Option<&str>) -> String {
        let now = jiff::Timestamp::now().as_second();
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| {
            claims.insert(name.to_owned(), value);
        };
        set("jti", json!(uuid::Uuid::new_v4().to_string()));
        set("sub", json!(subject.sub));
        set("aud", json!(audience.unwrap_or(&subject.audience)));
        for (name, value) in &subject.claims {
            set(name, json!(value));
        }
        set("iss", json!(self.url(base)));
        set("nbf", json!(now - 10));
        set("exp", json!(now + LIFE));
        set("iat", json!(now));
        let head = json!({"typ": "JWT", "alg": "RS256", "kid": self.key_id});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&head), encode(&Value::Object(claims)));
        let signature = self.key.sign(signed.as_bytes()).to_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key (RFC 7517).
    pub fn keys(&self) -> Value {
        json!({"keys": [{
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.key_id,
            "n": URL_SAFE_NO_PAD.encode(self.public.n_bytes()),
            "e": URL_SAFE_NO_PAD.encode(self.public.e_bytes()),
        }]})
    }

    /// The discovery document (`OpenID` Connect Discovery 1.0, section 3).
    pub fn configuration(&self, base: &str) -> Value {
        let url = self.url(base);
        json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks"),
            "subject_types_supported": ["public", "pairwise"],
            "response_types_supported": ["id_token"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "scopes_supported": ["openid"],
            "claims_supported": [
                "sub", "aud", "exp", "iat", "iss", "jti", "nbf", "ref", "ref_type", "sha",
                "repository", "repository_id", "repository_owner", "repository_owner_id",
                "run_id", "run_number", "run_attempt", "actor", "actor_id", "workflow",
                "workflow_ref", "workflow_sha", "job_workflow_ref", "job_workflow_sha",
                "event_name", "environment", "repository_visibility", "ref_protected", "base_ref", "head_ref", "runner_environment",
            ],
        })
    }
}

fn key_of(folder: &Path) -> io::Result<PrivateKey> {
    let path = folder.join("key.pem");
    match fs::read_to_string(&path) {
        Ok(text) => PrivateKey::from_pkcs8_pem(&text).map_err(|error| {
            io::Error::other(format!(
                "{} is no private key ({error}); without the file a new one is made",
                path.display()
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_key(folder, &path),
        Err(error) => Err(error),
    }
}

fn make_key(folder: &Path, path: &PathBuf) -> io::Result<PrivateKey> {
    fs::create_dir_all(folder)?;
    let key = PrivateKey::try_generate().map_err(io::Error::other)?;
    let text = key.to_pkcs8_pem(LineEnding::LF).map_err(io::Error::other)?;
    // Only its owner may read it (tempfile's own mode).
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(key),
        // Another lrun was faster.
        Err(_) if path.is_file() => key_of(folder),
        Err(error) => Err(error.error),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    audience: Option<String>,
}

/// `GET` of `ACTIONS_ID_TOKEN_REQUEST_URL` (SPEC P-80).
pub(super) async fn token(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    Query(wish): Query<Wish>,
) -> Response {
    let base = shared.own_base();
    let made = async {
        let grant = shared.grants.of(&headers)?;
        let Some(subject) = grant.subject.clone() else {
            return Err(Fault::new(
                Code::PermissionDenied,
                "the job has no `permissions: id-token: write`",
            ));
        };
        blocking(move || {
            let issuer = shared.issuer()?;
            let audience = wish.audience.as_deref().filter(|it| !it.is_empty());
            Ok(issuer.token(&base, &subject, audience))
        })
        .await
    };
    match made.await {
        Ok(token) => Json(json!({"count": token.len(), "value": token})).into_response(),
        Err(fault) => fault.rest(),
    }
}

/// `GET /.well-known/openid-configuration`
pub(super) async fn configuration(State(shared): State<Arc<Shared>>) -> Response {
    let base = shared.own_base();
    let made = blocking(move || Ok(shared.issuer()?.configuration(&base))).await;
    made.map_or_else(|fault| fault.rest(), |json| Json(json).into_response())
}

/// `GET /.well-known/jwks`
pub(super) async fn keys(State(shared): State<Arc<Shared>>) -> Response {
    let made = blocking(move || Ok(shared.issuer()?.keys())).await;
    made.map_or_else(|fault| fault.rest(), |json| Json(json).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::pkcs1v15::{Signature, VerifyingKey};
    use rsa::signature::Verifier as _;

    #[test]
    fn tokens_are_signed_by_the_key_that_is_shown() {
        // SPEC P-81
        let folder = tempfile::tempdir().unwrap();
        let issuer =
            Issuer::open(folder.path(), Some("https://issuer.example/".to_owned())).unwrap();
        let subject = Subject {
            sub: "repo:octo/app:ref:refs/heads/main".to_owned(),
            audience: "https://github.com/octo".to_owned(),
            claims: vec![("actor", "me".to_owned())],
        };
        let token = issuer.token("http://x", &subject, None);
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let keys = issuer.keys();
        let number = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(keys["keys"][0][name].as_str().unwrap());
            rsa::BoxedUint::from_be_slice_vartime(&bytes.unwrap())
        };
        let public = PublicKey::new(number("n"), number("e")).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let signature = Signature::try_from(signature.as_slice()).unwrap();
        VerifyingKey::<Sha256>::new(public)
            .verify(signed.as_bytes(), &signature)
            .unwrap();
        let payload = signed.split_once('.').unwrap().1;
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(claims["iss"], "https://issuer.example");
        assert_eq!(claims["aud"], "https://github.com/octo");
        assert_eq!(claims["actor"], "me");
        assert!(claims["exp"].as_i64() > claims["iat"].as_i64());
        // The key stays.
        let again = Issuer::open(folder.path(), None).unwrap();
        assert_eq!(again.keys(), keys);
        assert_eq!(again.configuration("http://x:1")["issuer"], "http://x:1");
    }

    #[test]
    fn a_key_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.pem"), "nonsense").unwrap();
        let error = Issuer::open(folder.path(), None).unwrap_err().to_string();
        assert!(error.contains("key.pem is no private key"), "{error}");
    }
}
