//! The workspace of a job in a container: in layers over the snapshot, or copied; the job can not tell.

use std::path::Path;

use nix::sys::signal::Signal;

use crate::Test;
use crate::lrun::Lrun;
use crate::running::Running;
use crate::world::{base, block_on, engine, front, nothing_left, on_this_engine, passes, tiny};

pub const TESTS: &[Test] = &[
    (
        "workspaces::every_mechanism_brings_the_same_tree",
        same_trees,
    ),
    (
        "workspaces::expressions_and_actions_see_what_the_job_made",
        seen_from_here,
    ),
    (
        "workspaces::folders_and_submodules_are_as_anywhere",
        folders,
    ),
    ("workspaces::a_checkout_may_come_again", again),
    (
        "workspaces::only_a_checkout_that_surely_comes_first_is_laid",
        not_laid,
    ),
    (
        "workspaces::a_path_that_no_mount_takes_is_copied_and_said",
        odd_path,
    ),
    ("workspaces::the_users_own_tree_is_never_touched", untouched),
    ("workspaces::links_mean_what_they_mean_inside", links),
    (
        "workspaces::an_engine_elsewhere_has_the_same_tree",
        elsewhere,
    ),
    (
        "workspaces::a_step_on_an_engine_elsewhere_is_ended",
        ended_elsewhere,
    ),
];

/// Lists the tree: names, kinds, modes, content, and what git says of it.
const LIST: &str = "find . -mindepth 1 -path ./.git -prune -o -printf '%P %y %m %l\\n' | sort
          find . -path ./.git -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
          git status --porcelain; git log --format=%s; git describe --always; git rev-parse --abbrev-ref HEAD";

/// Says whether the workspace is a mount of its own.
const LAID: &str = "grep -c \" $PWD overlay \" /proc/self/mounts || true";

fn repository(workflow: &str) -> Lrun {
    let text = workflow
        .replace("LIST", LIST)
        .replace("LAID", LAID)
        .replace("BASE", &base())
        .replace("TINY", &tiny());
    let lrun = Lrun::new()
        .workflow("ci.yml", &text)
        .file("a", "committed\n")
        .file("folder/b", "b\n")
        .file(".gitignore", "ignored\n")
        .file("run.sh", "#!/bin/sh\n")
        .file("sub/gone", "soon\n");
    std::os::unix::fs::symlink("folder/b", lrun.root().join("link")).unwrap();
    let mut mode = std::fs::metadata(lrun.root().join("run.sh"))
        .unwrap()
        .permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(lrun.root().join("run.sh"), mode).unwrap();
    let lrun = lrun
        .commit()
        .file("a", "changed\n")
        .file("new", "new\n")
        .file("ignored", "no\n");
    std::fs::remove_file(lrun.root().join("sub/gone")).unwrap();
    let lrun = lrun.args(["push", "-P", &format!("ubuntu-latest={}", base())]);
    on_this_engine(lrun)
}

/// The engine is of the kind that mounts what lrun asks for: on others there is one mechanism less.
fn can_lay() -> bool {
    block_on(async {
        engine()
            .await
            .address
            .starts_with("unix:///var/run/docker.sock")
    })
}

