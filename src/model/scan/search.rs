//! The search: one pass for all keywords, then the rules that they switch on.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::ops::Range;
use std::rc::Rc;

use aho_corasick::AhoCorasick;
use regex_automata::{Anchored, Input, Match};

use super::allowlist::Matched;
use super::base64;
use super::entropy;
use super::placeholder;
use super::reading::Reading;
use super::rule::{KNOWN, Required, Rule, RuleSet};
use super::soft;
use super::starts;

/// A rule whose keyword is in one of these is looked for in all of it; gitleaks takes 100 kB.
const FRAGMENT: usize = 128 << 10;
/// How much of what comes before and after a part must be seen with it. A match that is longer is cut here. gitleaks
/// reads 25 kB on.
pub const OVERLAP: usize = 32 << 10;
/// How often what was decoded is decoded again: a Kubernetes secret, in a release of Helm, in a Kubernetes secret.
const DEEPEST: usize = 4;
/// What gzip in base64 may become, in bytes and compared with its size: charts of Helm become ten times as long.
const ALWAYS_UNPACKED: u64 = 1 << 20;
const LARGEST_RATIO: u64 = 40;
/// And all of it in one part, also in one another: a bomb ends here.
const MOST_UNPACKED: u64 = 32 << 20;
/// What an anchor or `\b` at the end of a match looks at beyond it.
const BEYOND: usize = 4;

/// Finds the values that are known in what is decoded.
type KnownIn<'k> = &'k dyn Fn(&[u8]) -> Vec<Range<usize>>;

/// Something that a rule matched and that no allowlist names.
#[derive(Clone, Debug)]
pub struct Found<'r> {
    pub rule: &'r Rule,
    /// Bytes of the file.
    pub whole: Range<u64>,
    /// What of it is to be hidden.
    pub secret: Range<u64>,
    /// 1-based.
    pub line: u64,
    /// 1-based, in characters.
    pub column: u64,
}

/// The search in one file, part by part.
pub struct Scan<'r> {
    rules: &'r RuleSet,
    /// Whose rules the placeholders in the text are of.
    masked_by: &'r RuleSet,
    path: String,
    /// Whether the rule is looked for in a file with this path.
    active: Vec<bool>,
    /// Where the next match of a rule may begin: in the text, and where its escapes are blanks.
    next: [Vec<u64>; 2],
    /// Where the next text that is written as base64 may begin.
    next_base64: u64,
    /// Whether it goes on there.
    base64_goes_on: bool,
    /// How much more may be unpacked from base64, in this part and in all that is decoded in it.
    budget: Rc<Cell<u64>>,
    /// Whether something that is decoded was not searched whole.
    is_cut: Rc<Cell<bool>>,
    /// The parity of the offsets of the low bytes, if this content is also searched as UTF-16. What is found there is not
    /// looked for here.
    aligned: Option<u64>,
    lines: Lines,
}

impl<'r> Scan<'r> {
    /// `path` is what rules and allowlists for paths are about, with `/` between its parts.
    pub fn new(rules: &'r RuleSet, path: &str) -> Self {
        let skipped = rules.allowlists.iter().any(|list| list.allows_file(path));
        let active = |rule: &Rule| {
            let here = rule.path.as_ref().is_none_or(|regex| regex.is_match(path.as_bytes()));
            here && !skipped && !rule.allowlists.iter().any(|list| list.allows_file(path))
        };
        Self {
            rules,
            masked_by: rules,
            path: path.to_owned(),
            active: rules.rules.iter().map(active).collect(),
            next: [vec![0; rules.rules.len()], vec![0; rules.rules.len()]],
            next_base64: 0,
            base64_goes_on: false,
            budget: Rc::default(),
            is_cut: Rc::default(),
            aligned: None,
            lines: Lines::default(),
        }
    }

    pub fn masked_by(self, masked_by: &'r RuleSet) -> Self {
        Self { masked_by, ..self }
    }

    /// Beside a search in the same content, read as UTF-16: what is found there is not looked for here.
    pub fn beside_utf16(self, is_big_endian: bool) -> Self {
        Self {
            aligned: Some(u64::from(is_big_endian)),
            ..self
        }
    }

