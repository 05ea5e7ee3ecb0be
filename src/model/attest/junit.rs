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
            Ok(Event::Empty(start)) => file.open(&start).inspect(|_| file.close()),
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
    Suite {
        name: String,
        claims: u64,
        before: u64,
    },
    Test {
        name: String,
        case: Case,
    },
    Other,
}

impl File {
    /// Answers whether this is JUnit XML.
    fn open(&mut self, start: &BytesStart<'_>) -> Result<bool, String> {
        if self.open.len() == DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        let name = start.local_name();
        let name: &str = name.as_ref();
        self.is_ours |= name == "testsuites" || name == "testsuite";
        let element = match name {
            "testsuites" | "testsuite" => Element::Suite {
                name: value(start, "name")?,
                claims: count(start, "failures")?.saturating_add(count(start, "errors")?),
                before: self.failed(),
            },
            _ if !self.is_ours => return Ok(false),
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
        digits => digits
            .parse()
            .map_err(|_| format!("`{name}` of a suite is not a number")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cases(text: &str) -> Vec<(String, Case)> {
        read(text.as_bytes()).unwrap().expect("it is JUnit XML")
    }

    #[test]
    fn each_way_to_end_is_read_as_it_is_meant() {
        let found = cases(
            r#"<?xml version="1.0"?><!DOCTYPE t [<!ENTITY e SYSTEM "file:///etc/passwd">]>
            <testsuites failures="3"><testsuite name="outer"><testsuite name="inner" errors="1">
            <testcase classname="a.B" name="passes"><system-out><![CDATA[<failure/> </testcase>]]></system-out></testcase>
            <testcase name="fails"><failure message="m">at x</failure></testcase>
            <testcase name="errs"><error/></testcase>
            <testcase name="is skipped"><skipped/></testcase>
            <testcase name="is flaky"><flakyFailure/></testcase>
            <testcase name="fails again"><failure/><rerunFailure/><flakyError/></testcase>
            <testcase name="&lt;&quot;&amp;e; &e;"><!-- <failure/> --></testcase>
            </testsuite></testsuite></testsuites>"#,
        );
        let expected = [
            ("a.B.passes", Case::Passed),
            ("fails", Case::Failed),
            ("errs", Case::Failed),
            ("is skipped", Case::Skipped),
            ("is flaky", Case::Flaky),
            ("fails again", Case::Failed),
            // An entity that the file defines is never looked up.
            ("&lt;&quot;&amp;e; &e;", Case::Passed),
        ];
        assert_eq!(found, expected.map(|(name, case)| (name.to_owned(), case)));
    }

    #[test]
    fn failures_that_are_only_counted_or_of_the_suite_itself_are_failures() {
        for text in [
            "<testsuite name='s' failures='2'><testcase name='a'><failure/></testcase></testsuite>",
            "<testsuite name='s' errors='1'/>",
            "<testsuites><testsuite name='s'><testcase name='a'/><error/></testsuite></testsuites>",
            "<j:testsuite xmlns:j='urn:x' name='s' errors='1'/>",
        ] {
            let found = cases(text);
            let (name, case) = found.last().unwrap();
            assert_eq!(*case, Case::Failed, "{text}");
            assert!(name.starts_with("suite s: failures "), "{name}");
        }
        assert_eq!(
            cases("<testsuite errors='1'><testcase name='a'><error/></testcase></testsuite>").len(),
            1
        );
        assert_eq!(cases("<testsuites/>"), []);
    }

    #[test]
    fn what_is_no_junit_xml_is_passed_over_and_what_breaks_off_is_an_error() {
        for text in [
            "",
            "text",
            "<coverage><testcase/></coverage>",
            "<testcase name='a'/>",
            "<a",
            "\u{0}",
        ] {
            assert_eq!(read(text.as_bytes()), Ok(None), "{text}");
        }
        for text in [
            "<testsuite><testcase name='a'/>",
            "<testsuite><testcase name='a'></testsuite>",
            "<testsuite><testcase name='a'/></testsuite><b",
            "<testsuite failures='many'><x/></testsuite>",
            "<testsuites><testsuite failures='-1'/></testsuites>",
        ] {
            let read = read(text.as_bytes());
            let is_told = read.as_ref().is_err_and(|why| why.contains("not complete JUnit XML"));
            // What is wrong with the first element may as well be another kind of file.
            assert!(
                is_told || (text.contains("many") && read == Ok(None)),
                "{text}: {read:?}"
            );
        }
        let deep = format!("<testsuite>{}", "<x>".repeat(2 * DEEPEST));
        assert!(read(deep.as_bytes()).unwrap_err().contains("too deeply"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(<testsuite>)?[<>/=a-z'\"&; !\\[\\]-]{0,60}") {
            let _ = read(text.as_bytes());
        }

        #[test]
        fn a_name_is_read_as_it_was_written(name in "[ -~äß€]{1,20}") {
            let escaped = quick_xml::escape::escape(&name);
            let found = cases(&format!("<testsuite><testcase name=\"{escaped}\"/></testsuite>"));
            prop_assert_eq!(found, [(name, Case::Passed)]);
        }
    }
}
