//! What an earlier seal left. Others can write to its index, so no path in it is ever opened: only files that are found
//! in the folder of the copies are.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, bail};

use super::found::Found;
use super::gather::Gathered;
use super::rules::Rules;
use super::safe_name::is_made_from;
use crate::model::evidence::{COPIES, Entry, INDEX, Index, LARGEST_TEXT, MANIFEST, Masked, NotScanned, is_safe};
use crate::world::files::{self, Links};
use crate::world::hash::Hashed;
use crate::world::paths;
use crate::world::walk::{Kind, Step, walk};

/// Where every other subcommand puts its report.
const REPORTS: &str = "reports";

/// What the last seal left, which the next one may replace.
#[derive(Default)]
pub struct Earlier {
    /// Safe path to original path, for files in the evidence directory itself.
    originals: HashMap<String, String>,
    /// The copies it made, which the next seal keeps unless it makes the same ones again.
    copies: Vec<Entry>,
    /// Copies that it made and that are gone.
    gone: Vec<Entry>,
    pub redacted: Redacted,
}

/// What it masked, and what its files hash to since.
#[derive(Default)]
pub struct Redacted {
    pub hashes: HashMap<String, String>,
    pub masked: Vec<Masked>,
    pub not_scanned: Vec<NotScanned>,
}

impl Redacted {
    fn of(index: &Index) -> Self {
        let redaction = index.redaction.clone();
        let (masked, not_scanned) = redaction.map(|all| (all.masked, all.not_scanned)).unwrap_or_default();
        let listed: HashSet<&str> = masked
            .iter()
            .map(|one| &*one.path)
            .chain(not_scanned.iter().map(|one| &*one.path))
            .collect();
        let files = index.files.iter().filter(|file| listed.contains(&*file.path));
        Self {
            hashes: files.map(|file| (file.path.clone(), file.sha256.clone())).collect(),
            masked,
            not_scanned,
        }
    }
}

impl Earlier {
    /// What the file under this safe path was called.
    pub fn original(&self, path: &str) -> Option<String> {
        self.originals.get(path).cloned()
    }
}

/// Refuses a directory in which a seal would destroy files of others.
pub fn look_at_earlier(evidence_dir: &Path, workspace: &Path) -> anyhow::Result<Earlier> {
    let index = evidence_dir.join(INDEX);
    let copies = evidence_dir.join(COPIES);
    let Some(bytes) = files::read_if_there(&index, LARGEST_TEXT, Links::Refuse)? else {
        // Sealing takes in everything that is there; of a folder elsewhere that could be anything.
        let elsewhere = !paths::real_as_far_as_it_exists(evidence_dir).starts_with(paths::real(workspace)?);
        if elsewhere && !files::exists(&evidence_dir.join(REPORTS)) {
            bail!(
                "{} is outside the workspace and contains no reports of stageproof, so it may not be evidence; name \
                 the folder the other subcommands wrote to",
                evidence_dir.display()
            );
        }
        if paths::kind(&copies)?.is_some() {
            bail!(
                "{} exists, but this directory was never sealed: that folder is reserved for copies; rename it",
                copies.display()
            );
        }
        return Ok(Earlier::default());
    };
    let (known, redacted) = Index::parse(&bytes)
        .map_err(|error| error.to_string())
        .and_then(|index| {
            let redacted = Redacted::of(&index);
            Ok((known(index.files)?, redacted))
        })
        .map_err(|problem| {
            anyhow::anyhow!(
                "{} is not the index of an earlier seal ({problem}); move it away, or name another \
                 --evidence-dir",
                index.display()
            )
        })?;
    Ok(Earlier {
        redacted,
        ..sort_out(evidence_dir, known)?
    })
}

