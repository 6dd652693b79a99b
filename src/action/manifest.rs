//! `action.yml` → [`Manifest`] (SPEC 6.5).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::definitions::{ACTION, STEP_CONDITION};
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::workflow::converter::Converter;
use crate::workflow::parse::checked_tree;
use crate::workflow::schema::Contexts;
use crate::workflow::{Condition, ReadOptions, Step, Token};

/// What an action says of itself.
#[derive(Debug)]
pub struct Manifest {
    pub source: Arc<SourceFile>,
    pub name: String,
    pub description: String,
    pub inputs: IndexMap<String, ActionInput>,
    pub outputs: IndexMap<String, ActionOutput>,
    pub runs: Runs,
}

/// A declared input.
#[derive(Debug, Clone)]
pub struct ActionInput {
    pub span: Span,
    /// To be evaluated; none given is empty (SPEC A-31).
    pub default: Option<Token>,
    /// Not enforced (SPEC A-31).
    pub required: bool,
    /// Said when the input is given.
    pub deprecation: Option<String>,
}

/// A declared output.
#[derive(Debug, Clone)]
pub struct ActionOutput {
    pub span: Span,
    /// Composite actions only.
    pub value: Option<Token>,
}

/// The node that an action asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeVersion {
    Node12,
    Node16,
    Node20,
    Node24,
}

impl NodeVersion {
    pub fn major(self) -> u32 {
        match self {
            Self::Node12 => 12,
            Self::Node16 => 16,
            Self::Node20 => 20,
            Self::Node24 => 24,
        }
    }
}

/// How an action runs.
#[derive(Debug)]
pub enum Runs {
    Node(NodeRuns),
    Docker(DockerRuns),
    Composite { steps: Vec<Step> },
}

/// Paths are relative to the action's folder.
#[derive(Debug)]
pub struct NodeRuns {
    pub version: NodeVersion,
    pub main: String,
    pub pre: Option<String>,
    /// As written, without `success()`; `None` is `always()` (SPEC E-65).
    pub pre_if: Option<Condition>,
    pub post: Option<String>,
    pub post_if: Option<Condition>,
}

#[derive(Debug)]
pub struct DockerRuns {
    pub image: String,
    pub entrypoint: Option<String>,
    /// A list, to be evaluated with `inputs` only.
    pub args: Option<Token>,
    /// A map, to be evaluated with `inputs` only.
    pub env: Option<Token>,
    pub pre_entrypoint: Option<String>,
    pub pre_if: Option<Condition>,
    pub post_entrypoint: Option<String>,
    pub post_if: Option<Condition>,
}

/// The file that describes the action of a folder (SPEC A-3): a manifest, or a bare Dockerfile.
pub fn find_manifest(folder: &Path) -> Option<PathBuf> {
    MANIFESTS
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// The names of such files; the first that is there counts.
pub const MANIFESTS: [&str; 4] = ["action.yml", "action.yaml", "Dockerfile", "dockerfile"];

impl Manifest {
    /// Of a folder with nothing but a Dockerfile.
    pub fn of_dockerfile(source: Arc<SourceFile>) -> Self {
        let image = source
            .path
            .rsplit('/')
            .next()
            .unwrap_or("Dockerfile")
            .to_owned();
        Self {
            source,
            name: String::new(),
            description: String::new(),
            inputs: IndexMap::new(),
            outputs: IndexMap::new(),
            runs: Runs::Docker(DockerRuns {
                image,
                entrypoint: None,
                args: None,
                env: None,
                pre_entrypoint: None,
                pre_if: None,
                post_entrypoint: None,
                post_if: None,
            }),
        }
    }
}

/// Reads a manifest: with its warnings, or all that is wrong in it.
pub fn read_manifest(
    source: Arc<SourceFile>,
    options: &ReadOptions,
) -> Result<(Manifest, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (token, reader) = checked_tree(&source, &ACTION, options).map_err(|one| vec![*one])?;
    let mut diagnostics = reader.diagnostics;
    if diagnostics.iter().any(Diagnostic::is_error) {
        return Err(diagnostics);
    }
    let mut converter = Converter::new(&source, options.delimiters());
    let runs = token
        .get("runs")
        .and_then(|runs| read_runs(&mut converter, runs));
    diagnostics.append(&mut converter.diagnostics);
    let text = |key: &str| {
        token
            .get(key)
            .and_then(Token::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match runs {
        Some(runs) if !diagnostics.iter().any(Diagnostic::is_error) => Ok((
            Manifest {
                name: text("name"),
                description: text("description"),
                inputs: named(token.get("inputs"), read_input),
                outputs: named(token.get("outputs"), |span, output| ActionOutput {
                    span,
                    value: output.get("value").cloned(),
                }),
                runs,
                source,
            },
            diagnostics,
        )),
        _ => Err(diagnostics),
    }
}

fn named<T>(token: Option<&Token>, make: impl Fn(Span, &Token) -> T) -> IndexMap<String, T> {
    let pairs = token.map(Token::pairs).unwrap_or_default().iter();
    pairs
        .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), make(key.span, value))))
        .collect()
}

