//! Tests: the tables of the documentation say what [`SETTINGS`] says.

use super::SETTINGS;

/// The rows of the table that stands under the heading `Settings`.
fn rows(text: &str) -> Vec<&str> {
    let section = text.lines().skip_while(|line| line.trim_start_matches('#') != " Settings").skip(1);
    section.take_while(|line| !line.starts_with('#')).filter(|line| line.starts_with("| `")).collect()
}

fn default(value: &str) -> String {
    if value.is_empty() { "empty".into() } else { format!("`{value}`") }
}

#[test]
fn the_settings_page_is_the_table() {
    let wanted = SETTINGS
        .iter()
        .map(|row| format!("| `{}` | {} | {} | {} |", row.name, default(row.default), row.kind.range(), row.meaning));
    let wanted: Vec<String> = wanted.collect();
    assert_eq!(rows(include_str!("../../docs/settings.md")), wanted);
}

#[test]
fn the_readme_names_every_setting_with_its_default() {
    let wanted: Vec<String> =
        SETTINGS.iter().map(|row| format!("| `{}` | {} | {} |", row.name, default(row.default), row.meaning)).collect();
    assert_eq!(rows(include_str!("../../README.md")), wanted);
}
