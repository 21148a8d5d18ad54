//! Memory for chunks of messages on their way out.
//!
//! A chunk is so large that the C library gets its memory from the system each time and gives it back, and the system clears it
//! page by page. A few that are kept spare that.

use crate::lock::IgnorePoison;
use std::sync::{Mutex, MutexGuard};

/// A few buffers that somebody has used before.
pub struct Buffers {
    kept: Mutex<Vec<Vec<u8>>>,
    most: usize,
}

impl Buffers {
    /// Keeps two for each core.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { kept: Mutex::default(), most: 2 * cores }
    }

    /// The one that came back last, or an empty one. What stands in it means nothing.
    pub fn take(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    /// Takes one back.
    pub fn give(&self, buffer: Vec<u8>) {
        let mut kept = self.lock();
        if kept.len() < self.most && buffer.capacity() > 0 {
            kept.push(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.kept.lock().ignore_poison()
    }
}

impl Default for Buffers {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_comes_back_first_and_only_a_few_are_kept() {
        let buffers = Buffers::new();
        for size in 1..1000 {
            buffers.give(vec![0; size]);
        }
        assert_eq!(buffers.lock().len(), buffers.most);
        assert_eq!(buffers.take().len(), buffers.most);
        buffers.give(vec![0; 5000]);
        assert_eq!(buffers.take().len(), 5000);
        while !buffers.take().is_empty() {}
        buffers.give(Vec::new());
        assert!(buffers.lock().is_empty());
    }
}
