//! Steps in the background: what is deferred, how many at once, waits, cancels, groups (SPEC 6.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use lrun::event::{EventKind, Stream};
use lrun::executor::fake::{Fake, Reply};
use tokio::sync::Semaphore;

use crate::harness::{Scene, Seen};
use crate::stages::{ran, serve, with_node};

/// What waits and cancels said.
fn logged(seen: &Seen) -> Vec<&str> {
    fn said(kind: &EventKind) -> Option<&str> {
        match kind {
            EventKind::StepOutput {
                stream: Stream::Log,
                text,
            } => Some(text.as_str()),
            _ => None,
        }
    }
    let kinds = seen.events.iter().map(|event| &event.kind);
    kinds.filter_map(said).collect()
}

/// So many steps in the background.
fn slow(count: usize) -> String {
    "      - {run: slow, background: true}\n".repeat(count)
}

/// A gate that a step opens, and another one waits at.
fn gate() -> (Arc<Semaphore>, Reply) {
    let gate = Arc::new(Semaphore::new(0));
    let opener = Arc::clone(&gate);
    let opens = Reply::exit(0).act(move |_| opener.add_permits(1));
    (gate, opens)
}

#[tokio::test]
async fn the_next_step_starts_at_once() {
    // SPEC S-40
    let (gate, opens) = gate();
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: slow, background: true}
      - {name: b, run: open}
      - {name: w, wait: a}
",
    )
    .machine(
        Fake::new()
            .on("\nslow", Reply::exit(0).until(&gate))
            .on("\nopen", opens),
    )
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.b: success",
            "job.a: success",
            "job.w: success",
            "job: success"
        ]
    );
    assert_eq!(
        logged(&seen),
        [
            "Waiting for background step(s) to complete: a",
            "Finished waiting for background step(s).",
            "  a: Succeeded"
        ]
    );
}

#[tokio::test]
async fn what_a_background_step_does_shows_after_its_wait() {
    // SPEC S-41
    let seen = Scene::steps(
        r"
      - {id: a, run: set, background: true}
      - {run: 'before [${{ steps.a.outputs.x }}${{ steps.a.outcome }}${{ env.E }}]'}
      - {wait: a}
      - {run: 'after [${{ steps.a.outputs.x }} ${{ steps.a.outcome }} ${{ env.E }}]'}
",
    )
    .machine(Fake::new().on(
        "\nset",
        Reply::exit(0).act(|command| {
            for (variable, text) in [
                ("GITHUB_OUTPUT", "x=out\n"),
                ("GITHUB_ENV", "E=env\n"),
                ("GITHUB_PATH", "/new\n"),
            ] {
                let found = command.env.iter().find(|(name, _)| name == variable);
                std::fs::write(&found.unwrap().1, text).unwrap();
            }
        }),
    ))
    .run()
    .await;
    assert_eq!(
        seen.scripts(),
        ["set", "before []", "after [out success env]"]
    );
    let path = |call: usize| seen.fake.calls()[call].env("PATH").unwrap().to_owned();
    assert!(!path(1).starts_with("/new:"));
    assert!(path(2).starts_with("/new:"));
}

#[tokio::test]
async fn a_step_that_waits_for_its_slot_sees_newer_steps_and_its_own_old_env() {
    // SPEC S-40: env when reached, `run` with the slot
    let gate = Arc::new(Semaphore::new(0));
    let opener = Arc::clone(&gate);
    let mut steps = slow(10);
    steps += r"
      - {id: late, run: 'late [${{ steps.f.outputs.x }}] [${{ env.E }}]', background: true}
      - {id: f, run: set}
      - {run: open}
      - {wait-all: }
";
    let seen = Scene::steps(&steps)
        .machine(
            Fake::new()
                .on("\nslow", Reply::exit(0).until(&gate))
                .on(
                    "\nset",
                    Reply::exit(0).act(|command| {
                        for (variable, text) in
                            [("GITHUB_OUTPUT", "x=new\n"), ("GITHUB_ENV", "E=new\n")]
                        {
                            let found = command.env.iter().find(|(name, _)| name == variable);
                            std::fs::write(&found.unwrap().1, text).unwrap();
                        }
                    }),
                )
                .on(
                    "\nopen",
                    Reply::exit(0).act(move |_| opener.add_permits(10)),
                ),
        )
        .run()
        .await;
    assert_eq!(seen.scripts().last().unwrap(), "late [new] []");
}

