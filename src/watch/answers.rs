//! What is answered over HTTP: `/metrics`, `/healthz`, `/`, and on the socket beside the database `/status`.

use super::status::Status;
use super::{Watch, now};
use crate::files::path::with_suffix;
use crate::http::Response;
use crate::report::{self, Report};
use crate::shared::health::Unavailable;
use crate::store::{LastHour, Result, Store};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

/// Seconds of statistics on the page.
const SHOWN: i64 = 366 * 86_400;
/// Largest mailboxes on the page.
const LARGEST: usize = 10;

/// Where a server is asked for its status: beside its database.
pub fn socket(db: &Path) -> PathBuf {
    with_suffix(db, ".socket")
}

impl Watch {
    /// The answer for a path. What is asked for by the administrator's own commands is answered only on the socket
    /// beside the database (`local`).
    pub fn answer(&self, path: &str, local: bool) -> Response {
        match path {
            "/metrics" => Response::new("200 OK", "text/plain; version=0.0.4; charset=utf-8", self.metrics()),
            "/healthz" => match self.server.health.unavailable() {
                None => Response::text("200 OK", "ok"),
                Some(Unavailable::Draining) => Response::text("503 Service Unavailable", "draining"),
                Some(Unavailable::Store) => Response::text("503 Service Unavailable", "the store cannot be reached"),
            },
            "/status" | "/status.txt" if local => self.status_page(path == "/status"),
            "/" => {
                self.write_statistics();
                match report(&*self.server.store, &self.status(), now()) {
                    Ok(report) => {
                        let mut response = Response::new("200 OK", "text/html; charset=utf-8", report.html());
                        response.fields += &report::header_fields();
                        response
                    }
                    Err(error) => Response::text("503 Service Unavailable", &error.to_string()),
                }
            }
            _ => Response::text("404 Not Found", "there are /, /metrics and /healthz"),
        }
    }

    fn status_page(&self, json: bool) -> Response {
        let status = self.status();
        let body = if json { status.json() } else { status.text() };
        let mut response = Response::new("200 OK", "text/plain; charset=utf-8", body);
        response.fields += &format!("Pillarbox-State: {}\r\n", status.state as u8);
        response
    }

    /// How this server is.
    pub fn status(&self) -> Status {
        let (facts, error) = self.facts();
        let mut status = Status::running(facts, error);
        let untaken = self.server.metrics.untaken();
        let counts = self.server.store.last_hour(now()).ok();
        status.counts = counts.map(|counts| LastHour {
            logins: counts.logins + untaken.logins,
            failures: counts.failures + untaken.failures,
            deliveries: counts.deliveries + untaken.deliveries,
        });
        status.since = Some(date(self.started));
        status.listeners = self.listeners.clone();
        status.sessions = Some(self.server.metrics.sessions.get());
        let reaped = self.server.metrics.store.reaped_at.load(Ordering::Relaxed);
        status.reaper = (reaped > 0).then(|| date(reaped));
        status
    }
}

/// What the page shows of this store.
///
/// # Errors
/// What the store answers.
pub fn report(store: &dyn Store, status: &Status, now: i64) -> Result<Report> {
    Ok(Report { now, status: status.rows(), hours: store.hours(now - SHOWN)?, largest: store.largest(LARGEST)? })
}

/// RFC 3339, to the second.
fn date(unix: i64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(unix.max(0) as u64)).to_string()
}
