//! What a login asks for, in one query: the account, how often the user is on elsewhere, and where the maildrop stands.
//!
//! What comes with the account is kept for the thread that asked, for [`FRESH`]: it is the one that opens the maildrop when it has
//! compared the password.

use super::Postgres;
use super::accounts::account;
use super::libpq::{Connection, Row};
use crate::store::shared::listing_cache::MaildropState;
use crate::store::{Account, Expire, MailboxId, Result, UserId};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Changes act within two seconds.
const FRESH: Duration = Duration::from_secs(1);

thread_local! {
    static FORESEEN: RefCell<Option<Foreseen>> = const { RefCell::new(None) };
}

/// What came with an account.
struct Foreseen {
    /// Of several in a process.
    engine: usize,
    at: Instant,
    user: UserId,
    elsewhere: usize,
    mailbox: MailboxId,
    standing: Standing,
}

/// Where a maildrop stands, and what a login wants to know of it beside its listing.
#[derive(Clone, Copy)]
pub struct Standing {
    pub state: MaildropState,
    pub exact_sizes: Option<bool>,
    pub expire: Expire,
}

/// Sessions of a user on other nodes that live.
pub const ELSEWHERE: &str = "
  SELECT count(*) FROM session s JOIN node n ON n.id = s.node_id AND n.seen_at > now() - interval '30 seconds'
   WHERE s.user_id = $1 AND s.node_id <> $2";

macro_rules! standing {
    () => {
        "g.version, g.next_uid, g.messages, m.exact_rfc822_size, CASE WHEN m.retention_hold = 1 THEN 0 ELSE coalesce(least(
           nullif(coalesce(m.retain_read_days, (SELECT value::bigint FROM settings WHERE name = 'RetainReadDays')), 0),
           nullif(coalesce(m.retain_unread_days, (SELECT value::bigint FROM settings WHERE name = 'RetainUnreadDays')), 0)), 0) END"
    };
}

const LOGIN: &str = concat!(
    "SELECT u.id, u.name, u.password, u.pop_enabled, u.ntlm, m.id, m.site, u.generation,
            (SELECT count(*) FROM session s JOIN node n ON n.id = s.node_id AND n.seen_at > now() - interval '30 seconds'
              WHERE s.user_id = u.id AND s.node_id <> $2), ",
    standing!(),
    " FROM users u LEFT JOIN mailboxes m ON m.name = u.name LEFT JOIN usage g ON g.mailbox_id = m.id WHERE u.name = $1::nocase"
);

const MAILDROP: &str =
    concat!("SELECT ", standing!(), " FROM mailboxes m JOIN usage g ON g.mailbox_id = m.id WHERE m.id = $1");

fn standing(row: &Row<'_>, first: usize) -> Result<Standing> {
    Ok(Standing {
        state: MaildropState {
            version: row.int(first)?,
            next_uid: row.int(first + 1)?,
            messages: row.size(first + 2)? as usize,
        },
        exact_sizes: row.int_or_null(first + 3)?.map(|exact| exact != 0),
        expire: Expire::of(row.size(first + 4)? as u32),
    })
}

impl Postgres {
    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// The account of this name, and what will be asked for next.
    pub(super) fn log_in(&self, connection: &mut Connection, name: &str) -> Result<Option<Account>> {
        let at = Instant::now();
        let rows = connection.query(LOGIN, [name.into(), self.known_node().unwrap_or(-1).into()])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let account = account(row)?;
        let foreseen = match account.mailbox {
            Some(mailbox) => {
                let (elsewhere, standing) = (row.size(8)? as usize, standing(&row, 9)?);
                Some(Foreseen { engine: self.address(), at, user: account.user, elsewhere, mailbox, standing })
            }
            None => None,
        };
        FORESEEN.replace(foreseen);
        Ok(Some(account))
    }

    /// How often a user is on elsewhere, if that came with the account.
    pub(super) fn foreseen_elsewhere(&self, user: UserId) -> Option<usize> {
        let is = |one: &Foreseen| one.engine == self.address() && one.user == user && one.at.elapsed() < FRESH;
        FORESEEN.with_borrow(|foreseen| foreseen.as_ref().filter(|one| is(one)).map(|one| one.elsewhere))
    }

    /// Where a maildrop stands, as it came with the account or as it is now.
    pub(super) fn standing_of(&self, mailbox: MailboxId) -> Result<Standing> {
        let is = |one: &Foreseen| one.engine == self.address() && one.mailbox == mailbox && one.at.elapsed() < FRESH;
        match FORESEEN.take().filter(is) {
            Some(foreseen) => Ok(foreseen.standing),
            None => self.pool.with(|connection| {
                let rows = connection.query(MAILDROP, [mailbox.0.into()])?;
                standing(&rows.first().ok_or(crate::store::StoreError::NoSuchMailbox)?, 0)
            }),
        }
    }
}
