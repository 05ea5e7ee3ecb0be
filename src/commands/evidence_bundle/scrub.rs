//! What is searched for secrets before it is sealed, and what becomes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;

use super::gather::Gathered;
use super::scrubbed::{Became, One, Places, Scrubbed};
use crate::model::Finding;
use crate::model::capped::Capped;
use crate::model::cores;
use crate::model::evidence::{COPIES, Redact, decode_path};
use crate::model::scan::{Found, Personal, RuleFileError, RuleSet, Scan, Unscannable};
use crate::world::files::{self, Links};
use crate::world::hash::{Folder, Hashed, Stop};
use crate::world::scan::{
    Form, Key, Looked, Mask, NotMasked, Search, Tally, Text, Wanted, look_and_hash, look_at, look_in_memory,
    look_inside,
};
use crate::world::secrets::Secret;
use crate::world::stamp::Stamp;
use crate::world::unpack::{Closed, is_archive, may_be_archive};
use crate::world::{World, paths, random, workspace};

/// Findings that are kept until all files were searched; of many files with many findings, memory would be full.
const MOST_FINDINGS: usize = 20_000;

/// How the text begins that is sealed in place of a file.
const STUB: &str = "stageproof sealed this text in place of a file";
/// It holds a path.
const LARGEST_STUB: u64 = 8 << 10;

/// What is done about secrets.
#[derive(Clone, Default)]
pub struct Scrub {
    pub redact: Redact,
    pub wanted: Wanted,
    pub unscannable: Unscannable,
    /// Patterns that must not occur in what is sealed.
    pub forbidden: Option<Arc<RuleSet>>,
    /// What the tags of placeholders are made with. Without one they differ from bundle to bundle.
    pub key: Option<Secret>,
    /// The folder of bundles that are sealed already, in the evidence directory. Nothing in it may be changed.
    pub sealed: Option<&'static str>,
}

impl Scrub {
    pub fn is_needed(&self) -> bool {
        self.redact != Redact::Off || self.forbidden.is_some()
    }

    /// What the index says of the rules.
    pub fn rules(&self) -> Option<String> {
        let name = |file: &PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rules = self.wanted.file.as_ref().map_or_else(|| "built-in".to_owned(), name);
        let personal: Vec<&str> = self.wanted.personal.iter().copied().map(Personal::name).collect();
        (self.redact != Redact::Off).then(|| match personal.is_empty() {
            true => rules,
            false => format!("{rules}, {}", personal.join(", ")),
        })
    }
}

/// Why the files were not searched.
pub enum NoScrub {
    Rules(RuleFileError),
    Failed(anyhow::Error),
}

/// The rules, and what the tags of placeholders are made with.
pub struct Prepared {
    rules: RuleSet,
    key: Key,
}

impl Scrub {
    pub fn prepare(&self) -> Result<Prepared, NoScrub> {
        let rules = match self.redact {
            Redact::Off => RuleSet::new(Vec::new(), Vec::new())
                .map_err(anyhow::Error::msg)
                .map_err(NoScrub::Failed)?,
            Redact::Mask | Redact::Fail => self.wanted.load().map_err(NoScrub::Rules)?,
        };
        let key = match &self.key {
            Some(key) => Key::new(key.reveal().as_bytes()),
            None => random::token().and_then(|token| Key::new(token.as_bytes())),
        };
        let key = key.map_err(NoScrub::Failed)?;
        Ok(Prepared { rules, key })
    }
}

/// Searches files, and masks what has to be.
pub struct Scrubber<'a> {
    scrub: &'a Scrub,
    mask: Mask<'a>,
    folder: Folder,
    places: &'a Places<'a>,
    has_path_rules: bool,
    stop: Stop<'a>,
}

