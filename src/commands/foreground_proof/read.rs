//! Reading the log once, from its first line to its last.

use std::io::{self, Read};

use jiff::Timestamp;

use super::Rules;
use super::labels::Labels;
use crate::model::capped::Capped;
use crate::model::heartbeat::{LONGEST, LONGEST_LABEL, Record};
use crate::model::text::one_line;
use crate::model::{Check, Finding};
use crate::world::hash::Stop;
use crate::world::lines::{Line, Lines};
use crate::world::secrets::Part;

/// Bytes of a line that a finding shows.
const SHOWN: usize = 200;

/// What the log says.
pub struct Looked {
    /// What is wrong with it as a file.
    pub log: Vec<Finding>,
    /// The checks of each wrapped command.
    pub stories: Vec<Check>,
    pub records: u64,
    /// Wrapped commands that have records.
    pub labels: usize,
}

/// Reads and judges every line. An error is that it could not be read to its end.
pub fn look<R: Read>(lines: &mut Lines<R>, rules: &Rules, stop: Stop<'_>) -> io::Result<Looked> {
    let mut findings = Capped::default();
    let mut ledger = Labels::default();
    let (mut records, mut carriage_returns, mut others) = (0, 0u64, 0u64);
    while let Some(line) = lines.read(stop)? {
        if !line.ended {
            findings.add(
                rules
                    .at(
                        line.number,
                        "torn-line",
                        "the last line is incomplete: its writer was killed",
                    )
                    .help("an incomplete log proves nothing; run the step again")
                    .excerpt(rules.secrets.shorten(part(&line), SHOWN)),
            );
        }
        let text = match line.bytes.strip_suffix(b"\r") {
            Some(text) => {
                carriage_returns += 1;
                if carriage_returns == 1 {
                    findings.add(carriage_return(&line, rules));
                }
                text
            }
            None => line.bytes,
        };
        match record(&line, text, rules) {
            Ok((record, at)) => {
                records += 1;
                if let Some(finding) = ledger.add(line.number, &record, at, rules) {
                    findings.add(finding);
                }
            }
            Err((code, why)) => {
                others += 1;
                // In a file of another kind each line would be told.
                if records == 0 && others > 1 {
                    continue;
                }
                findings.add(
                    rules
                        .at(line.number, code, &why)
                        .help("only `stageproof heartbeat` may write to this file; restore it, or run the step again")
                        .excerpt(rules.secrets.shorten(part(&line), SHOWN)),
                );
            }
        }
    }
    if records == 0 && others > 1 {
        let what = format!("it is not a heartbeat log: none of its {others} lines is a record");
        findings.add(rules.of_file("not-a-log", &what).help(
            "name the log that `stageproof heartbeat` wrote, by default logs/heartbeat.log in the evidence directory",
        ));
    }
    if records == 0 && !findings.fails() {
        findings.add(
            rules
                .of_file("empty-log", "it is empty")
                .help("run the step as `stageproof heartbeat -- COMMAND`"),
        );
    }
    Ok(Looked {
        log: findings.into_vec(),
        records,
        labels: ledger.count(),
        stories: ledger.into_checks(rules),
    })
}

/// Reads one record with its time, or says in a code and a sentence why it is none.
fn record(line: &Line<'_>, text: &[u8], rules: &Rules) -> Result<(Record, Timestamp), (&'static str, String)> {
    if line.length >= LONGEST as u64 {
        return Err(("long-line", format!("a line of {} bytes is not a record", line.length)));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let at = error.valid_up_to() + 1;
        (
            "not-utf8",
            format!("the line is not UTF-8 text (first wrong byte: {at})"),
        )
    })?;
    let no_record = |why: &str| ("no-record", format!("the line is not a record: {}", one_line(why)));
    let record = Record::parse(text).map_err(|why| no_record(&rules.secrets.shorten(why.as_str(), SHOWN)))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let label = &record.label;
    if label.is_empty() || label.len() > LONGEST_LABEL || !label.bytes().all(plain) {
        return Err(no_record("its label holds more than letters, digits, `.`, `_` and `-`"));
    }
    let at: Timestamp = record.time.parse().map_err(|_| no_record("not a valid time"))?;
    Ok((record, at))
}

fn carriage_return(line: &Line<'_>, rules: &Rules) -> Finding {
    rules
        .at(
            line.number,
            "carriage-return",
            "the line ends in CR LF, which heartbeat does not write",
        )
        .help("git converted it: put `*.log -text` into .gitattributes, and commit the log as it was written")
}

/// The beginning of it: a long line is not kept whole, and the last one may be torn.
fn part<'a>(line: &Line<'a>) -> Part<'a> {
    let bytes = line.bytes.strip_suffix(b"\r").unwrap_or(line.bytes);
    Part::beginning(bytes)
}
