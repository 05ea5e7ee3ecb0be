//! XML 1.0, read strictly: a page that only looks like it, as most HTML does, is text like any other.

use super::{Class, Malformed, text};

/// Deeper than this, and longer names, are in no report.
const DEEPEST: usize = 1_000;
const LONGEST_NAME: usize = 1_000;
/// `&#x10ffff;`, and what names of entities have.
const LONGEST_ENTITY: u8 = 32;

#[derive(Debug, Default)]
pub struct Xml {
    state: State,
    /// Names of the elements that are open.
    open: Vec<Vec<u8>>,
    /// The name or the beginning of markup that is being read.
    word: Vec<u8>,
    /// The last bytes, to know where a comment, a section or an instruction ends.
    last: [u8; 2],
    has_root: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// `<`
    Markup,
    /// `<!`
    Declaration,
    Open,
    InTag,
    Attribute,
    AfterAttribute,
    BeforeValue,
    Value(u8),
    AfterValue,
    /// `/` at the end of a tag.
    Empty,
    Close,
    AfterClose,
    Comment,
    Cdata,
    /// The target, then what it is told.
    Instruction(bool),
    /// How many brackets are open, and in which quote it is.
    Doctype(u8, u8),
    /// In which quote, if in one, and how long it is.
    Entity(u8, u8),
}

