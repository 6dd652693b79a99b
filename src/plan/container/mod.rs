//! Containers as a workflow describes them, before any engine is asked (SPEC 5.3).

mod image;
mod options;
mod quantity;
mod words;

pub use image::ImageName;
pub use options::{
    ContainerOptions, Device, Gpus, Health, Mount, MountKind, OptionError, Port, Restart, USERNS,
    Ulimit, is_userns,
};
pub use words::words;
