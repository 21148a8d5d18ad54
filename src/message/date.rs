//! Dates of the civil calendar, in UTC: written as mail headers want them, read as old mail has them.
//!
//! Pure: the clock is somebody else's. Times are seconds since 1970 UTC.

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `Mon, 23 Nov 2026 10:00:00 +0000` (RFC 5322 section 3.3).
pub fn rfc5322(time: i64) -> String {
    let (day, clock) = (time.div_euclid(86_400), time.rem_euclid(86_400));
    let (year, month, date) = civil(day);
    let weekday = DAYS[(day + 4).rem_euclid(7) as usize];
    let month = MONTHS[month as usize - 1];
    format!("{weekday}, {date:02} {month} {year:04} {:02}:{:02}:{:02} +0000", clock / 3600, clock / 60 % 60, clock % 60)
}

/// A date of RFC 5322 section 3.3, with the obsolete forms of section 4.3 that old mail has: no
/// weekday, no seconds, a year of two digits, names of zones.
pub fn parse_rfc5322(text: &str) -> Option<i64> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split_ascii_whitespace();
    let (date, month, year) = (words.next()?, words.next()?, words.next()?);
    let clock = words.next()?;
    let zone = words.next().map_or(Some(0), zone)?;
    time(year_of(year)?, month_of(month)?, date, clock).map(|time| time - zone)
}

/// `17-Jul-1996 02:44:25 -0700`, as IMAP's INTERNALDATE has it (RFC 3501 section 9, date-time).
pub fn parse_internal(text: &str) -> Option<i64> {
    let (date, clock) = text.trim_start().split_once(' ')?;
    parse_rfc5322(&format!("{} {clock}", date.replace('-', " ")))
}

/// A moment of UTC: month from 1, day of the month and `HH:MM[:SS]` as written.
pub fn time(year: i64, month: u32, date: &str, clock: &str) -> Option<i64> {
    let date: u32 = number(date)?;
    let mut parts = clock.split(':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let sound = (1..=12).contains(&month)
        && (1..=31).contains(&date)
        && hour < 24
        && minute < 60
        && second <= 60
        && parts.next().is_none();
    let seconds = i64::from(hour * 3600 + minute * 60 + second.min(59));
    sound.then(|| days(year, month, date) * 86_400 + seconds)
}

fn number(text: &str) -> Option<u32> {
    let short = (1..=2).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    short.then(|| text.parse().ok()).flatten()
}

fn year_of(text: &str) -> Option<i64> {
    let year: i64 = text.parse().ok().filter(|_| text.bytes().all(|octet| octet.is_ascii_digit()))?;
    match text.len() {
        // RFC 5322 section 4.3.
        2 if year < 50 => Some(2000 + year),
        2 | 3 => Some(1900 + year),
        4 => Some(year),
        _ => None,
    }
}

fn month_of(text: &str) -> Option<u32> {
    let at = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(text))?;
    u32::try_from(at + 1).ok()
}

/// Seconds east of UTC of `+0100` or a name. One that nobody knows is UTC (RFC 5322 section 4.3).
pub fn zone(text: &str) -> Option<i64> {
    let named = |hours: i64| Some(hours * 3600);
    match text.as_bytes() {
        [sign @ (b'+' | b'-'), digits @ ..] if digits.len() == 4 && digits.iter().all(u8::is_ascii_digit) => {
            let digit = |at: usize| i64::from(digits[at] - b'0');
            let seconds = (digit(0) * 10 + digit(1)) * 3600 + (digit(2) * 10 + digit(3)) * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        [b'+' | b'-', ..] => None,
        _ => match text.to_ascii_uppercase().as_str() {
            "EDT" => named(-4),
            "EST" | "CDT" => named(-5),
            "CST" | "MDT" => named(-6),
            "MST" | "PDT" => named(-7),
            "PST" => named(-8),
            _ => Some(0),
        },
    }
}

/// Days since 1970 of a date (proleptic Gregorian calendar; the year begins in March, so that the
/// leap day is its last).
fn days(year: i64, month: u32, date: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * i64::from((month + 9) % 12) + 2) / 5 + i64::from(date) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of the month.
pub fn civil(day: i64) -> (i64, u32, u32) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let date = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u32, date as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_for_headers() {
        for (time, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 +0000"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 +0000"),
            (1_795_428_000, "Mon, 23 Nov 2026 10:00:00 +0000"),
            (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
        ] {
            assert_eq!(rfc5322(time), text);
            assert_eq!(parse_rfc5322(text), Some(time));
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in (-150_000..150_000).step_by(7) {
            let (year, month, date) = civil(day);
            assert_eq!(days(year, month, date), day);
        }
    }

    #[test]
    fn dates_of_imap_are_read() {
        assert_eq!(parse_internal("17-Jul-1996 02:44:25 -0700"), Some(837_596_665));
        assert_eq!(parse_internal(" 1-Jan-1970 00:00:00 +0000"), Some(0));
        for text in ["17-Jul-1996", "17-Jul 02:44:25 -0700", "", "17-Jul-1996 02:44:25 -070"] {
            assert_eq!(parse_internal(text), None, "{text}");
        }
    }

    #[test]
    fn old_dates_are_read() {
        let noon = Some(1_795_435_200);
        for text in [
            "Mon, 23 Nov 2026 13:00:00 +0100",
            "23 Nov 26 12:00 GMT",
            "Mon,23 nov 2026 07:00:00 EST",
            "Mon, 23 Nov 2026 12:00:00 +0000 (UTC)",
            "23 Nov 2026 12:00:00",
        ] {
            assert_eq!(parse_rfc5322(text), noon, "{text}");
        }
        for (text, year) in [("49", 2049), ("50", 1950), ("99", 1999), ("00", 2000), ("126", 2026), ("2026", 2026)] {
            let moment = parse_rfc5322(&format!("1 Jan {text} 00:00")).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(civil(moment.div_euclid(86_400)), (year, 1, 1), "{text}");
        }
        for (text, minutes) in [
            ("+0130", 90),
            ("-0530", -330),
            ("+1234", 754),
            ("EDT", -240),
            ("EST", -300),
            ("cdt", -300),
            ("CST", -360),
            ("MDT", -360),
            ("MST", -420),
            ("PDT", -420),
            ("PST", -480),
            ("Z", 0),
            ("+0000", 0),
        ] {
            assert_eq!(zone(text), Some(minutes * 60), "{text}");
        }
        for text in ["+01", "+010", "+0a00", "-01000", "+", "-:000"] {
            assert_eq!(zone(text), None, "{text}");
        }
        for text in ["", "yesterday", "Mon, 32 Nov 2026 12:00:00 +0000", "1 Jan 2026", "0 Jan 2026 00:00"] {
            assert_eq!(parse_rfc5322(text), None, "{text}");
        }
        assert_eq!(parse_rfc5322("23 Nov 2026 11:59:60"), noon.map(|noon| noon - 1), "a leap second");
        for clock in ["24:00", "00:60", "00:00:61", "00:00:00:00", "001:00", "+1:00", "00"] {
            assert_eq!(parse_rfc5322(&format!("1 Jan 2026 {clock}")), None, "{clock}");
        }
    }
}
