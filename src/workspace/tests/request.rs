//! The inputs of `actions/checkout`.

use indexmap::IndexMap;

use super::super::Submodules;
use super::*;

fn read(inputs: &[(&str, &str)]) -> (CheckoutRequest, Vec<String>) {
    let inputs: IndexMap<String, String> = inputs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    CheckoutRequest::from_inputs(&inputs).unwrap()
}

#[test]
fn no_inputs_are_the_defaults() {
    assert_eq!(read(&[]), (CheckoutRequest::default(), Vec::new()));
    let empty = [
        ("ref", ""),
        ("fetch-depth", ""),
        ("clean", ""),
        ("path", " "),
    ];
    assert_eq!(read(&empty).0, CheckoutRequest::default());
}

#[test]
fn inputs_are_read_as_the_action_reads_them() {
    let (request, warnings) = read(&[
        ("ref", " v1 "),
        ("Fetch-Depth", "0"),
        ("fetch-tags", "TRUE"),
        ("clean", "no"),
        ("sparse-checkout", "a\n\n  b \n"),
        ("sparse-checkout-cone-mode", "false"),
        ("submodules", "Recursive"),
        ("lfs", "true"),
        ("token", "x"),
        ("persist-credentials", "false"),
    ]);
    assert!(warnings.is_empty());
    let expected = CheckoutRequest {
        ref_: Some("v1".to_owned()),
        path: None,
        fetch_depth: Some(0),
        fetch_tags: true,
        clean: false,
        sparse_checkout: vec!["a".to_owned(), "b".to_owned()],
        sparse_cone: false,
        submodules: Submodules::Recursive,
        lfs: true,
        spare: Vec::new(),
    };
    assert_eq!(request, expected);
}

#[test]
fn depths_that_are_no_numbers_are_everything() {
    for (text, depth) in [
        ("2", 2),
        ("2.7", 2),
        ("-1", 0),
        ("x", 0),
        ("1e3", 1000),
        ("0.5", 0),
    ] {
        assert_eq!(
            read(&[("fetch-depth", text)]).0.fetch_depth,
            Some(depth),
            "{text}"
        );
    }
}

#[test]
fn other_inputs_are_warned_of() {
    let (_, warnings) = read(&[("fetchdepth", "1"), ("filter", "blob:none")]);
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("'fetchdepth'"));
}
