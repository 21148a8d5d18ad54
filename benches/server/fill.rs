//! The database under measurement, filled straight through the store.

use pillarbox::auth::credential::Secret;
use pillarbox::store::sqlite::{Options, Sqlite};
use pillarbox::store::{Accounts, Envelope, Mail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A database in a folder that goes away with this value.
pub struct Database {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

/// Whose mailbox has this many messages of this size.
pub fn user(messages: usize, octets: usize) -> String {
    format!("b{messages}x{octets}")
}

impl Database {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("mail.db");
        Sqlite::create_or_migrate(&path).expect("a database");
        Self { _dir: dir, path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a mailbox of each shape, and the one that idle sessions use.
    pub fn fill(&self, shapes: impl Iterator<Item = (usize, usize)>) {
        let store = Sqlite::open(&self.path, Options::default()).expect("the database opens");
        let shapes: BTreeSet<(usize, usize)> = shapes.chain([(10, 1024)]).collect();
        for (messages, octets) in shapes {
            let name = user(messages, octets);
            let id = store.create_user(&name).expect("a new user");
            store.set_password(id, None, &Secret::from("secret"), &[]).expect("a password");
            let mailbox = store.recipients(&[name]).expect("a mailbox")[0].id;
            let message = message(octets);
            for _ in 0..messages {
                let mut upload = store.upload(u64::MAX);
                upload.push(&message).expect("room");
                upload.deliver(&[mailbox], &Envelope::default()).expect("a delivery");
            }
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
