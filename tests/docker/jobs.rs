//! Whole runs in containers.

use crate::Test;
use crate::lrun::Lrun;
use crate::world::{
    base, block_on, engine, env, nothing_left, on_this_engine, passes, tiny, turn, web,
};
use lrun::executor::docker::Recipe;
use lrun::plan::container::ImageName;

pub const TESTS: &[Test] = &[
    ("jobs::a_hosted_label_is_imitated", hosted),
    ("jobs::a_container_has_github_s_folders", container),
    (
        "jobs::services_of_a_hosted_job_answer_at_localhost",
        services_hosted,
    ),
    (
        "jobs::services_of_a_container_job_answer_by_name",
        services_inside,
    ),
    (
        "jobs::services_of_a_job_on_this_machine_are_published",
        services_host,
    ),
    ("jobs::a_sick_service_fails_its_step_with_its_log", sick),
    (
        "jobs::a_docker_action_is_built_once_and_runs_its_stages",
        docker_action,
    ),
    ("jobs::a_dockerfile_for_buildkit_is_built", buildkit),
    ("jobs::an_image_is_a_step", image_step),
    ("jobs::javascript_actions_run_on_the_images_node", node),
    ("jobs::an_empty_image_means_this_machine", empty_image),
    ("jobs::what_is_not_to_be_had_is_unavailable", unavailable),
    (
        "jobs::containers_are_read_when_the_job_has_a_workspace",
        contexts,
    ),
    ("jobs::options_reach_the_engine", options),
    ("jobs::a_job_sees_nothing_of_another", apart),
    ("jobs::every_published_port_is_reached", ports),
    ("jobs::an_entrypoint_is_one_word", entrypoints),
    ("jobs::an_action_is_built_anew_on_another_base", bases),
    ("jobs::a_service_that_ends_at_once_is_warned_of", gone),
    (
        "jobs::a_container_that_does_not_start_is_a_failed_step",
        broken_start,
    ),
    ("jobs::a_bound_tree_is_the_users_afterwards", bind),
    ("jobs::two_jobs_publish_one_port_at_once", same_port),
    (
        "jobs::what_tools_in_containers_call_a_file_is_the_repositorys",
        paths_in_messages,
    ),
    ("jobs::the_docker_socket_is_there_when_asked_for", socket),
    (
        "jobs::a_volume_in_the_workspace_outlives_a_checkout",
        volume_inside,
    ),
    ("jobs::clean_and_doctor_know_the_engine", clean_and_doctor),
    ("jobs::without_an_engine_the_host_serves", no_engine),
];

fn on_base(workflow: &str) -> Lrun {
    let text = workflow
        .replace("BASE", &base())
        .replace("TINY", &tiny())
        .replace("WEB", &web());
    let lrun = Lrun::new().workflow("ci.yml", &text).commit().args([
        "push",
        "-P",
        &format!("ubuntu-latest={}", base()),
    ]);
    on_this_engine(lrun)
}

fn hosted() {
    // DESIGN 4: bash -e, /home/runner/work, no translation, tools that stay.
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: ls -A | wc -l
      - uses: actions/checkout@v4
      - run: |
          pwd
          echo \"$GITHUB_WORKSPACE ${{ github.workspace }} $RUNNER_TOOL_CACHE ${{ runner.environment }} ${{ runner.temp }}\"
          [[ -n $BASH ]] && git log --oneline | wc -l
          git status --short | wc -l
          echo A=b >> $GITHUB_ENV
          echo /more/bin >> $GITHUB_PATH
          test -d $RUNNER_TOOL_CACHE && test -s $GITHUB_EVENT_PATH
          exit 0
      - run: echo \"$A ${PATH%%:*} ${{ hashFiles('.github/**') != '' }}\"
      - run: cd .. && false; echo not
        continue-on-error: true
",
    ));
    assert_eq!(
        events.lines("a"),
        [
            "0",
            "/home/runner/work/demo/demo",
            "/home/runner/work/demo/demo /home/runner/work/demo/demo /opt/hostedtoolcache github-hosted /home/runner/work/_temp",
            "1",
            "0",
            "b /more/bin true",
        ]
    );
}

