//! What is mounted where (proc_pid_mountinfo(5)).
#![expect(
    clippy::disallowed_methods,
    reason = "reads the files of /proc, which the kernel makes"
)]

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// Where the file system begins that `path` is on or will be: the nearest mount point above it. In a container `/` means that
/// it is on the container's own layer, which is gone when the container ends.
pub fn point_above(path: &Path) -> io::Result<PathBuf> {
    let table = fs::read("/proc/self/mountinfo")?;
    Ok(nearest(&points(&table), path))
}

fn nearest(points: &[PathBuf], path: &Path) -> PathBuf {
    let above = points.iter().filter(|point| path.starts_with(point));
    let nearest = above.max_by_key(|point| point.components().count());
    nearest.map_or_else(|| PathBuf::from("/"), Clone::clone)
}

/// The fifth field of each line; blanks and backslashes in it are written as `\` and three octal digits.
fn points(table: &[u8]) -> Vec<PathBuf> {
    let fields = table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    fields
        .map(|field| PathBuf::from(OsString::from_vec(unescaped(field))))
        .collect()
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut at = 0;
    while let Some(byte) = field.get(at) {
        let digits = field
            .get(at + 1..at + 4)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits
            .filter(|_| *byte == b'\\')
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        at += if escaped.is_some() { 4 } else { 1 };
        out.push(escaped.unwrap_or(*byte));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_point_above_is_found() {
        let table = b"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
            2 1 8:1 /home/a\\040b /github/workspace rw shared:1 - ext4 /dev/sda1 rw\n\
            3 1 8:1 /x /with\\040blank\\134 rw - ext4 /dev/sda1 rw\n";
        let points = points(table);
        let above = |path: &str| nearest(&points, Path::new(path));
        assert_eq!(above("/github/workspace/a/b"), Path::new("/github/workspace"));
        assert_eq!(above("/github/workspaces"), Path::new("/"));
        assert_eq!(above("/with blank\\/x"), Path::new("/with blank\\"));
        assert_eq!(point_above(Path::new("/proc/self")).unwrap(), Path::new("/proc"));
    }
}