fn same_trees() {
    // DESIGN 4: what a job sees is a rule, not a side effect of the mechanism.
    let lrun = repository(
        "on: push
jobs:
  laid:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: LAID
      - run: |
          LIST
  copied:
    runs-on: ubuntu-latest
    steps:
      - run: 'true'
      - uses: actions/checkout@v4
      - run: LAID
      - run: |
          LIST
  container:
    runs-on: ubuntu-latest
    container: {image: BASE}
    steps:
      - uses: actions/checkout@v4
      - run: LAID
      - run: |
          LIST
  host:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
      - run: LAID
      - run: |
          LIST
",
    );
    let events = passes(&lrun);
    let all_copied = lrun.env("LRUN_WORKSPACE", "copy").events();
    assert_eq!(all_copied.lines("laid")[0], "0");
    let of = |job: &str| {
        let lines = events.lines(job);
        let (laid, tree) = lines.split_first().unwrap();
        (laid.to_string(), tree.join("\n"))
    };
    let (laid, tree) = of("laid");
    assert!(
        tree.contains("run.sh f 755") && tree.contains("link l 777 folder/b"),
        "{tree}"
    );
    assert!(
        tree.contains(" M a\n D sub/gone\n?? new") && !tree.contains("ignored f"),
        "{tree}"
    );
    let expected = if can_lay() { "1" } else { &laid };
    assert_eq!(laid, expected);
    assert_eq!(of("container"), (laid, tree.clone()));
    assert_eq!(of("copied"), ("0".to_owned(), tree.clone()));
    assert_eq!(of("host"), ("0".to_owned(), tree));
}

fn seen_from_here() {
    let lrun = repository(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          rm a; echo made > made; rm -r folder; mkdir folder; echo c > folder/c
          mkdir -p act image
          printf 'runs: {using: composite, steps: [{run: echo composite, shell: bash}]}' > act/action.yml
          printf 'FROM TINY\\nCOPY said /said\\n' > image/Dockerfile
          echo built > image/said
          printf 'runs: {using: docker, image: Dockerfile, entrypoint: cat, args: [/said, made]}' > image/action.yml
      - run: |
          echo \"${{ hashFiles('a') == '' }} ${{ hashFiles('folder/b') == '' }} ${{ hashFiles('made', 'folder/*') != '' }}\"
          both() { for f in made folder/c run.sh; do sha256sum \"$f\" | cut -c-64 | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))'; done | sha256sum | cut -c-64; }
          test \"$(both)\" = '${{ hashFiles('made', 'folder/*', 'run.sh') }}' && echo same
      - uses: ./act
      - uses: ./image
      - run: |
          printf '{\"problemMatcher\":[{\"owner\":\"x\",\"pattern\":[{\"regexp\":\"^(\\\\\\\\S+): (.*)$\",\"file\":1,\"message\":2}]}]}' > m.json
          echo '::add-matcher::m.json'
      - run: 'echo \"folder/c: here\"; echo \"folder/b: gone\"'
",
    );
    let events = passes(&lrun);
    let lines = events.lines("a");
    assert_eq!(
        lines[..5],
        ["true true true", "same", "composite", "built", "made"],
        "{lines:?}"
    );
    let found = events.text();
    assert!(found.contains("\"file\":\"folder/c\""), "{found}");
    assert!(!found.contains("\"file\":\"folder/b\""), "{found}");
}

fn folders() {
    let lrun = repository(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          LAID
          git mv folder moved && python3 -c 'import os; os.rename(\"moved\", \"again\")' && cat again/b
          git status --porcelain | xargs
        continue-on-error: true
  modules:
    runs-on: ubuntu-latest
    container: {image: BASE}
    steps:
      - uses: actions/checkout@v4
        with: {submodules: true}
      - run: git status --porcelain && git -C module log --format=%s && cat module/inner
",
    );
    let other = lrun.scratch().join("other");
    std::fs::create_dir(&other).unwrap();
    lrun.git_in(&other, &["init", "-q", "-b", "main"]);
    std::fs::write(other.join("inner"), "inner\n").unwrap();
    lrun.git_in(&other, &["add", "-A"]);
    lrun.git_in(&other, &["commit", "-qm", "of a module"]);
    let url = other.to_str().unwrap();
    lrun.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "add",
        "-q",
        url,
        "module",
    ]);
    let lrun = lrun.commit_as("with a module");
    let events = passes(&lrun);
    let lines = events.lines("a");
    assert_eq!(
        lines[1..],
        ["b", "RD folder/b -> moved/b ?? again/"],
        "{lines:?}"
    );
    assert_eq!(events.lines("modules"), ["of a module", "inner"]);
}