/// The entries by their paths. The error is what no seal would have written.
fn known(entries: Vec<Entry>) -> Result<HashMap<String, Entry>, String> {
    let mut known = HashMap::with_capacity(entries.len());
    for entry in entries {
        let path = &entry.path;
        let below_copies = path.strip_prefix(COPIES).and_then(|rest| rest.strip_prefix('/'));
        let name = below_copies.unwrap_or(path);
        let shown = path.escape_debug().to_string();
        if !is_safe(path) || path == INDEX || path == MANIFEST {
            return Err(format!("it lists `{shown}`, which no seal contains"));
        }
        if below_copies.is_some() != entry.copied {
            let what = if entry.copied { "outside of" } else { "as no copy in" };
            return Err(format!("it lists `{shown}` {what} {COPIES}/"));
        }
        if entry
            .original
            .as_deref()
            .is_some_and(|original| !is_made_from(name, original))
        {
            return Err(format!("it gives `{shown}` a wrong original name"));
        }
        if known.insert(entry.path.clone(), entry).is_some() {
            return Err(format!("it lists `{shown}` twice"));
        }
    }
    Ok(known)
}

/// Compares what is known with what is there.
fn sort_out(evidence_dir: &Path, mut known: HashMap<String, Entry>) -> anyhow::Result<Earlier> {
    let copies = evidence_dir.join(COPIES);
    let mut there = Vec::new();
    match paths::kind(&copies)? {
        None => {}
        Some(Kind::Folder) => {
            let troubles = walk(&copies, |path, kind| {
                if kind != Kind::Folder {
                    there.push((Path::new(COPIES).join(path), kind));
                }
                Step::In
            });
            if let Some(trouble) = troubles.first() {
                bail!("cannot read the folder {}: {}", trouble.path.display(), trouble.detail);
            }
        }
        Some(_) => bail!("{} is not a folder; remove it", copies.display()),
    }
    there.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let mut earlier = Earlier::default();
    for (path, kind) in there {
        let entry = path.to_str().and_then(|path| known.remove(path));
        match entry {
            Some(entry) if kind == Kind::File => earlier.copies.push(entry),
            _ => bail!(
                "{} was not put there by stageproof: that folder is reserved for copies; move it elsewhere in the \
                 evidence directory",
                evidence_dir.join(path).display()
            ),
        }
    }
    for entry in known.into_values() {
        if entry.copied {
            earlier.gone.push(entry);
        } else if let Some(original) = entry.original {
            earlier.originals.insert(entry.path, original);
        }
    }
    earlier.gone.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(earlier)
}

/// The copies of earlier seals that are not made anew, on their way into the new folder of the copies. Evidence that was
/// sealed once stays, unless it is excluded now, or its source is `too_large`: the copy may be of an earlier content.
pub fn keep_copies(
    dir: &Path,
    temporary: &Path,
    earlier: Earlier,
    (anew, too_large): (&[(Gathered, Hashed)], &HashSet<&str>),
    rules: &Rules<'_>,
    found: &mut Found,
) -> anyhow::Result<Vec<Gathered>> {
    let made: HashSet<&str> = anew.iter().map(|(file, _)| file.path.as_str()).collect();
    let stays = |entry: &Entry| {
        let path = Path::new(&entry.path);
        let source = path.strip_prefix(COPIES).unwrap_or(path);
        let is_too_large = match &entry.original {
            Some(original) => too_large.contains(original.as_str()),
            None => source.to_str().is_some_and(|source| too_large.contains(source)),
        };
        !made.contains(entry.path.as_str()) && !is_too_large && !rules.drops_copy(source)
    };
    for entry in earlier.gone.iter().filter(|entry| stays(entry)) {
        found.gone(&entry.path);
    }
    let mut kept = Vec::new();
    for entry in earlier.copies.into_iter().filter(stays) {
        let at = temporary.join(&entry.path);
        files::link_or_copy(&dir.join(&entry.path), &at)?;
        kept.push(Gathered {
            executable: paths::may_be_executed(&at).with_context(|| format!("cannot read {}", at.display()))?,
            path: entry.path,
            at,
            original: entry.original,
            named: true,
            hashed: None,
            sealed_as: Some(entry.sha256),
            is_clean: false,
            packed: None,
        });
    }
    Ok(kept)
}
