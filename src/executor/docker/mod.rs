//! Containers as machines.
//!
//! [`Seek`] finds the engine, [`Engine::provide`] an image, [`Container`] is a machine made of it; [`Services`] run beside
//! a job. Everything that lrun makes carries labels, so that a later start finds what a killed one left.

pub mod agent;
mod archive;
mod build;
mod buildkit;
mod container;
mod create;
mod engine;
mod exec;
mod health;
mod image;
mod mark;
mod overlay;
mod service;
mod sweep;

pub use archive::Skeleton;
pub use build::Recipe;
pub use container::{Container, Reach, Start};
pub use create::{Bind, Network, Spec};
pub use engine::{Engine, NoEngine, Seek};
pub use image::{Image, Layer, Pull, Wanted};
pub use mark::{Mark, is_dead, is_over};
pub use overlay::Overlay;
pub use service::{Service, ServiceSpec, Services};
pub(crate) use sweep::sweep_after;
pub use sweep::{
    Cleaned, LABEL_HOST, LABEL_REPO, LABEL_REUSE, LABEL_RUN, LABEL_TOOLS, Swept, here,
};

/// Why the engine did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    #[error("'{0}' is no address of an engine: expected unix://, tcp:// or ssh://")]
    Address(String),
    #[error("it does not answer")]
    NoAnswer,
    #[error("the image {0} is not here")]
    NotHere(String),
    #[error("the image {image} can not be pulled: {reason}")]
    Pull { image: String, reason: String },
    #[error("{dockerfile} can not be built: {reason}")]
    Build { dockerfile: String, reason: String },
    #[error("{}", reason(.0))]
    Engine(#[from] bollard::errors::Error),
    #[error("{path}: {source}")]
    File {
        path: String,
        source: std::io::Error,
    },
    #[error("the container {name} ended as soon as it was started{}", last_words(.log))]
    Ended { name: String, log: String },
    #[error("{0} can not be a layer: ':', ',' and '\\' mean something else to the mount")]
    Layer(String),
    #[error("the machine inside the container can not be reached: {0}")]
    Agent(std::io::Error),
}

impl DockerError {
    /// The engine does not see a folder of this machine: it is a virtual machine's, or shares only some.
    pub fn is_about_sharing(&self) -> bool {
        let text = self.to_string();
        [
            "bind source path does not exist",
            "mounts denied",
            "is not shared from",
        ]
        .iter()
        .any(|sign| text.contains(sign))
    }
}

fn last_words(log: &str) -> String {
    if log.trim().is_empty() {
        String::new()
    } else {
        format!(": {}", log.trim())
    }
}

/// What the engine itself says, without how it said it.
pub(crate) fn reason(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error;
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                let more = error.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = error.source();
            }
            text
        }
    }
}

/// What was asked for does not exist.
fn is_missing(error: &bollard::errors::Error) -> bool {
    matches!(
        error,
        bollard::errors::Error::DockerResponseServerError {
            status_code: 404,
            ..
        }
    )
}
