//! Types the settings that say what runs where: workflows, labels, legs, payload, local repositories.

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::command::CommandKind;
use super::error::CliError;
use super::near::nearest;
use super::settings::{Format, LocalRepository, Payload, Platform, PlatformTarget, WorkflowChoice};
use super::sources::{Assignment, Sources};
use crate::executor::docker::Pull;
use crate::plan::container::ContainerOptions;
use crate::run::{DockerOptions, Rights};

/// Which form the output has; each command knows its own.
pub fn format(sources: &Sources, kind: CommandKind) -> Result<Format, CliError> {
    let Some(asked) = sources.scalar("format") else {
        return Ok(if sources.is_on("json") {
            Format::Json
        } else {
            Format::Text
        });
    };
    let known: &[&str] = match kind {
        CommandKind::Graph => &["text", "mermaid", "dot", "json"],
        CommandKind::Check | CommandKind::Lock => &["text", "json", "sarif", "github"],
        _ => {
            return Ok(if sources.is_on("json") {
                Format::Json
            } else {
                Format::Text
            });
        }
    };
    if !known.contains(&asked.value.as_str()) {
        return Err(CliError::new(format!(
            "`--format {}` is not one of {}",
            asked.value,
            known.join(", ")
        )));
    }
    Ok(match asked.value.as_str() {
        "json" => Format::Json,
        "sarif" => Format::Sarif,
        "github" => Format::Github,
        "mermaid" => Format::Mermaid,
        "dot" => Format::Dot,
        _ => Format::Text,
    })
}

/// Which image serves which label; the later mapping of a label wins, an empty one takes it away.
pub fn platforms(sources: &mut Sources) -> Result<Vec<Platform>, CliError> {
    let mut platforms: Vec<Platform> = Vec::new();
    for asked in owned(sources, "platform") {
        let parts = asked.value.split_once('=');
        let parts = parts.filter(|_| !asked.value.contains(char::is_whitespace));
        let Some((label, image)) =
            parts.filter(|(label, image)| !label.is_empty() && !image.contains('='))
        else {
            let error = CliError::new(format!("`-P {}` is not LABEL=IMAGE", asked.value))
                .hint("one mapping a flag: `-P ubuntu-latest=IMAGE -P macos-latest=host`");
            sources.mistake(&asked.origin, error)?;
            continue;
        };
        platforms.retain(|platform| !platform.label.eq_ignore_ascii_case(label));
        let target = match image {
            "" => continue,
            "host" | "-self-hosted" => PlatformTarget::Host,
            image => PlatformTarget::Image(image.to_owned()),
        };
        platforms.push(Platform {
            label: label.to_owned(),
            target,
            from_command_line: asked.origin.is_command_line(),
        });
    }
    Ok(platforms)
}

/// Which legs stay.
pub fn matrix(sources: &mut Sources) -> Result<IndexMap<String, Vec<String>>, CliError> {
    let mut matrix: IndexMap<String, Vec<String>> = IndexMap::new();
    for asked in owned(sources, "matrix") {
        match asked.value.split_once(':') {
            Some((key, value)) if !key.is_empty() => {
                let values = matrix.entry(key.to_owned()).or_default();
                if !values.iter().any(|known| known == value) {
                    values.push(value.to_owned());
                }
            }
            _ => {
                let error = CliError::new(format!("`--matrix {}` is not KEY:VALUE", asked.value));
                sources.mistake(&asked.origin, error)?;
            }
        }
    }
    Ok(matrix)
}

/// Which folders stand for action repositories.
pub fn local_repositories(sources: &mut Sources) -> Result<Vec<LocalRepository>, CliError> {
    let mut found: Vec<LocalRepository> = Vec::new();
    for asked in owned(sources, "local-repository") {
        match local_repository(&asked) {
            Ok(one) => {
                found.retain(|known| {
                    (&known.host, &known.repository, &known.git_ref)
                        != (&one.host, &one.repository, &one.git_ref)
                });
                found.push(one);
            }
            Err(error) => sources.mistake(&asked.origin, error)?,
        }
    }
    Ok(found)
}

fn local_repository(asked: &Assignment) -> Result<LocalRepository, CliError> {
    let wrong = || {
        CliError::new(format!(
            "`--local-repository {}` is not OWNER/REPO@REF=FOLDER",
            asked.value
        ))
        .hint("or https://HOST/OWNER/REPO@REF=FOLDER")
    };
    let (name, folder) = asked.value.split_once('=').ok_or_else(wrong)?;
    let (name, git_ref) = name.rsplit_once('@').ok_or_else(wrong)?;
    let (host, repository) = match name.split_once("://") {
        Some((_, rest)) => {
            let (host, repository) = rest.split_once('/').ok_or_else(wrong)?;
            (Some(host.to_owned()), repository)
        }
        None => (None, name),
    };
    let repository = repository.trim_end_matches(".git");
    let is_repository = repository
        .split_once('/')
        .is_some_and(|(owner, repo)| !owner.is_empty() && !repo.is_empty() && !repo.contains('/'));
    if !is_repository || git_ref.is_empty() || folder.is_empty() {
        return Err(wrong());
    }
    let folder = asked.base.join(folder);
    if !folder.is_dir() {
        return Err(CliError::new(format!(
            "`{}` is not a folder",
            folder.display()
        )));
    }
    Ok(LocalRepository {
        host,
        repository: repository.to_owned(),
        git_ref: git_ref.to_owned(),
        folder,
    })
}