fn container() {
    // SPEC J-25, J-40 to J-43, C-13
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    container: {image: 'docker://TINY', env: {A: b, CI: own}, volumes: ['/anonymous']}
    steps:
      - uses: actions/checkout@v4
      - run: |
          pwd
          echo \"$GITHUB_WORKSPACE $RUNNER_TEMP $HOME $GITHUB_EVENT_PATH $A $CI ${{ github.workspace }}\"
          echo ${0##*/}; test -d /anonymous; test -f $GITHUB_EVENT_PATH; test -f .github/workflows/ci.yml
          echo \"x=$GITHUB_ACTIONS\" >> $GITHUB_OUTPUT
        id: x
      - run: echo '${{ steps.x.outputs.x }} ${{ job.container.id != '' && startsWith(job.container.network, 'github_network_') }}'
        env: {W: '${{ github.workspace }}/sub'}
      - run: echo $W
        env: {W: '${{ github.workspace }}/sub'}
",
    ));
    let lines = events.lines("a");
    assert_eq!(lines[0], "/__w/demo/demo");
    assert_eq!(
        lines[1],
        "/__w/demo/demo /__w/_temp /github/home /github/workflow/event.json b own /__w/demo/demo"
    );
    assert!(lines[2].contains(".sh"), "{lines:?}");
    assert_eq!(lines[3..], ["true true", "/__w/demo/demo/sub"]);
}

fn services_hosted() {
    // DESIGN 4: `localhost:<host port>`; SPEC J-29
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    services:
      one: {image: WEB, ports: ['8080:80']}
      two: {image: WEB, ports: [80]}
      none: {image: '${{ vars.NONE }}'}
    steps:
      - run: |
          curl -sSf localhost:8080 > /dev/null && echo one
          curl -sSf 127.0.0.1:${{ job.services.two.ports['80'] }} > /dev/null && echo two
          echo \"${{ job.services.one.ports['80'] }} ${{ job.services.one.network == job.container.network }}\"
          getent hosts one || echo no name
",
    ));
    assert_eq!(events.lines("a"), ["one", "two", "8080 true", "no name"]);
}

fn services_inside() {
    // SPEC J-24: by the alias in the job's network.
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    container: BASE
    services: {web: {image: WEB, options: '--network-alias other'}}
    steps:
      - run: curl -sSf http://web/ > /dev/null && curl -sSf http://other/ > /dev/null && echo answered
",
    ));
    assert_eq!(events.lines("a"), ["answered"]);
}

fn services_host() {
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: self-hosted
    services: {web: {image: WEB, ports: [80]}}
    steps:
      - run: curl -sSf localhost:${{ job.services.web.ports['80'] }} > /dev/null && echo answered
",
    ));
    assert_eq!(events.lines("a"), ["answered"]);
}

fn sick() {
    // SPEC J-4, J-30: a failed step; later ones follow their `if`.
    let lrun = on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    services:
      web: {image: WEB, env: {UNHEALTHY: 1}, options: --health-cmd false --health-interval 1s --health-retries 1}
    steps:
      - run: echo never
      - run: echo always
        if: always()
",
    );
    let events = lrun.events();
    assert_eq!(events.code, Some(1), "{}", events.text());
    assert_eq!(events.lines("a"), ["always"]);
    let errors = events.annotations("error").join("\n");
    assert!(errors.contains("Service container web failed."), "{errors}");
    assert!(
        errors.contains("One or more containers failed to start."),
        "{errors}"
    );
    nothing_left(&lrun.root());
}

const ACTION: &str = "name: d
inputs: {who: {default: nobody}}
outputs: {said: {description: x}}
runs:
  using: docker
  image: Dockerfile
  args: ['${{ inputs.who }}', 'two words', '']
  env: {OWN: '${{ inputs.who }}!'}
  post-entrypoint: /post.sh
";

