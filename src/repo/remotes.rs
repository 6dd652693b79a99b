//! URLs of remotes, in every form that git takes.

/// Where a remote lives, and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUrl {
    /// Lower case; `None` for a path on this machine.
    pub host: Option<String>,
    /// The path without its leading slash and `.git`.
    pub path: String,
}

impl RemoteUrl {
    /// Reads `https://`, `ssh://`, `git://`, `file://`, `user@host:path` and plain paths; never fails.
    pub fn parse(url: &str) -> Self {
        let url = url.trim();
        if let Some((scheme, rest)) = url.split_once("://") {
            if scheme.eq_ignore_ascii_case("file") {
                return Self::new(None, rest);
            }
            // A helper's prefix (`codecommit::https://…`) says nothing of the place.
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let path = path.split(['?', '#']).next().unwrap_or_default();
            return Self::new(Some(authority), path);
        }
        match split_scp(url) {
            Some((authority, path)) => Self::new(Some(authority), path),
            None => Self::new(None, url),
        }
    }

    fn new(authority: Option<&str>, path: &str) -> Self {
        let path = path.replace('\\', "/");
        let path = path.trim_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        Self {
            host: authority.map(host_of).filter(|host| !host.is_empty()),
            path: path.trim_end_matches('/').to_owned(),
        }
    }

    /// `owner/name`: the last two parts of the path, if it has two.
    pub fn owner_and_name(&self) -> Option<String> {
        let mut parts = self.path.rsplit('/').filter(|part| !part.is_empty());
        let (name, owner) = (parts.next()?, parts.next()?);
        let sound = |part: &str| !matches!(part, "." | ".." | "~") && !part.ends_with(':');
        (sound(name) && sound(owner)).then(|| format!("{owner}/{name}"))
    }
}

/// The host of `user:password@host:port`, lower case; github.com also answers ssh at another name.
fn host_of(authority: &str) -> String {
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    match host.to_ascii_lowercase().as_str() {
        "ssh.github.com" | "www.github.com" => "github.com".to_owned(),
        host => host.to_owned(),
    }
}

/// Splits `[user@]host:path`; a slash before the colon or a drive letter makes it a plain path, as in git.
fn split_scp(url: &str) -> Option<(&str, &str)> {
    let after_v6 = match url.find('[') {
        Some(open) if !url[..open].contains([':', '/']) => url.find(']')?,
        _ => 0,
    };
    let colon = after_v6 + url[after_v6..].find(':')?;
    let (authority, path) = (&url[..colon], &url[colon + 1..]);
    let is_path = authority.contains(['/', '\\']) || authority.len() < 2;
    (!is_path).then_some((authority, path))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(url in "[a-z@:/\\\\\\[\\]. é]{0,20}|.{0,20}") {
            if let Some(slug) = RemoteUrl::parse(&url).owner_and_name() {
                prop_assert_eq!(slug.matches('/').count(), 1);
            }
        }
    }

    #[test]
    fn every_form_of_url_gives_its_host_and_owner_and_name() {
        for (url, host, slug) in [
            ("https://github.com/o/r.git", "github.com", "o/r"),
            ("https://github.com/o/r", "github.com", "o/r"),
            ("https://github.com/o/r/", "github.com", "o/r"),
            (
                "https://user:tok@GitHub.com:8443/o/r.git/",
                "github.com",
                "o/r",
            ),
            ("git@github.com:o/r.git", "github.com", "o/r"),
            ("github.com:o/r", "github.com", "o/r"),
            ("git@github.com:/o/r.git", "github.com", "o/r"),
            ("ssh://git@ssh.github.com:443/o/r.git", "github.com", "o/r"),
            ("git+ssh://git@host.example/o/r", "host.example", "o/r"),
            ("git://host.example/o/r.git", "host.example", "o/r"),
            ("ssh://[::1]:22/o/r", "::1", "o/r"),
            ("[::1]:o/r", "::1", "o/r"),
            ("git@[::1]:o/r", "::1", "o/r"),
            (
                "https://gitlab.com/group/sub/repo.git",
                "gitlab.com",
                "sub/repo",
            ),
            ("git@work-alias:o/my.repo.git", "work-alias", "o/my.repo"),
            ("https://acme.ghe.com/o/r?x=1", "acme.ghe.com", "o/r"),
            ("file:///srv/git/o/r.git", "", "o/r"),
            ("/srv/git/o/r.git", "", "o/r"),
            ("../o/r", "", "o/r"),
            ("C:\\git\\o\\r.git", "", "o/r"),
            ("C:/git/o/r", "", "o/r"),
            ("./a:b/r", "", "a:b/r"),
        ] {
            let parsed = RemoteUrl::parse(url);
            assert_eq!(parsed.host.as_deref().unwrap_or_default(), host, "{url}");
            assert_eq!(parsed.owner_and_name().as_deref(), Some(slug), "{url}");
        }
    }

    #[test]
    fn a_url_without_owner_or_name_has_none() {
        for url in [
            "",
            "r",
            "../r.git",
            "https://host",
            "https://host/r",
            "C:\\r",
            "[",
            "::",
            "a@:b",
            "]:[",
        ] {
            assert_eq!(RemoteUrl::parse(url).owner_and_name(), None, "{url}");
        }
    }
}