    /// The rules for which the path alone is what is found.
    pub fn by_path(&self) -> impl Iterator<Item = &'r Rule> + '_ {
        let rules = self.rules.rules.iter().zip(&self.active);
        rules
            .filter(|(rule, active)| **active && rule.pattern.is_none() && !rule.is_part)
            .map(|(rule, _)| rule)
    }

    /// Looks for what begins in `fresh`, a part of `window`; parts come in order, without gaps. `at` is where in the file
    /// the window begins. It holds [`OVERLAP`] bytes more on either side, if the file has them.
    pub fn look(&mut self, window: &[u8], at: u64, fresh: Range<usize>) -> Vec<Found<'r>> {
        self.look_with(window, at, fresh, Vec::new(), &|_| Vec::new())
    }

    /// Whether something that is written as base64 was not searched whole.
    pub fn is_cut(&self) -> bool {
        self.is_cut.get()
    }

    /// The same with the places of values that are known, in order, which begin in `fresh`, too. `known_in` finds them in
    /// what is decoded.
    pub fn look_with(
        &mut self,
        window: &[u8],
        at: u64,
        fresh: Range<usize>,
        known: Vec<Range<usize>>,
        known_in: KnownIn<'_>,
    ) -> Vec<Found<'r>> {
        self.budget.set(MOST_UNPACKED);
        let hits = self.all_hits(window, at, &fresh, known, known_in, 0);
        // A match can begin after `fresh`, once the line feeds at its front are off. What counts on is `fresh` alone.
        let mut lines = self.lines;
        let hits: Vec<Placed> = hits
            .into_iter()
            .map(|hit| Placed {
                place: lines.place(window, at, hit.whole.start),
                hit,
            })
            .collect();
        let of_rule = self.by_rule(&hits);
        let whole: Vec<&Placed> = hits.iter().filter(|hit| self.is_whole(hit, &of_rule)).collect();
        let known_better = self.known_better(&whole, window);
        let found = whole.iter().zip(known_better).filter(|(_, known)| !known);
        let found = found.map(|(Placed { hit, place }, _)| {
            let absolute = |range: &Range<usize>| at + range.start as u64..at + range.end as u64;
            Found {
                rule: self.rules.rule(hit.rule),
                whole: absolute(&hit.whole),
                secret: absolute(&hit.secret),
                line: place.line,
                column: place.column,
            }
        });
        let found = found.collect();
        self.lines.place(window, at, fresh.end);
        found
    }

    /// In order. `depth` is how often what is searched was decoded.
    fn all_hits(
        &mut self,
        window: &[u8],
        at: u64,
        fresh: &Range<usize>,
        known: Vec<Range<usize>>,
        known_in: KnownIn<'_>,
        depth: usize,
    ) -> Vec<Hit> {
        let known = known.into_iter().filter(|place| !self.is_masked(window, place));
        let known_rule = self.rules.rules.len();
        let mut hits: Vec<Hit> = known.map(|place| Hit::of(known_rule, place)).collect();
        let plain = hits.len();
        self.by_rules(window, at, fresh, &mut hits);
        if depth < DEEPEST {
            let mut decoded = Vec::new();
            self.in_base64(window, at, fresh, (known_in, depth), &mut decoded);
            // In base64 of a text with a value, the digits that depend on the value alone are found without decoding.
            decoded.retain(|hit| hit.rule != known_rule || !overlaps(&hits[..plain], hit));
            hits.append(&mut decoded);
            self.in_readings(window, at, fresh, (known_in, depth), &mut hits);
        }
        let last_first = |hit: &Hit| std::cmp::Reverse(hit.secret.end);
        hits.sort_by_key(|hit| (hit.rule, hit.secret.start, last_first(hit)));
        // What is found as it is written may be a part of what is found as it reads.
        hits.dedup_by(|next, before| next.rule == before.rule && next.secret.end <= before.secret.end);
        hits.sort_by_key(|hit| (hit.whole.start, hit.rule));
        hits
    }

    fn by_rules(&mut self, window: &[u8], at: u64, fresh: &Range<usize>, hits: &mut Vec<Hit>) {
        let count = fresh.len().div_ceil(FRAGMENT);
        let (enabled, mut starts) = self.enabled(window, fresh, count);
        if !enabled.contains(&true) && starts.iter().all(Vec::is_empty) {
            return;
        }
        let soft = soft::of(window);
        for (index, starts) in starts.iter_mut().enumerate() {
            if !self.active[index] {
                continue;
            }
            let from = hits.len();
            if !starts.is_sorted() {
                starts.sort_unstable();
            }
            let fragments = &enabled[index * count..][..count];
            let fragments = fragments.contains(&true).then_some(fragments);
            self.hits(
                0,
                index,
                (starts, fragments.unwrap_or_default()),
                window,
                at,
                fresh,
                hits,
            );
            let Some((text, places)) = &soft else { continue };
            let is_near = |from: usize, to: usize| soft::is_in(places, &(from.saturating_sub(OVERLAP)..to + OVERLAP));
            starts.retain(|start| is_near(*start, *start));
            let from_fragment = |fragment: usize| fresh.start + fragment * FRAGMENT;
            let near = |at: usize| is_near(from_fragment(at), from_fragment(at + 1));
            let fragments =
                fragments.map(|fragments| (0..count).map(|at| fragments[at] && near(at)).collect::<Vec<_>>());
            let plain = hits.len();
            self.hits(
                1,
                index,
                (starts, fragments.as_deref().unwrap_or_default()),
                text,
                at,
                fresh,
                hits,
            );
            // Most are the same as before.
            let mut new = hits.split_off(plain);
            new.retain(|hit| !overlaps(&hits[from..], hit));
            hits.append(&mut new);
        }
    }

    /// What rules find in base64 is hidden digit by digit, and is found where the digits are.
    fn in_base64(
        &mut self,
        window: &[u8],
        at: u64,
        fresh: &Range<usize>,
        (known_in, depth): (KnownIn<'_>, usize),
        hits: &mut Vec<Hit>,
    ) {
        let is_cut = window.len() >= fresh.end + OVERLAP;
        let from = usize::try_from(self.next_base64.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut from = from.max(fresh.start);
        while from < fresh.end {
            let decoded = if std::mem::take(&mut self.base64_goes_on) {
                base64::Decoded::rest(window, from)
            } else if let Some(digits) = base64::next(window, from..fresh.end) {
                from = digits.end;
                base64::Decoded::of(window, digits)
            } else {
                break;
            };
            let Some(decoded) = decoded else { continue };
            // What goes on behind the window is decoded from there on with the next part.
            self.base64_goes_on = is_cut && decoded.may_go_on(window);
            if self.base64_goes_on && decoded.is_lost_behind() {
                self.is_cut.set(true);
            }
            from = if self.base64_goes_on {
                decoded.cut(window.len() - OVERLAP / 2)
            } else {
                decoded.end()
            };
            let inside = self.inside(&decoded.text, (known_in, depth), |part| decoded.place(part));
            hits.extend(inside.filter(|hit| hit.whole.start < from));
        }
        self.next_base64 = at + from as u64;
    }

    fn in_readings(
        &self,
        window: &[u8],
        at: u64,
        fresh: &Range<usize>,
        way: (KnownIn<'_>, usize),
        hits: &mut Vec<Hit>,
    ) {
        let aligned = self.aligned.map(|aligned| usize::from((aligned + at) % 2 == 1));
        for reading in Reading::all(window, aligned) {
            let inside = self.inside(&reading.text, way, |part| reading.place(part));
            hits.extend(inside.filter(|hit| fresh.contains(&hit.whole.start)));
        }
    }

    /// What is found in text that was decoded, and where that is written.
    fn inside(
        &self,
        text: &[u8],
        (known_in, depth): (KnownIn<'_>, usize),
        place: impl Fn(&Range<usize>) -> Range<usize>,
    ) -> impl Iterator<Item = Hit> {
        let all = 0..text.len();
        let unpacked = text.starts_with(base64::GZIP).then(|| self.unpacked(text));
        let is_packed = unpacked.is_some();
        let text = unpacked.as_deref().unwrap_or(text);
        let mut scan = Scan {
            budget: Rc::clone(&self.budget),
            is_cut: Rc::clone(&self.is_cut),
            ..Scan::new(self.rules, &self.path).masked_by(self.masked_by)
        };
        let hits = scan.all_hits(text, 0, &(0..text.len()), known_in(text), known_in, depth + 1);
        // Of what is packed, no byte stands for a part of the text.
        let part = move |part: &Range<usize>| if is_packed { place(&all) } else { place(part) };
        hits.into_iter().map(move |hit| Hit {
            rule: hit.rule,
            whole: part(&hit.whole),
            secret: part(&hit.secret),
        })
    }

    /// What is packed, up to where it is damaged or becomes too long.
    fn unpacked(&self, packed: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let ratio = ALWAYS_UNPACKED.max(packed.len() as u64 * LARGEST_RATIO);
        let most = self.budget.get().min(ratio);
        // What comes before damage is there, and nobody can read what is behind it.
        let _ = flate2::bufread::MultiGzDecoder::new(packed)
            .take(most)
            .read_to_end(&mut text);
        self.budget.set(self.budget.get() - text.len() as u64);
        if text.len() as u64 == most {
            self.is_cut.set(true);
        }
        text
    }

    /// For each rule, in which of the fragments of `fresh` it is looked for, and where in `fresh` a match may begin.
    fn enabled(&self, window: &[u8], fresh: &Range<usize>, count: usize) -> (Vec<bool>, Vec<Vec<usize>>) {
        let rules = &self.rules;
        let mut enabled = vec![false; rules.rules.len() * count];
        let mut starts = vec![Vec::new(); rules.rules.len()];
        for rule in &rules.always {
            enabled[rule * count..][..count].fill(true);
        }
        let Some(keywords) = &rules.keywords else {
            return (enabled, starts);
        };
        let start = fresh.start.saturating_sub(OVERLAP);
        let end = window.len().min(fresh.end + OVERLAP);
        for hit in keywords.find_overlapping_iter(&window[start..end]) {
            let keyword = start + hit.start();
            let pattern = hit.pattern().as_usize();
            for (rule, before) in &rules.starts_of_keyword[pattern] {
                let begin = starts::of_keyword(before, window, keyword);
                starts[*rule].extend(begin.filter(|begin| fresh.contains(begin)));
            }
            // A match that begins a fragment earlier may hold it, and one that begins a fragment later may follow it.
            let first = keyword.saturating_sub(OVERLAP + fresh.start) / FRAGMENT;
            let last = (keyword + OVERLAP).saturating_sub(fresh.start) / FRAGMENT;
            for rule in &rules.rules_of_keyword[pattern] {
                enabled[rule * count..][..count][first..count.min(last + 1)].fill(true);
            }
        }
        // gitleaks looks for what a rule requires wherever it looks for the rule, whatever its own keywords.
        for (index, rule) in rules.rules.iter().enumerate() {
            for part in rule.required.iter().filter_map(|of| rules.index_of(&of.id)) {
                for fragment in 0..count {
                    let from = fresh.start + fragment * FRAGMENT;
                    let is_on = enabled[index * count + fragment]
                        || starts[index]
                            .iter()
                            .any(|start| (from..from + FRAGMENT).contains(start));
                    enabled[part * count + fragment] |= is_on;
                }
            }
        }
        (enabled, starts)
    }

    /// In `text`, which is the window or what it is without escapes: at the places where a match may begin, and in whole
    /// fragments.
    #[expect(clippy::too_many_arguments, reason = "all of them are the place that is searched")]
    fn hits(
        &mut self,
        way: usize,
        index: usize,
        (starts, fragments): (&[usize], &[bool]),
        text: &[u8],
        at: u64,
        fresh: &Range<usize>,
        hits: &mut Vec<Hit>,
    ) {
        if starts.is_empty() && fragments.is_empty() {
            return;
        }
        let rule = &self.rules.rules[index];
        let Some((pattern, regex)) = rule.pattern.as_ref().and_then(|p| Some((p, p.regex()?))) else {
            return;
        };
        let ahead = pattern.longest.map_or(OVERLAP, |longest| longest.min(OVERLAP)) + BEYOND;
        let input = |range: Range<usize>| Input::new(text).span(range.start..text.len().min(range.end + ahead));
        let mut from = usize::try_from(self.next[way][index].saturating_sub(at)).unwrap_or(usize::MAX);
        let mut take = |found: Match, from: &mut usize| {
            let checked = rule
                .check
                .map_or(Ok(0..found.len()), |check| check(&text[found.range()]));
            let passed = checked.as_ref().map_or_else(|past| *past, |place| place.end);
            *from = found.start() + passed.max(1);
            if let Ok(place) = checked {
                hits.extend(self.judged(index, found.start() + place.start..found.start() + place.end, text));
            }
        };
        for start in starts {
            if *start >= from
                && let Some(found) = regex.search(&input(*start..*start).anchored(Anchored::Yes))
            {
                take(found, &mut from);
            }
        }
        for fragment in (0..fragments.len()).filter(|at| fragments[*at]) {
            let start = fresh.start + fragment * FRAGMENT;
            let end = (start + FRAGMENT).min(fresh.end);
            from = from.max(start);
            while from < end {
                match regex.search(&input(from..end)).filter(|found| found.start() < end) {
                    Some(found) => take(found, &mut from),
                    None => break,
                }
            }
        }
        self.next[way][index] = at + from as u64;
    }

    /// What of a match is the secret, unless it is allowed.
    fn judged(&self, index: usize, found: Range<usize>, window: &[u8]) -> Option<Hit> {
        let rule = &self.rules.rules[index];
        let whole = trimmed(window, found);
        let text = &window[whole.clone()];
        // gitleaks takes the groups from the match alone, where what is around it is not seen.
        let regex = rule.pattern.as_ref()?.regex()?;
        let mut captures = regex.create_captures();
        regex.captures(text, &mut captures);
        let group = match rule.secret_group {
            0 => captures.iter().skip(1).flatten().find(|group| !group.is_empty()),
            group => captures.get_group(group),
        };
        let group = group.map(|group| whole.start + group.start..whole.start + group.end);
        let secret = group.unwrap_or_else(|| whole.clone());
        if self.is_masked(window, &secret) {
            return None;
        }
        if rule.entropy > 0.0 && entropy::of(&window[secret.clone()]) <= rule.entropy {
            return None;
        }
        let line = || {
            let start = memchr::memrchr(b'\n', &window[..whole.start]).map_or(0, |at| at + 1);
            let end = memchr::memchr(b'\n', &window[whole.end..]).map_or(window.len(), |at| whole.end + at);
            &window[start..end]
        };
        let matched = Matched {
            path: &self.path,
            secret: &window[secret.clone()],
            whole: text,
            line: &line,
        };
        let mut lists = self.rules.allowlists.iter().chain(&rule.allowlists);
        let allowed = lists.any(|list| list.allows(matched));
        (!allowed).then_some(Hit {
            rule: index,
            whole,
            secret,
        })
    }

    fn is_masked(&self, window: &[u8], secret: &Range<usize>) -> bool {
        let ids = || self.masked_by.rules.iter().map(|rule| rule.id.as_str()).chain([KNOWN]);
        placeholder::covers(window, secret, |rule| ids().any(|id| placeholder::name(id) == rule))
    }

    /// The hits of each rule that another requires, in order.
    fn by_rule<'h>(&self, hits: &'h [Placed]) -> BTreeMap<&'r str, Vec<&'h Placed>> {
        let required = self.rules.rules.iter().flat_map(|rule| &rule.required);
        let mut of_rule: BTreeMap<&str, Vec<&Placed>> = required.map(|of| (of.id.as_str(), Vec::new())).collect();
        for hit in hits {
            if let Some(of) = of_rule.get_mut(self.rules.rule(hit.hit.rule).id.as_str()) {
                of.push(hit);
            }
        }
        of_rule
    }

    /// Whether it is reported for itself, with all that its rule requires.
    fn is_whole(&self, hit: &Placed, of_rule: &BTreeMap<&str, Vec<&Placed>>) -> bool {
        let rule = self.rules.rule(hit.hit.rule);
        let is_there = |of: &Required| of_rule.get(of.id.as_str()).is_some_and(|parts| is_near(hit, parts, of));
        !rule.is_part && rule.required.iter().all(is_there)
    }

    /// For each hit, whether its rule is generic and the secret is part of one on the same line that a more specific rule
    /// found, which says better what it is. All secrets of a line are searched in one pass: a line can have thousands.
    fn known_better(&self, hits: &[&Placed], window: &[u8]) -> Vec<bool> {
        let mut known = vec![false; hits.len()];
        let mut first = 0;
        for line in hits.chunk_by(|one, other| one.place.line == other.place.line) {
            let is_generic = |hit: &Placed| self.rules.rule(hit.hit.rule).is_generic();
            let secret = |hit: &Placed| &window[hit.hit.secret.clone()];
            let generic: Vec<usize> = (0..line.len()).filter(|index| is_generic(line[*index])).collect();
            let specific: BTreeSet<&[u8]> = line
                .iter()
                .filter(|hit| !is_generic(hit))
                .map(|hit| secret(hit))
                .collect();
            let secrets: BTreeSet<&[u8]> = generic.iter().map(|index| secret(line[*index])).collect();
            let secrets: Vec<&[u8]> = secrets.into_iter().collect();
            if !secrets.is_empty()
                && !specific.is_empty()
                && let Ok(finder) = AhoCorasick::new(&secrets)
            {
                let inside: BTreeSet<&[u8]> = specific
                    .into_iter()
                    .flat_map(|text| finder.find_overlapping_iter(text))
                    .map(|part| secrets[part.pattern().as_usize()])
                    .collect();
                for index in generic {
                    known[first + index] = inside.contains(secret(line[index]));
                }
            }
            first += line.len();
        }
        known
    }
}

/// A match in the window.
struct Hit {
    rule: usize,
    whole: Range<usize>,
    secret: Range<usize>,
}

impl Hit {
    fn of(rule: usize, place: Range<usize>) -> Self {
        Self {
            rule,
            whole: place.clone(),
            secret: place,
        }
    }
}

/// Whether one of `hits`, which are in order, is in the same place.
fn overlaps(hits: &[Hit], hit: &Hit) -> bool {
    let before = hits.partition_point(|other| other.whole.start < hit.whole.end);
    hits[..before]
        .last()
        .is_some_and(|other| other.whole.end > hit.whole.start)
}

struct Placed {
    hit: Hit,
    place: Place,
}

/// `parts` are in order.
fn is_near(hit: &Placed, parts: &[&Placed], required: &Required) -> bool {
    let (line, most) = (hit.place.line, required.within_lines.unwrap_or(u64::MAX));
    let first = parts.partition_point(|part| part.place.line < line.saturating_sub(most));
    let lines = parts[first..]
        .iter()
        .take_while(|part| part.place.line <= line.saturating_add(most));
    let mut columns = lines.map(|part| part.place.offset.abs_diff(hit.place.offset));
    columns.any(|columns| required.within_columns.is_none_or(|most| columns <= most))
}

/// Without line feeds at its ends.
fn trimmed(window: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &window[range.clone()];
    let end = text.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
    let start = text[..end].iter().position(|byte| *byte != b'\n').unwrap_or(end);
    range.start + start..range.start + end
}

/// Where in the file.
#[derive(Clone, Copy)]
struct Place {
    /// 1-based.
    line: u64,
    /// 1-based, in characters.
    column: u64,
    /// Bytes from the beginning of the line.
    offset: u64,
}

/// Counts lines and columns as the search goes on, so that each byte is counted once: a line can be as long as the file.
#[derive(Clone, Copy, Default)]
struct Lines {
    counted: u64,
    newlines: u64,
    /// Characters of the line that is counted.
    characters: u64,
    line_start: u64,
}

impl Lines {
    /// A place in the window, which is not before the last that was asked for.
    fn place(&mut self, window: &[u8], at: u64, place: usize) -> Place {
        let from = usize::try_from(self.counted.saturating_sub(at))
            .unwrap_or(place)
            .min(place);
        let mut new = &window[from..place];
        if let Some(last) = memchr::memrchr(b'\n', new) {
            self.newlines += memchr::memchr_iter(b'\n', new).count() as u64;
            self.characters = 0;
            self.line_start = at + (from + last + 1) as u64;
            new = &new[last + 1..];
        }
        // What goes on with a character of UTF-8 is none of its own.
        self.characters += new.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64;
        self.counted = at + place as u64;
        Place {
            line: self.newlines + 1,
            column: self.characters + 1,
            offset: self.counted - self.line_start,
        }
    }
}
