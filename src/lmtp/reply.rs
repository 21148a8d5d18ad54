//! Replies: the only place that writes reply codes (RFC 5321 section 4.2) and enhanced status codes
//! (RFC 3463, RFC 2034). A line has at most 512 octets (RFC 5321 section 4.5.3.1.5).

use super::path::BadPath;
use crate::store::StoreError;
use std::borrow::Cow;

/// Longest reply line, octets, with its CRLF.
const LONGEST_REPLY: usize = 512;

/// One reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    code: u16,
    /// RFC 2034 section 4: every reply but 220, 221, 354 and that to LHLO begins with one.
    status: &'static str,
    /// At least one line.
    lines: Vec<Cow<'static, str>>,
}

impl Reply {
    fn new(code: u16, status: &'static str, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status, lines: vec![text.into()] }
    }

    /// The code's first digit is 2: a "successful" command of RFC 2033 section 4.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// The greeting.
    pub fn greeting(host: &str) -> Self {
        Self::new(220, "", format!("{host} Pillarbox LMTP service is ready"))
    }

    /// The answer to LHLO: the extensions (RFC 5321 section 4.1.1.1).
    pub fn extensions(host: &str, max_size: u64) -> Self {
        let fixed = ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING"];
        let mut lines = vec![Cow::Owned(host.to_owned())];
        lines.extend(fixed.map(Cow::Borrowed));
        lines.push(format!("SIZE {max_size}").into());
        Self { code: 250, status: "", lines }
    }

    /// RSET and NOOP.
    pub fn ok() -> Self {
        Self::new(250, "2.0.0", "OK")
    }

    /// MAIL.
    pub fn sender_ok() -> Self {
        Self::new(250, "2.1.0", "Sender OK")
    }

    /// RCPT.
    pub fn recipient_ok() -> Self {
        Self::new(250, "2.1.5", "Recipient OK")
    }

    /// DATA.
    pub fn start_input() -> Self {
        Self::new(354, "", "Start mail input; end with <CRLF>.<CRLF>")
    }

    /// BDAT that is not the last (RFC 3030 section 2).
    pub fn chunk_received(octets: u64) -> Self {
        Self::new(250, "2.0.0", format!("{octets} octets received"))
    }

    /// A copy is durable.
    pub fn stored(recipient: &str) -> Self {
        Self::new(250, "2.0.0", format!("<{recipient}> stored"))
    }

    /// VRFY (RFC 5321 section 3.5.3): RCPT tells.
    pub fn cannot_verify() -> Self {
        Self::new(252, "2.1.5", "Cannot verify; RCPT tells")
    }

    /// QUIT.
    pub fn closing(host: &str) -> Self {
        Self::new(221, "2.0.0", format!("{host} closing connection"))
    }

    /// The process ends.
    pub fn shutting_down() -> Self {
        Self::new(421, "4.3.2", "The server is shutting down")
    }

    /// The greeting while the store cannot be reached.
    pub fn store_unreachable() -> Self {
        Self::new(421, "4.3.0", "The store cannot be reached; try again later")
    }

    /// The system gives no thread.
    pub fn no_thread() -> Self {
        Self::new(421, "4.3.2", "Too many connections for this machine; try again later")
    }

    /// Nothing came for too long.
    pub fn timed_out() -> Self {
        Self::new(421, "4.4.2", "Connection timed out")
    }

    /// As many connections as are allowed are open.
    pub fn too_many_connections(limit: usize) -> Self {
        Self::new(421, "4.3.2", format!("Too many connections: LmtpMaxConnections is {limit}"))
    }

    /// No such command.
    pub fn unknown_command() -> Self {
        Self::new(500, "5.5.1", "Command is not known")
    }

    /// HELO, EHLO (RFC 2033 section 4.1).
    pub fn not_smtp() -> Self {
        Self::new(500, "5.5.1", "This is LMTP: say LHLO")
    }

    /// A command line was longer than `limit`.
    pub fn line_too_long(limit: usize) -> Self {
        Self::new(500, "5.5.2", format!("Line is longer than {limit} octets"))
    }

    /// Arguments that do not fit.
    pub fn arguments(usage: &'static str) -> Self {
        Self::new(501, "5.5.4", format!("Usage: {usage}"))
    }

    /// BDAT whose length cannot be read.
    pub fn chunk_size() -> Self {
        Self::new(501, "5.5.4", "Usage: BDAT octets [LAST]; closing connection")
    }

    /// RFC 5321 section 4.1.1.11: a parameter that was not offered.
    pub fn parameter() -> Self {
        Self::new(555, "5.5.4", "Parameter is not known or its value not possible")
    }

    /// MAIL whose path is none.
    pub fn bad_sender(bad: BadPath) -> Self {
        Self::bad_path(bad, "5.1.7")
    }

    /// RCPT whose path is none.
    pub fn bad_recipient(bad: BadPath) -> Self {
        Self::bad_path(bad, "5.1.3")
    }

    fn bad_path(bad: BadPath, status: &'static str) -> Self {
        match bad {
            BadPath::Syntax => Self::new(501, status, "Address is not <local-part@domain>"),
            BadPath::TooLong => Self::new(501, status, "Address is too long"),
            // RFC 6531 section 3.5.
            BadPath::NotAscii => Self::new(553, "5.6.7", "Address is not ASCII: MAIL needs SMTPUTF8"),
        }
    }

    /// A command that something else must precede.
    pub fn out_of_order(first: &'static str) -> Self {
        Self::new(503, "5.5.1", format!("Send {first} first"))
    }

