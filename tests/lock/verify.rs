//! Whether refs still name what is locked.

use crate::world::World;

#[test]
fn a6_a_moved_tag_is_named_with_both_commits() {
    let world = World::new();
    let repository = world.repository("o/a", 1, 2);
    let first = repository.action("first");
    repository.git(&["tag", "--annotate", "v1.0.0", "-m", "x"]);
    repository.git(&["branch", "stable"]);
    repository.git(&["tag", "v0"]);
    world.workflow("ci.yml", &["o/a@v1.0.0", "o/a@stable", "o/a@v0"]);
    world.lrun(&["lock"]).code(0);
    world
        .lrun(&["lock", "--verify"])
        .code(0)
        .says("The refs of 3 pins name what is locked");
    let before = world.lock();

    let second = repository.action("second");
    repository.git(&["branch", "--force", "stable"]);
    let moved = world.lrun(&["lock", "--verify"]);
    moved.code(0).says(&format!(
        "The branch of `o/a@stable` has moved: locked is {first}, now it is {second}"
    ));
    repository.git(&["tag", "--force", "--annotate", "v1.0.0", "-m", "x"]);
    repository.git(&["tag", "--delete", "v0"]);
    let moved = world.lrun(&["lock", "--verify"]);
    moved
        .code(2)
        .says("ref-moved")
        .says(&format!(
            "The tag of `o/a@v1.0.0` has moved: locked is {first}, now it is {second}"
        ))
        .says("actions.lock:21:5")
        .says("`lrun lock --relock`")
        .says("unreachable-pin")
        .says(&format!(
            "`o/a@v0` is locked to {first}, but the ref is gone"
        ));
    assert_eq!(world.lock(), before, "only looked at");
    world.lrun(&["lock", "--check"]).code(0);
    world
        .lrun(&["lock", "--check", "--verify"])
        .code(2)
        .says("ref-moved");
}

#[test]
fn a6_a_ref_that_looks_like_a_commit() {
    let world = World::new();
    let repository = world.repository("o/a", 1, 2);
    let first = repository.action("first");
    world.workflow("ci.yml", &[&format!("o/a@{first}")]);
    world.lrun(&["lock"]).code(0);
    repository.action("second");
    repository.git(&["tag", &first]);
    world
        .lrun(&["lock", "--verify"])
        .code(2)
        .says("misleading-sha");
    world
        .lrun(&["lock", "--relock"])
        .code(2)
        .says("misleading-sha");
}

#[test]
fn a_repository_that_can_not_be_asked() {
    let world = World::new();
    let repository = world.repository("o/a", 1, 2);
    repository.action("first");
    repository.git(&["tag", "v1"]);
    world.workflow("ci.yml", &["o/a@v1"]);
    world.lrun(&["lock"]).code(0);
    std::fs::remove_dir_all(world.root().join("../server/o")).unwrap();
    world
        .lrun(&["lock", "--verify"])
        .code(2)
        .says("`o/a@v1` can not be verified");
}
