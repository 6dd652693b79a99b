//! `lrun clean`: removes what runs left in the engine and in the cache, those that still run aside.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::environment::Environment;
use super::error::CliError;
use super::settings::Settings;
use crate::executor::docker::{Cleaned, DockerError, is_over};

/// Cleans up; says what is gone, as text or as a JSON object.
pub fn run(settings: &Settings, environment: &Environment) -> Result<String, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::new(format!("can not start: {error}")))?;
    let engine = runtime.block_on(async {
        let found = super::doctor::engine(environment).await;
        match found {
            Ok(engine) => engine.clean(&is_over).await.map(Some),
            // Where no engine is, nothing of it is left.
            Err(_) => Ok(None),
        }
    });
    let engine: Option<Cleaned> = engine.map_err(|error: DockerError| {
        CliError::new(format!("can not clean up the engine: {error}"))
    })?;
    let folders = work_folders(&settings.cache_dir.join("work"));
    let found = engine.unwrap_or_default();
    if settings.json {
        let json = json!({
            "engine": engine.is_some(),
            "containers": found.swept.containers,
            "networks": found.swept.networks,
            "volumes": found.swept.volumes,
            "images": found.images,
            "folders": folders,
        });
        return Ok(format!("{json:#}\n"));
    }
    let mut text = format!(
        "removed {} containers, {} networks, {} volumes, {} images of actions, {folders} folders of runs\n",
        found.swept.containers, found.swept.networks, found.swept.volumes, found.images
    );
    if engine.is_none() {
        text.push_str("no container engine answers; `lrun doctor` says what was looked for\n");
    }
    Ok(text)
}

/// Removes the folders of runs that are over, kept ones too: those without a mark are of runs that had no containers, and are
/// removed by their own watchdog.
fn work_folders(work: &Path) -> usize {
    let entries = fs::read_dir(work).into_iter().flatten().flatten();
    let marks = entries.map(|entry| entry.path()).filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "alive")
    });
    let mut removed = 0;
    for mark in marks.filter(|mark| is_over(mark)) {
        let folder = mark.with_extension("");
        let gone = match fs::remove_dir_all(&folder) {
            Ok(()) => {
                removed += 1;
                true
            }
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        if gone {
            // Somebody else may have cleaned up, too.
            drop(fs::remove_file(&mark));
        }
    }
    removed
}
