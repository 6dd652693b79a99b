//! What a template is and is not.

use super::super::{ExtraFunction, Names};
use super::*;

fn names() -> Names {
    Names {
        values: vec!["github".into(), "matrix".into()],
        functions: vec![ExtraFunction {
            name: "hashFiles".into(),
            min: 1,
            max: 255,
        }],
    }
}

fn parse(text: &str) -> Template {
    Template::parse(text, Some(&names()), Delimiters { angle: true }).unwrap()
}

fn errors(text: &str) -> Vec<(usize, String)> {
    let found = Template::parse(text, Some(&names()), Delimiters { angle: true });
    let errors = found.unwrap_err();
    errors.iter().map(|e| (e.offset, e.to_string())).collect()
}

fn source(text: &str) -> String {
    match parse(text) {
        Template::Expression(expr) => format!("expression {}", expr.source()),
        Template::Format(expr) => format!("format {}", expr.source()),
        Template::Text(text) => format!("text {text}"),
        Template::Insert => "insert".to_owned(),
    }
}

#[test]
fn w27_rewrites_text_with_holes() {
    assert_eq!(source("${{ github.ref }}"), "expression github.ref");
    assert_eq!(
        source("it's {a} ${{ github.ref }} b ${{ 1 }}"),
        "format format('it''s {{a}} {0} b {1}', github.ref, 1)"
    );
    assert_eq!(source(" ${{ 1 }}"), "format format(' {0}', 1)");
    assert_eq!(source("plain $ {{ }} $x"), "text plain $ {{ }} $x");
    assert_eq!(source("${{ 'it''s ${{ x }}' }}"), "text it's ${{ x }}");
    assert_eq!(source("${{ ('a') }}"), "expression ('a')");
}

#[test]
fn w28_ends_at_the_first_braces_outside_quotes() {
    assert_eq!(source("${{ github['}}'] }}"), "expression github['}}']");
    assert_eq!(source("${{ 1 }}}"), "format format('{0}}}', 1)");
    let open = "The expression is not closed. An unescaped ${{ sequence was found, but the closing }} sequence was not found.";
    assert_eq!(errors("a ${{ 'x }}"), [(2, open.to_owned())]);
    assert_eq!(
        errors("${{}}"),
        [(0, "An expression was expected".to_owned())]
    );
}

#[test]
fn every_faulty_hole_is_named_with_its_place() {
    let found = errors("${{ env.x }} é ${{ 1 + }}");
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].0, "${{ env.x }} é ".len());
    let error = Template::parse("a ${{  1 == env }}", Some(&names()), Delimiters::default());
    assert_eq!(error.unwrap_err()[0].at, "a ${{  1 == ".len());
}

#[test]
fn w22_without_names_nothing_is_allowed() {
    let found = Template::parse("${{ 1 }}", None, Delimiters { angle: true });
    let message = found.unwrap_err()[0].to_string();
    assert_eq!(
        message,
        "A template expression is not allowed in this context"
    );
    let text = Template::parse("$<< 1 >>", None, Delimiters { angle: true });
    assert_eq!(text, Ok(Template::Text("$<< 1 >>".to_owned())));
}

#[test]
fn w23_insert_stands_alone() {
    assert_eq!(parse("${{ insert }}"), Template::Insert);
    assert_eq!(parse("$<< insert >>"), Template::Insert);
    assert!(
        errors("a ${{ insert }}")[0]
            .1
            .starts_with("The directive 'insert' is not allowed")
    );
    assert!(
        errors("${{ insert a (b c) }}")[0]
            .1
            .ends_with("Actual parameter count: 2")
    );
    assert!(
        errors("${{ inserted }}")[0]
            .1
            .starts_with("Unrecognized named-value")
    );
}

#[test]
fn w29_the_rewritten_text_has_a_limit() {
    let long = "x".repeat(21_000);
    assert!(matches!(parse(&long), Template::Text(_)));
    let message = &errors(&format!("{long}${{{{ 1 }}}}"))[0].1;
    assert!(message.starts_with("Exceeded max expression length 21000"));
}

#[test]
fn angle_delimiters_count_only_where_they_are_meant() {
    assert_eq!(source("$<< github.ref >>"), "expression github.ref");
    assert_eq!(
        source("a $<< 1 > 2 >> b"),
        "format format('a {0} b', 1 > 2)"
    );
    assert_eq!(source("$<< github['>>'] >>"), "expression github['>>']");
    assert_eq!(
        source("$<<EOF\n${{ 1 }}\n>>"),
        "format format('$<<EOF\n{0}\n>>', 1)"
    );
    for text in [
        "$$<<github>>",
        "$<<label>>",
        "$<< >>",
        "$<< env.x >>",
        "$<< 1",
        "cat $<<EOF",
    ] {
        assert_eq!(source(text), format!("text {text}"));
    }
    let off = Template::parse("$<< 1 >>", Some(&names()), Delimiters::default());
    assert_eq!(off, Ok(Template::Text("$<< 1 >>".to_owned())));
}

#[test]
fn angle_use_is_told() {
    assert!(parse("a $<< 1 >>").expr().unwrap().is_angle());
    assert!(!parse("a ${{ 1 }}").expr().unwrap().is_angle());
    assert_eq!(
        Template::angle_offsets("a $<< 'x' >> ${{ 1 }} $<< 2 >>", &names()),
        [2, 22]
    );
}

#[test]
fn a_text_full_of_angles_is_read_in_one_go() {
    let text = "$<< ".repeat(200_000) + ">>";
    assert_eq!(parse(&text), Template::Text(text));
}
