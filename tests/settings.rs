//! Order, origin and typing of settings, through files and variables of a made-up home.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use lrun::cli::command::CommandKind;
use lrun::cli::settings::{Color, Content, PlatformTarget, WorkflowChoice, Workspace};
use lrun::cli::{CliError, Environment, Invocation, parse};
use tempfile::TempDir;

/// A home with a git repository `repo` in it, and a folder `repo/sub`.
struct World {
    home: TempDir,
    variables: BTreeMap<String, String>,
    folder: &'static str,
}

impl World {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::create_dir_all(home.path().join("repo/.git")).unwrap();
        fs::create_dir_all(home.path().join("repo/sub")).unwrap();
        let variables = [("HOME", home.path()), ("USERPROFILE", home.path())];
        let variables = variables.map(|(name, path)| (name.to_owned(), path.display().to_string()));
        Self {
            variables: variables.into(),
            home,
            folder: "repo",
        }
    }

    fn file(self, path: &str, text: &str) -> Self {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home.path().join(path)
    }

    fn run(&self, args: &str) -> Result<Invocation, CliError> {
        let environment = Environment {
            variables: self.variables.clone(),
            folder: self.path(self.folder),
            ..Environment::default()
        };
        let args = shell_words::split(args).unwrap();
        parse(args.into_iter().map(Into::into).collect(), &environment)
    }

    fn actor(&self, args: &str) -> String {
        self.run(args).unwrap().settings.actor.unwrap_or_default()
    }
}

#[test]
fn each_source_beats_the_ones_before_it() {
    let mut world = World::new();
    let act = if cfg!(target_os = "macos") {
        "Library/Application Support/act/actrc"
    } else {
        ".config/act/actrc"
    };
    for (path, actor) in [
        (act, "-a xdg"),
        (".actrc", "-a home"),
        (".config/lrun/lrun.toml", "actor = \"user toml\""),
        ("repo/.actrc", "-a root"),
        ("repo/sub/.actrc", "-a sub"),
        ("repo/lrun.toml", "actor = \"toml\""),
    ] {
        world = world.file(path, actor);
        world.folder = "repo/sub";
        let last = actor
            .trim_start_matches("-a ")
            .trim_start_matches("actor = ");
        assert_eq!(world.actor("push"), last.trim_matches('"'), "{path}");
    }
    world = world.variable("LRUN_ACTOR", "variable");
    assert_eq!(world.actor("push"), "variable");
    assert_eq!(world.actor("push -a flag"), "flag");
    assert_eq!(world.actor("push -a flag -a ''"), "");
    assert_eq!(world.variable("LRUN_ACTOR", "").actor("push"), "toml");
}

#[test]
fn the_root_is_the_calling_folder_with_workflows_else_the_git_top_level() {
    let mut world = World::new();
    assert_eq!(
        world.run("-C sub push").unwrap().settings.root,
        world.path("repo")
    );
    assert_eq!(
        world.run("-C sub push").unwrap().settings.calling,
        world.path("repo/sub")
    );
    world = world.file("repo/sub/.github/workflows/ci.yml", "");
    assert_eq!(
        world.run("-C sub push").unwrap().settings.root,
        world.path("repo/sub")
    );
    let error = world.run("-C nowhere push").unwrap_err();
    assert!(
        error.message.starts_with("cannot enter `nowhere`"),
        "{error}"
    );
    world.folder = ".";
    assert_eq!(world.run("push").unwrap().settings.root, world.path("."));
}

#[test]
fn a_hook_is_told_its_work_tree() {
    let world = World::new().file("tree/below/x", "");
    let world = world.variable("GIT_WORK_TREE", "../tree");
    assert_eq!(
        world.run("-C ../tree/below push").unwrap().settings.root,
        world.path("tree")
    );
    assert_eq!(world.run("push").unwrap().settings.root, world.path("repo"));
}

#[test]
fn paths_count_from_the_calling_folder_and_default_files_from_the_root() {
    let world = World::new()
        .file("repo/.secrets", "A=root")
        .file("repo/sub/.secrets", "A=sub")
        .file("repo/sub/mine", "A=mine");
    let secret = |args: &str| {
        world.run(args).unwrap().settings.secrets["A"]
            .expose()
            .to_owned()
    };
    assert_eq!(secret("-C sub push"), "root");
    assert_eq!(secret("-C sub push --secret-file mine"), "mine");
    assert!(world.run("push --secret-file mine").is_err());
}