fn docker_action() {
    // SPEC A-50 to A-54
    let workflow = "on: push
jobs:
  a:
    runs-on: RUNS_ON
    steps:
      - uses: actions/checkout@v4
      - id: d
        uses: ./act
        with: {who: Mona}
      - run: echo \"${{ steps.d.outputs.said }} $FROM\"; cat made
";
    for label in ["ubuntu-latest", "self-hosted"] {
        let docker = format!("FROM {}\nCOPY *.sh /\nENTRYPOINT [\"/main.sh\"]\n", tiny());
        let lrun = on_base(&workflow.replace("RUNS_ON", label))
            .file("act/action.yml", ACTION)
            .file("act/Dockerfile", &docker)
            .file(
                "act/main.sh",
                "#!/bin/sh\necho \"main $1,$2,$#,$OWN,$INPUT_WHO,$(pwd),$GITHUB_WORKSPACE\"\necho said=$1 >> $GITHUB_OUTPUT\necho FROM=docker >> $GITHUB_ENV\necho K=kept >> $GITHUB_STATE\necho file > made\n",
            )
            .file("act/post.sh", "#!/bin/sh\necho \"post $STATE_K $1\"\n");
        for script in ["act/main.sh", "act/post.sh"] {
            lrun.git(&["update-index", "--add", "--chmod=+x", script]);
            std::fs::set_permissions(
                lrun.root().join(script),
                std::os::unix::fs::PermissionsExt::from_mode(0o755),
            )
            .unwrap();
        }
        let lrun = lrun.commit_as("act");
        let events = passes(&lrun);
        assert_eq!(
            events.lines("a"),
            [
                "main Mona,two words,3,Mona!,Mona,/github/workspace,/github/workspace",
                "Mona docker",
                "file",
                "post kept Mona",
            ],
            "{label}"
        );
        let built = |events: &crate::events::Events| events.text().contains("Step 1/");
        let again = passes(&lrun);
        assert!(!built(&again), "{}", again.text());
    }
}

fn buildkit() {
    let workflow = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./kit
";
    let dockerfile = |image: &str, script: &str| {
        format!(
            "FROM {image}\nRUN --mount=type=tmpfs,target=/scratch {script}\nCMD [\"cat\", \"/made\"]\n"
        )
    };
    let good = dockerfile(&tiny(), "touch /scratch/x && echo mounted > /made");
    let lrun = on_base(workflow)
        .file("kit/action.yml", "runs: {using: docker, image: Dockerfile}")
        .file("kit/Dockerfile", &good)
        .commit();
    let events = passes(&lrun);
    assert_eq!(
        events.lines("a").last(),
        Some(&"mounted"),
        "{}",
        events.text()
    );
    let lrun = lrun
        .file("kit/Dockerfile", &dockerfile(&tiny(), "exit 7"))
        .commit_as("bad");
    let events = lrun.events();
    assert_eq!(events.code, Some(1));
    let errors = events.annotations("error").join("\n");
    assert!(
        errors.contains("/kit/Dockerfile:2 can not be built: 'RUN --mount' takes BuildKit")
            && errors.contains("exit code: 7"),
        "{errors}"
    );
    // Without docker's own client.
    let tools = lrun.scratch().join("tools");
    std::fs::create_dir(&tools).unwrap();
    std::os::unix::fs::symlink("/usr/bin/git", tools.join("git")).unwrap();
    let lrun = lrun
        .file("kit/Dockerfile", &dockerfile(&tiny(), "exit 8"))
        .commit_as("worse");
    let events = lrun.env("PATH", tools.to_str().unwrap()).events();
    let errors = events.annotations("error").join("\n");
    assert!(errors.contains("install it with buildx"), "{errors}");
}

fn image_step() {
    let lrun = on_base(
        "on: push
jobs:
  a:
    runs-on: self-hosted
    steps:
      - uses: docker://TINY
        with: {entrypoint: /bin/sh, args: '-c \"echo $A in $(pwd); exit 3\"'}
        env: {A: b}
",
    );
    let events = lrun.events();
    assert_eq!(events.code, Some(1), "{}", events.text());
    assert_eq!(events.lines("a"), ["b in /github/workspace"]);
    nothing_left(&lrun.root());
}

fn node() {
    let action = "name: n\nruns: {using: node20, main: m.js, post: p.js}\n";
    let lrun = on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./act
  b:
    runs-on: ubuntu-latest
    container: BASE
    steps:
      - uses: actions/checkout@v4
      - uses: ./act
",
    )
    .file("act/action.yml", action)
    .file(
        "act/m.js",
        "console.log(__filename, process.env['INPUT_X-Y'] ?? 'none')\n",
    )
    .file("act/p.js", "console.log('post')\n")
    .commit_as("act");
    let events = passes(&lrun);
    assert_eq!(
        events.lines("a"),
        ["/home/runner/work/demo/demo/act/m.js none", "post"]
    );
    assert_eq!(events.lines("b"), ["/__w/demo/demo/act/m.js none", "post"]);
}

