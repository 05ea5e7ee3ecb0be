//! Files for a scan: read in parts, so that memory does not grow with their size, and as text where they are written
//! otherwise.

mod hide;
mod inside;
mod mask;
mod parts;
mod rules;
mod utf16;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek as _};
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use super::hash::Hashed;
use super::unpack::{GZIP_HEAD, Members, Names};
use crate::model::scan::Found;
pub use hide::Hide;
pub use inside::{Text, look_inside};
pub use mask::{Key, Mask, Masked, NotMasked};
pub use parts::Search;
use parts::{PART, Part, in_parts, in_utf16, whole};
pub use rules::Wanted;
use utf16::{Order, Utf16};

/// What a compressed file may become, in bytes and compared with its size: a bomb ends here.
const LARGEST_UNPACKED: u64 = 4 << 30;
const LARGEST_RATIO: u64 = 200;
/// Below this the ratio is not asked: a log of one repeated line has a high one.
const ALWAYS_UNPACKED: u64 = 64 << 20;
/// Of what is found in one file, so much is kept with its place; the rest is counted.
const MOST_PLACES: usize = 101;

const DAMAGED: &str = "it is damaged";
const CUT_BASE64: &str = "it holds base64 of something that is too long to be searched whole";
const CLOSED: &str = "its content is in a format that is not opened";

/// What decides how a file is written.
const HEAD: usize = GZIP_HEAD;

/// How the content is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its bytes are looked at as they are.
    Plain,
    Utf16(Order),
    Gzip,
    /// An archive whose parts are compressed, which is looked at as it is and so hides what it holds.
    Closed,
}

/// What was found in a file.
#[derive(Default)]
pub struct Tally<'r> {
    /// In order.
    pub first: Vec<Found<'r>>,
    /// How often each rule.
    pub counts: BTreeMap<&'r str, usize>,
}

impl<'r> Tally<'r> {
    fn add(&mut self, found: Vec<Found<'r>>) {
        for found in found {
            *self.counts.entry(&found.rule.id).or_default() += 1;
            if self.first.len() < MOST_PLACES {
                self.first.push(found);
            }
        }
    }

    pub fn count(&self) -> usize {
        self.counts.values().sum()
    }

    /// How many there are beyond the first.
    pub fn more(&self) -> usize {
        self.counts.values().sum::<usize>() - self.first.len()
    }
}

/// What a file came to.
pub struct Looked<'r> {
    pub found: Tally<'r>,
    /// What must not occur, whatever allowlists say.
    pub forbidden: Tally<'r>,
    pub form: Form,
    /// That were looked at, decoded.
    pub bytes: u64,
    /// Why not all of it was looked at.
    pub cut: Option<&'static str>,
}

/// What a file holds, as text if it is written as UTF-16 or packed by gzip.
///
/// # Errors
/// The file cannot be read; that it is damaged or too large shows at the end.
pub fn decoded(file: File) -> io::Result<impl Read> {
    let of = Decoded::of_file(file)?;
    Ok(Whole {
        most: of.most,
        is_damaged: Rc::clone(&of.is_damaged),
        text: of.text(),
        read: 0,
    })
}

/// Fails at the end if that is not the end of the file.
struct Whole {
    text: Box<dyn Read>,
    most: Option<u64>,
    is_damaged: Rc<Cell<bool>>,
    read: u64,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(buffer)?;
        self.read += count as u64;
        let why = match count {
            0 if buffer.is_empty() => return Ok(0),
            0 if self.is_damaged.get() => DAMAGED,
            0 if self.most.is_some_and(|most| self.read >= most) => "it unpacks to more than is looked at",
            _ => return Ok(count),
        };
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }
}

/// Looks through a file. `stop` ends it early.
///
/// # Errors
/// The file cannot be read.
pub fn look_through<'r>(search: Search<'r>, path: &str, file: File, stop: &dyn Fn() -> bool) -> io::Result<Looked<'r>> {
    let again = file.try_clone()?;
    let mut looked = look(search, path, Decoded::of_file(file)?, stop)?;
    look_behind_damage(&mut looked, search, path, again, stop)?;
    Ok(looked)
}

/// What is behind damage is not decoded, and can be read all the same.
fn look_behind_damage<'r>(
    looked: &mut Looked<'r>,
    search: Search<'r>,
    path: &str,
    mut file: File,
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    if looked.cut == Some(DAMAGED) {
        file.rewind()?;
        in_parts(search, path, file, stop, &mut |part| {
            looked.add(part);
            Ok(())
        })?;
    }
    Ok(())
}

