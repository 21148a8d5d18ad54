//! [`Kind::admits`] in PostgreSQL's SQL.

use super::{Kind, quoted};

/// A condition on `value`, which is text without control characters.
pub(super) fn condition(kind: &Kind) -> String {
    match kind {
        Kind::Number { least, most, .. } => format!("is_number(value, {least}, {most})"),
        Kind::Switch => "is_number(value, 0, 1)".into(),
        Kind::Choice(names) => {
            let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
            format!("value IN ({})", names.join(", "))
        }
        Kind::Banner => "length(value) <= 400 AND value ~ '^[ -;=?-Z\\\\-~][ -;=?-~]*$'".into(),
        Kind::Text => "length(value) <= 255".into(),
        Kind::Word => "length(value) BETWEEN 1 AND 255".into(),
        Kind::Mode => "value ~ '^0?[0-7]{3}$'".into(),
        Kind::Delimiters => r"value ~ '^[!-.:-?\[\]-`{-~]{0,16}$'".into(),
        Kind::File => "octet_length(value) <= 4095".into(),
        Kind::Bindings { paths: false } => items("is_binding(item)"),
        Kind::Bindings { paths: true } => items("is_binding(item) OR is_socket(item)"),
        Kind::LocalBindings => items("is_binding(item) AND item ~ '^(127\\.|\\[::1\\]:)' OR is_socket(item)"),
        Kind::Networks => items("is_network(item)"),
        Kind::Names => items("is_domain(item)"),
    }
}

/// A condition on each `item` of a list.
fn items(condition: &str) -> String {
    format!("NOT EXISTS (SELECT 1 FROM items(value) AS item WHERE ({condition}) IS NOT TRUE)")
}
