//! A transcript's peer: the real server, its SQLite file, a socket.

use crate::Peer;
use crate::script::Script;
use crate::support::{Client, Server, Site};

pub struct Wire {
    server: Server,
    client: Option<Client>,
}

impl Wire {
    pub fn new(script: &Script) -> Self {
        let messages: Vec<&[u8]> = script.mail.iter().map(Vec::as_slice).collect();
        let settings: Vec<(&str, &str)> = script.settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        Self { server: Site::with_alice(&messages).serve(&settings), client: None }
    }
}

impl Peer for Wire {
    fn connect(&mut self) {
        if let Some(client) = self.client.take() {
            client.hang_up();
        }
        self.client = Some(Client::plain(self.server.address("pop3")));
    }

    fn send(&mut self, line: &[u8]) {
        self.client.as_mut().unwrap().send([line, b"\r\n"].concat());
    }

    fn line(&mut self) -> Vec<u8> {
        let line = self.client.as_mut().unwrap().raw_line();
        line.strip_suffix(b"\r\n").unwrap().to_vec()
    }

    fn end(&mut self) {
        self.client.take().unwrap().expect_end();
    }
}
