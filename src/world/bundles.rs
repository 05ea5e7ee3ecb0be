//! Sealed evidence that is put into a folder, and which of several is the newest.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::archive::{Archive, Member};
use super::copy::{self, CopyError};
use super::files::{self, Links};
use super::hash::{self, Stop};
use super::paths;
use super::walk::{Kind, Step, walk};
use crate::model::evidence::{INDEX, Index, LARGEST_TEXT};

/// A zip may hold a thousand times its size.
const LARGEST: u64 = 32 << 30;

/// One that was put into a folder.
#[derive(Debug)]
pub struct Bundle {
    /// The same for all attempts of a job.
    pub leg: String,
    /// With the attempt.
    pub name: String,
    pub folder: PathBuf,
    job: Option<String>,
    attempt: u64,
}

/// Puts sealed evidence, a folder or a zip, into the folder `to`, which must not exist. Whether it is whole is not looked at:
/// what can be done about that is verifying the copy.
pub fn put(from: &Path, to: &Path, stop: Stop<'_>) -> anyhow::Result<()> {
    let real = paths::real(from).with_context(|| format!("cannot read {}", from.display()))?;
    files::folders(to)?;
    match paths::kind(&real)? {
        Some(Kind::Folder) => copy_files(&real, to, stop),
        _ => unpack(&real, to, stop),
    }
    .with_context(|| format!("cannot copy {}", from.display()))
}

fn copy_files(from: &Path, to: &Path, stop: Stop<'_>) -> anyhow::Result<()> {
    let mut names = Vec::new();
    let troubles = walk(from, |path, kind| {
        if kind == Kind::File {
            names.push(path.to_owned());
        }
        Step::In
    });
    if let Some(trouble) = troubles.first() {
        anyhow::bail!("{}: {}", trouble.path.display(), trouble.detail);
    }
    let mut buffer = Vec::new();
    for name in names {
        let target = to.join(&name);
        if let Some(folder) = target.parent() {
            files::folders(folder)?;
        }
        let copied = copy::copy(&from.join(&name), &target, &mut buffer, stop);
        copied.map_err(|error| match error {
            CopyError::NotARegularFile => anyhow::anyhow!("{} is not a regular file", name.display()),
            CopyError::Read(error) | CopyError::Write(error) => {
                anyhow::Error::from(error).context(name.display().to_string())
            }
        })?;
    }
    Ok(())
}

fn unpack(from: &Path, to: &Path, stop: Stop<'_>) -> anyhow::Result<()> {
    let zip = Archive::open(from)?;
    let total = zip.members().iter().map(Member::size);
    anyhow::ensure!(
        total.fold(0, u64::saturating_add) <= LARGEST,
        "it unpacks to more than {} GiB",
        LARGEST >> 30
    );
    for member in zip.members() {
        if stop() {
            return Err(hash::stopped().into());
        }
        // The reader refuses names that lead out of a folder.
        let path = to.join(member.name());
        files::folders(path.parent().unwrap_or(to))?;
        let mode = if member.is_executable() { 0o755 } else { 0o644 };
        let written = files::create(&path, mode).and_then(|mut file| io::copy(&mut zip.content(member)?, &mut file));
        written.with_context(|| member.name().to_owned())?;
    }
    Ok(())
}

impl Bundle {
    /// What is in `folder`, and how it was called.
    pub fn of(folder: PathBuf, name: &str) -> Self {
        let index = files::read(&folder.join(INDEX), LARGEST_TEXT, Links::Refuse).ok();
        let index = index.and_then(|bytes| Index::parse(&bytes).ok());
        let (job, attempt) = index.map_or((None, None), |index| (index.subject.job, index.subject.run_attempt));
        let end = attempt.as_ref().map(|attempt| format!("-{attempt}"));
        let leg = end
            .and_then(|end| name.strip_suffix(&end))
            .filter(|leg| !leg.is_empty());
        Self {
            leg: leg.unwrap_or(name).to_owned(),
            name: name.to_owned(),
            folder,
            job,
            attempt: attempt.and_then(|attempt| attempt.parse().ok()).unwrap_or(0),
        }
    }
}