fn empty_image() {
    // SPEC J-33
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: self-hosted
    container: ${{ vars.NONE }}
    steps: [run: 'echo ${{ runner.environment }}']
",
    ));
    assert_eq!(events.lines("a"), ["self-hosted"]);
}

fn unavailable() {
    for (job, reason, line) in [
        (
            "runs-on: ubuntu-latest\n    container: {image: TINY, options: --network host}",
            "the job: lrun does not know the container option '--network'",
            5,
        ),
        (
            "runs-on: ubuntu-latest\n    services: {db: {image: TINY, options: --cpus many}}",
            "the service 'db': the container option '--cpus' can not be 'many'",
            5,
        ),
        (
            "runs-on: ubuntu-latest\n    container: lrun-test/none-such:1",
            "the job is to run in lrun-test/none-such:1: ",
            5,
        ),
        ("runs-on: other-label", "no machine has the label", 4),
    ] {
        let lrun = on_base(&format!(
            "on: push\njobs:\n  a:\n    {job}\n    steps: [run: echo ran]\n  b:\n    runs-on: self-hosted\n    steps: [run: echo b]\n"
        ));
        let lrun = lrun.env("LRUN_PULL", "never");
        let events = lrun.events();
        assert_eq!(events.code, Some(3), "{job}: {}", events.text());
        let told = events.of("job.unavailable").next().unwrap();
        let text = told["reason"].as_str().unwrap();
        assert!(text.starts_with(reason), "{text}");
        assert_eq!(told["line"], line, "{text}");
        assert_eq!(events.lines("b"), ["b"]);
        nothing_left(&lrun.root());
    }
}

fn ports() {
    // SPEC J-29: the context has the last, and all of them lead there.
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    services:
      web: {image: WEB, ports: ['8080:80', '9090:80', '0:80', 80], options: '-p 18090:80'}
    steps:
      - run: |
          for port in 8080 9090 18090 ${{ job.services.web.ports['80'] }}; do curl -sSf localhost:$port > /dev/null && echo $port; done
",
    ));
    assert_eq!(events.lines("a"), ["8080", "9090", "18090", "18090"]);
    for (ports, why) in [
        ("['nonsense:80:80']", "is no port"),
        ("['1:80', '1:81']", "is given already"),
    ] {
        let workflow = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    services: {web: {image: WEB, ports: PORTS}}
    steps: [run: 'true']
";
        let lrun = on_base(&workflow.replace("PORTS", ports));
        let events = lrun.events();
        assert_ne!(events.code, Some(0), "{ports}");
        assert!(events.text().contains(why), "{ports}: {}", events.text());
        nothing_left(&lrun.root());
    }
}

fn entrypoints() {
    // SPEC A-52, J-24: GitHub passes it in quotes.
    let lrun = on_base(
        "on: push
jobs:
  step:
    runs-on: ubuntu-latest
    steps: [{uses: 'docker://TINY', with: {entrypoint: '/bin/sh -c', args: 'true'}}]
  service:
    runs-on: ubuntu-latest
    services: {s: {image: TINY, entrypoint: 'sleep 100'}}
    steps: [run: 'true']
  right:
    runs-on: ubuntu-latest
    steps:
      - uses: docker://TINY
        with: {entrypoint: /bin/sh, args: '-c \"echo one word; (sleep 1000 &)\"'}
",
    );
    let events = lrun.events();
    assert_eq!(events.job("step"), "failure");
    assert_eq!(events.job("service"), "failure");
    assert_eq!(events.job("right"), "success");
    assert_eq!(events.lines("right"), ["one word"]);
    nothing_left(&lrun.root());
}

