//! Is there a secret in the sealed files? Somebody may know of one today that was not known when they were sealed, and
//! rules get better.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::sealed::Sealed;
use super::{check, wrong};
use crate::model::capped::Capped;
use crate::model::cores;
use crate::model::scan::{Rule, RuleSet, Scan, Unscannable};
use crate::model::{Check, Ended, Fact, Finding};
use crate::world::World;
use crate::world::archive::Member;
use crate::world::hash::Stop;
use crate::world::scan::{Search, Tally, look_inside, look_through};

/// What was found in one file or in a zip.
struct Seen {
    findings: Vec<Finding>,
    bytes: u64,
}

pub fn look(sealed: &Sealed, target: &Path, unscannable: Unscannable, world: &World, stop: Stop<'_>) -> Check {
    let started = Instant::now();
    let title = "No secrets in the files";
    let failed = |cause: String| {
        let help = Some("check the path, and who may read it".to_owned());
        check("verify:secrets", title, Ended::Errored { cause, help }, started)
    };
    let rules = match RuleSet::builtin() {
        Ok(rules) => rules,
        Err(error) => return failed(error.to_string()),
    };
    let search = match Search::new(&rules, Some(&world.secrets)) {
        Ok(search) => search,
        Err(error) => return failed(error.to_string()),
    };
    let looked = match sealed {
        // All of its files are unpacked; what archives among them may unpack to has the usual limit.
        Sealed::Zip(zip) => {
            let name = target.file_name().unwrap_or_default().to_string_lossy();
            let sizes = zip.members().iter().map(Member::size);
            let unpacked = sizes.fold(0, u64::saturating_add);
            let looked = zip
                .file()
                .and_then(|file| of_file((&name, file), unpacked, unscannable, search, stop));
            vec![(name.into_owned(), looked)]
        }
        Sealed::Folder { open, .. } => {
            let mut paths: Vec<String> = sealed.list(stop).files.into_keys().collect();
            paths.sort_unstable();
            let looked = cores::each(
                &paths,
                || (),
                |(), path| {
                    open.file(Path::new(path))
                        .and_then(|file| of_file((path, file), 0, unscannable, search, stop))
                },
            );
            paths.into_iter().zip(looked).collect()
        }
    };
    let (mut findings, mut bytes) = (Capped::default(), 0);
    for (path, looked) in looked {
        match looked {
            Ok(seen) => {
                bytes += seen.bytes;
                seen.findings.into_iter().for_each(|finding| findings.add(finding));
            }
            Err(error) => return failed(format!("{path} cannot be read: {error}")),
        }
    }
    let mut check = check("verify:secrets", title, Ended::Looked(findings.into_vec()), started);
    check.facts = vec![
        Fact::new("bytes", bytes.to_string()),
        Fact::new("rules", rules.rules().len().to_string()),
    ];
    check
}

fn of_file(
    (path, file): (&str, File),
    more: u64,
    unscannable: Unscannable,
    search: Search<'_>,
    stop: Stop<'_>,
) -> io::Result<Seen> {
    let mut findings = Vec::new();
    if let Some(inside) = look_inside(search, path, file.try_clone()?, more, stop)? {
        for text in inside.texts {
            findings.extend(text.by_path.iter().map(|rule| of_rule(&text.path, 1, rule)));
            findings.extend(of_tally(&text.path, &text.found));
        }
        for closed in inside.closed {
            findings.push(unscannable.searched(&closed.below(path), &closed.why, closed.is_cut));
        }
        return Ok(Seen {
            findings,
            bytes: inside.bytes,
        });
    }
    let scan = Scan::new(search.rules, path);
    findings.extend(scan.by_path().map(|rule| of_rule(path, 1, rule)));
    let mut file = file;
    io::Seek::rewind(&mut file)?;
    let looked = look_through(search, path, file, stop)?;
    findings.extend(of_tally(path, &looked.found));
    findings.extend(
        looked
            .unread()
            .map(|(why, is_cut)| unscannable.searched(path, why, is_cut)),
    );
    Ok(Seen {
        findings,
        bytes: looked.bytes,
    })
}

fn of_tally(path: &str, tally: &Tally<'_>) -> Vec<Finding> {
    let first = tally.first.iter().map(|found| of_rule(path, found.line, found.rule));
    let more = (tally.more() > 0).then(|| {
        wrong(
            "secret",
            format!("{path}: {} more", crate::model::text::count(tally.more(), "secret")),
        )
    });
    first.chain(more).collect()
}

/// It never repeats what was matched.
fn of_rule(path: &str, line: u64, rule: &Rule) -> Finding {
    wrong("secret", format!("{path}:{line}: {} ({})", rule.described(), rule.id))
        .help("revoke it at its issuer, and do not pass the evidence on")
}