fn read_input(span: Span, token: &Token) -> ActionInput {
    let any_case = |name: &str| {
        let mut pairs = token.pairs().iter();
        pairs.find(|(key, _)| {
            key.as_str()
                .is_some_and(|key| key.eq_ignore_ascii_case(name))
        })
    };
    ActionInput {
        span,
        default: any_case("default").map(|(_, value)| value.clone()),
        required: token.get("required").is_some_and(|required| {
            required.as_bool() == Some(true) || required.as_str() == Some("true")
        }),
        deprecation: any_case("deprecationMessage")
            .and_then(|(_, value)| Some(value.as_str()?.to_owned())),
    }
}

fn read_runs(converter: &mut Converter<'_>, runs: &Token) -> Option<Runs> {
    const HELP: &str = "use `docker`, `node12`, `node16`, `node20`, `node24` or `composite`";
    let Some(using) = runs.get("using") else {
        let message = "Missing 'using' value. 'using' requires 'composite', 'docker', 'node12', 'node16', 'node20' or 'node24'.";
        converter.error(runs.span, "using", message, "");
        return None;
    };
    let name = using.as_str().unwrap_or_default();
    let version = match name.to_ascii_lowercase().as_str() {
        "docker" => return read_docker(converter, runs),
        "composite" => {
            let Some(steps) = runs.get("steps") else {
                missing(converter, runs, "a composite action", "steps");
                return None;
            };
            let steps = converter.steps_within(steps, STEP_CONDITION);
            return Some(Runs::Composite { steps });
        }
        "node12" => NodeVersion::Node12,
        "node16" => NodeVersion::Node16,
        "node20" => NodeVersion::Node20,
        "node24" => NodeVersion::Node24,
        _ => {
            converter.error(
                using.span,
                "using",
                format!("'using: {name}' is not supported"),
                HELP,
            );
            return None;
        }
    };
    let Some(main) = text(runs, "main") else {
        missing(converter, runs, "a JavaScript action", "main");
        return None;
    };
    Some(Runs::Node(NodeRuns {
        version,
        main,
        pre: text(runs, "pre"),
        pre_if: condition(converter, runs, "pre-if"),
        post: text(runs, "post"),
        post_if: condition(converter, runs, "post-if"),
    }))
}

fn read_docker(converter: &mut Converter<'_>, runs: &Token) -> Option<Runs> {
    let Some(image) = text(runs, "image") else {
        missing(converter, runs, "a Docker action", "image");
        return None;
    };
    Some(Runs::Docker(DockerRuns {
        image,
        entrypoint: text(runs, "entrypoint"),
        args: runs.get("args").cloned(),
        env: runs.get("env").cloned(),
        pre_entrypoint: text(runs, "pre-entrypoint"),
        pre_if: condition(converter, runs, "pre-if"),
        post_entrypoint: text(runs, "post-entrypoint"),
        post_if: condition(converter, runs, "post-if"),
    }))
}

fn missing(converter: &mut Converter<'_>, runs: &Token, kind: &str, key: &str) {
    converter.error(
        runs.span,
        "missing-property",
        format!("Required property is missing: {key}"),
        &format!("{kind} needs `{key}`"),
    );
}

fn text(token: &Token, key: &str) -> Option<String> {
    let text = token.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn condition(converter: &mut Converter<'_>, runs: &Token, key: &str) -> Option<Condition> {
    let token = runs.get(key)?;
    converter.bare_condition(token, Contexts::STEP_IF)
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
