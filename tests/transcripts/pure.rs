//! A transcript's peer: the pure session, with the memory engine behind it and no socket.

use crate::Peer;
use crate::script::Script;
use pillarbox::auth::authenticator::{Authenticator, LoginPolicy, Unbounded};
use pillarbox::auth::credential::{Credentials, KeyFile};
use pillarbox::message::dot::{Normaliser, Stuffer, Top};
use pillarbox::pop3::Step;
use pillarbox::pop3::policy::Policy;
use pillarbox::pop3::reply::Reply;
use pillarbox::pop3::session::{Expects, LONGEST_SASL_LINE, Session};
use pillarbox::pop3::transaction::{Message, Opened, Transfer};
use pillarbox::sasl::{Context, Login};
use pillarbox::settings::{Settings, SortOrder};
use pillarbox::store::memory::Memory;
use pillarbox::store::{Accounts, Envelope, Expire, Mail, MessageId, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;

pub struct Pure {
    store: Arc<Memory>,
    authenticator: Authenticator,
    settings: Settings,
    context: Context,
    session: Session,
    login: Option<Login>,
    /// What was said and not read yet.
    said: VecDeque<Vec<u8>>,
    over: bool,
}

impl Pure {
    pub fn new(script: &Script) -> Self {
        let store = Arc::new(Memory::default());
        store.create_user("alice").unwrap();
        store.write_password("alice", "se cret");
        let mailbox = store.recipients(&["alice".into()]).unwrap()[0].id;
        for message in &script.mail {
            let (mut normaliser, mut octets) = (Normaliser::new(), Vec::new());
            normaliser.push(message, &mut octets);
            normaliser.finish(&mut octets);
            let mut upload = store.upload(u64::MAX);
            upload.push(&octets).unwrap();
            upload.deliver(&[mailbox], &Envelope::default()).unwrap().remove(0).unwrap();
        }
        let credentials = Credentials::new(1, KeyFile::in_memory().unwrap()).unwrap();
        Self {
            authenticator: Authenticator::new(store.clone(), Arc::new(credentials)),
            store,
            settings: Settings::from_rows(&script.settings, &[]).unwrap(),
            context: Context::default(),
            session: Session::default(),
            login: None,
            said: VecDeque::new(),
            over: false,
        }
    }

    fn execute(&mut self, mut step: Step) {
        loop {
            step = match step {
                Step::Reply(reply) => return self.say(&reply),
                Step::Close(reply) => {
                    self.over = true;
                    return self.say(&reply);
                }
                Step::LoginFailed { last } => {
                    self.over = last;
                    return self.say(&Reply::LOGON_FAILURE);
                }
                Step::Send(reply, transfer) => return self.send(&reply, transfer),
                Step::Ask(query) => {
                    let policy = LoginPolicy {
                        domains: &self.settings.domains,
                        site: &self.settings.site,
                        admission: &Unbounded,
                    };
                    self.session.answer(self.authenticator.answer(&query, &policy))
                }
                Step::Open(login) => {
                    let opened = self.open(&login);
                    self.login = Some(login);
                    self.session.opened(opened)
                }
                Step::Commit(messages) => {
                    let mailbox = self.login.as_ref().unwrap().mailbox;
                    self.session.committed(self.store.commit(mailbox, &messages))
                }
                Step::StartTls(_) => panic!("no transcript begins TLS"),
            }
        }
    }

    fn open(&self, login: &Login) -> Result<Opened, StoreError> {
        Ok(Opened {
            mailbox: login.mailbox,
            listing: self.store.open(login.mailbox)?,
            descending: self.settings.message_retrieval_sort_order == SortOrder::Descending,
            exact: self.settings.enable_exact_rfc822_size,
            expire: Expire::Never,
        })
    }

    fn send(&mut self, reply: &Reply, transfer: Transfer) {
        let mut out = Vec::new();
        match transfer {
            Transfer::Message(Message { id, top, .. }) | Transfer::SmallMessage(Message { id, top, .. }) => {
                match self.message(id) {
                    Ok(message) => {
                        reply.write(&mut out);
                        let wanted = top.map_or(message.len(), |lines| Top::new(lines).push(&message));
                        let mut stuffer = Stuffer::new();
                        stuffer.push(&message[..wanted], &mut out);
                        stuffer.finish(&mut out);
                    }
                    Err(error) => Reply::unreadable(&error).write(&mut out),
                }
            }
            listing => {
                reply.write(&mut out);
                let mut from = Some(0);
                while let Some(at) = from {
                    from = self.session.listing(listing, at, out.len() + 1, &mut out);
                }
            }
        }
        self.hear(&out);
    }

    fn message(&self, id: MessageId) -> Result<Vec<u8>, StoreError> {
        let (mut message, mut chunk) = (Vec::new(), Vec::new());
        for number in 0.. {
            self.store.read(id, number, &mut chunk)?;
            if chunk.is_empty() {
                break;
            }
            message.extend_from_slice(&chunk);
        }
        Ok(message)
    }

    fn say(&mut self, reply: &Reply) {
        let mut out = Vec::new();
        reply.write(&mut out);
        self.hear(&out);
    }

    fn hear(&mut self, octets: &[u8]) {
        let lines = octets.split_inclusive(|octet| *octet == b'\n');
        self.said.extend(lines.map(|line| line.strip_suffix(b"\r\n").unwrap().to_vec()));
    }
}

/// In clear, on a server that has a certificate, from an address that may be trusted.
fn policy<'a>(settings: &'a Settings, context: &'a Context) -> Policy<'a> {
    let local = "127.0.0.1".parse().unwrap();
    let trusted = settings.trusted_networks.iter().any(|network| network.contains(local));
    Policy { settings, tls: false, trusted, stls: true, expire: Expire::Never, context }
}

impl Peer for Pure {
    fn connect(&mut self) {
        (self.session, self.login, self.over) = (Session::default(), None, false);
        self.said.clear();
        let greeting = Session::greeting(&policy(&self.settings, &self.context));
        self.say(&greeting);
    }

    fn send(&mut self, line: &[u8]) {
        assert!(!self.over, "the session has ended already");
        let limit = match self.session.expects() {
            Expects::Command => self.settings.max_command_size,
            Expects::Continuation => LONGEST_SASL_LINE,
        };
        let step = if line.len() + 2 > limit {
            self.session.too_long(limit, line)
        } else {
            self.session.line(&policy(&self.settings, &self.context), line)
        };
        self.execute(step);
    }

    fn line(&mut self) -> Vec<u8> {
        self.said.pop_front().expect("nothing was said")
    }

    fn end(&mut self) {
        assert!(self.over && self.said.is_empty(), "the session goes on");
    }
}
