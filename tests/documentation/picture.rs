//! The README's picture shows what happens.

use std::path::Path;
use std::process::Command;

#[test]
fn the_picture_is_of_a_session_as_it_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().unwrap();
    let drawn = directory.path().join("session.svg");
    let mut command = Command::new(root.join("scripts/picture.sh"));
    let output = command.arg(&drawn).env("PILLARBOX", env!("CARGO_BIN_EXE_pillarbox")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let [drawn, shown] = [drawn, root.join("docs/session.svg")].map(|path| std::fs::read_to_string(path).unwrap());
    assert!(drawn == shown, "docs/session.svg is out of date: run make picture; it is now\n{drawn}");
    assert!(std::fs::read_to_string(root.join("README.md")).unwrap().contains("](docs/session.svg)"));
}