#[tokio::test]
async fn ten_run_at_once() {
    // SPEC S-40
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (count, max) = (Arc::clone(&now), Arc::clone(&most));
    let gate = Arc::new(Semaphore::new(0));
    let opener = Arc::clone(&gate);
    let steps = slow(25);
    let seen = Scene::steps(&steps)
        .machine(Fake::new().on("\nslow", Reply::exit(0).until(&gate)))
        .hear(move |event, _| {
            let is_wait = |name: &str| name.starts_with("Wait");
            let Some(step) = event.step.as_ref() else {
                return;
            };
            match &event.kind {
                EventKind::StepStarted if !is_wait(&step.name) => {
                    let running = count.fetch_add(1, Ordering::Relaxed) + 1;
                    max.fetch_max(running, Ordering::Relaxed);
                    // Once it is full, one after the other may end.
                    if running == 10 {
                        opener.add_permits(1);
                    }
                }
                EventKind::StepFinished { .. } if !is_wait(&step.name) => {
                    count.fetch_sub(1, Ordering::Relaxed);
                    opener.add_permits(1);
                }
                _ => {}
            }
        })
        .run()
        .await;
    assert_eq!(most.load(Ordering::Relaxed), 10);
    assert_eq!(seen.fake.calls().len(), 25);
    assert_eq!(
        seen.story().iter().rev().take(2).collect::<Vec<_>>(),
        ["job: success", "job.Wait for all background steps: success"]
    );
}

#[tokio::test]
async fn a_failed_step_fails_the_wait_and_not_before() {
    // SPEC S-42, S-47
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: bad, background: true}
      - {name: go, run: 'on ${{ job.status }}'}
      - {name: w, wait: [a], continue-on-error: true}
      - {name: no, run: never}
      - {name: f, run: 'then ${{ steps.a.outcome }}', if: failure()}
",
    )
    .machine(Fake::new().on("\nbad", Reply::exit(1)))
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.a: failure",
            "job.go: success",
            "job.w: failure",
            "job.no: skipped",
            "job.f: success",
            "job: failure"
        ]
    );
    assert_eq!(seen.scripts()[1..], ["on success", "then failure"]);
    assert_eq!(logged(&seen)[2], "  a: Failed");
}

#[tokio::test]
async fn a_step_with_continue_on_error_fails_nothing() {
    // SPEC S-42, S-46
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: bad, background: true, continue-on-error: true}
      - {wait-all: }
      - {run: 'then ${{ steps.a.outcome }} ${{ steps.a.conclusion }}'}
",
    )
    .machine(Fake::new().on("\nbad", Reply::exit(1)))
    .run()
    .await;
    assert_eq!(seen.story()[0], "job.a: failure, then success");
    assert_eq!(seen.scripts()[1], "then failure success");
    assert_eq!(seen.ended.exit_code, 0);
}

#[tokio::test]
async fn what_nobody_waits_for_is_waited_for_at_the_end() {
    // SPEC S-46
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: bad, background: true}
      - {id: b, name: b, run: good, background: true}
      - {name: c, wait: b}
",
    )
    .machine(Fake::new().on("\nbad", Reply::exit(1)))
    .run()
    .await;
    assert_eq!(
        seen.story()[2..],
        [
            "job.c: success",
            "job.Wait for all background steps: failure",
            "job: failure"
        ]
    );
    let last = logged(&seen);
    assert_eq!(
        last[3..],
        [
            "Waiting for all background step(s) to complete: a",
            "Finished waiting for all background step(s).",
            "  a: Failed"
        ]
    );
    let quiet = Scene::steps("      - {id: a, run: x, background: true}\n      - {wait-all: true}\n      - {wait-all: }\n")
        .run()
        .await;
    assert_eq!(quiet.story().len(), 4);
    assert_eq!(
        logged(&quiet)[3..],
        [
            "No background steps remaining to wait for.",
            "Finished waiting for all background step(s)."
        ]
    );
}

