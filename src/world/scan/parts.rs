//! Content of any length, searched part by part for all that is looked for.

use std::cell::RefCell;
use std::io::{self, Read};
use std::ops::Range;

use super::utf16::{Order, Utf16};
use crate::model::scan::base64::{self, Decoded};
use crate::model::scan::reading::Reading;
use crate::model::scan::{Found, OVERLAP, RuleSet, Scan};
use crate::world::secrets::{self, Finder, Redactor};

/// How much is looked at in one go.
pub const PART: usize = 2 << 20;

/// What is looked for.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    pub rules: &'a RuleSet,
    /// Patterns that must not occur, whatever allowlists say.
    pub forbidden: Option<&'a RuleSet>,
    known: Option<&'a Finder>,
}

impl<'a> Search<'a> {
    /// # Errors
    /// The values that `secrets` knows cannot be searched for.
    pub fn new(rules: &'a RuleSet, secrets: Option<&'a Redactor>) -> io::Result<Self> {
        let known = secrets
            .map_or(Ok(None), Redactor::finder)
            .map_err(|why| io::Error::other(format!("the secrets cannot be searched for: {why}")))?;
        Ok(Self {
            rules,
            forbidden: None,
            known,
        })
    }

    /// The number of the known value that is there, or in what is decoded there.
    pub(super) fn known(&self, place: &[u8]) -> Option<usize> {
        let known = self.known?;
        let decoded = || Decoded::of(place, base64::next(place, 0..place.len())?);
        known
            .which(place)
            .or_else(|| known.which(&decoded()?.text))
            .or_else(|| Reading::all(place, None).find_map(|reading| known.which(&reading.text)))
    }

    /// How much of what comes before and after a part is seen with it.
    fn overlap(&self) -> usize {
        OVERLAP.max(self.known.map_or(0, Finder::reach))
    }
}

/// What is searched at a time.
pub struct Part<'p, 'r> {
    pub window: &'p [u8],
    /// Where in the content the window begins.
    pub at: u64,
    /// What of the window comes after the last part.
    pub fresh: Range<usize>,
    pub is_last: bool,
    /// What begins in `fresh`, in order.
    pub found: Vec<Found<'r>>,
    pub forbidden: Vec<Found<'r>>,
    /// Whether something that is written as base64 was not searched whole, here or before.
    pub is_cut: bool,
}

type Take<'t, 'r> = &'t mut dyn FnMut(Part<'_, 'r>) -> io::Result<()>;

/// Hands on part by part, and answers how many bytes that were. `path` is what rules and allowlists for paths are about.
///
/// # Errors
/// The content cannot be read, or what takes the parts failed.
pub fn in_parts<'r>(
    search: Search<'r>,
    path: &str,
    mut input: impl Read,
    stop: &dyn Fn() -> bool,
    take: Take<'_, 'r>,
) -> io::Result<u64> {
    let mut parts = Parts::new(search, path);
    loop {
        let missing = parts.missing();
        let read = input.by_ref().take(missing as u64).read_to_end(&mut parts.window)?;
        let is_last = read < missing;
        let looked = parts.look(is_last, take)?;
        if is_last || stop() {
            return Ok(looked);
        }
    }
}

/// The same for UTF-16, of which the bytes are searched as they are, too: a program that writes UTF-8 may have gone on where
/// another had begun. The input is read once.
///
/// # Errors
/// The content cannot be read, or what takes the parts failed.
pub fn in_utf16<'r>(
    search: Search<'r>,
    path: &str,
    (input, order): (impl Read, Order),
    stop: &dyn Fn() -> bool,
    take: Take<'_, 'r>,
) -> io::Result<u64> {
    let take = RefCell::new(take);
    let mut both = Both {
        input,
        bytes: Parts::new(search, path).beside_utf16(order),
        take: &take,
    };
    let text = Utf16::new(&mut both, order);
    let looked = in_parts(search, path, text, stop, &mut |part| (take.borrow_mut())(part))?;
    both.bytes.look(true, &mut |part| (take.borrow_mut())(part))?;
    Ok(looked)
}

