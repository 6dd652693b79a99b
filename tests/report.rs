//! What people and machines see of one fixed run.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use indicatif::{InMemoryTerm, ProgressDrawTarget, TermLike as _};
use jiff::Timestamp;
use lrun::event::{
    Annotation, Conclusion, Event, EventKind, JobKey, Level, Listener, Phase, StepKey, Stream,
};
use lrun::report::live::Screen;
use lrun::report::panel::Size;
use lrun::report::terminal_text::tame;
use lrun::report::{Colors, JobName, Json, Live, Options, Plain, Quiet};
use proptest::prelude::*;

/// A writer that a test reads.
#[derive(Debug, Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn writer(&self) -> Box<dyn Write + Send> {
        Box::new(self.clone())
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The screen as stdout.
#[derive(Debug, Clone)]
struct OnScreen(InMemoryTerm);

impl Write for OnScreen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).replace('\n', "\r\n");
        self.0.write_str(&text)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Makes events one after the other, 100 ms apart.
#[derive(Debug, Default)]
struct Story {
    events: Vec<Event>,
}

impl Story {
    fn tell(&mut self, job: Option<&JobKey>, step: Option<&StepKey>, kind: EventKind) {
        let seq = self.events.len() as u64 + 1;
        self.events.push(Event {
            seq,
            version: None,
            time: Timestamp::from_millisecond(i64::try_from(seq * 100).unwrap()).unwrap(),
            run: "r1".into(),
            job: job.cloned(),
            step: step.cloned(),
            kind,
        });
    }

    fn say(&mut self, job: &JobKey, step: &StepKey, text: &str) {
        let kind = EventKind::StepOutput {
            stream: Stream::Stdout,
            text: text.to_owned(),
        };
        self.tell(Some(job), Some(step), kind);
    }

    fn step(&mut self, job: &JobKey, step: &StepKey, code: i32, lines: &[&str]) {
        self.tell(Some(job), Some(step), EventKind::StepStarted);
        for line in lines {
            self.say(job, step, line);
        }
        self.tell(Some(job), Some(step), ended(code));
    }
}

fn ended(code: i32) -> EventKind {
    let end = if code == 0 {
        Conclusion::Success
    } else {
        Conclusion::Failure
    };
    EventKind::StepFinished {
        outcome: end,
        conclusion: end,
        duration_ms: 1234,
        exit_code: Some(code),
    }
}

fn job(key: &str, id: &str) -> JobKey {
    JobKey {
        key: key.into(),
        id: id.into(),
        workflow: Some("CI".into()),
    }
}

fn step(index: usize, name: &str) -> StepKey {
    StepKey {
        index,
        id: None,
        name: name.into(),
        phase: Phase::Main,
        nested: Vec::new(),
    }
}

fn job_ended(end: Conclusion) -> EventKind {
    EventKind::JobFinished {
        outcome: end,
        conclusion: end,
        duration_ms: 65_000,
    }
}

fn run_started(workflows: &[&str], jobs: usize) -> EventKind {
    EventKind::RunStarted {
        event: "push".into(),
        reason: "the only event".into(),
        repository: "octo/app".into(),
        git_ref: "refs/heads/main".into(),
        sha: "0123456789abcdef".into(),
        workflows: workflows.iter().map(ToString::to_string).collect(),
        jobs,
        run_names: Vec::new(),
    }
}

fn annotation(level: Level, message: &str) -> EventKind {
    EventKind::Annotation(Annotation {
        level,
        message: message.to_owned(),
        title: None,
        file: Some("src/a.rs".into()),
        line: Some(3),
        end_line: None,
        column: Some(7),
        end_column: None,
        log: None,
    })
}

