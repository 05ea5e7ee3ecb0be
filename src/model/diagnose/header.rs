//! The header of a step: what it runs, with which inputs and variables.

use super::excerpt::Excerpt;
use super::line::Kind;

/// A script of more lines is not echoed by anybody on purpose.
const MOST_LINES: usize = 2000;
/// Of its script, and of its values.
const MOST_BYTES: usize = 64 << 10;

#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The script, as it was echoed.
    pub script: Vec<String>,
    pub shell: Option<String>,
    pub values: Vec<Value>,
    /// As it is in the log, from the title to the end.
    pub lines: Excerpt,
}

/// `NAME: value` under `with:` or `env:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub name: String,
    pub value: String,
    pub is_input: bool,
    /// 1 is the first of the log.
    pub line: usize,
}

impl Header {
    pub fn size(&self) -> usize {
        let values = self.values.iter().map(|value| value.name.len() + value.value.len());
        let parts = self.script.iter().map(String::len).chain(values);
        parts.sum::<usize>() + self.lines.size()
    }

    /// Names whose value is empty: a secret, a variable or an expression that gave nothing.
    pub fn empty(&self) -> impl Iterator<Item = &Value> {
        self.values.iter().filter(|value| value.value.is_empty())
    }
}

pub enum Added {
    More,
    /// The header has ended.
    Whole,
    /// These are not the lines of a header.
    NoHeader,
}

/// A header whose end has not come.
pub struct Draft {
    title: String,
    /// How many were added.
    lines: usize,
    /// Bytes of the script, or of the values.
    size: usize,
    header: Header,
    section: Section,
    /// Lines that may be a script without its colours.
    plain: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Script,
    With,
    Env,
}

impl Draft {
    /// With the first line, and its number.
    pub fn new(title: &[u8], number: usize, raw: &[u8]) -> Self {
        let mut header = Header::default();
        header.lines.push(number, raw);
        Self {
            title: String::from_utf8_lossy(title).into_owned(),
            lines: 0,
            size: 0,
            header,
            section: Section::Script,
            plain: false,
        }
    }

    pub fn add(&mut self, number: usize, raw: &[u8]) -> Added {
        self.lines += 1;
        let lines = &mut self.header.lines;
        let read = lines.push(number, raw);
        let text = String::from_utf8_lossy(lines.at(lines.lines().len() - 1)).into_owned();
        if read.kind == Kind::EndGroup {
            let is_told = self.header.shell.is_some() || self.section != Section::Script;
            // A command can print an empty group.
            let may_be_short = if self.lines == 1 {
                is_action(&self.title)
            } else {
                !self.plain
            };
            return if is_told || may_be_short {
                Added::Whole
            } else {
                Added::NoHeader
            };
        }
        if read.kind != Kind::Text || self.lines > MOST_LINES {
            return Added::NoHeader;
        }
        let was_script = self.section == Section::Script;
        self.size += text.len();
        let fits = self.size <= MOST_BYTES;
        if !fits {
            self.header.lines.pop();
        }
        if read.script {
            if fits {
                self.header.script.push(text);
            }
            return Added::More;
        }
        match text.as_str() {
            "with:" | "env:" => {
                self.section = if text == "with:" { Section::With } else { Section::Env };
                if was_script {
                    self.size = 0;
                }
            }
            _ if !fits => {}
            text if text.starts_with("shell: ") => self.header.shell = Some(text[7..].to_owned()),
            text => {
                match value(text, number, self.section) {
                    Some(value) if !was_script => self.header.values.push(value),
                    // Without its colours, the script looks like output; then `shell:` must follow.
                    _ if was_script => {
                        self.plain |= !text.is_empty();
                        self.header.script.push(text.to_owned());
                    }
                    _ => {}
                }
            }
        }
        Added::More
    }

    pub fn whole(self) -> (String, Header) {
        (self.title, self.header)
    }
}

/// What `uses:` names: an action of a repository or of a folder, or an image.
fn is_action(title: &str) -> bool {
    let (name, version) = title.split_once('@').unwrap_or_default();
    let is_of_repository = name.contains('/') && !version.is_empty() && !title.contains(' ');
    is_of_repository || ["./", "docker://"].iter().any(|start| title.starts_with(start))
}

fn value(text: &str, line: usize, section: Section) -> Option<Value> {
    let rest = text.strip_prefix("  ")?;
    let (name, value) = rest.split_once(':')?;
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-. ".contains(&b));
    is_name.then(|| Value {
        name: name.to_owned(),
        value: value.trim().to_owned(),
        is_input: section == Section::With,
        line,
    })
}
