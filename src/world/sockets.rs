//! Who listens on a port of this machine, from `/proc`. Linux only; elsewhere nobody can tell.
//!
//! `/proc/net/tcp` and `tcp6` list the sockets of every user with their inode (proc_pid_net(5)); `/proc/PID/fd` links a
//! process's descriptors to `socket:[inode]`, for those who may look into the process.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the files of /proc, which the kernel makes"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::process::table::{Table, name};

/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// A socket that listens, whoever's it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    pub address: SocketAddr,
    /// Whoever made it.
    pub uid: u32,
    pub inode: u64,
}

/// A process that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: i32,
    /// The program's name, then that of its parent, and so on.
    pub names: Vec<String>,
}

/// What some processes hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub inodes: BTreeSet<u64>,
    /// The programs' names.
    pub names: Vec<String>,
    /// One of them is another user's, and may not be looked into.
    pub is_partial: bool,
}

/// Every TCP socket that listens on a port in this network namespace. A table that cannot be read is an error.
pub fn listeners(port: u16) -> io::Result<Vec<Listener>> {
    let mut found = of_table(&fs::read_to_string("/proc/net/tcp")?, port)?;
    match fs::read_to_string("/proc/net/tcp6") {
        Ok(text) => found.extend(of_table(&text, port)?),
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(found)
}

/// The sockets that these processes hold.
pub fn held(pids: &[i32]) -> Held {
    let mut held = Held::default();
    for pid in pids {
        held.names.push(name(*pid));
        match sockets_of(*pid) {
            Ok(inodes) => held.inodes.extend(inodes),
            // It has ended meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(_) => held.is_partial = true,
        }
    }
    held
}

/// A process that holds this socket, if there is one that may be looked into.
pub fn holder(inode: u64) -> Option<Holder> {
    let pids = fs::read_dir("/proc").ok()?.flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let pid = pids.find(|pid| sockets_of(*pid).is_ok_and(|inodes| inodes.contains(&inode)))?;
    let line = [pid].into_iter().chain(Table::read().ancestors(pid));
    Some(Holder {
        pid,
        names: line.map(name).collect(),
    })
}

fn sockets_of(pid: i32) -> io::Result<Vec<u64>> {
    let mut inodes = Vec::new();
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        // One that is closed meanwhile leads nowhere.
        let target = fs::read_link(descriptor.path()).unwrap_or_default();
        inodes.extend(target.to_str().and_then(socket_inode));
    }
    Ok(inodes)
}

fn of_table(text: &str, port: u16) -> io::Result<Vec<Listener>> {
    let mut found = Vec::new();
    for line in text.lines().skip(1) {
        match listener(line) {
            Some(Some(listener)) if listener.address.port() == port => found.push(listener),
            Some(_) => {}
            None => {
                let what = format!("the kernel's table of sockets has a line that is not understood: {line}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            }
        }
    }
    Ok(found)
}

/// `   0: 0100007F:1F90 00000000:0000 0A … UID … INODE …`: the second field is the local address, the fourth the state, the
/// eighth the user, the tenth the inode. Nothing inside of something is a socket that does not listen.
fn listener(line: &str) -> Option<Option<Listener>> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    if *fields.get(3)? != LISTEN {
        return Some(None);
    }
    let (ip, port) = fields.get(1)?.rsplit_once(':')?;
    Some(Some(Listener {
        address: SocketAddr::new(address(ip)?, u16::from_str_radix(port, 16).ok()?),
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    }))
}

/// 32 bits at a time, in the machine's own order. An IPv4 address inside of an IPv6 one is that IPv4 address.
fn address(hex: &str) -> Option<IpAddr> {
    let mut bytes = Vec::new();
    for at in (0..hex.len()).step_by(8) {
        bytes.extend(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    }
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical()),
        _ => None,
    }
}

fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_the_kernels_table_is_understood() {
        let line =
            "   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31337 1 0";
        let expected = Listener {
            address: ([127, 0, 0, 1], 8080).into(),
            uid: 1000,
            inode: 31337,
        };
        assert_eq!(listener(line), Some(Some(expected)));
        assert_eq!(
            listener(&line.replace(" 0A ", " 01 ")),
            Some(None),
            "connected, not listening"
        );
        for (hex, ip) in [
            ("00000000", "0.0.0.0"),
            ("00000000000000000000000000000000", "::"),
            ("00000000000000000000000001000000", "::1"),
            ("0000000000000000FFFF00000100007F", "127.0.0.1"),
        ] {
            assert_eq!(address(hex).unwrap().to_string(), ip, "{hex}");
        }
        for torn in [
            "",
            "1:",
            "1: x 0A",
            "1: 0100007F:ZZZZ 0 0A",
            "1: 010000:1F90 0 0A 0 0 0 0 0 1",
        ] {
            assert_eq!(listener(torn), None, "{torn}");
            assert!(of_table(&format!("head\n{torn}"), 8080).is_err() || torn.is_empty());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_found_by_its_own_socket() {
        let us = i32::try_from(std::process::id()).unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let found = listeners(address.port()).unwrap();
        assert_eq!(found.iter().map(|l| l.address).collect::<Vec<_>>(), [address]);
        assert!(held(&[us]).inodes.contains(&found[0].inode));
        assert_eq!(holder(found[0].inode).unwrap().pid, us);
        drop(socket);
        assert_eq!(listeners(address.port()).unwrap(), []);
    }
}
