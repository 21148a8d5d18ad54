//! A primary and its standby, with a database and users.

use crate::support::Site;
use crate::support::postgres::{Cluster, OWNER};
use std::sync::Arc;

/// What the synchronous standby is called.
pub const STANDBY: &str = "second";

/// Two clusters that sync to disk; the second has what the first acknowledges.
pub struct Pair {
    pub primary: Cluster,
    pub standby: Cluster,
}

impl Pair {
    /// With a database `mail` that has these users.
    pub fn new(users: &[String]) -> Pair {
        let primary = Cluster::start_with(&["wal_level=replica", "max_wal_senders=4", "synchronous_commit=on"]);
        let standby = primary.standby(STANDBY, &["hot_standby=on"]);
        primary.require(STANDBY);
        primary.sql("postgres", &format!("CREATE DATABASE mail OWNER {OWNER} TEMPLATE template0"));
        let pair = Pair { primary, standby };
        pair.node().succeed(&["init"], b"");
        let rows: Vec<_> = users.iter().map(|name| format!("('{name}', 'se cret')")).collect();
        pair.primary.sql("mail", &format!("INSERT INTO users(name, password) VALUES {}", rows.join(", ")));
        pair
    }

    /// A node that finds whichever of the two is primary.
    pub fn node(&self) -> Arc<Site> {
        let hosts = format!("{},{}", self.primary.socket().display(), self.standby.socket().display());
        Site::node(&format!("postgresql:///mail?host={hosts}&user={OWNER}&target_session_attrs=read-write"))
    }
}
