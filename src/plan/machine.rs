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
    /// Nowhere: the leg is named and the run ends with exit code 3.
    Unavailable { reason: String, help: String },
}

impl Placement {
    /// `runner.environment`: only an image imitates a machine of GitHub's.
    pub fn environment(&self) -> &'static str {
        "self-hosted"
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

    /// The mapping in force for a label.
    fn mapping(&self, label: &str) -> Option<&Mapping> {
        self.mappings
            .iter()
            .rfind(|mapping| mapping.label.to_lowercase() == label)
            .filter(|mapping| mapping.target != Target::Nothing)
    }

    /// A label with an image, where no engine answers.
    fn image(&self, mapping: &Mapping, labels: &[String]) -> Placement {
        let label = &mapping.label;
        if self.backend != Backend::Host
            && mapping.origin == Origin::CommandLine
            && let Target::Image(image) = &mapping.target
        {
            return Placement::unavailable(
                format!(
                    "'{label}' is to run in the image '{image}', and no container engine is used"
                ),
                format!("-P {label}=host runs it on this machine"),
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
            return Placement::unavailable(
                format!(
                    "'{label}' is a {} machine, and this one is {}",
                    os.as_str(),
                    self.os.as_str()
                ),
                format!("-P {label}=host runs it on this machine all the same"),
            );
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
        Placement::Host
    }
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
mod tests {
    use super::*;

    const IMAGE: &str = "img";

    fn machines(os: Os, arch: Arch, backend: Backend, mappings: &[(&str, Origin)]) -> Machines {
        Machines {
            os,
            arch,
            backend,
            mappings: mappings
                .iter()
                .map(|(text, origin)| Mapping::parse(text, *origin).unwrap())
                .collect(),
        }
    }

    fn linux(mappings: &[(&str, Origin)]) -> Machines {
        machines(Os::Linux, Arch::X64, Backend::Auto, mappings)
    }

    /// `host`, or the reason.
    fn place(machines: &Machines, labels: &str) -> String {
        let labels: Vec<String> = labels.split(' ').map(str::to_owned).collect();
        match machines.place(&labels, None) {
            Placement::Host => "host".into(),
            Placement::Unavailable { reason, help } => {
                assert!(!help.is_empty());
                reason
            }
        }
    }

    #[test]
    fn labels_without_a_mapping_mean_this_machine_or_none() {
        let table = [
            ("ubuntu-latest", "host"),
            ("Ubuntu-22.04", "host"),
            ("ubuntu-slim", "host"),
            ("ubuntu-26.04", "host"),
            (
                "ubuntu-24.04-arm",
                "'ubuntu-24.04-arm' is an ARM64 machine, and this one is X64",
            ),
            (
                "macos-latest",
                "'macos-latest' is a macOS machine, and this one is Linux",
            ),
            (
                "windows-2022",
                "'windows-2022' is a Windows machine, and this one is Linux",
            ),
            ("ubuntu-18.04", "no machine has the label 'ubuntu-18.04'"),
            ("preprod", "no machine has the label 'preprod'"),
            (
                "ubuntu-latest macos-latest",
                "no machine is both 'ubuntu-latest' and 'macos-latest'",
            ),
            ("ubuntu-latest ubuntu-latest", "host"),
            ("ubuntu-latest gpu", "no machine has the label 'gpu'"),
            ("self-hosted", "host"),
            ("self-hosted linux x64 preprod", "host"),
            ("SELF-HOSTED Linux X64", "host"),
            (
                "self-hosted macos",
                "'macos' is asked for, and this machine is Linux X64",
            ),
            (
                "self-hosted arm64",
                "'arm64' is asked for, and this machine is Linux X64",
            ),
            ("linux x64", "host"),
            (
                "windows",
                "'windows' is asked for, and this machine is Linux X64",
            ),
            ("", "`runs-on` is empty"),
        ];
        for (labels, expected) in table {
            assert_eq!(place(&linux(&[]), labels), expected, "{labels}");
        }
    }

    #[test]
    fn other_machines_serve_their_own_labels() {
        let table = [
            (Os::MacOs, Arch::Arm64, "macos-15", true),
            (Os::MacOs, Arch::Arm64, "ubuntu-latest", false),
            (Os::Windows, Arch::X64, "windows-latest", true),
            (Os::Linux, Arch::Arm64, "ubuntu-24.04-arm", true),
            (Os::Linux, Arch::Arm64, "ubuntu-24.04", true),
            (Os::Linux, Arch::Arm64, "self-hosted x64", false),
        ];
        for (os, arch, labels, served) in table {
            let machines = machines(os, arch, Backend::Auto, &[]);
            assert_eq!(place(&machines, labels) == "host", served, "{labels}");
        }
    }

    #[test]
    fn mappings_decide_as_far_as_they_can_without_an_engine() {
        use Origin::{CommandLine, Settings};
        type Flags<'a> = &'a [(&'a str, Origin)];
        let refused = |label: &str| {
            format!("'{label}' is to run in the image '{IMAGE}', and no container engine is used")
        };
        let table: [(Flags<'_>, &str, String); 11] = [
            (
                &[("macos-latest=host", CommandLine)],
                "macos-latest",
                "host".into(),
            ),
            (&[("x=-self-hosted", Settings)], "X", "host".into()),
            (
                &[("ubuntu-latest=img", Settings)],
                "ubuntu-latest",
                "host".into(),
            ),
            (
                &[("ubuntu-latest=img", CommandLine)],
                "ubuntu-latest",
                refused("ubuntu-latest"),
            ),
            (&[("gpu=img", Settings)], "gpu", "host".into()),
            (
                &[("macos-latest=img", Settings)],
                "macos-latest",
                "'macos-latest' is a macOS machine, and this one is Linux".into(),
            ),
            (
                &[("self-hosted=img", CommandLine)],
                "self-hosted linux",
                refused("self-hosted"),
            ),
            // The first label of runs-on with a mapping decides.
            (
                &[("b=img", CommandLine), ("a=host", CommandLine)],
                "c a b",
                "host".into(),
            ),
            // The later of two wins; an empty one unmaps.
            (
                &[("a=img", CommandLine), ("A=host", CommandLine)],
                "a",
                "host".into(),
            ),
            (
                &[
                    ("ubuntu-latest=img", CommandLine),
                    ("ubuntu-latest=", CommandLine),
                ],
                "ubuntu-latest",
                "host".into(),
            ),
            (
                &[("a=host", CommandLine), ("a=", CommandLine)],
                "a",
                "no machine has the label 'a'".into(),
            ),
        ];
        for (mappings, labels, expected) in table {
            assert_eq!(place(&linux(mappings), labels), expected, "{mappings:?}");
        }
    }

    #[test]
    fn the_host_backend_runs_images_notwithstanding() {
        let given = [
            ("ubuntu-latest=img", Origin::CommandLine),
            ("gpu=img", Origin::CommandLine),
        ];
        let host = machines(Os::Linux, Arch::X64, Backend::Host, &given);
        assert_eq!(place(&host, "ubuntu-latest"), "host");
        assert_eq!(place(&host, "gpu"), "host");
        assert_ne!(place(&host, "macos-latest"), "host");
    }

    #[test]
    fn a_group_needs_labels() {
        let Placement::Unavailable { reason, .. } = linux(&[]).place(&[], Some("big")) else {
            panic!("a group alone is nothing here");
        };
        assert_eq!(reason, "there is no runner group 'big' here");
        let labels = ["self-hosted".to_owned()];
        assert_eq!(linux(&[]).place(&labels, Some("big")), Placement::Host);
    }

    #[test]
    fn an_unknown_label_names_a_near_one() {
        let Placement::Unavailable { help, .. } =
            linux(&[]).place(&["ubuntu-lastest".to_owned()], None)
        else {
            panic!("no such label");
        };
        assert_eq!(
            help,
            "did you mean 'ubuntu-latest'? -P ubuntu-lastest=host runs it on this machine"
        );
    }

    #[test]
    fn broken_mappings_are_named() {
        for text in ["ubuntu", "=img", "a b=img", "a=img =x", "a=b=c"] {
            assert!(Mapping::parse(text, Origin::Settings).is_err(), "{text}");
        }
    }
}
