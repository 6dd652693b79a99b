//! `lrun artifacts`: what runs left, listed, looked into, taken out.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use indicatif::DecimalBytes;
use serde_json::{Value, json};

use super::environment::Environment;
use super::error::CliError;
use super::list::aligned;
use super::near::nearest;
use super::project;
use super::settings::Settings;
use crate::server::artifact::store::{Artifact, RunFolder, clear};
use crate::server::artifact::unzip;

/// Runs that are listed where none is named.
const MOST_RUNS: usize = 20;

/// Does what the words ask for; gives the text, or JSON.
pub fn run(
    settings: &Settings,
    environment: &Environment,
    words: &[String],
) -> Result<String, CliError> {
    let folder = settings.runs_folder();
    clear(&folder);
    let runs = runs(settings, environment, &folder)?;
    let Some((wanted, names)) = words.split_first() else {
        if settings.extract.is_some() || settings.open {
            return Err(CliError::new("whose artifacts? No run is named")
                .hint("`lrun artifacts latest --extract FOLDER`, or the id of a run"));
        }
        return Ok(list(settings, &runs));
    };
    let run = find(&runs, wanted)?;
    let artifacts = chosen(run, names)?;
    if let Some(folder) = &settings.extract {
        return extract(&artifacts, folder, settings.json);
    }
    if settings.open {
        return open(&artifacts);
    }
    if settings.json {
        let all: Vec<Value> = artifacts
            .iter()
            .map(|it| json_of(it, run, !names.is_empty()))
            .collect::<Result<_, _>>()?;
        return Ok(format!("{:#}\n", Value::Array(all)));
    }
    if names.is_empty() {
        return Ok(shown(&artifacts));
    }
    contents(&artifacts)
}

/// The runs of this repository that have artifacts, the newest first.
fn runs(
    settings: &Settings,
    environment: &Environment,
    folder: &Path,
) -> Result<Vec<RunFolder>, CliError> {
    let mut runs = RunFolder::all(folder);
    if !settings.all {
        let project = project::key_of(settings, environment)?;
        runs.retain(|run| run.info.project == project);
    }
    runs.retain(|run| !run.artifacts().is_empty());
    Ok(runs)
}

/// A run by its id, by the end of one, or the newest.
fn find<'r>(runs: &'r [RunFolder], wanted: &str) -> Result<&'r RunFolder, CliError> {
    let none = || {
        CliError::new("no run of this repository has artifacts")
            .hint("`lrun artifacts --all` looks at those of all repositories")
    };
    if wanted == "latest" {
        return runs.first().ok_or_else(none);
    }
    if runs.is_empty() {
        return Err(none());
    }
    if let Some(run) = runs.iter().find(|run| run.info.id == wanted) {
        return Ok(run);
    }
    let ending: Vec<&RunFolder> = runs
        .iter()
        .filter(|run| run.info.id.ends_with(wanted))
        .collect();
    match ending.as_slice() {
        [run] => Ok(run),
        [] => Err(CliError::new(format!("no run {wanted} has artifacts"))
            .did_you_mean(nearest(wanted, runs.iter().map(|run| run.info.id.as_str())))
            .hint("`lrun artifacts` lists the runs that have; `latest` is the newest")),
        [one, other, ..] => Err(CliError::new(format!(
            "{wanted} may be the run {} or {}",
            one.info.id, other.info.id
        ))),
    }
}

fn chosen(run: &RunFolder, names: &[String]) -> Result<Vec<Artifact>, CliError> {
    let all = run.artifacts();
    if names.is_empty() {
        return Ok(all);
    }
    let mut found = Vec::new();
    for name in names {
        let before = found.len();
        found.extend(all.iter().filter(|it| it.name == *name).cloned());
        if found.len() == before {
            let known = all.iter().map(|it| it.name.as_str());
            return Err(
                CliError::new(format!("the run {} has no artifact {name:?}", run.info.id))
                    .did_you_mean(nearest(name, known.clone()))
                    .hint(format!("it has {}", known.collect::<Vec<_>>().join(", "))),
            );
        }
    }
    Ok(found)
}

fn list(settings: &Settings, runs: &[RunFolder]) -> String {
    if settings.json {
        let all: Vec<Value> = runs
            .iter()
            .flat_map(|run| {
                let artifacts = run.artifacts();
                artifacts
                    .into_iter()
                    .map(|it| about(&it, run))
                    .collect::<Vec<_>>()
            })
            .collect();
        return format!("{:#}\n", Value::Array(all));
    }
    if runs.is_empty() {
        return "no artifacts\n".to_owned();
    }
    let head = ["RUN", "EVENT", "STARTED", "ARTIFACT", "SIZE", "WORKFLOW"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for run in runs.iter().take(MOST_RUNS) {
        for artifact in run.artifacts() {
            rows.push(vec![
                run.info.id.clone(),
                run.info.event.clone(),
                when(run.info.started),
                artifact.name.clone(),
                DecimalBytes(artifact.size).to_string(),
                artifact.workflow.clone(),
            ]);
        }
    }
    let mut text = aligned(&rows, "");
    if runs.len() > MOST_RUNS {
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "and those of {} older runs; --json lists all",
            runs.len() - MOST_RUNS
        );
    }
    text
}

