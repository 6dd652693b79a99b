//! `lrun check` and `lrun eval` gathered: which files, which contexts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::check::{self, CheckFormat};
use super::environment::Environment;
use super::error::CliError;
use super::eval::{self, EvalOptions, EvalOutput};
use super::project::{self, WorkflowFile};
use super::run::colors;
use super::settings::{Format, Settings};
use crate::action::{Reference, find_manifest, read_manifest};
use crate::diagnostic::Diagnostic;
use crate::expr::{Context, ExtraFunction, Names, Value, hash_files};
use crate::plan::reusable::Library;
use crate::plan::trigger::check_patterns;
use crate::repo::payload::{self, PayloadRequest};
use crate::run::mask::Masker;
use crate::workflow::{JobKind, ReadOptions, StepKind, Workflow, load};

/// Reads and validates; gives what to print and the exit code.
pub fn check(settings: &Settings, words: &[String]) -> Result<(String, u8), CliError> {
    let mut checker = Checker {
        settings,
        options: project::read_options(settings),
        diagnostics: Vec::new(),
        seen_actions: HashSet::new(),
    };
    for file in checker.files(words)? {
        checker.file(&file);
    }
    // A called workflow is judged with each of its callers.
    let mut distinct: Vec<Diagnostic> = Vec::new();
    for diagnostic in checker.diagnostics {
        if !distinct.contains(&diagnostic) {
            distinct.push(diagnostic);
        }
    }
    let format = match settings.format {
        Format::Json => CheckFormat::Json,
        Format::Sarif => CheckFormat::Sarif,
        Format::Github => CheckFormat::Github,
        _ if settings.json => CheckFormat::Json,
        _ => CheckFormat::Text,
    };
    let colors = colors(settings.color, console::Term::stderr().is_term());
    Ok((
        check::render(&distinct, format, colors),
        check::exit_code(&distinct),
    ))
}

struct Checker<'a> {
    settings: &'a Settings,
    options: ReadOptions,
    diagnostics: Vec<Diagnostic>,
    seen_actions: HashSet<PathBuf>,
}

impl Checker<'_> {
    /// The files named, those of the folders named, or the project's workflows.
    fn files(&self, words: &[String]) -> Result<Vec<PathBuf>, CliError> {
        if words.is_empty() {
            let files = project::workflow_paths(self.settings)?;
            return if files.is_empty() {
                Err(CliError::new("there is no workflow to check")
                    .hint("workflows are the *.yml and *.yaml of .github/workflows"))
            } else {
                Ok(files)
            };
        }
        let mut files = Vec::new();
        for word in words {
            let path = self.settings.calling.join(word);
            if path.is_dir() {
                let inner = path.join(project::FOLDER);
                let found = project::files_in(if inner.is_dir() { &inner } else { &path })?;
                if found.is_empty() {
                    return Err(CliError::new(format!("no workflow lies in {word}")));
                }
                files.extend(found);
            } else {
                files.push(path);
            }
        }
        Ok(files)
    }

    fn file(&mut self, path: &Path) {
        let display = project::display(path, &self.settings.root);
        let is_action = path.file_stem().is_some_and(|stem| stem == "action")
            && !display.contains(project::FOLDER);
        if is_action {
            self.action(path, &display);
            return;
        }
        let file = WorkflowFile::read(path, display, &self.options);
        self.diagnostics.extend(file.diagnostics);
        let Some(workflow) = file.workflow else {
            return;
        };
        self.diagnostics
            .extend(workflow.not_acted_on(self.settings.services.oidc.is_some()));
        self.diagnostics.extend(check_patterns(&workflow));
        self.called(&workflow);
        self.actions_of(&workflow);
    }

    /// Called workflows of the own repository; their files are checked on their own turn.
    fn called(&mut self, workflow: &Workflow) {
        let root = &self.settings.root;
        let load = |path: &str| project::called_source(root, path);
        let (_, found) = Library::load(&[workflow], &load, &self.options);
        self.diagnostics.extend(found);
    }

    /// `./` actions: those that are not here are a warning, since a step may make them.
    fn actions_of(&mut self, workflow: &Workflow) {
        let steps = workflow.jobs.values().flat_map(|job| match &job.kind {
            JobKind::Steps(steps) => steps.steps.as_slice(),
            JobKind::Call(_) => &[],
        });
        for step in steps {
            let StepKind::Uses { uses, .. } = &step.kind else {
                continue;
            };
            let reference = uses.value.parse();
            let Ok(Reference::Local(path) | Reference::SelfRepository(path)) = &reference else {
                continue;
            };
            let folder = self.settings.root.join(path);
            let Some(manifest) = find_manifest(&folder) else {
                let message = format!("There is no action in '{}'", uses.value);
                // `$/` is the commit's own, whatever the steps of the job do (SPEC A-5).
                let found = if matches!(reference, Ok(Reference::SelfRepository(_))) {
                    Diagnostic::error("missing-action", message)
                        .help("an action is a folder with an action.yml")
                } else {
                    Diagnostic::warning("missing-action", message).help(
                        "an action is a folder with an action.yml; a step of the job may make it",
                    )
                };
                self.diagnostics.push(found.at(&workflow.source, uses.span));
                continue;
            };
            let is_manifest = manifest
                .extension()
                .is_some_and(|extension| extension == "yml" || extension == "yaml");
            if is_manifest && self.seen_actions.insert(manifest.clone()) {
                let display = project::display(&manifest, &self.settings.root);
                self.action(&manifest, &display);
            }
        }
    }

    fn action(&mut self, path: &Path, display: &str) {
        let found = match load(path, display) {
            Ok(source) => match read_manifest(source, &self.options) {
                Ok((_, warnings)) => warnings,
                Err(errors) => errors,
            },
            Err(error) => vec![error],
        };
        self.diagnostics.extend(found);
    }
}

