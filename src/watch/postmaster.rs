//! The mail that tells the postmaster of warnings. Text only, no effects.

use super::warnings::Warning;
use crate::message::date::rfc5322;

/// The whole message, CRLF lines. `host` is this machine, `now` in seconds since 1970 UTC.
pub fn message(warnings: &[Warning], host: &str, now: i64) -> Vec<u8> {
    let urgent = warnings.iter().any(|warning| warning.urgent);
    let head = [
        format!("From: Pillarbox <postmaster@{host}>"),
        "To: undisclosed-recipients:;".into(),
        format!(
            "Subject: {}{} from the mail server {host}",
            if urgent { "Urgent: " } else { "" },
            count(warnings.len())
        ),
        format!("Date: {}", rfc5322(now)),
        format!("Message-ID: <warnings.{now}@{host}>"),
        // RFC 3834: nobody shall answer this.
        "Auto-Submitted: auto-generated".into(),
        "MIME-Version: 1.0".into(),
        "Content-Type: text/plain; charset=utf-8".into(),
        "Content-Transfer-Encoding: 8bit".into(),
        String::new(),
    ];
    let lines = warnings.iter().map(|warning| {
        let text: String = warning.text.chars().take(600).map(|c| if c.is_control() { '?' } else { c }).collect();
        format!("* {text}")
    });
    let tail = [String::new(), "`pillarbox status` shows what is left of this; the next mail comes in a day.".into()];
    head.into_iter().chain(lines).chain(tail).map(|line| line + "\r\n").collect::<String>().into_bytes()
}

fn count(warnings: usize) -> String {
    if warnings == 1 { "1 warning".into() } else { format!("{warnings} warnings") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_message_that_lists_everything() {
        let one = |urgent, text: &str| Warning { kind: "disk", urgent, text: text.into() };
        let text = message(&[one(false, "a\r\nb"), one(true, "c")], "mx.example", 1_795_428_245);
        let text = String::from_utf8(text).unwrap();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
        assert!(text.contains("Subject: Urgent: 2 warnings from the mail server mx.example\r\n"), "{text}");
        assert!(text.contains("\r\n\r\n* a??b\r\n* c\r\n\r\n"), "{text}");
    }
}
