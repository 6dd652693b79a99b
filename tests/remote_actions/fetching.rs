//! What a ref is, what is fetched for it, and what is said where it is not to be had.

use std::fs;

use lrun::action::local::LocalRepository;
use lrun::action::{FetchError, Network, RemoteActions, RemoteOptions, Root};

use crate::Test;
use crate::world::{NODE, World, using};

pub const TESTS: &[Test] = &[
    (
        "thirty_uses_of_ten_repositories_are_ten_fetches",
        thirty_uses_of_ten_repositories_are_ten_fetches,
    ),
    ("tags_branches_and_commits", tags_branches_and_commits),
    (
        "a_moving_tag_is_looked_up_once_a_run",
        a_moving_tag_is_looked_up_once_a_run,
    ),
    (
        "a_commit_is_never_fetched_again",
        a_commit_is_never_fetched_again,
    ),
    (
        "a_server_that_refuses_commits_gives_refs",
        a_server_that_refuses_commits_gives_refs,
    ),
    ("what_is_not_there_is_named", what_is_not_there_is_named),
    (
        "offline_names_all_that_is_missing",
        offline_names_all_that_is_missing,
    ),
    (
        "offline_mode_fetches_only_what_is_missing",
        offline_mode_fetches_only_what_is_missing,
    ),
    (
        "errors_on_the_way_are_tried_three_times",
        errors_on_the_way_are_tried_three_times,
    ),
    ("no_git_is_said", no_git_is_said),
    (
        "files_are_those_of_githubs_archive",
        files_are_those_of_githubs_archive,
    ),
    (
        "a_hook_does_not_lead_git_astray",
        a_hook_does_not_lead_git_astray,
    ),
    ("a_folder_stands_in", a_folder_stands_in),
    ("a_job_gets_its_own_copy", a_job_gets_its_own_copy),
    ("other_servers", other_servers),
];

fn fetch(remote: &RemoteActions, git_ref: &str) -> Result<lrun::action::Fetched, FetchError> {
    remote.fetch("o", "r", git_ref)
}

fn prepare(remote: &RemoteActions, uses: &[&str]) -> Vec<String> {
    let uses: Vec<String> = uses.iter().map(|it| (*it).to_owned()).collect();
    let workflow = using(&uses);
    let root = Root {
        workflow: &workflow,
        jobs: None,
        pins: None,
    };
    let found = remote.prepare(&[root], &|_, _| false);
    found.iter().map(ToString::to_string).collect()
}

fn thirty_uses_of_ten_repositories_are_ten_fetches() {
    let world = World::new();
    let mut uses = Vec::new();
    for n in 0..10 {
        world.repository(
            &format!("o/r{n}"),
            "v1",
            &[
                ("action.yml", NODE),
                ("a/action.yml", NODE),
                ("b/action.yml", NODE),
            ],
        );
        for path in ["", "/a", "/b"] {
            uses.push(format!("o/r{n}{path}@v1"));
        }
    }
    let uses: Vec<&str> = uses.iter().map(String::as_str).collect();
    let options = world.counting();
    let remote = RemoteActions::new(options.clone());
    assert_eq!(prepare(&remote, &uses), [""; 0]);
    assert_eq!(world.calls(), (10, 10));
    assert_eq!((remote.counts().lookups, remote.counts().fetches), (10, 10));
    let remote = RemoteActions::new(options);
    assert_eq!(prepare(&remote, &uses), [""; 0]);
    assert_eq!(world.calls(), (20, 10));
    assert!(
        remote
            .folder("o", "r7", "v1")
            .unwrap()
            .join("b/action.yml")
            .is_file()
    );
}

