//! Submodules: empty folders unless asked for.

use super::super::Submodules;
use super::*;

fn with_submodule() -> Scratch {
    let scratch = Scratch::new();
    for name in ["inner", "outer"] {
        let path = scratch.path(name);
        fs::create_dir(&path).unwrap();
        git(&path, &["init", "-q"]);
        write(&path.join(name), "x\n");
        git(&path, &["add", "-A"]);
        git(&path, &["commit", "-q", "-m", name]);
    }
    let inner = scratch.path("inner");
    let outer = scratch.path("outer");
    git(
        &outer,
        &["submodule", "add", "-q", inner.to_str().unwrap(), "in"],
    );
    git(&outer, &["commit", "-q", "-m", "nested"]);
    scratch.git(&[
        "submodule",
        "add",
        "-q",
        outer.to_str().unwrap(),
        "libs/out",
    ]);
    scratch.git(&["submodule", "update", "-q", "--init", "--recursive"]);
    scratch.commit("with submodule");
    scratch
}

fn asked(submodules: Submodules) -> CheckoutRequest {
    CheckoutRequest {
        submodules,
        ..CheckoutRequest::default()
    }
}

#[test]
fn submodule_folders_are_empty_unless_asked_for() {
    let scratch = with_submodule();
    let work = scratch.checkout(&asked(Submodules::No));
    assert_eq!(tree(&work)["libs/out"], "empty folder");
    assert_eq!(git(&work, &["status", "--porcelain"]), "");
    let clean = scratch.with(Content::Clean);
    scratch
        .try_checkout(&clean, &asked(Submodules::No))
        .unwrap();
    assert_eq!(tree(&work)["libs/out"], "empty folder");
}

#[test]
fn submodules_come_one_level_or_all_the_way() {
    let scratch = with_submodule();
    for content in [Content::WorkingTree, Content::Clean] {
        let options = scratch.with(content);
        scratch
            .try_checkout(&options, &asked(Submodules::Yes))
            .unwrap();
        let work = scratch.workspace();
        assert!(work.join("libs/out/outer").exists());
        assert_eq!(tree(&work)["libs/out/in"], "empty folder");
        scratch
            .try_checkout(&options, &asked(Submodules::Recursive))
            .unwrap();
        assert!(work.join("libs/out/in/inner").exists());
        assert_eq!(git(&work, &["status", "--porcelain"]), "");
        let status = git(&work, &["submodule", "status", "--recursive"]);
        assert!(
            status.lines().count() == 2 && status.lines().all(|line| line.starts_with(' ')),
            "{status}"
        );
    }
}

#[test]
fn a_submodule_that_is_not_here_is_an_error_that_says_how_to_get_it() {
    let scratch = with_submodule();
    scratch.git(&["submodule", "deinit", "-q", "-f", "libs/out"]);
    // What git keeps of it is enough.
    scratch.checkout(&asked(Submodules::Yes));
    assert!(scratch.workspace().join("libs/out/outer").exists());
    fs::remove_dir_all(scratch.repo().join(".git/modules")).unwrap();
    let error = scratch
        .try_checkout(&scratch.options(), &asked(Submodules::Yes))
        .unwrap_err();
    assert!(
        error.to_string().contains("submodule 'libs/out'")
            && error.to_string().contains("git submodule update")
    );
}
