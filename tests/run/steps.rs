//! Steps of a job: conditions, results, time, commands.

use std::time::Duration;

use lrun::event::EventKind;
use lrun::executor::fake::{Fake, Reply};

use crate::harness::Scene;

#[tokio::test]
async fn conditions_follow_the_job() {
    // SPEC E-61, E-63, S-4
    let seen = Scene::steps(
        r"
      - {name: a, run: a}
      - {name: early, run: early, if: failure()}
      - {name: bad, run: bad}
      - {name: b, run: b}
      - {name: f, run: f, if: failure()}
      - {name: c, run: c, if: cancelled()}
      - {name: always, run: always, if: always()}
",
    )
    .machine(Fake::new().on("\nbad", Reply::exit(3)))
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.a: success",
            "job.early: skipped",
            "job.bad: failure",
            "job.b: skipped",
            "job.f: success",
            "job.c: skipped",
            "job.always: success",
            "job: failure",
        ]
    );
    assert_eq!(seen.annotations(), ["Process completed with exit code 3."]);
    assert_eq!(seen.ended.exit_code, 1);
    assert_eq!(seen.fake.closed(), 1);
    assert!(!seen.place.path().join("run").exists());
}

#[tokio::test]
async fn continue_on_error_shows_in_outcome_only() {
    // SPEC S-3, C-15
    let seen = Scene::steps(
        r"
      - {id: bad, name: bad, run: bad, continue-on-error: true}
      - {name: b, run: 'echo ${{ steps.bad.outcome }} ${{ steps.bad.conclusion }}'}
",
    )
    .machine(Fake::new().on("\nbad", Reply::exit(1)))
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.bad: failure, then success",
            "job.b: success",
            "job: success"
        ]
    );
    assert_eq!(seen.scripts()[1], "echo failure success");
}

