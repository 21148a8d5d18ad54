//! A store that answers as told and remembers the calls.

use crate::secret::Secret;
use crate::store::*;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

/// See above; what it is to answer stands in its fields.
#[derive(Default)]
pub struct Script {
    pub calls: Mutex<Vec<String>>,
    pub mark: Mutex<i64>,
    pub rows: Mutex<Vec<(String, String)>>,
    pub pending: Mutex<Vec<Pending>>,
    pub reaps: Mutex<VecDeque<Result<usize>>>,
    pub purges: Mutex<VecDeque<Result<usize>>>,
    pub overfull: Mutex<Vec<Overfull>>,
    pub unwarnable: Mutex<HashMap<i64, StoreError>>,
    pub broken: Mutex<bool>,
    pub locked: Mutex<VecDeque<StoreError>>,
    pub advertised: Mutex<Advertised>,
    pub certificates: Mutex<Vec<CertificateFiles>>,
    pub lost: Mutex<Option<String>>,
}

impl Script {
    pub fn note(&self, call: impl Into<String>) {
        self.calls.lock().unwrap().push(call.into());
    }

    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    pub fn add(&self, user: i64, name: &str, password: &str) {
        let pending = Pending { user: UserId(user), name: name.into(), password: password.into(), ntlm: false };
        self.pending.lock().unwrap().push(pending);
        *self.mark.lock().unwrap() += 1;
    }

    pub fn set(&self, name: &str, value: &str) {
        self.rows.lock().unwrap().push((name.into(), value.into()));
        *self.mark.lock().unwrap() += 1;
    }
}

fn elsewhere<T>() -> Result<T> {
    Err(StoreError::Internal("the maintenance has no business here".into()))
}

impl Mail for Script {
    fn open(&self, _: MailboxId) -> Result<Arc<ScanListing>> {
        elsewhere()
    }
    fn first_chunks(&self, messages: &[MessageId], take: &mut dyn FnMut(usize, Result<&[u8]>)) {
        (0..messages.len()).for_each(|index| take(index, elsewhere()));
    }
    fn read(&self, _: MessageId, _: u32, _: &mut Vec<u8>) -> Result<()> {
        elsewhere()
    }
    fn envelope(&self, _: MessageId) -> Result<Envelope> {
        Err(StoreError::NoSuchMessage)
    }
    fn mark_retrieved(&self, _: MessageId) {}
    fn commit(&self, _: MailboxId, _: &[Uid]) -> Result<()> {
        elsewhere()
    }
    fn deleted(&self, _: MailboxId, _: &str) -> Result<Option<Uid>> {
        elsewhere()
    }
    fn read_deleted(&self, _: MailboxId, _: Uid, _: u32, _: &mut Vec<u8>) -> Result<()> {
        elsewhere()
    }
    fn skip_to(&self, _: MailboxId, _: Uid) -> Result<()> {
        elsewhere()
    }
    fn upload(&self, _: u64) -> Box<dyn Upload + '_> {
        unreachable!("the maintenance takes nothing in")
    }
}

impl Accounts for Script {
    fn account(&self, _: &[String]) -> Result<Option<Account>> {
        unreachable!("the maintenance takes nothing in")
    }
    fn principal(&self, _: UserId, _: &[String]) -> Result<Option<Principal>> {
        elsewhere()
    }
    fn recipients(&self, _: &[String]) -> Result<Vec<Mailbox>> {
        elsewhere()
    }
    fn recipient_names(&self) -> Result<Vec<String>> {
        elsewhere()
    }
    fn verifier(&self, _: UserId, _: Scheme) -> Result<Option<Secret>> {
        elsewhere()
    }
    fn add_verifier(&self, _: UserId, _: &Secret, _: Scheme, _: &Secret) -> Result<bool> {
        elsewhere()
    }
    fn set_password(
        &self,
        user: UserId,
        expected: Option<&Secret>,
        hash: &Secret,
        _: &[(Scheme, Secret)],
    ) -> Result<bool> {
        let mut waiting = self.pending.lock().unwrap();
        let Some(at) = waiting.iter().position(|it| it.user == user && Some(&it.password) == expected) else {
            return Ok(false);
        };
        waiting.remove(at);
        self.note(format!("set {} {}", user.0, hash.expose_str().unwrap()));
        Ok(true)
    }
    fn standing(&self, _: UserId, _: MailboxId) -> Result<Option<Standing>> {
        elsewhere()
    }
    fn create_user(&self, _: &str) -> Result<UserId> {
        elsewhere()
    }
}

impl Config for Script {
    fn change_mark(&self) -> Result<i64> {
        if *self.broken.lock().unwrap() {
            Err(StoreError::Busy("locked".into()))
        } else {
            Ok(*self.mark.lock().unwrap())
        }
    }

