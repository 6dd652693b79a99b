//! How flags are written, and what each flag of act does.

use lrun::cli::command::CommandKind;
use lrun::cli::settings::{Content, PendingKind, PlatformTarget, WorkflowChoice, Workspace};
use lrun::cli::values::InputSource;
use lrun::executor::docker::Pull;
use lrun::run::Keep;

use crate::world::{Row, row};

pub fn rows() -> Vec<Row> {
    [
        grammar(),
        selection(),
        commands(),
        values(),
        environment(),
        machines(),
        rest(),
        remote(),
        services(),
        later(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn grammar() -> Vec<Row> {
    vec![
        row("1: a boolean takes a value only after =")
            .is("--json=false -b=0", |s| {
                assert!(!s.json);
                assert_eq!(s.workspace, Workspace::Copy);
            })
            .is("--json=T -b=True", |s| {
                assert!(s.json);
                assert_eq!(s.workspace, Workspace::Bind);
            })
            .is("--pull push", |s| assert_eq!(s.event.as_deref(), Some("push")))
            .is("--offline=1 --staged=FALSE", |s| {
                assert!(s.offline);
                assert_eq!(s.content, Content::WorkingTree);
            })
            .fails("--json=yes", "`--json` is true or false")
            .fails("--json=", "`--json` is true or false")
            .fails("-b=tRUE", "true or false"),
        row("1: a flag undoes one of .actrc")
            .file("repo/.actrc", "-b\n--json\n-P x=y\n")
            .is("push --bind=false --json=0 -P x=", |s| {
                assert_eq!(s.workspace, Workspace::Copy);
                assert!(!s.json);
                assert!(s.platforms.is_empty());
            }),
        row("1: short flags bundle and take attached values")
            .does("-lv", |i| {
                assert_eq!(i.command, CommandKind::List);
                assert!(i.settings.verbose);
            })
            .is("-jbuild", |s| assert_eq!(s.jobs, ["build"]))
            .is("-j=build", |s| assert_eq!(s.jobs, ["build"]))
            .is("-P=ubuntu-latest=img", |s| {
                assert_eq!(s.platforms[0].label, "ubuntu-latest");
                assert_eq!(s.platforms[0].target, PlatformTarget::Image("img".into()));
            })
            .is("-qvj build push", |s| assert!(s.quiet && s.verbose && s.event.is_some())),
        row("1: flags stand before or after the event")
            .is("-j a push", |s| assert_eq!(s.event.as_deref(), Some("push")))
            .is("push -j a", |s| assert_eq!(s.event.as_deref(), Some("push"))),
        row("1: no abbreviations")
            .fails("--work ci.yml", "did you mean `--workflows`?")
            .fails("--verb", "unknown flag `--verb`"),
        row("1: two words are an error")
            .fails("push pull_request", "one event at a time")
            .fails("--json false push", "after `=`"),
        row("1: a scalar given twice, the last counts")
            .file("repo/a.yml", "")
            .file("repo/b.yml", "")
            .file("repo/.actrc", "-a file\n-a last\n")
            .is("-W a.yml -W b.yml", |s| {
                assert!(matches!(&s.workflows, WorkflowChoice::File { path, .. } if path.ends_with("b.yml")));
            })
            .is("", |s| assert_eq!(s.actor.as_deref(), Some("last")))
            .is("-a one -a two", |s| assert_eq!(s.actor.as_deref(), Some("two"))),
        row("2: -j --job names several jobs of one command line")
            .file("repo/.actrc", "-j c\n-j d\n")
            .is("-j a -j b", |s| assert_eq!(s.jobs, ["a", "b"]))
            .is("push", |s| assert_eq!(s.jobs, ["d"])),
        row("1: lists add up over all sources, one name by the later")
            .file("repo/.actrc", "-P a=1\n-s A=1\n--var A=1\n--env A=1\n--input A=1\n--matrix k:1\n")
            .file("repo/lrun.toml", "env = [\"B=2\"]")
            .is("push -P A=2 -s a=2 --var a=2 --env A=2 --input A=2 --matrix k:2", |s| {
                assert_eq!(s.platforms.len(), 1);
                assert_eq!(s.platforms[0].target, PlatformTarget::Image("2".into()));
                assert_eq!(s.secrets["A"].expose(), "2");
                assert_eq!(s.vars.values().collect::<Vec<_>>(), ["2"]);
                assert_eq!(s.env.values().collect::<Vec<_>>(), ["2", "2"]);
                assert_eq!(s.inputs["A"].value, "2");
                assert_eq!(s.matrix["k"], ["1", "2"]);
            }),
        row("1: a flag beats a file, a named file replaces the default one")
            .file("repo/.secrets", "A=default\nB=default")
            .file("repo/named", "A=named")
            .is("push -s A=flag", |s| assert_eq!(s.secrets["A"].expose(), "flag"))
            .is("push --secret-file named", |s| {
                assert_eq!(s.secrets["A"].expose(), "named");
                assert_eq!(s.secrets.len(), 1);
            }),
        row("1: an empty value is none")
            .file("repo/.env", "A=1")
            .file("repo/.secrets", "A=1")
            .is("push --secret-file \"\" --eventpath \"\" --env-file=", |s| {
                assert!(s.secrets.is_empty() && s.found_env.is_empty() && s.payload.is_none());
            })
            .is("push -j '' -P '' -s '' -W '' -a ''", |s| {
                assert!(s.jobs.is_empty() && s.platforms.is_empty() && s.actor.is_none());
            }),
    ]
}

fn selection() -> Vec<Row> {
    vec![
        row("2: EVENT")
            .is("push", |s| assert_eq!(s.event.as_deref(), Some("push")))
            .fails("foo", "events: branch_protection_rule")
            .fails("foo", "commands: run, list")
            .fails("pul_request", "did you mean `pull_request`?"),
        row("2: workflow_call as EVENT").is("workflow_call --input a=1", |s| {
            assert_eq!(s.event.as_deref(), Some("workflow_call"));
        }),
        row("2: (no event)").is("-j a", |s| {
            assert!(s.event.is_none() && s.jobs_from_command_line);
        }),
        row("2: -W --workflows")
            .file("repo/.github/workflows/ci.yml", "")
            .file("repo/deep/er/ci.yml", "")
            .is("--workflows ci.yml", |s| {
                assert!(matches!(
                    &s.workflows,
                    WorkflowChoice::File {
                        from_command_line: true,
                        ..
                    }
                ));
            })
            .is("-W .github/workflows/", |s| {
                assert!(matches!(&s.workflows, WorkflowChoice::Folder { .. }));
            })
            .fails("-W none.yml", "no file or folder `none.yml`")
            .fails("-W deep", "ci.yml"),
        row("2: -W from .actrc is not from the command line")
            .file("repo/.github/workflows/ci.yml", "")
            .file("repo/.actrc", "-W .github/workflows/ci.yml")
            .is("push", |s| {
                assert!(matches!(
                    &s.workflows,
                    WorkflowChoice::File {
                        from_command_line: false,
                        ..
                    }
                ));
            }),
        row("2: --no-recurse")
            .no_op("--no-recurse", "--no-recurse has no effect")
            .clean("--no-recurse"),
        row("2: --strict").no_op("--strict", "--strict has no effect"),
        row("2: --matrix")
            .is("--matrix os:a --matrix os:b --matrix v:1:2", |s| {
                assert_eq!(s.matrix["os"], ["a", "b"]);
                assert_eq!(s.matrix["v"], ["1:2"]);
            })
            .fails("--matrix os", "KEY:VALUE"),
        row("2: --detect-event").is("--detect-event", |s| assert!(s.detect_event)),
        row("2: --concurrent-jobs")
            .is("--concurrent-jobs 3", |s| assert_eq!(s.concurrent_jobs, 3))
            .is("--concurrent-jobs 0", |s| assert_eq!(s.concurrent_jobs, 0))
            .fails("--concurrent-jobs=-1", "whole number"),
        row("2: -C --directory")
            .file("repo/sub/.github/workflows/ci.yml", "")
            .file("repo/sub/.actrc", "-a sub")
            .file("repo/.actrc", "-a repo")
            .is("-C sub", |s| {
                assert!(s.root.ends_with("repo/sub"));
                assert_eq!(s.actor.as_deref(), Some("sub"));
            })
            .is("--directory=.", |s| {
                assert_eq!(s.actor.as_deref(), Some("repo"));
            })
            .fails("-C none", "cannot enter `none`"),
        row("2: -e --eventpath")
            .file("repo/e.json", "{\"act\": true}")
            .file("repo/list.json", "[]")
            .file("repo/broken.json", "{")
            .is("-e e.json", |s| {
                assert_eq!(s.payload.as_ref().unwrap().fields["act"], true);
            })
            .fails(
                "--eventpath none.json",
                "cannot read the event file `none.json`",
            )
            .fails("-e list.json", "not a JSON object")
            .fails("-e broken.json", "not JSON")
            .fails("-e NAME=value", "--env NAME=VALUE"),
    ]
}

fn commands() -> Vec<Row> {
    vec![
        row("2: -l --list")
            .does("-l", |i| assert_eq!(i.command, CommandKind::List))
            .does("--list push", |i| {
                assert_eq!(i.settings.event.as_deref(), Some("push"));
            }),
        row("2: -g --graph").does("-g", |i| assert_eq!(i.command, CommandKind::Graph)),
        row("2: -n --dryrun")
            .does("-n push -P x=-self-hosted", |i| {
                assert_eq!(i.command, CommandKind::Plan);
            })
            .does("--dryrun -s NAME", |i| {
                assert_eq!(i.settings.pending.len(), 1);
            })
            .fails("-n -l", "two commands")
            .fails("-n -g", "two commands"),
        row("2: --validate")
            .does("--validate", |i| assert_eq!(i.command, CommandKind::Check))
            .does("push --validate", |i| {
                assert_eq!(i.command, CommandKind::Check);
            }),
        row("2: --bug-report").does("--bug-report", |i| {
            assert_eq!(i.command, CommandKind::Doctor);
        }),
        row("2: --man-page").does("--man-page", |i| {
            assert_eq!(i.command, CommandKind::ManPage);
            let page = String::from_utf8(lrun::cli::help::man_page().unwrap()).unwrap();
            assert!(page.contains(".TH lrun"), "{page}");
        }),
        row("2: --list-options").does("--list-options", |i| {
            assert_eq!(i.command, CommandKind::ListOptions);
            let list = lrun::cli::help::list_options();
            let list: serde_json::Value = serde_json::from_str(&list).unwrap();
            for key in ["name", "default", "type", "description"] {
                assert!(list[0][key].is_string(), "{key}");
            }
        }),
        row("2: -h --help, --version")
            .does("-h", |i| assert_eq!(i.command, CommandKind::Help))
            .does("push --help", |i| assert_eq!(i.command, CommandKind::Help))
            .does("--version", |i| assert_eq!(i.command, CommandKind::Version)),
        row("2: -v --verbose")
            .is("-v", |s| assert!(s.verbose))
            .is("--verbose", |s| assert!(s.verbose)),
        row("2: -q --quiet")
            .is("-q", |s| assert!(s.quiet))
            .is("--quiet", |s| assert!(s.quiet)),
        row("2: --json").is("push --json", |s| assert!(s.json)),
        row("2: --log-prefix-job-id").is("--log-prefix-job-id", |s| assert!(s.log_prefix_job_id)),
    ]
}

fn values() -> Vec<Row> {
    vec![
        row("2: -a --actor")
            .is("-a me", |s| assert_eq!(s.actor.as_deref(), Some("me")))
            .is("push", |s| assert!(s.actor.is_none())),
        row("2: -s --secret")
            .variable("typed", "as typed")
            .variable("UPPER", "upper")
            .is("-s name=V=W", |s| {
                assert_eq!(s.secrets["NAME"].expose(), "V=W");
            })
            .is("--secret typed --secret upper", |s| {
                assert_eq!(s.secrets["TYPED"].expose(), "as typed");
                assert_eq!(s.secrets["UPPER"].expose(), "upper");
            })
            .is("-s missing -s other", |s| {
                let names: Vec<&str> = s.pending.iter().map(|p| p.name.as_str()).collect();
                assert_eq!(names, ["MISSING", "OTHER"]);
            })
            .does("-l -s missing", |i| assert!(i.settings.pending.is_empty()))
            .fails("-s a=1 -s A=2", "differ only by case"),
        row("2: --secret-file")
            .file("repo/.secrets", "a=1")
            .file("repo/mine", "b=2")
            .is("push", |s| assert_eq!(s.secrets["A"].expose(), "1"))
            .is("--secret-file mine", |s| {
                assert_eq!(s.secrets["B"].expose(), "2");
            })
            .is("--secret-file mine", |s| {
                assert!(s.private_files.iter().any(|path| path.ends_with("mine")));
                assert!(s.private_files.iter().any(|path| path.ends_with(".vars")));
            })
            .fails("--secret-file none", "cannot read"),
        row("2: --secret-file missing, in .actrc")
            .file("repo/.actrc", "--secret-file none")
            .warns("push", "cannot read"),
        row("2: --var, --var-file")
            .file("repo/.vars", "Stage=default")
            .file("repo/mine", "Stage=mine")
            .variable("FROM_ENV", "x")
            .is("push", |s| assert_eq!(s.vars["Stage"], "default"))
            .is("--var stage=flag", |s| {
                assert_eq!(s.vars.values().collect::<Vec<_>>(), ["flag"]);
            })
            .is("--var-file mine", |s| assert_eq!(s.vars["Stage"], "mine"))
            .is("--var from_env", |s| assert_eq!(s.vars["from_env"], "x"))
            .is("--var missing", |s| {
                assert_eq!(s.pending[0].kind, PendingKind::Variable);
            })
            .fails("--var-file none", "cannot read"),
        row("2: --input")
            .is("--input a=1 --input b=", |s| {
                assert_eq!(s.inputs["a"].value, "1");
                assert_eq!(s.inputs["a"].source, InputSource::CommandLine);
                assert_eq!(s.inputs["b"].value, "");
            })
            .fails("--input a", "NAME=VALUE"),
        row("2: --input-file")
            .file("repo/.input", "a=1\nb=1")
            .file("repo/mine", "a=2")
            .is("push --input b=2", |s| {
                assert_eq!(s.inputs["a"].source, InputSource::File);
                assert_eq!(s.inputs["b"].source, InputSource::CommandLine);
            })
            .is("--input-file mine", |s| {
                assert_eq!(s.inputs["a"].value, "2");
            })
            .fails("--input-file none", "cannot read"),
        row("2: --insecure-secrets").warns("--insecure-secrets", "masked all the same"),
        row("2: --defaultbranch").is("--defaultbranch b", |s| {
            assert_eq!(s.default_branch.as_deref(), Some("b"));
        }),
        row("2: --remote-name").is("--remote-name r", |s| {
            assert_eq!(s.remote_name.as_deref(), Some("r"));
        }),
    ]
}

fn environment() -> Vec<Row> {
    vec![
        row("2: --env")
            .variable("HERE", "x")
            .is("--env A=b=c --env HERE --env E=", |s| {
                assert_eq!(s.env["A"], "b=c");
                assert_eq!(s.env["HERE"], "x");
                assert_eq!(s.env["E"], "");
            })
            .is("--env NOWHERE", |s| assert!(s.env.is_empty()))
            .warns("--env NOWHERE", "no variable of that name"),
        row("2: --env-file")
            .file("repo/.env", "FOUND=1")
            .file("repo/mine", "NAMED=1\nBOTH=file")
            .is("push", |s| {
                assert_eq!(s.found_env["FOUND"], "1");
                assert!(s.env.is_empty());
            })
            .is("--env-file mine --env BOTH=flag", |s| {
                assert!(s.found_env.is_empty());
                assert_eq!(s.env["NAMED"], "1");
                assert_eq!(s.env["BOTH"], "flag");
            })
            .is("--env-file=", |s| assert!(s.found_env.is_empty()))
            .is("--env-file .env", |s| assert_eq!(s.env["FOUND"], "1"))
            .fails("--env-file none", "cannot read"),
        row("5: --env changes what github.* says")
            .file(
                "repo/.env",
                "GITHUB_REF=refs/heads/found\nGITHUB_REPOSITORY=o/r",
            )
            .is(
                "--env GITHUB_REF=refs/tags/v1 --env SHA_REF=abc --env GITHUB_ACTOR=x",
                |s| {
                    assert_eq!(s.github["GITHUB_REF"], "refs/tags/v1");
                    assert_eq!(s.github["GITHUB_REPOSITORY"], "o/r");
                    assert_eq!(s.github["GITHUB_SHA"], "abc");
                    assert!(!s.env.contains_key("GITHUB_ACTOR"));
                },
            )
            .warns(
                "--env GITHUB_ACTOR=x",
                "GITHUB_ACTOR, from --env or its file, has no effect",
            )
            .warns(
                "--env RUNNER_OS=x",
                "RUNNER_OS, from --env or its file, has no effect",
            ),
    ]
}

fn machines() -> Vec<Row> {
    vec![
        row("2: -P --platform")
            .is("-P A=img:1 --platform b=-self-hosted -P c=host", |s| {
                assert_eq!(
                    s.platform("a").unwrap().target,
                    PlatformTarget::Image("img:1".into())
                );
                assert_eq!(s.platform("B").unwrap().target, PlatformTarget::Host);
                assert_eq!(s.platform("c").unwrap().target, PlatformTarget::Host);
                assert!(
                    s.platforms
                        .iter()
                        .all(|platform| platform.from_command_line)
                );
            })
            .is("-P a=img -P A=", |s| assert!(s.platforms.is_empty()))
            .fails("-P ubuntu-latest", "LABEL=IMAGE")
            .fails("-P 'a=b -P c=d'", "LABEL=IMAGE"),
        row("2: -P --platform in .actrc")
            .file("repo/.actrc", "-P ubuntu-latest\n-P a=b -P c=d\n-P x=img\n")
            .is("push", |s| {
                assert_eq!(s.platforms.len(), 1);
                assert!(!s.platforms[0].from_command_line);
            })
            .warns("push", ".actrc:1: `-P ubuntu-latest` is not LABEL=IMAGE")
            .warns("push", ".actrc:2:"),
        row("2: -r, --reuse")
            .is("-r", |s| assert!(s.reuse))
            .is("--reuse=false", |s| assert!(!s.reuse)),
        row("2: --keep, of lrun's own")
            .is("--keep failed", |s| assert_eq!(s.keep, Keep::Failed))
            .is("--keep always", |s| assert_eq!(s.keep, Keep::Always))
            .is("", |s| assert_eq!(s.keep, Keep::Never))
            .fails("--keep sometimes", "failed")
            .fails("-r --keep failed", "exclude each other"),
        row("2: --rm")
            .no_op("--rm", "--rm has no effect")
            .clean("--rm"),
        row("2: -b --bind")
            .is("-b", |s| assert_eq!(s.workspace, Workspace::Bind))
            .is("--bind", |s| assert_eq!(s.workspace, Workspace::Bind))
            .is("--workspace bind", |s| {
                assert_eq!(s.workspace, Workspace::Bind);
            })
            .fails("-b --clean", "--clean"),
        row("2: -p --pull")
            .is("push", |s| assert_eq!(s.docker.pull, Pull::Missing))
            .is("-p", |s| assert_eq!(s.docker.pull, Pull::Always))
            .is("-p=T", |s| assert_eq!(s.docker.pull, Pull::Always))
            .is("--pull=false", |s| assert_eq!(s.docker.pull, Pull::Missing))
            .is("--pull=always", |s| assert_eq!(s.docker.pull, Pull::Always))
            .is("--pull=never", |s| assert_eq!(s.docker.pull, Pull::Never))
            .fails("--pull=sometimes", "always, missing, never"),
        row("2: --rebuild")
            .is("--rebuild", |s| assert!(s.docker.rebuild))
            .is("--rebuild=false", |s| assert!(!s.docker.rebuild)),
        row("2: --network").is("--network host", |s| {
            assert_eq!(s.docker.network.as_deref(), Some("host"));
        }),
        row("2: --container-architecture").is("--container-architecture linux/amd64", |s| {
            assert_eq!(s.docker.platform.as_deref(), Some("linux/amd64"));
        }),
        row("2: --container-options")
            .is("--container-options '--dns 1.1.1.1' --container-options '--cpus 2 -e \"A=b c\"'", |s| {
                // The last one counts.
                assert!(s.docker.options.dns.is_empty());
                assert_eq!(s.docker.options.nano_cpus, Some(2_000_000_000));
                assert_eq!(s.docker.options.env[0].1.as_deref(), Some("b c"));
            })
            .fails("--container-options --nonsense", "container option '--nonsense'"),
        row("2: --container-daemon-socket")
            .is("--container-daemon-socket -", |s| assert_eq!(s.docker.socket, None))
            .is("push", |s| assert_eq!(s.docker.socket, None))
            .is("--container-daemon-socket unix:///run/d.sock", |s| {
                assert_eq!(s.docker.socket.as_deref(), Some("/run/d.sock".as_ref()));
            })
            .is("--docker-socket /run/d.sock", |s| {
                assert_eq!(s.docker.socket.as_deref(), Some("/run/d.sock".as_ref()));
            }),
        row("2: --container-cap-add, --container-cap-drop, --privileged, --userns").is(
            "--container-cap-add A --container-cap-add B --container-cap-drop C --privileged --userns host",
            |s| {
                assert_eq!(s.docker.rights.cap_add, ["A", "B"]);
                assert_eq!(s.docker.rights.cap_drop, ["C"]);
                assert!(s.docker.rights.privileged);
                assert_eq!(s.docker.rights.userns.as_deref(), Some("host"));
            },
        ),
        row("2: --use-gitignore")
            .is("--use-gitignore", |s| assert!(!s.with_ignored))
            .is("--use-gitignore=false", |s| assert!(s.with_ignored)),
        row("2: --use-new-action-cache").no_op("--use-new-action-cache", "has no effect"),
    ]
}

fn rest() -> Vec<Row> {
    vec![
        row("2: --local-repository")
            .file("repo/mine/action.yml", "")
            .is("--local-repository o/r@v1=mine", |s| {
                let one = &s.local_repositories[0];
                assert_eq!(
                    (one.repository.as_str(), one.git_ref.as_str()),
                    ("o/r", "v1")
                );
                assert!(one.folder.ends_with("repo/mine") && one.host.is_none());
            })
            .is(
                "--local-repository https://example.com/o/r@feature/x=mine",
                |s| {
                    let one = &s.local_repositories[0];
                    assert_eq!(one.host.as_deref(), Some("example.com"));
                    assert_eq!(one.git_ref, "feature/x");
                },
            )
            .fails("--local-repository o/r=mine", "OWNER/REPO@REF=FOLDER")
            .fails("--local-repository o/r@v1=none", "not a folder"),
        row("7: XDG_CACHE_HOME")
            .variable("XDG_CACHE_HOME", if cfg!(windows) { "C:\\x" } else { "/x" })
            .is("push", |s| {
                assert!(s.cache_dir.ends_with("lrun") && !s.cache_dir.ends_with(".cache/lrun"));
            }),
        row("7: NORAW, ACT_DISABLE_VERSION_CHECK")
            .variable("NORAW", "1")
            .variable("ACT_DISABLE_VERSION_CHECK", "1")
            .clean("push"),
        row("7: gh auth token only when asked")
            .is("push", |s| assert!(!s.token_from_gh))
            .is("--github-token gh", |s| assert!(s.token_from_gh))
            .fails("--github-token abc", "takes gh"),
        row("7: ACTIONS_CACHE_URL by --env only")
            .variable("ACTIONS_CACHE_URL", "http://x")
            .is("push", |s| assert!(s.env.is_empty()))
            .is("--env ACTIONS_CACHE_URL", |s| {
                assert_eq!(s.env["ACTIONS_CACHE_URL"], "http://x");
            }),
        row("7: file names of a pre-commit hook")
            .fails("-q -j lint src/a.rs b.py", "pass_filenames: false")
            .fails("push Makefile", "pass_filenames: false"),
    ]
}

/// Where actions come from.
fn remote() -> Vec<Row> {
    vec![
        row("2: --action-offline-mode asks for nothing that is cached")
            .is("--action-offline-mode", |s| {
                assert!(s.action_offline && !s.offline);
            })
            .is("", |s| assert!(!s.action_offline)),
        row("2: --action-cache-path holds lrun's cache below it").is(
            "--action-cache-path /elsewhere",
            |s| {
                assert!(s.cache_dir.ends_with("elsewhere/lrun"));
            },
        ),
        row("2: --no-skip-checkout runs the real checkout")
            .is("--no-skip-checkout", |s| assert!(s.real_checkout))
            .is("", |s| assert!(!s.real_checkout)),
        row("2: --github-instance is the one way to another server")
            .is("--github-instance git.example.org", |s| {
                assert_eq!(s.github_instance.as_deref(), Some("git.example.org"));
            }),
        row("2: --replace-ghe-action-with-github-com and --replace-ghe-action-token-with-github-com").is(
            "--replace-ghe-action-with-github-com o/a --replace-ghe-action-with-github-com o/b \
             --replace-ghe-action-token-with-github-com t",
            |s| {
                assert_eq!(s.from_github, ["o/a", "o/b"]);
                assert_eq!(s.from_github_token.as_deref(), Some("t"));
            },
        ),
    ]
}

/// Artifacts and caches.
fn services() -> Vec<Row> {
    let address = "address of its own and a free port";
    vec![
        row("2: --artifact-server-path lays artifacts, from the calling folder")
            .folder("repo/sub")
            .is("--artifact-server-path out", |s| {
                assert!(s.services.laid.as_ref().unwrap().ends_with("repo/sub/out"));
            })
            .is("", |s| assert!(s.services.laid.is_none())),
        row("2: --artifact-server-addr, --artifact-server-port")
            .no_op("--artifact-server-addr 0.0.0.0", address)
            .no_op("--artifact-server-port 34567", address),
        row("2: --no-cache-server")
            .is("--no-cache-server", |s| assert!(s.services.no_caches))
            .is("--no-cache-server=false", |s| {
                assert!(!s.services.no_caches);
            }),
        row("2: --cache-server-path holds lrun's store below it")
            .is("--cache-server-path /elsewhere", |s| {
                assert!(s.services.caches.ends_with("elsewhere/lrun"));
            })
            .is("", |s| assert!(s.services.caches.ends_with("lrun/caches"))),
        row("2: --cache-server-addr, --cache-server-port")
            .no_op("--cache-server-addr 0.0.0.0", address)
            .no_op("--cache-server-port 1", address),
        row("2: --cache-server-external-url")
            .is("--cache-server-external-url http://c:1/x", |s| {
                let url = s.services.external_cache.as_deref();
                assert_eq!(url, Some("http://c:1/x/"));
            })
            .fails("--cache-server-external-url c:1", "is no URL"),
        row("caches are limited")
            .is("", |s| {
                assert_eq!(s.services.limits.bytes, 10_000_000_000);
                assert_eq!(s.services.limits.days, Some(7));
            })
            .is("--cache-size 1GiB --cache-days 0", |s| {
                assert_eq!(s.services.limits.bytes, 1 << 30);
                assert_eq!(s.services.limits.days, None);
            })
            .fails("--cache-size much", "is no size"),
        row("tokens of identity are asked for")
            .is("", |s| assert!(s.services.oidc.is_none()))
            .is("--oidc", |s| {
                assert_eq!(s.services.oidc.as_deref(), Some(""));
            })
            .is("--oidc=false", |s| assert!(s.services.oidc.is_none()))
            .is("--oidc=https://i.example", |s| {
                assert_eq!(s.services.oidc.as_deref(), Some("https://i.example"));
            })
            .fails("--oidc=i.example", "is no issuer"),
    ]
}

/// Flags that a later version brings: an error when typed, a warning in `.actrc`.
fn later() -> Vec<Row> {
    vec![
        row("2: a flag that is not built yet")
            .file("repo/.actrc", "--watch\n")
            .warns("push", ".actrc:1: `--watch` is not built yet")
            .fails("-w", "`--watch` is not built yet"),
    ]
}
