//! Sealed evidence that is put into a folder, and which of several is the newest.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::archive::{Archive, Member};
use super::copy::{self, CopyError};
use super::files::{self, Links};
use super::hash::{self, Stop};
use super::paths;
use super::walk::{Kind, Step, walk};
use crate::model::Subject;
use crate::model::evidence::{INDEX, Index, LARGEST_TEXT};
use crate::model::text::is_hex;

/// Of its hash, in the name that `--store` gives a bundle: as many as tell all apart that a bucket ever has.
pub const DIGITS: usize = 12;
/// A zip may hold a thousand times its size.
const LARGEST: u64 = 32 << 30;

/// One that was put into a folder.
#[derive(Debug)]
pub struct Bundle {
    /// The name without the attempt that the bundle was sealed in, if it has that: the same for all attempts of a job.
    pub leg: String,
    /// With the attempt. No other has it.
    pub name: String,
    pub folder: PathBuf,
    job: Option<String>,
    /// Jobs of one matrix have the same `job`.
    matrix: Option<String>,
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
        let (subject, matrix) = index.map(|index| (index.subject, index.matrix)).unwrap_or_default();
        Self {
            leg: leg(name, &subject).unwrap_or_else(|| name.to_owned()),
            name: name.to_owned(),
            folder,
            job: subject.job,
            matrix,
            attempt: subject
                .run_attempt
                .and_then(|attempt| attempt.parse().ok())
                .unwrap_or(0),
        }
    }

    /// Whether both may be of one job in two attempts, and whether that is certain.
    fn other_attempt(&self, other: &Self) -> Option<bool> {
        let named = |bundle: &Self| bundle.leg != bundle.name;
        let may_be = named(self) && named(other) && self.leg == other.leg && self.attempt != other.attempt;
        let known = self.job.is_some() && self.matrix.is_some() && other.matrix.is_some();
        (may_be && self.job == other.job && (!known || self.matrix == other.matrix)).then_some(known)
    }
}

/// The name without the attempt, and without the hash if it is the one that `--store` made.
fn leg(name: &str, subject: &Subject) -> Option<String> {
    let attempt = subject.run_attempt.as_deref()?;
    let of_store = || {
        let (run, job) = (subject.run_id.as_deref()?, subject.job.as_deref()?);
        let (stem, hash) = name.rsplit_once(&format!("-{run}-{attempt}-{job}-"))?;
        (is_hex(hash, DIGITS) && !stem.is_empty()).then(|| format!("{stem}-{run}-{job}"))
    };
    let plain = name.strip_suffix(&format!("-{attempt}")).filter(|leg| !leg.is_empty());
    plain.map(str::to_owned).or_else(of_store)
}

/// All but those that a later attempt of the same job replaces, unless their whole name is `expect`ed; and a sentence about
/// each that is replaced or may have to be.
pub fn newest(bundles: Vec<Bundle>, expect: &[String]) -> (Vec<Bundle>, Vec<String>) {
    let mut notes = Vec::new();
    let mut is_replaced = |bundle: &Bundle| {
        let later = bundles.iter().filter(|other| other.attempt > bundle.attempt);
        let later = later.filter_map(|other| Some((bundle.other_attempt(other)?, other)));
        let Some((is_certain, other)) = later.max_by_key(|(is_certain, other)| (*is_certain, other.attempt)) else {
            return false;
        };
        let (old, new) = (&bundle.name, &other.name);
        if expect.contains(old) {
            return false;
        }
        notes.push(match is_certain {
            true => format!(
                "{old} is left out: {new} is of a later attempt of the same job, {}. If they are two jobs with this id, such as \
                 two calls of one reusable workflow, give their bundles names that do not end in a number.",
                bundle.job.as_deref().unwrap_or_default()
            ),
            false => format!(
                "{old} and {new} both count: one does not say of which job of a matrix it is. If {new} replaces {old}, name the \
                 bundles without {old}."
            ),
        });
        is_certain
    };
    let replaced: Vec<bool> = bundles.iter().map(&mut is_replaced).collect();
    let all = bundles.into_iter().zip(replaced);
    let mut newest: Vec<Bundle> = all
        .filter(|(_, replaced)| !replaced)
        .map(|(bundle, _)| bundle)
        .collect();
    newest.sort_by(|a, b| a.name.cmp(&b.name));
    (newest, notes)
}

