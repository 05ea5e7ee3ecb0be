//! Who listens on a port of this machine, from `/proc`. Linux only; elsewhere nobody can tell.
//!
//! `/proc/net/tcp` and `tcp6` list sockets with their inode (proc_pid_net(5)); `/proc/PID/fd` links a process's
//! descriptors to `socket:[inode]`.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the files of /proc, which the kernel makes"
)]

use std::collections::BTreeSet;
use std::fs;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    pub pid: u32,
    /// The program's name, as the kernel keeps it: 15 bytes at most.
    pub name: String,
}

/// Every process that listens on a TCP port, as far as this user may look. `None` where that cannot be told at all.
pub fn listeners(port: u16) -> Option<Vec<Listener>> {
    let mut inodes = BTreeSet::new();
    let mut readable = false;
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        if let Ok(text) = fs::read_to_string(table) {
            readable = true;
            inodes.extend(text.lines().skip(1).filter_map(|line| inode_of(line, port)));
        }
    }
    if !readable {
        return None;
    }
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // Processes of others cannot be looked into; theirs is not what we started.
        let descriptors = fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
        let listens = descriptors
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .filter_map(|target| socket_inode(target.to_str()?))
            .any(|inode| inodes.contains(&inode));
        if listens {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.push(Listener {
                pid,
                name: name.trim_end().to_owned(),
            });
        }
    }
    Some(found)
}

/// `   0: 0100007F:1F90 00000000:0000 0A … INODE …`: the second field is the local address, the fourth the state, the
/// tenth the inode.
fn inode_of(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let local = fields.get(1)?.rsplit_once(':')?.1;
    let same = u16::from_str_radix(local, 16).ok()? == port;
    let listening = *fields.get(3)? == LISTEN;
    (same && listening).then(|| fields.get(9)?.parse().ok()).flatten()
}

fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernels_table_is_understood() {
        let line =
            "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 31337 1 0";
        assert_eq!(inode_of(line, 8080), Some(31337));
        assert_eq!(inode_of(line, 8081), None);
        assert_eq!(
            inode_of(&line.replace(" 0A ", " 01 "), 8080),
            None,
            "connected, not listening"
        );
        for torn in ["", "1:", "1: x 0A", "1: 0100007F:ZZZZ 0 0A"] {
            assert_eq!(inode_of(torn, 8080), None);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_found_by_its_own_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let found = listeners(port).unwrap();
        assert!(found.iter().any(|l| l.pid == std::process::id()), "{found:?}");
        drop(listener);
        assert_eq!(listeners(port).unwrap(), []);
    }
}
