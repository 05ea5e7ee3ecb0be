//! JSON (RFC 8259) that is known to be valid, one value or many.

use super::{Class, text};

#[derive(Debug, Default)]
pub struct Json {
    state: State,
    /// What the digits of `\u` have been so far.
    code: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Between,
    Bare,
    String,
    /// Behind a backslash; whether it may be the second of a pair.
    Escape(bool),
    /// So many digits are left.
    Digits(u8, bool),
    /// The second of a pair comes, if there is one.
    Pair,
}

impl Json {
    pub fn class(&mut self, byte: u8) -> Class {
        let (class, state) = match self.state {
            State::Between | State::Bare => match byte {
                b'"' => (Class::Structure, State::String),
                b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\t' | b'\n' | b'\r' => {
                    (Class::Structure, State::Between)
                }
                _ if self.state == State::Bare => (Class::MoreBare, State::Bare),
                _ => (Class::Bare, State::Bare),
            },
            State::Pair if byte == b'\\' => (Class::MoreText, State::Escape(true)),
            State::String | State::Pair => match byte {
                b'"' => (Class::Structure, State::Between),
                b'\\' => (Class::Text, State::Escape(false)),
                _ => (text(byte), State::String),
            },
            State::Escape(second) if byte == b'u' => {
                self.code = 0;
                (Class::MoreText, State::Digits(4, second))
            }
            State::Escape(_) => (Class::MoreText, State::String),
            State::Digits(left, second) => {
                self.code = self.code << 4 | char::from(byte).to_digit(16).unwrap_or_default();
                let is_half = !second && (0xd800..0xdc00).contains(&self.code);
                let next = match left {
                    1 if is_half => State::Pair,
                    1 => State::String,
                    _ => State::Digits(left - 1, second),
                };
                (Class::MoreText, next)
            }
        };
        self.state = state;
        class
    }

    pub fn ends(&self) -> bool {
        matches!(self.state, State::Between | State::Bare)
    }
}