#[test]
fn a_secret_is_never_shown() {
    let world = World::new().file("repo/.secrets", "A=hunter2\nB=\"hunter2\" hunter2\n");
    let error = world.run("push").unwrap_err();
    assert!(
        error
            .message
            .ends_with(".secrets:2: only a comment may follow the closing quote of `B`")
    );
    let world = World::new().file("repo/.secrets", "A=hunter2\n");
    let shown = format!("{:?}", world.run("push -s B=hunter2 --verbose").unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn commands_that_run_nothing_leave_secret_files_alone() {
    let world = World::new().file("repo/.secrets", "broken");
    for args in ["list", "-l", "graph push", "check", "doctor"] {
        assert!(world.run(args).is_ok(), "{args}");
    }
    assert!(world.run("plan").is_err());
}

#[test]
fn words_choose_the_command() {
    let world = World::new();
    for (args, kind, event) in [
        ("", CommandKind::Run, None),
        ("push", CommandKind::Run, Some("push")),
        ("run push", CommandKind::Run, Some("push")),
        ("list", CommandKind::List, None),
        ("list push", CommandKind::List, Some("push")),
        ("-l push", CommandKind::List, Some("push")),
        ("push -n", CommandKind::Plan, Some("push")),
        ("-l list", CommandKind::List, None),
        ("-v graph", CommandKind::Graph, None),
        ("watch", CommandKind::Run, Some("watch")),
        ("-h push", CommandKind::Help, None),
        ("--version -l", CommandKind::Version, None),
        ("help list", CommandKind::Help, None),
    ] {
        let invocation = world.run(args).unwrap();
        assert_eq!(invocation.command, kind, "{args}");
        assert_eq!(invocation.settings.event.as_deref(), event, "{args}");
    }
    for (args, message) in [
        ("run list", "`list` is no event"),
        ("psuh", "`psuh` is neither a command nor an event"),
        (
            "push release",
            "one event at a time: found `push` and `release`",
        ),
        (
            "-l plan",
            "`lrun plan` and `--list` are two commands; one at a time",
        ),
        ("rerun --failed", "`lrun rerun` is not built yet"),
        ("rerun", "`lrun rerun` is not built yet"),
        ("init", "`lrun init` is not built yet"),
        ("push --why a", "`--why` goes with `lrun plan`"),
        ("doctor x", "`lrun doctor` does not take the word `x`"),
        ("eval", "`lrun eval` needs an expression"),
        (
            "graph --format sarif",
            "`--format sarif` is not one of text, mermaid, dot, json",
        ),
    ] {
        assert_eq!(world.run(args).unwrap_err().message, message, "{args}");
    }
    assert_eq!(
        world.run("check a.yml b.yml").unwrap().words,
        ["a.yml", "b.yml"]
    );
    assert_eq!(world.run("eval '1 == 2'").unwrap().words, ["1 == 2"]);
}

#[test]
fn what_excludes_each_other_is_refused() {
    let world = World::new();
    for args in [
        "--clean --staged",
        "--workspace bind --clean",
        "-b --staged",
        "--backend moon",
        "--workspace move",
        "--concurrent-jobs many",
    ] {
        assert!(world.run(args).is_err(), "{args}");
    }
    let settings = |args: &str| world.run(args).unwrap().settings;
    assert_eq!(settings("-b --workspace copy").workspace, Workspace::Copy);
    assert_eq!(settings("--staged").content, Content::Staged);
    assert!(settings("--use-gitignore=false").with_ignored);
    assert!(!settings("--with-ignored --use-gitignore").with_ignored);
}

#[test]
fn a_flag_overrules_the_content_that_a_file_asks_for() {
    let world = World::new().file("repo/lrun.toml", "clean = true");
    assert_eq!(world.run("push").unwrap().settings.content, Content::Clean);
    assert_eq!(
        world.run("push --staged").unwrap().settings.content,
        Content::Staged
    );
    assert_eq!(
        world.run("push --clean=0").unwrap().settings.content,
        Content::WorkingTree
    );
}

#[test]
fn lists_of_variables_have_one_entry_a_line() {
    let world = World::new()
        .variable("LRUN_ENV", "A=1\n\nB=2 3")
        .variable("LRUN_JOB", "a\nb")
        .variable("LRUN_PLATFORM", "x=host");
    let settings = world.run("push --env B=4").unwrap().settings;
    assert_eq!(settings.env["A"], "1");
    assert_eq!(settings.env["B"], "4");
    assert_eq!(settings.jobs, ["a", "b"]);
    assert!(!settings.jobs_from_command_line);
    assert_eq!(settings.platforms[0].target, PlatformTarget::Host);
    assert!(!settings.platforms[0].from_command_line);
    assert_eq!(world.run("push -j c").unwrap().settings.jobs, ["c"]);
}

#[test]
fn a_mistyped_variable_or_key_is_said() {
    let world = World::new().variable("LRUN_OFLINE", "1");
    let settings = world.run("push").unwrap().settings;
    assert_eq!(
        settings.notices[0].text,
        "LRUN_OFLINE is not read; did you mean LRUN_OFFLINE?"
    );
    let error = World::new()
        .variable("LRUN_OFFLINE", "yes")
        .run("push")
        .unwrap_err();
    assert_eq!(
        error.message,
        "LRUN_OFFLINE: `--offline` is true or false, not `yes`"
    );
    let error = World::new()
        .file("repo/lrun.toml", "\nofline = true")
        .run("push")
        .unwrap_err();
    assert!(
        error
            .message
            .ends_with("lrun.toml:2: unknown setting `ofline`"),
        "{error}"
    );
    let error = World::new()
        .file("repo/lrun.toml", "watch = true")
        .run("push")
        .unwrap_err();
    assert!(
        error
            .message
            .ends_with("lrun.toml:1: `--watch` is not built yet"),
        "{error}"
    );
}

#[test]
fn workflows_are_looked_for_here_and_in_their_home() {
    let world = World::new()
        .file("repo/.github/workflows/ci.yml", "")
        .file("repo/.github/workflows/deep/er.yml", "")
        .file("repo/sub/own.yml", "")
        .file("repo/empty/deep/er.yml", "");
    let choice = |args: &str| world.run(args).unwrap().settings.workflows;
    let file = |path: &str| WorkflowChoice::File {
        path: world.path(path),
        from_command_line: true,
    };
    assert_eq!(choice("push"), WorkflowChoice::All);
    assert_eq!(choice("-W ci.yml"), file("repo/.github/workflows/ci.yml"));
    assert_eq!(choice("-C sub -W own.yml"), file("repo/sub/own.yml"));
    assert_eq!(
        choice("-C sub -W ci.yml"),
        file("repo/.github/workflows/ci.yml")
    );
    let folder = WorkflowChoice::Folder {
        path: world.path("repo/.github/workflows"),
    };
    assert_eq!(choice("-W .github/workflows"), folder);
    let error = world.run("-W empty").unwrap_err();
    assert!(error.hints[0].ends_with("er.yml"), "{error}");
    let error = world.run("-W ci.yaml").unwrap_err();
    assert_eq!(error.hints[0], "did you mean `ci.yml`?");
}

#[test]
fn colours_follow_the_variables_of_the_field() {
    for (name, value, color) in [
        ("NO_COLOR", "1", Color::Never),
        ("NO_COLOR", "", Color::Auto),
        ("CLICOLOR", "0", Color::Never),
        ("CLICOLOR_FORCE", "1", Color::Always),
        ("CLICOLOR_FORCE", "0", Color::Auto),
    ] {
        let world = World::new().variable(name, value);
        assert_eq!(
            world.run("push").unwrap().settings.color,
            color,
            "{name}={value}"
        );
    }
}

#[test]
fn caches_lie_where_the_user_keeps_them() {
    let world = World::new();
    assert_eq!(
        world.run("push").unwrap().settings.cache_dir,
        world.path(".cache/lrun")
    );
    let world = world.variable("XDG_CACHE_HOME", "/elsewhere");
    assert_eq!(
        world.run("push").unwrap().settings.cache_dir,
        PathBuf::from("/elsewhere/lrun")
    );
}