#[tokio::test]
async fn an_error_of_evaluation_fails_the_step() {
    // SPEC E-62, S-1
    let seen = Scene::steps(
        r#"
      - {name: if, run: a, if: "fromJSON('x')"}
      - {name: env, run: b, if: always(), env: {A: '${{ fromJSON(''x'') }}'}}
      - {name: run, run: 'c ${{ fromJSON(''x'') }}', if: always()}
"#,
    )
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.if: failure",
            "job.env: failure",
            "job.run: failure",
            "job: failure"
        ]
    );
    assert!(seen.fake.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_time_is_up_fails_and_says_so() {
    // SPEC S-6
    let seen = Scene::steps(
        r"
      - {name: slow, run: slow, timeout-minutes: 2}
      - {name: next, run: next, if: failure()}
",
    )
    .machine(Fake::new().on("\nslow", Reply::exit(0).until_stopped()))
    .run()
    .await;
    assert_eq!(
        seen.story(),
        ["job.slow: failure", "job.next: success", "job: failure"]
    );
    assert_eq!(
        seen.annotations(),
        ["The action 'slow' has timed out after 2 minutes."]
    );
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_in_time_is_not_timed_out() {
    let seen = Scene::steps("      - {name: a, run: a, timeout-minutes: 1}\n")
        .machine(Fake::new().on("\na", Reply::exit(1).after(Duration::from_secs(59))))
        .run()
        .await;
    assert_eq!(seen.annotations(), ["Process completed with exit code 1."]);
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_time_is_up_is_cancelled() {
    // SPEC X-5, X-2
    let seen = Scene::jobs(
        r"
  job:
    runs-on: self-hosted
    timeout-minutes: 1
    steps:
      - {name: slow, run: slow}
      - {name: f, run: f, if: failure()}
      - {name: c, run: c, if: cancelled()}
",
    )
    .machine(Fake::new().on("\nslow", Reply::exit(0).until_stopped()))
    .run()
    .await;
    assert_eq!(
        seen.story(),
        [
            "job.slow: cancelled",
            "job.f: skipped",
            "job.c: success",
            "job: cancelled"
        ]
    );
    assert_eq!(
        seen.annotations(),
        [
            "The job has exceeded the maximum execution time of 1m0s",
            "The operation was canceled."
        ]
    );
    assert_eq!(seen.ended.exit_code, 1);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_that_does_not_end_is_killed() {
    // SPEC X-2, X-3
    let seen = Scene::jobs(
        r"
  job:
    runs-on: self-hosted
    timeout-minutes: 1
    cancel-timeout-minutes: 2
    steps:
      - {name: stubborn, run: stubborn, if: always()}
      - {name: never, run: never, if: always()}
",
    )
    .machine(Fake::new().on("\nstubborn", Reply::exit(0).until_stopped()))
    .run()
    .await;
    assert_eq!(seen.story(), ["job.stubborn: cancelled", "job: cancelled"]);
}

#[tokio::test]
async fn the_first_stop_cancels_and_the_second_kills() {
    // SPEC X-9
    for second in [false, true] {
        let seen = Scene::steps(
            r"
      - {name: slow, run: slow}
      - {name: always, run: always, if: always()}
",
        )
        .machine(Fake::new().on("\nslow", Reply::exit(0).until_stopped()))
        .hear(move |event, stop| {
            if matches!(event.kind, EventKind::StepStarted) {
                stop.cancel.cancel();
                if second {
                    stop.kill.cancel();
                }
            }
        })
        .run()
        .await;
        let mut expected = vec![
            "job.slow: cancelled",
            "job.always: success",
            "job: cancelled",
        ];
        if second {
            expected.remove(1);
        }
        assert_eq!(seen.story(), expected, "{second}");
    }
}

#[tokio::test]
async fn command_files_reach_later_steps() {
    // SPEC 4.3, V-20, K-41
    let seen = Scene::steps(
        r"
      - {id: a, run: one}
      - {run: two}
      - {run: three}
      - {run: 'four ${{ env.A }} ${{ steps.a.outputs.x }} ${{ env.B }}', env: {B: step}}
",
    )
    .machine(
        Fake::new()
            .on("\none", Reply::exit(0).writes("GITHUB_OUTPUT", "x=out\n"))
            .on(
                "\ntwo",
                Reply::exit(0).writes("GITHUB_ENV", "A=later\nB=low\n"),
            )
            .on("\nthree", Reply::exit(0).writes("GITHUB_PATH", "/first\n")),
    )
    .run()
    .await;
    assert_eq!(seen.scripts()[3], "four later out step");
    let calls = seen.fake.calls();
    assert_eq!(calls[3].env("A"), Some("later"));
    assert_eq!(calls[3].env("B"), Some("step"));
    assert!(calls[3].env("PATH").unwrap().starts_with("/first:"));
    assert_eq!(calls[0].env("A"), None);
}

#[tokio::test]
async fn the_payload_is_there_for_each_step() {
    // SPEC T-11
    let seen = Scene::steps("      - run: rm\n      - run: look\n")
        .machine(
            Fake::new()
                .on(
                    "\nrm",
                    Reply::exit(0).act(|command| {
                        let path = variable(command, "GITHUB_EVENT_PATH");
                        std::fs::remove_file(path).unwrap();
                    }),
                )
                .on(
                    "\nlook",
                    Reply::exit(0).act(|command| {
                        let path = variable(command, "GITHUB_EVENT_PATH");
                        assert_eq!(std::fs::read_to_string(path).unwrap(), "{}");
                    }),
                ),
        )
        .run()
        .await;
    assert_eq!(seen.ended.exit_code, 0);
}

fn variable(command: &lrun::executor::Command, name: &str) -> std::ffi::OsString {
    let found = command.env.iter().find(|(known, _)| known == name);
    found.unwrap().1.clone()
}

#[tokio::test]
async fn what_commands_switch_ends_with_the_step() {
    // SPEC 7.1: echo and stopped commands
    let seen = Scene::steps("      - {name: a, run: one}\n      - {name: b, run: two}\n")
        .machine(
            Fake::new()
                .on(
                    "\none",
                    Reply::exit(0).stdout("::echo::on\n::stop-commands::tokentoken\n"),
                )
                .on(
                    "\ntwo",
                    Reply::exit(0).stdout("::warning::heard\n::group::g\n"),
                ),
        )
        .run()
        .await;
    assert_eq!(seen.annotations(), ["heard"]);
    assert!(!seen.text().contains("::group::g"));
}

#[tokio::test]
async fn set_env_works_only_where_it_is_allowed() {
    // SPEC 7.1
    let step = "      - {run: old, env: {X: '1'}}\n      - run: 'new ${{ env.A }}'\n";
    let machine = || Fake::new().on("\nold", Reply::exit(0).stdout("::set-env name=A::b\n"));
    let refused = Scene::steps(step).machine(machine()).run().await;
    assert_eq!(refused.ended.exit_code, 1);
    let allowed = Scene::steps(
        &step
            .replace("X:", "ACTIONS_ALLOW_UNSECURE_COMMANDS:")
            .replace("'1'", "'true'"),
    )
    .machine(machine())
    .run()
    .await;
    assert_eq!(allowed.scripts()[1], "new b");
    let by_runner = Scene::steps(step)
        .machine(machine())
        .adjust(|options| {
            let name = "ACTIONS_ALLOW_UNSECURE_COMMANDS".into();
            options.runner_env.insert(name, "true".into());
        })
        .run()
        .await;
    assert_eq!(by_runner.ended.exit_code, 0);
}

#[tokio::test]
async fn ten_annotations_of_a_kind_are_recorded() {
    // SPEC K-12
    let seen = Scene::steps("      - run: many\n")
        .machine(Fake::new().on(
            "\nmany",
            Reply::exit(0).stdout(&"::warning::w\n".repeat(12)),
        ))
        .run()
        .await;
    assert_eq!(seen.annotations().len(), 10);
    assert_eq!(seen.text().matches("##[warning]w").count(), 2);
}

#[tokio::test]
async fn a_secret_shows_nowhere() {
    // SPEC M-2, M-5, M-6
    let seen = Scene::steps(
        r"
      - {name: 'n ${{ secrets.KEY }}', run: 'echo ${{ secrets.KEY }}', env: {K: '${{ secrets.KEY }}'}}
      - {name: late, run: 'late found-later', if: always()}
",
    )
    .secret("KEY", "hunter2-hunter2")
    .machine(
        Fake::new()
            .on("\nlate",
                Reply::exit(0).stdout("late found-later\n::error::found-later\n"),
            )
            .on(
                "hunter2",
                Reply::exit(1)
                    .stdout("hunter2-hunter2 aHVudGVyMi1odW50ZXIy\n::add-mask::found-later\n")
                    .stderr("hunter2-hunter2")
                    .writes("GITHUB_STEP_SUMMARY", "# hunter2-hunter2\n"),
            ),
    )
    .run()
    .await;
    let text = seen.text();
    for secret in ["hunter2", "aHVudGVy", "found-later"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    assert!(text.contains("late ***"));
}

#[tokio::test]
async fn a_line_without_end_hides_a_secret_at_its_cut() {
    // SPEC M-3: the line is shown in pieces of 16 MiB
    let mut line = "x".repeat(16 * 1024 * 1024 - 4);
    line.push_str("hunter2-hunter2");
    line.push_str(&"y".repeat(100));
    let (start, end) = line.split_at(16 * 1024 * 1024 + 2);
    let seen = Scene::steps("      - run: long\n")
        .secret("KEY", "hunter2-hunter2")
        .machine(Fake::new().on("\nlong", Reply::exit(0).stdout(start).stdout(end)))
        .run()
        .await;
    let text = seen.text();
    assert!(!text.contains("hunt") && text.contains("***yyy"));
}

#[tokio::test]
async fn debugging_is_told_to_the_step() {
    // SPEC H-2, C-14
    let seen = Scene::steps("      - run: 'x ${{ runner.debug }}'\n")
        .secret("ACTIONS_STEP_DEBUG", "true")
        .machine(Fake::new().on("\nx", Reply::exit(0).stdout("::debug::d\n")))
        .run()
        .await;
    assert_eq!(seen.scripts(), ["x 1"]);
    assert_eq!(seen.fake.calls()[0].env("RUNNER_DEBUG"), Some("1"));
    assert!(seen.text().contains("##[debug]d"));
}

#[tokio::test]
async fn a_panic_is_never_a_success() {
    let seen = Scene::steps("      - run: boom\n")
        .machine(Fake::new().on("\nboom", Reply::exit(0).act(|_| panic!("a bug"))))
        .run()
        .await;
    assert_eq!(seen.ended.exit_code, 1);
}
