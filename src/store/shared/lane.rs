//! Who waits for what is written.

/// Who waits longest for a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// A client.
    Mail,
    /// Nobody.
    Maintenance,
}
