//! What `make generate` writes from [`SETTINGS`]: the schema's rows and triggers, the tables of the documentation.

mod postgres;

use super::{Kind, SETTINGS, Setting};
use crate::generated::assert_region;

/// PostgreSQL's schema.
const POSTGRES: &str = "migrations/postgres/0100_initial.sql";

/// One text for each row, behind one another.
fn each(text: impl Fn(&Setting) -> String) -> String {
    SETTINGS.iter().map(text).collect()
}

#[test]
fn generated_defaults() {
    let rows: Vec<_> =
        SETTINGS.iter().map(|row| format!("  ({}, {})", quoted(row.name), quoted(row.default))).collect();
    let insert = format!("INSERT INTO settings (name, value) VALUES\n{};\n", rows.join(",\n"));
    assert_region("schema.sql", "defaults", &insert);
    assert_region(POSTGRES, "defaults", &insert);
}

/// After the update, because the view knows the new value then.
#[test]
fn generated_ranges() {
    let refusals = each(|Setting { name, kind, .. }| {
        let refusal = quoted(&format!("{name}: {}", kind.range()));
        format!("    WHEN '{name}' THEN RAISE(ABORT, {refusal})\n")
    });
    let text = format!(
        "CREATE VIEW setting_in_range (name) AS
  SELECT name FROM setting_number WHERE CASE name
{}    END
  UNION ALL SELECT name FROM setting_text WHERE CASE name
{}    END
  UNION ALL SELECT name FROM setting_text WHERE name IN ({}) AND name NOT IN (
    SELECT name FROM setting_item LEFT JOIN setting_address USING (item) WHERE (CASE name
{}    END) IS NOT TRUE);

CREATE TRIGGER settings_in_range AFTER UPDATE OF value ON settings
BEGIN
  SELECT CASE NEW.name
{refusals}    END
   WHERE NOT EXISTS (SELECT 1 FROM setting_in_range WHERE name = NEW.name);
  INSERT INTO must_be_utf8 VALUES (NEW.name, NEW.value);
END;
",
        cases(number),
        cases(text),
        SETTINGS
            .iter()
            .filter(|row| item(&row.kind).is_some())
            .map(|row| quoted(row.name))
            .collect::<Vec<_>>()
            .join(", "),
        cases(item),
    );
    assert_region("schema.sql", "ranges", &text);
}

/// The same as two functions of PostgreSQL.
#[test]
fn generated_ranges_of_postgres() {
    let conditions =
        each(|Setting { name, kind, .. }| format!("    WHEN '{name}' THEN {}\n", postgres::condition(kind)));
    let ranges = each(|Setting { name, kind, .. }| format!("    WHEN '{name}' THEN {}\n", quoted(&kind.range())));
    let text = format!(
        "CREATE FUNCTION setting_in_range(name text, value text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT length(value) <= 4096 AND is_printable(value) AND CASE name
{conditions}    END
$$;

CREATE FUNCTION setting_range(name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE name
{ranges}    END
$$;
"
    );
    assert_region(POSTGRES, "ranges", &text);
}

/// The branches of a CASE for the settings that have this kind of condition.
fn cases(condition: fn(&Kind) -> Option<String>) -> String {
    each(|row| condition(&row.kind).map_or(String::new(), |good| format!("    WHEN '{}' THEN {good}\n", row.name)))
}

#[test]
fn generated_names_of_texts() {
    let cases = each(|Setting { name, kind, .. }| match kind {
        Kind::Text | Kind::Word | Kind::File | Kind::Names | Kind::Bindings { paths: true } | Kind::LocalBindings => {
            format!("    WHEN '{name}' THEN RAISE(ABORT, '{name}: must be UTF-8')\n")
        }
        _ => String::new(), // takes ASCII only
    });
    assert_region("schema.sql", "settings that are text", &cases);
}

#[test]
fn generated_settings_page() {
    let table =
        each(|row| format!("| `{}` | {} | {} | {} |\n", row.name, default(row.default), row.kind.range(), row.meaning));
    let head = "| name | default | range or values | meaning |\n| --- | --- | --- | --- |\n";
    assert_region("docs/settings.md", "settings", &format!("{head}{table}"));
}

#[test]
fn generated_settings_manual() {
    let escaped = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let entries = each(|row| {
        let default = if row.default.is_empty() { "empty" } else { row.default };
        format!(
            ".TP\n.B {}\n{}.\n.br\nRange: {}. Default: {}.\n",
            row.name,
            escaped(row.meaning),
            escaped(&row.kind.range()),
            escaped(default)
        )
    });
    assert_region("packaging/pillarbox-settings.5", "settings", &entries);
}

/// [`Kind::admits`] in SQL, for kinds that are a `number`.
fn number(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Number { least, most, .. } => Some(format!("number BETWEEN {least} AND {most}")),
        Kind::Switch => Some("number BETWEEN 0 AND 1".into()),
        _ => None,
    }
}

/// The same for kinds that are a text, `value`, without control characters.
fn text(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Choice(names) => {
            let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
            format!("value IN ({})", names.join(", "))
        }
        Kind::Banner => "length(value) BETWEEN 1 AND 400 AND value NOT GLOB '*[^ -~]*' AND value NOT GLOB '*[<>]*' \
             AND value NOT GLOB '[[]*'"
            .into(),
        Kind::Text => "length(value) <= 255".into(),
        Kind::Word => "length(value) BETWEEN 1 AND 255".into(),
        Kind::Mode => "value GLOB '[0-7][0-7][0-7]' OR value GLOB '0[0-7][0-7][0-7]'".into(),
        Kind::Delimiters => {
            r"length(value) <= 16 AND value NOT GLOB '*[^!-~]*' AND value NOT GLOB '*[0-9A-Za-z@/\]*'".into()
        }
        Kind::File => "length(CAST(value AS BLOB)) <= 4095".into(),
        _ => return None,
    })
}

/// The same for kinds that are a list: of an `item` of it, and its `form` if it is an address.
fn item(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Bindings { paths: false } => "form = 'binding'".into(),
        Kind::Bindings { paths: true } => {
            "form = 'binding' OR (item GLOB '/?*' AND length(CAST(item AS BLOB)) <= 107)".into()
        }
        Kind::LocalBindings => "(form = 'binding' AND (item GLOB '127.*' OR item GLOB '[[]::1]:*')) OR \
             (item GLOB '/?*' AND length(CAST(item AS BLOB)) <= 107)"
            .into(),
        Kind::Networks => "form = 'network'".into(),
        // Punctuation and the space, and what else Unicode calls white space.
        Kind::Names => r"length(item) BETWEEN 1 AND 255
        AND item NOT GLOB '.*' AND item NOT GLOB '*..*'
        AND item NOT GLOB '*[ -,/;-@\^`{-~' || char(160, 5760, 8192) || '-' || char(8202, 8232, 8233, 8239, 8287, 12288) || ']*'"
            .into(),
        _ => return None,
    })
}

/// A literal of SQL.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A value in a table of the documentation.
fn default(value: &str) -> String {
    if value.is_empty() { "empty".into() } else { format!("`{value}`") }
}