fn bases() {
    let base = format!("lrun-test-base-{}", std::process::id());
    let build = |text: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Dockerfile");
        std::fs::write(
            &file,
            format!("FROM {}\nRUN echo {text} > /which\n", tiny()),
        )
        .unwrap();
        block_on(async {
            let recipe = Recipe {
                folder: folder.path().to_owned(),
                dockerfile: "Dockerfile".to_owned(),
                platform: None,
            };
            let engine = engine().await;
            engine
                .build(&recipe, &ImageName::new(&base), &env(), &|_| {})
                .await
                .unwrap();
        });
    };
    let lrun = on_base(
        "on: push
jobs:
  a: {runs-on: ubuntu-latest, steps: [{uses: actions/checkout@v4}, {uses: ./}]}
",
    )
    .file(
        "Dockerfile",
        &format!("FROM {base}\nCMD [\"cat\", \"/which\"]\n"),
    )
    .commit_as("an action");
    let builds = |events: &crate::events::Events| events.of("step.group").count();
    for (which, times) in [("one", [1, 0]), ("two", [1, 0])] {
        build(which);
        for built in times {
            let events = passes(&lrun);
            assert_eq!(events.lines("a").last(), Some(&which));
            assert_eq!(builds(&events), built, "{which}");
        }
    }
}

fn gone() {
    // SPEC J-28: a warning, with its log.
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    # The one is waited for, and the other has ended by then.
    services: {web: {image: WEB}, s: {image: TINY, entrypoint: echo, command: last words}}
    steps: [run: 'true']
",
    ));
    let warnings = events.annotations("warning").join("\n");
    assert!(
        warnings.contains("the service s is not running any more")
            && warnings.contains("last words"),
        "{warnings}"
    );
}

fn apart() {
    let lrun = on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: ls CACHE
",
    );
    let cache = lrun.scratch().join("home/cache/lrun");
    let workflow = lrun.root().join(".github/workflows/ci.yml");
    let text = std::fs::read_to_string(&workflow).unwrap();
    std::fs::write(&workflow, text.replace("CACHE", cache.to_str().unwrap())).unwrap();
    let events = passes(&lrun);
    let seen = events.lines("a");
    let all = std::fs::read_dir(&cache).unwrap().count();
    // The tools, and the snapshots of this repository; not the folders of other jobs.
    assert!(
        seen.len() == 2 && all > 2 && seen.contains(&"tools"),
        "{seen:?}"
    );
}

fn contexts() {
    // SPEC GEN-3, W-121: `github.workspace`, `runner` and `job` are there.
    let lrun = on_base(
        "on: push
env: {W: '${{ github.workspace }}/e'}
jobs:
  a:
    runs-on: ubuntu-latest
    env: {J: '${{ github.job }} ${{ github.workspace }}'}
    container:
      image: BASE
      env: {R: '${{ runner.os }} ${{ job.status }} ${{ env.W }}'}
      volumes: ['${{ github.workspace }}:/ws']
    services:
      web: {image: WEB, env: {S: '${{ runner.temp }}'}, volumes: ['${{ github.workspace }}/.github:/of-job']}
    steps:
      - uses: actions/checkout@v4
      - run: echo \"$W $J $R\"; ls /ws/.github; echo x > /ws/made; cat made
  b:
    runs-on: ubuntu-latest
    container: {image: BASE, volumes: ['${{ github.workspace }}:/ws']}
    steps:
      - uses: actions/checkout@v4
      - run: echo x > /ws/made; cat made
  c:
    runs-on: self-hosted
    env: {W: '${{ github.workspace }}'}
    steps:
      - run: test \"$W\" = \"$PWD\" && echo same
",
    );
    let events = passes(&lrun);
    let place = "/home/runner/work/demo/demo";
    assert_eq!(
        events.lines("a"),
        [
            // SPEC J-41: a value that begins with such a path is translated.
            format!("/__w/demo/demo/e a {place} Linux success {place}/e"),
            "workflows".to_owned(),
            "x".to_owned()
        ]
    );
    assert_eq!(events.lines("b"), ["x"]);
    assert_eq!(events.lines("c"), ["same"]);
}

fn options() {
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    container:
      image: TINY
      options: >-
        --hostname box -e FROM_OPTIONS=1 --tmpfs /scratch:size=1m --add-host db:10.9.8.7 --workdir /tmp
        --ulimit nofile=512:512 --memory 64m --init --label a=b --user 0
    steps:
      - run: |
          hostname; echo $FROM_OPTIONS; grep -c ' /scratch ' /proc/mounts; grep -c 10.9.8.7 /etc/hosts
          ulimit -n; pwd; tr '\\0' ' ' < /proc/1/cmdline | grep -c init
",
    ));
    assert_eq!(
        events.lines("a"),
        ["box", "1", "1", "1", "512", "/__w/demo/demo", "1"]
    );
}

