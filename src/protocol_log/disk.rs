//! Mail comes before logs: whether the disk of the protocol log has room for more than mail.

use nix::sys::statvfs::statvfs;
use std::path::Path;
use std::time::{Duration, Instant};

/// So much of a large disk must be free, octets.
const FREE: u64 = 200 << 20;
/// This part of a small one.
const PART: u64 = 20;
/// How often we look.
const LOOK: Duration = Duration::from_secs(1);
/// And after how many octets at the latest.
const WRITTEN: u64 = 4 << 20;

/// What was found at the last look.
#[derive(Default)]
pub struct Room {
    looked: Option<Instant>,
    written: u64,
    full: bool,
}

impl Room {
    /// Whether `octets` more may be written in this directory. That there is no room is said once in the server's log.
    pub fn is_left(&mut self, directory: &Path, octets: u64, now: Instant) -> bool {
        self.written += octets;
        let fresh = self.looked.is_some_and(|looked| now.saturating_duration_since(looked) < LOOK);
        if !fresh || self.written >= WRITTEN {
            (self.looked, self.written) = (Some(now), 0);
            let full = is_full(directory);
            if full && !self.full {
                log::warn!("protocol log {}: nothing is logged while the disk is nearly full", directory.display());
            } else if self.full && !full {
                log::info!("protocol log {}: the disk has space again", directory.display());
            }
            self.full = full;
        }
        !self.full
    }
}

/// What cannot be found out is not full: the directory may have to be made.
fn is_full(directory: &Path) -> bool {
    let there = directory.ancestors().find(|directory| directory.exists());
    let Some(found) = there.and_then(|directory| statvfs(directory).ok()) else { return false };
    let size = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    is_low(size(found.blocks_available()), size(found.blocks()))
}

fn is_low(free: u64, all: u64) -> bool {
    free < FREE.min(all / PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_5_percent_and_200_mib_must_be_free() {
        let (mib, gib) = (1 << 20, 1 << 30);
        for (free, all, low) in [
            (199 * mib, 100 * gib, true),
            (200 * mib, 100 * gib, false),
            (5 * mib, 100 * mib, false),
            (5 * mib - 1, 100 * mib, true),
            (0, 0, false),
        ] {
            assert_eq!(is_low(free, all), low, "{free} of {all}");
        }
    }

    #[test]
    fn a_directory_that_is_still_to_be_made_has_its_parents_room() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(is_full(&directory.path().join("a/b")), is_full(directory.path()));
    }
}