/// Four jobs: one green, one red, one skipped, one without a machine.
fn red() -> Vec<Event> {
    let mut story = Story::default();
    let (build, test) = (job("build", "build"), job("test (ubuntu)", "test"));
    let (deploy, mac) = (job("deploy", "deploy"), job("mac", "mac"));
    story.tell(None, None, run_started(&["ci.yml"], 4));
    let note = EventKind::Note {
        level: Level::Warning,
        text: "2 files are not committed".into(),
    };
    story.tell(None, None, note);
    story.tell(
        Some(&mac),
        None,
        EventKind::JobUnavailable {
            reason: "no machine here has the label macos-latest".into(),
            file: ".github/workflows/ci.yml".into(),
            line: 12,
            column: 14,
            help: "map it with -P macos-latest=IMAGE".into(),
            source: "    runs-on: macos-latest".into(),
        },
    );
    let started = EventKind::JobStarted {
        runs_on: vec!["ubuntu-latest".into()],
        permissions: vec![],
    };
    story.tell(Some(&build), None, started.clone());
    story.tell(Some(&test), None, started);
    let compile = step(1, "Compile");
    story.tell(Some(&build), Some(&compile), EventKind::StepStarted);
    story.say(&build, &compile, "\x1b[32mgreen\x1b[0m");
    let group = EventKind::GroupStarted {
        title: "Crates".into(),
    };
    story.tell(Some(&build), Some(&compile), group);
    story.say(&build, &compile, "inside\x1b[2J");
    let check = step(1, "Check");
    story.step(&test, &check, 0, &[]);
    let run = step(2, "Run tests");
    story.tell(Some(&test), Some(&run), EventKind::StepStarted);
    for n in 1..=22 {
        story.say(&test, &run, &format!("test {n}"));
    }
    story.tell(Some(&build), Some(&compile), EventKind::GroupEnded);
    story.say(&build, &compile, "outside");
    let warning = annotation(Level::Warning, "unused variable");
    story.tell(Some(&build), Some(&compile), warning);
    story.tell(
        Some(&test),
        Some(&run),
        annotation(Level::Error, "assertion failed"),
    );
    story.tell(Some(&test), Some(&run), ended(101));
    let skipped = EventKind::StepSkipped {
        reason: "a step before failed".into(),
        trace: None,
    };
    story.tell(Some(&test), Some(&step(3, "Publish")), skipped);
    story.tell(Some(&test), None, job_ended(Conclusion::Failure));
    let skipped = EventKind::JobSkipped {
        reason: "test did not succeed".into(),
        trace: None,
    };
    story.tell(Some(&deploy), None, skipped);
    let markdown = "# Report\n\nAll *fine*.\n".to_owned();
    story.tell(
        Some(&build),
        Some(&compile),
        EventKind::StepSummary { markdown },
    );
    story.tell(Some(&build), Some(&compile), ended(0));
    story.tell(Some(&build), None, job_ended(Conclusion::Success));
    story.tell(
        None,
        None,
        EventKind::RunFinished {
            conclusion: Conclusion::Failure,
            duration_ms: 66_000,
            exit_code: 1,
            unavailable: 1,
            rerun: Some("lrun push -j test".into()),
        },
    );
    story.events
}

fn green() -> Vec<Event> {
    let mut story = Story::default();
    let build = job("build", "build");
    story.tell(None, None, run_started(&["ci.yml", "lint.yml"], 1));
    story.tell(
        Some(&build),
        None,
        EventKind::JobStarted {
            runs_on: vec![],
            permissions: vec![],
        },
    );
    story.step(&build, &step(1, "Compile"), 0, &["done"]);
    story.tell(Some(&build), None, job_ended(Conclusion::Success));
    story.tell(
        None,
        None,
        EventKind::RunFinished {
            conclusion: Conclusion::Success,
            duration_ms: 900,
            exit_code: 0,
            unavailable: 0,
            rerun: None,
        },
    );
    story.events
}

/// What the test step of the red run says, from a line on.
fn test_lines(indent: &str, from: usize) -> String {
    (from..=22).fold(String::new(), |text, n| {
        text + &format!("{indent}test {n}\n")
    })
}

fn play(listener: &dyn Listener, events: &[Event]) {
    for event in events {
        listener.on_event(event);
    }
}

