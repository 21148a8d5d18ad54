//! What replaced and purged values may have left in the files, and what is to be done about it next.

use std::time::{Duration, Instant};

/// After a sweep the next one waits for as many times what that took: one in twenty of the time at most.
const REST: u32 = 20;

/// How long what is in the log waits for the end of a sweep.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the files are clean.
pub struct Residue {
    /// Something was freed since the last sweep began.
    unswept: bool,
    /// The sweep that is under way.
    sweep: Option<Progress>,
    /// Something was freed or cleared since the log was last cut: until when that waits for the end of a sweep.
    log: Option<Instant>,
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
        Self { unswept: true, sweep: None, log: Some(Instant::now() + PATIENCE), rest_until: None }
    }
}

impl Residue {
    /// Something was freed.
    pub fn add(&mut self, now: Instant) {
        self.unswept = true;
        self.log.get_or_insert(now + PATIENCE);
    }

    /// There may be some.
    pub fn is_left(&self) -> bool {
        self.unswept || self.sweep.is_some() || self.log.is_some()
    }

    /// What is to be done; who does it says so with [`Self::swept`] or [`Self::log_cut`].
    pub fn task(&mut self, now: Instant) -> Task {
        if self.sweep.is_none() && self.unswept && self.rest_until.is_none_or(|until| now >= until) {
            // What is freed from now on may be on a page that is behind us when we come to the end.
            self.unswept = false;
            self.sweep = Some(Progress { next: 1, took: Duration::ZERO });
        }
        if let Some(sweep) = self.sweep
            && self.log.is_none_or(|due| now < due)
        {
            return Task::Sweep(sweep.next);
        }
        // What is freed while the log is cut, is not in this cut.
        self.log.take().map_or(Task::Nothing, |_| Task::CutLog)
    }

    /// The sweep goes on at `next`, or is at its end.
    pub fn swept(&mut self, next: Option<u32>, now: Instant, took: Duration) {
        let took = self.sweep.map_or(took, |sweep| sweep.took + took);
        self.sweep = next.map(|next| Progress { next, took });
        if next.is_none() {
            self.rest_until = Some(now + took * REST);
            self.log.get_or_insert(now);
        }
    }

    /// A step of the sweep failed, and will be tried again: the log need not wait for that.
    pub fn sweep_failed(&mut self, now: Instant) {
        if let Some(due) = &mut self.log {
            *due = now;
        }
    }

    /// Whether the log was cut.
    pub fn log_cut(&mut self, done: bool, now: Instant) {
        if !done {
            self.log = Some(now + PATIENCE);
        }
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
        residue.add(start);
        assert_eq!(residue.task(start), Task::Sweep(70));
        residue.swept(None, start, Duration::from_secs(2));
        assert_eq!(residue.task(after(59)), Task::CutLog, "60 seconds of rest");
        residue.log_cut(true, after(59));
        assert!(residue.is_left(), "what was freed while the sweep went on");
        assert_eq!(residue.task(after(59)), Task::Nothing);
        assert_eq!(residue.task(after(60)), Task::Sweep(1));
        residue.swept(None, after(60), Duration::ZERO);
        assert_eq!(residue.task(after(60)), Task::CutLog);
        residue.log_cut(true, after(60));
        assert!(!residue.is_left());
    }

    #[test]
    fn a_log_that_cannot_be_cut_is_left_and_so_is_what_came_meanwhile() {
        let (mut residue, now) = (Residue::default(), Instant::now());
        residue.task(now);
        residue.swept(None, now, Duration::ZERO);
        for _ in 0..2 {
            assert_eq!(residue.task(now), Task::CutLog);
            residue.log_cut(false, now);
        }
        assert_eq!(residue.task(now), Task::CutLog);
        residue.add(now);
        residue.log_cut(true, now);
        assert_eq!(residue.task(now), Task::Sweep(1));
    }

    #[test]
    fn the_log_does_not_wait_for_the_end_of_a_long_sweep_nor_the_sweep_for_the_log() {
        let mut residue = Residue::default();
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(residue.task(start), Task::Sweep(1));
        residue.swept(Some(7), start, Duration::ZERO);
        assert_eq!(residue.task(after(5)), Task::CutLog);
        residue.log_cut(false, after(5));
        assert_eq!(residue.task(after(9)), Task::Sweep(7));
        assert_eq!(residue.task(after(10)), Task::CutLog);
        residue.log_cut(true, after(10));
        assert_eq!(residue.task(after(99)), Task::Sweep(7), "nothing more was freed");
        residue.add(after(99));
        residue.sweep_failed(after(99));
        assert_eq!(residue.task(after(99)), Task::CutLog);
        residue.log_cut(true, after(99));
        residue.sweep_failed(after(99));
        assert_eq!(residue.task(after(99)), Task::Sweep(7), "there is nothing to cut");
    }
}