#[tokio::test]
async fn a_skipped_step_is_waited_for_in_vain() {
    // SPEC S-42
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: x, background: true, if: false}
      - {id: e, name: e, run: x, background: true, if: failure()}
      - {name: w, wait: [a, e]}
      - {run: 'then [${{ steps.a.conclusion }}]'}
",
    )
    .run()
    .await;
    assert_eq!(
        seen.story()[..3],
        ["job.a: skipped", "job.e: skipped", "job.w: success"]
    );
    assert_eq!(
        logged(&seen)[0],
        "Waiting for background step(s) to complete: a, e"
    );
    assert_eq!(seen.scripts(), ["then []"]);
}

#[tokio::test]
async fn a_step_that_can_not_be_evaluated_fails_at_once() {
    let seen = Scene::steps(
        r#"
      - {id: a, name: a, run: x, background: true, if: "fromJSON('x')"}
      - {name: b, run: b}
"#,
    )
    .run()
    .await;
    assert_eq!(seen.story()[..2], ["job.a: failure", "job.b: skipped"]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_step_says_nothing_about_the_job() {
    // SPEC S-43
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: server, background: true}
      - {name: c, cancel: a}
      - {name: b, run: 'then ${{ steps.a.outcome }} ${{ job.status }}'}
",
    )
    .machine(Fake::new().on("\nserver", Reply::exit(0).until_stopped()))
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.a: cancelled",
            "job.c: success",
            "job.b: success",
            "job: success"
        ]
    );
    assert_eq!(seen.scripts()[1], "then cancelled success");
    assert_eq!(
        logged(&seen),
        [
            "Cancelling background step(s): a",
            "Finished cancelling background step(s).",
            "  a: Canceled"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_failed_before_its_cancel_fails_the_job_at_the_end() {
    // SPEC S-43, S-46
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: bad, background: true}
      - {name: b, run: b}
      - {name: c, cancel: a}
      - {name: d, run: d}
",
    )
    .machine(Fake::new().on("\nbad", Reply::exit(1)))
    .run()
    .await;
    assert_eq!(
        seen.story()[2..],
        ["job.c: success", "job.d: success", "job: failure"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancel_waits_for_its_grace_and_no_longer() {
    // SPEC S-43
    let at = |seen: &Seen, name: &str| {
        let found = seen.events.iter().find(|event| {
            matches!(event.kind, EventKind::StepFinished { .. })
                && event.step.as_ref().is_some_and(|step| &*step.name == name)
        });
        found.unwrap().seq
    };
    for (lingers, in_time) in [(7400, true), (7600, false)] {
        let started = tokio::time::Instant::now();
        let waited = Arc::new(std::sync::Mutex::new(Duration::ZERO));
        let heard = Arc::clone(&waited);
        let seen = Scene::steps(
            r"
      - {id: a, name: a, run: server, background: true}
      - {name: c, cancel: a}
      - {name: b, run: 'then ${{ steps.a.outcome }}'}
",
        )
        .machine(
            Fake::new().on(
                "\nserver",
                Reply::exit(0)
                    .until_stopped()
                    .lingers(Duration::from_millis(lingers)),
            ),
        )
        .hear(move |event, _| {
            if matches!(event.kind, EventKind::StepFinished { .. })
                && event.step.as_ref().is_some_and(|step| &*step.name == "c")
            {
                *heard.lock().unwrap() = started.elapsed();
            }
        })
        .run()
        .await;
        assert_eq!(at(&seen, "a") < at(&seen, "c"), in_time);
        assert_eq!(seen.scripts()[1], "then cancelled");
        assert_eq!(seen.ended.exit_code, 0);
        let waited = *waited.lock().unwrap();
        assert!(waited < Duration::from_millis(7550), "{waited:?}");
        assert_eq!(waited > Duration::from_millis(7450), !in_time, "{waited:?}");
    }
}

#[tokio::test]
async fn a_cancel_reaches_a_step_that_has_no_slot_yet() {
    let gate = Arc::new(Semaphore::new(0));
    let opener = Arc::clone(&gate);
    let mut steps = slow(10);
    steps += r"
      - {id: late, name: late, run: late, background: true}
      - {cancel: late}
      - {run: 'open [${{ steps.late.outcome }}]'}
      - {wait-all: }
";
    let seen = Scene::steps(&steps)
        .machine(Fake::new().on("\nslow", Reply::exit(0).until(&gate)).on(
            "\nopen",
            Reply::exit(0).act(move |_| opener.add_permits(10)),
        ))
        .run()
        .await;
    assert_eq!(seen.story()[0], "job.late: skipped");
    assert_eq!(seen.scripts().last().unwrap(), "open [cancelled]");
    assert_eq!(seen.ended.exit_code, 0);
}

#[tokio::test]
async fn a_group_runs_its_steps_at_once_and_waits_for_them() {
    // SPEC S-45, S-49
    let (gate, opens) = gate();
    let seen = Scene::steps(
        r"
      - parallel:
          - {id: a, name: a, run: slow}
          - {id: b, name: b, run: open}
      - {run: 'then ${{ steps.a.outcome }} ${{ steps.b.outcome }}'}
",
    )
    .machine(
        Fake::new()
            .on("\nslow", Reply::exit(0).until(&gate))
            .on("\nopen", opens),
    )
    .run()
    .await;
    assert_eq!(
        seen.story()[..3],
        [
            "job.b: success",
            "job.a: success",
            "job.Parallel group: success"
        ]
    );
    assert_eq!(seen.scripts()[2], "then success success");
    let places: Vec<usize> = seen
        .events
        .iter()
        .filter(|event| matches!(event.kind, EventKind::StepStarted))
        .filter_map(|event| Some(event.step.as_ref()?.index))
        .collect();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_counts_from_the_slot() {
    // SPEC S-40
    let seen = Scene::steps(
        "      - {name: a, run: slow, background: true, timeout-minutes: 2}\n      - {wait-all: }\n",
    )
    .machine(Fake::new().on("\nslow", Reply::exit(0).until_stopped()))
    .run()
    .await;
    assert_eq!(
        seen.annotations(),
        ["The background step 'a' has timed out after 2 minutes."]
    );
    assert_eq!(seen.ended.exit_code, 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_ends_its_background_steps() {
    // SPEC S-48: whatever their condition; X-2
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: server, background: true, if: always()}
      - {name: w, wait: a}
      - {name: late, run: late, background: true, if: always()}
      - {name: end, run: 'end ${{ steps.a.outcome }}', if: always()}
",
    )
    .machine(
        Fake::new().on(
            "\nserver",
            Reply::exit(0)
                .stdout("up\n")
                .until_stopped()
                .lingers(Duration::from_secs(9)),
        ),
    )
    .hear(|event, stop| {
        if matches!(&event.kind, EventKind::StepOutput { text, .. } if text == "up") {
            stop.cancel.cancel();
        }
    })
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.w: cancelled",
            "job.late: skipped",
            "job.end: success",
            "job.Wait for all background steps: cancelled",
            "job.a: cancelled",
            "job: cancelled"
        ]
    );
    assert_eq!(seen.scripts()[1], "end cancelled");
}

#[tokio::test]
async fn a_mask_counts_for_all_steps_of_the_job() {
    // SPEC M-6
    let (gate, opens) = gate();
    let seen = Scene::steps(
        r"
      - {id: a, name: a, run: slow, background: true}
      - {name: b, run: open}
      - {wait: a}
      - {name: c, run: tell}
",
    )
    .machine(
        Fake::new()
            .on(
                "\nslow",
                Reply::exit(0).stdout("::add-mask::hush1\n").until(&gate),
            )
            .on("\nopen", opens.stdout("hush1 before?\n"))
            .on("\ntell", Reply::exit(0).stdout("hush1\n")),
    )
    .run()
    .await;
    assert!(!seen.text().contains("\"text\":\"hush1"));
}

#[tokio::test]
async fn what_a_composite_action_does_within_is_deferred_as_a_whole() {
    // SPEC S-41, S-49
    let composite = r"
name: a
runs:
  using: composite
  steps:
    - {run: set-a, shell: bash}
    - {run: 'saw-a ${{ env.E }}', shell: bash}
";
    let seen = Scene::steps(
        r"
      - {id: a, name: a, uses: o/a@v1, background: true}
      - {name: b, run: 'between [${{ env.E }}]'}
      - {wait: a}
      - {run: 'after [${{ env.E }}]'}
",
    )
    .served("o/a@v1", "action.yml", composite)
    .machine(Fake::new().on("\nset-a", Reply::exit(0).writes("GITHUB_ENV", "E=inner\n")))
    .run()
    .await;
    let scripts = seen.scripts();
    assert!(scripts.contains(&"saw-a inner".to_owned()), "{scripts:?}");
    assert!(scripts.contains(&"between []".to_owned()), "{scripts:?}");
    assert_eq!(scripts.last().unwrap(), "after [inner]");
}

#[tokio::test]
async fn posts_of_background_actions_run_in_reverse_order_of_their_mains() {
    // SPEC J-2: not of their ends
    let (gate, opens) = gate();
    let started = Arc::new(Semaphore::new(0));
    let up = Arc::clone(&started);
    let scene = Scene::steps(
        r"
      - {id: a, name: a, uses: o/a@v1, background: true}
      - {name: go, run: go}
      - {name: b, uses: o/b@v1}
      - {name: open, run: open}
",
    )
    .machine(
        Fake::new()
            .on(
                "a-main.js",
                Reply::exit(0)
                    .stdout("up\n")
                    .writes("GITHUB_STATE", "kept=1\n")
                    .until(&gate),
            )
            .on("\ngo", Reply::exit(0).until(&started))
            .on("\nopen", opens),
    )
    .hear(move |event, _| {
        if matches!(&event.kind, EventKind::StepOutput { text, .. } if text == "up") {
            up.add_permits(1);
        }
    });
    let post = "  post: post.js\n";
    let seen = with_node(serve(serve(scene, "a", post), "b", post))
        .run()
        .await;
    assert_eq!(
        ran(&seen),
        ["a-main.js", "b-main.js", "b-post.js", "a-post.js"]
    );
    let calls = seen.fake.calls();
    assert_eq!(calls.last().unwrap().env("STATE_kept"), Some("1"));
    assert_eq!(
        seen.story()[3..],
        [
            "job.a: success",
            "job.Wait for all background steps: success",
            "job.b post: success",
            "job.a post: success",
            "job: success"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_action_that_outlives_its_cancel_still_has_its_post() {
    // SPEC S-43, J-2
    let started = Arc::new(Semaphore::new(0));
    let up = Arc::clone(&started);
    let scene = Scene::steps(
        r"
      - {id: a, name: a, uses: o/a@v1, background: true}
      - {name: b, run: go}
      - {cancel: a}
",
    )
    .machine(
        Fake::new().on("\ngo", Reply::exit(0).until(&started)).on(
            "a-main.js",
            Reply::exit(0)
                .stdout("up\n")
                .until_stopped()
                .lingers(Duration::from_secs(10)),
        ),
    )
    .hear(move |event, _| {
        if matches!(&event.kind, EventKind::StepOutput { text, .. } if text == "up") {
            up.add_permits(1);
        }
    });
    let seen = with_node(serve(scene, "a", "  post: post.js\n"))
        .run()
        .await;
    assert_eq!(ran(&seen), ["a-main.js", "a-post.js"]);
    assert_eq!(seen.ended.exit_code, 0);
}
