//! The order of commands before login, where it takes STLS to see it: what was said in clear is forgotten.

use pillarbox::pop3::Step;
use pillarbox::pop3::policy::Policy;
use pillarbox::pop3::reply::Reply;
use pillarbox::pop3::session::Session;
use pillarbox::pop3::transaction::{Opened, Transfer};
use pillarbox::sasl::{Answer, Context, Login, Query};
use pillarbox::settings::Settings;
use pillarbox::store::memory::Memory;
use pillarbox::store::{Accounts, Envelope, Expire, Mail, MailboxId, StoreError, UserId};

/// A session with a maildrop of internationalized messages.
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
        Self::with(1)
    }

    fn with(messages: usize) -> Self {
        let store = Memory::default();
        store.create_user("alice").unwrap();
        let mailbox = store.recipients(&["alice".into()]).unwrap()[0].id;
        for _ in 0..messages {
            let mut upload = store.upload(u64::MAX);
            upload.push("Subject: gr\u{fc}n\r\n\r\nx\r\n".as_bytes()).unwrap();
            let envelope = Envelope { internationalized: true, ..Envelope::default() };
            upload.deliver(&[mailbox], &envelope).unwrap().remove(0).unwrap();
        }
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
    assert!(!bench.session.is_transaction());
    bench.log_in();
    assert!(bench.session.is_transaction());
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

/// Settings act on sessions that are there.
#[test]
fn user_does_not_let_a_password_through_that_may_not_be_sent_any_more() {
    let mut bench = Bench::new();
    bench.expect("USER alice", &Reply::OK);
    bench.settings.set("LoginType", "SecureLogin").unwrap();
    bench.expect("PASS x", &Reply::WANTS_TLS);
}

/// What each `LoginType` lets cross a connection in clear.
#[test]
fn a_login_type_allows_passwords_proofs_or_nothing() {
    for (login_type, user, plain, proof) in [
        ("PlainTextLogin", true, true, true),
        ("PlainTextAuthentication", false, false, true),
        ("SecureLogin", false, false, false),
    ] {
        let mut bench = Bench::new();
        bench.settings.set("LoginType", login_type).unwrap();
        for (line, allowed) in [("AUTH PLAIN", plain), ("AUTH NTLM", proof), ("USER alice", user)] {
            match bench.say(line) {
                Step::Reply(reply) => {
                    assert_eq!(said(&reply) != said(&Reply::WANTS_TLS), allowed, "{login_type} {line}")
                }
                _ => panic!("{line}: not a reply"),
            }
            bench.say("*");
        }
    }
}

/// [MS-STANXPOP3] V0011: a password that may begin with separators is tried without and with them.
#[test]
fn what_is_tried_as_password() {
    for (line, expected) in [("PASS x", &["x"][..]), ("PASS  x", &["x", " x"]), ("PASS  ", &[" "])] {
        let mut bench = Bench::new();
        bench.expect("USER alice", &Reply::OK);
        let Step::Ask(Query::Password { candidates, .. }) = bench.say(line) else { panic!("{line}: nothing is asked") };
        let candidates: Vec<&[u8]> = candidates.iter().map(|candidate| candidate.expose()).collect();
        assert_eq!(candidates, expected.iter().map(|candidate| candidate.as_bytes()).collect::<Vec<_>>(), "{line}");
    }
}

/// RFC 2595 section 4: STLS comes once, and before login.
#[test]
fn stls_is_offered_until_it_is_used() {
    let offers = |bench: &mut Bench| match bench.say("CAPA") {
        Step::Reply(reply) => String::from_utf8(said(&reply)).unwrap().contains("\r\nSTLS\r\n"),
        _ => panic!("CAPA is answered"),
    };
    let mut bench = Bench::new();
    assert!(offers(&mut bench));
    bench.start_tls();
    assert!(!offers(&mut bench));
    bench.expect("STLS", &Reply::WRONG_STATE);
    let mut bench = Bench::new();
    bench.log_in();
    assert!(!offers(&mut bench));
    bench.expect("STLS", &Reply::WRONG_STATE);
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

/// What our log says of an exchange, once.
#[test]
fn why_a_login_failed_is_told_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.session.take_diagnosis(), None);
    bench.settings.set("LoginType", "SecureLogin").unwrap();
    bench.expect("USER alice", &Reply::WANTS_TLS);
    let told = bench.session.take_diagnosis().unwrap();
    assert!(told.contains("LoginType is SecureLogin"), "{told}");
    assert_eq!(bench.session.take_diagnosis(), None);
    assert_eq!(bench.session.attempts(), ("PLAIN", 0));
    bench.expect("AUTH SCRAM-SHA-256", &Reply::WANTS_TLS);
    assert_eq!(bench.session.attempts(), ("SCRAM-SHA-256", 0));
}

