//! What the machine allows us: limits and the disk.

use super::warnings::Disk;
use crate::shared::connections::FINISHING;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use std::path::Path;

/// File descriptors and threads beside one a connection: database, log, listeners, those that finish, and some room.
pub const OTHERS: u64 = 128 + FINISHING as u64;
/// Mappings of a thread and those of everything else. A thread has its stack and a guard, and the stack on which Rust's
/// runtime says that the first one has overflowed, and its guard.
const MAPPINGS: (u64, u64) = (4, 2000);

/// The disk that a file is on.
pub fn disk(file: &Path) -> Option<Disk> {
    let found = statvfs(crate::files::path::directory(file)).ok()?;
    let octets = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    // As df(1) counts: what is set aside for root is neither used nor free.
    let used = found.blocks().saturating_sub(found.blocks_free());
    let free = found.blocks_available();
    Some(Disk { total: octets(used.saturating_add(free)), free: octets(free) })
}

/// Octets that a file may have.
pub fn file_limit() -> Option<u64> {
    soft(Resource::RLIMIT_FSIZE)
}

/// Which limits are too low for so many connections, and what to set.
pub fn too_low(connections: u64) -> Vec<String> {
    let wanted = connections.saturating_add(OTHERS);
    let mappings = wanted.saturating_mul(MAPPINGS.0).saturating_add(MAPPINGS.1);
    // Root's threads are not counted.
    let processes = if nix::unistd::geteuid().is_root() { None } else { soft(Resource::RLIMIT_NPROC) };
    let limits = [
        ("open files (RLIMIT_NOFILE)", soft(Resource::RLIMIT_NOFILE), wanted, "LimitNOFILE="),
        ("threads of this user (RLIMIT_NPROC)", processes, wanted, "LimitNPROC="),
        ("threads of this service (pids.max of its cgroup)", pids_max(), wanted, "TasksMax="),
        (
            "threads of the machine (kernel.threads-max)",
            sysctl("kernel/threads-max"),
            wanted,
            "sysctl kernel.threads-max=",
        ),
        ("process ids (kernel.pid_max)", sysctl("kernel/pid_max"), wanted, "sysctl kernel.pid_max="),
        ("memory mappings (vm.max_map_count)", sysctl("vm/max_map_count"), mappings, "sysctl vm.max_map_count="),
    ];
    let low = limits.into_iter().filter_map(|(what, limit, wanted, set)| Some((what, limit?, wanted, set)));
    low.filter(|(_, limit, wanted, _)| limit < wanted)
        .map(|(what, limit, wanted, set)| {
            format!(
                "MaxConnections and LmtpMaxConnections are {connections} together, but the limit of {what} is {limit}: \
                 set {set}{wanted}, or lower MaxConnections"
            )
        })
        .collect()
}

fn soft(resource: Resource) -> Option<u64> {
    getrlimit(resource).ok().map(|(soft, _)| soft).filter(|limit| *limit != RLIM_INFINITY)
}

fn sysctl(name: &str) -> Option<u64> {
    number(&format!("/proc/sys/{name}"))
}

/// Of the cgroup that we are in (version 2).
fn pids_max() -> Option<u64> {
    let ours = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = ours.lines().find_map(|line| line.strip_prefix("0::/"))?;
    number(&format!("/sys/fs/cgroup/{path}/pids.max"))
}

/// `max` is no number, and no limit.
fn number(file: &str) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_machine_is_good_for_everything_and_any_for_nothing() {
        let low = too_low(u64::from(u32::MAX));
        assert!(low.iter().any(|text| text.contains("vm.max_map_count=")), "{low:?}");
        assert_eq!(too_low(0), Vec::<String>::new());
    }

    #[test]
    fn a_disk_has_room() {
        let disk = disk(Path::new("Cargo.toml")).unwrap();
        assert!(disk.total >= disk.free && disk.total > 0);
    }
}
