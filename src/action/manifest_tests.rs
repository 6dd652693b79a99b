//! Manifests, good and bad.

use super::*;
use crate::workflow::StepKind;

fn read(text: &str) -> Result<(Manifest, Vec<Diagnostic>), Vec<Diagnostic>> {
    read_manifest(SourceFile::new("action.yml", text), &ReadOptions::default())
}

fn errors(text: &str) -> Vec<String> {
    let errors = read(text).map(|_| ()).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a12_node_actions() {
    let text = "
name: x
author: me
inputs:
  token:
    description: t
    required: true
    default: ${{ github.token }}
    deprecationMessage: gone
  plain: {}
outputs:
  o: {description: d}
runs:
  using: NODE20
  main: dist/index.js
  post: dist/post.js
  post-if: success()
";
    let (manifest, warnings) = read(text).unwrap();
    assert!(warnings.is_empty());
    let token = &manifest.inputs["token"];
    assert!(token.required && token.default.as_ref().unwrap().is_expression());
    assert_eq!(token.deprecation.as_deref(), Some("gone"));
    assert!(manifest.inputs["plain"].default.is_none());
    let Runs::Node(node) = &manifest.runs else {
        panic!("{manifest:?}")
    };
    assert_eq!(
        (node.version, node.main.as_str()),
        (NodeVersion::Node20, "dist/index.js")
    );
    assert!(node.pre_if.is_none());
    assert_eq!(node.post_if.as_ref().unwrap().expr.source(), "success()");
}

#[test]
fn a60_composite_steps() {
    let (manifest, _) = read(
        "runs: {using: composite, steps: [{run: 'echo ${{ inputs.x }}', shell: bash}, {uses: ./x, if: failure()}]}",
    )
    .unwrap();
    let Runs::Composite { steps } = &manifest.runs else {
        panic!("{manifest:?}")
    };
    assert_eq!(steps[0].id, "__run");
    assert!(matches!(steps[1].kind, StepKind::Uses { .. }));
    assert_eq!(steps[1].condition.expr.source(), "failure()");
}

#[test]
fn what_is_wrong_is_said() {
    assert_eq!(
        errors("runs: {using: composite, steps: [{run: x}]}"),
        ["action.yml:1:34: error: Required property is missing: shell"]
    );
    assert_eq!(
        errors(
            "runs: {using: composite, steps: [{run: '${{ secrets.x }}', shell: sh, timeout-minutes: 1}]}"
        ),
        [
            "action.yml:1:40: error: Unrecognized named-value: 'secrets'. Located at position 1 within expression: secrets.x",
            "action.yml:1:71: error: Unexpected value 'timeout-minutes'",
        ]
    );
    assert_eq!(
        errors("runs: {using: deno, main: x}"),
        ["action.yml:1:15: error: 'using: deno' is not supported"]
    );
    assert_eq!(
        errors("name: x"),
        ["action.yml:1:1: error: Required property is missing: runs"]
    );
    assert_eq!(
        errors("runs: {using: node20, pre: x.js}"),
        ["action.yml:1:7: error: Required property is missing: main"]
    );
    assert_eq!(
        errors(
            "inputs: {x: {default: '${{ secrets.x }}'}}\nruns: {using: docker, image: Dockerfile}"
        ),
        [
            "action.yml:1:23: error: Unrecognized named-value: 'secrets'. Located at position 1 within expression: secrets.x"
        ]
    );
}
