//! Dates of separators, in all the forms that programs write and readers take.
//!
//! ```text
//! Mon Nov 23 10:00:00 2026               asctime; the clock without seconds, or with blanks (` 9:04`, `10: 4: 5`)
//! Mon Nov 23 10:00:00 +0100 2026         a zone before or behind the year: an offset with or without colon, a name,
//! Mon Nov 23 10:00:00 2026 CET (CET)     `MET DST`, `GMT+0100`, something in brackets, several of them
//! Mon Nov 23 2026 10:00:00               the year before the time
//! Mon, 23 Nov 2026 10:00:00 +0100 CET    the date of a header, with or without the weekday
//! 23-Nov-2026 10:00:00 +0100             IMAP's
//! 2026-11-23T10:00:00Z                   RFC 3339, with a blank or a T
//! ```
//!
//! Every word must be part of the date, so that text is none. A month before its day needs a weekday.

use crate::message::date;

const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Zones that one date may have.
const MOST_ZONES: usize = 3;

/// Reads a date with nothing before or behind it; seconds since 1970 UTC.
pub fn read(text: &str) -> Option<i64> {
    let (text, comment) = without_comments(text)?;
    let mut found = Found::default();
    for word in words(&text) {
        found.take(&word)?;
    }
    found.offset = found.offset.or_else(|| comment.split_whitespace().find_map(|word| zone(word)?));
    found.time()
}

/// What has been found of a date.
#[derive(Default)]
struct Found {
    weekday: bool,
    month: Option<u32>,
    day: Option<String>,
    year: Option<i64>,
    clock: Option<String>,
    afternoon: Option<bool>,
    /// Seconds east of UTC.
    offset: Option<i64>,
    zones: usize,
    month_first: bool,
}

impl Found {
    /// Takes a word; nothing: it does not belong to a date.
    fn take(&mut self, word: &str) -> Option<()> {
        match word.split_once(['T', 't']) {
            Some((date, clock)) if self.day.is_none() && is_iso(date) => {
                self.composite(date)?;
                return self.take(clock);
            }
            _ => {}
        }
        let digits = word.bytes().all(|octet| octet.is_ascii_digit());
        let begins = word.starts_with(|c: char| c.is_ascii_digit());
        if digits {
            self.number(word)
        } else if begins && word.contains(':') {
            self.clock(word)
        } else if begins && word.contains('-') {
            self.composite(word)
        } else if self.is_new() && named(word, &DAYS).is_some() {
            self.weekday = true;
            Some(())
        } else if let Some(month) = named(word, &MONTHS).filter(|_| self.month.is_none()) {
            self.month = Some(month);
            self.month_first = self.day.is_none();
            Some(())
        } else if self.clock.is_some() {
            self.behind_clock(word)
        } else {
            None
        }
    }

    fn is_new(&self) -> bool {
        !self.weekday && self.month.is_none() && self.day.is_none() && self.year.is_none() && self.clock.is_none()
    }

    fn number(&mut self, word: &str) -> Option<()> {
        let number: i64 = word.parse().ok()?;
        match word.len() {
            1 | 2 if self.day.is_none() => self.day = Some(word.to_owned()),
            4 if self.year.is_none() => self.year = Some(number),
            // RFC 5322 section 4.3; years since 1900 were written by some until 2000 and beyond.
            2 if self.year.is_none() => self.year = Some(if number < 50 { 2000 + number } else { 1900 + number }),
            3 if self.year.is_none() && number < 200 => self.year = Some(1900 + number),
            _ => return None,
        }
        Some(())
    }

    /// `10:00`, `10:00:00`, `10:00:00.123`, with a zone behind it or not.
    fn clock(&mut self, word: &str) -> Option<()> {
        let end = word.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(word.len());
        let (clock, zone) = word.split_at(end);
        let clock = clock.split('.').next()?;
        if self.clock.replace(clock.to_owned()).is_some() {
            return None;
        }
        if zone.is_empty() { Some(()) } else { self.behind_clock(zone) }
    }

