//! What the search for secrets came to: files to seal, findings, and what the index says.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::earlier::Redacted;
use super::found::{self, is_full, is_gone};
use super::gather::Gathered;
use crate::model::capped::Capped;
use crate::model::evidence::{Masked, NotScanned, Redact};
use crate::model::scan::{Found, Rule};
use crate::model::{Finding, Severity};
use crate::world::files;
use crate::world::hash::Hashed;
use crate::world::scan::{Masked as MaskedFile, Tally, Text};
use crate::world::stamp::Stamp;

/// Where things are.
pub struct Places<'a> {
    pub workspace: &'a Path,
    pub evidence_dir: &'a Path,
    /// The folder of this seal.
    pub temporary: &'a Path,
}

/// What became of a file.
pub enum Became {
    /// It is sealed as it is.
    Itself,
    Masked {
        at: PathBuf,
        hashed: Hashed,
        counts: BTreeMap<String, usize>,
    },
    Stub {
        at: PathBuf,
        hashed: Hashed,
        why: String,
    },
    /// It may hold anything.
    NotScanned(String, Vec<Finding>),
    NotMasked(String),
    /// It has a secret, and is in a bundle of this name that is sealed.
    InBundle(String),
}

/// One file.
pub struct One {
    pub shown: String,
    pub before: Hashed,
    stamp: Stamp,
    found: Vec<Finding>,
    more: usize,
    /// What matches its path alone, or that of a file in it.
    pub by_path: Vec<Finding>,
    pub forbidden: Vec<Finding>,
    pub became: Became,
}

impl One {
    pub fn new(shown: String, before: Hashed, stamp: Stamp, redact: Redact, texts: &[Text<'_>], most: usize) -> Self {
        let severity = match redact {
            Redact::Mask => Severity::Note,
            Redact::Fail | Redact::Off => Severity::Error,
        };
        let finding = |(path, found): (&str, &Found<'_>)| {
            let what = format!("{}, in column {}", found.rule.described(), found.column);
            let line = u32::try_from(found.line).ok();
            let mut finding = Finding::of_rule(found.rule.id.clone(), what).at(path, line);
            finding.severity = severity;
            finding
        };
        let all = texts
            .iter()
            .flat_map(|text| text.found.first.iter().map(|found| (text.path.as_str(), found)));
        let found: Vec<Finding> = all.take(most).map(finding).collect();
        let mut one = Self {
            more: texts.iter().map(|text| text.found.count()).sum::<usize>() - found.len(),
            found,
            forbidden: texts
                .iter()
                .flat_map(|text| forbidden(&text.path, &text.forbidden))
                .collect(),
            shown,
            before,
            stamp,
            by_path: Vec::new(),
            became: Became::Itself,
        };
        for text in texts {
            one.by_path(&text.path, text.by_path.iter().copied());
        }
        one
    }

    /// A path is enough for these rules.
    pub fn by_path<'r>(&mut self, path: &str, rules: impl Iterator<Item = &'r Rule>) {
        let finding = |rule: &Rule| Finding::of_rule(rule.id.clone(), rule.described()).at(path, None);
        self.by_path.extend(rules.map(finding));
    }

    pub fn masked(&mut self, masked: MaskedFile<'_>) {
        self.forbidden = forbidden(&self.shown, &masked.forbidden);
        self.became = Became::Masked {
            at: masked.at,
            hashed: masked.hashed,
            counts: masked
                .counts
                .into_iter()
                .map(|(rule, count)| (rule.to_owned(), count))
                .collect(),
        };
    }

    fn tell(&self, findings: &mut Capped) {
        let path = &self.shown;
        for finding in &self.found {
            let mut finding = finding.clone();
            if matches!(self.became, Became::Masked { .. }) {
                finding.message.push_str(", is masked");
            }
            findings.add(finding);
        }
        let severity = self.found.first().map_or(Severity::Note, |finding| finding.severity);
        findings.more(severity, self.more);
        for finding in &self.by_path {
            let mut finding = finding.clone();
            if matches!(self.became, Became::Stub { .. }) {
                finding.severity = Severity::Note;
            }
            findings.add(finding);
        }
        for finding in &self.forbidden {
            findings.add(finding.clone());
        }
        match &self.became {
            Became::Itself | Became::Masked { .. } => {}
            Became::Stub { why, .. } => {
                findings.add(Finding::note("stub", format!("{path} is replaced by a stub: {why}")));
            }
            Became::NotScanned(_, all) => all.iter().for_each(|finding| findings.add(finding.clone())),
            Became::InBundle(bundle) => findings.add(
                Finding::error(
                    "secret-in-bundle",
                    format!("the bundle {bundle} holds a secret, in {path}"),
                )
                .help("mask it where that bundle is sealed (see --mask-env): a bundle that is sealed is not changed"),
            ),
            Became::NotMasked(why) => findings.add(
                Finding::error("not-masked", format!("{path} cannot be masked: {why}"))
                    .help("exclude it, or add an allowlist to a rule file (--rules)"),
            ),
        }
    }
}

