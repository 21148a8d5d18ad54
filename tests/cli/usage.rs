//! What is printed when something is asked or typed wrong.

use super::{bare, text};

/// The commands of this version.
const COMMANDS: [&str; 7] = ["init", "serve", "passwd", "hash", "deliver", "check", "backup"];

#[test]
fn version_is_the_crates() {
    let output = bare(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), format!("pillarbox {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_and_version_are_commands_too() {
    for (command, option) in [
        (&["help"][..], &["-h"][..]),
        (&["version"], &["--version"]),
        (&["help", "import"], &["import", "-h"]),
        (&["help", "help"], &["help", "-h"]),
    ] {
        let (command, option) = (bare(command), bare(option));
        assert_eq!(command.status.code(), Some(0));
        assert_eq!(text(&command.stdout), text(&option.stdout));
        assert!(command.stderr.is_empty() && !command.stdout.is_empty());
    }
    for wrong in [&["help", "frobnicate"][..], &["help", "init", "x"], &["version", "x"]] {
        let output = bare(wrong);
        assert_eq!(output.status.code(), Some(64), "{wrong:?}");
        assert!(output.stdout.is_empty() && text(&output.stderr).lines().count() == 1, "{wrong:?}");
    }
}

#[test]
fn only_what_works_on_a_database_shows_the_option_for_it() {
    for command in ["hash", "help", "version", "try"] {
        assert!(!text(&bare(&[command, "-h"]).stdout).contains("--db"), "{command}");
    }
    assert!(text(&bare(&["serve", "-h"]).stdout).contains("-d, --db DATABASE"));
    // It was taken from the beginning.
    assert_eq!(
        bare(&["hash", "-d", "x.db"]).status.code(),
        Some(65),
        "there is no password, but nothing else is wrong"
    );
}

#[test]
fn no_arguments_show_the_usage_on_stderr() {
    let output = bare(&[]);
    assert_eq!(output.status.code(), Some(64));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).starts_with("usage: pillarbox COMMAND"));
}

#[test]
fn help_lists_every_command_and_each_explains_itself() {
    let list = bare(&["-h"]);
    assert_eq!(list.status.code(), Some(0));
    for command in COMMANDS {
        assert!(text(&list.stdout).contains(&format!("\n    {command} ")), "{command}");
        for arguments in [&[command, "-h"][..], &[command, "--help"], &[command, "--wrong", "-h"]] {
            let output = bare(arguments);
            assert_eq!(output.status.code(), Some(0), "{arguments:?}");
            assert!(text(&output.stdout).starts_with(&format!("usage: pillarbox {command} ")), "{arguments:?}");
            assert!(output.stderr.is_empty(), "{arguments:?}");
        }
    }
}

#[test]
fn what_is_typed_wrong_is_64_and_one_line() {
    for arguments in [
        &["frobnicate"][..],
        &["import"],
        &["--frobnicate"],
        &["init", "extra"],
        &["check", "--frobnicate"],
        &["check", "-d"],
        &["passwd"],
        &["passwd", "a", "b"],
        &["deliver"],
        &["deliver", "-f", "a\r\nb", "alice"],
        &["backup"],
        &["serve", "--set", "MaxCommandSize"],
        &["serve", "--set", "MaxCommandSize=39"],
        &["serve", "--set", "NoSuchSetting=1"],
        &["serve", "-l", "localhost"],
    ] {
        let output = bare(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}: {error}");
        assert!(error.starts_with("pillarbox: ") && error.lines().count() == 1, "{arguments:?}: {error:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_missing_database_is_66_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none.db");
    let path = path.to_str().unwrap();
    for arguments in [
        &["serve", "-d", path][..],
        &["passwd", "--db", path, "alice"],
        &["deliver", "-d", path, "alice"],
        &["check", "-d", path],
        &["backup", "-d", path, "copy.db"],
    ] {
        let output = bare(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(66), "{arguments:?}: {error}");
        assert!(error.contains(path) && error.lines().count() == 1, "{arguments:?}: {error:?}");
        assert!(!std::fs::exists(path).unwrap(), "{arguments:?} made it");
    }
}

#[test]
fn the_environment_names_the_database_and_the_option_wins() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (directory.path().join("one.db"), directory.path().join("two.db"));
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pillarbox"));
        command.env("PILLARBOX_DB", &one).args(arguments).status().unwrap().code()
    };
    assert_eq!(run(&["init", "-d", two.to_str().unwrap()]), Some(0));
    assert!(two.exists() && !one.exists());
    assert_eq!(run(&["init"]), Some(0));
    assert!(one.exists());
}

#[test]
fn what_is_not_utf_8_is_called_so() {
    use std::os::unix::ffi::OsStrExt;
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    let output = command.arg("deliver").arg(std::ffi::OsStr::from_bytes(b"j\xfcrgen")).output().unwrap();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{error}");
    assert_eq!(error, "pillarbox: argument \"j\\xFCrgen\" is not UTF-8\n");
}

#[test]
fn recipients_are_listed_for_mtas() {
    let site = crate::support::Site::new();
    site.add_user("alice", "x");
    let error = site.fail(&["export-recipients"], b"", 78);
    assert!(error.contains("Domains is empty: alice gets mail for any domain"), "{error}");
    site.set("Domains", "example.org, b\u{fc}cher.example");
    site.add_user("bob@example.net", "x");
    site.sql(
        "INSERT INTO aliases VALUES ('postmaster', 'alice'), ('sales@example.org', 'alice'), ('@example.com', 'alice')",
    );
    let listed = [
        "@example.com",
        "alice@b\u{fc}cher.example",
        "alice@example.org",
        "alice@xn--bcher-kva.example",
        "bob@example.net",
        "postmaster@b\u{fc}cher.example",
        "postmaster@example.org",
        "postmaster@xn--bcher-kva.example",
        "sales@example.org",
    ];
    let output = site.succeed(&["export-recipients"], b"");
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, listed);
}
