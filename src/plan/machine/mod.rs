//! Which machine serves the labels of a `runs-on` (SPEC W-71).

use crate::workflow::suggest::nearest;

/// Where commands may run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Backend {
    /// Images where an engine answers, else the host.
    #[default]
    Auto,
    Host,
    Docker,
}

/// An operating system as `runner.os` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Os {
    Linux,
    MacOs,
    Windows,
}

impl Os {
    /// The one that this program was built for; anything like Unix counts as Linux.
    pub fn here() -> Self {
        match std::env::consts::OS {
            "macos" => Self::MacOs,
            "windows" => Self::Windows,
            _ => Self::Linux,
        }
    }

    /// `runner.os` (SPEC C-14).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::MacOs => "macOS",
            Self::Windows => "Windows",
        }
    }
}

/// A processor architecture as `runner.arch` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arch {
    X64,
    X86,
    Arm64,
    Arm,
}

impl Arch {
    /// The one that this program was built for.
    pub fn here() -> Self {
        match std::env::consts::ARCH {
            "x86" => Self::X86,
            "aarch64" => Self::Arm64,
            "arm" => Self::Arm,
            _ => Self::X64,
        }
    }

    /// `runner.arch` (SPEC C-14).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X64 => "X64",
            Self::X86 => "X86",
            Self::Arm64 => "ARM64",
            Self::Arm => "ARM",
        }
    }
}

/// What a label is mapped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    Host,
    Image(String),
    /// An empty value takes an earlier mapping back.
    Nothing,
}

/// Where a mapping stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    CommandLine,
    /// A settings file or the environment.
    Settings,
}

/// One `-P label=target`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    pub label: String,
    pub target: Target,
    pub origin: Origin,
}

impl Mapping {
    /// Reads `label=image`, `label=host`, `label=-self-hosted`, `label=`.
    pub fn parse(text: &str, origin: Origin) -> Result<Self, String> {
        let error = |reason: &str| Err(format!("'{text}' {reason}: label=image or label=host"));
        let Some((label, target)) = text.split_once('=') else {
            return error("has no '='");
        };
        if label.is_empty() {
            return error("has no label");
        }
        if text.contains(char::is_whitespace) {
            return error("has a blank in it");
        }
        if target.contains('=') {
            return error("has more than one '='");
        }
        let target = match target {
            "" => Target::Nothing,
            "host" | "-self-hosted" => Target::Host,
            image => Target::Image(image.to_owned()),
        };
        Ok(Self {
            label: label.to_owned(),
            target,
            origin,
        })
    }
}

/// Where a leg runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// On this machine; `runner.environment` is self-hosted.
    Host,
    /// In a container of an image, which imitates a machine of GitHub's.
    Image {
        image: String,
        /// That the machine is none of the label's kind.
        warning: Option<String>,
        /// Where it runs when no engine answers.
        otherwise: Box<Self>,
    },
    /// Nowhere: the leg is named and the run ends with exit code 3.
    Unavailable { reason: String, help: String },
}

impl Placement {
    /// `runner.environment`: only an image imitates a machine of GitHub's.
    pub fn environment(&self) -> &'static str {
        match self {
            Self::Image { .. } => "github-hosted",
            Self::Host | Self::Unavailable { .. } => "self-hosted",
        }
    }

    fn unavailable(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
            help: help.into(),
        }
    }
}

/// This machine, and what the user says of machines.
#[derive(Debug, Clone)]
pub struct Machines {
    pub os: Os,
    pub arch: Arch,
    pub backend: Backend,
    /// In order; of two for one label the later wins.
    pub mappings: Vec<Mapping>,
}

const LINUX: [&str; 5] = [
    "ubuntu-latest",
    "ubuntu-26.04",
    "ubuntu-24.04",
    "ubuntu-22.04",
    "ubuntu-slim",
];
const LINUX_ARM: [&str; 3] = ["ubuntu-26.04-arm", "ubuntu-24.04-arm", "ubuntu-22.04-arm"];
const MACOS: [&str; 16] = [
    "macos-latest",
    "macos-latest-large",
    "macos-latest-xlarge",
    "macos-26",
    "macos-26-large",
    "macos-26-xlarge",
    "macos-26-intel",
    "macos-15",
    "macos-15-large",
    "macos-15-xlarge",
    "macos-15-intel",
    "macos-14",
    "macos-14-large",
    "macos-14-xlarge",
    "macos-13",
    "macos-13-large",
];
const WINDOWS: [&str; 5] = [
    "windows-latest",
    "windows-2025",
    "windows-2022",
    "windows-2025-vs2026",
    "windows-11-arm",
];