fn shown(artifacts: &[Artifact]) -> String {
    let head = ["ARTIFACT", "SIZE", "WORKFLOW", "EXPIRES", "PLACE"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(artifacts.iter().map(|artifact| {
        vec![
            artifact.name.clone(),
            DecimalBytes(artifact.size).to_string(),
            artifact.workflow.clone(),
            artifact.expires.map_or_else(|| "never".to_owned(), when),
            artifact.content().display().to_string(),
        ]
    }));
    aligned(&rows, "")
}

/// What named artifacts hold.
fn contents(artifacts: &[Artifact]) -> Result<String, CliError> {
    let mut text = String::new();
    for artifact in artifacts {
        let files = unzip::list(artifact).map_err(|error| broken(artifact, &error))?;
        let mut rows = vec![vec!["SIZE".to_owned(), artifact.name.clone()]];
        rows.extend(
            files
                .iter()
                .map(|file| vec![DecimalBytes(file.size).to_string(), file.path.clone()]),
        );
        text.push_str(&aligned(&rows, ""));
    }
    Ok(text)
}

fn broken(artifact: &Artifact, error: &unzip::UnzipError) -> CliError {
    CliError::new(format!("the artifact {}: {error}", artifact.name))
}

fn about(artifact: &Artifact, run: &RunFolder) -> Value {
    json!({
        "run": run.info.id,
        "repository": run.info.repository,
        "event": run.info.event,
        "started": run.info.started,
        "id": artifact.id,
        "name": artifact.name,
        "form": artifact.form,
        "size": artifact.size,
        "digest": artifact.digest,
        "workflow": artifact.workflow,
        "created": artifact.created,
        "expires": artifact.expires,
        "path": artifact.content(),
    })
}

fn json_of(artifact: &Artifact, run: &RunFolder, with_files: bool) -> Result<Value, CliError> {
    let mut value = about(artifact, run);
    if with_files {
        let files = unzip::list(artifact).map_err(|error| broken(artifact, &error))?;
        value["files"] = files
            .iter()
            .map(|file| json!({"path": file.path, "size": file.size}))
            .collect();
    }
    Ok(value)
}

/// One artifact into the folder itself, several into folders of their names, as download-artifact does; those of one name into
/// folders of their workflows.
fn extract(artifacts: &[Artifact], folder: &Path, json: bool) -> Result<String, CliError> {
    let mut text = String::new();
    let mut all = Vec::new();
    for artifact in artifacts {
        let of_name = artifacts.iter().filter(|it| it.name == artifact.name);
        let place = match artifacts {
            [_] => folder.to_owned(),
            // Of two workflows.
            _ if of_name.count() > 1 => {
                let workflow = Path::new(&artifact.workflow).file_stem();
                folder
                    .join(workflow.unwrap_or_default())
                    .join(&artifact.name)
            }
            _ => folder.join(&artifact.name),
        };
        let files = unzip::extract(artifact, &place).map_err(|error| {
            let wrong = broken(artifact, &error);
            match error {
                unzip::UnzipError::Exists(_) => {
                    wrong.hint("name another folder, or empty this one")
                }
                _ => wrong,
            }
        })?;
        all.push(json!({"name": artifact.name, "path": place, "files": files}));
        // Writing to a text does not fail.
        let _ = writeln!(
            text,
            "{}: {files} {} in {}",
            artifact.name,
            if files == 1 { "file" } else { "files" },
            place.display()
        );
    }
    if json {
        return Ok(format!("{:#}\n", Value::Array(all)));
    }
    Ok(text)
}

/// Hands artifacts to the desktop.
fn open(artifacts: &[Artifact]) -> Result<String, CliError> {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else {
        "xdg-open"
    };
    let mut text = String::new();
    for artifact in artifacts {
        let path = artifact.content();
        let status = Command::new(program)
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        let wrong = match status {
            Ok(status) if status.success() => None,
            Ok(status) => Some(format!("`{program}` failed ({status})")),
            Err(error) => Some(format!("`{program}` can not be started: {error}")),
        };
        if let Some(wrong) = wrong {
            return Err(CliError::new(wrong).hint(format!("the artifact is {}", path.display())));
        }
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}", path.display());
    }
    Ok(text)
}

/// A time as people of this place read it.
pub fn when(time: jiff::Timestamp) -> String {
    let zoned = time.to_zoned(jiff::tz::TimeZone::system());
    zoned.strftime("%Y-%m-%d %H:%M").to_string()
}