/// Looks through a text that is there already. Answers what was found, and what must not occur.
pub fn look_at<'r>(search: Search<'r>, text: &[u8]) -> (Vec<Found<'r>>, Vec<Found<'r>>) {
    let looked = whole(search, "", text);
    (looked.found, looked.forbidden)
}

/// Looks through all of a file's bytes. `None` for UTF-16 and gzip, which have to be decoded.
pub fn look_in_memory<'r>(search: Search<'r>, path: &str, content: &[u8]) -> Option<Looked<'r>> {
    let form = form(&content[..content.len().min(HEAD)]);
    matches!(form, Form::Plain | Form::Closed).then(|| {
        let mut looked = Looked::new(form);
        looked.bytes = content.len() as u64;
        looked.add(whole(search, path, content));
        looked
    })
}

/// The same as [`look_through`], with the hash of the file's bytes, if it is not known. `scratch` is used again for the next
/// file.
///
/// # Errors
/// The file cannot be read.
pub fn look_and_hash<'r>(
    search: Search<'r>,
    path: &str,
    mut file: File,
    known: Option<Hashed>,
    scratch: &mut Vec<u8>,
    stop: &dyn Fn() -> bool,
) -> io::Result<(Looked<'r>, Hashed)> {
    scratch.clear();
    // Most files are small and text: they are read once, and searched where they were read to.
    (&mut file).take(PART as u64).read_to_end(scratch)?;
    if scratch.len() < PART
        && let Some(looked) = look_in_memory(search, path, scratch)
    {
        return Ok((looked, known.unwrap_or_else(|| Hashed::of(scratch))));
    }
    file.rewind()?;
    if let Some(known) = known {
        return Ok((look_through(search, path, file, stop)?, known));
    }
    let size = file.metadata()?.len();
    let hashing = Rc::new(RefCell::new((Sha256::new(), 0)));
    let tee = Tee {
        input: file.try_clone()?,
        hashing: Rc::clone(&hashing),
    };
    let mut looked = look(search, path, Decoded::of(tee, size)?, stop)?;
    // What no decoder asked for.
    let mut rest = Tee {
        input: &mut file,
        hashing: Rc::clone(&hashing),
    };
    if !stop() {
        io::copy(&mut rest, &mut io::sink())?;
    }
    let (sha, size) = hashing.take();
    let hashed = Hashed {
        sha256: sha.finalize().into(),
        size,
    };
    look_behind_damage(&mut looked, search, path, file, stop)?;
    Ok((looked, hashed))
}

fn look<'r>(search: Search<'r>, path: &str, decoded: Decoded, stop: &dyn Fn() -> bool) -> io::Result<Looked<'r>> {
    let Decoded {
        form,
        input,
        order,
        names,
        most,
        is_damaged,
    } = decoded;
    let mut looked = Looked::new(form);
    looked.add(whole(search, path, &names.take()));
    let mut take = |part: Part<'_, 'r>| {
        looked.add(part);
        Ok(())
    };
    looked.bytes = match order {
        Some(order) => in_utf16(search, path, (input, order), stop, &mut take)?,
        None => in_parts(search, path, input, stop, &mut take)?,
    };
    looked.add(whole(search, path, &names.take()));
    if is_damaged.get() {
        looked.cut = Some(DAMAGED);
    } else if Some(looked.bytes) == most {
        looked.cut = Some("it unpacks to more than is looked at");
    }
    Ok(looked)
}

impl<'r> Looked<'r> {
    /// Why what it holds was not looked at, or not all of it, which the second half says.
    pub fn unread(&self) -> Option<(&'static str, bool)> {
        let closed = || (self.form == Form::Closed).then_some((CLOSED, false));
        self.cut.map(|why| (why, true)).or_else(closed)
    }

    fn new(form: Form) -> Self {
        Self {
            found: Tally::default(),
            forbidden: Tally::default(),
            form,
            bytes: 0,
            cut: None,
        }
    }

    fn add(&mut self, part: Part<'_, 'r>) {
        if part.is_cut {
            self.cut.get_or_insert(CUT_BASE64);
        }
        self.found.add(part.found);
        self.forbidden.add(part.forbidden);
    }
}

/// Hashes what is read.
struct Tee<R> {
    input: R,
    hashing: Rc<RefCell<(Sha256, u64)>>,
}

impl<R: Read> Read for Tee<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        let mut hashing = self.hashing.borrow_mut();
        hashing.0.update(&buffer[..count]);
        hashing.1 += count as u64;
        Ok(count)
    }
}

