//! Files for a scan: read in parts, so that memory does not grow with their size, and as text where they are written
//! otherwise.

mod inside;
mod utf16;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use crate::model::scan::{Found, OVERLAP, RuleSet, Scan};
pub use inside::{Inside, Text, look_inside};
use utf16::Utf16;

/// How much is looked at in one go.
const PART: usize = 2 << 20;
/// What a compressed file may become, in bytes and compared with its size: a bomb ends here.
const LARGEST_UNPACKED: u64 = 4 << 30;
const LARGEST_RATIO: u64 = 200;
/// Below this the ratio is not asked: a log of one repeated line has a high one.
const ALWAYS_UNPACKED: u64 = 64 << 20;

/// How the content is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Its bytes are looked at as they are.
    Plain,
    Utf16,
    Gzip,
    /// An archive whose parts are compressed, which is looked at as it is and so hides what it holds.
    Closed,
}

/// What a file came to.
pub struct Looked<'r> {
    pub found: Vec<Found<'r>>,
    pub form: Form,
    /// That were looked at, decoded.
    pub bytes: u64,
    /// Why not all of it was looked at.
    pub cut: Option<&'static str>,
}

/// Looks through a file. `stop` ends it early.
///
/// # Errors
/// The file cannot be read.
pub fn look_through<'r>(rules: &'r RuleSet, path: &str, file: File, stop: &dyn Fn() -> bool) -> io::Result<Looked<'r>> {
    let Decoded {
        form,
        input,
        most,
        is_damaged,
    } = Decoded::of(file)?;
    let mut scan = Scan::new(rules, path);
    let (found, bytes) = in_parts(&mut scan, input, stop)?;
    Ok(Looked {
        found,
        form,
        bytes,
        cut: if is_damaged.get() {
            Some("it is damaged")
        } else {
            (Some(bytes) == most).then_some("it unpacks to more than is looked at")
        },
    })
}

/// What a file holds, as text if it is written as UTF-16 or packed by gzip.
///
/// # Errors
/// The file cannot be read.
pub fn decoded(file: File) -> io::Result<Box<dyn Read>> {
    Ok(Decoded::of(file)?.input)
}

struct Decoded {
    form: Form,
    input: Box<dyn Read>,
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
    fn of(mut file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut head = Vec::with_capacity(4);
        (&mut file).take(4).read_to_end(&mut head)?;
        let form = form(&head);
        let is_damaged = Rc::default();
        let rest = io::Cursor::new(head).chain(file);
        let most = most_unpacked(size);
        let input: Box<dyn Read> = match form {
            Form::Plain | Form::Closed => Box::new(rest),
            Form::Utf16 => Box::new(Utf16::new(rest)),
            Form::Gzip => {
                let unpacked = Salvaged {
                    input: MultiGzDecoder::new(rest),
                    is_damaged: Rc::clone(&is_damaged),
                };
                let mut unpacked = unpacked.take(most);
                let mut head = Vec::with_capacity(4);
                (&mut unpacked).take(4).read_to_end(&mut head)?;
                let is_packed_again = matches!(self::form(&head), Form::Gzip | Form::Closed);
                return Ok(Self {
                    form: if is_packed_again { Form::Closed } else { form },
                    input: Box::new(io::Cursor::new(head).chain(unpacked)),
                    most: Some(most),
                    is_damaged,
                });
            }
        };
        Ok(Self {
            form,
            input,
            most: None,
            is_damaged,
        })
    }
}

/// How much a file of this size may unpack to.
fn most_unpacked(size: u64) -> u64 {
    ALWAYS_UNPACKED
        .max(size.saturating_mul(LARGEST_RATIO))
        .min(LARGEST_UNPACKED)
}

fn form(head: &[u8]) -> Form {
    match head {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Form::Utf16,
        [0x1f, 0x8b, ..] => Form::Gzip,
        // zip and what is one (jar, docx), xz, zstandard, bzip2, 7z.
        [b'P', b'K', 3, 4]
        | [0xfd, b'7', b'z', b'X']
        | [0x28, 0xb5, 0x2f, 0xfd]
        | [b'B', b'Z', b'h', _]
        | [b'7', b'z', 0xbc, 0xaf] => Form::Closed,
        _ => Form::Plain,
    }
}

fn in_parts<'r>(
    scan: &mut Scan<'r>,
    mut input: impl Read,
    stop: &dyn Fn() -> bool,
) -> io::Result<(Vec<Found<'r>>, u64)> {
    let mut found = Vec::new();
    let mut window: Vec<u8> = Vec::new();
    // Where the window begins in the file, and how much of it was looked at.
    let (mut at, mut done) = (0_u64, 0_usize);
    loop {
        let missing = (done + PART + OVERLAP).saturating_sub(window.len()) as u64;
        let read = input.by_ref().take(missing).read_to_end(&mut window)?;
        let is_last = (read as u64) < missing;
        let end = if is_last { window.len() } else { window.len() - OVERLAP };
        found.extend(scan.look(&window, at, done..end));
        if is_last || stop() {
            return Ok((found, at + end as u64));
        }
        let past = end.saturating_sub(OVERLAP);
        window.drain(..past);
        at += past as u64;
        done = end - past;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::model::scan::Source;

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
        let looked = look_through(rules, "f", file, &|| false).unwrap();
        let places = looked.found.iter().map(|found| (found.line, found.column)).collect();
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
        for (content, form) in [
            (text.as_bytes().to_vec(), Form::Plain),
            (little, Form::Utf16),
            (big, Form::Utf16),
            (packed.finish().unwrap(), Form::Gzip),
        ] {
            let (found, looked) = places(&content);
            assert_eq!(found, [(2, 5)], "{form:?}");
            assert_eq!(looked.form, form);
        }
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
        assert_eq!(found, [(1, 1)]);
        assert_eq!(looked.cut, Some("it is damaged"));
    }
}
