//! The text of an `if` → the expression that decides (SPEC E-60, E-61, E-65).

use super::Names;
use super::ast::Expr;
use super::template::{Delimiters, Template, TemplateError, TemplateErrorKind};

/// Parses an `if`: blank is `success()`, and what asks for no status is `success() && (…)`.
pub fn parse_condition(
    text: &str,
    names: &Names,
    delimiters: Delimiters,
) -> Result<Expr, TemplateError> {
    let blank = || Expr::new("".into(), None).and_success();
    let expr = parse_bare_condition(text, names, delimiters)?;
    Ok(match expr {
        None => blank(),
        Some(expr) if expr.calls_status_function() => expr,
        Some(expr) => expr.and_success(),
    })
}

/// Parses an `if` as it stands, as `pre-if` and `post-if` are; blank is `None`.
pub fn parse_bare_condition(
    text: &str,
    names: &Names,
    delimiters: Delimiters,
) -> Result<Option<Expr>, TemplateError> {
    let template = Template::parse(text, Some(names), delimiters)
        .map_err(|mut errors| errors.swap_remove(0))?;
    let text = match template {
        Template::Expression(expr) | Template::Format(expr) => return Ok(Some(expr)),
        Template::Insert => {
            return Err(TemplateError::new(0, TemplateErrorKind::DirectiveInline));
        }
        Template::Text(text) => text,
    };
    if text.trim().is_empty() {
        return Ok(None);
    }
    match Expr::parse(&text, names) {
        Ok(expr) => Ok(Some(expr)),
        Err(error) => Err(TemplateError::expression(0, 0, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Context, ExtraFunction, Value};
    use super::*;

    fn names() -> Names {
        let function = |name: &'static str| ExtraFunction {
            name: name.into(),
            min: 0,
            max: 0,
        };
        Names {
            values: vec!["github".into()],
            functions: ["success", "always", "failure", "cancelled"]
                .map(function)
                .into(),
        }
    }

    fn condition(text: &str) -> String {
        let expr = parse_condition(text, &names(), Delimiters { angle: true });
        expr.unwrap().source().to_owned()
    }

    #[test]
    fn e61_asks_for_success_unless_a_status_is_asked_for() {
        for blank in ["", "  ", "\n"] {
            assert_eq!(condition(blank), "success()");
        }
        let wrapped = "success() && (github.ref == 'x')";
        assert_eq!(condition("github.ref == 'x'"), wrapped);
        assert_eq!(condition("${{ github.ref == 'x' }}"), wrapped);
        assert_eq!(condition("$<< github.ref == 'x' >>"), wrapped);
        assert_eq!(condition("!Always()"), "!Always()");
        assert_eq!(condition("github[failure()]"), "github[failure()]");
        assert_eq!(condition("'always()'"), "success() && ('always()')");
    }

    #[test]
    fn e61_wraps_even_the_deepest_tree() {
        let deep = format!("{}github", "!".repeat(49));
        assert_eq!(condition(&deep), format!("success() && ({deep})"));
    }

    #[test]
    fn e60_embedded_expressions_make_a_text_that_is_always_true() {
        struct Nothing;
        impl Context for Nothing {
            fn named_value(&self, _: &str) -> Value {
                Value::Null
            }
            fn call(&self, _: &str, _: &[Value]) -> Result<Value, String> {
                Ok(Value::Bool(true))
            }
        }
        let trap = parse_condition("${{ false }} == true", &names(), Delimiters::default());
        let trap = trap.unwrap();
        assert_eq!(trap.source(), "success() && (format('{0} == true', false))");
        assert!(trap.evaluate(&Nothing).unwrap().is_truthy());
    }

    #[test]
    fn e60_a_quoted_text_alone_is_an_expression_again() {
        assert_eq!(
            condition("${{ 'github.ref' }}"),
            "success() && (github.ref)"
        );
    }

    #[test]
    fn w35_says_what_is_wrong() {
        let error = |text| {
            let found = parse_condition(text, &names(), Delimiters::default());
            found.unwrap_err().to_string()
        };
        assert_eq!(
            error("env.X"),
            "Unrecognized named-value: 'env'. Located at position 1 within expression: env.X"
        );
        assert_eq!(error("${{ }}"), "An expression was expected");
    }
}
