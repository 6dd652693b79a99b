//! Actions: pre, main and post, composites, inputs, state.

use std::os::unix::fs::PermissionsExt as _;

use lrun::executor::fake::{Fake, Reply};

use crate::harness::{Scene, Seen};

fn node(keys: &str) -> String {
    format!(
        "name: n\ninputs: {{in: {{default: d}}}}\nruns:\n  using: node20\n  main: main.js\n{keys}"
    )
}

/// A scene with the served action `o/NAME@v1` whose scripts are called `NAME-main.js` and so on.
pub fn serve(scene: Scene, name: &str, keys: &str) -> Scene {
    let mut text = node(keys);
    let mut scene = scene;
    for stage in ["main", "pre", "post"] {
        text = text.replace(&format!("{stage}.js"), &format!("{name}-{stage}.js"));
        scene = scene.served(&format!("o/{name}@v1"), &format!("{name}-{stage}.js"), "");
    }
    scene.served(&format!("o/{name}@v1"), "action.yml", &text)
}

const ALL: &str = "  pre: pre.js\n  post: post.js\n";

/// The file names of what ran.
pub fn ran(seen: &Seen) -> Vec<String> {
    let last = |call: lrun::executor::fake::Call| {
        let path = call.command.args.last().unwrap();
        let name = std::path::Path::new(path).file_name().unwrap();
        name.to_string_lossy().into_owned()
    };
    let scripts = seen.fake.calls().into_iter().map(last);
    scripts.filter(|name| name.contains(".js")).collect()
}

