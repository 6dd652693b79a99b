//! `--workspace bind`: the user's own tree is never touched.

use super::super::confirm_bound;
use super::*;

fn asking(ref_: Option<&str>, path: Option<&str>) -> CheckoutRequest {
    CheckoutRequest {
        ref_: ref_.map(str::to_owned),
        path: path.map(str::to_owned),
        ..CheckoutRequest::default()
    }
}

#[test]
fn the_own_tree_is_confirmed_and_stays_as_it_is() {
    let scratch = Scratch::dirty();
    scratch.git(&["branch", "same"]);
    let before = tree(&scratch.repo());
    for git_ref in [None, Some("main"), Some("same")] {
        let done = confirm_bound(
            &scratch.options(),
            &asking(git_ref, None),
            &scratch.target(),
        )
        .unwrap();
        assert_eq!(done.commit, scratch.head());
    }
    assert_eq!(tree(&scratch.repo()), before);
}

#[test]
fn a_ref_of_another_commit_fails() {
    let scratch = Scratch::new();
    scratch.git(&["branch", "old"]);
    scratch.commit("second");
    let result = confirm_bound(
        &scratch.options(),
        &asking(Some("old"), None),
        &scratch.target(),
    );
    assert!(matches!(result, Err(WorkspaceError::BoundElsewhere { .. })));
}

#[test]
fn a_path_is_copied_to_and_what_lies_there_is_never_deleted() {
    let scratch = Scratch::new();
    for _ in 0..2 {
        confirm_bound(
            &scratch.options(),
            &asking(None, Some("copy")),
            &scratch.target(),
        )
        .unwrap();
        let copy = scratch.repo().join("copy");
        assert!(copy.join("a.txt").exists() && !copy.join("copy").exists());
        assert_eq!(git(&copy, &["status", "--porcelain"]), "");
    }
    for path in ["dir", "a.txt"] {
        let result = confirm_bound(
            &scratch.options(),
            &asking(None, Some(path)),
            &scratch.target(),
        );
        assert!(
            matches!(result, Err(WorkspaceError::BoundOccupied { .. })),
            "{path}"
        );
    }
    assert!(scratch.repo().join("dir/b.txt").exists());
}