/// Evaluates an expression with the values of `--context`, or with those of the repository.
pub fn eval(
    settings: &Settings,
    environment: &Environment,
    expression: &str,
) -> Result<EvalOutput, CliError> {
    let mut options = EvalOptions {
        expression: expression.to_owned(),
        context: None,
        json: settings.json || settings.format == Format::Json,
        trace: settings.trace,
    };
    if let Some(path) = &settings.context {
        let text = std::fs::read_to_string(path)
            .map_err(|error| CliError::new(format!("can not read {}: {error}", path.display())))?;
        let json: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| CliError::new(format!("{} is not JSON: {error}", path.display())))?;
        let serde_json::Value::Object(map) = json else {
            return Err(CliError::new(format!(
                "{} is not a JSON object of named values",
                path.display()
            )));
        };
        options.context = Some(map);
        return Ok(eval::run(&options));
    }
    let context = RepositoryContext::new(settings, environment)?;
    let names = Names {
        values: ["github", "vars", "secrets", "env", "inputs", "runner"]
            .map(Into::into)
            .to_vec(),
        functions: vec![ExtraFunction {
            name: "hashFiles".into(),
            min: 1,
            max: 255,
        }],
    };
    let mut output = eval::run_with(&options, &names, &context);
    output.stdout = context.masker.mask_lines(&output.stdout).into_owned();
    Ok(output)
}

/// The contexts that the project has without running anything.
struct RepositoryContext {
    root: PathBuf,
    values: Value,
    masker: Masker,
}

impl RepositoryContext {
    fn new(settings: &Settings, environment: &Environment) -> Result<Self, CliError> {
        let repo = project::repository(settings, environment)?;
        let identity = project::identity(settings, environment, repo.as_ref(), None);
        let request = PayloadRequest {
            merge: settings.payload.as_ref().map(|given| given.fields.clone()),
            view: project::view(settings, repo.as_ref()),
            ..PayloadRequest::new(settings.event.as_deref().unwrap_or("push"), &identity)
        };
        let event = payload::make(repo.as_ref(), &request)
            .map_err(|error| CliError::new(project::chain(&error)))?
            .event;
        let masker = Masker::new();
        for (name, secret) in &settings.secrets {
            masker.add_secret(name, secret.expose());
        }
        let text = |value: &str| Value::string(value);
        let github = Value::object([
            ("event", Value::from_json(&event.payload.clone().into())),
            ("event_name", text(&event.name)),
            ("ref", text(&event.git_ref)),
            ("ref_name", text(&event.ref_name)),
            ("ref_type", text(&event.ref_type)),
            ("sha", text(&event.sha)),
            ("head_ref", text(&event.head_ref)),
            ("base_ref", text(&event.base_ref)),
            ("repository", text(&identity.repository)),
            ("repository_owner", text(identity.owner())),
            ("actor", text(&identity.actor)),
            ("server_url", text(&identity.server_url)),
            ("workspace", text(&settings.root.to_string_lossy())),
        ]);
        let mut env = crate::expr::Object::case_sensitive();
        env.insert("ACT", text("true"));
        env.insert("LRUN", text("true"));
        for (name, value) in settings.found_env.iter().chain(&settings.env) {
            env.insert(name.as_str(), text(value));
        }
        let secrets = settings
            .secrets
            .iter()
            .map(|(name, secret)| (name.as_str(), text(secret.expose())));
        let vars = settings
            .vars
            .iter()
            .map(|(name, value)| (name.as_str(), text(value)));
        let inputs = settings
            .inputs
            .iter()
            .map(|(name, input)| (name.as_str(), text(&input.value)));
        let runner = Value::object([
            ("os", text(crate::run::github::os())),
            ("arch", text(crate::run::github::arch())),
            ("environment", text("self-hosted")),
        ]);
        Ok(Self {
            root: settings.root.clone(),
            values: Value::object([
                ("github", github),
                ("env", Value::Object(env.into())),
                ("secrets", Value::object(secrets)),
                ("vars", Value::object(vars)),
                ("inputs", Value::object(inputs)),
                ("runner", runner),
            ]),
            masker,
        })
    }
}

impl Context for RepositoryContext {
    fn named_value(&self, name: &str) -> Value {
        self.values.get(name)
    }

    fn call(&self, function: &str, args: &[Value]) -> Result<Value, String> {
        if function.eq_ignore_ascii_case("hashFiles") {
            let args: Vec<String> = args.iter().map(|arg| arg.to_text().to_string()).collect();
            return hash_files(&self.root, &args).map(Value::string);
        }
        Err(format!("Unrecognized function: '{function}'"))
    }
}
