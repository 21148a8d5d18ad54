//! MMDF files: each message between two lines of four Ctrl-A, perhaps with an mbox's separator at its head.
//!
//! Python's `mailbox` puts one more line end behind each message and quotes lines that begin with `From `, mutt neither.
//! So it is where all messages end in an empty line, or some do and all have the separator that Python makes up
//! (`From MAILER-DAEMON DATE`), and no such line is unquoted.

use super::facts::Facts;
use super::scan::{Draft, Failure, Scan};
use super::separator::{self, Form, Separator};
use crate::import::{header, kind};
use std::io::{BufRead, Read};

/// Finds the messages.
///
/// # Errors
/// [`Failure`].
pub fn scan(mut reader: impl BufRead) -> Result<Scan, Failure> {
    let mut scan = Scan::default();
    let (mut at, mut octets) = (0, Vec::new());
    // Octets of an empty line before this one, and of those at the ends of the messages.
    let (mut blank, mut blanks) = (0, Vec::new());
    // The message that goes on, and its header while that does.
    let mut open: Option<Draft> = None;
    let mut head: Option<Vec<u8>> = None;
    let mut unquoted = false;
    loop {
        let begins = octets.is_empty() || octets.ends_with(b"\n");
        octets.clear();
        let read = reader.by_ref().take(header::LONGEST_HEADER as u64).read_until(b'\n', &mut octets)? as u64;
        let line = octets.trim_ascii_end();
        let line = if at == 0 { line.strip_prefix(kind::MARK).unwrap_or(line) } else { line };
        if read == 0 || begins && line == kind::MMDF {
            if let Some(mut draft) = open.take() {
                draft.facts = head.take().map_or(draft.facts, |head| Facts::of(&head));
                draft.end = Some(at);
                blanks.push((blank, draft.body.is_none_or(|body| body == at)));
                scan.drafts.push(draft);
            } else if read > 0 {
                open = Some(draft(at, at + read));
                head = Some(Vec::new());
            }
            if read == 0 {
                take_off(&mut scan, &blanks, unquoted);
                return Ok(Scan { end: at, ..scan });
            }
        } else if let Some(draft) = &mut open {
            match separator::read(&octets).filter(|_| draft.start == at && begins) {
                Some(separator) => (draft.separator, draft.start) = (separator, at + read),
                None => {
                    unquoted |= begins && octets.starts_with(b"From ");
                    take(draft, &mut head, &octets, at);
                }
            }
        } else if !line.is_empty() {
            // Some programs write one such line between two messages.
            let mut draft = draft(at, at);
            head = Some(Vec::new());
            take(&mut draft, &mut head, &octets, at);
            open = Some(draft);
        }
        at += read;
        blank = if begins && line.is_empty() { read } else { 0 };
    }
}

/// Takes the line end off that Python added; `blanks`: octets of an empty line at the end of each message, and
/// whether it is that behind the header.
fn take_off(scan: &mut Scan, blanks: &[(u64, bool)], unquoted: bool) {
    let is_python =
        |draft: &Draft| draft.separator.form == Form::Dated && draft.separator.sender.as_deref() == Some("");
    if unquoted
        || blanks.iter().any(|(blank, of_header)| *blank == 0 || *of_header) && !scan.drafts.iter().all(is_python)
    {
        return;
    }
    scan.quoted = true;
    for (draft, (blank, _)) in scan.drafts.iter_mut().zip(blanks) {
        draft.end = draft.end.map(|end| end - blank);
    }
}

fn draft(from: u64, start: u64) -> Draft {
    let separator = Separator { form: Form::Bare, sender: None, received_at: None };
    Draft {
        from,
        blank: 0,
        start,
        body: None,
        unquoted: false,
        headless: false,
        end: None,
        separator,
        facts: Facts::default(),
    }
}

fn take(draft: &mut Draft, head: &mut Option<Vec<u8>>, octets: &[u8], at: u64) {
    let Some(taken) = head else { return };
    if taken.len() < header::LONGEST_HEADER {
        taken.extend_from_slice(octets);
    }
    if octets.trim_ascii().is_empty() {
        draft.facts = Facts::of(taken);
        draft.body = Some(at + octets.len() as u64);
        *head = None;
    }
}