impl Xml {
    pub fn read(&mut self, byte: u8, classes: &mut Vec<Class>) -> Result<(), Malformed> {
        let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let named = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':') || byte >= 0x80;
        let begins = named && !byte.is_ascii_digit() && !matches!(byte, b'-' | b'.');
        let ends_in = |end: [u8; 3]| [self.last[0], self.last[1], byte] == end;
        let (class, state) = match self.state {
            State::Text if byte == b'<' => {
                self.word.clear();
                (Class::Structure, State::Markup)
            }
            State::Text if self.open.is_empty() => match byte {
                // A byte order mark.
                0xef | 0xbb | 0xbf if !self.has_root => (Class::Structure, State::Text),
                _ if blank => (Class::Structure, State::Text),
                _ => return Err(Malformed),
            },
            State::Text if ends_in(*b"]]>") => return Err(Malformed),
            State::Text if byte == b'&' => (Class::Text, State::Entity(0, 0)),
            State::Text => (text(byte), State::Text),
            State::Markup => match byte {
                b'!' => (Class::Structure, State::Declaration),
                b'?' => (Class::Structure, State::Instruction(false)),
                b'/' => (Class::Structure, State::Close),
                _ if begins && (self.open.len() < DEEPEST && !(self.open.is_empty() && self.has_root)) => {
                    self.has_root = true;
                    self.word.push(byte);
                    (Class::Name, State::Open)
                }
                _ => return Err(Malformed),
            },
            State::Open if named => {
                self.more(byte)?;
                (Class::Name, State::Open)
            }
            State::Open | State::InTag | State::AfterValue => match byte {
                b'>' => {
                    self.open.push(self.word.clone());
                    (Class::Structure, State::Text)
                }
                b'/' => (Class::Structure, State::Empty),
                _ if blank => (Class::Structure, State::InTag),
                _ if begins && self.state == State::InTag => (Class::Name, State::Attribute),
                _ => return Err(Malformed),
            },
            State::Empty if byte == b'>' => (Class::Structure, State::Text),
            State::Attribute if named => (Class::Name, State::Attribute),
            State::Attribute | State::AfterAttribute if byte == b'=' => (Class::Structure, State::BeforeValue),
            State::Attribute | State::AfterAttribute if blank => (Class::Structure, State::AfterAttribute),
            State::BeforeValue if blank => (Class::Structure, State::BeforeValue),
            State::BeforeValue if matches!(byte, b'"' | b'\'') => (Class::Structure, State::Value(byte)),
            State::Value(quote) if byte == quote => (Class::Structure, State::AfterValue),
            State::Value(quote) if byte == b'&' => (Class::Text, State::Entity(quote, 0)),
            State::Value(quote) if byte != b'<' => (text(byte), State::Value(quote)),
            State::Entity(0, 1..) if byte == b';' => (Class::MoreText, State::Text),
            State::Entity(quote, 1..) if byte == b';' => (Class::MoreText, State::Value(quote)),
            State::Entity(quote, length) if length < LONGEST_ENTITY && (named || byte == b'#') => {
                (Class::MoreText, State::Entity(quote, length + 1))
            }
            State::Close if named => {
                self.more(byte)?;
                (Class::Name, State::Close)
            }
            State::Close | State::AfterClose if byte == b'>' => {
                if self.open.pop().as_ref() != Some(&self.word) {
                    return Err(Malformed);
                }
                (Class::Structure, State::Text)
            }
            State::Close | State::AfterClose if blank => (Class::Structure, State::AfterClose),
            State::Declaration => {
                self.more(byte)?;
                let state = match &*self.word {
                    b"--" => State::Comment,
                    b"[CDATA[" if !self.open.is_empty() => State::Cdata,
                    b"DOCTYPE" if !self.has_root => State::Doctype(0, 0),
                    word if [&b"--"[..], b"[CDATA[", b"DOCTYPE"]
                        .iter()
                        .any(|all| all.starts_with(word)) =>
                    {
                        State::Declaration
                    }
                    _ => return Err(Malformed),
                };
                if state != State::Declaration {
                    self.last = [0; 2];
                    classes.push(Class::Structure);
                    self.state = state;
                    return Ok(());
                }
                (Class::Structure, state)
            }
            State::Comment => self.until(ends_in(*b"-->"), 2, byte, classes),
            State::Cdata => self.until(ends_in(*b"]]>"), 2, byte, classes),
            State::Instruction(told) => {
                let is_over = self.last[1] == b'?' && byte == b'>' && !self.word.is_empty();
                if told && self.word != b"xml" {
                    self.until(is_over, 1, byte, classes)
                } else if is_over {
                    (Class::Structure, State::Text)
                } else if told || blank {
                    (Class::Structure, State::Instruction(true))
                } else {
                    self.more(byte)?;
                    (Class::Structure, State::Instruction(false))
                }
            }
            State::Doctype(brackets, quote) => match byte {
                _ if quote != 0 => match byte == quote {
                    true => (Class::Structure, State::Doctype(brackets, 0)),
                    false => (text(byte), State::Doctype(brackets, quote)),
                },
                b'"' | b'\'' => (Class::Structure, State::Doctype(brackets, byte)),
                b'[' if brackets == 0 => (Class::Structure, State::Doctype(1, 0)),
                b']' if brackets == 1 => (Class::Structure, State::Doctype(0, 0)),
                b'>' if brackets == 0 => (Class::Structure, State::Text),
                _ => (Class::Structure, State::Doctype(brackets, 0)),
            },
            _ => return Err(Malformed),
        };
        // What ends text, and what begins it, is not a part of it.
        self.last = if self.state == state || state != State::Text {
            [self.last[1], byte]
        } else {
            [0; 2]
        };
        self.state = state;
        classes.push(class);
        Ok(())
    }

    fn more(&mut self, byte: u8) -> Result<(), Malformed> {
        self.word.push(byte);
        (self.word.len() <= LONGEST_NAME).then_some(()).ok_or(Malformed)
    }

    /// Text up to a mark, whose first bytes were taken for text.
    fn until(&self, is_over: bool, mark: usize, byte: u8, classes: &mut [Class]) -> (Class, State) {
        if !is_over {
            return (text(byte), self.state);
        }
        let from = classes.len().saturating_sub(mark);
        classes[from..].fill(Class::Structure);
        (Class::Structure, State::Text)
    }

    pub fn ends(&self) -> bool {
        self.state == State::Text && self.open.is_empty() && self.has_root
    }
}
