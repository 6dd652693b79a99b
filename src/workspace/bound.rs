//! `--workspace bind`: the user's own tree is the workspace, and a checkout only confirms what is there.

use git2::Config;

use super::checkout::{Checkout, Target, checkout};
use super::destination::destination;
use super::refs;
use super::request::CheckoutRequest;
use super::snapshot::Snapshot;
use super::source::Source;
use super::{Options, Result, WorkspaceError};

/// Confirms the user's own tree as the checkout, or copies it to the `path` that is asked for.
///
/// Nothing that lrun did not make is ever reset, cleaned, switched or deleted.
pub fn confirm_bound(
    options: &Options,
    request: &CheckoutRequest,
    target: &Target,
) -> Result<Checkout> {
    let dest = destination(&options.root, request.path.as_deref())?;
    if dest != options.root {
        return copy(options, request, target, &dest);
    }
    let Some(source) = Source::open(options)? else {
        return match &request.ref_ {
            Some(git_ref) => Err(WorkspaceError::NoGit {
                root: options.root.clone(),
                git_ref: git_ref.clone(),
            }),
            None => Ok(confirmed(target.sha.clone(), target.git_ref.clone())),
        };
    };
    let here = source.head().map(|head| head.id().to_string());
    let here = here.unwrap_or_else(|| target.sha.clone());
    let Some(asked) = &request.ref_ else {
        return Ok(confirmed(here, target.git_ref.clone()));
    };
    let wanted = refs::wanted(&source, Some(asked), target)?;
    let commit = wanted.commit.to_string();
    if commit != here {
        return Err(WorkspaceError::BoundElsewhere {
            here,
            git_ref: asked.clone(),
            commit,
        });
    }
    Ok(confirmed(commit, wanted.output))
}

fn confirmed(commit: String, ref_: String) -> Checkout {
    Checkout {
        commit,
        ref_,
        log: vec!["the workspace is your own tree; it stays as it is".to_owned()],
    }
}

fn copy(
    options: &Options,
    request: &CheckoutRequest,
    target: &Target,
    dest: &std::path::Path,
) -> Result<Checkout> {
    let occupied = std::fs::read_dir(dest).is_ok_and(|mut children| children.next().is_some());
    let made_here = Config::open(&dest.join(".git/config"))
        .and_then(|config| config.get_bool("lrun.checkout"))
        .unwrap_or(false);
    if dest.exists() && (!dest.is_dir() || occupied && !made_here) {
        return Err(WorkspaceError::BoundOccupied {
            path: dest.to_owned(),
        });
    }
    let mut options = options.clone();
    // The copy does not hold itself.
    options.exclude.push(dest.to_owned());
    let snapshot = Snapshot::direct(&options)?;
    checkout(&snapshot, &options, request, target, &options.root)
}
