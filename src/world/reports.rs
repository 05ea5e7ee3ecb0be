//! Finding the reports that other steps and jobs left.
#![expect(
    clippy::disallowed_methods,
    reason = "looks at names and kinds; what is read is opened by files"
)]

use std::fs::{self, File};
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use walkdir::{DirEntry, WalkDir};

use super::files::{self, Links};
use super::paths;
use crate::model::{Report, Subject, report};

/// Larger reports are not written by any subcommand.
pub const LARGEST: u64 = 64 << 20;
/// How reports are called, with or without a label behind.
pub const COMMANDS: &[&str] = &[
    "skip-guard",
    "smoke",
    "rollback-dry-run",
    "heartbeat",
    "foreground-proof",
    "evidence-bundle",
    "verify",
    "verdict",
    "merge",
    "rehearse",
    "check",
    "scan",
    "diagnose",
    "install",
    "init",
];

/// What was found below a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Below {
    /// Files that are reports, or should be, in a fixed order.
    pub reports: Vec<PathBuf>,
    /// What may be a report and cannot be read as one, and why.
    pub unread: Vec<(PathBuf, &'static str)>,
    /// Files in a folder of reports that are not reports.
    pub foreign: Vec<PathBuf>,
}

/// Every report below a folder, at any depth and under any name: an artifact that was made of `reports/`
/// comes back without that folder. Links are not followed.
pub fn below(folder: &Path) -> anyhow::Result<Below> {
    let mut below = Below::default();
    let root = paths::real(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?;
        match sort(&entry, &root) {
            Sort::Report => below.reports.push(entry.into_path()),
            Sort::Unread(why) => below.unread.push((entry.into_path(), why)),
            Sort::Foreign => below.foreign.push(entry.into_path()),
            Sort::Other => {}
        }
    }
    Ok(below)
}

enum Sort {
    Report,
    Unread(&'static str),
    Foreign,
    Other,
}

fn sort(entry: &DirEntry, root: &Path) -> Sort {
    let path = entry.path();
    let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
    let above = path.parent().and_then(Path::file_name);
    let among_reports = above.is_some_and(|above| above.eq_ignore_ascii_case(report::FOLDER));
    let stem = name.strip_suffix(".json");
    let named_like_one = stem.is_some_and(|stem| among_reports || is_of_a_command(stem));
    let kind = entry.file_type();
    if files::is_temporary_name(name.as_bytes()) {
        // Half of a report whose writer was killed; the one that it was to replace is still there.
        Sort::Other
    } else if entry.path_is_symlink() && entry.depth() > 0 {
        match fs::metadata(path) {
            // What is inside is found under its own name.
            Ok(_) if paths::real(path).is_ok_and(|real| real.starts_with(root)) => Sort::Other,
            Ok(meta) if meta.is_file() && !named_like_one && !holds_a_report(path, stem.is_some()) => Sort::Other,
            Err(_) if stem.is_none() && name != report::FOLDER => Sort::Other,
            _ => Sort::Unread("it is a link, and links are not followed"),
        }
    } else if kind.is_dir() {
        match named_like_one {
            true => Sort::Unread("it is a folder"),
            false => Sort::Other,
        }
    } else if !fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        match stem.is_some() || among_reports {
            true => Sort::Unread("it is not a regular file"),
            false => Sort::Other,
        }
    } else if stem.is_some() && files::open(path, Links::Refuse).is_err() {
        Sort::Unread("it cannot be opened")
    } else if name.ends_with(".log") {
        // A wrapped command may print the report of its own.
        Sort::Other
    } else if (among_reports && stem.is_some())
        || holds_a_report(path, stem.is_some())
        || (named_like_one && is_torn(path))
    {
        Sort::Report
    } else if among_reports && !name.ends_with(".junit.xml") && !name.starts_with('.') {
        Sort::Foreign
    } else {
        Sort::Other
    }
}

