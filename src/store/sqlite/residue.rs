//! What replaced and purged values may have left in the files, and what is to be done about it next.

use std::time::{Duration, Instant};

/// After a sweep the next one waits for as many times what that took: one in twenty of the time at most.
const REST: u32 = 20;

/// Whether the files are clean.
pub struct Residue {
    /// Something was freed since the last sweep began.
    unswept: bool,
    /// The sweep that is under way.
    sweep: Option<Progress>,
    /// Something was freed or cleared since the log was last cut.
    log: bool,
    rest_until: Option<Instant>,
}

#[derive(Clone, Copy)]
struct Progress {
    /// The page that is next.
    next: u32,
    /// What it has taken so far.
    took: Duration,
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Task {
    /// Look at the pages from this one on.
    Sweep(u32),
    /// Cut the log.
    CutLog,
    /// Nothing, for now.
    Nothing,
}

/// What the last run of the program left, nobody knows.
impl Default for Residue {
    fn default() -> Self {
        Self { unswept: true, sweep: None, log: true, rest_until: None }
    }
}

impl Residue {
    /// Something was freed.
    pub fn add(&mut self) {
        self.unswept = true;
        self.log = true;
    }

    /// There may be some.
    pub fn is_left(&self) -> bool {
        self.unswept || self.sweep.is_some() || self.log
    }

    /// What is to be done; who does it says so with [`Self::swept`] or [`Self::log_cut`].
    pub fn task(&mut self, now: Instant) -> Task {
        if self.sweep.is_none() && self.unswept && self.rest_until.is_none_or(|until| now >= until) {
            // What is freed from now on may be on a page that is behind us when we come to the end.
            self.unswept = false;
            self.sweep = Some(Progress { next: 1, took: Duration::ZERO });
        }
        match self.sweep {
            Some(sweep) => Task::Sweep(sweep.next),
            // What is freed while the log is cut, is not in this cut.
            None if std::mem::take(&mut self.log) => Task::CutLog,
            None => Task::Nothing,
        }
    }

    /// The sweep goes on at `next`, or is at its end.
    pub fn swept(&mut self, next: Option<u32>, now: Instant, took: Duration) {
        let took = self.sweep.map_or(took, |sweep| sweep.took + took);
        self.sweep = next.map(|next| Progress { next, took });
        if next.is_none() {
            self.rest_until = Some(now + took * REST);
            self.log = true;
        }
    }

    /// Whether the log was cut.
    pub fn log_cut(&mut self, done: bool) {
        self.log |= !done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_comes_before_the_log_and_another_one_after_a_rest() {
        let (mut residue, start) = (Residue::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(residue.task(start), Task::Sweep(1), "what the last run left");
        residue.swept(Some(70), start, Duration::from_secs(1));
        residue.add();
        assert_eq!(residue.task(start), Task::Sweep(70));
        residue.swept(None, start, Duration::from_secs(2));
        assert_eq!(residue.task(after(59)), Task::CutLog, "60 seconds of rest");
        residue.log_cut(true);
        assert!(residue.is_left(), "what was freed while the sweep went on");
        assert_eq!(residue.task(after(59)), Task::Nothing);
        assert_eq!(residue.task(after(60)), Task::Sweep(1));
        residue.swept(None, after(60), Duration::ZERO);
        assert_eq!(residue.task(after(60)), Task::CutLog);
        residue.log_cut(true);
        assert!(!residue.is_left());
    }

    #[test]
    fn a_log_that_cannot_be_cut_is_left_and_so_is_what_came_meanwhile() {
        let (mut residue, now) = (Residue::default(), Instant::now());
        residue.task(now);
        residue.swept(None, now, Duration::ZERO);
        for _ in 0..2 {
            assert_eq!(residue.task(now), Task::CutLog);
            residue.log_cut(false);
        }
        assert_eq!(residue.task(now), Task::CutLog);
        residue.add();
        residue.log_cut(true);
        assert_eq!(residue.task(now), Task::Sweep(1));
    }
}
