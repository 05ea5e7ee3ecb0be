//! YAML as a tree that knows where each part is written: line, column and bytes of the source.
//!
//! The configuration is read into types (`cli::config`). This is for files of others, where only some keys matter and a
//! finding, or a patch, needs their exact place. Scalars stay texts: `on` is not `true`, and `1.10` not `1.1`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, options};

/// Nodes of a document, counted as often as aliases repeat them. The largest workflows have some ten thousand.
const MOST_NODES: usize = 200_000;
/// Levels of nesting. A workflow has about eight.
const DEEPEST: usize = 64;

/// Where a node is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// 1-based.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    /// In the source.
    pub bytes: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub place: Place,
    pub content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Scalar { text: String, style: Style },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Quoted,
    /// `|`: a line of the text is a line of the source.
    Literal,
    /// `>`
    Folded,
}

/// Why a text is no YAML document that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct YamlError {
    pub what: String,
    pub line: u32,
}

impl Node {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|(_, value)| value)
    }

    /// A key and its value.
    pub fn entry(&self, key: &str) -> Option<(&Self, &Self)> {
        self.entries().find(|(name, _)| name.text() == Some(key))
    }

    /// Keys and values; none if it is no mapping.
    pub fn entries(&self) -> impl Iterator<Item = (&Self, &Self)> {
        let entries = match &self.content {
            Content::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, value)| (key, value))
    }

    /// What a list holds; none if it is no list.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// What a scalar says.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// A key without a value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, style: Style::Plain } if matches!(&**text, "" | "~" | "null"))
    }

    /// The source's line of a line of the text, which is counted from 0. Only `|` keeps them apart.
    pub fn line_of(&self, index: usize) -> u32 {
        match &self.content {
            Content::Scalar {
                style: Style::Literal, ..
            } => self.place.line.saturating_add(u32::try_from(index).unwrap_or(u32::MAX)),
            _ => self.place.line,
        }
    }

    /// Every scalar below it that is no key.
    pub fn scalars(&self) -> Vec<&Self> {
        let mut found = Vec::new();
        let mut left = vec![self];
        while let Some(node) = left.pop() {
            match &node.content {
                Content::Scalar { .. } => found.push(node),
                Content::List(items) => left.extend(items.iter().rev()),
                Content::Map(entries) => left.extend(entries.iter().rev().map(|(_, value)| value)),
            }
        }
        found
    }
}

/// Reads the one document of a text. An empty one is a scalar without text.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let options = options! { emit_comments: false };
    let mut tree = Tree {
        source: text,
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        nodes: 0,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| YamlError {
            what: error.info(),
            line: line(error.marker().line()),
        })?;
        tree.take(event, span)?;
    }
    Ok(tree.root.unwrap_or_else(|| Node {
        place: Place {
            line: 1,
            column: 1,
            bytes: 0..0,
        },
        content: Content::Scalar {
            text: String::new(),
            style: Style::Plain,
        },
    }))
}

fn line(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX).max(1)
}

/// The tree while it grows.
struct Tree<'a> {
    source: &'a str,
    /// Lists and mappings that have not ended, and under which number they are known.
    open: Vec<Open>,
    root: Option<Node>,
    /// With the number of nodes and levels in each.
    anchors: HashMap<usize, (Node, usize, usize)>,
    nodes: usize,
}

struct Open {
    node: Node,
    /// The key whose value comes next.
    key: Option<Node>,
    /// The keys so far.
    keys: HashSet<String>,
    anchor: usize,
    /// How many nodes there were before it.
    nodes_before: usize,
    /// Levels below it.
    levels: usize,
}

