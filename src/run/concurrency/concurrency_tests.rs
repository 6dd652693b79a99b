//! Groups within one process; `tests/concurrency.rs` has those between processes.

use std::future::Future;

use tokio::task::JoinHandle;

use super::*;
use crate::diagnostic::SourceFile;
use crate::expr::Value;
use crate::run::Contexts;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{ReadOptions, read_workflow};

const PATIENCE: Duration = Duration::from_secs(20);

struct Desk {
    groups: Groups,
    _folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            groups: Groups::new(folder.path(), "octo/hello"),
            _folder: folder,
        }
    }

    fn ask(&self, request: GroupRequest) -> JoinHandle<Result<Permit, Lost>> {
        let groups = self.groups.clone();
        tokio::spawn(async move {
            let token = CancellationToken::new();
            groups.acquire(&request, &token, &mut |_| {}).await
        })
    }

    async fn have(&self, request: GroupRequest) -> Permit {
        soon(self.ask(request)).await.unwrap().unwrap()
    }

    /// Waits until so many are pending.
    async fn pending(&self, group: &str, count: usize) {
        let reached = async {
            while self.groups.occupancy(group).unwrap().pending.len() != count {
                tokio::task::yield_now().await;
            }
        };
        soon(reached).await;
    }
}

async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap()
}

fn request(job: &str, group: &str) -> GroupRequest {
    GroupRequest {
        terms: Terms {
            group: group.to_owned(),
            cancel_in_progress: false,
            queue: Queue::Single,
        },
        holder: Holder {
            pid: std::process::id(),
            run: "1".to_owned(),
            workflow: "CI".to_owned(),
            job: Some(job.to_owned()),
            since: Timestamp::UNIX_EPOCH,
        },
        within: Vec::new(),
    }
}

fn max(job: &str, group: &str) -> GroupRequest {
    let mut request = request(job, group);
    request.terms.queue = Queue::Max;
    request
}

fn cancelling(job: &str, group: &str) -> GroupRequest {
    let mut request = request(job, group);
    request.terms.cancel_in_progress = true;
    request
}

fn jobs(holders: &[Holder]) -> Vec<&str> {
    holders
        .iter()
        .map(|holder| holder.job.as_deref().unwrap_or_default())
        .collect()
}

#[tokio::test]
async fn one_at_a_time_without_regard_to_case() {
    // SPEC W-110
    let desk = Desk::new();
    let first = desk.have(request("a", "Deploy")).await;
    let second = desk.ask(request("b", "deploy"));
    desk.pending("DEPLOY", 1).await;
    let occupancy = desk.groups.occupancy("deploy").unwrap();
    assert_eq!(occupancy.running.unwrap().job.as_deref(), Some("a"));
    drop(first);
    let second = soon(second).await.unwrap().unwrap();
    assert_eq!(second.group(), "deploy");
}

#[tokio::test]
async fn other_groups_and_repositories_do_not_wait() {
    // SPEC X-10
    let desk = Desk::new();
    let _first = desk.have(request("a", "x")).await;
    let _second = desk.have(request("b", "y")).await;
    let elsewhere = Groups::new(desk.groups.folder.clone(), "octo/other");
    let token = CancellationToken::new();
    let ask = request("c", "x");
    let third = soon(elsewhere.acquire(&ask, &token, &mut |_| {})).await;
    assert!(third.is_ok());
}

#[tokio::test]
async fn a_newcomer_takes_the_place_of_the_one_that_waits() {
    // SPEC W-110
    let desk = Desk::new();
    let first = desk.have(request("a", "x")).await;
    let second = desk.ask(request("b", "x"));
    desk.pending("x", 1).await;
    let third = desk.ask(request("c", "X"));
    let lost = soon(second).await.unwrap().unwrap_err();
    assert_eq!(
        lost.to_string(),
        "Canceling since a higher priority waiting request for 'x' exists"
    );
    let Lost::Replaced { by, .. } = lost else {
        panic!()
    };
    assert_eq!(by.job.as_deref(), Some("c"));
    drop(first);
    assert!(soon(third).await.unwrap().is_ok());
}