impl<'a> Scrubber<'a> {
    pub fn new(
        scrub: &'a Scrub,
        prepared: &'a Prepared,
        world: &'a World,
        places: &'a Places<'a>,
        stop: Stop<'a>,
    ) -> anyhow::Result<Self> {
        let Prepared { rules, key } = prepared;
        let mut search = Search::new(rules, (scrub.redact != Redact::Off).then_some(&*world.secrets))?;
        search.forbidden = scrub.forbidden.as_deref();
        let folder = Folder::open(places.evidence_dir)
            .with_context(|| format!("cannot open {}", places.evidence_dir.display()))?;
        Ok(Self {
            scrub,
            mask: Mask {
                search,
                secrets: &world.secrets,
                key,
            },
            folder,
            places,
            has_path_rules: rules.rules().iter().any(|rule| rule.pattern.is_none()),
            stop,
        })
    }

    /// Whether a file with this content is sealed as it is, and nothing is to be said of it. If not, it is looked at again.
    pub fn is_clean(&self, file: &Gathered, content: &[u8]) -> bool {
        let path = shown(file, self.places);
        let search = self.mask.search;
        let is_clean = |looked: Looked<'_>| {
            let is_found = !looked.found.counts.is_empty() || !looked.forbidden.counts.is_empty();
            looked.form == Form::Plain && !is_found
        };
        let is_named = || self.has_path_rules && Scan::new(search.rules, &path).by_path().next().is_some();
        !may_be_archive(content) && look_in_memory(search, &path, content).is_some_and(is_clean) && !is_named()
    }

    /// Searches and hashes files, and masks what has to be; on all cores. Of those that are `clean`, only the paths are
    /// searched. `left_out` are paths that the index holds, too.
    pub fn scrub(
        &self,
        gathered: Vec<Gathered>,
        clean: &[(Gathered, Hashed)],
        left_out: &[&str],
    ) -> anyhow::Result<Scrubbed> {
        let clean_files = clean.iter().map(|(file, _)| file);
        let (in_paths, hidden) = in_paths(self.mask.search, gathered.iter().chain(clean_files), left_out);
        let most_findings = (MOST_FINDINGS / (gathered.len() + clean.len()).max(1)).clamp(3, 100);
        let into = self.places.temporary.join("masked");
        files::folders(&into)?;
        let numbered: Vec<(PathBuf, &Gathered)> = gathered
            .iter()
            .enumerate()
            .map(|(number, file)| (into.join(number.to_string()), file))
            .collect();
        let looked = cores::each(&numbered, Vec::new, |scratch, (to, file)| {
            self.one(file, to, most_findings, scratch)
        });
        let mut scrubbed = Scrubbed::of(gathered, looked, self.places)?;
        if !in_paths.is_empty() {
            // What was found in such a file names its path.
            scrubbed.findings = Capped::default();
            in_paths.into_iter().for_each(|finding| scrubbed.findings.add(finding));
            scrubbed.hidden = hidden;
        }
        Ok(scrubbed)
    }

    fn one(&self, file: &Gathered, to: &Path, most_findings: usize, scratch: &mut Vec<u8>) -> anyhow::Result<One> {
        let path = shown(file, self.places);
        let at = file.at.strip_prefix(self.places.evidence_dir).unwrap_or(&file.at);
        let open = self.folder.file(at)?;
        let stamp = Stamp::of(&open.metadata()?);
        let is_archive = is_archive(&open)?;
        let search = self.mask.search;
        let (looked, before) = look_and_hash(search, &path, open, file.hashed, scratch, &|| (self.stop)())?;
        let inside = match is_archive {
            true => look_inside(search, &path, self.folder.file(at)?, 0, &|| (self.stop)())?,
            false => None,
        };
        let is_archive = inside.is_some();
        let mut unread: Vec<Unread> = Unread::of(&path, looked.unread());
        let mut texts = vec![Text {
            path: path.clone(),
            found: looked.found,
            forbidden: looked.forbidden,
            by_path: Vec::new(),
        }];
        if let Some(inside) = inside {
            let is_found = inside.texts.iter().any(|text| text.found.count() > 0);
            // As a whole it may still hold what none of its parts does.
            texts.retain(|_| !is_found);
            texts.iter_mut().for_each(|text| text.forbidden = Tally::default());
            texts.extend(inside.texts);
            unread = inside
                .closed
                .iter()
                .map(|closed| Unread::in_archive(&path, closed))
                .collect();
        }
        let bundle = self.bundle(file);
        let (redact, unscannable) = match (&bundle, self.scrub.redact, self.scrub.unscannable) {
            (None, redact, unscannable) => (redact, unscannable),
            (Some(_), Redact::Off, unscannable) => (Redact::Off, unscannable),
            (Some(_), _, Unscannable::Keep) => (Redact::Fail, Unscannable::Keep),
            (Some(_), ..) => (Redact::Fail, Unscannable::Fail),
        };
        let mut one = One::new(path, before, stamp, redact, &texts, most_findings);
        // The path of a stub is still that of the file.
        if self.has_path_rules && !(bundle.is_some() && is_stub(&file.at)) {
            let scan = Scan::new(self.mask.search.rules, &one.shown);
            one.by_path(&one.shown.clone(), scan.by_path());
        }
        let has_secret = !one.by_path.is_empty() || texts.iter().any(|text| text.found.count() > 0);
        // A change in it would break what the archive says about its parts, and some of them are packed.
        let why = match unread.first() {
            _ if has_secret && is_archive => Some("it is an archive".to_owned()),
            first => first.map(|first| first.reason(unread.len())),
        };
        match (redact, why) {
            (Redact::Mask, None) if has_secret && one.by_path.is_empty() => {
                match self.mask.copy(&one.shown, &file.at, to, &|| (self.stop)()) {
                    Ok(masked) => one.masked(masked),
                    Err(NotMasked::Io(error)) => return Err(error.into()),
                    Err(error) => one.became = Became::NotMasked(error.to_string()),
                }
            }
            (Redact::Mask, why) if has_secret => {
                let why = why.map_or_else(
                    || "its path alone matches a rule".to_owned(),
                    |why| format!("it has a secret, and {why}"),
                );
                self.stub(&mut one, &file.path, to, why)?;
            }
            (Redact::Fail, _) if has_secret => {
                if let Some(bundle) = bundle {
                    one.became = Became::InBundle(bundle);
                }
            }
            (Redact::Off, _) | (_, None) => {}
            (_, Some(why)) => match unscannable {
                Unscannable::Stub => self.stub(&mut one, &file.path, to, why)?,
                Unscannable::Keep | Unscannable::Fail => {
                    let finding = |unread: &Unread| {
                        let finding = unscannable.sealed(&unread.path, &unread.why, unread.is_cut);
                        match bundle {
                            Some(_) => {
                                finding.help("a bundle that is sealed is not changed: seal it again without this file")
                            }
                            None => finding,
                        }
                    };
                    // One of each archive at least is named.
                    let findings = unread.iter().take(most_findings).map(finding).collect();
                    one.became = Became::NotScanned(why, findings);
                }
            },
        }
        Ok(one)
    }

    /// The name of the sealed bundle that it is in.
    fn bundle(&self, file: &Gathered) -> Option<String> {
        let below = Path::new(&file.path).strip_prefix(self.scrub.sealed?).ok()?;
        let name = below.components().next()?.as_os_str();
        Some(name.to_string_lossy().into_owned())
    }

    fn stub(&self, one: &mut One, path: &str, to: &Path, why: String) -> anyhow::Result<()> {
        let text = format!(
            "{STUB}: {why}.\nname: {path}\nsize: {}\nsha256: {}\n",
            one.before.size,
            hex::encode(one.before.sha256)
        );
        files::replace(to, text.as_bytes())?;
        one.forbidden = Vec::new();
        one.became = Became::Stub {
            at: to.to_owned(),
            hashed: Hashed::of(text.as_bytes()),
            why,
        };
        Ok(())
    }
}

