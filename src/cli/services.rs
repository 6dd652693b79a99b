//! Artifacts, caches, tokens of identity: what the user says of them, and what a run is told.

use std::net::SocketAddr;

use super::environment::Environment;
use super::error::CliError;
use super::occasion::Occasion;
use super::settings::{Services, Settings};
use super::sources::{Assignment, Sources};
use super::{flags, project};
use crate::run::ServiceOptions;
use crate::server::Oidc;
use crate::server::cache::store::{Limits, Store};

/// What is said of artifacts, caches and tokens of identity.
pub fn of(sources: &Sources, environment: &Environment) -> Result<Services, CliError> {
    let mut limits = Limits::default();
    if let Some(size) = sources.text("cache-size") {
        limits.bytes = bytes(&size).ok_or_else(|| {
            CliError::new(format!("`--cache-size {size}` is no size"))
                .hint("a size is a number of bytes, or one with a unit: 500MB, 10GB, 2GiB")
        })?;
    }
    if let Some(days) = sources.text("cache-days") {
        let days: u32 = days
            .parse()
            .map_err(|_| CliError::new(format!("`--cache-days {days}` is no number of days")))?;
        limits.days = (days > 0).then_some(days);
    }
    let external_cache = sources.text("cache-server-external-url");
    if let Some(url) = &external_cache
        && !url.starts_with("http://")
        && !url.starts_with("https://")
    {
        return Err(CliError::new(format!(
            "`--cache-server-external-url {url}` is no URL: expected http://… or https://…"
        )));
    }
    let oidc = match sources.text("oidc").as_deref() {
        None => None,
        Some(word) if flags::boolean(word) == Some(false) => None,
        Some(word) if flags::boolean(word) == Some(true) => Some(String::new()),
        Some(url) if url.starts_with("https://") || url.starts_with("http://") => {
            Some(url.to_owned())
        }
        Some(other) => {
            return Err(CliError::new(format!("`--oidc={other}` is no issuer"))
                .hint("an issuer is a URL: https://… where you put its documents, or http://127.0.0.1:PORT, where lrun serves them"));
        }
    };
    Ok(Services {
        laid: sources.scalar("artifact-server-path").map(Assignment::path),
        no_caches: sources.is_on("no-cache-server"),
        caches: match sources.scalar("cache-server-path") {
            Some(folder) => folder.path().join("lrun"),
            None => environment.cache_dir().join("caches"),
        },
        limits,
        // Clients put names of methods behind it.
        external_cache: external_cache.map(|url| format!("{}/", url.trim_end_matches('/'))),
        oidc,
    })
}

/// `10GB`, `1.5 GiB`, `500000`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let unit: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * unit;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 2^53 by now"
    )]
    (1.0..9e15).contains(&bytes).then_some(bytes as u64)
}

/// What actions of the run may call.
pub fn options(settings: &Settings, occasion: &Occasion) -> ServiceOptions {
    let own = &settings.services;
    ServiceOptions {
        runs: settings.runs_folder(),
        caches: (!own.no_caches).then(|| Store::new(own.caches.clone(), own.limits)),
        project: project::key(&occasion.identity.repository, &settings.root),
        external_cache: own.external_cache.clone(),
        oidc: own.oidc.as_ref().map(|issuer| Oidc {
            folder: settings.data_dir.join("oidc"),
            listen: listening_at(issuer),
            issuer: (!issuer.is_empty()).then(|| issuer.clone()),
        }),
        laid: own.laid.clone(),
    }
}

/// The address of an issuer that is this machine's loopback.
fn listening_at(issuer: &str) -> Option<SocketAddr> {
    let host = issuer.strip_prefix("http://")?.trim_end_matches('/');
    let address: SocketAddr = host.replace("localhost:", "127.0.0.1:").parse().ok()?;
    address.ip().is_loopback().then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, size) in [
            ("10GB", Some(10_000_000_000)),
            ("1.5 GiB", Some(1_610_612_736)),
            ("500000", Some(500_000)),
            ("2 mb", Some(2_000_000)),
            ("0", None),
            ("GB", None),
            ("1 parsec", None),
            ("-1GB", None),
            ("1e99", None),
        ] {
            assert_eq!(bytes(text), size, "{text}");
        }
    }

    #[test]
    fn an_issuer_on_loopback_is_listened_at() {
        let at = |issuer: &str| listening_at(issuer).map(|address| address.to_string());
        assert_eq!(
            at("http://127.0.0.1:8765").as_deref(),
            Some("127.0.0.1:8765")
        );
        assert_eq!(
            at("http://localhost:8765/").as_deref(),
            Some("127.0.0.1:8765")
        );
        assert_eq!(at("https://issuer.example"), None);
        assert_eq!(at("http://10.0.0.1:80"), None);
        assert_eq!(at(""), None);
    }
}