#[tokio::test]
async fn what_runs_is_asked_to_end_if_the_newcomer_says_so() {
    // SPEC W-111
    let desk = Desk::new();
    let first = desk.have(request("a", "x")).await;
    let second = desk.ask(cancelling("b", "x"));
    let by = soon(first.cancelled()).await;
    assert_eq!(by.job.as_deref(), Some("b"));
    assert!(!second.is_finished(), "the first has not ended yet");
    drop(first);
    let second = soon(second).await.unwrap().unwrap();
    let asked = tokio::time::timeout(Duration::ZERO, second.cancelled());
    assert!(asked.await.is_err(), "nobody asked the second");
}

#[tokio::test]
async fn the_queue_is_served_in_order() {
    // SPEC W-110
    let desk = Desk::new();
    let mut running = desk.have(max("0", "x")).await;
    let mut waiting = Vec::new();
    for (count, job) in ["1", "2", "3"].into_iter().enumerate() {
        waiting.push(desk.ask(max(job, "x")));
        desk.pending("x", count + 1).await;
    }
    for (place, next) in waiting.into_iter().enumerate() {
        assert_eq!(desk.groups.occupancy("x").unwrap().pending.len(), 3 - place);
        drop(running);
        running = soon(next).await.unwrap().unwrap();
        let occupancy = desk.groups.occupancy("x").unwrap();
        assert_eq!(
            jobs(occupancy.running.as_slice()),
            [(place + 1).to_string()]
        );
    }
}

#[tokio::test]
async fn the_queue_has_an_end() {
    // SPEC W-110
    let desk = Desk::new();
    let _running = desk.have(max("0", "x")).await;
    let ledger = Ledger::open(&desk.groups.folder, "octo/hello", "x").unwrap();
    let holder = request("n", "x").holder;
    let tickets: Vec<_> = (0..LONGEST_QUEUE)
        .map(|_| ledger.enter(&holder, false).unwrap())
        .collect();
    let lost = soon(desk.ask(max("late", "x"))).await.unwrap().unwrap_err();
    assert!(matches!(lost, Lost::QueueFull { .. }), "{lost}");
    drop(tickets);
}

#[tokio::test]
async fn whoever_is_cancelled_leaves_the_queue() {
    let desk = Desk::new();
    let _first = desk.have(request("a", "x")).await;
    let token = CancellationToken::new();
    let mut heard = Vec::new();
    let ask = request("b", "x");
    let mut hear = |holder: &Holder| {
        heard.push(holder.job.clone().unwrap_or_default());
        token.cancel();
    };
    let lost = soon(desk.groups.acquire(&ask, &token, &mut hear)).await;
    assert!(matches!(lost, Err(Lost::Cancelled { .. })));
    assert_eq!(heard, ["a"]);
    assert!(desk.groups.occupancy("x").unwrap().pending.is_empty());
    let late = soon(desk.groups.acquire(&ask, &token, &mut |_| {})).await;
    assert!(matches!(late, Err(Lost::Cancelled { .. })));
}

#[tokio::test]
async fn a_group_that_is_held_around_the_asker_is_a_deadlock() {
    let desk = Desk::new();
    let mut ask = request("build", "CI");
    ask.within.push(Outer {
        group: "ci".to_owned(),
        name: "top level workflow".to_owned(),
    });
    let lost = soon(desk.ask(ask)).await.unwrap().unwrap_err();
    assert_eq!(
        lost.to_string(),
        "Canceling since a deadlock for concurrency group 'CI' was detected between 'top level workflow' and 'build'"
    );
}

#[tokio::test]
async fn what_dead_processes_left_does_not_count() {
    let desk = Desk::new();
    let ledger = Ledger::open(&desk.groups.folder, "octo/hello", "x").unwrap();
    let folder = std::fs::read_dir(&desk.groups.folder).unwrap();
    let folder = folder.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut ticket = ledger.enter(&request("a", "x").holder, false).unwrap();
    ledger.ask_to_stop(1, &request("b", "x").holder).unwrap();
    ticket.promote().unwrap();
    // The files stay and the lock goes, as under kill -9.
    let kept: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    drop(ticket);
    for path in &kept {
        std::fs::write(path, "{").unwrap();
    }
    assert_eq!(desk.groups.occupancy("x").unwrap(), Occupancy::default());
    let permit = desk.have(request("c", "x")).await;
    let asked = tokio::time::timeout(Duration::ZERO, permit.cancelled());
    assert!(asked.await.is_err(), "the mark was for the dead one");
    drop(permit);
    let left: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["guard"]);
}