fn again() {
    let lrun = repository(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          mkdir -p beside/x; echo x > beside/x/y; echo mine > mine; rm new
          printf 'runs: {using: composite, steps: [{uses: actions/checkout@v4, with: {path: beside}}, {uses: actions/checkout@v4, with: {clean: false}}]}' > action.yml
      - uses: ./
      - run: |
          LAID
          ls -A beside | xargs; cat mine new; ls -A | xargs
          git -C beside status --porcelain | xargs
          git status --porcelain | xargs
  out:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          ln -s /etc out
          printf 'runs: {using: composite, steps: [{uses: actions/checkout@v4, with: {path: out/x}}]}' > action.yml
      - uses: ./
        continue-on-error: true
      - run: test -e /etc/x || echo spared
",
    );
    let events = passes(&lrun);
    let lines = events.lines("a");
    assert_eq!(
        lines[1..],
        [
            ".git .github .gitignore a folder link new run.sh",
            "mine",
            "new",
            ".git .github .gitignore a action.yml beside folder link mine new run.sh",
            "M a D sub/gone ?? new",
            "M a D sub/gone ?? action.yml ?? beside/ ?? mine ?? new",
        ],
        "{lines:?}"
    );
    assert_eq!(events.lines("out"), ["spared"]);
}

fn not_laid() {
    // DESIGN 4: a job that forgets its checkout must fail here too; a late, conditional, repeated or `path` one copies.
    let lrun = repository(
        "on: push
jobs:
  none: {runs-on: ubuntu-latest, steps: [run: 'LAID; ls -A | wc -l']}
  late: {runs-on: ubuntu-latest, steps: [run: 'ls -A | wc -l', {uses: actions/checkout@v4}, {run: LAID}]}
  conditional: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4, if: false}, {run: 'LAID; ls -A | wc -l'}]}
  repeated: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4}, {uses: actions/checkout@v4, with: {path: x}}, {run: LAID}]}
  path: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4, with: {path: x}}, {run: 'LAID; ls'}]}
  evaluated: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4, with: {ref: '${{ github.ref }}'}}, {run: 'LAID; cat a'}]}
  sparse: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4, with: {sparse-checkout: folder}}, {run: 'LAID; ls sub || echo left'}]}
",
    );
    let events = passes(&lrun);
    let expected: [(&str, &[&str]); 7] = [
        ("none", &["0", "0"]),
        ("late", &["0", "0"]),
        ("conditional", &["0", "0"]),
        ("repeated", &["0"]),
        ("path", &["0", "x"]),
        ("evaluated", &["0", "committed"]),
        ("sparse", &["0", "left"]),
    ];
    for (job, lines) in expected {
        let seen: Vec<&str> = events.lines(job);
        let seen: Vec<&str> = seen
            .into_iter()
            .filter(|it| !it.starts_with("ls: "))
            .collect();
        assert_eq!(seen, lines, "{job}");
    }
}

fn odd_path() {
    let lrun = repository(
        "on: push
jobs:
  a: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4}, {run: 'LAID; cat a'}]}
  b: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4}, {run: 'LAID; cat a'}]}
",
    );
    let cache = lrun.root().parent().unwrap().join("c,d");
    let lrun = lrun.env("XDG_CACHE_HOME", cache.to_str().unwrap()).args([
        "push",
        "-v",
        "-P",
        &format!("ubuntu-latest={}", base()),
    ]);
    let events = passes(&lrun);
    assert_eq!(events.lines("a"), ["0", "changed"]);
    assert_eq!(events.lines("b"), ["0", "changed"]);
    let said = events.text();
    assert_eq!(
        said.matches("workspaces in containers are copied").count(),
        1,
        "{said}"
    );
}