/// A browser's request is one only as the first line.
#[test]
fn http_is_refused_in_the_first_line() {
    for line in ["GET / HTTP/1.1", "POST / HTTP/1.1", "get /"] {
        let mut bench = Bench::new();
        assert!(matches!(bench.say(line), Step::Close(_)), "{line}");
        let mut bench = Bench::new();
        bench.expect("UTF8", &Reply::OK);
        assert!(matches!(bench.say(line), Step::Reply(_)), "{line}");
    }
}

#[test]
fn a_message_that_is_gone_is_said_to_be() {
    let text = |error| String::from_utf8(said(&Reply::unreadable(&error))).unwrap();
    let gone = "-ERR The specified message was removed from the mailbox.\r\n";
    assert_eq!(text(StoreError::NoSuchMessage), gone);
    assert_eq!(text(StoreError::NoSuchMailbox), gone);
    assert_eq!(text(StoreError::Io("x".into())).into_bytes(), said(&Reply::UNAVAILABLE));
}

#[test]
fn the_clock_of_mechanisms_is_the_systems() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    assert!(((Context::default().clock)() - now).abs() < 3600);
}

#[test]
fn quit_commits_only_what_is_marked() {
    let mut bench = Bench::new();
    bench.log_in();
    assert!(matches!(bench.say("QUIT"), Step::Close(_)));
    let mut bench = Bench::new();
    bench.log_in();
    bench.expect("DELE 1", &Reply::OK);
    bench.expect("RSET", &Reply::OK);
    assert!(matches!(bench.say("QUIT"), Step::Close(_)));
}

#[test]
fn what_is_sent_is_unread_until_it_was_read() {
    let mut bench = Bench::new();
    bench.log_in();
    match bench.say("RETR 1") {
        Step::Send(_, Transfer::Message(message) | Transfer::SmallMessage(message)) => assert!(message.unread),
        _ => panic!("nothing is sent"),
    }
}

/// The marks of more messages than a machine word has bits.
#[test]
fn what_was_named_is_deleted() {
    let mut bench = Bench::with(130);
    bench.log_in();
    let marked = [2, 63, 64, 65, 128, 129, 130];
    for number in marked {
        bench.expect(&format!("DELE {number}"), &Reply::OK);
        bench.expect(&format!("DELE {number}"), &Reply::MARKED);
    }
    bench.expect("DELE 131", &Reply::OUT_OF_RANGE);
    bench.expect("DELE 0", &Reply::OUT_OF_RANGE);
    bench.expect("STAT", &Reply::Ok("123 503808".into()));
    for number in [1, 3, 62, 66, 127] {
        bench.expect(&format!("LIST {number}"), &Reply::Ok(format!("{number} 4096").into()));
    }
    match bench.say("QUIT") {
        Step::Commit(uids) => assert_eq!(uids.iter().map(|uid| uid.0).collect::<Vec<_>>(), marked),
        _ => panic!("nothing is deleted"),
    }
}
