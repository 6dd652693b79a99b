//! What GitHub would call this repository and its user (DESIGN 7, "Made-up values").

use std::path::Path;

use git2::Config;

use super::{RemoteUrl, Repo};

const GITHUB: &str = "https://github.com";

/// What the user asked for; `None` where nothing was said.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdentityRequest<'a> {
    /// The folder that runs; it names a repository without a remote.
    pub root: Option<&'a Path>,
    /// `--remote-name`.
    pub remote_name: Option<&'a str>,
    /// `--defaultbranch`.
    pub default_branch: Option<&'a str>,
    /// `--actor`, or the guard's value.
    pub actor: Option<&'a str>,
    /// The server that flag or file names: `HOST` or a URL.
    pub server: Option<&'a str>,
    /// `--env GITHUB_REPOSITORY`.
    pub repository: Option<&'a str>,
    /// Name of the user at this machine: `USER`, `LOGNAME` or `USERNAME`.
    pub login: Option<&'a str>,
}

/// Names that a run goes by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// `owner/name`.
    pub repository: String,
    /// Without a slash at its end.
    pub server_url: String,
    pub default_branch: String,
    pub actor: String,
    /// The git user's own login, whoever acts: `github.user`, else `user.name`.
    pub user_login: String,
    /// Of git's `user.name` and `user.email`; empty where git has none.
    pub user_name: String,
    pub user_email: String,
    /// The remote that counts.
    pub remote: Option<String>,
    /// Its URL as git's configuration has it.
    pub remote_url: Option<String>,
    /// Its host, where it has one.
    pub remote_host: Option<String>,
    /// Lines for the user.
    pub notes: Vec<String>,
}

impl Identity {
    pub fn of(repo: Option<&Repo>, request: &IdentityRequest<'_>) -> Self {
        let config = |key: &str| match repo {
            Some(repo) => repo.config(key),
            None => machine_config(key),
        };
        let mut notes = Vec::new();
        let remote = repo.and_then(|repo| choose_remote(repo, request.remote_name, &mut notes));
        let named = repo.zip(remote.as_deref());
        let raw_url = named.and_then(|(repo, remote)| raw_url(repo, remote));
        let url = named
            .zip(raw_url.as_deref())
            .map(|((repo, remote), raw)| parsed_url(repo, remote, raw));
        let remote_host = url.as_ref().and_then(|url| url.host.clone());
        let server_url = server_url(request.server, remote_host.as_deref(), &mut notes);
        let repository = non_empty(request.repository)
            .or_else(|| url.as_ref().and_then(RemoteUrl::owner_and_name))
            .unwrap_or_else(|| format!("local/{}", folder_name(repo, request.root)));
        let default_branch = non_empty(request.default_branch)
            .or_else(|| remote_head(repo?, remote.as_deref()?))
            .or_else(|| config("init.defaultBranch"))
            .unwrap_or_else(|| "main".to_owned());
        let user_login = config("github.user").or_else(|| config("user.name"));
        let actor = non_empty(request.actor)
            .or_else(|| user_login.clone())
            .or_else(|| non_empty(request.login))
            .or_else(account_name)
            .unwrap_or_else(|| "local".to_owned());
        Self {
            repository,
            server_url,
            default_branch,
            actor,
            user_login: user_login.unwrap_or_default(),
            user_name: config("user.name").unwrap_or_default(),
            user_email: config("user.email").unwrap_or_default(),
            remote,
            remote_url: raw_url,
            remote_host,
            notes,
        }
    }

    /// `github.api_url`.
    pub fn api_url(&self) -> String {
        match self.service_host() {
            Some(host) => format!("https://api.{host}"),
            None => format!("{}/api/v3", self.server_url),
        }
    }

    /// `github.graphql_url`.
    pub fn graphql_url(&self) -> String {
        match self.service_host() {
            Some(host) => format!("https://api.{host}/graphql"),
            None => format!("{}/api/graphql", self.server_url),
        }
    }

    /// The host of a server that GitHub itself runs.
    fn service_host(&self) -> Option<&str> {
        let host = self.server_url.strip_prefix("https://")?;
        (host == "github.com" || host.ends_with(".ghe.com")).then_some(host)
    }