fn untouched() {
    let lrun = repository(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          echo other > a; echo x >> folder/b; rm -r .github; git add -A; git -c user.name=x -c user.email=x commit -qm mine
          chmod 600 run.sh; ln -sf a link
  b: {needs: a, runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4}, {run: 'cat a folder/b; stat -c %a run.sh; git log --format=%s'}]}
",
    );
    let events = passes(&lrun);
    assert_eq!(events.lines("b"), ["changed", "b", "755", "Say hello"]);
    let read = |name: &str| std::fs::read_to_string(lrun.root().join(name)).unwrap();
    assert_eq!(read("a"), "changed\n");
    assert_eq!(read("folder/b"), "b\n");
    assert!(Path::new(&lrun.root()).join(".github").is_dir());
}

fn links() {
    let lrun = repository(
        "on: push
jobs:
  inside:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          mkdir -p real/act; echo x > real/file; ln -s $PWD/real x; ln -s $PWD/real/act act
          printf 'runs: {using: composite, steps: [{run: echo composite, shell: bash}]}' > real/act/action.yml
          echo FOO=bar > /opt/env; ln -sf /opt/env $GITHUB_ENV
      - run: echo \"$FOO ${{ hashFiles('x/file') != '' || hashFiles('real/file') != '' }}\"
      - uses: ./act
      - uses: actions/checkout@v4
        with: {path: '${{ github.workspace }}/sub'}
      - run: cat sub/a
  outside:
    runs-on: ubuntu-latest
    steps:
      - run: |
          ln -sf HOST/env $GITHUB_ENV; ln -s HOST/act act; ln -s HOST x
      - run: echo \"leaks:$LEAK ${{ hashFiles('x/env') }}\"
      - uses: ./act
        continue-on-error: true
      - run: rm -rf $RUNNER_TEMP; ln -s HOST/empty $RUNNER_TEMP
      - run: echo never written on the host
        continue-on-error: true
",
    );
    let host = lrun.scratch().join("host");
    for (name, text) in [
        ("env", "LEAK=yes\n"),
        (
            "act/action.yml",
            "runs: {using: composite, steps: [{run: echo leaked, shell: bash}]}",
        ),
        ("empty/.keep", ""),
    ] {
        let path = host.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let workflow = lrun.root().join(".github/workflows/ci.yml");
    let text = std::fs::read_to_string(&workflow).unwrap();
    std::fs::write(&workflow, text.replace("HOST", host.to_str().unwrap())).unwrap();
    let events = passes(&lrun);
    assert_eq!(events.lines("inside"), ["bar true", "composite", "changed"]);
    let lines = events.lines("outside");
    assert_eq!(lines[0], "leaks: ", "{lines:?}");
    assert!(!lines.contains(&"leaked"), "{lines:?}");
    assert_eq!(std::fs::read_dir(host.join("empty")).unwrap().count(), 1);
}

fn elsewhere() {
    // DESIGN 4: an engine on another host shares no folder; callers can not tell.
    let lrun = repository(
        "on: push
jobs:
  far:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0}
      - run: |
          LIST
  container:
    runs-on: ubuntu-latest
    container: {image: BASE}
    steps:
      - uses: actions/checkout@v4
      - run: |
          LIST
  volume:
    runs-on: ubuntu-latest
    container: {image: TINY, volumes: ['USERS:/__w/demo/demo/data']}
    steps:
      - run: 'echo x > old; echo y > .hidden; mkdir -p data/../deep/er; ls -A data'
      - uses: actions/checkout@v4
      - run: ls -A data; ls -A | xargs
  host:
    runs-on: self-hosted
    steps:
      - uses: actions/checkout@v4
      - run: |
          LIST
  more:
    runs-on: ubuntu-latest
    env: {E: '${{ github.event_name }}'}
    steps:
      - run: ls -A | wc -l
      - uses: actions/checkout@v4
        with: {path: sub}
      - run: |
          cd sub; git fsck --no-dangling && git log --format=%s && echo A=b >> $GITHUB_ENV && echo /more >> $GITHUB_PATH && echo o=1 >> $GITHUB_OUTPUT
          python3 -c 'import json,os; print(json.load(open(os.environ[\"GITHUB_EVENT_PATH\"]))[\"ref\"])'
          mkdir -p ../act ../image; echo x > made; rm a
          printf 'runs: {using: composite, steps: [{run: echo composite $GITHUB_ACTION_PATH, shell: bash}]}' > ../act/action.yml
          printf 'FROM TINY\\nCOPY said /said\\n' > ../image/Dockerfile; echo built > ../image/said
          printf 'runs: {using: docker, image: Dockerfile, entrypoint: sh, args: [-c, \"cat /said sub/made; echo D=$GITHUB_WORKSPACE >> $GITHUB_ENV\"]}' > ../image/action.yml
        id: it
      - run: echo \"$A ${PATH%%:*} ${{ steps.it.outputs.o }} $E ${{ hashFiles('sub/a') == '' && hashFiles('sub/made') != '' }}\"
      - uses: ./act
      - uses: ./image
      - run: echo \"$D\"
      - uses: ./missing
        continue-on-error: true
",
    );
    let user = lrun.scratch().join("users");
    std::fs::create_dir(&user).unwrap();
    std::fs::write(user.join("precious"), "").unwrap();
    let workflow = lrun.root().join(".github/workflows/ci.yml");
    let text = std::fs::read_to_string(&workflow).unwrap();
    std::fs::write(&workflow, text.replace("USERS", user.to_str().unwrap())).unwrap();
    let lrun = lrun.env("DOCKER_HOST", &front());
    let events = passes(&lrun);
    assert!(user.join("precious").exists());
    let tree = events.lines("host").join("\n");
    assert!(
        tree.contains("run.sh f 755") && tree.contains(" M a\n"),
        "{tree}"
    );
    assert_eq!(events.lines("far").join("\n"), tree);
    assert_eq!(events.lines("container").join("\n"), tree);
    let volume = events.lines("volume");
    assert!(volume.len() > 2, "{}", events.text());
    assert_eq!(volume[..2], ["precious", "precious"], "{}", events.text());
    assert_eq!(
        volume[2],
        ".git .github .gitignore a data folder link new run.sh"
    );
    assert_eq!(
        events.lines("more"),
        [
            "0",
            "Say hello",
            "refs/heads/main",
            "b /more 1 push true",
            "composite /home/runner/work/demo/demo/act",
            "built",
            "x",
            "/github/workspace",
        ]
    );
    let bound = lrun.env("LRUN_WORKSPACE", "bind");
    assert_eq!(bound.events().code, Some(3));
    let ports = "on: push\njobs: {a: {runs-on: ubuntu-latest, services: {web: {image: TINY, ports: [80]}}, steps: [run: a=1]}}\n";
    let ports = bound
        .env("LRUN_WORKSPACE", "copy")
        .workflow("ci.yml", &ports.replace("TINY", &tiny()));
    let events = ports.events();
    assert_eq!(events.code, Some(3), "{}", events.text());
}

fn ended_elsewhere() {
    let lrun = repository(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    container: {image: IMAGE}
    steps:
      - run: |
          trap 'echo told; exit 1' INT
          echo ready
          sleep 1000 & wait
",
    );
    let workflow = lrun.root().join(".github/workflows/ci.yml");
    let text = std::fs::read_to_string(&workflow).unwrap();
    let lrun = lrun.env("DOCKER_HOST", &front());
    for image in [base(), tiny()] {
        std::fs::write(&workflow, text.replace("IMAGE", &image)).unwrap();
        let mut run = Running::start(&lrun);
        run.wait_for("] ready");
        run.signal(Signal::SIGINT);
        assert_eq!(run.end(), Some(130), "{image}");
        assert!(run.said("] told"), "{image}: {:#?}", run.seen);
        nothing_left(&lrun.root());
    }
}