    /// A second MAIL, or RCPT and DATA after BDAT.
    pub fn in_transaction() -> Self {
        Self::new(503, "5.5.1", "Not now: a mail transaction is going on")
    }

    /// DATA without a recipient (RFC 2033 section 4.2).
    pub fn no_recipients() -> Self {
        Self::new(503, "5.5.1", "No valid recipients")
    }

    /// RFC 5321 section 4.5.3.1.10.
    pub fn too_many_recipients() -> Self {
        Self::new(452, "4.5.3", "Too many recipients")
    }

    /// Nobody has this address.
    pub fn unknown_recipient(recipient: &str) -> Self {
        Self::new(550, "5.1.1", format!("<{recipient}> is not known here"))
    }

    /// The message is larger than `MaxReceiveSize` (RFC 1870 section 6).
    pub fn too_large(limit: u64) -> Self {
        Self::new(552, "5.3.4", format!("Message is larger than {limit} octets"))
    }

    /// BDAT after one that failed (RFC 3030 section 2).
    pub fn chunk_failed(error: &StoreError) -> Self {
        Self::failed(None, error, false)
    }

    /// What keeps a copy from `recipient`. `permanent`: an over-quota mailbox is reported for good.
    pub fn refused(recipient: &str, error: &StoreError, permanent: bool) -> Self {
        Self::failed(Some(recipient), error, permanent)
    }

    /// Whatever may pass is temporary: nobody's mail bounces because we are busy or full.
    fn failed(recipient: Option<&str>, error: &StoreError, permanent: bool) -> Self {
        let (code, status, text) = match error {
            StoreError::NoSuchMailbox => (550, "5.1.1", "is not known here any more"),
            StoreError::OverQuota if permanent => (552, "5.2.2", "mailbox is over its quota"),
            StoreError::OverQuota => (452, "4.2.2", "mailbox is over its quota"),
            StoreError::TooBig => (552, "5.3.4", "message is larger than MaxReceiveSize"),
            StoreError::Io(_) | StoreError::Sync(_) => (452, "4.3.1", "storage is full or failed; try again later"),
            // RFC 3463 section 3.3: it exists, but takes no messages. An administrator can mend that.
            StoreError::OutOfUids => (450, "4.2.1", "mailbox has given out all of its unique-ids"),
            StoreError::Abandoned => (451, "4.3.0", "message came too slowly; try again later"),
            StoreError::Busy(_) => (451, "4.3.0", "mailboxes are busy; try again later"),
            StoreError::Refused(_) => (451, "4.3.0", "database refuses the message, the server's log says why"),
            StoreError::Unavailable(_) | StoreError::Denied(_) => {
                (451, "4.3.0", "database cannot be reached; try again later")
            }
            StoreError::NoSuchMessage | StoreError::Damaged(_) | StoreError::Internal(_) => {
                (451, "4.3.0", "internal error, the server's log says more; try again later")
            }
        };
        match recipient {
            Some(recipient) => Self::new(code, status, format!("<{recipient}> {text}")),
            None => Self::new(code, status, text),
        }
    }

    /// Appends the reply.
    pub fn write(&self, out: &mut Vec<u8>) {
        for (at, text) in self.lines.iter().enumerate() {
            let mark = if at + 1 == self.lines.len() { ' ' } else { '-' };
            let start = out.len();
            out.extend_from_slice(format!("{}{mark}", self.code).as_bytes());
            if !self.status.is_empty() {
                out.extend_from_slice(self.status.as_bytes());
                out.push(b' ');
            }
            let room = LONGEST_REPLY - 2 - (out.len() - start);
            let end = (0..=room.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            out.extend_from_slice(&text.as_bytes()[..end]);
            out.extend_from_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(reply: &Reply) -> String {
        let mut out = Vec::new();
        reply.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn replies_carry_codes_and_enhanced_codes() {
        assert_eq!(written(&Reply::ok()), "250 2.0.0 OK\r\n");
        assert_eq!(written(&Reply::unknown_recipient("x@y")), "550 5.1.1 <x@y> is not known here\r\n");
        let extensions = written(&Reply::extensions("mx", 100));
        assert!(extensions.starts_with("250-mx\r\n250-PIPELINING\r\n"), "{extensions}");
        assert!(extensions.ends_with("\r\n250 SIZE 100\r\n"), "{extensions}");
    }

    #[test]
    fn what_may_pass_is_temporary() {
        for (error, permanent, start) in [
            (StoreError::Busy("locked".into()), false, "451 4.3.0 "),
            (StoreError::Internal("bug".into()), true, "451 4.3.0 "),
            (StoreError::Io("full".into()), false, "452 4.3.1 "),
            (StoreError::OutOfUids, true, "450 4.2.1 <a> mailbox has given out all of its unique-ids"),
            (StoreError::Abandoned, true, "451 4.3.0 <a> message came too slowly"),
            (StoreError::Refused("x".into()), true, "451 4.3.0 <a> database refuses"),
            (StoreError::OverQuota, false, "452 4.2.2 "),
            (StoreError::OverQuota, true, "552 5.2.2 "),
            (StoreError::TooBig, false, "552 5.3.4 "),
            (StoreError::NoSuchMailbox, false, "550 5.1.1 "),
        ] {
            let text = written(&Reply::refused("a", &error, permanent));
            assert!(text.starts_with(start), "{text}");
        }
    }

    #[test]
    fn no_line_is_longer_than_512_octets() {
        let text = written(&Reply::unknown_recipient(&"\u{e4}".repeat(600)));
        assert!(text.len() <= LONGEST_REPLY && text.ends_with("\r\n"), "{}", text.len());
    }
}