/// What of a file was not searched.
struct Unread {
    path: String,
    /// The second half of a sentence.
    why: String,
    is_cut: bool,
    is_part: bool,
}

impl Unread {
    fn of(path: &str, unread: Option<(&str, bool)>) -> Vec<Self> {
        let of = |(why, is_cut): (&str, bool)| Self {
            path: path.to_owned(),
            why: why.to_owned(),
            is_cut,
            is_part: false,
        };
        unread.map(of).into_iter().collect()
    }

    fn in_archive(path: &str, closed: &Closed) -> Self {
        Self {
            path: closed.below(path),
            why: closed.why.clone(),
            is_cut: closed.is_cut,
            is_part: !closed.path.is_empty(),
        }
    }

    /// Why the file is not searched of which this is the first of so many parts.
    fn reason(&self, count: usize) -> String {
        match (self.is_part, count) {
            (false, 1) => self.why.clone(),
            (_, 1) => format!("{} cannot be opened: {}", self.path, self.why),
            _ => format!(
                "{} and {} more of its parts cannot be opened: {}",
                self.path,
                count - 1,
                self.why
            ),
        }
    }
}

fn is_stub(at: &Path) -> bool {
    let head = files::head(at, STUB.len() as u64, Links::Refuse);
    head.is_ok_and(|head| head == STUB.as_bytes()) && paths::size(at).is_ok_and(|size| size <= LARGEST_STUB)
}

