//! A container as a machine: the agent, and an exec each where there is none.

use std::path::Path;
use std::time::Duration;

use lrun::event::Stream;
use lrun::executor::docker::agent::Parts;
use lrun::executor::docker::{Container, LABEL_RUN, Network, Spec, Start};
use lrun::executor::{Command, Ending, ExecError, Finished, Machine as _, Output, Stop};
use lrun::plan::container::{ContainerOptions, ImageName};
use tokio_util::sync::CancellationToken;

use crate::Test;
use crate::world::{base, block_on, engine, env, program, tiny};

pub const TESTS: &[Test] = &[
    (
        "machine::commands_run_with_all_that_they_are_told",
        commands,
    ),
    ("machine::a_cancelled_command_is_interrupted_first", cancel),
    ("machine::what_can_not_be_started_says_why", refusals),
    ("machine::programs_are_found_in_the_container", programs),
    (
        "machine::what_a_step_leaves_goes_with_the_container",
        leftovers,
    ),
    ("machine::a_container_that_is_gone_is_said", gone),
    ("machine::another_image_has_the_same_agent", another),
    ("machine::many_run_at_once", many),
];

#[derive(Default)]
struct Text {
    out: String,
    err: String,
    ready: Option<CancellationToken>,
}

impl Output for Text {
    fn chunk(&mut self, stream: Stream, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        match stream {
            Stream::Stderr => self.err.push_str(&text),
            _ => self.out.push_str(&text),
        }
        if let Some(token) = &self.ready
            && text.contains("ready")
        {
            token.cancel();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hand {
    Agent,
    Execs,
}

async fn machine(image: &str, hand: Hand, folder: &Path) -> Container {
    let engine = engine().await;
    let parts = Parts::of(&program(), &folder.join("cache")).unwrap();
    let run = folder.join("run");
    std::fs::create_dir_all(&run).unwrap();
    let spec = Spec {
        image: ImageName::new(image),
        name: format!("lrun-test-{}", uuid()),
        labels: vec![(LABEL_RUN.to_owned(), folder.display().to_string())],
        workdir: None,
        network: Network::Default,
        ports: Vec::new(),
        options: ContainerOptions::parse("-e FROM_CREATE=yes").unwrap(),
        env: Vec::new(),
        binds: Vec::new(),
        volumes: Vec::new(),
        entrypoint: None,
        command: None,
        skeleton: lrun::executor::docker::Skeleton::default(),
    };
    let start = Start {
        engine: &engine,
        spec,
        env: &env(),
        parts: (hand == Hand::Agent).then_some(&parts),
        far: false,
        folder: &run,
    };
    let (container, why) = start.start().await.unwrap();
    assert_eq!(why.is_some(), hand == Hand::Execs, "{why:?}");
    container
}

fn uuid() -> String {
    tempfile::Builder::new()
        .prefix("")
        .tempdir()
        .unwrap()
        .path()
        .file_name()
        .unwrap()
        .to_string_lossy()
        .replace('.', "x")
}

fn command(machine: &Container, words: &[&str]) -> Command {
    let mut env = machine.env().to_vec();
    env.push(("INPUT_WITH-DASH".into(), "a b\nc".into()));
    Command {
        program: words[0].into(),
        args: words[1..].iter().map(Into::into).collect(),
        env,
        cwd: "/".into(),
    }
}

async fn run(machine: &Container, words: &[&str]) -> (Result<Finished, ExecError>, Text) {
    let mut text = Text::default();
    let command = command(machine, words);
    let finished = machine.exec(&command, &mut text, &Stop::default()).await;
    (finished, text)
}

/// In both ways, in an image with nearly nothing.
fn both(test: impl AsyncFn(&Container) + Copy) {
    block_on(async {
        for hand in [Hand::Agent, Hand::Execs] {
            let folder = tempfile::tempdir().unwrap();
            let machine = machine(&tiny(), hand, folder.path()).await;
            test(&machine).await;
            machine.close().await.unwrap();
        }
    });
}

fn commands() {
    both(async |machine| {
        let script = "echo out; echo err >&2; pwd; echo \"$FROM_CREATE\"; cat; exit 7";
        let (finished, text) = run(machine, &["/bin/sh", "-c", script]).await;
        assert_eq!(finished.unwrap().ending, Ending::Exited(7));
        assert_eq!(text.out, "out\n/\nyes\n");
        assert_eq!(text.err, "err\n");
        if machine.has_agent() {
            // A shell drops a name that is none of its own.
            let (_, text) = run(machine, &["/bin/env"]).await;
            assert!(
                text.out.contains("INPUT_WITH-DASH=a b\nc\n"),
                "{}",
                text.out
            );
        }
    });
}

fn cancel() {
    both(async |machine| {
        let cancel = CancellationToken::new();
        let stop = Stop {
            cancel: cancel.clone(),
            kill: CancellationToken::new(),
        };
        let mut text = Text {
            ready: Some(cancel),
            ..Text::default()
        };
        // Its child is in the group, too.
        let script = "trap 'echo told; exit 3' INT; echo ready; sleep 1000 & wait";
        let command = command(machine, &["/bin/sh", "-c", script]);
        let finished = machine.exec(&command, &mut text, &stop).await.unwrap();
        assert!(finished.stopped);
        assert_eq!(finished.ending, Ending::Exited(3));
        assert_eq!(text.out, "ready\ntold\n");
        let gone = "while ps | grep -q '[s]leep 1000'; do usleep 20000; done";
        let (finished, _) = run(machine, &["/bin/sh", "-c", gone]).await;
        assert_eq!(finished.unwrap().ending, Ending::Exited(0));
    });
}

fn refusals() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(&tiny(), Hand::Agent, folder.path()).await;
        let (error, _) = run(&machine, &["/none"]).await;
        assert!(matches!(error, Err(ExecError::NoProgram(_))), "{error:?}");
        let mut lost = command(&machine, &["/bin/sh"]);
        lost.cwd = "/nowhere".into();
        let error = machine
            .exec(&lost, &mut Text::default(), &Stop::default())
            .await;
        assert!(matches!(error, Err(ExecError::NoDirectory(_))), "{error:?}");
        let (error, _) = run(&machine, &["/etc/passwd"]).await;
        assert!(
            matches!(error, Err(ExecError::NotExecutable(_))),
            "{error:?}"
        );
        machine.close().await.unwrap();
    });
}