fn forbidden(shown: &str, tally: &Tally<'_>) -> Vec<Finding> {
    let finding = |found: &Found<'_>| {
        let line = u32::try_from(found.line).ok();
        Finding::error(
            "forbidden",
            format!("{}, in column {}", found.rule.described(), found.column),
        )
        .at(shown, line)
    };
    tally.first.iter().map(finding).collect()
}

/// All files.
#[derive(Default)]
pub struct Scrubbed {
    /// With what is sealed of each.
    pub files: Vec<(Gathered, Hashed)>,
    pub unreadable: Vec<(Gathered, anyhow::Error)>,
    pub findings: Capped,
    /// Secrets in paths, which other findings may name.
    pub hidden: Vec<String>,
    pub masked: Vec<Masked>,
    pub not_scanned: Vec<NotScanned>,
    /// Files under other names than those they are sealed under.
    pub replaced: Vec<PathBuf>,
    /// Files in the evidence directory that masked ones will replace, as they were.
    pub originals: Vec<(String, PathBuf, Stamp)>,
    pub secrets: usize,
}

impl Scrubbed {
    pub fn of(gathered: Vec<Gathered>, looked: Vec<anyhow::Result<One>>, places: &Places<'_>) -> anyhow::Result<Self> {
        let mut all = Self::default();
        for (mut file, looked) in gathered.into_iter().zip(looked) {
            let one = match looked {
                Ok(one) => one,
                Err(error) if is_full(&error) => {
                    let folder = places.temporary.display();
                    return Err(error)
                        .with_context(|| format!("cannot write a masked copy of {} in {folder}", file.path));
                }
                Err(error) => {
                    all.unreadable.push((file, error));
                    continue;
                }
            };
            one.tell(&mut all.findings);
            let path = file.path.clone();
            file.hashed = Some(one.before);
            let mut hashed = one.before;
            match one.became {
                Became::Itself | Became::NotMasked(_) | Became::InBundle(_) => {}
                Became::NotScanned(why, _) => all.not_scanned.push(NotScanned {
                    path,
                    reason: why,
                    stub: false,
                }),
                Became::Masked {
                    at,
                    hashed: masked,
                    counts,
                } => {
                    for (rule, count) in counts {
                        all.secrets += count;
                        all.masked.push(Masked {
                            path: path.clone(),
                            rule,
                            count: count as u64,
                        });
                    }
                    hashed = masked;
                    all.replace(&mut file, at, one.stamp, places.evidence_dir)?;
                }
                Became::Stub { at, hashed: stub, why } => {
                    all.not_scanned.push(NotScanned {
                        path,
                        reason: why,
                        stub: true,
                    });
                    hashed = stub;
                    all.replace(&mut file, at, one.stamp, places.evidence_dir)?;
                }
            }
            all.files.push((file, hashed));
        }
        Ok(all)
    }

    /// A copy is ours, and is replaced now. What is in the evidence directory is replaced when everything is put in place.
    fn replace(&mut self, file: &mut Gathered, by: PathBuf, stamp: Stamp, dir: &Path) -> anyhow::Result<()> {
        if file.named {
            return files::rename(&by, &file.at);
        }
        let was = std::mem::replace(&mut file.at, by);
        if was != dir.join(&file.path) {
            self.replaced.push(was.clone());
        }
        self.originals.push((file.path.clone(), was, stamp));
        Ok(())
    }

    /// What an earlier seal masked and nobody changed since is masked still.
    pub fn remember(&mut self, earlier: Redacted) {
        let is_same = |(file, hashed): &&(Gathered, Hashed)| {
            earlier
                .hashes
                .get(&file.path)
                .is_some_and(|sha256| *sha256 == hashed.hex())
        };
        let same: HashSet<&str> = self.files.iter().filter(is_same).map(|(file, _)| &*file.path).collect();
        self.masked
            .extend(earlier.masked.into_iter().filter(|one| same.contains(&*one.path)));
        let not_scanned = earlier
            .not_scanned
            .into_iter()
            .filter(|one| one.stub && same.contains(&*one.path));
        self.not_scanned.extend(not_scanned);
        self.masked.sort_by(|a, b| (&a.path, &a.rule).cmp(&(&b.path, &b.rule)));
        self.not_scanned.sort_by(|a, b| a.path.cmp(&b.path));
    }

    /// What cannot be read is left out, and is an error.
    pub fn tell_unreadable(&mut self, found: &mut found::Found) {
        for (file, error) in self.unreadable.drain(..) {
            // The name it had would be known to nobody, as the next index does not list the file.
            let name = file.original.map(|name| format!(" (its name was {name})"));
            let detail = format!("{error:#}{}", name.unwrap_or_default());
            let is_gone = error.downcast_ref().is_some_and(is_gone);
            found.unreadable(&file.path, &detail, is_gone);
        }
    }
}
