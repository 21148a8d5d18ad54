//! What each connection is told and asked before it is used.

use super::libpq::{Connection, Conninfo, Watch, statement};
use crate::store::{Result, StoreError};
use std::time::{Duration, Instant};

/// The oldest server that will do.
const OLDEST: i32 = 150_000;

/// The schema that this program works with.
pub const SCHEMA: i64 = 100;

/// `site.schema` of a database that is being filled by `pillarbox copy`.
pub const UNFINISHED: i64 = 0;

/// What `init` sets for the role, for a role that another one has made. (Not `synchronous_commit`: it is looked at.) Plans are made
/// once, maybe when tables are nearly empty, and stay: they go by indexes from row to row, which is right when tables are large.
const SETTINGS: &str = "SET lock_timeout = '5s'; SET statement_timeout = '60s';
  SET idle_in_transaction_session_timeout = '10s'; SET default_transaction_isolation = 'read committed';
  SET client_min_messages = 'warning'; SET plan_cache_mode = 'force_generic_plan';
  SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off";

/// Where the server stands in the history of its data: a promoted standby begins a new timeline. A restored dump may be on
/// another machine with the same number, so the machine's own goes with it.
const TIMELINE: &str = "
  UPDATE site SET uid_epoch = uid_epoch + CASE site.timeline WHEN '' THEN 0 ELSE 1 END, timeline = now.timeline
    FROM (SELECT (SELECT system_identifier FROM pg_control_system())::text || '/'
                 || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) AS timeline) AS now
   WHERE site.timeline <> now.timeline";

/// The advisory lock that each connection of a program shares which has the database open. `pillarbox copy` wants it for
/// itself. ("Pbox"; the number means nothing to the server.)
const OPEN: i64 = 0x5062_6f78;

/// How long somebody who is leaving may take.
const LEAVING: Duration = Duration::from_secs(2);

/// A connection to a server that will do.
///
/// # Errors
/// [`StoreError::Refused`] for one that is too old, else what the server says.
pub fn connect(conninfo: &Conninfo) -> Result<Connection> {
    let connection = Connection::open(conninfo)?;
    match connection.server_version() {
        version if version < OLDEST => {
            Err(StoreError::Refused(format!("the server is PostgreSQL {}, 15 or newer is needed", version / 10_000)))
        }
        _ => Ok(connection),
    }
}

/// The last migration, if there is a database of ours.
///
/// # Errors
/// [`StoreError::Denied`] for a role that is not the one of the nodes.
pub fn schema(connection: &mut Connection) -> Result<Option<i64>> {
    if connection.query("SELECT to_regclass('site')::text", [])?.only()?.text_or_null(0)?.is_none() {
        return Ok(None);
    }
    match connection.query("SELECT schema FROM site", []).map_err(StoreError::from) {
        Ok(rows) => rows.only()?.int(0).map(Some),
        Err(StoreError::Denied(_)) => {
            let sql = "SELECT current_user::text, pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = to_regclass('site')";
            let rows = connection.query(sql, [])?;
            let (ours, owner) = (rows.only()?.text(0)?, rows.only()?.text(1)?);
            Err(StoreError::Denied(format!(
                "the role {ours} may not read the tables: commands run as {owner}, whose they are (administrators use psql)"
            )))
        }
        Err(error) => Err(error),
    }
}

/// Nobody else has the database open, and nobody opens it as long as this connection lives.
///
/// # Errors
/// [`StoreError::Busy`] with who has it open.
pub fn keep_out_others(connection: &mut Connection) -> Result<()> {
    // The server notices late that a copy was killed which has a statement running.
    connection.script("SET client_connection_check_interval = '500ms'")?;
    let since = Instant::now();
    while !connection.query("SELECT pg_try_advisory_lock($1)", [OPEN.into()])?.only()?.is(0)? {
        if since.elapsed() > LEAVING {
            let who = connection.query(WHO, [OPEN.into()])?;
            let names = who.iter().map(|row| row.text(0)).collect::<Result<Vec<_>>>()?.join(", ");
            return Err(StoreError::Busy(format!("it is in use by {names}: stop that first")));
        }
        std::thread::sleep(LEAVING / 20);
    }
    Ok(())
}

/// A key of 64 bits is in two columns ("pg_locks" in the manual).
const WHO: &str = "
  SELECT DISTINCT coalesce(nullif(a.application_name, ''), 'another program') FROM pg_locks l JOIN pg_stat_activity a USING (pid)
   WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted AND l.pid <> pg_backend_pid()
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND (l.classid::bigint << 32) + l.objid::bigint = $1 ORDER BY 1";

/// Sets a connection up, and looks whether its server keeps what it acknowledges.
///
/// # Errors
/// [`StoreError::Refused`] for a database that is none of ours, and a server that forgets; [`StoreError::Busy`] while a copy
/// is being made.
pub fn prepared(mut connection: Connection) -> Result<Connection> {
    connection.script(SETTINGS)?;
    let looks = "SELECT current_setting('synchronous_commit'), pg_try_advisory_lock_shared($1)";
    let known = connection.query(looks, [OPEN.into()])?;
    if !known.only()?.is(1)? {
        return Err(StoreError::Busy("pillarbox copy is working on it: try again when that has ended".into()));
    }
    let level = known.only()?.text(0)?;
    if !matches!(level.as_str(), "on" | "remote_apply") {
        return Err(StoreError::Refused(format!(
            "synchronous_commit is {level}: mail that was acknowledged could be lost; it must be on"
        )));
    }
    let none = || StoreError::Refused("it has no tables of ours (pillarbox init makes them)".into());
    let schema = schema(&mut connection)?.ok_or_else(none)?;
    if schema != SCHEMA {
        let which = match schema {
            UNFINISHED => return Err(unfinished()),
            newer if newer > SCHEMA => "newer than this program",
            _ => "older: pillarbox init brings it up",
        };
        return Err(StoreError::Refused(format!("its schema is {schema}, which is {which}")));
    }
    Ok(connection)
}

/// A copy into it has begun and not ended.
pub fn unfinished() -> StoreError {
    StoreError::Refused("it belongs to an unfinished copy: run pillarbox copy again".into())
}

/// Before the first write on a connection: has the server forgotten what its clients were shown? That writes where it has, and
/// so may wait for a standby.
///
/// # Errors
/// What the server says.
pub fn look_at_timeline(connection: &mut Connection, watch: Option<Watch<'_>>) -> Result<()> {
    connection.run_watched(&[statement(TIMELINE, [])], watch)?;
    super::pool::durable(connection)
}
