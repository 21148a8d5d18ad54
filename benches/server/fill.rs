//! The database under measurement, filled straight through the store.

use pillarbox::auth::credential::Secret;
use pillarbox::store::postgres::Postgres;
use pillarbox::store::sqlite::Sqlite;
use pillarbox::store::{Envelope, Options};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A database of ours: a file in a directory that goes away with this value, or an empty one of PostgreSQL that
/// `PILLARBOX_DB` names.
pub struct Database {
    dir: tempfile::TempDir,
    name: OsString,
}

/// How many deliver at once while a database is filled.
const HANDS: usize = 16;

/// Whose mailbox has this many messages of this size.
pub fn user(messages: usize, octets: usize) -> String {
    format!("b{messages}x{octets}")
}

impl Database {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let name = match std::env::var("PILLARBOX_DB") {
            Ok(text) if text.starts_with("postgresql:") => {
                Postgres::create_or_migrate(&text).expect("an empty database");
                text.into()
            }
            _ => {
                let path = dir.path().join("mail.db");
                Sqlite::create_or_migrate(&path).expect("a database");
                path.into()
            }
        };
        Self { dir, name }
    }

    /// What `-d` takes.
    pub fn name(&self) -> &OsString {
        &self.name
    }

    /// What `--state` takes.
    pub fn state(&self) -> &Path {
        self.dir.path()
    }

    /// Makes a mailbox of each shape, and the one that idle sessions use.
    pub fn fill(&self, shapes: impl Iterator<Item = (usize, usize)>) {
        let store = pillarbox::store::Database::parse(self.name.clone()).expect("a database").open(Options::default());
        let store = store.expect("the database opens");
        let shapes: BTreeSet<(usize, usize)> = shapes.chain([(10, 1024)]).collect();
        for (messages, octets) in shapes {
            let name = user(messages, octets);
            let id = store.create_user(&name).expect("a new user");
            store.set_password(id, None, &Secret::from("secret"), &[]).expect("a password");
            let mailbox = store.recipients(&[name]).expect("a mailbox")[0].id;
            let message = message(octets);
            let left = AtomicUsize::new(messages);
            let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            std::thread::scope(|scope| {
                for _ in 0..HANDS {
                    scope.spawn(|| {
                        while take() {
                            let mut upload = store.upload(u64::MAX);
                            upload.push(&message).expect("room");
                            upload.deliver(&[mailbox], &Envelope::default()).expect("a delivery");
                        }
                    });
                }
            });
        }
    }
}

/// A message of this many octets, without lines to stuff.
pub fn message(octets: usize) -> Vec<u8> {
    let line = b"The quick brown fox jumps over the lazy dog, and the dog does not mind at all.\r\n";
    let mut message = b"From: bench@example.org\r\nSubject: bench\r\n\r\n".to_vec();
    while message.len() + 2 < octets {
        let room = octets - message.len() - 2;
        message.extend_from_slice(&line[..room.min(line.len() - 2)]);
        message.extend_from_slice(b"\r\n");
    }
    message
}
