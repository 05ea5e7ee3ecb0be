//! Edits of a YAML text that leave everything else as it is written. What each edit means is noted beside it, and the
//! text that results must say exactly that, or it is refused.

mod add;
mod replace;

use std::ops::Range;

pub use add::Spot;

use super::Refusal;
use super::path::{Part, Path};
use super::source::Source;
use super::value::Value;
use crate::model::text::one_line;
use crate::model::yaml::{self, Node};

pub struct Editor<'a> {
    pub source: Source<'a>,
    root: Node,
    edits: Vec<(Range<usize>, String)>,
    /// What the edited text must say.
    expected: Value,
    /// How far one level is indented.
    unit: usize,
}

impl<'a> Editor<'a> {
    pub fn new(text: &'a str) -> Result<Self, Refusal> {
        let unreadable = |error: yaml::YamlError| Refusal(format!("line {}: {}", error.line, one_line(&error.what)));
        let root = yaml::parse(text).map_err(unreadable)?;
        let source = Source::new(text);
        if text.replace("\r\n", "").contains('\r') {
            return Err(Refusal::new("a line ends with a carriage return alone"));
        }
        let jobs = root.entry("jobs");
        let job = jobs.and_then(|(_, jobs)| jobs.entries().next());
        let unit = job
            .zip(jobs)
            .map_or(2, |((id, _), (jobs, _))| match id.place.line == jobs.place.line {
                true => 2,
                false => id.place.column.saturating_sub(jobs.place.column) as usize,
            });
        Ok(Self {
            expected: Value::of(&root),
            source,
            root,
            edits: Vec::new(),
            unit: unit.clamp(1, 8),
        })
    }

    pub fn root(&self) -> &Node {
        &self.root
    }

    /// What is at a path, if it is written there and nowhere else.
    pub fn find(&self, path: &Path) -> Result<Option<&Node>, Refusal> {
        let mut node = &self.root;
        for (at, part) in path.0.iter().enumerate() {
            let next = match part {
                Part::Key(key) => {
                    if node.get("<<").is_some() {
                        let here = Path(path.0[..at].to_vec());
                        return Err(Refusal(format!(
                            "`{here}` has a merge key (`<<`), which GitHub does not read"
                        )));
                    }
                    node.get(key)
                }
                Part::Item(index) => node.items().get(*index),
            };
            let Some(next) = next else { return Ok(None) };
            if self.source.is_alias(next) {
                let (here, alias) = (Path(path.0[..=at].to_vec()), one_line(self.source.of(next)));
                return Err(Refusal(format!(
                    "`{here}` is the alias `{alias}`, so the change belongs to its anchor, which other parts use as well"
                )));
            }
            node = next;
        }
        Ok(Some(node))
    }

    pub fn at(&self, path: &Path) -> Result<&Node, Refusal> {
        self.find(path)?.ok_or_else(|| Refusal(format!("there is no `{path}`")))
    }

    /// Whether something around it is written in brackets.
    fn is_in_flow(&self, path: &Path) -> bool {
        (0..path.0.len()).any(|length| {
            let around = self.find(&Path(path.0[..length].to_vec()));
            around.is_ok_and(|node| node.is_some_and(|node| self.source.is_flow(node)))
        })
    }

    /// Replaces bytes of the source. What that means must be noted with `expect`.
    pub fn splice(&mut self, at: Range<usize>, text: impl Into<String>) {
        self.edits.push((at, text.into()));
    }

    pub fn expect(&mut self, path: &Path, value: Value) -> Result<(), Refusal> {
        *expected_at(&mut self.expected, &path.0)? = value;
        Ok(())
    }

    /// Lines below the line that a place is on.
    fn lines_behind(&self, at: usize, lines: &[String], column: usize) -> (Range<usize>, String) {
        let next = self.source.next_line(at);
        let (newline, indent) = (self.source.newline, " ".repeat(column));
        let text = match self
            .source
            .text
            .get(..next)
            .is_some_and(|before| before.ends_with('\n'))
        {
            true => lines.iter().map(|line| format!("{indent}{line}{newline}")).collect(),
            false => self.below(lines, column),
        };
        (next..next, text)
    }

    fn below(&self, lines: &[String], column: usize) -> String {
        let (newline, indent) = (self.source.newline, " ".repeat(column));
        lines.iter().map(|line| format!("{newline}{indent}{line}")).collect()
    }

    /// The key and the value of a path that ends with a key.
    fn entry(&self, path: &Path) -> Result<(&Node, &Node), Refusal> {
        let unusual = || Refusal(format!("there is no `{path}`"));
        let (Some(Part::Key(key)), Some(above)) = (path.0.last(), path.parent()) else {
            return Err(unusual());
        };
        self.at(path)?;
        let map = self.at(&above)?;
        map.entry(key).ok_or_else(unusual)
    }

    /// The edited text, if it says what was noted and nothing else.
    pub fn finish(mut self) -> Result<String, Refusal> {
        self.edits.sort_by_key(|(at, _)| at.start);
        let (mut text, mut done) = (String::new(), 0);
        for (at, new) in &self.edits {
            let Some(kept) = self.source.text.get(done..at.start) else {
                return Err(Refusal::new("two parts of the change are at the same place"));
            };
            text.push_str(kept);
            text.push_str(new);
            done = at.end;
        }
        text.push_str(self.source.text.get(done..).unwrap_or_default());
        let said = yaml::parse(&text).map_err(|error| {
            Refusal(format!(
                "the changed file could not be read: line {}: {}",
                error.line,
                one_line(&error.what)
            ))
        })?;
        match self.expected.difference(&Value::of(&said)) {
            None if text == self.source.text => Err(Refusal::new("nothing would change")),
            None => Ok(text),
            Some(place) => Err(Refusal(format!("the change would also change `{}`", one_line(&place)))),
        }
    }
}

fn expected_at<'v>(value: &'v mut Value, path: &[Part]) -> Result<&'v mut Value, Refusal> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(value);
    };
    let next = match (value, first) {
        (Value::Map(entries), Part::Key(key)) => {
            Some(entries.entry(key.clone()).or_insert(Value::Text(String::new(), None)))
        }
        (Value::List(items), Part::Item(index)) => items.get_mut(*index),
        _ => None,
    };
    match next {
        Some(next) => expected_at(next, rest),
        None => Err(Refusal(format!("there is no `{}`", Path(path.to_vec())))),
    }
}