fn is_of_a_command(stem: &str) -> bool {
    COMMANDS.iter().any(|command| {
        stem.strip_prefix(command)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    schema: serde_json::Value,
}

fn json<T: DeserializeOwned>(file: File) -> Result<T, serde_json::Error> {
    serde_json::from_reader(BufReader::new(file.take(LARGEST)))
}

/// Whether a file says that it is a report, of whatever version. Every report begins so; one that was rewritten may say it
/// later, which is looked up in JSON files only.
fn holds_a_report(path: &Path, is_json: bool) -> bool {
    const HEAD: u64 = 1024;
    let kind = report::SCHEMA.split_inclusive('/').next().unwrap_or(report::SCHEMA);
    let head = files::head(path, HEAD, Links::Follow).unwrap_or_default();
    let head = String::from_utf8_lossy(&head);
    let begins = head.trim_start_matches('\u{feff}').trim_start().starts_with('{');
    if begins && head.contains("\"schema\"") && head.contains(&format!("\"{kind}")) {
        return true;
    }
    let said = || {
        json::<Header>(files::open(path, Links::Follow).ok()?)
            .ok()?
            .schema
            .as_str()
            .map(|schema| schema.starts_with(kind))
    };
    is_json && said().unwrap_or(false)
}

/// Whether it is not even JSON, as a report is whose writer was killed, or cannot be read at all.
fn is_torn(path: &Path) -> bool {
    files::open(path, Links::Follow).map_or(true, |file| json::<IgnoredAny>(file).is_err())
}

/// Whether a folder holds a report of this very run and attempt. Never, outside of a run.
pub fn of_run(evidence: &Path, subject: &Subject) -> bool {
    let names = names(evidence);
    subject.run_id.is_some() && names.iter().any(|path| is_of_run(path, subject))
}

/// Whether a file is a report of this very run and attempt. Never, outside of a run.
pub fn is_of_run(path: &Path, subject: &Subject) -> bool {
    let report = subject.run_id.as_ref().and_then(|_| {
        let text = files::read_text(path, LARGEST, Links::Refuse).ok()?;
        Report::parse(text.as_bytes()).ok()
    });
    report.is_some_and(|report| {
        report.subject.repository == subject.repository
            && report.subject.run_id == subject.run_id
            && report.subject.run_attempt == subject.run_attempt
    })
}

/// The files of an evidence directory that are called like reports.
pub fn names(evidence: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(evidence.join(report::FOLDER)).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::model::report::Frame;
    use crate::model::{Check, Outcome};

    fn report_of(subject: Subject) -> Vec<u8> {
        let frame = Frame {
            command: "smoke".into(),
            label: None,
            subject,
            started_at: String::new(),
            finished_at: String::new(),
            took_ms: 0,
        };
        let outcome = Outcome {
            checks: vec![Check::skipped("smoke", "s", "t", "r")],
            ..Outcome::default()
        };
        serde_json::to_vec(&Report::judge(frame, outcome)).unwrap()
    }

    #[test]
    fn only_reports_of_this_run_and_attempt_count() {
        let subject = |run: Option<&str>, attempt: &str| Subject {
            run_id: run.map(str::to_owned),
            run_attempt: Some(attempt.to_owned()),
            ..Subject::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let report = report_of(subject(Some("7"), "1"));
        files::replace(&folder.path().join("reports/smoke.json"), &report).unwrap();
        assert!(of_run(folder.path(), &subject(Some("7"), "1")));
        assert!(!of_run(folder.path(), &subject(Some("7"), "2")));
        assert!(!of_run(folder.path(), &subject(Some("8"), "1")));
        assert!(!of_run(folder.path(), &subject(None, "1")));
        assert!(!of_run(&folder.path().join("none"), &subject(Some("7"), "1")));
    }

    #[test]
    fn a_report_is_found_wherever_it_lies_and_what_may_be_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let report = report_of(Subject::default());
        let mut sorted: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&report).unwrap();
        let schema = sorted.remove("schema").unwrap();
        sorted.insert("notes".into(), vec!["n"; 1000].into());
        let mut late = serde_json::to_string(&sorted).unwrap();
        late.truncate(late.len() - 1);
        let late = format!("{late},\"schema\":{schema}}}");
        let torn = &report[..20];
        let marked = [b"\xef\xbb\xbf", &*report].concat();
        let files: [(&str, &[u8]); 22] = [
            ("reports/smoke.json", &report),
            ("reports/torn.json", b"{"),
            ("reports/empty.JSON", b""),
            ("Reports/other.json", b"{}"),
            ("smoke.json", &report),
            ("flat/any-name.json", &report),
            ("flat/smoke.json.bak", &report),
            ("flat/smoke", &marked),
            ("flat/late.json", late.as_bytes()),
            ("flat/smoke-torn.json", torn),
            ("flat/heartbeat-x.JSON", b""),
            ("verdict-x.json", &report),
            // None of these is one.
            ("evidence.json", b"{\"schema\": \"stageproof.evidence/v1\"}"),
            ("smoke-results.json", b"{\"passed\": 3}"),
            ("smoke-list.json", b"[1, 2]"),
            ("other-torn.json", torn),
            ("logs/smoke.log", b"{\"schema\" \"stageproof.report/v1\""),
            ("reports/smoke.junit.xml", b"<testsuites/>"),
            ("reports/.keep", b""),
            (".stageproof-new-abc", &report),
            ("reports/.stageproof-new-abc.json", &report),
            ("reports/readme.txt", b"text"),
        ];
        for (name, bytes) in files {
            files::replace(&path(name), bytes).unwrap();
        }
        files::replace(&outside.path().join("a.json"), &report).unwrap();
        files::replace(&outside.path().join("b.txt"), b"text").unwrap();
        symlink(path("flat"), path("inside")).unwrap();
        symlink(outside.path(), path("folder")).unwrap();
        symlink(outside.path().join("a.json"), path("linked")).unwrap();
        symlink(outside.path().join("b.txt"), path("note")).unwrap();
        symlink("/nowhere", path("smoke-gone.json")).unwrap();
        symlink("/nowhere", path("gone")).unwrap();
        symlink("/nowhere", path("flat/reports")).unwrap();
        fs::create_dir(path("verify.json")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path("reports/socket")).unwrap();

        let found = below(folder.path()).unwrap();
        let short = |path: &PathBuf| path.strip_prefix(folder.path()).unwrap().display().to_string();
        let mut reports: Vec<String> = found.reports.iter().map(short).collect();
        let mut expected: Vec<&str> = files[..12].iter().map(|(name, _)| *name).collect();
        reports.sort();
        expected.sort_unstable();
        assert_eq!(reports, expected);
        let unread: Vec<String> = found.unread.iter().map(|(path, _)| short(path)).collect();
        assert_eq!(
            unread,
            [
                "flat/reports",
                "folder",
                "linked",
                "reports/socket",
                "smoke-gone.json",
                "verify.json"
            ]
        );
        assert_eq!(
            found.foreign.iter().map(short).collect::<Vec<_>>(),
            ["reports/readme.txt"]
        );
    }
}
