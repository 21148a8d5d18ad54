//! Figures and statistics, in memory.

use super::Memory;
use crate::store::password::is_hash;
use crate::store::{
    Figures, Hour, LAST_UIDS, Large, LastHour, Result, STATISTICS_KEPT, Sample, Statistics, storage_size,
};
use std::collections::BTreeMap;

/// What was counted, by hour and by minute.
#[derive(Default)]
pub(super) struct Counted {
    hours: BTreeMap<i64, Sample>,
    minutes: BTreeMap<i64, LastHour>,
    warned_at: i64,
}

impl Statistics for Memory {
    fn figures(&self) -> Result<Figures> {
        let state = self.state();
        let mut figures =
            Figures { mailboxes: state.mailboxes.len() as u64, database_limit: None, ..Figures::default() };
        for mailbox in state.mailboxes.values() {
            figures.messages += mailbox.messages.len() as u64;
            figures.octets += mailbox.messages.values().map(|message| storage_size(message.octets)).sum::<u64>();
            if mailbox.next_uid >= LAST_UIDS {
                figures.exhausted.push(mailbox.name.clone());
            }
        }
        let plain = |password: &crate::secret::Secret| !is_hash(password.expose());
        figures.pending_passwords =
            state.users.values().filter(|user| user.password.as_ref().is_some_and(plain)).count() as u64;
        Ok(figures)
    }

    fn largest(&self, limit: usize) -> Result<Vec<Large>> {
        let state = self.state();
        let mut all: Vec<Large> = state
            .mailboxes
            .values()
            .filter(|mailbox| !mailbox.messages.is_empty())
            .map(|mailbox| Large {
                name: mailbox.name.clone(),
                messages: mailbox.messages.len() as u64,
                octets: mailbox.messages.values().map(|message| storage_size(message.octets)).sum(),
            })
            .collect();
        all.sort_by(|a, b| b.octets.cmp(&a.octets).then_with(|| a.name.cmp(&b.name)));
        all.truncate(limit);
        Ok(all)
    }

    fn count(&self, now: i64, sample: &Sample) -> Result<()> {
        let mut state = self.state();
        let counted = &mut state.counted;
        add(counted.hours.entry(now - now.rem_euclid(3600)).or_default(), sample);
        let minute = counted.minutes.entry(now - now.rem_euclid(60)).or_default();
        minute.logins += sample.logins;
        minute.failures += sample.failures;
        minute.deliveries += sample.deliveries;
        counted.hours.retain(|at, _| *at >= now - STATISTICS_KEPT);
        Ok(())
    }

    fn hours(&self, from: i64) -> Result<Vec<Hour>> {
        Ok(self.state().counted.hours.range(from..).map(|(at, sample)| Hour { at: *at, sample: *sample }).collect())
    }

    fn last_hour(&self, now: i64) -> Result<LastHour> {
        let state = self.state();
        let minutes = state.counted.minutes.range(now - 3599..=now);
        Ok(minutes.fold(LastHour::default(), |sum, (_, minute)| LastHour {
            logins: sum.logins + minute.logins,
            failures: sum.failures + minute.failures,
            deliveries: sum.deliveries + minute.deliveries,
        }))
    }

    fn claim_postmaster_mail(&self, now: i64) -> Result<bool> {
        let mut state = self.state();
        let due = (now - state.counted.warned_at).abs() >= 86_400;
        if due {
            state.counted.warned_at = now;
        }
        Ok(due)
    }
}

fn add(sum: &mut Sample, more: &Sample) {
    sum.logins += more.logins;
    sum.failures += more.failures;
    sum.connections += more.connections;
    sum.most_sessions = sum.most_sessions.max(more.most_sessions);
    sum.deliveries += more.deliveries;
    sum.delivered_octets += more.delivered_octets;
    sum.refused += more.refused;
    sum.retrieved += more.retrieved;
    sum.retrieved_octets += more.retrieved_octets;
    sum.removed += more.removed;
    if more.database_octets > 0 {
        (sum.messages, sum.database_octets) = (more.messages, more.database_octets);
    }
}
