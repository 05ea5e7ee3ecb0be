//! What is wrong with the evidence, by name.

use std::collections::{HashMap, HashSet};

use super::sealed::{Listing, Sealed};
use super::wrong;
use crate::model::capped::Capped;
use crate::model::evidence::{INDEX, Index, MANIFEST};
use crate::model::manifest::{self, Line};
use crate::model::{Fact, Finding, text};
use crate::world::hash::{Hashed, Stop};

/// A manifest that was read.
pub struct Manifest {
    pub bytes: Vec<u8>,
    pub lines: Vec<Line>,
}

/// Reads the manifest. `None` if there is none that could be compared with anything.
pub fn manifest(sealed: &Sealed, listing: &Listing) -> (Option<Manifest>, Capped) {
    let mut findings = Capped::default();
    let Some(number) = listing.files.get(MANIFEST) else {
        let inner = listing.files.keys().find(|path| path.ends_with(".zip"));
        let help = match inner {
            Some(zip) => format!("it contains {zip}: verify that"),
            None => "give what evidence-bundle sealed: the evidence directory itself, or its zip".to_owned(),
        };
        findings.add(
            wrong(
                "no-manifest",
                format!("there is no {MANIFEST}, so nothing can be verified"),
            )
            .help(help),
        );
        return (None, findings);
    };
    let bytes = match sealed.read(MANIFEST, *number) {
        Ok(bytes) => bytes,
        Err(error) => {
            findings.add(wrong("unreadable", format!("{MANIFEST} cannot be read: {error:#}")));
            return (None, findings);
        }
    };
    let (lines, bad) = manifest::parse(&bytes);
    if lines.is_empty() && bad.is_empty() {
        findings.add(wrong(
            "empty-manifest",
            format!("{MANIFEST} lists no files, so nothing is proven"),
        ));
    }
    for line in bad {
        let message = format!("{MANIFEST}, line {}: {}", line.number, line.message);
        findings.add(wrong(line.code, message).at(MANIFEST, Some(line.number)));
    }
    (Some(Manifest { bytes, lines }), findings)
}

/// Compares names.
pub fn presence(manifest: &Manifest, listing: &Listing) -> Capped {
    let mut findings = Capped::default();
    for finding in &listing.findings {
        findings.add(finding.clone());
    }
    let listed: HashSet<&str> = manifest.lines.iter().map(|line| line.path.as_str()).collect();
    for line in &manifest.lines {
        if !listing.files.contains_key(&line.path) {
            findings.add(wrong("missing", format!("{} is listed but missing", line.path)));
        }
    }
    let mut unlisted: Vec<&str> = listing.files.keys().map(String::as_str).collect();
    unlisted.retain(|path| *path != MANIFEST && !listed.contains(path));
    unlisted.sort_unstable();
    for path in unlisted {
        let shown = text::one_line(path);
        findings.add(wrong(
            "unlisted",
            format!("{shown} exists but is not listed in {MANIFEST}"),
        ));
    }
    if listed.contains(MANIFEST) {
        findings.add(wrong(
            "unsafe-path",
            format!("{MANIFEST} lists itself, which is impossible"),
        ));
    }
    findings
}

/// What hashing gave.
pub struct Hashes {
    pub findings: Capped,
    /// Bytes of every listed file that could be read, in the order of the manifest.
    pub sizes: Vec<Option<u64>>,
}

/// Compares contents.
pub fn hash(sealed: &Sealed, manifest: &Manifest, listing: &Listing, stop: Stop<'_>) -> Hashes {
    let (places, there): (Vec<usize>, Vec<(&Line, usize)>) = manifest
        .lines
        .iter()
        .enumerate()
        .filter_map(|(place, line)| Some((place, (line, *listing.files.get(&line.path)?))))
        .unzip();
    let mut hashes = Hashes {
        findings: Capped::default(),
        sizes: vec![None; manifest.lines.len()],
    };
    for (place, result) in places.into_iter().zip(sealed.hash(&there, stop)) {
        let line = &manifest.lines[place];
        match result {
            Ok(Hashed { sha256, size }) => {
                hashes.sizes[place] = Some(size);
                if sha256 != line.sha256 {
                    let message = format!(
                        "{} has changed: its sha256 is {} and should be {}",
                        line.path,
                        hex::encode(sha256),
                        hex::encode(line.sha256)
                    );
                    hashes.findings.add(wrong("changed", message));
                }
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", line.path);
                hashes.findings.add(wrong("unreadable", message));
            }
        }
    }
    hashes
}

