//! `.actrc`, `.secrets`, `.env`, `.vars` and `.input` as people have them.

use crate::world::{Row, row};

pub fn rows() -> Vec<Row> {
    [actrc(), dotenv(), yaml()].into_iter().flatten().collect()
}

const ACT_RC: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/act/actrc"
} else {
    "config/act/actrc"
};

fn actrc() -> Vec<Row> {
    vec![
        row("3: three places and the root's own")
            .file(ACT_RC, "-P a=1\n-P b=1\n-P c=1\n-P d=1")
            .file(".actrc", "-P b=2\n-P c=2\n-P d=2")
            .file("repo/.actrc", "-P c=3\n-P d=3")
            .file("repo/sub/.actrc", "-P d=4")
            .folder("repo/sub")
            .is("push", |s| {
                let targets: Vec<String> = s
                    .platforms
                    .iter()
                    .map(|platform| format!("{:?}", platform.target))
                    .collect();
                assert_eq!(
                    targets,
                    [
                        "Image(\"1\")",
                        "Image(\"2\")",
                        "Image(\"3\")",
                        "Image(\"4\")"
                    ]
                );
            }),
        row("3: other lines are skipped, with a warning unless blank or comment")
            .file("repo/.actrc", "# c\r\n\r\npush\r\n  -a me\r\n")
            .is("push", |s| {
                assert_eq!(s.actor.as_deref(), Some("me"));
                assert_eq!(s.notices.len(), 1);
            })
            .warns("push", ".actrc:3: skipped"),
        row("3: a line is cut at its first blank")
            .file(
                "repo/.actrc",
                "--env A=1 --env B=2\n--env\tC=3\n--env=D=4\n--env  E=5\n",
            )
            .is("push", |s| {
                assert_eq!(s.env["A"], "1 --env B=2");
                assert_eq!((s.env["C"].as_str(), s.env["D"].as_str()), ("3", "4"));
                assert_eq!(s.env["E"], "5");
            }),
        row("3: booleans may follow a boolean")
            .file("repo/.actrc", "-b -v -q\n")
            .is("push", |s| assert!(s.verbose && s.quiet))
            .clean("push"),
        row("3: quotes are part of a value")
            .file("repo/.actrc", "--env A=\"x\"\n")
            .is("push", |s| assert_eq!(s.env["A"], "\"x\""))
            .warns("push", "the quotes are part of the value"),
        row("3: a comment behind a value is part of it, behind a boolean not")
            .file("repo/.actrc", "--env A=x # y\n--verbose # loud\n")
            .is("push", |s| {
                assert_eq!(s.env["A"], "x # y");
                assert!(s.verbose);
            })
            .is("", |s| assert!(s.event.is_none())),
        row("3: true and false behind a boolean")
            .file("repo/.actrc", "--verbose false\n--json true\n")
            .is("", |s| assert!(!s.verbose && s.json && s.event.is_none()))
            .warns("", "--verbose=false"),
        row("3: variables are filled in")
            .variable("WHO", "me")
            .file("repo/.actrc", "-a $WHO-${WHO}$$$NOBODY\n")
            .is("push", |s| assert_eq!(s.actor.as_deref(), Some("me-me")))
            .warns("push", "$NOBODY is not set"),
        row("3: a leading ~/ is the home")
            .file("mine", "A=1")
            .file("repo/.actrc", "--secret-file ~/mine\n")
            .is("push", |s| assert_eq!(s.secrets["A"].expose(), "1")),
        row("3: relative paths count from -C")
            .file("repo/sub/.actrc", "--secret-file mine\n")
            .file("repo/sub/mine", "A=1")
            .is("-C sub push", |s| assert_eq!(s.secrets["A"].expose(), "1")),
        row("3: an unknown flag is a warning")
            .file("repo/.actrc", "--nonsense x\n-a me\n")
            .is("push", |s| assert_eq!(s.actor.as_deref(), Some("me")))
            .warns("push", ".actrc:1: unknown flag `--nonsense`"),
        row("3: a wrong value is a warning")
            .file(
                "repo/.actrc",
                "-e none.json\n--concurrent-jobs many\n--backend moon\n--input a\n",
            )
            .warns("push", ".actrc:1: cannot read the event file")
            .warns("push", ".actrc:2:")
            .warns("push", ".actrc:3: `--backend` takes auto, docker, host")
            .warns("push", ".actrc:4:"),
    ]
}

