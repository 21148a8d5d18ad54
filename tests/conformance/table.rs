//! `docs/conformance.md` and the tests here say the same.

use std::collections::BTreeMap;
use std::path::Path;

#[test]
fn the_table_and_the_tests_agree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = rows(&std::fs::read_to_string(root.join("docs/conformance.md")).unwrap());
    let tests = tests(&root.join("tests/conformance"));
    assert_eq!(rows.keys().cloned().collect::<Vec<_>>(), statements(), "one row for each statement");
    for (id, test) in &rows {
        match test {
            Some(test) => assert!(tests.iter().any(|name| name == test), "{id} names no test: {test}"),
            None => panic!("{id} has no test"),
        }
    }
    for test in tests.iter().filter(|name| id_of(name).is_some()) {
        let id = id_of(test).unwrap();
        assert_eq!(rows.get(&id), Some(&Some(test.clone())), "{test} is not in the row of {id}");
    }
}

/// Every numbered statement of the standard, sorted.
fn statements() -> Vec<String> {
    let deviations = (1..=5).map(|n| format!("2.1.{n}"));
    let clarifications = [('C', 11), ('E', 7), ('V', 12)];
    deviations
        .chain(clarifications.iter().flat_map(|(kind, n)| (1..=*n).map(move |i| format!("{kind}{i:04}"))))
        .collect()
}

/// Rows of the table: the ID and the test's name, `None` if it names none.
fn rows(table: &str) -> BTreeMap<String, Option<String>> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let known = statements();
    let mut rows = BTreeMap::new();
    for row in table.lines().map(cells).filter(|row| row.len() > 2 && known.contains(&row[1])) {
        let test = row[row.len() - 2].strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).map(str::to_owned);
        assert!(rows.insert(row[1].clone(), test).is_none(), "{} stands twice", row[1]);
    }
    rows
}

/// Names of the test functions in this directory.
fn tests(directory: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let after_attribute = source.split("#[test]\nfn ").skip(1);
        names.extend(after_attribute.map(|rest| rest.split('(').next().unwrap().to_owned()));
    }
    names
}

/// The statement a test is named after: `c0004_…`, `s2_1_3_…`.
fn id_of(test: &str) -> Option<String> {
    let known = statements();
    let plain = test.get(..5)?.to_uppercase();
    let section = test.get(1..6)?.replace('_', ".");
    known.into_iter().find(|id| *id == plain || *id == section)
}
