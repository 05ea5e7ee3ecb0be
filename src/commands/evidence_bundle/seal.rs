//! Hashing, indexing, packing, and putting everything in place.
//!
//! Nothing that is in the evidence directory is touched before the new seal is whole. Then come renames and nothing
//! else: index, copies, safe names, manifest, zip. A kill between them leaves a directory that the next seal repairs, and
//! an index that knows every original name; the zip is always a whole one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Plan;
use super::attest;
use super::earlier;
use super::found::{Found, is_gone};
use super::gather::{self, Gathered};
use super::index;
use super::inventory::{self, Tidied};
use super::rules::Rules;
use super::scrub::{self, NoScrub, Scrubber};
use super::scrubbed::{Places, Scrubbed};
use super::select::{Selection, select};
use crate::model::Finding;
use crate::model::capped::Capped;
use crate::model::cores;
use crate::model::evidence::{COPIES, INDEX, LARGEST_TEXT, MANIFEST, Redaction, SEALING};
use crate::model::scan::RuleFileError;
use crate::world::archive::{self, Content, Item, PackError};
use crate::world::files::{self, Links};
use crate::world::hash::{self, Folder, Hashed, Stop};
use crate::world::stamp::Stamp;
use crate::world::walk::Kind;
use crate::world::{World, paths};