    /// The part of `repository` before the slash.
    pub fn owner(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    /// The part of `repository` after the slash.
    pub fn name(&self) -> &str {
        self.repository
            .split_once('/')
            .map_or(self.repository.as_str(), |(_, name)| name)
    }
}

/// The remote asked for, else origin, else the only one.
fn choose_remote(repo: &Repo, wanted: Option<&str>, notes: &mut Vec<String>) -> Option<String> {
    let remotes = repo.git.remotes().ok()?;
    let names: Vec<&str> = remotes
        .iter()
        .filter_map(|name| name.ok().flatten())
        .collect();
    let wanted = wanted.filter(|name| !name.is_empty());
    let name = wanted.unwrap_or("origin");
    if names.contains(&name) {
        return Some(name.to_owned());
    }
    if wanted.is_some() {
        notes.push(format!("there is no remote named {name}"));
    }
    match names.as_slice() {
        [only] => Some((*only).to_owned()),
        _ => None,
    }
}

/// What a URL says; one without a host goes through insteadOf first.
fn parsed_url(repo: &Repo, remote: &str, raw: &str) -> RemoteUrl {
    let url = RemoteUrl::parse(raw);
    // `gh:owner/name` looks like a host and is one only where insteadOf does not know it.
    let may_be_alias = url
        .host
        .as_ref()
        .is_none_or(|host| !host.contains(['.', '@']) && !raw.contains("://"));
    if may_be_alias
        && let Ok(known) = repo.git.find_remote(remote)
        && let Ok(rewritten) = known.url()
        && rewritten != raw
    {
        return RemoteUrl::parse(rewritten);
    }
    url
}

/// The first of a remote's URLs is the one that git fetches from.
fn raw_url(repo: &Repo, remote: &str) -> Option<String> {
    let config = repo.git.config().ok()?;
    let key = format!("remote.{remote}.url");
    let mut entries = config.multivar(&key, None).ok()?;
    while let Some(entry) = entries.next() {
        if let Ok(entry) = entry
            && entry.has_value()
            && let Ok(value) = entry.value()
            && !value.is_empty()
        {
            return Some(value.to_owned());
        }
    }
    None
}

/// The branch that the remote's HEAD names.
fn remote_head(repo: &Repo, remote: &str) -> Option<String> {
    let head = repo
        .git
        .find_reference(&format!("refs/remotes/{remote}/HEAD"))
        .ok()?;
    let target = head.symbolic_target().ok().flatten()?;
    let branch = target.strip_prefix(&format!("refs/remotes/{remote}/"))?;
    Some(branch.to_owned())
}

fn server_url(wanted: Option<&str>, host: Option<&str>, notes: &mut Vec<String>) -> String {
    if let Some(wanted) = non_empty(wanted) {
        let wanted = wanted.trim_end_matches('/');
        return if wanted.contains("://") {
            wanted.to_owned()
        } else {
            format!("https://{wanted}")
        };
    }
    match host {
        Some(host) if host.ends_with(".ghe.com") => format!("https://{host}"),
        // A name without a dot is an alias of ssh's configuration: nobody knows where it leads.
        Some(host) if host != "github.com" && host.contains('.') => {
            notes.push(format!(
                "the remote is on {host}; github.server_url stays {GITHUB} (another server: --github-instance {host})"
            ));
            GITHUB.to_owned()
        }
        _ => GITHUB.to_owned(),
    }
}

fn folder_name(repo: Option<&Repo>, root: Option<&Path>) -> String {
    let path = repo
        .map(Repo::top_level)
        .or(root)
        .and_then(|path| path.canonicalize().ok());
    let name = path.as_deref().and_then(Path::file_name);
    name.map_or_else(
        || "repository".to_owned(),
        |name| name.to_string_lossy().replace(' ', "-"),
    )
}

fn non_empty(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn machine_config(key: &str) -> Option<String> {
    let value = Config::open_default().ok()?.get_string(key).ok()?;
    Some(value).filter(|value| !value.is_empty())
}

#[cfg(unix)]
fn account_name() -> Option<String> {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok()??;
    Some(user.name)
}

#[cfg(not(unix))]
fn account_name() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::scratch::Scratch;

    fn identity(scratch: &Scratch, request: &IdentityRequest<'_>) -> Identity {
        Identity::of(Some(&scratch.repo()), request)
    }

    #[test]
    fn origin_names_the_repository_and_git_the_user() {
        let scratch = Scratch::with_remote();
        let identity = scratch.identity();
        assert_eq!(identity.repository, "acme/widget");
        assert_eq!((identity.owner(), identity.name()), ("acme", "widget"));
        assert_eq!(identity.server_url, "https://github.com");
        assert_eq!(identity.api_url(), "https://api.github.com");
        assert_eq!(identity.graphql_url(), "https://api.github.com/graphql");
        assert_eq!(
            identity.remote_url.as_deref(),
            Some("git@github.com:acme/widget.git")
        );
        assert_eq!(identity.actor, "mona");
        assert_eq!(identity.user_name, "Mona Lisa");
        assert_eq!(identity.user_email, "mona@example.com");
        assert_eq!(identity.remote.as_deref(), Some("origin"));
        assert!(identity.notes.is_empty());
    }

    #[test]
    fn the_remote_is_the_one_asked_for_then_origin_then_the_only_one() {
        let scratch = Scratch::new();
        assert_eq!(scratch.identity().repository, "local/project");
        scratch.set("remote.fork.url", "https://github.com/me/widget");
        assert_eq!(scratch.identity().repository, "me/widget");
        scratch.set("remote.other.url", "https://github.com/other/widget");
        assert_eq!(scratch.identity().repository, "local/project");
        scratch.set("remote.origin.url", "https://github.com/acme/widget");
        assert_eq!(scratch.identity().repository, "acme/widget");
        let request = IdentityRequest {
            remote_name: Some("fork"),
            ..IdentityRequest::default()
        };
        assert_eq!(identity(&scratch, &request).repository, "me/widget");
        let request = IdentityRequest {
            remote_name: Some("gone"),
            repository: Some("x/y"),
            ..IdentityRequest::default()
        };
        let lost = identity(&scratch, &request);
        assert_eq!(lost.repository, "x/y");
        assert!(lost.notes[0].contains("gone"));
    }

    #[test]
    fn only_a_url_without_a_host_goes_through_instead_of() {
        // DESIGN 7
        let scratch = Scratch::new();
        scratch.set(
            "url.http://127.0.0.1:8080/mirror/.insteadOf",
            "https://github.com/",
        );
        scratch.set("remote.origin.url", "https://github.com/acme/widget");
        assert_eq!(
            scratch.identity().remote_host.as_deref(),
            Some("github.com")
        );
        assert_eq!(scratch.identity().repository, "acme/widget");
        scratch.set("url.https://acme.ghe.com/team/.insteadOf", "team/");
        scratch.set("remote.origin.url", "team/widget.git");
        let identity = scratch.identity();
        assert_eq!(identity.repository, "team/widget");
        assert_eq!(identity.server_url, "https://acme.ghe.com");
        assert_eq!(identity.api_url(), "https://api.acme.ghe.com");
        scratch.set("url.git@github.com:.insteadOf", "gh:");
        scratch.set("remote.origin.url", "gh:acme/gadget");
        assert_eq!(
            scratch.identity().remote_host.as_deref(),
            Some("github.com")
        );
        assert_eq!(scratch.identity().repository, "acme/gadget");
    }

    #[test]
    fn another_host_is_a_hint_and_never_another_server() {
        // SPEC P-2
        let scratch = Scratch::new();
        scratch.set("remote.origin.url", "git@gitlab.com:acme/widget.git");
        let plain = scratch.identity();
        assert_eq!(plain.server_url, "https://github.com");
        assert!(plain.notes[0].contains("gitlab.com"));
        for (wish, url) in [
            ("git.acme.test", "https://git.acme.test"),
            ("http://git.acme.test:80/", "http://git.acme.test:80"),
        ] {
            let request = IdentityRequest {
                server: Some(wish),
                ..IdentityRequest::default()
            };
            assert_eq!(identity(&scratch, &request).server_url, url);
            assert_eq!(
                identity(&scratch, &request).api_url(),
                format!("{url}/api/v3")
            );
            assert!(identity(&scratch, &request).notes.is_empty());
        }
    }

    #[test]
    fn the_default_branch_is_the_flag_then_the_remote_head_then_the_configured_one() {
        let scratch = Scratch::with_remote();
        scratch.set("init.defaultBranch", "trunk");
        assert_eq!(scratch.identity().default_branch, "trunk");
        scratch
            .git
            .reference_symbolic(
                "refs/remotes/origin/HEAD",
                "refs/remotes/origin/dev/next",
                true,
                "test",
            )
            .unwrap();
        assert_eq!(scratch.identity().default_branch, "dev/next");
        let request = IdentityRequest {
            default_branch: Some("flag"),
            ..IdentityRequest::default()
        };
        assert_eq!(identity(&scratch, &request).default_branch, "flag");
    }

    #[test]
    fn the_actor_is_the_flag_then_the_git_user() {
        let scratch = Scratch::new();
        let request = IdentityRequest {
            actor: Some("nektos/act"),
            login: Some("me"),
            ..IdentityRequest::default()
        };
        assert_eq!(identity(&scratch, &request).actor, "nektos/act");
        assert_eq!(scratch.identity().actor, "mona");
    }
}
