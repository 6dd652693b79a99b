//! A job's `environment`: its name and address, and the secrets and variables that it brings (SPEC 1.6, C-11, J-5).

use indexmap::IndexMap;

use super::mask::Masker;
use crate::expr::Value;
use crate::workflow::evaluate::{EvalError, Evaluator};
use crate::workflow::{Token, TokenKind};

/// What one environment has beside the repository's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EnvironmentValues {
    pub secrets: IndexMap<String, String>,
    pub vars: IndexMap<String, String>,
    /// Why a file of it could not be read: a job that names the environment fails with this.
    pub mistakes: Vec<String>,
}

impl std::fmt::Debug for EnvironmentValues {
    /// Leaves the values out: they are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EnvironmentValues")
            .field("secrets", &self.secrets.keys())
            .field("vars", &self.vars.keys())
            .field("mistakes", &self.mistakes)
            .finish()
    }
}

/// All environments that have values, by name; names ignore case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environments(IndexMap<String, EnvironmentValues>);

impl Environments {
    pub fn get(&self, name: &str) -> Option<&EnvironmentValues> {
        self.0.get(&name.to_lowercase())
    }

    /// The values of a name, to be filled.
    pub fn entry(&mut self, name: &str) -> &mut EnvironmentValues {
        self.0.entry(name.to_lowercase()).or_default()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// The environment of one leg.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEnvironment {
    pub name: String,
    /// Evaluated when the job is over.
    url: Option<Token>,
    /// False: nothing is recorded as a deployment. Secrets and variables count all the same.
    pub deployment: bool,
}

/// What is to be said about `environment.url` when the job is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    None,
    Url(String),
    /// A warning in its place.
    Withheld(String),
}

impl JobEnvironment {
    /// Reads the key with the contexts of the server; an empty name is none.
    pub fn evaluate(evaluator: &Evaluator, key: &Token) -> Result<Option<Self>, EvalError> {
        let key = evaluator.expand(key)?;
        let mut found = Self {
            name: String::new(),
            url: None,
            deployment: true,
        };
        if !matches!(key.kind, TokenKind::Mapping(_)) {
            found.name = evaluator.string(&key)?;
            return Ok((!found.name.is_empty()).then_some(found));
        }
        for (name, value) in key.pairs() {
            let text = evaluator.string(name)?;
            match text.as_str() {
                "name" => found.name = evaluator.string(value)?,
                "url" => found.url = Some(value.clone()),
                "deployment" => found.deployment = evaluator.boolean(value)?,
                _ => {
                    let message = format!("Unexpected value '{text}'");
                    return Err(evaluator.fault(name.span, message));
                }
            }
        }
        Ok((!found.name.is_empty()).then_some(found))
    }

    /// The address, with the contexts of a job that is over, those of its last step but for secrets (SPEC J-5).
    pub fn address(&self, evaluator: &Evaluator, masker: &Masker) -> Result<Address, EvalError> {
        let Some(url) = &self.url else {
            return Ok(Address::None);
        };
        let url = evaluator.string(url)?;
        if url.is_empty() {
            return Ok(Address::None);
        }
        if masker.would_change(&url) {
            return Ok(Address::Withheld(format!(
                "Skip setting environment url as environment '{}' may contain secret.",
                self.name
            )));
        }
        Ok(Address::Url(url))
    }
}

/// The repository's values under those of an environment, which win; names ignore case (SPEC C-11, C-12).
pub fn merged(
    repository: &IndexMap<String, String>,
    environment: &IndexMap<String, String>,
) -> IndexMap<String, String> {
    let mut all = repository.clone();
    all.retain(|name, _| {
        let is_same = |own: &String| own.to_uppercase() == name.to_uppercase();
        !environment.keys().any(is_same)
    });
    all.extend(environment.iter().map(|(k, v)| (k.clone(), v.clone())));
    all
}