fn broken_start() {
    let lrun = on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    container: {image: TINY, volumes: ['relative/path:/x']}
    steps:
      - run: echo never
      - run: echo always
        if: always()
",
    );
    let events = lrun.events();
    assert_eq!(events.code, Some(1), "{}", events.text());
    assert_eq!(events.lines("a"), [""; 0]);
    let errors = events.annotations("error").join("\n");
    assert!(errors.contains("relative/path"), "{errors}");
    assert!(
        errors.contains("the container of the job did not start"),
        "{errors}"
    );
    nothing_left(&lrun.root());
}

fn bind() {
    let lrun = on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    container: {image: TINY}
    steps:
      - uses: actions/checkout@v4
      - run: echo made > made; pwd
  b:
    needs: a
    runs-on: ubuntu-latest
    steps:
      - run: cat made; pwd
",
    )
    .env("LRUN_WORKSPACE", "bind");
    let events = passes(&lrun);
    assert_eq!(events.lines("a"), ["/__w/demo/demo"]);
    assert_eq!(events.lines("b"), ["made", "/home/runner/work/demo/demo"]);
    let made = std::fs::metadata(lrun.root().join("made")).unwrap();
    assert_eq!(
        std::os::unix::fs::MetadataExt::uid(&made),
        nix::unistd::geteuid().as_raw()
    );
}

fn same_port() {
    let events = passes(&on_base(
        "on: push
jobs:
  a:
    strategy: {matrix: {n: [1, 2, 3]}}
    name: a${{ matrix.n }}
    runs-on: ubuntu-latest
    services: {web: {image: WEB, ports: ['5432:80']}}
    steps: [run: 'curl -sSf localhost:5432 > /dev/null && echo answered']
",
    ));
    for job in ["a1", "a2", "a3"] {
        assert_eq!(events.lines(job), ["answered"], "{job}");
    }
}

fn no_engine() {
    let workflow = "on: push
jobs:
  a: {runs-on: ubuntu-latest, steps: [run: echo here]}
  b: {runs-on: ubuntu-latest, container: alpine, steps: [run: echo b]}
  c: {runs-on: gpu, steps: [run: echo c]}
";
    let lrun = |words: [&str; 3]| {
        Lrun::new()
            .workflow("ci.yml", workflow)
            .commit()
            .args(words)
            .env("LRUN_BACKEND", "auto")
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
    };
    let events = lrun(["push", "-j", "a"]).events();
    assert_eq!(events.code, Some(0), "{}", events.text());
    assert_eq!(events.lines("a"), ["here"]);
    let said = events.notes().join("\n");
    assert!(
        said.contains("no container engine answers: unix:///nowhere/docker.sock: "),
        "{said}"
    );
    assert!(said.contains("jobs run on this machine itself"), "{said}");
    let events = lrun(["push", "-j", "b"]).events();
    assert_eq!(events.code, Some(3), "{}", events.text());
    let events = lrun(["push", "-P", "ubuntu-latest=img"]).events();
    assert_eq!(events.code, Some(3), "{}", events.text());
    assert_eq!(events.job("a"), "unavailable");
    let events = lrun(["push", "--backend=docker", "-ja"]).events();
    assert_eq!(events.code, Some(3), "{}", events.text());
}

