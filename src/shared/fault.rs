//! What `pillarbox try` does wrong on purpose, so that tests of clients can meet it. A server that `serve` runs has none.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Something that goes wrong on every POP3 connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Every octet is written by itself, this long after the one before.
    Slow(Duration),
    /// The connection is cut in the middle of the message of this number, from 1.
    Drop(u64),
    /// The command of this number on a connection, from 1, gets `-ERR [SYS/TEMP]` (RFC 3206).
    Temp(u64),
    /// Logins get `-ERR [IN-USE]` (RFC 2449 section 8.1.2).
    InUse,
    /// The last so many octets of a multi-line response come late, in a write or TLS record of their own.
    SplitEnd(usize),
    /// Sizes are so many percent of what is sent.
    WrongSize(u64),
    /// Unique-ids are others in every session.
    NewUids,
    /// Dots at the start of a line are not doubled.
    NoStuffing,
    /// The certificate has expired.
    Expired,
}

/// A kind of fault, as it is typed.
struct Kind {
    name: &'static str,
    /// What N may be, and what it is where it is not given; `None`: there is no N.
    number: Option<(RangeInclusive<u64>, u64)>,
    make: fn(u64) -> Fault,
}

const KINDS: &[Kind] = &[
    Kind { name: "slow", number: Some((1..=10_000, 10)), make: |n| Fault::Slow(Duration::from_millis(n)) },
    Kind { name: "drop", number: Some((1..=u64::MAX, 1)), make: Fault::Drop },
    Kind { name: "temp", number: Some((1..=u64::MAX, 1)), make: Fault::Temp },
    Kind { name: "in-use", number: None, make: |_| Fault::InUse },
    Kind { name: "split-end", number: Some((1..=4, 2)), make: |n| Fault::SplitEnd(n as usize) },
    Kind { name: "wrong-size", number: Some((0..=1000, 50)), make: Fault::WrongSize },
    Kind { name: "new-uids", number: None, make: |_| Fault::NewUids },
    Kind { name: "no-stuffing", number: None, make: |_| Fault::NoStuffing },
    Kind { name: "expired", number: None, make: |_| Fault::Expired },
];

impl Fault {
    /// Reads `KIND` or `KIND=N`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, given) = text.split_once('=').map_or((text, None), |(name, n)| (name, Some(n)));
        let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
            let kinds: Vec<_> = Self::kinds().collect();
            return Err(format!("unknown fault {name:?}; there are {}", kinds.join(", ")));
        };
        let number = match (&kind.number, given) {
            (None, None) => 0,
            (None, Some(_)) => return Err(format!("fault {name} takes no number")),
            (Some((_, default)), None) => *default,
            (Some((range, _)), Some(given)) => match given.parse() {
                Ok(number) if range.contains(&number) => number,
                _ => return Err(format!("fault {name}: {given:?} is not a number from {}", shown(range))),
            },
        };
        match (kind.make)(number) {
            Self::WrongSize(100) => Err("fault wrong-size: 100 percent is the right size".into()),
            fault => Ok(fault),
        }
    }

    /// The names of all kinds.
    pub fn kinds() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.name)
    }
}

fn shown(range: &RangeInclusive<u64>) -> String {
    match range.end() {
        &u64::MAX => format!("{} on", range.start()),
        end => format!("{} to {end}", range.start()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_optional_and_bounded() {
        assert_eq!(Fault::parse("drop"), Ok(Fault::Drop(1)));
        assert_eq!(Fault::parse("drop=3"), Ok(Fault::Drop(3)));
        assert_eq!(Fault::parse("in-use"), Ok(Fault::InUse));
        for wrong in
            ["", "no-such", "drop=", "drop=0", "drop=x", "in-use=1", "split-end=5", "wrong-size=100", "DROP", "slow=0"]
        {
            assert!(Fault::parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Fault::parse("temp=-1").unwrap_err(), "fault temp: \"-1\" is not a number from 1 on");
    }

    #[test]
    fn every_kind_is_one() {
        Fault::kinds().for_each(|kind| assert!(Fault::parse(kind).is_ok(), "{kind}"));
    }
}