fn tags_branches_and_commits() {
    let world = World::new();
    let first = world.repository("o/r", "v1", &[("action.yml", NODE), ("one", "1")]);
    let second = world.repository("o/r", "v2", &[("action.yml", NODE), ("two", "2")]);
    let bare = world.path("hub/o/r.git");
    world.git(&bare, &["update-ref", "refs/heads/v1", &second]);
    world.git(&bare, &["update-ref", "refs/heads/feat/x@y", &first]);
    world.git(&bare, &["update-ref", "refs/pull/7/merge", &first]);
    let remote = world.remote();
    let upper = first.to_uppercase();
    for (git_ref, commit) in [
        ("v1", &first),
        ("heads/v1", &second),
        ("refs/heads/v1", &second),
        ("main", &second),
        ("feat/x@y", &first),
        ("refs/pull/7/merge", &first),
        ("HEAD", &second),
        (&first, &first),
        (&upper, &first),
    ] {
        let fetched = fetch(&remote, git_ref).unwrap();
        assert_eq!(&fetched.commit, commit, "{git_ref}");
        assert_eq!(
            fetched.folder.join("one").exists(),
            *commit == first,
            "{git_ref}"
        );
        assert_eq!(
            remote.commit("O", "R", git_ref).as_ref(),
            Some(commit),
            "{git_ref}"
        );
    }
    assert_eq!(remote.counts().fetches, 2);
}

fn a_moving_tag_is_looked_up_once_a_run() {
    let world = World::new();
    let first = world.repository("o/r", "v1", &[("one", "1")]);
    let remote = world.remote();
    assert_eq!(fetch(&remote, "v1").unwrap().commit, first);
    let second = world.repository("o/r", "v1", &[("two", "2")]);
    assert_eq!(fetch(&remote, "v1").unwrap().commit, first);
    assert_eq!(fetch(&remote, "main").unwrap().commit, first);
    assert_eq!(remote.counts().lookups, 1);
    let remote = world.remote();
    let moved = fetch(&remote, "v1").unwrap();
    assert_eq!(moved.commit, second);
    assert!(moved.folder.join("two").is_file());
}

fn a_commit_is_never_fetched_again() {
    let world = World::new();
    let commit = world.repository("o/r", "v1", &[("one", "1")]);
    fetch(&world.remote(), &commit).unwrap();
    fs::remove_dir_all(world.path("hub")).unwrap();
    let remote = world.remote();
    assert!(
        fetch(&remote, &commit)
            .unwrap()
            .folder
            .join("one")
            .is_file()
    );
    assert_eq!(remote.counts(), lrun::action::Counts::default());
}

fn a_server_that_refuses_commits_gives_refs() {
    let world = World::new();
    let first = world.repository("o/r", "v1", &[("one", "1")]);
    let second = world.repository("o/r", "v2", &[("two", "2")]);
    let refuse = "for word in \"$@\"; do last=$word; done\n[ \"$command\" != fetch ] || [ ${#last} != 40 ] || { echo 'error: Server does not allow request for unadvertised object '$last >&2; exit 128; }";
    let options = RemoteOptions {
        git: world.wrapper(refuse),
        ..world.options()
    };
    let remote = RemoteActions::new(options);
    assert!(fetch(&remote, "v1").unwrap().folder.join("one").is_file());
    assert!(
        fetch(&remote, &second)
            .unwrap()
            .folder
            .join("two")
            .is_file()
    );
    assert_eq!(fetch(&remote, "v1").unwrap().commit, first);
    let error = fetch(&remote, &"1".repeat(40)).unwrap_err();
    assert!(matches!(error, FetchError::NoCommit), "{error:?}");
}

fn what_is_not_there_is_named() {
    let world = World::new();
    let commit = world.repository("o/r", "v1", &[]);
    let short = &commit[..8];
    let none = "1".repeat(40);
    let remote = world.remote();
    let at = |line: usize, message: &str| {
        format!(".github/workflows/ci.yml:{line}:15: error: Unable to resolve action `{message}")
    };
    let found = prepare(
        &remote,
        &[
            "o/r@v9",
            "o/none@v1",
            &format!("o/r@{short}"),
            &format!("o/r@{none}"),
            "..o/r@v1",
            "o/r@v1",
        ],
    );
    assert_eq!(
        found,
        [
            at(6, "o/r@v9`, unable to find version `v9`"),
            at(7, "o/none@v1`, repository not found"),
            at(
                8,
                &format!(
                    "o/r@{short}`, the provided ref `{short}` is the shortened version of a commit SHA, which is not supported. Please use the full commit SHA `{commit}` instead."
                )
            ),
            at(
                9,
                &format!(
                    "o/r@{none}`, unable to find version `{none}`: the server does not give that commit"
                )
            ),
            at(10, "..o/r@v1`, repository not found"),
        ]
    );
    let help = remote.known("o", "r", "v9").unwrap().unwrap_err().help();
    assert_eq!(help.as_deref(), Some("did you mean `v1`?"));
    assert!(!world.path("cache/github.com/o/none").join("refs").exists());
}

