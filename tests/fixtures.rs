//! Runs every example of `fixtures/` on the host, by the command in its head, and compares with the output beside it.
//!
//! `LRUN_BLESS=1 cargo test --test fixtures` writes the outputs anew.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "cli/events.rs"]
#[expect(dead_code, reason = "the builder's other half is for tests of events")]
mod events;
#[path = "cli/lrun.rs"]
#[expect(dead_code, reason = "a fixture needs a part of the builder")]
mod lrun;
#[path = "cli/redactor.rs"]
mod redactor;
#[path = "cli/tool.rs"]
#[expect(dead_code, reason = "fixtures are named by their files")]
mod tool;
#[path = "docker/world.rs"]
#[expect(dead_code, reason = "fixtures need a part of it")]
mod world;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};

use lrun::Lrun;

/// A workflow with the command that runs it.
#[derive(Debug, Clone)]
struct Fixture {
    path: PathBuf,
    command: String,
    /// Names of the images that it needs in an engine; the tests say which these are.
    images: Vec<String>,
    /// It takes long, or needs a program that is not here.
    ignored: bool,
}

fn main() {
    let arguments = Arguments::from_args();
    let trials = fixtures().into_iter().map(|fixture| {
        let name = fixture
            .path
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let ignored = fixture.ignored;
        Trial::test(name, move || run(&fixture)).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every workflow under `fixtures/` whose head has a `# Run:` line.
fn fixtures() -> Vec<Fixture> {
    let mut found = Vec::new();
    for folder in ["fixtures/workflows", "fixtures/reusable/.github/workflows"] {
        for entry in fs::read_dir(home().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yml") {
                found.extend(Fixture::read(path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

impl Fixture {
    fn read(path: PathBuf) -> Option<Self> {
        let text = fs::read_to_string(&path).unwrap();
        let head = || text.lines().map_while(|line| line.strip_prefix("# "));
        let command = head()
            .find_map(|line| line.strip_prefix("Run: lrun "))?
            .to_owned();
        let slow = head().any(|line| line.starts_with("Slow: "));
        let missing = head()
            .filter_map(|line| line.strip_prefix("With: "))
            .any(|tool| !tool::is_here(tool));
        let images: Vec<String> = head()
            .filter_map(|line| line.strip_prefix("Images: "))
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect();
        let no_engine = !images.is_empty() && world::missing().is_some();
        Some(Self {
            path,
            command,
            images,
            ignored: slow || missing || no_engine,
        })
    }
}

fn run(fixture: &Fixture) -> Result<(), Failed> {
    let mut lrun = Lrun::new();
    for (path, content) in tree(&home().join("fixtures")) {
        lrun = lrun.file(&format!("fixtures/{path}"), &content);
    }
    lrun.git(&["config", "core.fileMode", "true"]);
    make_executable(&lrun.root().join("fixtures/actions/greet/say.sh"));
    let lrun = lrun.commit();
    let mut words = shell_words::split(&fixture.command)?;
    let mut lrun = lrun;
    if !fixture.images.is_empty() {
        lrun = lrun.env("LRUN_BACKEND", "docker");
        words.push(format!("--platform=ubuntu-latest={}", world::base()));
    }
    for name in &fixture.images {
        let image = match name.as_str() {
            "BASE" => world::base(),
            "WEB" => world::web(),
            _ => world::tiny(),
        };
        words.push(format!("--var={name}={image}"));
    }
    let ended = lrun.words(words).run();
    let mut log = ended.stdout.clone();
    if !fixture.images.is_empty() {
        log = settled(&log);
    }
    let mut found = by_job(&log);
    if ended.code != Some(0) {
        _ = writeln!(found, "exit code {}", ended.code.unwrap_or(-1));
    }
    compare(&fixture.path.with_extension("out"), &found, &ended.stderr)
}

/// A log without what depends on the engine: the names of images, how they were built, how long a service took.
fn settled(log: &str) -> String {
    let mut log = log.to_owned();
    for (image, name) in [
        (world::base(), "BASE"),
        (world::web(), "WEB"),
        (world::tiny(), "TINY"),
    ] {
        log = log.replace(&image, name);
    }
    let is_settled = |line: &&str| {
        let text = line.split_once("] ").map_or(*line, |(_, text)| text);
        !text.starts_with("  ")
            && !text.contains("Build container")
            && !text.contains("service is starting")
            || !line.starts_with('[')
    };
    let kept: Vec<&str> = log.lines().filter(is_settled).collect();
    kept.join("\n") + "\n"
}

/// The files of a folder, outputs aside.
fn tree(folder: &Path) -> Vec<(String, String)> {
    ignore::WalkBuilder::new(folder)
        .hidden(false)
        .build()
        .map(Result::unwrap)
        .filter(|entry| entry.path().is_file())
        .filter(|entry| !entry.path().starts_with(folder.join("invalid")))
        .filter(|entry| entry.path().extension().is_none_or(|it| it != "out"))
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).unwrap();
            let path = path.to_str().unwrap().to_owned();
            (path, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[cfg(unix)]
fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn make_executable(_: &Path) {}

/// The log with the lines of each job together: jobs at once take turns as they like.
fn by_job(log: &str) -> String {
    let (jobs, rest): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| line.starts_with('['));
    let mut jobs: Vec<(&str, &str)> = jobs
        .into_iter()
        .map(|line| (line.split("] ").next().unwrap_or(line), line))
        .collect();
    jobs.sort_by_key(|(job, _)| *job);
    let lines = jobs.into_iter().map(|(_, line)| line);
    let (first, summary) = rest.split_at(1.min(rest.len()));
    let mut text = String::new();
    for line in first
        .iter()
        .copied()
        .chain(lines)
        .chain(sorted_rows(summary))
    {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The summary with its jobs by name.
fn sorted_rows<'a>(summary: &[&'a str]) -> Vec<&'a str> {
    let mut lines = summary.to_vec();
    let Some(start) = lines.iter().position(|line| *line == "Summary") else {
        return lines;
    };
    let rows = lines[start + 1..]
        .iter()
        .take_while(|line| line.starts_with("  "))
        .count();
    lines[start + 1..=start + rows].sort_by_key(|line| {
        line.split_once(' ')
            .map(|(_, rest)| rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()))
    });
    lines
}

fn compare(path: &Path, found: &str, stderr: &str) -> Result<(), Failed> {
    if std::env::var_os("LRUN_BLESS").is_some() {
        return Ok(fs::write(path, found)?);
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    Err(format!("--- expected\n{expected}--- found\n{found}--- stderr\n{stderr}---").into())
}