/// What a file holds, as text if it is written as UTF-16 or packed by gzip.
struct Decoded {
    form: Form,
    input: Box<dyn Read>,
    /// If the input is UTF-16.
    order: Option<Order>,
    /// What gzip says of the files that it packed. A masked file does not say it.
    names: Names,
    /// Where it is cut.
    most: Option<u64>,
    /// Whether it ended because the rest cannot be decoded.
    is_damaged: Rc<Cell<bool>>,
}

/// What can be decoded: damaged content ends where the damage begins, so that what comes before it is looked at.
struct Salvaged<R> {
    input: R,
    is_damaged: Rc<Cell<bool>>,
}

impl<R: Read> Read for Salvaged<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted && error.raw_os_error().is_none() => {
                self.is_damaged.set(true);
                Ok(0)
            }
            read => read,
        }
    }
}

impl Decoded {
    fn of_file(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Self::of(file, size)
    }

    /// `size` is that of the file.
    fn of(mut file: impl Read + 'static, size: u64) -> io::Result<Self> {
        let mut head = Vec::with_capacity(HEAD);
        (&mut file).take(HEAD as u64).read_to_end(&mut head)?;
        let form = form(&head);
        let is_damaged = Rc::default();
        let rest = io::Cursor::new(head.clone()).chain(file);
        let most = most_unpacked(size);
        let (input, order): (Box<dyn Read>, _) = match form {
            Form::Plain | Form::Closed => (Box::new(rest), None),
            Form::Utf16(order) => (Box::new(rest), Some(order)),
            Form::Gzip => {
                let (members, names) = Members::new(rest, &head);
                let unpacked = Salvaged {
                    input: members,
                    is_damaged: Rc::clone(&is_damaged),
                };
                let mut unpacked = unpacked.take(most);
                let mut head = Vec::with_capacity(HEAD);
                (&mut unpacked).take(HEAD as u64).read_to_end(&mut head)?;
                let inner = self::form(&head);
                return Ok(Self {
                    // It is searched, and cannot be written again.
                    form: if inner == Form::Plain { form } else { Form::Closed },
                    input: Box::new(io::Cursor::new(head).chain(unpacked)),
                    order: match inner {
                        Form::Utf16(order) => Some(order),
                        _ => None,
                    },
                    names,
                    most: Some(most),
                    is_damaged,
                });
            }
        };
        Ok(Self {
            form,
            input,
            order,
            names: Names::default(),
            most: None,
            is_damaged,
        })
    }

    /// Without decoding UTF-16, which a program that writes something else may have gone on with.
    fn if_mixed(self, is_mixed: bool) -> Self {
        match self.form {
            Form::Utf16(_) if is_mixed => Self {
                form: Form::Plain,
                order: None,
                ..self
            },
            _ => self,
        }
    }

    fn text(self) -> Box<dyn Read> {
        match self.order {
            Some(order) => Box::new(Utf16::new(self.input, order)),
            None => self.input,
        }
    }
}

/// How much a file of this size may unpack to.
fn most_unpacked(size: u64) -> u64 {
    ALWAYS_UNPACKED
        .max(size.saturating_mul(LARGEST_RATIO))
        .min(LARGEST_UNPACKED)
}

fn form(head: &[u8]) -> Form {
    let utf16 = |is_big_endian, has_mark| {
        Form::Utf16(Order {
            is_big_endian,
            has_mark,
        })
    };
    match head {
        // UTF-32, which few programs write: no character is above 0x10ffff. Otherwise, the zeros are one of UTF-16.
        [0xff, 0xfe, 0, 0, rest @ ..] if rest.chunks_exact(4).all(|unit| unit[3] == 0 && unit[2] <= 0x10) => {
            Form::Closed
        }
        [0, 0, 0xfe, 0xff, ..] => Form::Closed,
        [0xff, 0xfe, ..] => utf16(false, true),
        [0xfe, 0xff, ..] => utf16(true, true),
        [0x1f, 0x8b, ..] => Form::Gzip,
        // zip and what is one (jar, docx), xz, zstandard, bzip2, 7z.
        [b'P', b'K', 3, 4, ..]
        | [0xfd, b'7', b'z', b'X', ..]
        | [0x28, 0xb5, 0x2f, 0xfd, ..]
        | [b'B', b'Z', b'h', _, ..]
        | [b'7', b'z', 0xbc, 0xaf, ..] => Form::Closed,
        // Without a mark, as some programs write it.
        _ if memchr::memchr(0, head).is_none() => Form::Plain,
        _ if is_utf16(head, u16::from_le_bytes) => utf16(false, false),
        _ if is_utf16(head, u16::from_be_bytes) => utf16(true, false),
        _ => Form::Plain,
    }
}