fn paths_in_messages() {
    // SPEC K-11, K-20: what a tool in a container calls a file is the repository's file.
    let matcher = r#"{"problemMatcher": [{"owner": "t", "pattern": [{"regexp": "^BAD (.+):(\\d+)$", "file": 1, "line": 2, "message": 1}]}]}"#;
    let steps = "      - uses: actions/checkout@v4
      - run: |
          echo \"::add-matcher::$GITHUB_WORKSPACE/m.json\"
      - run: |
          echo \"BAD $GITHUB_WORKSPACE/src/a.txt:3\"
          echo \"::warning file=$GITHUB_WORKSPACE/src/a.txt,line=4::odd\"
";
    let lrun = on_base(&format!(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    container: TINY\n    steps:\n{steps}  b:\n    runs-on: ubuntu-latest\n    steps:\n{steps}"
    ))
    .file("m.json", matcher)
    .file("src/a.txt", "")
    .commit_as("files");
    let events = passes(&lrun);
    let places: Vec<_> = events
        .of("annotation")
        .map(|event| {
            (
                event["file"].as_str().unwrap(),
                event["line"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(places.len(), 4, "{}", events.text());
    for (file, line) in places {
        assert_eq!(file, "src/a.txt");
        assert!([3, 4].contains(&line), "{line}");
    }
}

fn socket() {
    // DESIGN 4: not in jobs unless asked for.
    let workflow = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - run: |
          [ -S /var/run/docker.sock ] && echo there && exit 0
          echo 'Cannot connect to the Docker daemon at unix:///var/run/docker.sock.'
          exit 1
";
    let events = on_base(workflow).events();
    assert_eq!(events.code, Some(1), "{}", events.text());
    let said = events.annotations("notice").join("\n");
    assert!(
        said.contains("--docker-socket /var/run/docker.sock"),
        "{said}"
    );
    let lrun = on_base(workflow).env("LRUN_DOCKER_SOCKET", "/var/run/docker.sock");
    assert_eq!(passes(&lrun).lines("a"), ["there"]);
    // What a step mounts by the path of the workspace is the workspace.
    let lrun = on_base(
        "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          ask() { curl -sS --unix-socket /var/run/docker.sock \"$@\"; }
          id=$(ask -H 'Content-Type: application/json' -d '{\"Image\":\"TINY\",\"Cmd\":[\"ls\",\"-A\",\"/src\"],\"HostConfig\":{\"Binds\":[\"'$GITHUB_WORKSPACE':/src:ro\"]}}' http://d/containers/create | sed 's/.*\"Id\":\"\\([0-9a-f]*\\)\".*/\\1/')
          ask -X POST http://d/containers/$id/start; ask -X POST http://d/containers/$id/wait > /dev/null
          ask \"http://d/containers/$id/logs?stdout=1\" | tr -cd '.a-z\\n'; ask -X DELETE http://d/containers/$id
",
    )
    .env("LRUN_DOCKER_SOCKET", "/var/run/docker.sock");
    assert_eq!(passes(&lrun).lines("a"), [".git", ".github"]);
}

fn clean_and_doctor() {
    let _turn = turn();
    let lrun = on_base("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [run: a=1]}}\n");
    passes(&lrun);
    let run = |words: &[&str], lrun: Lrun| {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        lrun.words(words).run()
    };
    let ended = run(&["doctor", "--json"], lrun);
    let about: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(about["engine"]["version"].is_string(), "{}", ended.stdout);
    // Other tests have containers of their own at this moment: what is in use stays.
    let ended = run(
        &["clean", "--json"],
        on_base("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [run: a=1]}}\n"),
    );
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let gone: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(gone["engine"], true);
    let nowhere = on_base("on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [run: a=1]}}\n")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let ended = run(&["doctor"], nowhere);
    assert!(ended.stdout.contains("to mend it: "), "{}", ended.stdout);
}

fn volume_inside() {
    // A folder of the user's own, bound where the checkout goes: used, and never emptied.
    let precious = tempfile::tempdir().unwrap();
    std::fs::write(precious.path().join("file"), "precious").unwrap();
    let workflow = "on: push
jobs:
  a:
    runs-on: ubuntu-latest
    container: {image: TINY, volumes: ['PRECIOUS:/__w/demo/demo/sub/data']}
    steps:
      - run: touch rubbish
      - uses: actions/checkout@v4
      - run: cat sub/data/file; echo; echo new > sub/data/new; ls
";
    let place = precious.path().to_str().unwrap();
    let events = passes(&on_base(&workflow.replace("PRECIOUS", place)));
    assert_eq!(events.lines("a"), ["precious", "sub"]);
    let read = |name: &str| std::fs::read_to_string(precious.path().join(name)).unwrap();
    assert_eq!(
        (read("file"), read("new")),
        ("precious".into(), "new\n".into())
    );
}
