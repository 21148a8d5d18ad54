//! What each connection is told and asked before it is used.

use super::libpq::Connection;
use crate::store::{Result, StoreError};

/// The oldest server that will do.
const OLDEST: i32 = 150_000;

/// The schema that this program works with.
pub const SCHEMA: i64 = 100;

/// `site.schema` of a database that is being filled by `pillarbox copy`.
pub const UNFINISHED: i64 = 0;

/// What `init` sets for the role, for a role that another one has made. (Not `synchronous_commit`: it is looked at.)
const SETTINGS: &str = "SET lock_timeout = '5s'; SET statement_timeout = '60s';
  SET idle_in_transaction_session_timeout = '10s'; SET default_transaction_isolation = 'read committed';
  SET client_min_messages = 'warning'; SET plan_cache_mode = 'force_generic_plan'";

/// Where the server stands in the history of its data: a promoted standby begins a new timeline. A restored dump may be on
/// another machine with the same number, so the machine's own goes with it.
const TIMELINE: &str = "
  UPDATE site SET uid_epoch = uid_epoch + CASE site.timeline WHEN '' THEN 0 ELSE 1 END, timeline = now.timeline
    FROM (SELECT (SELECT system_identifier FROM pg_control_system())::text || '/'
                 || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline) AS now
   WHERE site.timeline <> now.timeline";

/// Sets a connection up, and looks whether its server keeps what it acknowledges.
///
/// # Errors
/// [`StoreError::Refused`] for a server that is too old, one that is none of ours, and one that forgets.
pub fn prepared(mut connection: Connection) -> Result<Connection> {
    if connection.server_version() < OLDEST {
        let version = connection.server_version() / 10_000;
        return Err(StoreError::Refused(format!("the server is PostgreSQL {version}, 15 or newer is needed")));
    }
    connection.script(SETTINGS)?;
    let known = connection.query("SELECT current_setting('synchronous_commit'), current_setting('fsync')", [])?;
    let level = known.only()?.text(0)?;
    if !matches!(level.as_str(), "on" | "remote_apply") {
        return Err(StoreError::Refused(format!(
            "synchronous_commit is {level}: mail that was acknowledged could be lost; it must be on"
        )));
    }
    let schema = connection.query("SELECT schema FROM site", [])?.only()?.int(0)?;
    if schema != SCHEMA {
        let which = match schema {
            UNFINISHED => "that of a copy that has not ended: run pillarbox copy again",
            newer if newer > SCHEMA => "newer than this program",
            _ => "older: pillarbox init brings it up",
        };
        return Err(StoreError::Refused(format!("its schema is {schema}, which is {which}")));
    }
    Ok(connection)
}

/// Before the first write on a connection: has the server forgotten what its clients were shown?
///
/// # Errors
/// What the server says.
pub fn look_at_timeline(connection: &mut Connection) -> Result<()> {
    connection.query(TIMELINE, [])?;
    super::pool::durable(connection)
}
