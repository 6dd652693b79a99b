//! `lrun doctor`: what this machine has, and which settings are read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use super::environment::Environment;
use super::settings::Settings;
use crate::executor::docker::{Engine, NoEngine, Seek};

/// Programs that steps and actions may need.
const SHELLS: [&str; 6] = ["bash", "sh", "pwsh", "powershell", "python", "cmd"];

/// Describes the machine, as text or as a JSON object.
pub fn report(settings: &Settings, environment: &Environment) -> String {
    let facts = facts(settings, environment);
    if settings.json {
        return format!("{:#}\n", Value::Object(facts));
    }
    let mut out = String::new();
    for (name, value) in &facts {
        let lines: Vec<String> = match value {
            Value::Array(items) => items.iter().map(text).collect(),
            Value::Object(items) => items
                .iter()
                .map(|(k, v)| format!("{k}: {}", text(v)))
                .collect(),
            other => vec![text(other)],
        };
        let mut label = name.as_str();
        for line in if lines.is_empty() {
            vec!["none".to_owned()]
        } else {
            lines
        } {
            out.push_str(format!("{label:<10} {line}").trim_end());
            out.push('\n');
            label = "";
        }
    }
    out
}

fn facts(settings: &Settings, environment: &Environment) -> Map<String, Value> {
    let mut facts = Map::new();
    let mut fact = |name: &str, value: Value| facts.insert(name.to_owned(), value);
    fact("lrun", json!(env!("CARGO_PKG_VERSION")));
    fact("os", json!(std::env::consts::OS));
    fact("arch", json!(std::env::consts::ARCH));
    fact(
        "processors",
        json!(std::thread::available_parallelism().map_or(1, usize::from)),
    );
    fact("git", version("git", environment));
    fact("node", version("node", environment));
    fact("engine", about_engine(environment));
    fact("shells", shells(environment));
    fact("root", json!(settings.root));
    fact("cache", json!(settings.cache_dir));
    fact("data", json!(settings.data_dir));
    fact("settings", json!(settings.files));
    facts
}

/// The container engine, or what was looked for and how to mend it.
fn about_engine(environment: &Environment) -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Value::Null;
    };
    match runtime.block_on(engine(environment)) {
        Ok(engine) => json!({
            "name": engine.name,
            "version": engine.version,
            "api": engine.api,
            "address": engine.address,
            "from": engine.source,
            "arch": engine.arch,
        }),
        Err(none) => {
            let mut tried: Vec<String> = none
                .tried
                .iter()
                .map(|(address, reason)| format!("{address}: {reason}"))
                .collect();
            if tried.is_empty() {
                tried.push(
                    "DOCKER_HOST is not set, there is no docker context and no known socket"
                        .to_owned(),
                );
            }
            let denied = tried
                .iter()
                .any(|line| line.to_lowercase().contains("permission denied"));
            tried.push(
                if denied {
                    "to mend it: let this user use the socket (the group of Docker's is often `docker`), or use a rootless engine"
                } else {
                    "to mend it: install and start Docker or Podman, or set DOCKER_HOST; jobs run on this machine meanwhile"
                }
                .to_owned(),
            );
            json!(tried)
        }
    }
}

/// The engine that a run would use.
pub async fn engine(environment: &Environment) -> Result<Engine, NoEngine> {
    let env: IndexMap<_, _> = std::env::vars_os().collect();
    Seek {
        env: &env,
        home: environment.home().as_deref(),
    }
    .find()
    .await
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "not found".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn shells(environment: &Environment) -> Value {
    let mut found = Map::new();
    for name in SHELLS {
        if let Some(path) = find(name, environment) {
            found.insert(name.to_owned(), json!(path));
        }
    }
    Value::Object(found)
}

/// What a program says of its version; null where there is none.
fn version(program: &str, environment: &Environment) -> Value {
    let Some(path) = find(program, environment) else {
        return Value::Null;
    };
    let output = Command::new(path)
        .arg("--version")
        .stdin(Stdio::null())
        .output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            json!(said.lines().next().unwrap_or_default().trim())
        }
        Err(_) => Value::Null,
    }
}

fn find(program: &str, environment: &Environment) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(environment.filled("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| is_program(path))
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_machine_is_described_without_complaint() {
        let text = report(&Settings::default(), &Environment::default());
        assert!(text.contains("git        not found\n"), "{text}");
        assert!(text.contains("settings   none\n"), "{text}");
    }
}
