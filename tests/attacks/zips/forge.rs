//! A zip taken apart into every field that a tool may believe, and put together again.

/// One entry. Both headers say the same unless a field for one of them says otherwise.
#[derive(Clone, Default)]
pub struct Entry {
    pub name: Vec<u8>,
    pub central_name: Option<Vec<u8>>,
    pub flags: u16,
    pub local_flags: Option<u16>,
    pub made_by: u16,
    pub version: u16,
    pub local_version: Option<u16>,
    pub method: u16,
    pub time: u32,
    pub local_time: Option<u32>,
    pub crc: u32,
    /// CRC-32, packed size and size before the content.
    pub local_sizes: Option<(u32, u32, u32)>,
    pub packed: Vec<u8>,
    pub size: u32,
    pub local_extra: Vec<u8>,
    pub extra: Vec<u8>,
    pub comment: Vec<u8>,
    pub disk: u16,
    pub internal: u16,
    pub external: u32,
    /// What comes after the content, such as a data descriptor.
    pub behind: Vec<u8>,
    /// Where the directory says that it begins, if not where it does.
    pub offset: Option<u32>,
}

#[derive(Clone, Default)]
pub struct Zip {
    pub before: Vec<u8>,
    pub entries: Vec<Entry>,
    pub before_directory: Vec<u8>,
    pub comment: Vec<u8>,
    pub behind: Vec<u8>,
    pub disk: u16,
    /// Added to the number of entries that the end says.
    pub more_entries: u16,
}

impl Zip {
    /// Takes apart what evidence-bundle wrote.
    pub fn of(bytes: &[u8]) -> Self {
        let at16 = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
        let at32 = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let mut zip = Self::default();
        let mut at = at32(bytes.len() - 6) as usize;
        while at32(at) == 0x0201_4b50 {
            let (length, packed, local) = (at16(at + 28) as usize, at32(at + 20) as usize, at32(at + 42) as usize);
            let begin = local + 30 + length;
            zip.entries.push(Entry {
                name: bytes[at + 46..at + 46 + length].to_vec(),
                flags: at16(at + 8),
                made_by: at16(at + 4),
                version: at16(at + 6),
                method: at16(at + 10),
                time: at32(at + 12),
                crc: at32(at + 16),
                packed: bytes[begin..begin + packed].to_vec(),
                size: at32(at + 24),
                external: at32(at + 38),
                ..Entry::default()
            });
            at += 46 + length;
        }
        zip
    }

    pub fn entry(&mut self, name: &str) -> &mut Entry {
        let entry = self.entries.iter_mut().find(|entry| entry.name == name.as_bytes());
        entry.unwrap()
    }

    /// A stored file that is not in the manifest.
    pub fn add(&mut self, name: &str, content: &[u8]) -> &mut Entry {
        let like = self.entries[0].clone();
        self.entries.push(Entry {
            name: name.into(),
            method: 0,
            crc: crc32fast::hash(content),
            packed: content.to_vec(),
            size: u32::try_from(content.len()).unwrap(),
            ..like
        });
        self.entries.sort_by(|a, b| a.name.cmp(&b.name));
        self.entry(name)
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        let mut directory = Vec::new();
        for entry in &self.entries {
            let packed = u32::try_from(entry.packed.len()).unwrap();
            let sizes = (entry.crc, packed, entry.size);
            let offset = u32::try_from(out.len()).unwrap();
            let (local_crc, local_packed, local_size) = entry.local_sizes.unwrap_or(sizes);
            put(
                &mut out,
                &[
                    (0x0403_4b50, 4),
                    (entry.local_version.unwrap_or(entry.version).into(), 2),
                ],
            );
            put(
                &mut out,
                &[
                    (entry.local_flags.unwrap_or(entry.flags).into(), 2),
                    (entry.method.into(), 2),
                ],
            );
            put(
                &mut out,
                &[
                    (entry.local_time.unwrap_or(entry.time), 4),
                    (local_crc, 4),
                    (local_packed, 4),
                ],
            );
            put(
                &mut out,
                &[
                    (local_size, 4),
                    (length(&entry.name), 2),
                    (length(&entry.local_extra), 2),
                ],
            );
            for part in [&entry.name, &entry.local_extra, &entry.packed, &entry.behind] {
                out.extend(part);
            }
            let name = entry.central_name.as_ref().unwrap_or(&entry.name);
            let to = &mut directory;
            put(
                to,
                &[(0x0201_4b50, 4), (entry.made_by.into(), 2), (entry.version.into(), 2)],
            );
            put(
                to,
                &[
                    (entry.flags.into(), 2),
                    (entry.method.into(), 2),
                    (entry.time, 4),
                    (entry.crc, 4),
                ],
            );
            put(
                to,
                &[
                    (packed, 4),
                    (entry.size, 4),
                    (length(name), 2),
                    (length(&entry.extra), 2),
                ],
            );
            put(
                to,
                &[
                    (length(&entry.comment), 2),
                    (entry.disk.into(), 2),
                    (entry.internal.into(), 2),
                ],
            );
            put(to, &[(entry.external, 4), (entry.offset.unwrap_or(offset), 4)]);
            for part in [name, &entry.extra, &entry.comment] {
                directory.extend(part);
            }
        }
        out.extend(&self.before_directory);
        let offset = u32::try_from(out.len()).unwrap();
        let entries = u32::try_from(self.entries.len()).unwrap() + u32::from(self.more_entries);
        out.extend(&directory);
        put(
            &mut out,
            &[
                (0x0605_4b50, 4),
                (self.disk.into(), 2),
                (0, 2),
                (entries, 2),
                (entries, 2),
            ],
        );
        let size = u32::try_from(directory.len()).unwrap();
        put(&mut out, &[(size, 4), (offset, 4), (length(&self.comment), 2)]);
        out.extend(&self.comment);
        out.extend(&self.behind);
        out
    }
}

/// Values with the number of bytes that they take.
fn put(out: &mut Vec<u8>, values: &[(u32, usize)]) {
    for (value, length) in values {
        out.extend(&value.to_le_bytes()[..*length]);
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

/// An extra field.
pub fn extra(id: u16, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, &[(id.into(), 2), (length(content), 2)]);
    out.extend(content);
    out
}

/// Info-ZIP's "Unicode path": tools that know it believe it instead of the name.
pub fn unicode_path(name: &[u8], instead: &[u8]) -> Vec<u8> {
    let content = [&[1][..], &crc32fast::hash(name).to_le_bytes(), instead].concat();
    extra(0x7075, &content)
}