/// Why there is no bundle.
pub enum Halt {
    /// A file is not what its hash was taken of.
    Changed(String),
    /// Copies are not what an earlier seal made of them.
    ChangedSince(Capped),
    /// Secrets that must not be sealed, and those of them that are in paths.
    Secrets(Capped, Vec<String>),
    /// The rules for secrets cannot be used.
    Rules(RuleFileError),
    /// Another process is sealing the same directory.
    Busy,
    /// The index or the manifest is larger than what `verify` reads.
    TooMany(&'static str),
    Failed(anyhow::Error),
    /// By a signal.
    Stopped(&'static str),
}

impl From<anyhow::Error> for Halt {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<NoScrub> for Halt {
    fn from(error: NoScrub) -> Self {
        match error {
            NoScrub::Rules(error) => Self::Rules(error),
            NoScrub::Failed(error) => Self::Failed(error),
        }
    }
}

/// Hashed and indexed, in a temporary folder; nothing is in place yet.
pub struct Ready {
    files: Vec<(Gathered, Hashed)>,
    /// The index and the manifest, in the temporary folder.
    texts: [(&'static str, PathBuf, Hashed); 2],
    replaced: Vec<PathBuf>,
    /// Files that masked ones replace, as they were.
    originals: Vec<(String, PathBuf, Stamp)>,
    odd_folders: Vec<PathBuf>,
    temporary: files::TemporaryFolder,
    /// Released when everything is in place, or by the end of the process.
    _claim: files::Claim,
    pub bytes: u64,
    pub manifest_sha256: String,
    /// What was found in the search for secrets, if there was one, and how many were masked.
    pub searched: Option<(Capped, usize)>,
}

impl Ready {
    /// The paths of all files but the index and the manifest.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(file, _)| file.path.as_str())
    }

    /// Files in the manifest.
    pub fn count(&self) -> usize {
        self.files.len() + 1
    }
}

/// The zip that is in place.
pub struct Bundle {
    pub size: u64,
    pub sha256: String,
    /// The hash of another one that it replaced.
    pub replaced: Option<String>,
}

/// Selects, copies, hashes and indexes. `None` if there is nothing to seal.
pub fn prepare(
    plan: &Plan,
    world: &World,
    selection: &mut Selection,
    found: &mut Found,
    stop: Stop<'_>,
) -> Result<Option<Ready>, Halt> {
    let started_at = plan.clock.rfc3339();
    let dir = &plan.evidence_dir;
    let claim = files::claim(dir)?.ok_or(Halt::Busy)?;
    refuse_output(&plan.output, dir)?;
    attest::refuse_others(&plan.output)?;
    let rules = Rules::new(&plan.workspace, dir, &plan.output, &plan.exclude)
        .with_context(|| format!("cannot read the workspace {}", plan.workspace.display()))?;
    let mut earlier = earlier::look_at_earlier(dir, &plan.workspace)?;
    *selection = select(&plan.files, plan.hidden, &rules, &|| stop());
    halt_if_stopped(world)?;
    if let Some(most) = plan.max_size {
        selection.fit(most);
    }
    let temporary = files::temporary_folder(dir, SEALING, 0o755)?;
    let places = Places {
        workspace: &plan.workspace,
        evidence_dir: dir,
        temporary: temporary.path(),
    };
    let prepared = plan.scrub.is_needed().then(|| plan.scrub.prepare()).transpose()?;
    let scrubber = prepared.as_ref();
    let scrubber = scrubber.map(|prepared| Scrubber::new(&plan.scrub, prepared, world, &places, stop));
    let scrubber = scrubber.transpose()?;
    let staged = temporary.path().join(COPIES);
    let copying = world.progress.doing(&format!(
        "copying {} into {}",
        count(selection.sources.len()),
        dir.display()
    ));
    let is_clean = |file: &Gathered, content: &[u8]| {
        let scrubber = scrubber.as_ref();
        scrubber.is_none_or(|scrubber| scrubber.is_clean(file, content))
    };
    let mut copies = if_not_stopped(world, gather::copy_in(selection, &staged, is_clean, stop))?;
    drop(copying);
    let tidied = inventory::tidy(dir, temporary.path(), &rules, &earlier, found, stop);
    let Tidied {
        files: mut gathered,
        mut replaced,
        odd_folders,
    } = if_not_stopped(world, tidied)?;
    let redacted = std::mem::take(&mut earlier.redacted);
    let too_large = selection.too_large();
    let kept = earlier::keep_copies(dir, temporary.path(), earlier, (&copies, &too_large), &rules, found)?;
    let unclean = copies.extract_if(.., |(file, _)| !file.is_clean);
    gathered.extend(unclean.map(|(file, _)| file));
    gathered.extend(kept);
    // There can be very many, so they stay in the list that they are in.
    let mut clean = copies;
    let all = gathered.len() + clean.len();
    if all == 0 {
        return Ok(None);
    }
    let doing = if scrubber.is_some() {
        "scanning and hashing"
    } else {
        "hashing"
    };
    let hashing = world.progress.doing(&format!("{doing} {}", count(all)));
    let mut scrubbed = if let Some(scrubber) = &scrubber {
        let patterns = selection.patterns.iter().flat_map(|pattern| &pattern.found.left_out);
        let left_out: Vec<&str> = patterns
            .chain(&found.left_out)
            .flat_map(|one| [Some(&*one.path), one.detail.as_deref()])
            .flatten()
            .collect();
        let scrubbed = scrubber.scrub(gathered, &clean, &left_out);
        halt_if_stopped(world)?;
        scrubbed?
    } else {
        Scrubbed {
            files: if_not_stopped(world, hash_all(dir, gathered, found, stop))?,
            ..Scrubbed::default()
        }
    };
    drop(hashing);
    clean.append(&mut scrubbed.files);
    scrubbed.files = clean;
    scrubbed.tell_unreadable(found);
    if scrubbed.findings.fails() {
        return Err(Halt::Secrets(scrubbed.findings, scrubbed.hidden));
    }
    scrubbed.remember(redacted);
    let mut hashed = scrubbed.files;
    replaced.extend(scrubbed.replaced);
    hashed.sort_unstable_by(|(a, _), (b, _)| a.path.cmp(&b.path));
    refuse_changed_copies(&hashed)?;
    let bytes = hashed.iter().map(|(_, hashed)| hashed.size).sum();
    let redaction = Redaction {
        mode: plan.scrub.redact,
        rules: plan.scrub.rules(),
        masked: scrubbed.masked,
        not_scanned: scrubbed.not_scanned,
    };
    let left_out = index::left_out(selection, found);
    let [index, manifest] = index::write(temporary.path(), plan, started_at, &hashed, bytes, left_out, redaction)?;
    for (name, text) in [(INDEX, &index), (MANIFEST, &manifest)] {
        if text.size > LARGEST_TEXT {
            return Err(Halt::TooMany(name));
        }
    }
    Ok(Some(Ready {
        bytes: bytes + index.size,
        manifest_sha256: manifest.hex(),
        files: hashed,
        texts: [(INDEX, index), (MANIFEST, manifest)].map(|(name, text)| (name, temporary.path().join(name), text)),
        replaced,
        originals: scrubbed.originals,
        odd_folders,
        temporary,
        _claim: claim,
        searched: plan.scrub.is_needed().then_some((scrubbed.findings, scrubbed.secrets)),
    }))
}

/// Packs, then puts the index, the copies, the manifest and the zip in place.
pub fn finish(plan: &Plan, world: &World, ready: Ready, stop: Stop<'_>) -> Result<Bundle, Halt> {
    let _packing = world
        .progress
        .doing(&format!("packing {} ({} bytes)", count(ready.count()), ready.bytes));
    let mut zip = files::temporary_beside(&plan.output)?;
    let wrong = || format!("cannot write {}", plan.output.display());
    match archive::pack(&items(&ready), zip.as_file_mut(), cores::count(), stop) {
        Ok(()) => {}
        Err(PackError::Changed { name }) => return Err(Halt::Changed(name)),
        Err(PackError::Stopped) => return Err(stopped(world)),
        Err(error @ PackError::Read { .. }) => return Err(anyhow::Error::new(error).into()),
        Err(PackError::Write(error)) => return Err(anyhow::Error::new(error).context(wrong()).into()),
    }
    // Against a kill a rename is enough; waiting for the disk could take longer than a cancelled job has.
    zip.as_file_mut().flush().with_context(wrong)?;
    let hashed = hash::hash_file(zip.path(), stop);
    halt_if_stopped(world)?;
    let hashed = hashed.with_context(|| format!("cannot read back {}", plan.output.display()))?;
    // What was appended since would be lost.
    if let Some((name, ..)) = ready
        .originals
        .iter()
        .find(|(_, at, stamp)| !scrub::is_unchanged(at, stamp))
    {
        return Err(Halt::Changed(name.clone()));
    }
    let before = match files::exists(&plan.output) {
        true => hash::hash_file(&plan.output, stop).ok().map(|before| before.hex()),
        false => None,
    };
    halt_if_stopped(world)?;
    put_in_place(&plan.evidence_dir, &ready)?;
    zip.persist()?;
    let sha256 = hashed.hex();
    Ok(Bundle {
        size: hashed.size,
        replaced: before.filter(|before| *before != sha256),
        sha256,
    })
}

/// A kept copy that was changed would be sealed under the name of the evidence that it replaced.
fn refuse_changed_copies(hashed: &[(Gathered, Hashed)]) -> Result<(), Halt> {
    let mut findings = Capped::default();
    for (file, sealed) in hashed {
        let Some(before) = &file.sealed_as else { continue };
        // As it was before masking.
        let (path, now) = (&file.path, file.hashed.as_ref().unwrap_or(sealed).hex());
        if *before != now {
            let message = format!("{path} was changed after it was sealed: its sha256 is {now} and was {before}");
            findings.add(Finding::error("changed-since-sealed", message).help(
                "name the file it was copied from to copy it again, or remove it; the earlier bundle is unchanged",
            ));
        }
    }
    if findings.fails() {
        Err(Halt::ChangedSince(findings))
    } else {
        Ok(())
    }
}

/// A rename would also replace a device or a link, and a zip in the directory would be in no manifest.
fn refuse_output(output: &Path, evidence_dir: &Path) -> anyhow::Result<()> {
    anyhow::ensure!(
        !paths::contains(evidence_dir, output),
        "--output {} is inside the evidence directory, but the zip cannot contain itself",
        output.display()
    );
    let there = paths::kind(output).with_context(|| format!("cannot read {}", output.display()))?;
    anyhow::ensure!(
        matches!(there, None | Some(Kind::File)),
        "--output {} exists and is not a regular file",
        output.display()
    );
    let head = match there {
        Some(_) => {
            files::head(output, 2, Links::Refuse).with_context(|| format!("cannot read {}", output.display()))?
        }
        None => Vec::new(),
    };
    anyhow::ensure!(
        head.is_empty() || head == b"PK",
        "--output {} exists and is not a zip; name another file, or remove it",
        output.display()
    );
    Ok(())
}

fn hash_all(
    dir: &Path,
    gathered: Vec<Gathered>,
    found: &mut Found,
    stop: Stop<'_>,
) -> anyhow::Result<Vec<(Gathered, Hashed)>> {
    let (copies, own): (Vec<_>, Vec<_>) = gathered.into_iter().partition(|file| file.hashed.is_some());
    let folder = Folder::open(dir).with_context(|| format!("cannot open {}", dir.display()))?;
    let paths: Vec<PathBuf> = own
        .iter()
        .map(|file| file.at.strip_prefix(dir).unwrap_or(&file.at).to_owned())
        .collect();
    let mut hashed = Vec::with_capacity(own.len() + copies.len());
    for (file, result) in own.into_iter().zip(folder.hash_all(&paths, stop)) {
        match result {
            Ok(result) => hashed.push((file, result)),
            // The name it had would be known to nobody, as the next index does not list the file.
            Err(error) => {
                let name = file.original.map(|name| format!(" (its name was {name})"));
                let detail = format!("{error}{}", name.unwrap_or_default());
                found.unreadable(&file.path, &detail, is_gone(&error));
            }
        }
    }
    hashed.extend(
        copies
            .into_iter()
            .filter_map(|file| file.hashed.map(|hashed| (file, hashed))),
    );
    Ok(hashed)
}

fn items(ready: &Ready) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = ready
        .files
        .iter()
        .map(|(file, hashed)| Item {
            name: &file.path,
            content: file.packed.as_ref().map_or(Content::File(&file.at), Content::Packed),
            size: hashed.size,
            sha256: hashed.sha256,
            executable: file.executable,
        })
        .collect();
    items.extend(ready.texts.iter().map(|(name, at, hashed)| Item {
        name,
        content: Content::File(at),
        size: hashed.size,
        sha256: hashed.sha256,
        executable: false,
    }));
    items.sort_unstable_by(|a, b| a.name.cmp(b.name));
    items
}

/// The index comes first: it says that the folder of the copies is ours and what everything was called, which lets the
/// next seal go on from here even if this one is killed.
fn put_in_place(dir: &Path, ready: &Ready) -> anyhow::Result<()> {
    let temporary = ready.temporary.path();
    files::rename(&temporary.join(INDEX), &dir.join(INDEX))?;
    let copies = dir.join(COPIES);
    if paths::kind(&copies)?.is_some() {
        files::rename(&copies, &temporary.join("earlier"))?;
    }
    if ready.files.iter().any(|(file, _)| file.named) {
        files::rename(&temporary.join(COPIES), &copies)?;
    }
    for (file, _) in ready.files.iter().filter(|(file, _)| !file.named) {
        let to = dir.join(&file.path);
        if file.at != to {
            files::rename(&file.at, &to)?;
        }
    }
    for link in &ready.replaced {
        files::remove(link)?;
    }
    for folder in ready.odd_folders.iter().rev() {
        files::remove_if_empty(&dir.join(folder));
    }
    files::rename(&temporary.join(MANIFEST), &dir.join(MANIFEST))
}

fn count(files: usize) -> String {
    crate::model::text::count(files, "file")
}

fn stopped(world: &World) -> Halt {
    Halt::Stopped(world.interrupt.received().unwrap_or("a signal"))
}

fn halt_if_stopped(world: &World) -> Result<(), Halt> {
    match world.interrupt.received() {
        Some(signal) => Err(Halt::Stopped(signal)),
        None => Ok(()),
    }
}

/// What was cut short by a signal fails in all sorts of ways; the signal is the reason.
fn if_not_stopped<T>(world: &World, result: anyhow::Result<T>) -> Result<T, Halt> {
    halt_if_stopped(world)?;
    Ok(result?)
}