/// Reads the index, if there is one that is listed. What is wrong with it otherwise is a finding.
pub fn read_index(sealed: &Sealed, manifest: &Manifest, listing: &Listing) -> Result<Option<Index>, Box<Finding>> {
    let is_listed = manifest.lines.iter().any(|line| line.path == INDEX);
    let number = match (is_listed, listing.files.get(INDEX)) {
        (true, Some(number)) => *number,
        // What is listed and missing, or there and unlisted, was reported as such.
        (true, None) | (false, Some(_)) => return Ok(None),
        (false, None) if sealed.zip().is_some() => {
            let message = format!("there is no {INDEX}, which every sealed zip contains");
            return Err(Box::new(wrong("no-index", message)));
        }
        (false, None) => {
            let message =
                format!("there is no {INDEX}, so the run, the files left out and the original file names are unknown");
            let finding = Finding::warning("no-index", message);
            return Err(Box::new(finding.help("seal it with stageproof evidence-bundle")));
        }
    };
    sealed
        .read(INDEX, number)
        .and_then(|bytes| Ok(Index::parse(&bytes)?))
        .map(Some)
        .map_err(|error| Box::new(wrong("index-unreadable", format!("{INDEX} cannot be used: {error:#}"))))
}

/// Compares the index with the manifest and the rights in the zip, and tells what it says about the run.
pub fn index(
    read: Result<Option<Index>, Box<Finding>>,
    sealed: &Sealed,
    manifest: &Manifest,
    sizes: &[Option<u64>],
) -> (Capped, Vec<Fact>) {
    let mut findings = Capped::default();
    let index = match read {
        Ok(Some(index)) => index,
        Ok(None) => return (findings, Vec::new()),
        Err(finding) => {
            findings.add(*finding);
            return (findings, Vec::new());
        }
    };
    let lines = manifest.lines.iter().enumerate();
    let listed: HashMap<&str, usize> = lines.map(|(place, line)| (line.path.as_str(), place)).collect();
    let mut seen = HashSet::new();
    for entry in &index.files {
        let path = text::one_line(&entry.path);
        let problem = if !seen.insert(entry.path.as_str()) {
            Some(format!("{INDEX} lists {path} twice"))
        } else {
            match listed.get(entry.path.as_str()) {
                None => Some(format!("{INDEX} lists {path}, which {MANIFEST} does not")),
                Some(place) if hex::encode(manifest.lines[*place].sha256) != entry.sha256 => {
                    Some(format!("{INDEX} and {MANIFEST} give {path} different hashes"))
                }
                Some(place) => sizes[*place]
                    .filter(|size| *size != entry.size)
                    .map(|size| format!("{path} has {size} bytes, and {INDEX} says it has {}", entry.size)),
            }
        };
        if let Some(problem) = problem {
            findings.add(wrong("index-disagrees", problem));
        }
    }
    for line in &manifest.lines {
        if line.path != INDEX && !seen.contains(line.path.as_str()) {
            let message = format!("{MANIFEST} lists {}, which {INDEX} does not", line.path);
            findings.add(wrong("index-disagrees", message));
        }
    }
    let total = index
        .files
        .iter()
        .fold(0u64, |sum, entry| sum.saturating_add(entry.size));
    if total != index.total_bytes {
        let said = index.total_bytes;
        let message = format!("the files in {INDEX} add up to {total} bytes, but it claims {said}");
        findings.add(wrong("index-disagrees", message));
    }
    if let Some(zip) = sealed.zip() {
        let listed = index.files.iter().filter(|entry| entry.executable);
        let executable: HashSet<&str> = listed.map(|entry| entry.path.as_str()).collect();
        for member in zip.members() {
            if member.is_executable() != executable.contains(member.name()) {
                let is = if member.is_executable() { "is" } else { "is not" };
                let message = format!(
                    "{} {is} executable in the zip, and {INDEX} says otherwise",
                    member.name()
                );
                findings.add(wrong("index-disagrees", message));
            }
        }
    }
    (findings, facts(index))
}

fn facts(index: Index) -> Vec<Fact> {
    let subject = index.subject;
    let known = [
        ("repository", subject.repository),
        ("commit", subject.sha),
        ("ref", subject.git_ref),
        ("run", subject.run_id),
        ("attempt", subject.run_attempt),
        ("job", subject.job),
        ("environment", Some(subject.environment)),
        ("sealed at", Some(index.started_at)),
        ("sealed by", Some(format!("{} {}", index.tool.name, index.tool.version))),
    ];
    let known = known
        .into_iter()
        .filter_map(|(name, value)| Some(Fact::new(name, text::one_line(&value?))));
    known.collect()
}
