//! What a step costs beside the bare shell; masking, reading and evaluating by themselves.
#![expect(clippy::unwrap_used, reason = "a panic is how a bench fails")]

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use lrun::diagnostic::SourceFile;
use lrun::event::Stream;
use lrun::executor::host::Host;
use lrun::executor::{Command, Machine as _, Output, Stop};
use lrun::expr::{Expr, Value};
use lrun::run::Contexts;
use lrun::run::mask::Masker;
use lrun::run::output_line;
use lrun::run::workflow_command::CommandState;
use lrun::workflow::{ReadOptions, read_workflow};

fn main() {
    divan::main();
}

/// What a run does with each line, but for the telling.
struct Sink {
    masker: Masker,
    commands: CommandState,
    lines: usize,
}

impl Output for Sink {
    fn chunk(&mut self, _stream: Stream, bytes: &[u8]) {
        let text = output_line::text(bytes);
        if output_line::may_hold_commands(&text) {
            for line in output_line::lines(&text) {
                let print = self.commands.line(line).print;
                black_box(print.map(|print| self.masker.mask(&print).into_owned()));
                self.lines += 1;
            }
        } else {
            let masked = self.masker.mask_lines(&text);
            self.lines += output_line::lines(&masked).map(black_box).count();
        }
    }
}

fn sink() -> Sink {
    let masker = Masker::new();
    for number in 0..100 {
        masker.add(&format!("secret-{number}-{}", number * 7919));
    }
    Sink {
        masker,
        commands: CommandState::default(),
        lines: 0,
    }
}

fn script(text: &str) -> (tempfile::TempDir, Command) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("script.sh");
    std::fs::write(&path, text).unwrap();
    let command = Command {
        program: "/bin/bash".into(),
        args: vec!["-e".into(), path.into()],
        env: std::env::vars_os().collect(),
        cwd: place.path().into(),
    };
    (place, command)
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().unwrap()
}

#[divan::bench(sample_count = 300)]
fn step_of_bare_bash(bencher: Bencher<'_, '_>) {
    let (_place, command) = script("echo hi\n");
    bencher.bench(|| {
        let mut bash = std::process::Command::new(&command.program);
        bash.args(&command.args).stdin(std::process::Stdio::null());
        bash.output().unwrap()
    });
}

#[divan::bench(sample_count = 300)]
fn step_on_the_host(bencher: Bencher<'_, '_>) {
    let (_place, command) = script("echo hi\n");
    let (host, stop, runtime) = (Host::default(), Stop::default(), runtime());
    bencher
        .with_inputs(sink)
        .bench_refs(|sink| runtime.block_on(host.exec(&command, sink, &stop)).unwrap());
}

#[divan::bench(sample_count = 5)]
fn two_million_lines_with_100_secrets(bencher: Bencher<'_, '_>) {
    let (_place, command) =
        script("yes 'a plain line of output with nothing special in it' | head -n 2000000\n");
    let (host, stop, runtime) = (Host::default(), Stop::default(), runtime());
    bencher
        .counter(ItemsCount::new(2_000_000_usize))
        .with_inputs(sink)
        .bench_refs(|sink| {
            runtime.block_on(host.exec(&command, sink, &stop)).unwrap();
            assert_eq!(sink.lines, 2_000_000);
        });
}

#[divan::bench]
fn mask_a_chunk_without_secrets(bencher: Bencher<'_, '_>) {
    let chunk = "some ordinary build output: compiling src/foo/bar.rs ok\n".repeat(1000);
    let masker = sink().masker;
    bencher
        .counter(BytesCount::of_str(&chunk))
        .bench(|| masker.mask_lines(black_box(&chunk)).len());
}

const WORKFLOW: &str = "\
name: build
on:
  push:
    branches: [main, 'release/**']
  pull_request:
jobs:
  build:
    runs-on: ${{ matrix.os }}
    strategy:
      matrix:
        os: [ubuntu-latest, self-hosted]
        version: [1, 2, 3]
    steps:
      - uses: actions/checkout@v4
      - name: Build ${{ matrix.version }}
        if: github.event_name == 'push' && matrix.version > 1
        run: |
          make
          make test
        env:
          VERSION: ${{ matrix.version }}
  test:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - run: echo ${{ needs.build.result }}
";

#[divan::bench]
fn read_a_workflow(bencher: Bencher<'_, '_>) {
    let source = SourceFile::new(".github/workflows/build.yml", WORKFLOW);
    let options = ReadOptions::default();
    bencher
        .counter(BytesCount::of_str(WORKFLOW))
        .bench(|| read_workflow(source.clone(), black_box(&options)));
}

#[divan::bench]
fn evaluate_a_condition(bencher: Bencher<'_, '_>) {
    let text = "github.ref == 'refs/heads/main' && contains(fromJSON('[\"push\", \"x\"]'), github.event_name)";
    let expr = Expr::parse_any(text).unwrap();
    let github = Value::object([
        ("ref", Value::string("refs/heads/main")),
        ("event_name", Value::string("push")),
    ]);
    let contexts = Contexts::default().with("github", github);
    bencher.bench(|| black_box(&expr).evaluate(&contexts).unwrap());
}
