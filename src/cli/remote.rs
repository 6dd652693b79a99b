//! Before the first step: the actions and workflows of other repositories, the lock file's commits, a node that fits.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::lock::Gate;
use super::occasion::Occasion;
use super::project;
use super::settings::Settings;
use crate::action::local::LocalRepository;
use crate::action::lock::{RemoteUse, WorkflowUses};
use crate::action::node_download::{self, Libc, NodeDownload};
use crate::action::{
    Announce, NO_WORKFLOW, Network, Origin, Pins, Reference, RemoteActions, RemoteOptions, Root,
    find_manifest,
};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::executor::node;
use crate::plan::reusable::MAX_FILES;
use crate::run::Selected;
use crate::workflow::reusable::{CallRules, check_calls};
use crate::workflow::{Token, TokenKind, load};

/// What was fetched, and what is wrong with it.
#[derive(Debug)]
pub struct Remote {
    pub actions: Arc<RemoteActions>,
    /// What could not be had: the legs that need it are unavailable.
    pub missing: Vec<Diagnostic>,
    /// What the lock file does not cover: nothing may run.
    pub refused: Vec<Diagnostic>,
    /// Calls that do not fit the workflows that they call: GitHub would not start the run.
    pub miscalled: Vec<Diagnostic>,
    pub notes: Vec<String>,
}

/// The commits of the lock file, for a workflow that runs them.
pub fn pins(gate: &Gate, workflow: &str) -> Option<Pins> {
    let lock = gate
        .lock
        .as_ref()
        .filter(|_| gate.locked.contains(workflow))?;
    let pins: IndexMap<String, String> = lock
        .dependencies
        .iter()
        .map(|(pin, locked)| (pin.as_str().to_owned(), locked.sha().to_owned()))
        .collect();
    Some(Arc::new(pins))
}

/// Fetches everything that the selected workflows use, transitively.
pub fn prepare(
    settings: &Settings,
    occasion: &Occasion,
    selected: &[Selected],
    gate: &Gate,
) -> Remote {
    let actions = Arc::new(RemoteActions::new(options(settings, occasion)));
    let mut roots: Vec<Root<'_>> = Vec::new();
    for one in selected {
        roots.push(Root {
            workflow: &one.workflow,
            jobs: one.jobs.as_deref(),
            pins: one.pins.clone(),
        });
        let called = occasion
            .called
            .iter()
            .filter_map(|(_, reading)| reading.workflow.as_deref());
        for called in called {
            roots.push(Root {
                workflow: called,
                jobs: None,
                pins: one.pins.clone(),
            });
        }
    }
    let own = occasion.identity.repository.clone();
    let served = |reference: &Reference, with: Option<&Token>| {
        !settings.real_checkout && is_own_checkout(reference, with, &own)
    };
    let (mut miscalled, missing): (Vec<_>, Vec<_>) = actions
        .prepare(&roots, &served)
        .into_iter()
        .partition(|one| one.code == NO_WORKFLOW);
    for problem in miscalls(occasion, selected, &actions) {
        if !miscalled.contains(&problem) {
            miscalled.push(problem);
        }
    }
    let refused = uncovered(settings, selected, gate, &actions);
    let mut notes = actions.notes();
    if refused.is_empty() {
        notes.extend(provide_node(settings, &actions));
    }
    if selected.iter().any(|one| one.pins.is_some()) {
        notes.push("Using locked action versions from the workflow's lockfile".to_owned());
    }
    Remote {
        actions,
        missing,
        refused,
        miscalled,
        notes,
    }
}

/// Judges the calls of workflows of other repositories as those of the own are judged when they are read (SPEC 11).
fn miscalls(
    occasion: &Occasion,
    selected: &[Selected],
    actions: &RemoteActions,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for one in selected {
        // Where the file stands that calls; those that are not here are of the own repository.
        let mut origins: HashMap<String, Origin> = HashMap::new();
        let mut find = |uses: &str, file: &SourceFile| {
            let origin = origins.get(&file.path);
            if origin.is_none()
                && let Some(reading) = occasion.called.reading(uses)
            {
                return Some(Arc::clone(reading));
            }
            let (origin, reading) = actions.workflow(origin, one.pins.as_ref(), uses)?;
            if let Some(workflow) = &reading.workflow {
                origins.insert(workflow.source.path.clone(), origin);
            }
            Some(reading)
        };
        let mut problems = check_calls(&one.workflow, CallRules::default(), &mut find);
        if occasion.called.iter().count() + origins.len() > MAX_FILES {
            let message = format!(
                "more than {MAX_FILES} called workflows in one run, which is GitHub's limit"
            );
            let source = &one.workflow.source;
            problems.push(
                Diagnostic::error("called-workflow", message)
                    .at(source, crate::diagnostic::Span::default()),
            );
        }
        found.extend(problems);
    }
    found.retain(Diagnostic::is_error);
    found
}

