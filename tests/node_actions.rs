//! Node actions: pre, main, post, inputs, state; shown as ignored where there is no node.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "cli/events.rs"]
#[expect(dead_code, reason = "a part of it is for other tests")]
mod events;
#[path = "cli/hub.rs"]
#[expect(dead_code, reason = "a part of it is for tests that count")]
mod hub;
#[path = "cli/lrun.rs"]
#[expect(dead_code, reason = "a part of the builder is for other tests")]
mod lrun;
#[path = "cli/redactor.rs"]
mod redactor;
#[path = "cli/running.rs"]
#[expect(dead_code, reason = "a part of it is for tests of signals")]
mod running;
#[path = "cli/tool.rs"]
mod tool;

use libtest_mimic::Arguments;
use nix::sys::signal::Signal;

use lrun::Lrun;
use running::Running;
use tool::trial;

fn main() {
    let trials = vec![
        trial(
            "a_node_action_has_pre_main_and_post",
            &["node"],
            a_node_action_has_pre_main_and_post,
        ),
        trial(
            "a_local_node_action_has_main_and_post_but_no_pre",
            &["node"],
            a_local_node_action_has_main_and_post_but_no_pre,
        ),
        trial(
            "post_steps_run_last_first",
            &["node"],
            post_steps_run_last_first,
        ),
        trial(
            "post_steps_run_in_a_cancelled_run",
            &["node"],
            post_steps_run_in_a_cancelled_run,
        ),
        trial(
            "an_action_of_another_repository_has_pre_main_and_post",
            &["node"],
            an_action_of_another_repository_has_pre_main_and_post,
        ),
        trial(
            "an_action_that_another_uses_has_pre_and_post_too",
            &["node"],
            an_action_that_another_uses_has_pre_and_post_too,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn job(steps: &str) -> String {
    format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n{steps}")
}

fn push(steps: &str) -> Lrun {
    Lrun::new()
        .workflow("ci.yml", &job(steps))
        .commit()
        .args(["push"])
}

const NODE: &str = "
name: Node
inputs:
  a word: { default: nothing }
runs:
  using: node20
  pre: pre.js
  main: main.js
  post: post.js
  post-if: always()
";

fn node_files(it: Lrun, folder: &str) -> Lrun {
    it.file(&format!("{folder}/action.yml"), NODE)
        .file(
            &format!("{folder}/pre.js"),
            "console.log('pre'); require('fs').appendFileSync(process.env.GITHUB_STATE, 'a=1\\n')",
        )
        .file(
            &format!("{folder}/main.js"),
            "console.log(`main ${process.env.INPUT_A_WORD} ${process.env.STATE_a}`);
             require('fs').appendFileSync(process.env.GITHUB_STATE, 'b=2\\n');
             if (process.env.INPUT_A_WORD == 'fail') process.exit(5);",
        )
        .file(
            &format!("{folder}/post.js"),
            "console.log(`post ${process.env.STATE_a} ${process.env.STATE_b}`)",
        )
}

fn a_node_action_has_pre_main_and_post() {
    let it = push(
        "      - run: echo first
      - uses: octo/node/sub@v1
        with: { a word: one }
      - uses: octo/node/sub@v1
        with: { a word: fail }
      - run: echo never
",
    )
    .args([
        "push",
        "--local-repository",
        "octo/node@v1={SCRATCH}/demo/stand-in",
    ]);
    let it = node_files(it, "stand-in/sub").commit();
    let scratch = it.scratch().display().to_string();
    let stand_in = format!("octo/node@v1={scratch}/demo/stand-in");
    let events = it.args(["push", "--local-repository", &stand_in]).events();
    assert_eq!(events.code, Some(1), "{}{}", events.stderr, events.text());
    assert_eq!(
        events.lines("a"),
        [
            "pre",
            "pre",
            "first",
            "main one 1",
            "main fail 1",
            "post 1 2",
            "post 1 2"
        ]
    );
    assert_eq!(
        events.steps("a"),
        [
            "Pre Run octo/node/sub@v1: success",
            "Pre Run octo/node/sub@v1: success",
            "Run echo first: success",
            "Run octo/node/sub@v1: success",
            "Run octo/node/sub@v1: failure",
            "Run echo never: skipped",
            "Post Run octo/node/sub@v1: success",
            "Post Run octo/node/sub@v1: success",
        ]
    );
}

fn a_local_node_action_has_main_and_post_but_no_pre() {
    // SPEC A-13.
    let it = push("      - uses: actions/checkout@v4\n      - uses: ./mine\n");
    let events = node_files(it, "mine").commit().events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(
        events.lines("a"),
        ["main nothing undefined", "post undefined 2"]
    );
    let warnings = events.annotations("warning");
    assert!(warnings.iter().any(|it| it.contains("pre")), "{warnings:?}");
}

fn post_steps_run_last_first() {
    let it = push(
        "      - uses: actions/checkout@v4
      - uses: ./one
      - uses: ./two
      - run: exit 1
",
    );
    let mut it = it;
    for name in ["one", "two"] {
        it = it
            .file(
                &format!("{name}/action.yml"),
                "name: N\nruns: { using: node20, main: main.js, post: post.js }\n",
            )
            .file(
                &format!("{name}/main.js"),
                &format!("console.log('main {name}')"),
            )
            .file(
                &format!("{name}/post.js"),
                &format!("console.log('post {name}')"),
            );
    }
    let events = it.commit().events();
    assert_eq!(
        events.lines("a"),
        ["main one", "main two", "post two", "post one"]
    );
}

fn post_steps_run_in_a_cancelled_run() {
    let it = push(
        "      - uses: actions/checkout@v4
      - uses: ./mine
      - run: |
          echo ready
          cat {SCRATCH}/never
      - run: echo never
",
    );
    let it = node_files(it, "mine").commit();
    let never = it.scratch().join("never");
    nix::unistd::mkfifo(&never, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut run = Running::start(&it);
    run.wait_for("] ready");
    run.signal(Signal::SIGINT);
    assert_eq!(run.end(), Some(130));
    assert!(
        run.said("] post undefined 2") && !run.said("] never"),
        "{:#?}",
        run.seen
    );
}

const REMOTE: [(&str, &str); 4] = [
    ("sub/action.yml", NODE),
    (
        "sub/pre.js",
        "console.log('pre'); require('fs').appendFileSync(process.env.GITHUB_STATE, 'a=1\\n')",
    ),
    (
        "sub/main.js",
        "console.log('main', process.env['INPUT_A_WORD'], process.env.STATE_a, process.env.GITHUB_ACTION_REF)",
    ),
    ("sub/post.js", "console.log('post', process.env.STATE_a)"),
];

fn an_action_of_another_repository_has_pre_main_and_post() {
    // SPEC, J-1
    let lrun = hub::world(&job(
        "      - run: echo first\n      - uses: o/node/sub@v1\n        with: {a word: said}\n",
    ));
    hub::publish(&lrun, "o/node", "v1", &REMOTE);
    let events = lrun.events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    assert_eq!(
        events.lines("a"),
        ["pre", "first", "main said 1 v1", "post 1"]
    );
}

fn an_action_that_another_uses_has_pre_and_post_too() {
    // SPEC A-66
    let lrun = hub::world(&job(
        "      - run: echo first\n      - uses: o/outer@v1\n      - run: echo last\n",
    ));
    hub::publish(&lrun, "o/node", "v1", &REMOTE);
    let outer = "runs: {using: composite, steps: [{uses: o/node/sub@v1}]}\n";
    hub::publish(&lrun, "o/outer", "v1", &[("action.yml", outer)]);
    let events = lrun.events();
    assert_eq!(events.code, Some(0), "{}{}", events.stderr, events.text());
    assert_eq!(
        events.lines("a"),
        ["pre", "first", "main nothing 1 v1", "last", "post 1"]
    );
}
