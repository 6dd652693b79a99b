//! What is wrong with a literal `strategy` (SPEC 1.3, 1.7); legs are made when planning.

use super::converter::Converter;
use super::suggest;
use super::token::Token;

pub fn check(converter: &mut Converter<'_>, strategy: &Token) {
    converter.warn_fraction(strategy.get("max-parallel"));
    let Some(matrix) = strategy.get("matrix").filter(|matrix| matrix.is_mapping()) else {
        return;
    };
    let mut vectors: Vec<&str> = Vec::new();
    let mut any_vector = false;
    let mut any_include = false;
    for (key, value) in matrix.pairs() {
        match key.as_str() {
            Some("include") => {
                any_include =
                    value.has_expressions() || !value.items().is_empty() || !value.is_sequence();
            }
            Some("exclude") => {}
            name => {
                any_vector = true;
                let Some(name) = name else { continue };
                vectors.push(name);
                if value.is_sequence() && value.items().is_empty() {
                    converter.error(
                        value.span,
                        "empty-vector",
                        format!("Matrix vector '{name}' does not contain any values"),
                        "",
                    );
                }
            }
        }
    }
    if !any_vector && !any_include {
        converter.error(
            matrix.span,
            "empty-matrix",
            "Matrix must define at least one vector",
            "for instance `os: [ubuntu-latest]`",
        );
    }
    if !strategy.has_expressions() {
        filters(converter, matrix, &vectors);
    }
}

fn filters(converter: &mut Converter<'_>, matrix: &Token, vectors: &[&str]) {
    for include in matrix.get("include").map(Token::items).unwrap_or_default() {
        if include.is_mapping() && include.pairs().is_empty() {
            converter.error(
                include.span,
                "empty-include",
                "Matrix include mapping does not contain any values",
                "",
            );
        }
    }
    for exclude in matrix.get("exclude").map(Token::items).unwrap_or_default() {
        if exclude.is_mapping() && exclude.pairs().is_empty() {
            converter.error(
                exclude.span,
                "empty-exclude",
                "Matrix exclude filter must not be empty",
                "",
            );
        }
        for (key, _) in exclude.pairs() {
            let Some(name) = key.as_str() else { continue };
            if !vectors
                .iter()
                .any(|vector| vector.eq_ignore_ascii_case(name))
            {
                let meant = suggest::nearest(name, vectors.iter().copied());
                converter.error(
                    key.span,
                    "unknown-vector",
                    format!("Matrix exclude key '{name}' does not match any key within the matrix"),
                    &meant.map_or(String::new(), |meant| format!("did you mean `{meant}`?")),
                );
            }
        }
    }
}