    /// `23-Nov-2026`, `2026-11-23`.
    fn composite(&mut self, word: &str) -> Option<()> {
        let parts: Vec<&str> = word.split('-').collect();
        let [first, month, last] = parts.as_slice() else { return None };
        let (day, year) = if first.len() == 4 { (last, first) } else { (first, last) };
        if self.day.is_some() || self.month.is_some() || self.year.is_some() || day.len() > 2 {
            return None;
        }
        self.month = named(month, &MONTHS).or_else(|| month.parse().ok().filter(|_| is_iso(word)));
        self.month?;
        self.number(day)?;
        self.number(year)
    }

    fn behind_clock(&mut self, word: &str) -> Option<()> {
        if word.eq_ignore_ascii_case("am") || word.eq_ignore_ascii_case("pm") {
            let afternoon = word.eq_ignore_ascii_case("pm");
            return self.afternoon.replace(afternoon).is_none().then_some(());
        }
        let offset = zone(word)?;
        self.offset = self.offset.or(offset);
        self.zones += 1;
        (self.zones <= MOST_ZONES).then_some(())
    }

    fn time(&self) -> Option<i64> {
        if self.month_first && !self.weekday {
            return None;
        }
        let mut clock = self.clock.clone()?;
        if let Some(afternoon) = self.afternoon {
            let (hour, rest) = clock.split_once(':')?;
            let hour: u32 = hour.parse().ok().filter(|hour| (1..=12).contains(hour))?;
            clock = format!("{}:{rest}", hour % 12 + if afternoon { 12 } else { 0 });
        }
        let time = date::time(self.year?, self.month?, self.day.as_deref()?, &clock)?;
        Some(time - self.offset.unwrap_or(0))
    }
}

/// `2026-11-23`.
fn is_iso(word: &str) -> bool {
    word.len() == 10
        && word
            .bytes()
            .enumerate()
            .all(|(at, octet)| if matches!(at, 4 | 7) { octet == b'-' } else { octet.is_ascii_digit() })
}

/// The position from 1 of a name, or of its first three letters or more.
fn named(word: &str, names: &[&str]) -> Option<u32> {
    let word = word.strip_suffix('.').unwrap_or(word).to_ascii_lowercase();
    let at = names.iter().position(|name| word.len() >= 3 && name.starts_with(&word))?;
    u32::try_from(at + 1).ok()
}

/// A zone; within, its offset if that is known. Letters alone are UTC (RFC 5322 section 4.3), but for some.
fn zone(word: &str) -> Option<Option<i64>> {
    let offset = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
    if let Some(digits) = offset.strip_prefix(['+', '-']) {
        if offset.len() < word.len() && !matches!(&word[..word.len() - offset.len()], "GMT" | "UTC" | "UT" | "Z") {
            return None;
        }
        let digits = digits.replacen(':', "", 1);
        let digits = match digits.len() {
            1 => format!("0{digits}00"),
            2 => format!("{digits}00"),
            4 => digits,
            _ => return None,
        };
        return date::zone(&format!("{}{digits}", &offset[..1])).map(Some);
    }
    match word.as_bytes() {
        letters if (1..=5).contains(&letters.len()) && letters.iter().all(u8::is_ascii_uppercase) => {
            Some(date::zone(word).filter(|offset| *offset != 0 || matches!(word, "GMT" | "UTC" | "UT" | "Z")))
        }
        letters if word.contains('/') && letters.iter().all(|o| o.is_ascii_alphabetic() || b"/_-".contains(o)) => {
            Some(None)
        }
        _ => None,
    }
}