/// Whether lrun does a checkout by itself. One whose repository is known only when it runs may be another's.
fn is_own_checkout(reference: &Reference, with: Option<&Token>, own: &str) -> bool {
    let Reference::Remote {
        owner, repo, path, ..
    } = reference
    else {
        return false;
    };
    if !owner.eq_ignore_ascii_case("actions")
        || !repo.eq_ignore_ascii_case("checkout")
        || path.is_some()
    {
        return false;
    }
    let Some(TokenKind::Mapping(entries)) = with.map(|with| &with.kind) else {
        return with.is_none();
    };
    let wanted = entries.iter().find(|(name, _)| {
        name.as_str()
            .is_some_and(|name| name.eq_ignore_ascii_case("repository"))
    });
    match wanted {
        None => true,
        Some((_, value)) => value
            .as_str()
            .is_some_and(|wanted| wanted.is_empty() || wanted.eq_ignore_ascii_case(own)),
    }
}

fn options(settings: &Settings, occasion: &Occasion) -> RemoteOptions {
    let network = if settings.offline {
        Network::Never
    } else if settings.action_offline {
        Network::Missing
    } else {
        Network::Ask
    };
    let token = settings
        .secrets
        .get("GITHUB_TOKEN")
        .map(|token| token.expose().to_owned())
        .filter(|token| !token.is_empty());
    let quiet = settings.quiet || settings.json;
    RemoteOptions {
        network,
        server: occasion.identity.server_url.clone(),
        token,
        from_github: settings.from_github.clone(),
        github_token: settings.from_github_token.clone(),
        local: local_repositories(settings),
        read: project::read_options(settings),
        announce: Announce::new(move |text| {
            if !quiet {
                super::complain_with(&format!("{text}\n"));
            }
        }),
        ..RemoteOptions::new(settings.cache_dir.join("actions"), &settings.root)
    }
}

/// `--local-repository`.
fn local_repositories(settings: &Settings) -> Vec<LocalRepository> {
    settings
        .local_repositories
        .iter()
        .map(|local| LocalRepository {
            host: local.host.clone(),
            repository: local.repository.clone(),
            git_ref: local.git_ref.clone(),
            directory: local.folder.clone(),
        })
        .collect()
}

/// What the actions at their locked commits use, and the lock file does not know.
fn uncovered(
    settings: &Settings,
    selected: &[Selected],
    gate: &Gate,
    actions: &RemoteActions,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let Some(lock) = &gate.lock else {
        return found;
    };
    for one in selected {
        let Some(pins) = &one.pins else { continue };
        let source = &one.workflow.source;
        let mut waiting = WorkflowUses::of(&settings.root, source).remote;
        let mut seen = HashSet::new();
        while let Some(remote) = waiting.pop() {
            if !seen.insert(remote.text()) {
                continue;
            }
            let inner = inner_uses(actions, pins, &remote);
            found.extend(lock.check(&source.path, &inner));
            waiting.extend(inner);
        }
    }
    found.retain(Diagnostic::is_error);
    found
}

/// The remote `uses` of an action or a called workflow at its commit.
fn inner_uses(actions: &RemoteActions, pins: &Pins, remote: &RemoteUse) -> Vec<RemoteUse> {
    let origin = Origin::pinned(&remote.owner, &remote.repo, &remote.git_ref, Some(pins));
    let Some(folder) = actions.folder(&origin.owner, &origin.repo, &origin.git_ref) else {
        return Vec::new();
    };
    let place = folder.join(remote.path.as_deref().unwrap_or_default());
    let file = if remote.is_workflow {
        Some(place)
    } else {
        find_manifest(&place)
    };
    let Some(file) = file else {
        return Vec::new();
    };
    load(&file, &remote.text())
        .and_then(|source| RemoteUse::all_in(&source))
        // What can not be read can not run either; its leg says so.
        .unwrap_or_default()
}

/// Downloads Node.js where an action needs one that this machine does not have; says what came of it.
fn provide_node(settings: &Settings, actions: &RemoteActions) -> Vec<String> {
    let wanted = actions.node_versions();
    if wanted.is_empty() {
        return Vec::new();
    }
    let tools = settings.cache_dir.join("tools");
    let path = std::env::var_os("PATH");
    let home = std::env::home_dir();
    let found = node::find_nodes(node::Places {
        path: path.as_deref(),
        tool_cache: Some(&tools),
        home: home.as_deref(),
        memory: Some(&settings.cache_dir.join("nodes.json")),
    });
    let fits = |major| node::choose_node(&found, major, false).is_ok();
    if wanted.iter().all(|version| fits(version.major())) {
        return Vec::new();
    }
    let download = NodeDownload {
        address: Libc::Native.address(),
        tool_cache: tools.clone(),
        offline: settings.offline,
        libc: Libc::Native,
    };
    let announce = |text: &str| {
        if !settings.quiet {
            super::complain_with(&format!("{text}\n"));
        }
    };
    match download.provide(24, &announce) {
        Ok(_) => Vec::new(),
        // The leg that needs it is unavailable.
        Err(error) => vec![format!("{error}; {}", node_download::help(&tools))],
    }
}