/// Where each of these goes: to its name without the attempt, unless another one could go there, too.
pub fn places(bundles: &[Bundle]) -> Vec<&str> {
    let is_free = |name: &str| {
        let others = bundles.iter().filter(|other| other.leg == name || other.name == name);
        others.count() == 1
    };
    let names = bundles.iter().map(|bundle| [&*bundle.leg, &*bundle.name]);
    names.map(|[leg, name]| if is_free(leg) { leg } else { name }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(name: &str, job: &str, attempt: &str) -> Bundle {
        of_matrix(name, job, attempt, Some("none"))
    }

    fn of_matrix(name: &str, job: &str, attempt: &str, matrix: Option<&str>) -> Bundle {
        let folder = tempfile::tempdir().unwrap();
        let index = serde_json::json!({
            "schema": "stageproof.evidence/v1", "tool": {"name": "stageproof", "version": "0"}, "started_at": "", "hashed_at": "",
            "packing": "", "total_bytes": 0, "files": [], "matrix": matrix,
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
        let subject = Subject {
            run_id: Some("77".to_owned()),
            run_attempt: Some("2".to_owned()),
            job: Some("deploy".to_owned()),
            ..Subject::default()
        };
        let stored = |name| leg(name, &subject);
        assert_eq!(stored("e-77-2-deploy-0123456789ab").as_deref(), Some("e-77-deploy"));
        for other in [
            "e-77-1-deploy-0123456789ab",
            "e-77-2-deploy-0123456789xy",
            "-77-2-deploy-0123456789ab",
        ] {
            assert_eq!(stored(other), None, "{other}");
        }
        let empty = tempfile::tempdir().unwrap();
        assert_eq!(Bundle::of(empty.path().to_owned(), "proof-1").leg, "proof-1");
    }

    #[test]
    fn only_an_earlier_attempt_of_the_same_job_gives_way() {
        let of = |bundles: &[(&str, &str, &str)], expect: &[String]| {
            let bundles = bundles.iter().map(|(name, job, attempt)| bundle(name, job, attempt));
            let (newest, notes) = newest(bundles.collect(), expect);
            (places(&newest).join(" "), notes.len())
        };
        let is = |names: &str, notes| (names.to_owned(), notes);
        let all = [("p-1", "a", "1"), ("p-10", "a", "10"), ("p-2", "a", "2")];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            assert_eq!(of(&order.map(|at| all[at]), &[]), is("p", 2), "{order:?}");
        }
        assert_eq!(of(&all, &["p-1".to_owned()]), is("p-1 p-10", 1), "named in full");
        for (bundles, names, why) in [
            (&[("p-1", "a", "1"), ("p-2", "b", "2")][..], "p-1 p-2", "two jobs"),
            (&[("p-1", "a", "1"), ("p", "a", "1")], "p p-1", "one attempt"),
            (&[("p-1", "a", "1"), ("p-2", "a", "3")], "p p-2", "another number"),
            (
                &[("p-1-1", "a", "1"), ("p-1", "a", "1"), ("p", "a", "1")],
                "p p-1 p-1-1",
                "each could be called as another",
            ),
        ] {
            assert_eq!(of(bundles, &[]), is(names, 0), "{why}");
        }
    }

    /// All jobs of a matrix have the same GITHUB_JOB.
    #[test]
    fn a_shard_is_not_taken_for_an_attempt() {
        let of = |first: Option<&str>, second: Option<&str>| {
            let bundles = vec![
                of_matrix("e-1", "test", "1", first),
                of_matrix("e-2", "test", "2", second),
            ];
            let (newest, notes) = newest(bundles, &[]);
            (newest.len(), notes.concat())
        };
        assert_eq!(of(Some("x"), Some("y")), (2, String::new()));
        for unknown in [of(None, None), of(Some("x"), None), of(None, Some("x"))] {
            assert_eq!(unknown.0, 2);
            assert!(unknown.1.contains("e-1 and e-2 both count"), "{}", unknown.1);
        }
        let (left, notes) = of(Some("x"), Some("x"));
        assert!(
            left == 1 && notes.starts_with("e-1 is left out: e-2 is of a later attempt of the same job, test."),
            "{notes}"
        );
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
