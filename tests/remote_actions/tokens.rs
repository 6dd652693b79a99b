//! A token goes to its server only, and a bad one breaks no public repository.

use lrun::action::{FetchError, RemoteActions, RemoteOptions, TokenFate};

use crate::Test;
use crate::server::{Rule, Server};
use crate::world::World;

pub const TESTS: &[Test] = &[
    (
        "an_expired_token_breaks_no_public_repository",
        an_expired_token_breaks_no_public_repository,
    ),
    (
        "a_private_repository_is_fetched_with_the_token",
        a_private_repository_is_fetched_with_the_token,
    ),
    (
        "a_token_goes_to_its_server_only",
        a_token_goes_to_its_server_only,
    ),
    ("what_nobody_may_read_is_said", what_nobody_may_read_is_said),
];

/// `x-access-token:good`.
const GOOD: &str = "basic eC1hY2Nlc3MtdG9rZW46Z29vZA==";

fn public(authorization: Option<&str>) -> bool {
    authorization.is_none_or(|it| it == GOOD)
}

fn private(authorization: Option<&str>) -> bool {
    authorization == Some(GOOD)
}

fn start(rule: Rule, token: &str) -> (World, Server, RemoteActions) {
    let world = World::new();
    world.repository("o/r", "v1", &[("one", "1")]);
    world.repository("o/s", "v1", &[("two", "2")]);
    let server = Server::start(world.path("hub"), rule);
    let remote = RemoteActions::new(RemoteOptions {
        server: server.url.clone(),
        token: Some(token.to_owned()),
        ..world.options()
    });
    (world, server, remote)
}

fn an_expired_token_breaks_no_public_repository() {
    let (_world, server, remote) = start(public, "expired");
    for repo in ["r", "s"] {
        assert!(remote.fetch("o", repo, "v1").is_ok(), "{repo}");
    }
    assert_eq!(
        remote.notes(),
        [format!(
            "{} refuses GITHUB_TOKEN (is it expired?): fetching without it, which is enough for public repositories",
            server.url
        )]
    );
    let with = server.seen().iter().flatten().count();
    assert_eq!(with, 2, "once a repository");
}

fn a_private_repository_is_fetched_with_the_token() {
    let (_world, _server, remote) = start(private, "good");
    let fetched = remote.fetch("o", "r", "v1").unwrap();
    assert!(fetched.folder.join("one").is_file());
    assert_eq!(remote.notes(), [""; 0]);
}

fn a_token_goes_to_its_server_only() {
    let (world, server, _) = start(public, "");
    // A mirror of the server that the token is for.
    let remote = RemoteActions::new(RemoteOptions {
        token: Some("expired".to_owned()),
        environment: world.environment_with("https://github.com/", &format!("{}/", server.url)),
        ..world.options()
    });
    remote.fetch("o", "r", "v1").unwrap();
    assert!(!server.seen().is_empty());
    assert!(server.seen().iter().all(Option::is_none));
}

fn what_nobody_may_read_is_said() {
    let (_world, _server, remote) = start(private, "expired");
    let error = remote.fetch("o", "r", "v1").unwrap_err();
    assert!(
        matches!(
            error,
            FetchError::Refused {
                token: TokenFate::Refused,
                ..
            }
        ),
        "{error:?}"
    );
    let message = error.message("o/r@v1");
    assert!(
        message.starts_with(
            "Unable to resolve action `o/r@v1`, repository not found, or not for everybody to read"
        ),
        "{message}"
    );
    assert!(!message.contains("expired"));
    assert!(error.help().unwrap().contains("refused GITHUB_TOKEN"));
}
