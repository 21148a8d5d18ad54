//! Hours put together to the columns of a chart.

use crate::message::date::civil;
use crate::store::{Hour, Sample};

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// What the charts of a row show.
pub struct Period {
    /// Its heading.
    pub title: &'static str,
    /// Seconds of a column.
    width: i64,
    /// Columns.
    count: i64,
}

/// The last day, month and year.
pub const PERIODS: &[Period] = &[
    Period { title: "Last day, by the hour", width: HOUR, count: 24 },
    Period { title: "Last month, by the day", width: DAY, count: 30 },
    Period { title: "Last year, by the week", width: 7 * DAY, count: 52 },
];

/// One column.
pub struct Column {
    /// When it begins, for people.
    pub label: String,
    /// What was done in it.
    pub sum: Sum,
}

/// Hours put together.
#[derive(Default)]
pub struct Sum {
    /// Sums, the most sessions, and the last of what is no sum.
    pub sample: Sample,
}

impl Sum {
    fn add(&mut self, more: &Sample) {
        let sum = &mut self.sample;
        sum.logins += more.logins;
        sum.failures += more.failures;
        sum.deliveries += more.deliveries;
        sum.retrieved += more.retrieved;
        sum.most_sessions = sum.most_sessions.max(more.most_sessions);
        if more.database_octets > 0 {
            sum.database_octets = more.database_octets;
        }
    }
}

impl Period {
    /// The columns, the last of which has `now` in it.
    pub fn columns(&self, hours: &[Hour], now: i64) -> Vec<Column> {
        let unit = self.width.min(DAY);
        let end = now - now.rem_euclid(unit) + unit;
        let begin = end - self.width * self.count;
        let begins = |column: i64| begin + column * self.width;
        let mut columns: Vec<Column> =
            (0..self.count).map(|column| Column { label: self.label(begins(column)), sum: Sum::default() }).collect();
        for hour in hours {
            let column = (hour.at - begin).div_euclid(self.width);
            if let Some(column) = usize::try_from(column).ok().and_then(|at| columns.get_mut(at)) {
                column.sum.add(&hour.sample);
            }
        }
        columns
    }

    fn label(&self, at: i64) -> String {
        let (year, month, day) = civil(at.div_euclid(DAY));
        match self.width {
            HOUR => format!("{:02}:00", at.rem_euclid(DAY) / HOUR),
            DAY => format!("{month:02}-{day:02}"),
            _ => format!("{year:04}-{month:02}-{day:02}"),
        }
    }
}

/// A date and time to the minute.
pub fn date(unix: i64) -> String {
    let (year, month, day) = civil(unix.div_euclid(DAY));
    let minutes = unix.rem_euclid(DAY) / 60;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hour_is_in_the_column_that_it_belongs_to() {
        let now: i64 = 1_795_428_245; // 2026-11-23 10:04:05
        let hour = |ago: i64| Hour {
            at: now - now.rem_euclid(HOUR) - ago * HOUR,
            sample: Sample { logins: 1, ..Sample::default() },
        };
        let hours: Vec<Hour> = (0..400 * 24).rev().map(hour).collect();
        let columns: Vec<Vec<Column>> = PERIODS.iter().map(|period| period.columns(&hours, now)).collect();
        let logins = |columns: &[Column]| columns.iter().map(|column| column.sum.sample.logins).collect::<Vec<_>>();
        assert_eq!(logins(&columns[0]), vec![1; 24]);
        assert_eq!(logins(&columns[1]), [vec![24; 29], vec![11]].concat(), "today is not over");
        assert_eq!(logins(&columns[2]), [vec![168; 51], vec![155]].concat());
        assert_eq!((columns[0][23].label.as_str(), columns[0][0].label.as_str()), ("10:00", "11:00"));
        assert_eq!((columns[1][29].label.as_str(), columns[2][51].label.as_str()), ("11-23", "2026-11-17"));
        assert_eq!(date(now), "2026-11-23 10:04");
    }
}