fn offline_names_all_that_is_missing() {
    let world = World::new();
    let commit = world.repository("o/r", "v1", &[("action.yml", NODE)]);
    world.repository("o/s", "v1", &[("action.yml", NODE)]);
    assert_eq!(prepare(&world.remote(), &["o/r@v1"]), [""; 0]);
    let options = RemoteOptions {
        network: Network::Never,
        ..world.counting()
    };
    let remote = RemoteActions::new(options);
    let found = prepare(
        &remote,
        &[
            "o/r@v1",
            "o/s@v1",
            "o/r@main",
            &format!("o/r@{commit}"),
            "o/t@v2",
        ],
    );
    let at = |line: usize, uses: &str| {
        format!(
            ".github/workflows/ci.yml:{line}:15: error: {uses} is not in the cache, and --offline forbids to fetch it"
        )
    };
    assert_eq!(
        found,
        [at(7, "o/s@v1"), at(8, "o/r@main"), at(10, "o/t@v2")]
    );
    assert_eq!(world.calls(), (0, 0));
    assert_eq!(remote.commit("o", "r", "v1"), Some(commit));
}

fn offline_mode_fetches_only_what_is_missing() {
    let world = World::new();
    let first = world.repository("o/r", "v1", &[("one", "1")]);
    fetch(&world.remote(), "v1").unwrap();
    let second = world.repository("o/r", "v1", &[("two", "2")]);
    let remote = RemoteActions::new(RemoteOptions {
        network: Network::Missing,
        ..world.options()
    });
    assert_eq!(fetch(&remote, "v1").unwrap().commit, first);
    assert_eq!(remote.counts().lookups, 0);
    assert_eq!(fetch(&remote, "main").unwrap().commit, second);
    assert_eq!(remote.counts().fetches, 1);
}

fn errors_on_the_way_are_tried_three_times() {
    let world = World::new();
    world.repository("o/r", "v1", &[("one", "1")]);
    fetch(&world.remote(), "v1").unwrap();
    let broken = |times: usize| {
        format!(
            "[ -z \"$command\" ] || [ $(wc -l <'{}') -gt {times} ] || {{ echo 'fatal: unable to access: Could not resolve host: github.com' >&2; exit 128; }}",
            world.path("calls").display()
        )
    };
    let with = |times| {
        RemoteActions::new(RemoteOptions {
            git: world.wrapper(&broken(times)),
            ..world.options()
        })
    };
    // SPEC A-2.
    assert!(fetch(&with(2), "v1").is_ok());
    fs::remove_file(world.path("calls")).unwrap();
    let error = fetch(&with(3), "v1").unwrap_err();
    assert_eq!(
        error.message("o/r@v1"),
        "o/r@v1 can not be fetched: unable to access: Could not resolve host: github.com"
    );
    assert!(
        error
            .help()
            .unwrap()
            .starts_with("--action-offline-mode takes it")
    );
    assert_eq!(world.calls(), (3, 0));
}

fn no_git_is_said() {
    let world = World::new();
    let remote = RemoteActions::new(RemoteOptions {
        git: world.path("no-git"),
        ..world.options()
    });
    let error = fetch(&remote, "v1").unwrap_err();
    assert!(
        error
            .message("o/r@v1")
            .starts_with("o/r@v1 can not be fetched: git can not be started: ")
    );
    assert!(error.help().unwrap().contains("install it"));
}

fn files_are_those_of_githubs_archive() {
    let world = World::new();
    world.repository(
        "o/r",
        "v1",
        &[
            (
                ".gitattributes",
                "secret export-ignore\nversion export-subst\nbig filter=lfs\n*.txt text\n",
            ),
            ("secret", "x"),
            ("version", "$Format:%s$"),
            ("lines.txt", "a\nb\n"),
            ("big", "version https://git-lfs.github.com/spec/v1\n"),
            ("deep/er/file", "x"),
        ],
    );
    let mut options = world.options();
    for (name, value) in [
        ("GIT_CONFIG_COUNT", "4"),
        ("GIT_CONFIG_KEY_1", "core.autocrlf"),
        ("GIT_CONFIG_VALUE_1", "true"),
        ("GIT_CONFIG_KEY_2", "filter.lfs.smudge"),
        ("GIT_CONFIG_VALUE_2", "echo smudged"),
        ("GIT_CONFIG_KEY_3", "init.defaultObjectFormat"),
        ("GIT_CONFIG_VALUE_3", "sha256"),
    ] {
        options.environment.push((name.into(), value.into()));
    }
    let tree = fetch(&RemoteActions::new(options), "v1").unwrap().folder;
    let read = |name: &str| fs::read_to_string(tree.join(name)).unwrap();
    assert!(!tree.join("secret").exists());
    assert_eq!(read("version"), "files");
    assert_eq!(read("lines.txt"), "a\nb\n");
    assert!(read("big").starts_with("version"));
    assert_eq!(read("deep/er/file"), "x");
    assert!(!tree.join("../scratch").exists());
}

