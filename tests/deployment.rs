//! The deployment that lrun was asked for: `cd-preprod.yml`, `cd-prod.yml`, Make, and the pre-commit hook.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "cli/events.rs"]
#[expect(dead_code, reason = "a deployment needs a part of it")]
mod events;
#[path = "deployment/hook.rs"]
mod hook;
#[path = "deployment/listener.rs"]
mod listener;
#[path = "cli/lrun.rs"]
#[expect(dead_code, reason = "a deployment needs a part of the builder")]
mod lrun;
#[path = "cli/redactor.rs"]
mod redactor;
#[path = "cli/tool.rs"]
mod tool;

use std::fs;
use std::path::PathBuf;

use libtest_mimic::Arguments;
use listener::Listener;
use lrun::{Ended, Lrun};
use tool::trial;

fn main() {
    let trials = vec![
        trial(
            "a_push_to_main_goes_live_on_preprod",
            &["curl"],
            a_push_to_main_goes_live_on_preprod,
        ),
        trial(
            "a_service_that_needs_a_moment_gets_ten_attempts",
            &["curl"],
            a_service_that_needs_a_moment_gets_ten_attempts,
        ),
        trial(
            "a_failed_health_check_tells_how_to_roll_back",
            &["curl"],
            a_failed_health_check_tells_how_to_roll_back,
        ),
        trial(
            "production_wants_the_word",
            &["curl"],
            production_wants_the_word,
        ),
        trial(
            "a_wrong_word_deploys_nothing_and_says_so",
            &["curl"],
            a_wrong_word_deploys_nothing_and_says_so,
        ),
        trial(
            "a_wrong_word_for_the_one_job_runs_nothing",
            &["curl"],
            a_wrong_word_for_the_one_job_runs_nothing,
        ),
        trial(
            "the_webhook_shows_nowhere",
            &["curl"],
            the_webhook_shows_nowhere,
        ),
        trial("make_deploys", &["curl", "make"], make_deploys),
        trial("hook::judges_the_index", &[], hook::judges_the_index),
        trial(
            "hook::judges_the_index_of_a_worktree",
            &[],
            hook::judges_the_index_of_a_worktree,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

const MAKEFILE: &str = "
deploy-preprod:
\tlrun -j deploy-preprod

deploy-prod:
\tlrun workflow_dispatch --input confirm=$(confirm) -j deploy-prod
";

/// A user's clone, the remote it was pushed to, and the folder that is live one commit behind.
struct Stage {
    lrun: Lrun,
    listener: Listener,
    before: String,
    pushed: String,
}

impl Stage {
    fn new(listener: Listener) -> Self {
        let settings = |stage: &str| {
            format!(
                "{stage}_DIR={{SCRATCH}}/live\n\
                 {stage}_RESTART=echo restarted >> {{SCRATCH}}/restarts\n\
                 {stage}_HEALTH_URL={}\n",
                listener.health()
            )
        };
        let lrun = Lrun::new()
            .workflow(
                "cd-preprod.yml",
                include_str!("../fixtures/workflows/cd-preprod.yml"),
            )
            .workflow(
                "cd-prod.yml",
                include_str!("../fixtures/workflows/cd-prod.yml"),
            )
            .file("Makefile", MAKEFILE)
            .file(".gitignore", ".secrets\n.vars\n")
            .file(
                ".secrets",
                &format!("DISCORD_WEBHOOK_URL={}\n", listener.webhook()),
            )
            .file(
                ".vars",
                &format!(
                    "{}{}HEALTH_DELAY=0\n",
                    settings("PREPROD"),
                    settings("PROD")
                ),
            )
            .file("page.txt", "old\n")
            .commit_as("Open the page");
        let remote = lrun.scratch().join("remote.git");
        lrun.git_in(
            lrun.scratch(),
            &[
                "init",
                "--quiet",
                "--bare",
                "--initial-branch=main",
                "remote.git",
            ],
        );
        // The user's own git knows where the repository really is.
        let rewrite = format!("url.{}.insteadOf", remote.display());
        lrun.git(&[
            "config",
            "--global",
            &rewrite,
            "https://github.com/octo/demo.git",
        ]);
        lrun.git(&["push", "--quiet", "--set-upstream", "origin", "main"]);
        lrun.git_in(
            lrun.scratch(),
            &[
                "clone",
                "--quiet",
                "https://github.com/octo/demo.git",
                "live",
            ],
        );
        let before = lrun.git(&["rev-parse", "HEAD"]);
        let lrun = lrun
            .file("page.txt", "new\n")
            .commit_as("Write \"new\" on the page\n\nWith a body.");
        lrun.git(&["push", "--quiet"]);
        let pushed = lrun.git(&["rev-parse", "HEAD"]);
        Self {
            lrun,
            listener,
            before,
            pushed,
        }
    }

    fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.lrun = self.lrun.args(args);
        self
    }

    fn live(&self) -> PathBuf {
        self.lrun.scratch().join("live")
    }

    fn deployed(&self) -> String {
        self.lrun.git_in(&self.live(), &["rev-parse", "HEAD"])
    }

    fn restarts(&self) -> usize {
        let log = fs::read_to_string(self.lrun.scratch().join("restarts"));
        log.map_or(0, |log| log.lines().count())
    }

    fn announced(&self, stage: &str) -> String {
        // A dispatch has no head commit: the branch stands in for its message.
        let title = match stage {
            "preprod" => "Write \"new\" on the page",
            _ => "main",
        };
        format!("{stage}: deploying {} ({title}) by Mona", &self.pushed[..7])
    }

    fn is_live(&self, stage: &str) -> String {
        format!("{stage}: {} is live", &self.pushed[..7])
    }

    /// The webhook's address, and the part of it that gives the power.
    fn assert_masked(&self, ended: &Ended) {
        for secret in [self.listener.webhook().as_str(), "t0p-s3cr3t-token"] {
            assert!(!ended.stdout.contains(secret), "{ended}");
            assert!(!ended.stderr.contains(secret), "{ended}");
        }
    }
}

fn a_push_to_main_goes_live_on_preprod() {
    let stage = Stage::new(Listener::healthy_from(1)).args(["-j", "deploy-preprod"]);
    let ended = stage.lrun.run_raw();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(
        stage.listener.heard(),
        [
            &*stage.announced("preprod"),
            "health",
            &*stage.is_live("preprod")
        ]
    );
    assert_eq!(stage.deployed(), stage.pushed);
    assert_eq!(
        fs::read_to_string(stage.live().join("page.txt")).unwrap(),
        "new\n"
    );
    assert_eq!(stage.restarts(), 1);
    stage.assert_masked(&ended);
}

fn a_service_that_needs_a_moment_gets_ten_attempts() {
    let stage = Stage::new(Listener::healthy_from(10)).args(["-j", "deploy-preprod"]);
    let ended = stage.lrun.run_raw();
    assert_eq!(ended.code, Some(0), "{ended}");
    let mut expected = vec![stage.announced("preprod")];
    expected.extend(vec!["health".to_owned(); 10]);
    expected.push(stage.is_live("preprod"));
    assert_eq!(stage.listener.heard(), expected);
}

fn a_failed_health_check_tells_how_to_roll_back() {
    let stage = Stage::new(Listener::healthy_from(usize::MAX)).args(["-j", "deploy-preprod"]);
    let ended = stage.lrun.run_raw();
    assert_eq!(ended.code, Some(1), "{ended}");
    let scratch = stage.lrun.scratch().display().to_string();
    let command = format!(
        "git -C {scratch}/live reset --hard {} && echo restarted >> {scratch}/restarts",
        stage.before
    );
    let mut expected = vec![stage.announced("preprod")];
    expected.extend(vec!["health".to_owned(); 10]);
    expected.push(format!(
        "preprod: {} failed; roll back with: {command}",
        &stage.pushed[..7]
    ));
    assert_eq!(stage.listener.heard(), expected);
    stage.assert_masked(&ended);
    // What the message says does roll back.
    let shell = stage
        .lrun
        .command("sh", stage.lrun.scratch())
        .args(["-c", &command])
        .output();
    assert!(shell.unwrap().status.success());
    assert_eq!(stage.deployed(), stage.before);
}

fn production_wants_the_word() {
    let stage = Stage::new(Listener::healthy_from(1)).args([
        "workflow_dispatch",
        "--input",
        "confirm=DEPLOY",
        "-j",
        "deploy-prod",
    ]);
    let ended = stage.lrun.run_raw();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(
        stage.listener.heard(),
        [&*stage.announced("prod"), "health", &*stage.is_live("prod")]
    );
    assert_eq!(stage.deployed(), stage.pushed);
}

fn a_wrong_word_deploys_nothing_and_says_so() {
    let stage =
        Stage::new(Listener::healthy_from(1)).args(["workflow_dispatch", "--input", "confirm=yes"]);
    let events = stage.lrun.events();
    assert_eq!(events.code, Some(0), "{}", events.stderr);
    assert_eq!(
        stage.listener.heard(),
        ["prod: nothing deployed, Mona did not type DEPLOY"]
    );
    assert_eq!(events.job("deploy-prod"), "skipped");
    assert_eq!(events.job("wrong-confirmation"), "success");
    assert_eq!(stage.deployed(), stage.before);
    assert_eq!(stage.restarts(), 0);
}

fn a_wrong_word_for_the_one_job_runs_nothing() {
    let stage = Stage::new(Listener::healthy_from(1)).args([
        "workflow_dispatch",
        "--input",
        "confirm=yes",
        "-j",
        "deploy-prod",
    ]);
    let ended = stage.lrun.run_raw();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert_eq!(stage.listener.heard(), [""; 0]);
}

fn the_webhook_shows_nowhere() {
    for args in [
        ["-v", "-j", "deploy-preprod"],
        ["--json", "-j", "deploy-preprod"],
        ["-q", "-j", "deploy-preprod"],
    ] {
        // The failing path says most.
        let stage = Stage::new(Listener::healthy_from(usize::MAX)).args(args);
        let ended = stage.lrun.run_raw();
        assert_eq!(ended.code, Some(1), "{ended}");
        assert_eq!(stage.listener.heard().len(), 12);
        stage.assert_masked(&ended);
    }
}

fn make_deploys() {
    let stage = Stage::new(Listener::healthy_from(1));
    let mut make = stage.lrun.command("make", &stage.lrun.root());
    let output = make.args(["--silent", "deploy-preprod"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        stage.listener.heard(),
        [
            &*stage.announced("preprod"),
            "health",
            &*stage.is_live("preprod")
        ]
    );
    let mut make = stage.lrun.command("make", &stage.lrun.root());
    let output = make
        .args(["--silent", "deploy-prod", "confirm=DEPLOY"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stage.listener.heard().len(), 6);
}