/// Which workflows `-W` means.
pub fn workflows(sources: &Sources, root: &Path) -> Result<WorkflowChoice, CliError> {
    let Some(asked) = sources.scalar("workflows") else {
        return Ok(WorkflowChoice::All);
    };
    let home = root.join(".github").join("workflows");
    let here = asked.path();
    let path = [here.clone(), home.join(&asked.value)]
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| no_workflow(asked, &home))?;
    if !path.is_dir() {
        return Ok(WorkflowChoice::File {
            path,
            from_command_line: asked.origin.is_command_line(),
        });
    }
    if workflow_files(&path).is_empty() {
        let mut below = Vec::new();
        below_folder(&path, 4, &mut below);
        let error = CliError::new(format!("no workflow in the folder `{}`", asked.value));
        return Err(if below.is_empty() {
            error
        } else {
            let names = below.iter().map(|path| path.display().to_string());
            error.hint(format!(
                "a folder does not mean its subfolders; below it are {}",
                names.collect::<Vec<_>>().join(", ")
            ))
        });
    }
    Ok(WorkflowChoice::Folder { path })
}

fn no_workflow(asked: &Assignment, home: &Path) -> CliError {
    let names: Vec<String> = workflow_files(home)
        .iter()
        .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .collect();
    let with_ending = format!("{}.yml", asked.value);
    let near = nearest(&asked.value, names.iter().map(String::as_str))
        .or_else(|| nearest(&with_ending, names.iter().map(String::as_str)));
    let error = CliError::new(format!("no file or folder `{}`", asked.value)).did_you_mean(near);
    if names.is_empty() {
        error
    } else {
        error.hint(format!("workflows: {}", names.join(", ")))
    }
}

/// The folder's own `*.yml` and `*.yaml`, by name.
fn workflow_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = entries(folder)
        .into_iter()
        .filter(|path| !path.is_dir())
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "yml" || end == "yaml")
        })
        .collect();
    files.sort();
    files
}

fn below_folder(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if depth == 0 || found.len() >= 10 {
        return;
    }
    let mut folders: Vec<PathBuf> = entries(folder)
        .into_iter()
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for folder in folders {
        found.extend(workflow_files(&folder));
        below_folder(&folder, depth - 1, found);
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

/// Reads the payload of `-e`, once: it may be a pipe.
pub fn payload(sources: &mut Sources) -> Result<Option<Payload>, CliError> {
    let Some(asked) = sources.scalar("eventpath").cloned() else {
        return Ok(None);
    };
    match read_payload(&asked) {
        Ok(fields) => Ok(Some(Payload {
            file: asked.path(),
            fields,
        })),
        Err(error) => {
            sources.mistake(&asked.origin, error)?;
            Ok(None)
        }
    }
}

fn read_payload(asked: &Assignment) -> Result<Map<String, Value>, CliError> {
    let name = &asked.value;
    let text = fs::read_to_string(asked.path()).map_err(|error| {
        let wrong = CliError::new(format!("cannot read the event file `{name}`: {error}"));
        if name.contains('=') {
            wrong.hint("`-e` names a file; environment variables are set by `--env NAME=VALUE`")
        } else {
            wrong
        }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match serde_json::from_str(text) {
        Ok(Value::Object(payload)) => Ok(payload),
        Ok(_) => Err(CliError::new(format!("`{name}` is not a JSON object"))),
        Err(error) => Err(CliError::new(format!("`{name}` is not JSON: {error}"))),
    }
}

/// The values of a list, apart from the sources that they warn through.
fn owned(sources: &Sources, long: &str) -> Vec<Assignment> {
    sources.list(long).cloned().collect()
}

/// What is said of containers.
pub fn docker(sources: &Sources) -> DockerOptions {
    let list = |long: &str| {
        sources
            .list(long)
            .map(|given| given.value.clone())
            .collect()
    };
    let mut options = ContainerOptions::default();
    if let Some(line) = sources.text("container-options") {
        // Both were tried when the flag was read.
        let words = shell_words::split(&line).unwrap_or_default();
        drop(options.read(words));
    }
    // act's flag means the same, but for `-`, which is what is so anyway.
    let socket = ["docker-socket", "container-daemon-socket"]
        .into_iter()
        .find_map(|long| sources.text(long))
        .filter(|socket| socket != "-")
        .map(|socket| PathBuf::from(socket.trim_start_matches("unix://")));
    DockerOptions {
        pull: match sources.text("pull").as_deref() {
            Some("always") => Pull::Always,
            Some("never") => Pull::Never,
            _ if sources.is_on("pull") => Pull::Always,
            _ => Pull::Missing,
        },
        network: sources.text("network"),
        platform: sources.text("container-architecture"),
        options,
        socket,
        rights: Rights {
            privileged: sources.is_on("privileged"),
            cap_add: list("container-cap-add"),
            cap_drop: list("container-cap-drop"),
            userns: sources.text("userns"),
        },
        rebuild: sources.is_on("rebuild"),
    }
}