/// Searches what is read.
struct Both<'t, 'f, 'r, R> {
    input: R,
    bytes: Parts<'r>,
    take: &'t RefCell<Take<'f, 'r>>,
}

impl<R: Read> Read for Both<'_, '_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes.window.extend_from_slice(&buffer[..count]);
        if self.bytes.missing() == 0 {
            self.bytes.look(false, &mut |part| (self.take.borrow_mut())(part))?;
        }
        Ok(count)
    }
}

/// A search through content that comes bit by bit.
struct Parts<'r> {
    scans: Scans<'r>,
    overlap: usize,
    window: Vec<u8>,
    /// Where the window begins in the content.
    at: u64,
    /// How much of the window was looked at.
    done: usize,
}

impl<'r> Parts<'r> {
    fn new(search: Search<'r>, path: &str) -> Self {
        Self {
            scans: Scans::new(search, path),
            overlap: search.overlap(),
            window: Vec::new(),
            at: 0,
            done: 0,
        }
    }

    fn beside_utf16(mut self, order: Order) -> Self {
        let Scans { scan, forbidden, .. } = self.scans;
        self.scans.scan = scan.beside_utf16(order.is_big_endian);
        self.scans.forbidden = forbidden.map(|scan| scan.beside_utf16(order.is_big_endian));
        self
    }

    /// How much the window should have more before it is looked at.
    fn missing(&self) -> usize {
        (self.done + PART + self.overlap).saturating_sub(self.window.len())
    }

    /// Looks at what is there, and answers how much of the content was looked at.
    fn look(&mut self, is_last: bool, take: Take<'_, 'r>) -> io::Result<u64> {
        let end = self.window.len() - if is_last { 0 } else { self.overlap };
        take(self.scans.look(&self.window, self.at, self.done..end, is_last))?;
        let looked = self.at + end as u64;
        let past = end.saturating_sub(self.overlap);
        self.window.drain(..past);
        self.at += past as u64;
        self.done = end - past;
        Ok(looked)
    }
}

/// All of some content.
pub fn whole<'p, 'r>(search: Search<'r>, path: &str, content: &'p [u8]) -> Part<'p, 'r> {
    Scans::new(search, path).look(content, 0, 0..content.len(), true)
}

struct Scans<'r> {
    search: Search<'r>,
    scan: Scan<'r>,
    forbidden: Option<Scan<'r>>,
}

impl<'r> Scans<'r> {
    fn new(search: Search<'r>, path: &str) -> Self {
        Self {
            search,
            scan: Scan::new(search.rules, path),
            forbidden: search
                .forbidden
                .map(|rules| Scan::new(rules, path).masked_by(search.rules)),
        }
    }

    fn look<'p>(&mut self, window: &'p [u8], at: u64, fresh: Range<usize>, is_last: bool) -> Part<'p, 'r> {
        let known = self
            .search
            .known
            .map(|finder| known(finder, window, &fresh, self.search.overlap()));
        let known_in = |text: &[u8]| {
            let finder = self.search.known;
            finder.map_or_else(Vec::new, |finder| finder.places(secrets::Part::whole(text)))
        };
        let forbidden = self.forbidden.as_mut().map(|scan| scan.look(window, at, fresh.clone()));
        let found = self
            .scan
            .look_with(window, at, fresh.clone(), known.unwrap_or_default(), &known_in);
        Part {
            found,
            is_cut: self.scan.is_cut(),
            forbidden: forbidden.unwrap_or_default(),
            window,
            at,
            fresh,
            is_last,
        }
    }
}

/// The places of known values that begin in `fresh`. Of one that repeats itself for longer than the overlap, which the last
/// part saw the beginning of, what goes on here.
fn known(finder: &Finder, window: &[u8], fresh: &Range<usize>, overlap: usize) -> Vec<Range<usize>> {
    let places = finder.places(secrets::Part::whole(window)).into_iter();
    let places =
        places.filter(|place| place.start >= fresh.start || (place.len() > overlap && place.end > fresh.start));
    places
        .map(|place| place.start.max(fresh.start)..place.end)
        .take_while(|place| place.start < fresh.end)
        .collect()
}
