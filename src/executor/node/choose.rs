//! Which Node.js an action gets.

use std::cmp::Reverse;

use super::Node;

/// No Node.js fits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the action needs Node.js {needed} or newer, but {}",
    found_text(found)
)]
pub struct NoNode {
    pub needed: u32,
    pub found: Vec<Node>,
}

fn found_text(found: &[Node]) -> String {
    if found.is_empty() {
        return "no Node.js was found in PATH, the tool cache or the folders of version managers"
            .to_owned();
    }
    let all: Vec<_> = found
        .iter()
        .map(|node| format!("{} ({})", node.version, node.path.display()))
        .collect();
    format!("only these were found: {}", all.join(", "))
}

/// What an action that names `using: node<major>` runs on.
///
/// An action for 12, 16 or 20 gets a 24 where there is one, else the 20 or newer that there is; with
/// `prefer_20` (see [`prefers_20`]) a 20 comes first.
pub fn choose_node(nodes: &[Node], using: u32, prefer_20: bool) -> Result<&Node, NoNode> {
    // No Node.js 24 exists for Linux on 32-bit ARM.
    let exists = !cfg!(all(target_os = "linux", target_arch = "arm"));
    let needed = if using >= 24 && exists { using } else { 20 };
    let wished = if needed == 20 && prefer_20 {
        20
    } else {
        needed.max(24)
    };
    let newest_of = |major| {
        let mut of_major: Vec<_> = nodes.iter().filter(|n| n.version.0 == major).collect();
        // Stable: of equals the one found first.
        of_major.sort_by_key(|node| Reverse(node.version));
        of_major.first().copied()
    };
    let other = || {
        let majors = nodes.iter().map(|node| node.version.0);
        majors.filter(|major| *major >= needed).min()
    };
    newest_of(wished)
        .or_else(|| newest_of(other()?))
        .ok_or_else(|| NoNode {
            needed,
            found: nodes.to_vec(),
        })
}

/// An action for Node.js 20 or older shall have a 20, as `ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION` asks, and the
/// warning where it and `FORCE_JAVASCRIPT_ACTIONS_TO_NODE24` both come from one source.
pub fn prefers_20<'a>(
    step: impl Fn(&str) -> Option<&'a str>,
    runner: impl Fn(&str) -> Option<&'a str>,
) -> (bool, Option<String>) {
    const ALLOW: &str = "ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION";
    const FORCE: &str = "FORCE_JAVASCRIPT_ACTIONS_TO_NODE24";
    let read = |name| {
        let set = |value: &&str| !value.is_empty();
        let found = step(name).filter(set).map(|value| (value, "workflow"));
        let (value, source) = found.or_else(|| Some((runner(name).filter(set)?, "system")))?;
        let value = value.trim().to_uppercase();
        matches!(value.as_str(), "TRUE" | "$TRUE" | "1").then_some(source)
    };
    match (read(ALLOW), read(FORCE)) {
        (Some(allow), Some(force)) if allow == force => {
            let warning = format!(
                "Both {FORCE} and {ALLOW} environment variables are set to true in the {allow} environment. This is likely a configuration error. Using the default Node version: node24."
            );
            (false, Some(warning))
        }
        (allow, _) => (allow.is_some(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Version;
    use super::*;

    fn nodes(versions: &[&str]) -> Vec<Node> {
        let node = |text: &&str| Node {
            path: format!("/n/{text}/node").into(),
            version: Version::parse(text).unwrap(),
        };
        versions.iter().map(node).collect()
    }

    #[test]
    fn chooses_by_the_rules_of_github() {
        type Row<'a> = (&'a [&'a str], u32, bool, Option<&'a str>);
        let table: &[Row<'_>] = &[
            (&["20.1.0", "24.1.0"], 20, false, Some("24.1.0")),
            (&["20.1.0", "24.1.0"], 16, false, Some("24.1.0")),
            (&["20.1.0", "24.1.0"], 12, true, Some("20.1.0")),
            (&["24.1.0", "24.3.0", "24.2.9"], 20, false, Some("24.3.0")),
            (&["18.0.0", "20.1.0", "22.0.0"], 20, false, Some("20.1.0")),
            (&["22.0.0", "26.0.0"], 20, false, Some("22.0.0")),
            (&["22.0.0"], 20, true, Some("22.0.0")),
            (&["26.0.0", "25.1.0"], 24, false, Some("25.1.0")),
            (&["20.1.0", "24.1.0"], 24, true, Some("24.1.0")),
            (&["20.1.0", "22.0.0"], 24, false, None),
            (&["18.0.0"], 20, false, None),
            (&[], 20, false, None),
        ];
        for (found, using, prefer, expected) in table {
            let nodes = nodes(found);
            let chosen = choose_node(&nodes, *using, *prefer).ok();
            let chosen = chosen.map(|node| node.version.to_string());
            assert_eq!(chosen.as_deref(), *expected, "A-41 {found:?} {using}");
        }
    }

    #[test]
    fn the_error_names_what_was_found() {
        let text = choose_node(&nodes(&["18.2.0"]), 20, false)
            .unwrap_err()
            .to_string();
        assert_eq!(
            text,
            "the action needs Node.js 20 or newer, but only these were found: 18.2.0 (/n/18.2.0/node)"
        );
        let text = choose_node(&[], 24, false).unwrap_err().to_string();
        assert!(text.starts_with("the action needs Node.js 24 or newer, but no Node.js was found"));
    }

    #[test]
    fn reads_the_switches_from_the_step_first() {
        const ALLOW: &str = "ACTIONS_ALLOW_USE_UNSECURE_NODE_VERSION";
        const FORCE: &str = "FORCE_JAVASCRIPT_ACTIONS_TO_NODE24";
        type Env<'a> = &'a [(&'a str, &'a str)];
        let table: &[(Env<'_>, Env<'_>, bool, bool)] = &[
            (&[], &[], false, false),
            (&[(ALLOW, "TRUE")], &[], true, false),
            (&[], &[(ALLOW, "true")], true, false),
            (&[(ALLOW, "false")], &[(ALLOW, "true")], false, false),
            (&[(FORCE, "true")], &[], false, false),
            (&[(ALLOW, "true"), (FORCE, "true")], &[], false, true),
            (&[], &[(ALLOW, "true"), (FORCE, "true")], false, true),
            (&[(FORCE, "true")], &[(ALLOW, "true")], true, false),
        ];
        let get = |env: Env<'static>| {
            move |name: &str| env.iter().find(|(k, _)| *k == name).map(|(_, v)| *v)
        };
        for (step, runner, prefers, warns) in table {
            let (found, warning) = prefers_20(get(step), get(runner));
            assert_eq!(
                (found, warning.is_some()),
                (*prefers, *warns),
                "A-41 {step:?} {runner:?}"
            );
        }
    }
}
