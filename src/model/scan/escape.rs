//! The escapes of URLs, JSON, XML, HTML, shells and terminals.

/// What begins a change of color, which stands for no character.
pub const COLOR: u32 = 0x1b;

/// The length of the escape at the beginning of some text, and the character that it stands for. A terminal sequence is one
/// escape, however its ESC is written.
pub fn read(text: &[u8]) -> Option<(usize, u32)> {
    let hex = |from: usize, count: usize| number(text.get(from..from + count)?, 16);
    let (length, code) = match text {
        [b'%', ..] => (3, hex(1, 2)?),
        [b'\\', b'u', ..] => (6, hex(2, 4)?),
        [b'\\', b'x', ..] => (4, hex(2, 2)?),
        [b'\\', b'0', b'3', b'3', ..] => (4, COLOR),
        [b'\\', b'e', ..] => (2, COLOR),
        [b'\\', b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v', ..] => (2, u32::from(b' ')),
        [b'\\', b'/', ..] => (2, u32::from(b'/')),
        [0x1b, ..] => (1, COLOR),
        [b'&', b'a', b'm', b'p', b';', ..] => (5, u32::from(b'&')),
        [b'&', b'#', reference @ ..] => {
            let reference = &reference[..reference.iter().take(8).position(|byte| *byte == b';')?];
            let code = match reference {
                [b'x' | b'X', digits @ ..] => number(digits, 16)?,
                digits => number(digits, 10)?,
            };
            (reference.len() + 3, code)
        }
        _ => return None,
    };
    let rest = if code == COLOR { sequence(&text[length..]) } else { 0 };
    Some((length + rest, code))
}

/// The length of a control sequence without its ESC; 0 if it is cut.
fn sequence(text: &[u8]) -> usize {
    let Some(rest) = text.strip_prefix(b"[") else { return 0 };
    let parameters = rest
        .iter()
        .take(32)
        .take_while(|byte| byte.is_ascii_digit() || **byte == b';');
    let parameters = parameters.count();
    let is_whole = rest.get(parameters).is_some_and(u8::is_ascii_alphabetic);
    if is_whole { parameters + 2 } else { 0 }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let is_number = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    u32::from_str_radix(digits, radix).ok()
}

/// Where escapes may begin. Each byte is looked at once by each search, wherever the other found something.
pub struct Marks<'t> {
    text: &'t [u8],
    others: Option<usize>,
    entity: Option<usize>,
}

impl<'t> Marks<'t> {
    pub fn of(text: &'t [u8]) -> Self {
        Self {
            text,
            others: others(text),
            entity: entity(text),
        }
    }

    /// The next from there on.
    pub fn next(&mut self, from: usize) -> Option<usize> {
        let rest = self.text.get(from..)?;
        if self.others.is_some_and(|at| at < from) {
            self.others = others(rest).map(|at| from + at);
        }
        if self.entity.is_some_and(|at| at < from) {
            self.entity = entity(rest).map(|at| from + at);
        }
        [self.others, self.entity].into_iter().flatten().min()
    }
}

fn others(text: &[u8]) -> Option<usize> {
    memchr::memchr3(b'\\', b'%', 0x1b, text)
}

/// Of a number, or `&amp;` or `&quot;`: in programs, most `&` are none.
fn entity(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'&', text).find(|at| matches!(text.get(at + 1), Some(b'#' | b'a' | b'q')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_whole() {
        for (text, expected) in [
            ("%2Bx", Some((3, '+'))),
            (r"\u002b0", Some((6, '+'))),
            (r"\u20ac", Some((6, '€'))),
            (r"\x3dc", Some((4, '='))),
            (r"\/", Some((2, '/'))),
            ("&amp;a", Some((5, '&'))),
            ("&#43;", Some((5, '+'))),
            ("&#x2B;", Some((6, '+'))),
            ("\x1b[1;31mx", Some((7, '\x1b'))),
            (r"\u001b[32mx", Some((10, '\x1b'))),
            (r"\033[0m", Some((7, '\x1b'))),
            // What is cut stands for itself.
            ("\x1b[1;", Some((1, '\x1b'))),
            ("%2", None),
            ("%+2", None),
            (r"\u12", None),
            ("&#;", None),
            ("&#12", None),
            ("&lt;", None),
            ("a", None),
        ] {
            assert_eq!(
                read(text.as_bytes()),
                expected.map(|(length, of)| (length, u32::from(of))),
                "{text}"
            );
        }
    }

    #[test]
    fn marks_are_found_in_order() {
        let text = b"a&#%c\\d&a\x1b&b";
        let mut marks = Marks::of(text);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(mark) = marks.next(at) {
            found.push(mark);
            at = mark + 1;
        }
        assert_eq!(found, [1, 3, 5, 7, 9]);
    }
}