fn dotenv() -> Vec<Row> {
    vec![
        row("4: names and bare values")
            .file(
                "repo/.secrets",
                "\u{feff}A=v\r\nB: v\r\nexport C=v\r\n D = v \r\ne.f_1=v\r\n\r\n# c\r\nA=last\r\n",
            )
            .is("push", |s| {
                assert_eq!(
                    s.secrets.keys().collect::<Vec<_>>(),
                    ["B", "C", "D", "E.F_1", "A"]
                );
                assert_eq!(s.secrets["A"].expose(), "last");
                assert_eq!(s.secrets["D"].expose(), "v");
            }),
        row("4: comments and backslashes of bare values")
            .file("repo/.env", "A=a #b\nB=a#b\nC=a\\nb\nD=a'b\"c\n")
            .is("push", |s| {
                let values: Vec<&str> = s.found_env.values().map(String::as_str).collect();
                assert_eq!(values, ["a", "a#b", "a\\nb", "a'b\"c"]);
            }),
        row("4: quoted values")
            .file(
                "repo/.vars",
                "A=\"x\ny\" # c\nB=\"a\\nb\\\"\\\\\\$\\t\"\nC='x\n$A \\n'\n",
            )
            .is("push", |s| {
                let values: Vec<&str> = s.vars.values().map(String::as_str).collect();
                assert_eq!(values, ["x\ny", "a\nb\"\\$t", "x\n$A \\n"]);
            }),
        row("4: names of lines above")
            .variable("HOME_", "x")
            .file(
                "repo/.env",
                "A=1\nB=$A${A}\nC=pa$word\nD=pa$WORD\nE=\\$A\nF=$HOME_\n",
            )
            .is("push", |s| {
                let values: Vec<&str> = s.found_env.values().map(String::as_str).collect();
                assert_eq!(values, ["1", "11", "pa$word", "pa$WORD", "$A", "$HOME_"]);
            })
            .warns("push", ".env:4: no line above sets $WORD")
            .warns("push", ".env:6: no line above sets $HOME_"),
        row("4: what cannot be read")
            .file("repo/no-sign", "A=1\nhunter2\n")
            .file("repo/bad-name", "A-B=hunter2\n")
            .file("repo/brace", "{\"A\": 1}\n")
            .file("repo/open", "\nA=\"hunter2\n")
            .file("repo/behind", "A='x' hunter2\n")
            .fails("--secret-file no-sign", "no-sign:2: a line without `=`")
            .fails(
                "--secret-file bad-name",
                "bad-name:1: `-` cannot stand in a name",
            )
            .fails("--secret-file brace", "brace:1: `{` cannot stand in a name")
            .fails(
                "--secret-file open",
                "open:2: the quote of `A` is not closed",
            )
            .fails(
                "--secret-file behind",
                "behind:1: only a comment may follow",
            ),
        row("4: names that differ only by case")
            .file("repo/mine", "Token=1\nTOKEN=2\n")
            .fails(
                "--secret-file mine",
                "mine:2: `Token` and `TOKEN` differ only by case",
            )
            .fails("--var-file mine", "differ only by case")
            .is("--env-file mine", |s| assert_eq!(s.env.len(), 2)),
        row("4: looked for in the root")
            .file("repo/.input", "a=root")
            .file("repo/sub/.input", "a=sub")
            .folder("repo/sub")
            .is("push", |s| assert_eq!(s.inputs["a"].value, "root")),
        row("4: --secret-file .env makes every value a secret")
            .file("repo/.env", "a=1\nb=2\n")
            .is("--secret-file .env", |s| assert_eq!(s.secrets.len(), 2)),
        row("4: a folder called .env is none of these")
            .file("repo/.env/bin/activate", "")
            .clean("push"),
    ]
}

fn yaml() -> Vec<Row> {
    vec![
        row("4: a YAML map, as written")
            .file(
                "repo/mine.yml",
                "a: 010\nb: 1.10\nc: yes\nd: 2024-01-02\ne: null\nf: ~\ng: |\n  x\n  y\nh: \"q\"\n",
            )
            .is("--var-file mine.yml", |s| {
                let values: Vec<&str> = s.vars.values().map(String::as_str).collect();
                assert_eq!(
                    values,
                    ["010", "1.10", "yes", "2024-01-02", "", "", "x\ny\n", "q"]
                );
            }),
        row("4: a YAML map is flat")
            .file("repo/mine.yaml", "a: 1\nb:\n  - hunter2\n")
            .fails(
                "--secret-file mine.yaml",
                "mine.yaml:3: `b` is a map or a list",
            ),
        row("4: .yaml that is no map")
            .file("repo/mine.yaml", "hunter2\n")
            .fails("--secret-file mine.yaml", "mine.yaml:1: expected a map"),
    ]
}
