//! Reading a zip that anybody may have made. It is believed only if it is, to the byte, what [`pack`](super::pack()) would
//! write from what it holds: then no tool can see anything else in it. Of the deflate streams only the end and the
//! content are judged, since the next zlib may pack in another way.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::content::{Content, Section};
use super::record::{BadEnd, CENTRAL_LENGTH, Directory, LONGEST_END, Record};
use crate::model::evidence::{LARGEST_TEXT, is_safe};
use crate::model::manifest::path_problem;
use crate::world::files::{self, Links};
use crate::world::hash::{self, Hashed, Scratch, Stop};
use crate::world::stamp::Stamp;

/// Every name is also in the manifest, beside a hash that is longer than the rest of an entry here. So no seal writes a
/// larger directory, and no other is read into memory.
const LARGEST_DIRECTORY: u64 = 2 * LARGEST_TEXT;

/// One file in the zip.
#[derive(Clone, Debug)]
pub struct Member(Record);

impl Member {
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    pub fn is_executable(&self) -> bool {
        self.0.executable
    }
}

/// Why a zip is not looked into.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is not a complete zip file: its last bytes are not the end of one")]
    NotAZip,
    #[error("evidence-bundle did not write this zip: {0}")]
    Foreign(String),
}

/// An open zip. Everything that is read from it is read from one open file, whatever its path leads to meanwhile.
pub struct Archive {
    file: File,
    opened: Stamp,
    members: Vec<Member>,
}

impl Archive {
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::of(files::open(path, Links::Refuse)?)
    }

    fn of(file: File) -> Result<Self, OpenError> {
        let meta = file.metadata()?;
        let opened = Stamp::of(&meta);
        let members = read_directory(&file, meta.len())?;
        Ok(Self { file, opened, members })
    }

    /// Sorted by the bytes of their names, none of them twice.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Hashes one file, without ever holding more than a buffer of it.
    pub fn hash(&self, member: &Member, scratch: &mut Scratch, stop: Stop<'_>) -> io::Result<Hashed> {
        hash::hash_stream(self.content(member)?, member.size(), scratch, stop)
    }

    /// The content of one file of at most `limit` bytes.
    pub fn read(&self, member: &Member, limit: u64) -> io::Result<Vec<u8>> {
        if member.size() > limit {
            return Err(io::Error::other(format!("it is larger than {limit} bytes")));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(member.size()).map_err(io::Error::other)?);
        self.content(member)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Hashes the zip itself.
    pub fn hash_whole(&self, stop: Stop<'_>) -> io::Result<Hashed> {
        hash::hash_open(&self.file, stop)
    }

    /// The zip itself, to be read from its beginning.
    pub fn file(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        io::Seek::rewind(&mut file)?;
        Ok(file)
    }

    /// Whether somebody wrote to the file since it was opened.
    pub fn has_changed(&self) -> io::Result<bool> {
        Ok(Stamp::of(&self.file.metadata()?) != self.opened)
    }

    /// The content of one file, from its beginning. Its end is an error unless all of it is what the zip says.
    pub fn content(&self, member: &Member) -> io::Result<Content<'_>> {
        let record = &member.0;
        let mut header = vec![0; record.local().len()];
        self.file.read_exact_at(&mut header, record.offset)?;
        record.compare_local(&header).map_err(|field| {
            let message = format!("the {field} before its content is not as evidence-bundle writes it");
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        let begin = record.offset + header.len() as u64;
        Ok(Content::new(record, Section::new(&self.file, begin, record.packed)))
    }
}

/// The entries, if they are as they would be written and lie one after the other from the first byte to the directory.
fn read_directory(file: &File, length: u64) -> Result<Vec<Member>, OpenError> {
    let mut tail = Vec::new();
    Section::new(file, length.saturating_sub(LONGEST_END), LONGEST_END).read_to_end(&mut tail)?;
    let directory = Directory::of_end(&tail, length).map_err(|error| match error {
        BadEnd::Missing => OpenError::NotAZip,
        BadEnd::Foreign => foreign("its end is not as evidence-bundle writes it"),
    })?;
    if directory.size > LARGEST_DIRECTORY {
        return Err(foreign(format!("its directory has {} bytes", directory.size)));
    }
    let mut from = BufReader::with_capacity(64 * 1024, Section::new(file, directory.offset, directory.size));
    let mut members: Vec<Member> = Vec::new();
    let mut left = directory.size;
    let mut at = 0;
    while left > 0 {
        let record = next_record(&mut from, &mut left, at)?;
        if let Some(Member(before)) = members.last()
            && before.name >= record.name
        {
            let name = &record.name;
            return Err(foreign(if before.name == *name {
                format!("{name} is in it twice")
            } else {
                format!("{name} comes after {}, which it should come before", before.name)
            }));
        }
        at = record
            .offset
            .checked_add(record.local().len() as u64)
            .and_then(|content| content.checked_add(record.packed))
            .ok_or_else(|| foreign(format!("{} is too large", record.name)))?;
        members.push(Member(record));
    }
    if at != directory.offset {
        return Err(foreign("the directory does not follow the last file"));
    }
    if members.len() as u64 != directory.entries {
        let (has, says) = (members.len(), directory.entries);
        return Err(foreign(format!("it claims {says} files, but has {has}")));
    }
    if let Some(name) = file_and_folder(&members) {
        return Err(foreign(format!("{name} is a file and a folder in it")));
    }
    Ok(members)
}

/// The next entry, which must be the one at `at`.
fn next_record(from: &mut impl io::Read, left: &mut u64, at: u64) -> Result<Record, OpenError> {
    let cut = || foreign("its directory is truncated");
    let mut bytes = vec![0; CENTRAL_LENGTH];
    let mut take = |bytes: &mut [u8]| {
        *left = left.checked_sub(bytes.len() as u64).ok_or_else(cut)?;
        from.read_exact(bytes).map_err(OpenError::Io)
    };
    take(&mut bytes)?;
    bytes.resize(CENTRAL_LENGTH + Record::rest_of_central(&bytes), 0);
    take(&mut bytes[CENTRAL_LENGTH..])?;
    let record = Record::of_central(&bytes).map_err(|field| {
        let name = Record::name_in_central(&bytes);
        foreign(format!("the {field} of {name:?} is not as evidence-bundle writes it"))
    })?;
    let name = &record.name;
    if let Some(problem) = path_problem(name) {
        return Err(foreign(format!("{name:?} {problem}")));
    }
    if !is_safe(name) {
        return Err(foreign(format!("{name:?} is not a name that every system can store")));
    }
    if record.offset != at {
        return Err(foreign(format!("{name} does not begin where the file before it ends")));
    }
    Ok(record)
}

/// A name that is also the folder of another one. `members` are sorted.
fn file_and_folder(members: &[Member]) -> Option<&str> {
    let begins_the_next = members.windows(2).map(|pair| (pair[0].name(), pair[1].name()));
    let mut suspects = begins_the_next
        .filter(|(name, next)| next.starts_with(name))
        .map(|(name, _)| name);
    // Between `a` and `a/b` there may be `a.log`.
    suspects.find(|name| {
        let folder = format!("{name}/");
        let first = members.partition_point(|member| *member.name() < *folder);
        members
            .get(first)
            .is_some_and(|member| member.name().starts_with(&folder))
    })
}

fn foreign(message: impl Into<String>) -> OpenError {
    OpenError::Foreign(message.into())
}

#[cfg(test)]
mod tests;
