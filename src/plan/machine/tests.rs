//! Every sentence about labels and mappings, by table.

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

fn placement(machines: &Machines, labels: &str) -> Placement {
    let labels: Vec<String> = labels.split(' ').map(str::to_owned).collect();
    machines.place(&labels, None)
}

/// `host`, or the reason; where no engine answers.
fn place(machines: &Machines, labels: &str) -> String {
    told(placement(machines, labels))
}

fn told(placement: Placement) -> String {
    match placement {
        Placement::Host => "host".into(),
        Placement::Image { otherwise, .. } => told(*otherwise),
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
fn hosted_linux_is_an_image_where_an_engine_answers() {
    use Origin::{CommandLine, Settings};
    type Flags<'a> = &'a [(&'a str, Origin)];
    type Row<'a> = (Backend, Flags<'a>, &'a str, Option<(&'a str, bool)>);
    let table: [Row<'_>; 9] = [
        (
            Backend::Auto,
            &[],
            "ubuntu-latest",
            Some(("catthehacker/ubuntu:act-latest", false)),
        ),
        (
            Backend::Docker,
            &[],
            "ubuntu-22.04",
            Some(("catthehacker/ubuntu:act-22.04", false)),
        ),
        (Backend::Host, &[], "ubuntu-latest", None),
        (Backend::Auto, &[], "self-hosted linux", None),
        (
            Backend::Auto,
            &[("Ubuntu-Latest=img", Settings)],
            "ubuntu-latest",
            Some(("img", false)),
        ),
        (
            Backend::Auto,
            &[("macos-latest=img", CommandLine)],
            "macos-latest",
            Some(("img", true)),
        ),
        (
            Backend::Docker,
            &[("self-hosted=img", Settings)],
            "self-hosted x64",
            Some(("img", false)),
        ),
        (
            Backend::Auto,
            &[("ubuntu-latest=host", Settings)],
            "ubuntu-latest",
            None,
        ),
        (Backend::Host, &[("gpu=img", CommandLine)], "gpu", None),
    ];
    for (backend, flags, labels, expected) in table {
        let machines = machines(Os::Linux, Arch::X64, backend, flags);
        let found = placement(&machines, labels);
        let is_hosted = found.environment() == "github-hosted";
        let image = match &found {
            Placement::Image { image, warning, .. } => Some((image.as_str(), warning.is_some())),
            _ => None,
        };
        assert_eq!(image, expected, "{labels} {backend:?}");
        assert_eq!(is_hosted, expected.is_some());
    }
    let machines = machines(Os::Linux, Arch::X64, Backend::Docker, &[]);
    assert_eq!(
        place(&machines, "ubuntu-latest"),
        "'ubuntu-latest' is to run in the image 'catthehacker/ubuntu:act-latest', and no container engine answers"
    );
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
        format!("'{label}' is to run in the image '{IMAGE}', and no container engine answers")
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