/// A node is there for every test: its name and nothing else counts on a fake machine.
pub fn with_node(scene: Scene) -> Scene {
    scene.adjust(|options| {
        let folder = options.cache.join("tools/node/24.1.0/x64/bin");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("node");
        std::fs::write(&path, "#!/bin/sh\necho v24.1.0\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(folder.join("../../x64.complete"), "").unwrap();
        let old = options.host_env[std::ffi::OsStr::new("PATH")].clone();
        let mut search = folder.into_os_string();
        search.push(":");
        search.push(old);
        options.host_env.insert("PATH".into(), search);
    })
}

#[tokio::test]
async fn pres_come_first_and_posts_last_in_reverse() {
    // SPEC J-1, J-2
    let scene = Scene::steps(
        r"
      - {name: a, uses: o/a@v1}
      - {name: run, run: middle}
      - {name: b, uses: o/b@v1}
",
    );
    let seen = with_node(serve(serve(scene, "a", ALL), "b", ALL))
        .run()
        .await;
    assert_eq!(
        ran(&seen),
        [
            "a-pre.js",
            "b-pre.js",
            "a-main.js",
            "b-main.js",
            "b-post.js",
            "a-post.js"
        ]
    );
    assert_eq!(
        seen.story(),
        [
            "job.a pre: success",
            "job.b pre: success",
            "job.a: success",
            "job.run: success",
            "job.b: success",
            "job.b post: success",
            "job.a post: success",
            "job: success"
        ]
    );
}

#[tokio::test]
async fn a_post_comes_after_its_pre_even_if_the_main_was_skipped() {
    // SPEC J-2, E-65
    let scene = Scene::steps("      - {name: a, uses: o/a@v1}\n      - {name: b, uses: o/b@v1}\n");
    let scene = serve(serve(scene, "a", ALL), "b", "  post: post.js\n");
    let seen = with_node(scene)
        .machine(Fake::new().on("a-main", Reply::exit(1)))
        .run()
        .await;
    assert_eq!(
        seen.story(),
        [
            "job.a pre: success",
            "job.a: failure",
            "job.b: skipped",
            "job.a post: success",
            "job: failure"
        ]
    );
    let failing_pre = Scene::steps("      - {name: a, uses: o/a@v1}\n");
    let seen = with_node(serve(failing_pre, "a", ALL))
        .machine(Fake::new().on("a-pre", Reply::exit(1)))
        .run()
        .await;
    assert_eq!(ran(&seen), ["a-pre.js", "a-post.js"]);
}

#[tokio::test]
async fn conditions_of_pre_and_post_look_at_the_job() {
    // SPEC E-65, E-64
    let table = [
        ("failure()", "skipped"),
        ("success()", "success"),
        ("job.status == 'success'", "success"),
        ("steps.s.outputs.x == 'y'", "success"),
        ("fromJSON('{')", "failure"),
    ];
    for (condition, end) in table {
        let keys = format!("  post: post.js\n  post-if: {condition}\n");
        let scene = Scene::steps("      - {name: a, uses: o/a@v1}\n      - {id: s, run: out}\n");
        let seen = with_node(serve(scene, "a", &keys))
            .machine(Fake::new().on("\nout", Reply::exit(0).writes("GITHUB_OUTPUT", "x=y\n")))
            .run()
            .await;
        let expected = format!("job.a post: {end}");
        assert!(
            seen.story().contains(&expected),
            "{condition}: {:?}",
            seen.story()
        );
    }
}

#[tokio::test]
async fn continue_on_error_holds_for_posts() {
    // SPEC S-3: for each stage of the step
    let scene = Scene::steps("      - {name: a, uses: o/a@v1, continue-on-error: true}\n");
    let seen = with_node(serve(scene, "a", ALL))
        .machine(Fake::new().on("-p", Reply::exit(1)))
        .run()
        .await;
    assert_eq!(
        seen.story(),
        [
            "job.a pre: failure, then success",
            "job.a: success",
            "job.a post: failure, then success",
            "job: success"
        ]
    );
}

#[tokio::test]
async fn state_and_inputs_reach_each_stage() {
    // SPEC A-30, A-31, A-33
    let scene = Scene::steps(
        "      - {uses: o/a@v1, env: {E: own}}\n      - {uses: o/a@v1, with: {in: x, More: y}}\n",
    );
    let seen = with_node(serve(scene, "a", ALL))
        .machine(
            Fake::new()
                .on("a-pre", Reply::exit(0).writes("GITHUB_STATE", "p=1\n"))
                .on("a-main", Reply::exit(0).writes("GITHUB_STATE", "m=2\n")),
        )
        .run()
        .await;
    let calls = seen.fake.calls();
    assert_eq!(calls[0].env("INPUT_IN"), Some("d"));
    assert_eq!(calls[1].env("INPUT_MORE"), Some("y"));
    assert_eq!(calls[2].env("STATE_p"), Some("1"));
    assert_eq!(calls[2].env("STATE_m"), None);
    assert_eq!(calls[5].env("STATE_m"), Some("2"));
    assert_eq!(calls[5].env("E"), Some("own"));
    assert_eq!(calls[5].env("GITHUB_ACTION_REPOSITORY"), Some("o/a"));
    assert!(
        seen.annotations()
            .iter()
            .any(|text| text.starts_with("Unexpected input(s) 'More'"))
    );
}

const COMPOSITE: &str = r"
name: c
inputs: {who: {default: me}}
outputs: {said: {value: '${{ steps.s.outputs.x }}'}}
runs:
  using: composite
  steps:
    - {id: s, run: 'inner ${{ inputs.who }} ${{ env.OVER }}', shell: bash}
    - {run: bad, shell: bash}
    - {run: then, shell: bash}
    - {run: rescue, shell: bash, if: failure()}
    - {run: last, shell: bash, if: always()}
";

#[tokio::test]
async fn a_composite_goes_on_after_a_failure_within() {
    // SPEC A-61 to A-65
    let seen = Scene::steps(
        r"
      - {id: c, name: c, uses: o/c@v1, with: {who: you}, env: {OVER: outer}}
      - {run: 'after ${{ steps.c.outputs.said }} [${{ steps.s.outputs.x }}]', if: failure(), name: after}
",
    )
    .served("o/c@v1", "action.yml", COMPOSITE)
    .machine(
        Fake::new()
            .on("\ninner", Reply::exit(0).writes("GITHUB_OUTPUT", "x=y\n"))
            .on("\nbad", Reply::exit(1)),
    )
    .run()
    .await;
    assert_eq!(
        seen.scripts(),
        ["inner you outer", "bad", "rescue", "last", "after y []"]
    );
    assert_eq!(
        seen.story(),
        [
            "job.Run inner you outer/1: success",
            "job.Run bad/2: failure",
            "job.Run then/3: skipped",
            "job.Run rescue/4: success",
            "job.Run last/5: success",
            "job.c: failure",
            "job.after: success",
            "job: failure"
        ]
    );
}

#[tokio::test]
async fn stages_within_a_composite_are_one_stage_of_its_step() {
    // SPEC A-66
    let composite = r"
name: c
runs:
  using: composite
  steps:
    - {uses: o/a@v1, with: {in: one}, env: {W: inner}}
    - {uses: o/b@v1}
";
    let scene = Scene::steps("      - {name: c, uses: o/c@v1, env: {V: outer}}\n").served(
        "o/c@v1",
        "action.yml",
        composite,
    );
    let seen = with_node(serve(serve(scene, "a", ALL), "b", ALL))
        .run()
        .await;
    assert_eq!(
        ran(&seen),
        [
            "a-pre.js",
            "b-pre.js",
            "a-main.js",
            "b-main.js",
            "b-post.js",
            "a-post.js"
        ]
    );
    let outer: Vec<String> = seen
        .story()
        .into_iter()
        .filter(|line| !line.contains('/'))
        .collect();
    assert_eq!(
        outer,
        [
            "job.c pre: success",
            "job.c: success",
            "job.c post: success",
            "job: success"
        ]
    );
    let post = &seen.fake.calls()[5];
    assert_eq!(
        [post.env("V"), post.env("W"), post.env("INPUT_IN")],
        [Some("outer"), Some("inner"), Some("one")]
    );
}

#[tokio::test]
async fn an_if_within_that_can_not_be_evaluated_ends_the_composite() {
    // SPEC A-64
    let composite = "name: c\nruns:\n  using: composite\n  steps:\n    - {run: a, shell: bash, if: fromJSON('x')}\n    - {run: b, shell: bash, if: always()}\n";
    let seen = Scene::steps("      - {name: c, uses: o/c@v1}\n")
        .served("o/c@v1", "action.yml", composite)
        .run()
        .await;
    assert!(seen.fake.calls().is_empty());
    assert!(seen.story().contains(&"job.c: failure".to_owned()));
}

#[tokio::test]
async fn composites_nest_ten_deep() {
    // SPEC A-4
    let composite = "name: c\nruns:\n  using: composite\n  steps: [{uses: o/c@v1}]\n";
    let seen = Scene::steps("      - {name: c, uses: o/c@v1}\n")
        .served("o/c@v1", "action.yml", composite)
        .run()
        .await;
    // Known before the first step.
    assert_eq!(seen.ended.exit_code, 3);
    assert_eq!(seen.ended.unavailable, 1);
}

#[tokio::test(start_paused = true)]
async fn a_composite_has_the_time_of_its_step() {
    // SPEC A-61, S-6
    let composite = "name: c\nruns:\n  using: composite\n  steps:\n    - {run: slow, shell: bash}\n    - {run: next, shell: bash}\n";
    let seen = Scene::steps("      - {name: c, uses: o/c@v1, timeout-minutes: 3}\n")
        .served("o/c@v1", "action.yml", composite)
        .machine(Fake::new().on("\nslow", Reply::exit(0).until_stopped()))
        .run()
        .await;
    assert_eq!(seen.scripts(), ["slow"]);
    assert_eq!(
        seen.annotations(),
        ["The action 'c' has timed out after 3 minutes."]
    );
    assert!(seen.story().contains(&"job.c: failure".to_owned()));
}