impl Tree<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), YamlError> {
        let place = self.place(&span);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => Err(wrong(&place, "expected a single YAML document")),
            Event::Scalar(text, style, anchor, _) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                    _ => Style::Quoted,
                };
                let place = self.block(place, style);
                let text = text.into_owned();
                let content = Content::Scalar { text, style };
                self.count(1, &place)?;
                self.add(Node { place, content }, anchor, 1, 0)
            }
            Event::SequenceStart(_, anchor, _) => self.open(place, Content::List(Vec::new()), anchor),
            Event::MappingStart(_, anchor, _) => self.open(place, Content::Map(Vec::new()), anchor),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(mut ended) = self.open.pop() else {
                    return Ok(());
                };
                ended.node.place.bytes.end = place.bytes.end.max(ended.node.place.bytes.start);
                let nodes = self.nodes - ended.nodes_before;
                self.add(ended.node, ended.anchor, nodes, ended.levels)
            }
            Event::Alias(anchor) => {
                let Some((node, nodes, levels)) = self.anchors.get(&anchor).cloned() else {
                    return Err(wrong(&place, "an alias refers to the value that it is in"));
                };
                self.count(nodes, &place)?;
                self.add(Node { place, ..node }, 0, nodes, levels)
            }
            _ => Ok(()),
        }
    }

    fn place(&self, span: &Span) -> Place {
        let column = u32::try_from(span.start.col()).unwrap_or(u32::MAX).saturating_add(1);
        Place {
            line: line(span.start.line()),
            column,
            bytes: span.byte_range().unwrap_or(0..0),
        }
    }

    /// A block's text begins on the line behind `|` or `>`.
    fn block(&self, mut place: Place, style: Style) -> Place {
        if matches!(style, Style::Literal | Style::Folded) {
            let rest = self.source.get(place.bytes.clone()).unwrap_or_default();
            if rest.starts_with(['|', '>']) {
                place.line = place.line.saturating_add(1);
            }
        }
        place
    }

    fn count(&mut self, nodes: usize, place: &Place) -> Result<(), YamlError> {
        self.nodes += nodes;
        match self.nodes {
            0..=MOST_NODES => Ok(()),
            _ => Err(wrong(
                place,
                "it has too many values; an alias counts each time it is used",
            )),
        }
    }

    fn open(&mut self, place: Place, content: Content, anchor: usize) -> Result<(), YamlError> {
        let nodes_before = self.nodes;
        self.count(1, &place)?;
        if self.open.len() >= DEEPEST {
            return Err(wrong(&place, "it is nested too deeply"));
        }
        let node = Node { place, content };
        self.open.push(Open {
            node,
            key: None,
            keys: HashSet::new(),
            anchor,
            nodes_before,
            levels: 0,
        });
        Ok(())
    }

    /// Puts a whole node where it belongs.
    fn add(&mut self, node: Node, anchor: usize, nodes: usize, levels: usize) -> Result<(), YamlError> {
        if self.open.len() + levels >= DEEPEST {
            return Err(wrong(&node.place, "it is nested too deeply"));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), nodes, levels));
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.levels = parent.levels.max(levels + 1);
        match (&mut parent.node.content, parent.key.take()) {
            (Content::List(items), _) => items.push(node),
            (Content::Map(entries), Some(key)) => entries.push((key, node)),
            (Content::Map(_), None) => {
                if let Some(text) = node.text()
                    && !parent.keys.insert(text.to_owned())
                {
                    return Err(wrong(&node.place, &format!("duplicate key `{text}`")));
                }
                parent.key = Some(node);
            }
            (Content::Scalar { .. }, _) => {}
        }
        Ok(())
    }
}

fn wrong(place: &Place, what: &str) -> YamlError {
    YamlError {
        what: what.to_owned(),
        line: place.line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everything_knows_its_place() {
        let source = "on: push\njobs:\n  a: # one\n    run: |\n      first\n      second\n    'if': >-\n      x\n    list: [1.10, \"q\"]\n";
        let root = parse(source).unwrap();
        assert_eq!(root.get("on").unwrap().text(), Some("push"));
        let job = root.get("jobs").unwrap().get("a").unwrap();
        let (key, run) = job.entry("run").unwrap();
        assert_eq!((key.place.line, key.place.column), (4, 5));
        assert_eq!(&source[key.place.bytes.clone()], "run");
        assert_eq!(run.text(), Some("first\nsecond\n"));
        assert_eq!((run.line_of(0), run.line_of(1)), (5, 6));
        let (key, condition) = job.entry("if").unwrap();
        assert_eq!((key.place.line, condition.place.line, condition.line_of(7)), (7, 8, 8));
        let items = job.get("list").unwrap().items();
        assert_eq!(items[0].text(), Some("1.10"));
        assert_eq!(&source[items[1].place.bytes.clone()], "\"q\"");
        let texts: Vec<_> = root.scalars().into_iter().filter_map(Node::text).collect();
        assert_eq!(texts, ["push", "first\nsecond\n", "x", "1.10", "q"]);
    }

    #[test]
    fn an_alias_repeats_what_its_anchor_is_on() {
        let root = parse("a: &x {k: v}\nb: *x\n").unwrap();
        let repeated = root.get("b").unwrap();
        assert_eq!(repeated.get("k").unwrap().text(), Some("v"));
        assert_eq!(repeated.place.line, 2);
    }

    #[test]
    fn what_is_no_document_is_an_error_with_its_line() {
        let deep = format!("a: {}{}", "[".repeat(100), "]".repeat(100));
        let mut tower = "a0: &a0 [x]\n".to_owned();
        let mut bomb = tower.clone();
        for n in 0..99 {
            tower.push_str(&format!("a{}: &a{} [*a{n}]\n", n + 1, n + 1));
            bomb.push_str(&format!(
                "a{}: &a{} [{}*a{n}]\n",
                n + 1,
                n + 1,
                format!("*a{n}, ").repeat(8)
            ));
        }
        for (text, line, says) in [
            ("a: b\na: c\n", 2, "duplicate key `a`"),
            ("a: 1\n---\nb: 2\n", 2, "single YAML document"),
            ("a:\n  - *none\n", 2, "anchor"),
            ("a: &a [*a]\n", 1, "alias"),
            ("a:\n\tb: 2\n", 2, "tab"),
            (&*deep, 1, "too deeply"),
            (&*tower, 63, "too deeply"),
            (&*bomb, 7, "too many values"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.what.contains(says), "{text}: {error}");
            assert_eq!(error.line, line, "{text}: {error}");
        }
        for text in ["", "# nothing\n", "---\n", "~"] {
            assert!(parse(text).unwrap().is_null(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(on|jobs|steps|run|[&*]a|[&*!|>\\-\\[\\]{}:?,'\"#% \n\t\u{feff}é])*") {
            if let Ok(root) = parse(&text) {
                for scalar in root.scalars() {
                    prop_assert!(text.get(scalar.place.bytes.clone()).is_some());
                }
            }
        }
    }
}
