//! Tar files, as POSIX (ustar and pax), GNU and older programs write them.
//!
//! Source: IEEE Std 1003.1-2017, `pax`, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".

use std::io::{self, Read as _};

use super::Unpacking;
use super::peek::Peek;

pub const BLOCK: usize = 512;
/// Of a long name or of pax records.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Whether a tar file begins so: the sum of a header is in it.
pub fn is_header(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<BLOCK>() else {
        return false;
    };
    let sum = |signed: bool| -> i64 {
        let bytes = block
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        bytes
            .map(|byte| {
                if signed {
                    i64::from(byte.cast_signed())
                } else {
                    i64::from(byte)
                }
            })
            .sum()
    };
    let told = number(&block[148..156]).and_then(|told| i64::try_from(told).ok());
    // Of nothing but zeros, the sum is that of eight spaces, which no number in it tells.
    block[0] != 0 && told.is_some_and(|told| told == sum(false) || told == sum(true))
}

/// Octal digits, or, as GNU writes what is larger, binary.
fn number(field: &[u8]) -> Option<u64> {
    if let [first, rest @ ..] = field
        && first & 0x80 != 0
    {
        let digits = std::iter::once(first & 0x7f).chain(rest.iter().copied());
        return digits
            .into_iter()
            .try_fold(0_u64, |value, digit| value.checked_mul(256)?.checked_add(digit.into()));
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    if text.is_empty() {
        return Some(0);
    }
    u64::from_str_radix(text, 8).ok()
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// What comes before a header and is about its file.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extension {
    /// Records are `LENGTH KEY=VALUE\n`, where LENGTH counts all of it.
    fn read_pax(&mut self, mut records: &[u8]) {
        while let Some(space) = records.iter().position(|byte| *byte == b' ') {
            let length = std::str::from_utf8(&records[..space])
                .ok()
                .and_then(|digits| digits.parse().ok());
            let Some(record) = length.and_then(|length: usize| records.get(space + 1..length)) else {
                return;
            };
            let record = record.strip_suffix(b"\n").unwrap_or(record);
            if let Some(name) = record
                .strip_prefix(b"path=")
                .or(record.strip_prefix(b"GNU.sparse.name="))
            {
                self.name = Some(name.to_vec());
            } else if let Some(size) = record.strip_prefix(b"size=") {
                self.size = std::str::from_utf8(size).ok().and_then(|digits| digits.parse().ok());
            }
            records = &records[length.unwrap_or(records.len())..];
        }
    }
}

impl Unpacking<'_> {
    pub fn tar(&mut self, path: &str, input: &mut Peek<'_>, depth: usize) -> io::Result<()> {
        let mut extension = Extension::default();
        while !self.is_full(path) {
            let head = input.peek(BLOCK)?;
            if !is_header(head) {
                // The end is a block of zeros. Some programs leave it out.
                if !head.is_empty() && head.iter().any(|byte| *byte != 0) {
                    self.cut(path, "it is damaged, and was scanned as it is from there on");
                }
                break;
            }
            let head = head.to_vec();
            let Some(mut size) = number(&head[124..136]) else {
                self.cut(path, "it is damaged, and was scanned as it is from there on");
                break;
            };
            input.skip(BLOCK as u64)?;
            (self.visit)(path, &mut &head[..])?;
            let kind = head[156];
            match kind {
                b'x' | b'g' | b'L' | b'K' => {
                    let mut content = Vec::new();
                    input
                        .by_ref()
                        .take(size.min(LONGEST_EXTENSION))
                        .read_to_end(&mut content)?;
                    match kind {
                        b'x' => extension.read_pax(&content),
                        b'L' => extension.name = Some(text(&content).to_vec()),
                        _ => {}
                    }
                    (self.visit)(path, &mut &content[..])?;
                    if !input.skip((size - content.len() as u64).saturating_add(padding(size)))? {
                        self.cut(path, "it ends early");
                        return Ok(());
                    }
                    continue;
                }
                // Links, devices, folders and pipes have no content, whatever their size.
                b'1'..=b'6' => size = 0,
                b'S' => {
                    let mut is_extended = head[482] == 1;
                    while is_extended {
                        let Some(block) = input.take_all(BLOCK)? else { break };
                        is_extended = block[504] == 1;
                    }
                }
                _ => {}
            }
            let Extension { name, size: told } = std::mem::take(&mut extension);
            let size = told.filter(|_| size > 0 || kind == b'0').unwrap_or(size);
            let name = name.unwrap_or_else(|| name_of(&head));
            let mut content = input.by_ref().take(size);
            if size > 0 {
                self.member(path, &name, &mut content, depth)?;
            }
            let left = content.limit();
            if !input.skip(left.saturating_add(padding(size)))? && size > 0 {
                self.cut(&super::inside(path, &name), "it ends early");
                return Ok(());
            }
        }
        (self.visit)(path, input)
    }
}

fn padding(size: u64) -> u64 {
    let block = BLOCK as u64;
    (block - size % block) % block
}

fn name_of(head: &[u8]) -> Vec<u8> {
    let name = text(&head[..100]);
    match text(&head[345..500]) {
        prefix if !prefix.is_empty() && &head[257..263] == b"ustar\0" => [prefix, b"/", name].concat(),
        _ => name.to_vec(),
    }
}
