//! The order of commands before login, where it takes STLS to see it: what was said in clear is forgotten.

use pillarbox::pop3::Step;
use pillarbox::pop3::policy::Policy;
use pillarbox::pop3::reply::Reply;
use pillarbox::pop3::session::Session;
use pillarbox::pop3::transaction::{Opened, Transfer};
use pillarbox::sasl::{Answer, Context, Login, Query};
use pillarbox::settings::Settings;
use pillarbox::store::memory::Memory;
use pillarbox::store::{Accounts, Envelope, Expire, Mail, MailboxId, UserId};

/// A session with a maildrop of one internationalized message.
struct Bench {
    session: Session,
    settings: Settings,
    context: Context,
    store: Memory,
    mailbox: MailboxId,
    tls: bool,
}

impl Bench {
    fn new() -> Self {
        let store = Memory::default();
        store.create_user("alice").unwrap();
        let mailbox = store.recipients(&["alice".into()]).unwrap()[0].id;
        let mut upload = store.upload(u64::MAX);
        upload.push("Subject: gr\u{fc}n\r\n\r\nx\r\n".as_bytes()).unwrap();
        let envelope = Envelope { internationalized: true, ..Envelope::default() };
        upload.deliver(&[mailbox], &envelope).unwrap().remove(0).unwrap();
        let rows = [("LoginType".to_owned(), "PlainTextLogin".to_owned())];
        let settings = Settings::from_rows(&rows, &[]).unwrap();
        let (session, context) = (Session::default(), Context::default());
        Self { session, settings, context, store, mailbox, tls: false }
    }

    fn say(&mut self, line: &str) -> Step {
        let policy = Policy {
            settings: &self.settings,
            tls: self.tls,
            trusted: false,
            stls: true,
            expire: Expire::Never,
            context: &self.context,
        };
        self.session.line(&policy, line.as_bytes())
    }

    #[track_caller]
    fn expect(&mut self, line: &str, expected: &Reply) {
        match self.say(line) {
            Step::Reply(reply) => assert_eq!(said(&reply), said(expected), "{line}"),
            _ => panic!("{line}: not a reply"),
        }
    }

    fn start_tls(&mut self) {
        assert!(matches!(self.say("STLS"), Step::StartTls(_)));
        self.tls = true;
        self.session.secured();
    }

    fn log_in(&mut self) {
        self.expect("USER alice", &Reply::OK);
        assert!(matches!(self.say("PASS x"), Step::Ask(Query::Password { .. })));
        let login = Login {
            user: UserId(1),
            name: "alice".into(),
            mailbox: self.mailbox,
            principal: "alice".into(),
            generation: 0,
        };
        assert!(matches!(self.session.answer(Answer::Accepted(login)), Step::Open(_)));
        let opened = Opened {
            mailbox: self.mailbox,
            listing: self.store.open(self.mailbox).unwrap(),
            descending: false,
            exact: false,
            expire: Expire::Never,
        };
        assert!(matches!(self.session.opened(Ok(opened)), Step::Reply(Reply::Ok(_))));
    }

    fn is_downgraded(&mut self) -> bool {
        match self.say("RETR 1") {
            Step::Send(_, Transfer::Message(message) | Transfer::SmallMessage(message)) => message.downgraded,
            _ => panic!("nothing is sent"),
        }
    }
}

fn said(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    reply.write(&mut out);
    out
}

/// RFC 2595 section 4: nothing that was said in clear survives, UTF8 neither.
#[test]
fn utf8_mode_ends_with_stls() {
    let mut bench = Bench::new();
    bench.expect("UTF8", &Reply::OK);
    bench.start_tls();
    bench.log_in();
    assert!(bench.is_downgraded(), "UTF8 that was said in clear counts");
}

#[test]
fn utf8_mode_lasts_otherwise() {
    for tls in [false, true] {
        let mut bench = Bench::new();
        if tls {
            bench.start_tls();
        }
        bench.expect("UTF8", &Reply::OK);
        bench.log_in();
        assert!(!bench.is_downgraded());
    }
    let mut bench = Bench::new();
    bench.log_in();
    assert!(bench.is_downgraded(), "nobody has said UTF8");
}

#[test]
fn user_is_forgotten_by_stls() {
    let mut bench = Bench::new();
    bench.expect("USER alice", &Reply::OK);
    bench.start_tls();
    bench.expect("PASS x", &Reply::WRONG_STATE);
    bench.log_in();
}

/// STLS is no way around the bounds.
#[test]
fn failures_survive_stls() {
    let mut bench = Bench::new();
    for failed in 1..=19 {
        bench.expect("RETR 1", &Reply::WRONG_STATE);
        assert!(!bench.session.is_spent(), "after {failed}");
    }
    bench.start_tls();
    assert!(!bench.session.is_spent());
    bench.expect("RETR 1", &Reply::WRONG_STATE);
    assert!(bench.session.is_spent(), "20 commands have failed");
    for failed in 1..=4 {
        assert!(matches!(refuse(&mut bench), Step::LoginFailed { last: false }), "{failed}");
    }
    bench.tls = false;
    bench.start_tls();
    assert!(matches!(refuse(&mut bench), Step::LoginFailed { last: true }), "the fifth");
    assert_eq!(bench.session.attempts(), ("PLAIN", 5));
}

fn refuse(bench: &mut Bench) -> Step {
    bench.expect("USER alice", &Reply::OK);
    assert!(matches!(bench.say("PASS wrong"), Step::Ask(_)));
    bench.session.answer(Answer::Refused)
}

/// A line of an exchange is no command: a log shows nothing of it.
#[test]
fn the_log_shows_commands_and_no_secrets() {
    let mut bench = Bench::new();
    assert_eq!(bench.session.loggable(b"USER alice"), "USER alice");
    assert_eq!(bench.session.loggable(b"PASS se cret"), "PASS *****");
    assert!(matches!(bench.say("AUTH PLAIN"), Step::Reply(Reply::Challenge(_))));
    assert_eq!(bench.session.loggable(b"USER alice"), "*****");
    bench.expect("*", &Reply::CANCELLED);
    assert_eq!(bench.session.loggable(b"USER alice"), "USER alice");
}

/// What counts as nonsense, for the log: replies without a code.
#[test]
fn refusals_are_errors_without_a_code() {
    for (reply, error, refusal) in [
        (Reply::OK, false, false),
        (Reply::Challenge(Vec::new()), false, false),
        (Reply::LOGON_FAILURE, true, false),
        (Reply::WRONG_STATE, true, true),
        (Reply::unknown("There is no command", b"X"), true, true),
    ] {
        assert_eq!(
            (reply.is_error(), reply.is_refusal()),
            (error, refusal),
            "{}",
            String::from_utf8_lossy(&said(&reply))
        );
    }
}

/// 65,536 octets with the line end, in an exchange and where a token or ticket stands in the command itself.
#[test]
fn how_long_a_line_may_be() {
    let mut bench = Bench::new();
    assert_eq!(bench.session.longest_line(b"USER alice", 512), 512);
    assert_eq!(bench.session.longest_line(b"AUTH XOAUTH2 ", 512), 65_536);
    assert_eq!(bench.session.longest_line(b"AUTH PLAIN ", 40), 40);
    assert!(matches!(bench.say("AUTH PLAIN"), Step::Reply(Reply::Challenge(_))));
    assert_eq!(bench.session.longest_line(b"USER alice", 512), 65_536);
    bench.expect("*", &Reply::CANCELLED);
    bench.log_in();
    assert_eq!(bench.session.longest_line(b"AUTH XOAUTH2 ", 512), 512);
}