fn programs() {
    both(async |machine| {
        let which = async |name: &str| {
            machine
                .which(Path::new(name), "/none:/bin".as_ref(), Path::new("/"))
                .await
        };
        assert_eq!(which("sh").await, Some("/bin/sh".into()));
        assert_eq!(which("bash").await, None);
        assert_eq!(which("/bin/sh").await, Some("/bin/sh".into()));
    });
}

fn leftovers() {
    both(async |machine| {
        // Who holds the output holds the step for a moment only (SPEC S-12).
        let script = "sleep 1000 >/dev/null 2>&1 & echo done";
        let (finished, text) = run(machine, &["/bin/sh", "-c", script]).await;
        assert_eq!(finished.unwrap().ending, Ending::Exited(0));
        assert_eq!(text.out, "done\n");
    });
}

fn gone() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(&tiny(), Hand::Agent, folder.path()).await;
        let command = command(&machine, &["/bin/sh", "-c", "echo ready; sleep 1000"]);
        let ready = CancellationToken::new();
        let mut text = Text {
            ready: Some(ready.clone()),
            ..Text::default()
        };
        let stop = Stop::default();
        let (finished, ()) = tokio::join!(machine.exec(&command, &mut text, &stop), async {
            ready.cancelled().await;
            machine.close().await.unwrap();
        });
        let error = finished.unwrap_err().to_string();
        assert!(error.contains("the container is gone"), "{error}");
        let (error, _) = run(&machine, &["/bin/sh"]).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("the container is gone"), "{error}");
        machine.close().await.unwrap();
    });
}

fn another() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(&base(), Hand::Agent, folder.path()).await;
        assert!(!machine.is_alpine());
        let (finished, text) = run(&machine, &["/bin/bash", "-c", "echo $BASH"]).await;
        assert_eq!(finished.unwrap().ending, Ending::Exited(0));
        assert_eq!(text.out, "/bin/bash\n");
        machine.close().await.unwrap();
    });
}

fn many() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let machine = machine(&tiny(), Hand::Agent, folder.path()).await;
        let one = async |number: u32| {
            let script = format!("echo {number}; kill -9 $$");
            let (finished, text) = run(&machine, &["/bin/sh", "-c", &script]).await;
            assert_eq!(finished.unwrap().ending, Ending::Signalled(9));
            assert_eq!(text.out, format!("{number}\n"));
        };
        let all = futures_util::future::join_all((0..100).map(one));
        tokio::time::timeout(Duration::from_mins(1), all)
            .await
            .unwrap();
        machine.close().await.unwrap();
    });
}
