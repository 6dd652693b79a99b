//! Dockerfiles that only `BuildKit` builds: the engine's own client does it, where it is here.
//!
//! `BuildKit` is spoken to over a session of its own, which its clients hold; the engine's plain `/build` refuses what
//! these files ask for.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;

use indexmap::IndexMap;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::build::Recipe;
use super::sweep::LABEL_TOOLS;
use super::{DockerError, Engine};
use crate::plan::container::ImageName;

/// Options of instructions that the classic builder does not know (Docker: Dockerfile reference).
const OPTIONS: [(&str, &[&str]); 3] = [
    ("RUN", &["--mount", "--network", "--security", "--device"]),
    ("COPY", &["--link", "--parents", "--exclude", "--chmod"]),
    (
        "ADD",
        &[
            "--link",
            "--checksum",
            "--keep-git-dir",
            "--exclude",
            "--chmod",
        ],
    ),
];

/// What in a Dockerfile only `BuildKit` knows, with its line.
pub(super) fn needs_buildkit(text: &str) -> Option<(usize, String)> {
    let mut starts = true;
    let mut goes_on = false;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        let found = |what: &str| Some((number + 1, what.to_owned()));
        if let Some(comment) = line.strip_prefix('#') {
            // A directive stands above everything else.
            let name = comment.split('=').next().unwrap_or_default().trim();
            if starts && comment.contains('=') && name.eq_ignore_ascii_case("syntax") {
                return found(line);
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        starts = false;
        let mut words = line.split_whitespace();
        let is_instruction = !std::mem::replace(&mut goes_on, line.ends_with('\\'));
        let Some(instruction) = words.next().filter(|_| is_instruction) else {
            continue;
        };
        let options = OPTIONS
            .iter()
            .find(|(name, _)| instruction.eq_ignore_ascii_case(name));
        let Some((name, options)) = options else {
            continue;
        };
        for word in words.clone().take_while(|word| word.starts_with("--")) {
            let option = word.split('=').next().unwrap_or(word);
            if options.contains(&option) {
                return found(&format!("{name} {option}"));
            }
        }
        if words.clone().any(is_here_document) {
            return found(&format!("{name} <<"));
        }
    }
    None
}

/// `<<EOF`, `<<-"EOF"`; not a here-string, and not a shift.
fn is_here_document(word: &str) -> bool {
    word.strip_prefix("<<").is_some_and(|name| {
        let name = name.trim_start_matches('-').trim_start_matches(['"', '\'']);
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    })
}

/// The engine's client, with what it is to be told.
#[derive(Debug)]
pub(super) struct Client<'a> {
    pub engine: &'a Engine,
    /// lrun's own environment.
    pub env: &'a IndexMap<OsString, OsString>,
}

impl Client<'_> {
    /// Builds an image and tells each line of the log.
    pub(super) async fn build(
        &self,
        recipe: &Recipe,
        image: &ImageName,
        why: (usize, String),
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<(), DockerError> {
        let dockerfile = recipe.folder.join(&recipe.dockerfile).display().to_string();
        let fail = |reason: String| DockerError::Build {
            dockerfile: format!("{dockerfile}:{}", why.0),
            reason,
        };
        let mut command = self.command("docker");
        command
            .args(["build", "--progress", "plain", "--label"])
            .arg(format!("{LABEL_TOOLS}=true"))
            .args(["-t", image.as_str(), "-f"])
            .arg(recipe.folder.join(&recipe.dockerfile));
        if let Some(platform) = &recipe.platform {
            command.args(["--platform", platform]);
        }
        command.arg(&recipe.folder);
        let child = command.spawn();
        let mut child = child.map_err(|error| {
            fail(format!(
                "'{}' takes BuildKit, and docker's own client, which speaks to it, can not be started ({error}): install it with buildx",
                why.1
            ))
        })?;
        let mut last = String::new();
        if let Some(log) = child.stderr.take() {
            let mut lines = BufReader::new(log).lines();
            while let Some(line) = lines.next_line().await.map_err(file(&dockerfile))? {
                say(&line);
                // Its client says so last, and then at length where to read more.
                if line.starts_with("ERROR") || last.is_empty() {
                    last = line;
                }
            }
        }
        let ended = child.wait().await.map_err(file(&dockerfile))?;
        if ended.success() {
            Ok(())
        } else {
            Err(fail(format!("'{}' takes BuildKit: {last}", why.1)))
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.env)
            .env("DOCKER_BUILDKIT", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A remote engine it finds as lrun did, with the keys that belong to it.
        if self.engine.is_local() {
            command
                .env("DOCKER_HOST", &self.engine.address)
                .env_remove("DOCKER_CONTEXT");
        }
        command
    }
}

fn file(path: &str) -> impl Fn(io::Error) -> DockerError + '_ {
    |source| DockerError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_buildkit_knows_is_found_with_its_line() {
        let table = [
            (
                "# syntax=docker/dockerfile:1\nFROM a",
                Some((1, "# syntax=docker/dockerfile:1")),
            ),
            ("FROM a\n# syntax=docker/dockerfile:1", None),
            (
                "FROM a\nRUN --mount=type=cache,target=/x make",
                Some((2, "RUN --mount")),
            ),
            (
                "FROM a\nrun --network=none make",
                Some((2, "RUN --network")),
            ),
            ("FROM a\nRUN make --mount=x", None),
            ("FROM a\nRUN make \\\n  RUN --mount=x", None),
            (
                "FROM a\nCOPY --chown=1 --link a b",
                Some((2, "COPY --link")),
            ),
            ("FROM a\nCOPY --from=b --chown=1 a b", None),
            ("FROM a\nRUN cat <<EOF > /x\nhi\nEOF", Some((2, "RUN <<"))),
            ("FROM a\nRUN cat <<< word && echo $((1 << 2)) << 3", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|(line, what): (usize, &str)| (line, what.to_owned()));
            assert_eq!(needs_buildkit(text), expected, "{text}");
        }
    }
}
