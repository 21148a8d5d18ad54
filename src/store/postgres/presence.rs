//! Who is on and who was, on all nodes: kept in memory, written in batches.
//!
//! Each node writes rows of its own, and with them that it is there. What a failover takes of these unlogged tables is
//! written again; the rows of nodes that are gone are removed by any other.

use super::Postgres;
use super::libpq::{Connection, ints, statement, texts};
use super::login::ELSEWHERE;
use super::writer::Lane;
use crate::lock::lock;
use crate::store::shared::sessions::{self, Batch, LOGINS, Logins};
use crate::store::{FAILURES, LoginFailure, Presence, Result, SessionStart, UserId};
use std::net::IpAddr;

impl Presence for Postgres {
    fn login(&self, arrival: SessionStart) {
        lock(&self.sessions).login(arrival);
    }

    fn logout(&self, session: u64) {
        lock(&self.sessions).logout(session);
    }

    fn login_failed(&self, failure: LoginFailure) {
        lock(&self.sessions).login_failed(failure);
    }

    fn known_addresses(&self) -> Result<Vec<(String, IpAddr)>> {
        self.pool.with(|connection| {
            let rows = connection.query("SELECT DISTINCT name, address FROM recent_login", [])?;
            let known = rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect::<Result<Vec<_>>>()?;
            Ok(sessions::addresses(known))
        })
    }

    fn dismissed(&self) -> Result<Vec<u64>> {
        // Without a number nobody of ours is in the table yet.
        let Some(node) = self.known_node() else { return Ok(Vec::new()) };
        let ended: Vec<u64> = self.pool.with(|connection| {
            let rows = connection.query("SELECT id FROM session_end WHERE node_id = $1", [node.into()])?;
            rows.iter().map(|row| row.size(0)).collect()
        })?;
        Ok(lock(&self.sessions).on().filter(|session| ended.contains(session)).collect())
    }

    fn sessions_elsewhere(&self, user: UserId) -> Result<usize> {
        if let Some(number) = self.foreseen_elsewhere(user) {
            return Ok(number);
        }
        let node = self.known_node().unwrap_or(-1);
        self.pool
            .with(|connection| Ok(connection.query(ELSEWHERE, [user.0.into(), node.into()])?.only()?.size(0)? as usize))
    }

    fn flush_presence(&self) -> Result<()> {
        if self.say_that_we_are_here()? {
            lock(&self.sessions).forget_written();
        }
        let node = self.node()?;
        sessions::flush(&self.sessions, |batch| {
            self.writer.write(Lane::Maintenance, move |connection| write(connection, node, &batch))
        })
    }

    fn reset_presence(&self) -> Result<()> {
        // This node's number is new, but the one that crashed was on this machine. If others are on it that live, they
        // find out within a second, and write their sessions again.
        let (node, name) = (self.node()?, self.node_name.clone());
        self.writer.write(Lane::Maintenance, move |connection| {
            let sql = "WITH gone AS (DELETE FROM node WHERE name = $2 AND id <> $1 RETURNING id)
                       DELETE FROM session USING gone WHERE node_id = gone.id";
            connection.query(sql, [node.into(), name.as_str().into()])?;
            Ok(())
        })?;
        self.say_that_we_are_here().map(drop)
    }
}

/// Nodes that were not seen for a while are gone, and their sessions with them.
const SWEEP: &str = "
  WITH gone AS (DELETE FROM node WHERE seen_at < now() - interval '30 seconds' RETURNING id),
  sessions AS (DELETE FROM session USING gone WHERE node_id = gone.id)
  DELETE FROM session_end USING gone WHERE node_id = gone.id";

impl Postgres {
    /// Says so, and whether nothing was known of us: then our sessions are not, either.
    fn say_that_we_are_here(&self) -> Result<bool> {
        let (node, name) = (self.node()?, self.node_name.clone());
        self.writer.write(Lane::Maintenance, move |connection| {
            let here = "INSERT INTO node (id, name) VALUES ($1, $2)
                        ON CONFLICT (id) DO UPDATE SET seen_at = now() RETURNING xmax = 0";
            let rows = connection.run(&[statement(here, [node.into(), name.as_str().into()]), statement(SWEEP, [])])?;
            rows[0].only()?.is(0)
        })
    }
}