/// What is found in paths, which the manifest, the index and the zip hold as they are; and the secrets in them.
fn in_paths<'f>(
    search: Search<'_>,
    gathered: impl Iterator<Item = &'f Gathered>,
    left_out: &[&'f str],
) -> (Vec<Finding>, Vec<String>) {
    let paths = gathered.flat_map(|file| file.original.iter().chain([&file.path]));
    let paths: Vec<&str> = paths.map(String::as_str).chain(left_out.iter().copied()).collect();
    let text = paths.join("\n");
    let (found, forbidden) = look_at(search, text.as_bytes());
    let places = |found: &Found<'_>| Some((found.secret.start.try_into().ok()?, found.secret.end.try_into().ok()?));
    let places: Vec<(usize, usize)> = found.iter().filter_map(places).collect();
    let path = |found: &Found<'_>| {
        let at = usize::try_from(found.secret.start).unwrap_or_default();
        let start = text
            .get(..at)
            .and_then(|text| text.rfind('\n'))
            .map_or(0, |end| end + 1);
        let line = text
            .get(start..)
            .and_then(|text| text.lines().next())
            .unwrap_or_default();
        without(line, start, &places)
    };
    let secrets = found.iter().map(|found| {
        let (path, what) = (path(found), found.rule.described());
        Finding::error("secret-in-path", format!("The path {path} holds a secret: {what}"))
            .help("rename the file; for what is no secret, add an allowlist to a rule file (--rules)")
    });
    let forbidden = forbidden.iter().map(|found| {
        let (path, what) = (path(found), found.rule.described());
        Finding::error("forbidden", format!("{what}, in the path {path}")).help("rename the file")
    });
    let hidden = places.iter().filter_map(|(from, to)| text.get(*from..*to));
    (secrets.chain(forbidden).collect(), hidden.map(str::to_owned).collect())
}

/// A line that begins at `start` of a text, with `***` for each of these places of that text.
fn without(line: &str, start: usize, places: &[(usize, usize)]) -> String {
    let mut shown = String::new();
    let mut was_hidden = false;
    for (at, c) in line.char_indices() {
        let is_hidden = places.iter().any(|(from, to)| (*from..*to).contains(&(start + at)));
        match (is_hidden, was_hidden) {
            (true, false) => shown.push_str("***"),
            (true, true) => {}
            (false, _) => shown.push(c),
        }
        was_hidden = is_hidden;
    }
    shown
}

/// As findings and rules for paths name it: as it was called in the workspace.
fn shown(file: &Gathered, places: &Places<'_>) -> String {
    let decoded = file.original.as_deref().and_then(decode_path);
    let decoded = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if file.named {
        let path = file.path.strip_prefix(COPIES).unwrap_or(&file.path);
        decoded.unwrap_or_else(|| path.trim_start_matches('/').to_owned())
    } else {
        let dir = workspace::shown(places.evidence_dir, places.workspace);
        format!("{dir}/{}", decoded.unwrap_or_else(|| file.path.clone()))
    }
}

/// Whether a file that was masked, and will be replaced, is still what was read.
pub fn is_unchanged(at: &Path, stamp: &Stamp) -> bool {
    let now = files::open(at, Links::Refuse).and_then(|file| file.metadata());
    now.is_ok_and(|now| Stamp::of(&now) == *stamp)
}