/// The machine of GitHub's that a label names.
fn hosted(label: &str) -> Option<(Os, bool)> {
    let has = |labels: &[&str]| labels.contains(&label);
    if has(&LINUX) {
        Some((Os::Linux, false))
    } else if has(&LINUX_ARM) {
        Some((Os::Linux, true))
    } else if has(&MACOS) {
        Some((Os::MacOs, false))
    } else if has(&WINDOWS) {
        Some((Os::Windows, false))
    } else {
        None
    }
}

fn os_label(label: &str) -> Option<Os> {
    match label {
        "linux" => Some(Os::Linux),
        "macos" => Some(Os::MacOs),
        "windows" => Some(Os::Windows),
        _ => None,
    }
}

fn arch_label(label: &str) -> Option<Arch> {
    match label {
        "x64" => Some(Arch::X64),
        "x86" => Some(Arch::X86),
        "arm64" => Some(Arch::Arm64),
        "arm" => Some(Arch::Arm),
        _ => None,
    }
}

impl Machines {
    /// Decides for the evaluated labels of one leg, and the group if one is named.
    pub fn place(&self, labels: &[String], group: Option<&str>) -> Placement {
        let lower: Vec<String> = labels.iter().map(|label| label.to_lowercase()).collect();
        if lower.iter().all(String::is_empty) {
            return match group {
                Some(group) => Placement::unavailable(
                    format!("there is no runner group '{group}' here"),
                    "give labels beside the group: `labels: self-hosted`",
                ),
                None => Placement::unavailable(
                    "`runs-on` is empty",
                    "name a label: `runs-on: self-hosted`",
                ),
            };
        }
        let mapped = lower.iter().find_map(|label| self.mapping(label));
        match mapped {
            Some(Mapping {
                target: Target::Host,
                ..
            }) => Placement::Host,
            Some(mapping) => self.image(mapping, &lower),
            None => self.unmapped(&lower),
        }
    }

    /// What the host would do, in an image where an engine answers.
    fn in_image(&self, image: &str, label: &str, otherwise: Placement) -> Placement {
        if self.backend == Backend::Host {
            return otherwise;
        }
        let otherwise = if self.backend == Backend::Docker {
            Placement::unavailable(
                format!(
                    "'{label}' is to run in the image '{image}', and no container engine answers"
                ),
                "start the engine (`lrun doctor` says what was looked for), or --backend host",
            )
        } else {
            otherwise
        };
        let warning = hosted(label)
            .filter(|(os, _)| *os != Os::Linux)
            .map(|(os, _)| {
                format!(
                    "'{label}' is a {} machine, and the image '{image}' is a Linux: `runner.os` is Linux",
                    os.as_str()
                )
            });
        Placement::Image {
            image: image.to_owned(),
            warning,
            otherwise: Box::new(otherwise),
        }
    }

    /// The mapping in force for a label.
    fn mapping(&self, label: &str) -> Option<&Mapping> {
        self.mappings
            .iter()
            .rfind(|mapping| mapping.label.to_lowercase() == label)
            .filter(|mapping| mapping.target != Target::Nothing)
    }

    /// A label with an image.
    fn image(&self, mapping: &Mapping, labels: &[String]) -> Placement {
        let Target::Image(image) = &mapping.target else {
            return Placement::Host;
        };
        let otherwise = self.without_engine(mapping, labels);
        self.in_image(image, &mapping.label.to_lowercase(), otherwise)
    }

