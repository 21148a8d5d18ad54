//! The page to look at: one HTML document with SVG charts, for a browser and as a file.
//!
//! What lives here: statistics in, text out. No script, no address of anything else; the policy in the document and
//! in the header forbids both.

mod buckets;
mod chart;

use crate::store::{Hour, Large};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use buckets::{PERIODS, Period};
use chart::{Chart, Series, Unit};
use sha2::{Digest, Sha256};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

/// What the page shows.
#[derive(Clone, Debug)]
pub struct Report {
    /// Seconds since 1970 UTC.
    pub now: i64,
    /// Names and values of the state of the server.
    pub status: Vec<(&'static str, String)>,
    /// Rows of statistics, in order.
    pub hours: Vec<Hour>,
    /// The largest mailboxes, the largest first.
    pub largest: Vec<Large>,
}

/// What a browser must know beside the type of the page.
pub fn header_fields() -> String {
    let policy = policy();
    format!("Content-Security-Policy: {policy}; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n")
}

/// Nothing but our own style sheet.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

impl Report {
    /// The whole document.
    pub fn html(&self) -> String {
        let mut page = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>Pillarbox</title>\n<style>{STYLE}</style>\n\
             </head>\n<body>\n<h1>Pillarbox</h1>\n<p class=\"note\">{} UTC</p>\n",
            policy(),
            buckets::date(self.now)
        );
        self.status_table(&mut page);
        for period in PERIODS {
            self.charts(period, &mut page);
        }
        self.mailboxes(&mut page);
        page + "</body>\n</html>\n"
    }

    // Writing to a string cannot fail.
    fn status_table(&self, page: &mut String) {
        page.push_str("<table class=\"status\">\n");
        for (name, value) in &self.status {
            let class = if *name == "warning" { " class=\"warning\"" } else { "" };
            let _ = writeln!(page, "<tr{class}><th scope=\"row\">{name}</th><td>{}</td></tr>", escaped(value));
        }
        page.push_str("</table>\n");
    }

    fn charts(&self, period: &Period, page: &mut String) {
        let columns = period.columns(&self.hours, self.now);
        let of = |value: fn(&buckets::Sum) -> u64| columns.iter().map(|column| value(&column.sum)).collect();
        let charts = [
            Chart {
                title: "Logins",
                unit: Unit::Count,
                series: vec![
                    Series { name: "logins", values: of(|sum| sum.sample.logins) },
                    Series { name: "failures", values: of(|sum| sum.sample.failures) },
                ],
            },
            Chart {
                title: "Messages",
                unit: Unit::Count,
                series: vec![
                    Series { name: "delivered", values: of(|sum| sum.sample.deliveries) },
                    Series { name: "fetched", values: of(|sum| sum.sample.retrieved) },
                ],
            },
            Chart {
                title: "Sessions at the same time, at most",
                unit: Unit::Count,
                series: vec![Series { name: "sessions", values: of(|sum| sum.sample.most_sessions) }],
            },
            Chart {
                title: "Database",
                unit: Unit::Octets,
                series: vec![Series { name: "size", values: of(|sum| sum.sample.database_octets) }],
            },
        ];
        let _ = writeln!(page, "<h2>{}</h2>\n<div class=\"charts\">", period.title);
        for chart in charts {
            let _ = writeln!(page, "<figure>{}</figure>", chart.svg(&columns));
        }
        page.push_str("</div>\n");
    }

    fn mailboxes(&self, page: &mut String) {
        page.push_str("<h2>Largest mailboxes</h2>\n");
        let Some(most) = self.largest.first().map(|mailbox| mailbox.octets.max(1)) else {
            return page.push_str("<p class=\"note\">No mailbox has a message.</p>\n");
        };
        page.push_str("<table class=\"mailboxes\">\n");
        for mailbox in &self.largest {
            let width = (mailbox.octets as f64 / most as f64 * 100.0).max(0.5);
            let _ = writeln!(
                page,
                "<tr><th scope=\"row\">{}</th><td class=\"number\">{}</td><td class=\"number\">{} messages</td>\
                 <td class=\"bar\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
                 <rect class=\"first\" width=\"{width:.1}\" height=\"10\"/></svg></td></tr>",
                escaped(&mailbox.name),
                size(mailbox.octets),
                mailbox.messages
            );
        }
        page.push_str("</table>\n");
    }
}

/// Octets, for people.
pub fn size(octets: u64) -> String {
    let (unit, name) = match octets {
        0..0x400 => return format!("{octets} octets"),
        0x400..0x10_0000 => (1u64 << 10, "KB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MB"),
        0x4000_0000..0x100_0000_0000 => (1 << 30, "GB"),
        _ => (1 << 40, "TB"),
    };
    format!("{:.1} {name}", octets as f64 / unit as f64)
}

/// Text that no browser takes for more.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests;