/// The words; the parts of a clock with blanks in it are one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|word| !word.is_empty()) {
        match words.last_mut() {
            Some(last) if last.ends_with(':') && word.starts_with(|c: char| c.is_ascii_digit()) => last.push_str(word),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// The text without what stands in brackets, and that.
fn without_comments(text: &str) -> Option<(String, String)> {
    let (mut outside, mut inside, mut rest) = (String::new(), String::new(), text);
    while let Some(at) = rest.find(['(', '[']) {
        let (before, behind) = rest.split_at(at);
        let end = behind.find(if behind.starts_with('(') { ')' } else { ']' })?;
        outside += before;
        outside.push(' ');
        inside += &behind[1..end];
        inside.push(' ');
        rest = &behind[end + 1..];
    }
    outside += rest;
    Some((outside, inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_all_forms_are_read() {
        let noon = Some(1_795_435_200);
        for text in [
            "Mon Nov 23 12:00:00 2026",
            "Mon Nov 23 12:00 2026",
            "mon nov 23 12:00:00 2026",
            "Mon Nov 23 12: 0: 0 2026",
            "Mon Nov 23 12:00:00 CET 2026",
            "Mon Nov 23 12:00:00 MET DST 2026",
            "Mon Nov 23 12:00:00 2026 CET",
            "Mon Nov 23 13:00:00 +0100 2026",
            "Mon Nov 23 13:00:00 +01:00 2026",
            "Mon Nov 23 13:00:00 2026 +0100",
            "Mon Nov 23 13:00:00 2026 +0100 (CET)",
            "Mon Nov 23 13:00:00 2026 (CET) +0100",
            "Mon Nov 23 13:00:00 2026 [+0100]",
            "Mon Nov 23 13:00:00 +0100 CET 2026",
            "Mon Nov 23 13:00:00 CET +0100 2026",
            "Mon Nov 23 07:00:00 EST 2026",
            "Mon Nov 23 2026 12:00:00",
            "Mon Nov 23 2026 13:00:00 GMT+0100 (Central European Standard Time)",
            "Mon Nov 23 12:00:00 PM CET 2026",
            "Mon Nov 23 12:00:00 2026 Europe/London",
            "Mon, 23 Nov 2026 13:00:00 +0100",
            "Mon, 23 Nov 2026 13:00:00 +0100 CET",
            "Mon, 23 Nov 2026 13:00:00 +01:00 (CET)",
            "Monday, 23-Nov-26 12:00:00 GMT",
            "Mon, 23 November 2026 12:00 UTC",
            "23 Nov 2026 12:00:00.250 Z",
            "23-Nov-2026 13:00:00 +0100",
            "2026-11-23 12:00:00",
            "2026-11-23T12:00:00Z",
            "2026-11-23T13:00:00.5+01:00",
            "Mon Nov 23 12:00:00 126",
        ] {
            assert_eq!(read(text), noon, "{text}");
        }
        assert_eq!(read("Mon Nov 23  3:04:05 2026"), Some(1_795_403_045));
        assert_eq!(read("Thu Jan  1 00:00:00 1970"), Some(0));
        assert_eq!(read("Sun Sept 6 1:00 AM 2026"), read("Sun Sep 6 01:00:00 2026"));
    }

    #[test]
    fn text_is_no_date() {
        for text in [
            "",
            "yesterday",
            "Mon Nov 23",
            "Mon Nov 23 2026",
            "Mon Nov 23 12:00:00",
            "Nov 23 12:00:00 2026",
            "Mon Nov 23 12:00:00 2026 or so",
            "Mon Nov 23 12:00:00 2026 2027",
            "Mon Nov 23 12:00:00 13:00 2026",
            "Mon Nov 32 12:00:00 2026",
            "Mon Nov 23 25:00:00 2026",
            "Mon Nov 23 12:00:00 2026 (open",
            "Mon Nov 23 12:00:00 A B C D 2026",
            "CET Mon Nov 23 12:00:00 2026",
            "Mon Mon Nov 23 12:00:00 2026",
            "May Mon Nov 23 12:00:00 2026",
            "Mon Nov 23 13:00 PM 2026",
            "2026-13-23 12:00",
            "2026-00-23 12:00",
            "1-2-3 12:00",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