    /// A label with an image, where no engine answers.
    fn without_engine(&self, mapping: &Mapping, labels: &[String]) -> Placement {
        let label = &mapping.label;
        if self.backend != Backend::Host
            && mapping.origin == Origin::CommandLine
            && let Target::Image(image) = &mapping.target
        {
            return Placement::unavailable(
                format!(
                    "'{label}' is to run in the image '{image}', and no container engine answers"
                ),
                format!("start the engine, or -P {label}=host runs it on this machine"),
            );
        }
        let known = |label: &String| {
            hosted(label).is_some() || os_label(label).is_some() || label == "self-hosted"
        };
        if labels.iter().any(known) {
            return self.unmapped(labels);
        }
        // The image says that somebody serves this label, and that it is a Linux.
        if self.os == Os::Linux {
            return Placement::Host;
        }
        Placement::unavailable(
            format!(
                "'{label}' stands for a Linux image, and this machine is {}",
                self.os.as_str()
            ),
            format!("-P {label}=host runs it on this machine"),
        )
    }

    fn unmapped(&self, labels: &[String]) -> Placement {
        if labels.iter().any(|label| label == "self-hosted") {
            // Any label of another kind is a name given to this machine.
            return labels
                .iter()
                .find_map(|label| self.other_machine(label))
                .unwrap_or(Placement::Host);
        }
        let own = |label: &String| os_label(label).is_some() || arch_label(label).is_some();
        if labels.iter().all(own) {
            return labels
                .iter()
                .find_map(|label| self.other_machine(label))
                .unwrap_or(Placement::Host);
        }
        if let Some(unknown) = labels.iter().find(|l| hosted(l).is_none() && !own(l)) {
            return unknown_label(unknown);
        }
        let first = &labels[0];
        if let Some(other) = labels.iter().find(|label| *label != first) {
            return Placement::unavailable(
                format!("no machine is both '{first}' and '{other}'"),
                "one label is enough",
            );
        }
        self.hosted_here(first)
    }

    /// An OS or architecture label that is not this machine's.
    fn other_machine(&self, label: &str) -> Option<Placement> {
        let fits = match (os_label(label), arch_label(label)) {
            (Some(os), _) => os == self.os,
            (_, Some(arch)) => arch == self.arch,
            _ => true,
        };
        (!fits).then(|| {
            Placement::unavailable(
                format!(
                    "'{label}' is asked for, and this machine is {} {}",
                    self.os.as_str(),
                    self.arch.as_str()
                ),
                format!("-P {label}=host runs it on this machine all the same"),
            )
        })
    }

    fn hosted_here(&self, label: &str) -> Placement {
        let Some((os, arm)) = hosted(label) else {
            return unknown_label(label);
        };
        if os != self.os {
            let nowhere = Placement::unavailable(
                format!(
                    "'{label}' is a {} machine, and this one is {}",
                    os.as_str(),
                    self.os.as_str()
                ),
                format!("-P {label}=host runs it on this machine all the same"),
            );
            return match image_of(label) {
                Some(image) => self.in_image(image, label, nowhere),
                None => nowhere,
            };
        }
        if arm && self.arch != Arch::Arm64 {
            return Placement::unavailable(
                format!(
                    "'{label}' is an ARM64 machine, and this one is {}",
                    self.arch.as_str()
                ),
                format!("-P {label}=host runs it on this machine all the same"),
            );
        }
        match image_of(label) {
            Some(image) => self.in_image(image, label, Placement::Host),
            None => Placement::Host,
        }
    }
}

/// The image for a hosted Linux, unless the user names one.
fn image_of(label: &str) -> Option<&'static str> {
    Some(match label.trim_end_matches("-arm") {
        "ubuntu-latest" | "ubuntu-slim" => "catthehacker/ubuntu:act-latest",
        "ubuntu-26.04" => "catthehacker/ubuntu:act-26.04",
        "ubuntu-24.04" => "catthehacker/ubuntu:act-24.04",
        "ubuntu-22.04" => "catthehacker/ubuntu:act-22.04",
        _ => return None,
    })
}

fn unknown_label(label: &str) -> Placement {
    let known = LINUX
        .into_iter()
        .chain(LINUX_ARM)
        .chain(MACOS)
        .chain(WINDOWS)
        .chain(["self-hosted"]);
    let near = nearest(label, known)
        .map(|near| format!("did you mean '{near}'? "))
        .unwrap_or_default();
    Placement::unavailable(
        format!("no machine has the label '{label}'"),
        format!("{near}-P {label}=host runs it on this machine"),
    )
}

#[cfg(test)]
mod tests;
