//! `container` and `services.<id>` (SPEC 1.10).

use indexmap::IndexMap;

use super::converter::Converter;
use super::evaluate::{EvalError, Evaluator};
use super::token::{Token, TokenKind};

const DOCKER: &str = "docker://";

/// A container, evaluated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    /// Without `docker://`.
    pub image: String,
    pub env: IndexMap<String, String>,
    pub ports: Vec<String>,
    pub volumes: Vec<String>,
    pub options: String,
    pub credentials: Option<Credentials>,
    /// Services only.
    pub entrypoint: Option<String>,
    /// Services only.
    pub command: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// Judges a literal one; an empty image of a job's own container means the host (SPEC W-122).
pub(super) fn check(converter: &mut Converter<'_>, token: &Token, service: bool) {
    if token.has_expressions() || token.is_sequence() {
        return;
    }
    let image = if token.is_mapping() {
        token.get("image")
    } else {
        Some(token)
    };
    let empty = match image.map(Token::as_str) {
        None => true,
        Some(Some("")) => service,
        Some(Some(image)) => image == DOCKER,
        // Not a text: the reader has said so.
        Some(None) => false,
    };
    if empty {
        converter.error(
            token.span,
            "empty-image",
            "Container image cannot be empty",
            "name an image, for instance `node:22`",
        );
    }
}

impl Evaluator<'_> {
    /// A container; `None` where its image is empty (SPEC W-122).
    pub fn container(&self, token: &Token) -> Result<Option<Container>, EvalError> {
        let token = self.expand_all(token)?;
        let mut container = match &token.kind {
            TokenKind::Null => return Ok(None),
            TokenKind::Mapping(_) => self.container_mapping(&token)?,
            TokenKind::Sequence(_) => {
                return Err(self.fault(token.span, "A sequence was not expected"));
            }
            _ => Container {
                image: self.literal_text(&token)?,
                ..Container::default()
            },
        };
        if container.image.starts_with(DOCKER) {
            container.image.drain(..DOCKER.len());
        }
        Ok((!container.image.is_empty()).then_some(container))
    }

    fn container_mapping(&self, token: &Token) -> Result<Container, EvalError> {
        let mut container = Container::default();
        for (key, value) in token.pairs() {
            match key.as_str().unwrap_or_default() {
                "image" => container.image = self.literal_text(value)?,
                "options" => container.options = self.literal_text(value)?,
                "entrypoint" => container.entrypoint = Some(self.literal_text(value)?),
                "command" => container.command = Some(self.literal_text(value)?),
                "env" => container.env = self.string_map(value)?,
                "ports" => container.ports = self.texts(value)?,
                "volumes" => container.volumes = self.texts(value)?,
                "credentials" => {
                    let mut credentials = self.string_map(value)?;
                    container.credentials = Some(Credentials {
                        username: credentials.shift_remove("username").unwrap_or_default(),
                        password: credentials.shift_remove("password").unwrap_or_default(),
                    });
                }
                _ => return Err(self.unexpected(key)),
            }
        }
        Ok(container)
    }

    /// The services in file order; `None` for those with an empty image.
    pub fn services(
        &self,
        token: &Token,
    ) -> Result<IndexMap<String, Option<Container>>, EvalError> {
        let token = self.expand(token)?;
        let mut services = IndexMap::new();
        match &token.kind {
            TokenKind::Null => {}
            TokenKind::Mapping(pairs) => {
                for (key, value) in pairs {
                    services.insert(self.literal_text(key)?, self.container(value)?);
                }
            }
            _ => return Err(self.fault(token.span, "Expected a mapping")),
        }
        Ok(services)
    }

    /// A list of texts.
    pub fn texts(&self, token: &Token) -> Result<Vec<String>, EvalError> {
        match &token.kind {
            TokenKind::Sequence(items) => {
                items.iter().map(|item| self.literal_text(item)).collect()
            }
            TokenKind::Null => Ok(Vec::new()),
            _ => Err(self.unexpected(token)),
        }
    }
}