/// Whether all of it is text in this order of bytes, some of it ASCII, which no other text has zeros beside.
fn is_utf16(head: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    let pairs = head.chunks_exact(2);
    let mut chars = char::decode_utf16(pairs.map(|pair| unit([pair[0], pair[1]]))).peekable();
    let (mut all, mut ascii) = (0, 0);
    while let Some(c) = chars.next() {
        match c {
            Ok('\0'..='\x06') => return false,
            Ok(c) => ascii += usize::from(c.is_ascii()),
            // The end of the head may have cut it.
            Err(_) if chars.peek().is_none() => {}
            Err(_) => return false,
        }
        all += 1;
    }
    all >= 2 && ascii * 8 >= all
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::model::scan::{OVERLAP, RuleSet, Source};
    use crate::world::secrets::Redactor;

    struct NoFiles;

    impl Source for NoFiles {
        fn read(&self, _: &str) -> Result<String, String> {
            Err(String::new())
        }
    }

    /// Line and column of every `x-N` in a file with this content.
    fn places(content: &[u8]) -> (Vec<(u64, u64)>, Looked<'static>) {
        let rules = RuleSet::parse("[[rules]]\nid = \"a\"\nregex = \"x-[0-9]{3}\"", &NoFiles).unwrap();
        let rules: &'static RuleSet = Box::leak(Box::new(rules));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        let secrets: &'static Redactor = Box::leak(Box::default());
        let search = Search::new(rules, Some(secrets)).unwrap();
        let (looked, hashed) = look_and_hash(search, "f", file, None, &mut Vec::new(), &|| false).unwrap();
        assert_eq!(hashed, Hashed::of(content));
        let places = looked
            .found
            .first
            .iter()
            .map(|found| (found.line, found.column))
            .collect();
        (places, looked)
    }

    #[test]
    fn a_match_across_the_edge_of_two_parts_is_found_once() {
        for edge in [
            PART - 5,
            PART - 3,
            PART,
            PART + OVERLAP - 2,
            PART + OVERLAP,
            2 * PART - 1,
        ] {
            let mut text = vec![b'.'; 2 * PART + 100];
            text[edge..edge + 5].copy_from_slice(b"x-123");
            text[edge - 1] = b'\n';
            let (found, looked) = places(&text);
            assert_eq!(found, [(2, 1)], "{edge}");
            assert_eq!(looked.bytes, text.len() as u64);
        }
    }

    #[test]
    fn utf16_and_gzip_are_read_as_text() {
        let text = "one\nzwö x-123\n";
        let little: Vec<u8> = [0xfeff]
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = [0xfeff]
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        let utf16 = |is_big_endian| {
            Form::Utf16(Order {
                is_big_endian,
                has_mark: true,
            })
        };
        for (content, form) in [
            (text.as_bytes().to_vec(), Form::Plain),
            (little, utf16(false)),
            (big, utf16(true)),
            (packed.finish().unwrap(), Form::Gzip),
        ] {
            let (found, looked) = places(&content);
            assert_eq!(found, [(2, 5)], "{form:?}");
            assert_eq!(looked.form, form);
        }
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    /// As two programs write to one file, of which each has an encoding of its own.
    #[test]
    fn what_is_not_utf16_in_such_a_file_is_found_as_it_is() {
        let long = wide(&"a line of many\n".repeat(PART / 16));
        let lines = 1 + PART as u64 / 16;
        for (content, place) in [
            // Behind the second byte of the line feed.
            ([wide("\u{feff}one\n"), b"x-123\n".to_vec()].concat(), (2, 2)),
            (
                [b"a\nx-123\n".to_vec(), wide("more than one in eight")].concat(),
                (2, 1),
            ),
            ([wide("\u{feff}"), long, b"x-123".to_vec()].concat(), (lines, 2)),
        ] {
            let (found, looked) = places(&content);
            assert!(matches!(looked.form, Form::Utf16(_)), "{:?}", looked.form);
            assert_eq!(found, [place]);
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            packed.write_all(&content).unwrap();
            let (found, looked) = places(&packed.finish().unwrap());
            assert_eq!((found.as_slice(), looked.form), ([place].as_slice(), Form::Closed));
        }
    }

    #[test]
    fn zeros_behind_the_mark_are_utf32_if_the_rest_is() {
        let utf32: Vec<u8> = "\u{feff}\0a😀"
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect();
        assert_eq!(places(&utf32).1.form, Form::Closed);
        let (found, looked) = places(&wide("\u{feff}\0a\nx-123"));
        assert!(matches!(looked.form, Form::Utf16(_)), "{:?}", looked.form);
        assert_eq!(found, [(2, 1)]);
    }

    #[test]
    fn a_bomb_is_not_unpacked_to_its_end() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        let zeros = vec![0; 1 << 20];
        for _ in 0..80 {
            packed.write_all(&zeros).unwrap();
        }
        let (_, looked) = places(&packed.finish().unwrap());
        assert_eq!(looked.bytes, ALWAYS_UNPACKED);
        assert!(looked.cut.is_some());
    }

    fn base64(text: &[u8]) -> Vec<u8> {
        use ::base64::Engine as _;
        ::base64::engine::general_purpose::STANDARD.encode(text).into_bytes()
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    /// What is not searched is told: a secret may be there.
    #[test]
    fn gzip_in_base64_that_is_too_long_is_told() {
        let held = [vec![b' '; 500 << 10], b"x-123\n".to_vec()].concat();
        let (found, looked) = places(&base64(&gzip(&held)));
        assert_eq!(
            (found.len(), looked.cut),
            (1, None),
            "it is a part of the 1 MiB that is always searched"
        );
        let held = [vec![b' '; 2 << 20], b"x-123\n".to_vec()].concat();
        assert_eq!(places(&base64(&gzip(&held))).1.cut, Some(CUT_BASE64));
        // A log may show the beginning alone.
        let shown = &base64(&gzip(b"x-123 and more of it"))[..32];
        assert_eq!(places(&[shown, b"..."].concat()).1.cut, None);
        // Many in one another.
        let mut bomb = base64(&gzip(&vec![b' '; 50 << 10]));
        for times in [29, 38, 34] {
            let lines = [bomb, b"\n".to_vec()].concat().repeat(times);
            bomb = base64(&gzip(&lines));
        }
        assert_eq!(places(&bomb).1.cut, Some(CUT_BASE64));
        // It goes on behind the part, and cannot be read from there on.
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b" abcdefghijklmno"[(state >> 28) as usize]
        });
        let long: Vec<u8> = noise.take(1 << 20).collect();
        let text = [vec![b'.'; PART - 1000], b"\n".to_vec(), base64(&gzip(&long))].concat();
        assert_eq!(places(&text).1.cut, Some(CUT_BASE64));
    }

    #[test]
    fn the_names_of_all_members_are_searched() {
        let member = |name: &str, comment: &str, content: &[u8]| {
            let mut packed = flate2::GzBuilder::new();
            if !name.is_empty() {
                packed = packed.filename(name);
            }
            if !comment.is_empty() {
                packed = packed.comment(comment);
            }
            let mut packed = packed.write(Vec::new(), Compression::default());
            packed.write_all(content).unwrap();
            packed.finish().unwrap()
        };
        let mut extra = flate2::GzBuilder::new()
            .extra("x-123")
            .write(Vec::new(), Compression::default());
        extra.write_all(b"a").unwrap();
        let with_extra = extra.finish().unwrap();
        let noise = vec![b'.'; PART + 100];
        for members in [
            vec![member("x-123.log", "", b"a")],
            vec![member("a", "", b"a"), member("x-123.log", "", b"b")],
            vec![
                member("", "", &noise),
                member("a", "x-123", &noise),
                member("", "", b"b"),
            ],
            // Of one that holds nothing, and of a long one that comes again and again.
            vec![member("", "", b"a"), member("x-123", "", b""), member("", "", b"b")],
            vec![member(&format!("{}x-123", "a/".repeat(1000)), "", b"a"); 1000],
            vec![with_extra],
        ] {
            let (found, looked) = places(&members.concat());
            assert_eq!((found.len(), looked.cut), (1, None));
        }
        let names: Vec<u8> = (0..200)
            .flat_map(|number| member(&number.to_string().repeat(4000), "", b"a"))
            .collect();
        assert_eq!(places(&names).1.cut, Some("it is damaged"));
    }

    #[test]
    fn what_comes_before_damage_is_found() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(b"x-123\n").unwrap();
        // Noise, so that the file has a part that can be cut.
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(1 << 20)
        .collect();
        packed.write_all(&noise).unwrap();
        let packed = packed.finish().unwrap();
        let (found, looked) = places(&packed[..packed.len() / 2]);
        assert_eq!(found.first(), Some(&(1, 1)));
        assert_eq!(looked.cut, Some("it is damaged"));
    }

    #[test]
    fn what_is_behind_damage_is_found_as_it_is() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(b"fine\n").unwrap();
        let mut file = packed.finish().unwrap();
        file.extend_from_slice(b" x-123 \n");
        let (found, looked) = places(&file);
        assert_eq!((found.len(), looked.cut), (1, Some("it is damaged")));
    }
}
