//! Is every promise kept?
//!
//! Whatever happened: `check` is clean, every acknowledged message is there once and whole, nothing is gone that was not
//! marked, what QUIT has removed stays away, and no unique-id is given a second time.

use crate::ledger::Mark;
use crate::scene::{Ids, Scene, USERS, ids, numbered};
use crate::support::Site;
use std::collections::BTreeSet;

/// A message that comes last.
const PROBE: u32 = 901;

/// The mail of a scene after these entries of its ledger; answers how many messages alice has in the end.
pub fn mail(scene: &Scene, marks: &[Mark]) -> u64 {
    let site = &scene.site;
    sound(site);
    let found = ids(site);
    let promised = Promised::by(&scene.before, marks);
    promised.judge(&found);
    for (message, id) in &scene.before {
        assert!(found.get(message).is_none_or(|now| now == id), "{message:?} has another unique-id");
    }
    next_ids(site, &scene.before, &found)
}

/// `check` is clean.
pub fn sound(site: &Site) {
    site.succeed(&["check"], b"");
}

/// The next message of each user gets an id that nothing has or has had; answers how many messages alice has then.
pub fn next_ids(site: &Site, before: &Ids, found: &Ids) -> u64 {
    site.succeed(&["deliver", "alice", "bob"], &numbered(PROBE));
    let now = USERS.map(|user| {
        let mine =
            |ids: &Ids| ids.iter().filter(|((whose, _), _)| *whose == user).map(|(_, id)| *id).collect::<Vec<_>>();
        let (count, probe) = last(site, user);
        let earlier = [mine(before), mine(found)].concat().into_iter().max();
        assert!(earlier.is_none_or(|earlier| probe > earlier), "{user}: {probe} is given after {earlier:?}");
        assert_eq!(count, mine(found).len() as u64 + 1, "{user}: more than the last message came, or less");
        count
    });
    sound(site);
    now[0]
}

/// How many messages a user has, and the unique-id of the last one, which is no imported one.
fn last(site: &Site, user: &str) -> (u64, u64) {
    let mailbox = format!("(SELECT id FROM mailboxes WHERE name = '{user}')");
    let line = site.sql(&format!(
        "SELECT count(*), max(uid) FILTER (WHERE unique_id IS NULL) FROM message WHERE mailbox_id = {mailbox}"
    ));
    let numbers = line.trim().split_once('|').and_then(|(count, id)| Some((count.parse().ok()?, id.parse().ok()?)));
    numbers.unwrap_or_else(|| panic!("{user} has not got the last message: {line:?}"))
}

/// What must, may and must not be there.
#[derive(Default)]
struct Promised {
    there: BTreeSet<(&'static str, u32)>,
    perhaps: BTreeSet<(&'static str, u32)>,
    gone: BTreeSet<(&'static str, u32)>,
    /// All of these are there, or none.
    together: Vec<u32>,
}

impl Promised {
    fn by(before: &Ids, marks: &[Mark]) -> Promised {
        let mut promised = Promised { there: before.keys().copied().collect(), ..Promised::default() };
        for mark in marks {
            match mark {
                Mark::Begun(user, number) => drop(promised.perhaps.insert((user, *number))),
                Mark::Kept(user, number) => {
                    promised.perhaps.remove(&(*user, *number));
                    promised.there.insert((user, *number));
                }
                Mark::Marked(numbers) => {
                    promised.together.clone_from(numbers);
                    for number in numbers {
                        promised.there.remove(&("alice", *number));
                        promised.perhaps.insert(("alice", *number));
                    }
                }
                Mark::Removed => {
                    for number in std::mem::take(&mut promised.together) {
                        promised.perhaps.remove(&("alice", number));
                        promised.gone.insert(("alice", number));
                    }
                }
                Mark::Done(_) | Mark::Ended(..) => {}
            }
        }
        promised
    }

    fn judge(&self, found: &Ids) {
        for message in &self.there {
            assert!(found.contains_key(message), "{message:?} was acknowledged and is not there: {found:?}");
        }
        for message in found.keys() {
            assert!(!self.gone.contains(message), "{message:?} was removed and is there: {found:?}");
            let expected = self.there.contains(message) || self.perhaps.contains(message);
            assert!(expected, "where does {message:?} come from?");
        }
        let left = self.together.iter().filter(|number| found.contains_key(&("alice", **number))).count();
        assert!(left == 0 || left == self.together.len(), "QUIT removed some of {:?}: {found:?}", self.together);
    }
}