#[test]
fn a_holder_is_named() {
    let mut holder = request("build", "x").holder;
    holder.pid = 7;
    let text = "job 'build' of 'CI' (run 1, process 7, since 1970-01-01T00:00:00Z)";
    assert_eq!(holder.to_string(), text);
    holder.job = None;
    assert!(holder.to_string().starts_with("'CI' (run 1"));
}

fn terms(value: &str) -> Result<Terms, EvalError> {
    let text = format!(
        "on: push\nconcurrency: {value}\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: x\n"
    );
    let source = SourceFile::new("ci.yml", text);
    let workflow = read_workflow(source, &ReadOptions::default())
        .workflow
        .unwrap();
    let github = Value::object([
        ("ref", Value::string("main")),
        ("none", Value::string("")),
        ("long", Value::string("x".repeat(401))),
    ]);
    let contexts = Contexts::default().with("github", github);
    let evaluator = Evaluator {
        context: &contexts,
        source: &workflow.source,
    };
    Terms::evaluate(&evaluator, workflow.concurrency.as_ref().unwrap())
}

#[test]
fn the_key_is_a_text_or_a_map() {
    // SPEC W-110
    let good = [
        ("deploy", "deploy", false, Queue::Single),
        ("'${{ github.ref }}-x'", "main-x", false, Queue::Single),
        (
            "{ group: a, cancel-in-progress: true }",
            "a",
            true,
            Queue::Single,
        ),
        (
            "{ group: a, cancel-in-progress: '${{ github.ref != ''main'' }}', queue: max }",
            "a",
            false,
            Queue::Max,
        ),
        ("{ group: a, queue: single }", "a", false, Queue::Single),
        (
            "${{ fromJSON('{\"group\":\"a\",\"cancel-in-progress\":true}') }}",
            "a",
            true,
            Queue::Single,
        ),
    ];
    for (value, group, cancel_in_progress, queue) in good {
        let expected = Terms {
            group: group.to_owned(),
            cancel_in_progress,
            queue,
        };
        assert_eq!(terms(value).as_ref(), Ok(&expected), "{value}");
    }
}

#[test]
fn mistakes_that_only_a_run_can_see_have_their_messages() {
    // SPEC W-110, W-111
    let bad = [
        (
            "${{ github.none }}",
            "Concurrency group name cannot be empty",
        ),
        (
            "${{ github.long }}",
            "Concurrency group name must be less than 400 characters",
        ),
        (
            "{ group: a, queue: max, cancel-in-progress: '${{ github.ref == ''main'' }}' }",
            "`queue: max` can not be combined with `cancel-in-progress: true`",
        ),
        (
            "{ group: a, cancel-in-progress: '${{ github.ref }}' }",
            "Unexpected value 'main'",
        ),
        (
            "${{ fromJSON('{\"group\":\"a\",\"queue\":\"min\"}') }}",
            "Unexpected value 'min'",
        ),
        (
            "${{ fromJSON('{\"grp\":\"a\"}') }}",
            "Unexpected value 'grp'",
        ),
        ("${{ fromJSON('[1]') }}", "A sequence was not expected"),
    ];
    for (value, message) in bad {
        assert_eq!(terms(value).unwrap_err().message, message, "{value}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn never_two_at_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let desk = Desk::new();
    let inside = Arc::new(AtomicUsize::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..6 {
        // Each as a process of its own would: nothing but the folder is shared.
        let groups = Groups::new(desk.groups.folder.clone(), "octo/hello");
        let inside = Arc::clone(&inside);
        tasks.spawn(async move {
            let ask = max(&number.to_string(), "x");
            let token = CancellationToken::new();
            let permit = groups.acquire(&ask, &token, &mut |_| {}).await;
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
            tokio::task::yield_now().await;
            inside.fetch_sub(1, Ordering::SeqCst);
            permit.is_ok()
        });
    }
    let served = soon(tasks.join_all()).await;
    assert_eq!(served, [true; 6]);
}
