//! Counts the work done, for tests: it must grow with the input and no faster. Costs nothing outside tests.

#[cfg(test)]
thread_local! {
    static TAKEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// That many octets, tokens or parameters were looked at.
#[cfg(test)]
pub(super) fn count(steps: usize) {
    TAKEN.with(|taken| taken.set(taken.get() + steps as u64));
}

/// Nobody counts.
#[cfg(not(test))]
pub(super) const fn count(_: usize) {}

/// The steps that this thread has taken since it was last asked.
#[cfg(test)]
pub(super) fn taken() -> u64 {
    TAKEN.with(|taken| taken.replace(0))
}