/// The `vars` context with an environment's variables.
pub fn vars_value(vars: &IndexMap<String, String>) -> Value {
    Value::object(
        vars.iter()
            .map(|(name, value)| (name.as_str(), Value::string(value.as_str()))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::run::Contexts;
    use crate::workflow::{JobKind, ReadOptions, Workflow, read_workflow};

    fn workflow(environment: &str) -> std::sync::Arc<Workflow> {
        let text = format!(
            "on: push\njobs:\n  a:\n    runs-on: x\n    environment: {environment}\n    steps:\n      - run: x\n"
        );
        let source = SourceFile::new("ci.yml", text);
        let reading = read_workflow(source, &ReadOptions::default());
        reading.workflow.expect("a workflow")
    }

    fn contexts() -> Contexts {
        let github = Value::object([("ref_name", Value::string("prod")), ("none", Value::Null)]);
        let steps = Value::object([(
            "deploy",
            Value::object([(
                "outputs",
                Value::object([("url", Value::string("https://x.example/s3cret"))]),
            )]),
        )]);
        Contexts::default()
            .with("github", github)
            .with("steps", steps)
    }

    fn evaluate(environment: &str) -> Result<Option<(JobEnvironment, Address)>, EvalError> {
        let workflow = workflow(environment);
        let JobKind::Steps(job) = &workflow.jobs["a"].kind else {
            panic!("no steps")
        };
        let contexts = contexts();
        let evaluator = Evaluator {
            context: &contexts,
            source: &workflow.source,
        };
        let masker = Masker::new();
        masker.add("s3cret");
        let key = job.environment.as_ref().expect("an environment");
        JobEnvironment::evaluate(&evaluator, key)?
            .map(|found| {
                let address = found.address(&evaluator, &masker)?;
                Ok((found, address))
            })
            .transpose()
    }

    #[test]
    fn the_key_is_a_name_or_a_map() {
        let url = |text: &str| Address::Url(text.to_owned());
        let cases = [
            ("prod", "prod", Address::None, true),
            (
                "'${{ github.ref_name }}-eu'",
                "prod-eu",
                Address::None,
                true,
            ),
            (
                "{ name: a, url: 'https://x.example' }",
                "a",
                url("https://x.example"),
                true,
            ),
            (
                "{ name: a, url: '${{ github.none }}' }",
                "a",
                Address::None,
                true,
            ),
            (
                "{ name: '${{ github.ref_name }}', deployment: false }",
                "prod",
                Address::None,
                false,
            ),
            (
                "${{ fromJSON('{\"name\":\"b\",\"url\":\"u\"}') }}",
                "b",
                url("u"),
                true,
            ),
        ];
        for (text, name, address, deployment) in cases {
            let (found, at) = evaluate(text).unwrap().unwrap();
            assert_eq!(
                (found.name.as_str(), found.deployment),
                (name, deployment),
                "{text}"
            );
            assert_eq!(at, address, "{text}");
        }
    }

    #[test]
    fn an_empty_name_is_no_environment() {
        for text in [
            "'${{ github.none }}'",
            "{ name: '${{ github.none }}', url: x }",
        ] {
            assert_eq!(evaluate(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn what_is_not_of_the_form_is_an_error() {
        for (text, message) in [
            ("${{ fromJSON('[1]') }}", "A sequence was not expected"),
            ("${{ fromJSON('{\"nam\":1}') }}", "Unexpected value 'nam'"),
            (
                "{ name: a, deployment: '${{ github.ref_name }}' }",
                "Unexpected value 'prod'",
            ),
        ] {
            assert_eq!(evaluate(text).unwrap_err().message, message, "{text}");
        }
    }

    #[test]
    fn an_address_with_a_secret_is_withheld() {
        // SPEC J-5
        let (_, address) = evaluate("{ name: a, url: '${{ steps.deploy.outputs.url }}' }")
            .unwrap()
            .unwrap();
        let text = "Skip setting environment url as environment 'a' may contain secret.";
        assert_eq!(address, Address::Withheld(text.to_owned()));
    }

    #[test]
    fn the_environments_own_values_win() {
        // SPEC C-11
        let map = |pairs: &[(&str, &str)]| -> IndexMap<String, String> {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect()
        };
        let all = merged(
            &map(&[("URL", "repo"), ("REGION", "eu")]),
            &map(&[("url", "prod")]),
        );
        assert_eq!(all, map(&[("REGION", "eu"), ("url", "prod")]));
        let mut environments = Environments::default();
        environments.entry("Prod").vars = all;
        assert!(environments.get("PROD").is_some());
        assert!(environments.get("dev").is_none());
        environments.entry("prod").secrets = map(&[("KEY", "hunter2")]);
        assert!(!format!("{environments:?}").contains("hunter2"));
    }
}
