//! The results of tests in JUnit XML, of which there is no one schema: what pytest, Maven, Gradle, Jest, Go and nextest
//! write is read alike.

use std::io::BufRead;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// How a test ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    Skipped,
    Passed,
    /// It failed, and passed when it was run again.
    Flaky,
    Failed,
}

/// Open elements; no writer nests suites that deep.
const DEEPEST: usize = 1000;

/// The tests of a file, by their names. `None` if it is not JUnit XML; an error is why it cannot be read to its end.
///
/// # Errors
/// It is JUnit XML and not well-formed.
pub fn read(input: impl BufRead) -> Result<Option<Vec<(String, Case)>>, String> {
    let mut reader = Reader::from_reader(input);
    let mut buffer = Vec::new();
    let mut file = File::default();
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer);
        let went_on = match event {
            Ok(Event::Start(start)) => file.open(&start),
            Ok(Event::Empty(start)) => file.open(&start).map(|is_ours| {
                file.close();
                is_ours
            }),
            Ok(Event::End(_)) => {
                file.close();
                Ok(true)
            }
            Ok(Event::Eof) if file.open.is_empty() => return Ok(file.is_ours.then_some(file.cases)),
            Ok(Event::Eof) => Err("it ends before it is complete".to_owned()),
            Ok(_) => Ok(true),
            Err(error) => Err(error.to_string()),
        };
        match went_on {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(why) if file.is_ours => return Err(format!("it is not complete JUnit XML: {why}")),
            Err(_) => return Ok(None),
        }
    }
}

#[derive(Default)]
struct File {
    open: Vec<Element>,
    cases: Vec<(String, Case)>,
    is_ours: bool,
}

enum Element {
    /// With the failures that it claims, and how many tests had failed when it began.
    Suite { name: String, claims: u64, before: u64 },
    Test { name: String, case: Case },
    Other,
}

impl File {
    /// Answers whether this is JUnit XML.
    fn open(&mut self, start: &BytesStart<'_>) -> Result<bool, String> {
        if self.open.len() == DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        let name = start.local_name();
        let element = match AsRef::<str>::as_ref(&name) {
            "testsuites" | "testsuite" => Element::Suite {
                name: value(start, "name")?,
                claims: count(start, "failures")?.saturating_add(count(start, "errors")?),
                before: self.failed(),
            },
            _ if self.open.is_empty() => return Ok(false),
            "testcase" => Element::Test {
                name: match (value(start, "classname")?, value(start, "name")?) {
                    (class, name) if class.is_empty() => name,
                    (class, name) => format!("{class}.{name}"),
                },
                case: Case::Passed,
            },
            other => {
                let ended = match other {
                    "failure" | "error" => Some(Case::Failed),
                    // Maven: a test that passed in the end has these, and one that did not has `failure` as well.
                    "flakyFailure" | "flakyError" => Some(Case::Flaky),
                    "skipped" => Some(Case::Skipped),
                    _ => None,
                };
                match (ended, self.open.last_mut()) {
                    (Some(Case::Skipped), Some(Element::Test { case, .. })) if *case == Case::Passed => {
                        *case = Case::Skipped;
                    }
                    (Some(ended), Some(Element::Test { case, .. })) => *case = ended.max(*case),
                    // Of the suite itself: what was set up for all of its tests.
                    (Some(Case::Failed), Some(Element::Suite { claims, .. })) => *claims = (*claims).max(1),
                    _ => {}
                }
                Element::Other
            }
        };
        self.is_ours = true;
        self.open.push(element);
        Ok(true)
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Element::Test { name, case }) => self.cases.push((name, case)),
            Some(Element::Suite { name, claims, before }) if claims > self.failed() - before => {
                let message = format!("suite {name}: failures {claims}, of which not all are listed");
                self.cases.push((message, Case::Failed));
            }
            _ => {}
        }
    }

    fn failed(&self) -> u64 {
        self.cases.iter().filter(|(_, case)| *case == Case::Failed).count() as u64
    }
}

/// Empty if there is none.
fn value(start: &BytesStart<'_>, name: &str) -> Result<String, String> {
    match start.try_get_attribute(name).map_err(|error| error.to_string())? {
        // A reference to an entity that a DTD would have to define is left as it is.
        Some(attribute) => Ok(match attribute.normalized_value(XmlVersion::Implicit1_0) {
            Ok(value) => value.into_owned(),
            Err(_) => attribute.value.into_owned(),
        }),
        None => Ok(String::new()),
    }
}

fn count(start: &BytesStart<'_>, name: &str) -> Result<u64, String> {
    match value(start, name)?.trim() {
        "" => Ok(0),
        digits => digits.parse().map_err(|_| format!("`{name}` of a suite is not a number")),
    }
}