fn plain(events: &[Event], options: Options) -> (String, String) {
    let (out, err) = (Page::default(), Page::default());
    play(&Plain::new(out.writer(), err.writer(), options), events);
    (out.text(), err.text())
}

#[test]
fn plain_of_a_red_run() {
    let (out, err) = plain(&red(), Options::default());
    assert_eq!(err, "warning: 2 files are not committed\n");
    let output = test_lines("[test (ubuntu)] ", 1);
    let log = "\
push (the only event): octo/app refs/heads/main 0123456, ci.yml, 4 jobs
[mac] unavailable: no machine here has the label macos-latest
[mac]   --> .github/workflows/ci.yml:12:14
[mac] 12 |     runs-on: macos-latest
[mac]    |              ^
[mac] help: map it with -P macos-latest=IMAGE
[build] ▶ started on ubuntu-latest
[test (ubuntu)] ▶ started on ubuntu-latest
[build] ▶ Compile
[build] \x1b[32mgreen\x1b[0m
[build] ▾ Crates
[build]   inside\x1b[2J
[test (ubuntu)] ▶ Check
[test (ubuntu)] ✓ Check 1.2s
[test (ubuntu)] ▶ Run tests
"
    .to_owned()
        + &output
        + "\
[build] outside
[build] warning: unused variable (src/a.rs:3:7)
[test (ubuntu)] error: assertion failed (src/a.rs:3:7)
[test (ubuntu)] ✗ Run tests 1.2s: failure, exit code 101
[test (ubuntu)] - Publish skipped: a step before failed
[test (ubuntu)] ✗ failure in 1m 05s
[deploy] - skipped: test did not succeed
[build] ✓ Compile 1.2s
[build] ✓ success in 1m 05s
";
    let tail = test_lines("    ", 3);
    let summary = "
Summary
  !         mac: unavailable, no machine here has the label macos-latest
  ✓  1m 05s build
  ✗  1m 05s test (ubuntu): failure
  -         deploy: skipped, test did not succeed

✗ test (ubuntu) › Run tests: exit code 101
  error: assertion failed (src/a.rs:3:7)
    … 2 lines before
"
    .to_owned()
        + &tail
        + "
Annotations
  build: warning: unused variable (src/a.rs:3:7)

Summary of build › Compile
  # Report

  All *fine*.

! mac did not run
  unavailable: no machine here has the label macos-latest
    --> .github/workflows/ci.yml:12:14
  12 |     runs-on: macos-latest
     |              ^
  help: map it with -P macos-latest=IMAGE

✗ failure in 1m 06s, 1 leg unavailable (exit code 1)
↻ run again: lrun push -j test
";
    assert_eq!(out, log + &summary);
}

#[test]
fn plain_names_the_workflow_where_there_are_several() {
    let (out, _) = plain(&green(), Options::default());
    assert!(out.contains("\n[CI/build] ✓ Compile 1.2s\n"), "{out}");
}

#[test]
fn plain_by_job_id() {
    let options = Options {
        job_name: JobName::Id,
        ..Options::default()
    };
    let (out, _) = plain(&red(), options);
    assert!(out.contains("\n[test] ✓ Check 1.2s\n"), "{out}");
}

#[test]
fn plain_colours_when_told() {
    let options = Options {
        colors: Colors::On,
        ..Options::default()
    };
    let (out, _) = plain(&green(), options);
    assert!(out.contains("\x1b[36m[CI/build]\x1b[0m done\n"), "{out}");
}

#[test]
fn plain_shows_what_has_gathered_at_a_tick() {
    let out = Page::default();
    let plain = Plain::new(out.writer(), out.writer(), Options::default());
    let mut story = Story::default();
    story.say(&job("build", "build"), &step(1, "x"), "one");
    story.say(&job("build", "build"), &step(1, "x"), "two");
    play(&plain, &story.events);
    plain.tick();
    assert_eq!(out.text(), "[build] one\n[build] two\n");
}

#[test]
fn a_reader_that_is_gone_ends_nothing() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    play(
        &Plain::new(Box::new(Gone), Box::new(Gone), Options::default()),
        &red(),
    );
    play(&Json::new(Box::new(Gone)), &red());
}

#[test]
fn a_job_that_failed_outside_its_steps_shows_its_errors() {
    let mut story = Story::default();
    let build = job("build", "build");
    story.tell(
        Some(&build),
        None,
        EventKind::JobStarted {
            runs_on: vec![],
            permissions: vec![],
        },
    );
    story.tell(
        Some(&build),
        None,
        annotation(Level::Error, "the container did not start"),
    );
    story.tell(Some(&build), None, job_ended(Conclusion::Failure));
    let end = EventKind::RunFinished {
        conclusion: Conclusion::Failure,
        duration_ms: 1,
        exit_code: 1,
        unavailable: 0,
        rerun: None,
    };
    story.tell(None, None, end);
    let (out, _) = plain(&story.events, Options::default());
    let expected = "
Summary
  ✗  1m 05s build: failure

✗ build failed
  error: the container did not start (src/a.rs:3:7)

✗ failure in 0.0s (exit code 1)
";
    assert!(out.ends_with(expected), "{out}");
}

#[test]
fn a_composite_action_is_indented_and_named_when_it_fails() {
    let mut story = Story::default();
    let (build, outer) = (job("build", "build"), step(1, "Run ./action"));
    let mut inner = step(1, "Run make");
    inner.nested = vec![1];
    story.tell(Some(&build), Some(&outer), EventKind::StepStarted);
    story.step(&build, &inner, 2, &["no rule"]);
    story.tell(Some(&build), Some(&outer), ended(2));
    story.tell(Some(&build), None, job_ended(Conclusion::Failure));
    let end = EventKind::RunFinished {
        conclusion: Conclusion::Failure,
        duration_ms: 1,
        exit_code: 1,
        unavailable: 0,
        rerun: None,
    };
    story.tell(None, None, end);
    let (out, _) = plain(&story.events, Options::default());
    let log = "\
[build] ▶ Run ./action
[build]   ▶ Run make
[build]   no rule
[build]   ✗ Run make 1.2s: failure, exit code 2
[build] ✗ Run ./action 1.2s: failure, exit code 2
";
    assert!(out.starts_with(log), "{out}");
    let end = "\n✗ build › Run ./action › Run make: exit code 2\n    no rule\n";
    assert!(out.contains(end), "{out}");
}

/// A server in the background, whose group stays open, while another step runs and fails.
fn at_once() -> Vec<Event> {
    let mut story = Story::default();
    let (build, server, test) = (job("build", "build"), step(1, "Server"), step(2, "Test"));
    story.tell(Some(&build), Some(&server), EventKind::StepStarted);
    story.say(&build, &server, "alone");
    let title = "requests".to_owned();
    story.tell(
        Some(&build),
        Some(&server),
        EventKind::GroupStarted { title },
    );
    story.tell(Some(&build), Some(&test), EventKind::StepStarted);
    story.say(&build, &server, "GET /");
    story.say(&build, &test, "asked");
    story.tell(Some(&build), Some(&test), ended(3));
    story.say(&build, &server, "GET /end");
    story.tell(Some(&build), Some(&server), ended(0));
    story.tell(Some(&build), None, job_ended(Conclusion::Failure));
    let end = EventKind::RunFinished {
        conclusion: Conclusion::Failure,
        duration_ms: 1,
        exit_code: 1,
        unavailable: 0,
        rerun: None,
    };
    story.tell(None, None, end);
    story.events
}

#[test]
fn plain_names_the_step_where_several_run_at_once() {
    let (out, _) = plain(&at_once(), Options::default());
    let expected = "\
[build] ▶ Server
[build] alone
[build] ▾ requests
[build] ▶ Test
[build › Server]   GET /
[build › Test] asked
[build] ✗ Test 1.2s: failure, exit code 3
[build]   GET /end
[build] ✓ Server 1.2s
[build] ✗ failure in 1m 05s
";
    assert!(out.starts_with(expected), "{out}");
    let failure = "\
✗ build › Test: exit code 3
    asked
";
    assert!(out.contains(failure), "{out}");
    assert!(!out.contains("    GET /"), "{out}");
}

#[test]
fn live_names_the_steps_that_run_at_once() {
    let term = InMemoryTerm::new(40, 80);
    let live = live(&term, 40);
    let mut events = at_once();
    let started = Event {
        step: None,
        kind: EventKind::JobStarted {
            runs_on: Vec::new(),
            permissions: Vec::new(),
        },
        ..events[0].clone()
    };
    events.insert(0, started);
    play(&live, &events[..7]);
    live.tick();
    let expected = "\
── build ──
▶ Server
  alone
  ▾ requests
    Server │ GET /
▶ Test
  Test │ asked
";
    let shown = term.contents();
    assert!(shown.starts_with(expected), "{shown}");
    let row = shown.lines().last().unwrap();
    assert!(row.ends_with("Server, Test"), "{shown}");
}

#[test]
fn quiet_says_nothing_of_a_green_run() {
    let (out, err) = (Page::default(), Page::default());
    play(
        &Quiet::new(out.writer(), err.writer(), Options::default()),
        &green(),
    );
    assert_eq!((out.text(), err.text()), (String::new(), String::new()));
}

#[test]
fn quiet_of_a_red_run() {
    let (out, err) = (Page::default(), Page::default());
    play(
        &Quiet::new(out.writer(), err.writer(), Options::default()),
        &red(),
    );
    assert_eq!(err.text(), "warning: 2 files are not committed\n");
    let tail = test_lines("    ", 3);
    let expected = "\
✗ test (ubuntu) › Run tests: exit code 101
  error: assertion failed (src/a.rs:3:7)
    … 2 lines before
"
    .to_owned()
        + &tail
        + "
! mac did not run
  unavailable: no machine here has the label macos-latest
    --> .github/workflows/ci.yml:12:14
  12 |     runs-on: macos-latest
     |              ^
  help: map it with -P macos-latest=IMAGE

✗ failure in 1m 06s, 1 leg unavailable (exit code 1)
↻ run again: lrun push -j test
";
    assert_eq!(out.text(), expected);
}

fn serde_lines(events: &[Event]) -> String {
    events.iter().fold(String::new(), |text, event| {
        text + &serde_json::to_string(event).unwrap() + "\n"
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn json_of_any_output_is_what_serde_writes(
        text in ".*",
        name in ".*",
        millis in -5_000_000_000_000_i64..5_000_000_000_000,
        nested in proptest::collection::vec(0_usize..9, 0..3),
    ) {
        let mut story = Story::default();
        let (build, mut step) = (job(&name, "build"), step(1, &name));
        step.nested = nested;
        story.say(&build, &step, "first");
        story.say(&build, &step, &text);
        story.events[1].time = Timestamp::from_millisecond(millis).unwrap();
        let page = Page::default();
        let json = Json::new(page.writer());
        play(&json, &story.events);
        json.tick();
        story.events[0].version = Some(1);
        prop_assert_eq!(page.text(), serde_lines(&story.events));
    }

    #[test]
    fn tamed_text_only_sets_colours(text in "[a-z\\[;0-9mHJ\u{1b}\u{9b}\u{7}\r\n\t\\]\\\\]*") {
        let tamed = tame(&text);
        let rest = sgr().replace_all(&tamed, "");
        prop_assert!(!rest.chars().any(|c| c.is_control() && c != '\t'), "{tamed:?}");
    }
}

fn sgr() -> regex::Regex {
    regex::Regex::new("\x1b\\[[0-9;:]*m").unwrap()
}

#[test]
fn json_is_what_serde_writes() {
    let mut events = red();
    if let EventKind::StepOutput { text, .. } = &mut events[6].kind {
        text.push_str("\"\\\u{1}\u{7f}\u{2028}é😀\t");
    }
    events[6].step.as_mut().unwrap().id = Some("c".into());
    events[8].step.as_mut().unwrap().nested = vec![2];
    events[8].job = None;
    let page = Page::default();
    play(&Json::new(page.writer()), &events);
    events[0].version = Some(1);
    assert_eq!(page.text(), serde_lines(&events));
    let first = r#"{"seq":1,"version":1,"time":"1970-01-01T00:00:00.1Z","run":"r1","kind":"run.started","event":"push""#;
    assert!(page.text().starts_with(first), "{}", page.text());
    for (line, event) in page.text().lines().zip(&events) {
        assert_eq!(&serde_json::from_str::<Event>(line).unwrap(), event);
    }
}

fn live(term: &InMemoryTerm, rows: usize) -> Live {
    let screen = Screen {
        target: ProgressDrawTarget::term_like(Box::new(term.clone())),
        size: Box::new(move || Size { rows, columns: 80 }),
        now: Box::new(|| Timestamp::from_millisecond(5000).unwrap()),
    };
    let out = Box::new(OnScreen(term.clone()));
    Live::new(screen, out.clone(), out, Options::default())
}

#[test]
fn live_in_the_middle() {
    let term = InMemoryTerm::new(60, 80);
    let live = live(&term, 60);
    let events = red();
    let middle = events.iter().position(
        |event| matches!(&event.kind, EventKind::StepOutput { text, .. } if text == "test 5"),
    );
    play(&live, &events[..=middle.unwrap()]);
    live.tick();
    assert_eq!(
        term.contents(),
        "\
push (the only event): octo/app refs/heads/main 0123456, ci.yml, 4 jobs
warning: 2 files are not committed
── mac ──
unavailable: no machine here has the label macos-latest
  --> .github/workflows/ci.yml:12:14
12 |     runs-on: macos-latest
   |              ^
help: map it with -P macos-latest=IMAGE
── build ──
▶ Compile
  green
  ▾ Crates
    inside
▶ build            4.6s Compile
▶ test (ubuntu)    4.5s Run tests
2 running, 1 of 4 done, 4.9s"
    );
}

#[test]
fn live_at_the_end() {
    let term = InMemoryTerm::new(90, 80);
    let live = live(&term, 90);
    let events = red();
    play(&live, &events);
    let output = test_lines("  ", 1);
    let expected = "\
── build ──
▶ Compile
  green
  ▾ Crates
    inside
  outside
  warning: unused variable (src/a.rs:3:7)
── test (ubuntu) ──
✓ Check 1.2s
▶ Run tests
"
    .to_owned()
        + &output
        + "  error: assertion failed (src/a.rs:3:7)
✗ Run tests 1.2s: failure, exit code 101
- Publish skipped: a step before failed
✗ failure in 1m 05s
- deploy skipped: test did not succeed
── build ──
✓ Compile 1.2s
✓ success in 1m 05s

Summary
";
    let contents = term.contents();
    assert!(contents.contains(&expected), "{contents}");
    assert!(
        contents.ends_with("↻ run again: lrun push -j test"),
        "{contents}"
    );
}

#[test]
fn live_shows_as_many_jobs_as_fit() {
    let term = InMemoryTerm::new(10, 80);
    let live = live(&term, 10);
    let mut story = Story::default();
    story.tell(None, None, run_started(&["ci.yml"], 20));
    for n in 0..20 {
        let name = format!("job {n} {}", "long ".repeat(30));
        story.tell(
            Some(&job(&name, "x")),
            None,
            EventKind::JobStarted {
                runs_on: vec![],
                permissions: vec![],
            },
        );
    }
    play(&live, &story.events);
    live.tick();
    let contents = term.contents();
    assert!(
        contents.ends_with("… and 17 more\n20 running, 0 of 20 done, 4.9s"),
        "{contents}"
    );
    assert!(
        contents
            .lines()
            .all(|line| console::measure_text_width(line) <= 80)
    );
    drop(live);
    assert!(!term.contents().contains("running"), "{}", term.contents());
}