fn a_hook_does_not_lead_git_astray() {
    let world = World::new();
    let commit = world.repository("o/r", "v1", &[("one", "1")]);
    world.repository("own/own", "v1", &[("mine", "1")]);
    let mut options = world.options();
    let own = world.path("hub/own/own.git");
    for name in [
        "GIT_DIR",
        "GIT_OBJECT_DIRECTORY",
        "GIT_INDEX_FILE",
        "GIT_WORK_TREE",
    ] {
        options.environment.push((name.into(), own.clone().into()));
    }
    let fetched = fetch(&RemoteActions::new(options), "v1").unwrap();
    assert_eq!(fetched.commit, commit);
    assert!(fetched.folder.join("one").is_file());
}

fn a_folder_stands_in() {
    let world = World::new();
    let folder = world.path("mine");
    fs::create_dir(&folder).unwrap();
    let remote = RemoteActions::new(RemoteOptions {
        local: vec![LocalRepository {
            host: None,
            repository: "o/r".to_owned(),
            git_ref: "v1".to_owned(),
            directory: folder.clone(),
        }],
        ..world.options()
    });
    assert_eq!(remote.folder("O", "r", "v1"), Some(folder));
    assert_eq!(remote.commit("o", "r", "v1").as_deref(), Some(""));
    assert!(remote.known("o", "r", "v2").is_none());
}

fn a_job_gets_its_own_copy() {
    let world = World::new();
    world.repository("o/r", "v1", &[("action.yml", NODE)]);
    let remote = world.remote();
    let copies = ["job-1", "job-2"].map(|job| {
        let actions = world.path(job);
        let copy = remote.copy("o", "r", "v1", &actions).unwrap();
        assert_eq!(copy, actions.join("o/r/v1"));
        fs::write(copy.join("made"), job).unwrap();
        assert_eq!(remote.copy("o", "r", "v1", &actions).unwrap(), copy);
        copy
    });
    assert_eq!(fs::read_to_string(copies[0].join("made")).unwrap(), "job-1");
    assert!(!remote.folder("o", "r", "v1").unwrap().join("made").exists());
    assert!(remote.copy("o", "r", "v2", &world.path("job-1")).is_err());
}

fn other_servers() {
    let world = World::new();
    world.repository("o/r", "v1", &[("public", "1")]);
    let mut options = world.options();
    let other = world.path("other/o/r.git");
    fs::create_dir_all(other.parent().unwrap()).unwrap();
    let hub = world.path("hub/o/r.git");
    world.git(
        &world.path("home"),
        &[
            "clone",
            "-q",
            "--bare",
            hub.to_str().unwrap(),
            other.to_str().unwrap(),
        ],
    );
    for (name, value) in [
        ("GIT_CONFIG_COUNT", "2".to_owned()),
        (
            "GIT_CONFIG_KEY_1",
            format!("url.file://{}/.insteadOf", world.path("other").display()),
        ),
        ("GIT_CONFIG_VALUE_1", "https://git.acme.test/".to_owned()),
    ] {
        options.environment.push((name.into(), value.into()));
    }
    "https://git.acme.test".clone_into(&mut options.server);
    let own = fetch(&RemoteActions::new(options.clone()), "v1").unwrap();
    assert!(own.folder.starts_with(world.path("cache/git.acme.test")));
    options.from_github = vec!["O/R".to_owned()];
    let github = fetch(&RemoteActions::new(options), "v1").unwrap();
    assert!(github.folder.starts_with(world.path("cache/github.com")));
}