/// Of each leg that of the newest attempt, and a sentence about each other one. Two jobs are two legs, however they are called.
pub fn newest(bundles: Vec<Bundle>) -> (Vec<Bundle>, Vec<String>) {
    let (mut newest, mut notes) = (BTreeMap::<String, Bundle>::new(), Vec::new());
    for bundle in bundles {
        let same = newest.remove(&bundle.leg);
        let Some(other) = same else {
            newest.insert(bundle.leg.clone(), bundle);
            continue;
        };
        if other.job != bundle.job || other.attempt == bundle.attempt {
            for mut bundle in [other, bundle] {
                bundle.leg.clone_from(&bundle.name);
                newest.insert(bundle.name.clone(), bundle);
            }
            continue;
        }
        let (old, new) = match other.attempt < bundle.attempt {
            true => (other, bundle),
            false => (bundle, other),
        };
        notes.push(format!(
            "{} is of an earlier attempt than {}, and does not count.",
            old.name, new.name
        ));
        newest.insert(new.leg.clone(), new);
    }
    (newest.into_values().collect(), notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(name: &str, job: &str, attempt: &str) -> Bundle {
        let folder = tempfile::tempdir().unwrap();
        let index = serde_json::json!({
            "schema": "stageproof.evidence/v1", "tool": {"name": "stageproof", "version": "0"}, "started_at": "", "hashed_at": "",
            "packing": "", "total_bytes": 0, "files": [],
            "subject": {"environment": "staging", "job": job, "run_attempt": attempt},
        });
        std::fs::write(folder.path().join(INDEX), index.to_string()).unwrap();
        Bundle::of(folder.path().to_owned(), name)
    }

    #[test]
    fn a_leg_is_called_as_its_bundle_without_the_attempt() {
        for (name, attempt, leg) in [
            ("proof-eu-2", "2", "proof-eu"),
            ("proof-eu-2", "1", "proof-eu-2"),
            ("proof-12", "2", "proof-12"),
            ("proof", "1", "proof"),
            ("-1", "1", "-1"),
        ] {
            assert_eq!(bundle(name, "deploy", attempt).leg, leg, "{name}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(Bundle::of(empty.path().to_owned(), "proof-1").leg, "proof-1");
    }

    #[test]
    fn only_an_earlier_attempt_of_the_same_job_gives_way() {
        let of = |bundles: &[(&str, &str, &str)]| {
            let bundles = bundles.iter().map(|(name, job, attempt)| bundle(name, job, attempt));
            let (newest, notes) = newest(bundles.collect());
            let names: Vec<String> = newest.into_iter().map(|bundle| bundle.name).collect();
            (names.join(" "), notes.len())
        };
        let is = |names: &str, notes| (names.to_owned(), notes);
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let all = [("p-1", "a", "1"), ("p-10", "a", "10"), ("p-2", "a", "2")];
            assert_eq!(of(&order.map(|at| all[at])), is("p-10", 2), "{order:?}");
        }
        assert_eq!(
            of(&[("p-1", "a", "1"), ("p-2", "b", "2")]),
            is("p-1 p-2", 0),
            "two jobs"
        );
        assert_eq!(of(&[("p-1", "a", "1"), ("p", "a", "1")]), is("p p-1", 0), "one attempt");
    }

    #[test]
    fn a_folder_is_copied_with_its_rights_and_without_links() {
        use std::os::unix::fs::PermissionsExt as _;
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = from.path().join("a/run.sh");
        std::fs::create_dir(from.path().join("a")).unwrap();
        std::fs::write(&path, "x").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", from.path().join("link")).unwrap();
        let copy = to.path().join("copy");
        put(from.path(), &copy, &|| false).unwrap();
        let mode = std::fs::metadata(copy.join("a/run.sh")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(std::fs::read_dir(&copy).unwrap().count(), 1);
        assert!(put(from.path(), &to.path().join("stopped"), &|| true).is_err());
        assert!(put(&from.path().join("none"), &to.path().join("none"), &|| false).is_err());
    }
}