    fn revocations(&self) -> Result<i64> {
        elsewhere()
    }

    fn settings(&self) -> Result<Vec<(String, Vec<u8>)>> {
        self.note("settings");
        Ok(self.rows.lock().unwrap().iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect())
    }

    fn certificates(&self) -> Result<Vec<CertificateFiles>> {
        Ok(self.certificates.lock().unwrap().clone())
    }

    fn advertised(&self) -> Result<Advertised> {
        Ok(*self.advertised.lock().unwrap())
    }

    fn retention(&self, _: MailboxId) -> Result<Expire> {
        elsewhere()
    }

    fn exact_sizes(&self, _: MailboxId) -> Result<Option<bool>> {
        elsewhere()
    }
}

impl Maintenance for Script {
    fn lost(&self) -> Result<Option<String>> {
        Ok(self.lost.lock().unwrap().clone())
    }

    fn drop_foreign_verifiers(&self, _: &str) -> Result<usize> {
        elsewhere()
    }

    fn pending(&self, limit: usize) -> Result<Vec<Pending>> {
        if *self.broken.lock().unwrap() {
            return Err(StoreError::Busy("locked".into()));
        }
        Ok(self.pending.lock().unwrap().iter().take(limit).cloned().collect())
    }

    fn pending_count(&self) -> Result<usize> {
        Ok(self.pending.lock().unwrap().len())
    }

    fn replace_passwords(&self, made: &[Replacement]) -> Result<Vec<Result<bool>>> {
        if let Some(error) = self.locked.lock().unwrap().pop_front() {
            return Err(error);
        }
        self.note(format!("batch of {}", made.len()));
        Ok(made.iter().map(|it| self.set_password(it.user, Some(&it.expected), &it.hash, &it.others)).collect())
    }

    fn drop_unwanted_verifiers(&self) -> Result<usize> {
        self.note("drop");
        Ok(0)
    }

    fn flush_marks(&self) -> Result<()> {
        self.note("flush");
        Ok(())
    }

    fn shutdown(&self) {}

    fn finish(&self) -> Result<()> {
        Ok(())
    }

    fn reap(&self, now: i64, _: usize) -> Result<usize> {
        self.note(format!("reap {now}"));
        self.reaps.lock().unwrap().pop_front().unwrap_or(Ok(0))
    }

    fn overfull(&self, _: i64, limit: usize) -> Result<Vec<Overfull>> {
        Ok(self.overfull.lock().unwrap().iter().take(limit).cloned().collect())
    }

    fn warn(&self, mailbox: MailboxId, message: &[u8], now: i64) -> Result<bool> {
        if let Some(error) = self.unwarnable.lock().unwrap().get(&mailbox.0) {
            return Err(error.clone());
        }
        let known = self.overfull.lock().unwrap().len();
        self.overfull.lock().unwrap().retain(|it| it.mailbox != mailbox);
        let from = String::from_utf8_lossy(message).lines().next().unwrap().to_owned();
        self.note(format!("warn {} {now} {from}", mailbox.0));
        Ok(self.overfull.lock().unwrap().len() < known)
    }

    fn purge(&self, now: i64, _: usize) -> Result<usize> {
        self.note(format!("purge {now}"));
        self.purges.lock().unwrap().pop_front().unwrap_or(Ok(0))
    }
}

impl Presence for Script {
    fn login(&self, _: SessionStart) {}
    fn logout(&self, _: u64) {}
    fn login_failed(&self, _: LoginFailure) {}
    fn known_addresses(&self) -> Result<Vec<(String, std::net::IpAddr)>> {
        elsewhere()
    }
    fn dismissed(&self) -> Result<Vec<u64>> {
        elsewhere()
    }
    fn sessions_elsewhere(&self, _: UserId) -> Result<usize> {
        elsewhere()
    }
    fn flush_presence(&self) -> Result<()> {
        self.note("presence");
        if *self.broken.lock().unwrap() { Err(StoreError::Busy("locked".into())) } else { Ok(()) }
    }
    fn reset_presence(&self) -> Result<()> {
        self.note("reset");
        Ok(())
    }
}

impl Statistics for Script {
    fn figures(&self) -> Result<Figures> {
        elsewhere()
    }
    fn largest(&self, _: usize) -> Result<Vec<Large>> {
        elsewhere()
    }
    fn count(&self, _: i64, _: &Sample) -> Result<()> {
        elsewhere()
    }
    fn hours(&self, _: i64) -> Result<Vec<Hour>> {
        elsewhere()
    }
    fn last_hour(&self, _: i64) -> Result<LastHour> {
        elsewhere()
    }
    fn claim_postmaster_mail(&self, _: i64) -> Result<bool> {
        elsewhere()
    }
}
