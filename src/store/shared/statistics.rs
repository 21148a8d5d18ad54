//! How both engines keep what was counted.

use crate::store::{Hour, Result, Sample};

/// Seconds.
pub const HOUR: i64 = 3600;
/// Seconds.
pub const MINUTE: i64 = 60;
/// Seconds.
pub const DAY: i64 = 86_400;
/// Names of mailboxes that are listed at most.
pub const NAMES: i64 = 10;

/// A row of `statistics`: the hour of `now` and what was done, in the order of the columns.
pub fn hourly(now: i64, sample: &Sample) -> [i64; 13] {
    let s = sample;
    [
        now - now.rem_euclid(HOUR),
        s.logins as i64,
        s.failures as i64,
        s.connections as i64,
        s.most_sessions as i64,
        s.deliveries as i64,
        s.delivered_octets as i64,
        s.refused as i64,
        s.retrieved as i64,
        s.retrieved_octets as i64,
        s.removed as i64,
        s.messages as i64,
        s.database_octets as i64,
    ]
}

/// A row of `recent_minute`, if there is something for it.
pub fn minutely(now: i64, sample: &Sample) -> Option<[i64; 4]> {
    let Sample { logins, failures, deliveries, .. } = *sample;
    let row = [now - now.rem_euclid(MINUTE), logins as i64, failures as i64, deliveries as i64];
    (logins + failures + deliveries > 0).then_some(row)
}

/// What a row of `statistics` says, column by column.
///
/// # Errors
/// That of `column`.
pub fn hour(column: impl Fn(usize) -> Result<i64>) -> Result<Hour> {
    let number = |at| column(at).map(|number| number.max(0) as u64);
    let sample = Sample {
        logins: number(1)?,
        failures: number(2)?,
        connections: number(3)?,
        most_sessions: number(4)?,
        deliveries: number(5)?,
        delivered_octets: number(6)?,
        refused: number(7)?,
        retrieved: number(8)?,
        retrieved_octets: number(9)?,
        removed: number(10)?,
        messages: number(11)?,
        database_octets: number(12)?,
    };
    Ok(Hour { at: column(0)?, sample })
}