fn write(connection: &mut Connection, node: i64, batch: &Batch) -> Result<()> {
    let gone = ints(batch.gone.iter().map(|session| Some(*session as i64)));
    let mut all = vec![
        statement("DELETE FROM session WHERE node_id = $1 AND id = ANY ($2)", [node.into(), gone.clone()]),
        statement("DELETE FROM session_end WHERE node_id = $1 AND id = ANY ($2)", [node.into(), gone]),
    ];
    if !batch.new.is_empty() {
        let number = |of: fn(&SessionStart) -> i64| ints(batch.new.iter().map(|one| Some(of(one))));
        let text = |of: fn(&SessionStart) -> String| texts(batch.new.iter().map(|one| Some(of(one))));
        let sql = "
          INSERT INTO session (node_id, id, user_id, name, principal, address, tls, since)
          SELECT $1, s.id, (SELECT u.id FROM users u WHERE u.name = s.name::nocase), s.name, s.principal, s.address, s.tls, s.since
            FROM unnest($2, $3, $4, $5, $6, $7) AS s (id, name, principal, address, tls, since)
          ON CONFLICT (node_id, id) DO NOTHING";
        let parameters = [
            node.into(),
            number(|one| one.session as i64),
            text(|one| one.name.clone()),
            text(|one| one.principal.clone()),
            text(|one| one.address.to_canonical().to_string()),
            number(|one| one.tls.into()),
            number(|one| one.at),
        ];
        all.push(statement(sql, parameters));
    }
    count(&mut all, LOGIN, &batch.logins);
    if !batch.last.is_empty() {
        // Ascending by name, so that two nodes do not wait for each other.
        let mut last: Vec<_> = batch.last.iter().collect();
        last.sort();
        let sql = "UPDATE users SET last_login = l.at FROM unnest($1, $2) AS l (name, at)
                    WHERE users.name = l.name::nocase AND (last_login IS NULL OR last_login < l.at)";
        let names = texts(last.iter().map(|(name, _)| Some(name.as_str())));
        all.push(statement(sql, [names, ints(last.iter().map(|(_, at)| Some(**at)))]));
    }
    count(&mut all, FAILURE, &batch.failures);
    if !batch.failures.is_empty() {
        all.push(statement(OLD_FAILURES, [(FAILURES as i64).into()]));
    }
    if batch.prune {
        all.push(statement(OLD_LOGINS, [(LOGINS as i64).into()]));
    }
    connection.run(&all)?;
    Ok(())
}

const LOGIN: &str = "
  INSERT INTO recent_login AS r (name, address, mechanism, at, count) SELECT * FROM unnest($1, $2, $3, $4, $5)
  ON CONFLICT (name, address, mechanism) DO UPDATE SET at = greatest(r.at, excluded.at), count = r.count + excluded.count";
const FAILURE: &str = "
  INSERT INTO recent_failure AS r (name, address, mechanism, at, count) SELECT * FROM unnest($1, $2, $3, $4, $5)
  ON CONFLICT (name, address, mechanism) DO UPDATE SET at = greatest(r.at, excluded.at), count = r.count + excluded.count";
const OLD_LOGINS: &str = "
  DELETE FROM recent_login WHERE (name, address, mechanism) IN (
    SELECT name, address, mechanism FROM recent_login ORDER BY at DESC, name, address, mechanism OFFSET $1)";
const OLD_FAILURES: &str = "
  DELETE FROM recent_failure WHERE (name, address, mechanism) IN (
    SELECT name, address, mechanism FROM recent_failure ORDER BY at DESC, name, address, mechanism OFFSET $1)";

/// In the order of the key, so that two nodes do not wait for each other.
fn count(all: &mut Vec<super::libpq::Statement<'static>>, sql: &'static str, logins: &Logins) {
    if logins.is_empty() {
        return;
    }
    let mut logins: Vec<_> = logins.iter().collect();
    logins.sort();
    // The server takes no NUL in a text, and no name has one: it is what somebody has tried.
    let shown = |text: &str| Some(text.replace('\0', "\u{fffd}"));
    let parameters = [
        texts(logins.iter().map(|((name, ..), _)| shown(name))),
        texts(logins.iter().map(|((_, address, _), _)| Some(address.as_str()))),
        texts(logins.iter().map(|((.., mechanism), _)| Some(*mechanism))),
        ints(logins.iter().map(|(_, (at, _))| Some(*at))),
        ints(logins.iter().map(|(_, (_, count))| Some(*count))),
    ];
    all.push(statement(sql, parameters));
}
