//! Whose the files and folders are that are made.
//!
//! As root of a container we work in folders of the runner's user. What root leaves in them, that user cannot write to in
//! the next step, nor remove before the next checkout (actions/runner#434).

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::anyhow;
use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;

/// In the error about a folder that belongs to another user than this one.
pub const NOT_OURS: &str = "and this step runs as";

/// The error of what cannot be made at `path`. If that is because of a folder of another user, it names both.
pub fn refused(path: &Path, what: impl FnOnce() -> String, error: io::Error) -> anyhow::Error {
    let user = |uid: u32| match uid {
        0 => "root".to_owned(),
        uid => format!("uid {uid}"),
    };
    let we = rustix::process::geteuid().as_raw();
    let there = path
        .ancestors()
        .find_map(|above| Some((above, rustix::fs::stat(above).ok()?.st_uid)));
    match there {
        Some((above, owner)) if error.kind() == io::ErrorKind::PermissionDenied && owner != we => anyhow!(
            "cannot write to {}: it belongs to {}, {NOT_OURS} {}",
            above.display(),
            user(owner),
            user(we)
        ),
        _ => anyhow::Error::new(error).context(what()),
    }
}

/// Gives what was just made and is open, to the owner of the folder it is in.
pub fn give(made: impl AsFd, folder: &Path) -> io::Result<()> {
    let Some(owner) = other_owner(folder, || rustix::fs::fstat(&made))? else {
        return Ok(());
    };
    unless_refused(rustix::fs::fchown(&made, Some(owner.0), Some(owner.1)))
}

/// The same for a link, which cannot be opened.
pub fn give_link(link: &Path, folder: &Path) -> io::Result<()> {
    let Some(owner) = other_owner(folder, || rustix::fs::lstat(link))? else {
        return Ok(());
    };
    let not_through_it = AtFlags::SYMLINK_NOFOLLOW;
    let given = rustix::fs::chownat(rustix::fs::CWD, link, Some(owner.0), Some(owner.1), not_through_it);
    unless_refused(given)
}

/// Whether something of this owner in `folder` can have been made by this program.
pub fn can_be_ours(uid: u32, folder: &Path) -> bool {
    let we = rustix::process::geteuid();
    uid == we.as_raw() || (we.is_root() && rustix::fs::stat(folder).is_ok_and(|folder| folder.st_uid == uid))
}

type Owner = (rustix::fs::Uid, rustix::fs::Gid);

/// The folder's owner, if it is another one than that of what was made, and if it is for us to say: only root can give.
fn other_owner(folder: &Path, made: impl FnOnce() -> Result<Stat, Errno>) -> io::Result<Option<Owner>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    let (folder, made) = (rustix::fs::stat(folder)?, made()?);
    let same = folder.st_uid == made.st_uid && folder.st_gid == made.st_gid;
    Ok((!same).then(|| {
        (
            rustix::fs::Uid::from_raw(folder.st_uid),
            rustix::fs::Gid::from_raw(folder.st_gid),
        )
    }))
}

/// Not every file system has owners, not every user namespace has this one, and not every root may give. Then it stays as
/// it is, which is what everybody else gets there.
fn unless_refused(given: Result<(), Errno>) -> io::Result<()> {
    match given {
        Err(Errno::PERM | Errno::INVAL | Errno::NOTSUP | Errno::NOSYS) => Ok(()),
        given => Ok(given?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_another_user_is_named_with_both_users() {
        let folder = tempfile::tempdir().unwrap();
        let is_root = rustix::process::geteuid().is_root();
        let path = match is_root {
            true => {
                std::os::unix::fs::chown(folder.path(), Some(1234), None).unwrap();
                folder.path().join("reports/smoke.json")
            }
            false => "/none/smoke.json".into(),
        };
        let denied = |path: &Path| format!("{:#}", refused(path, || "what".to_owned(), Errno::ACCESS.into()));
        let expected = match is_root {
            true => format!("{}: it belongs to uid 1234, {NOT_OURS} root", folder.path().display()),
            false => format!("/: it belongs to root, {NOT_OURS} uid"),
        };
        assert!(denied(&path).contains(&expected), "{}", denied(&path));
        let full = refused(&path, || "what".to_owned(), Errno::NOSPC.into());
        assert!(format!("{full:#}").starts_with("what: No space left"), "{full:#}");
    }
}
