//! How good diagnoses are, on a folder of labelled logs: `labels.tsv` and `logs/ID.log`.
//!
//! `STAGEPROOF_DIAGNOSE_LOGS=FOLDER cargo test --lib -- diagnose::measure --ignored --nocapture`
//!
//! `STAGEPROOF_DIAGNOSE_PART` chooses the logs of one set. Those of `held2` count only when it names them.

use std::path::Path;

use super::*;

struct Label {
    id: String,
    classes: Vec<String>,
    best: usize,
    acceptable: Vec<(usize, usize)>,
}

fn labels(folder: &Path) -> Vec<Label> {
    let text = std::fs::read_to_string(folder.join("labels.tsv")).unwrap();
    let part = std::env::var("STAGEPROOF_DIAGNOSE_PART").unwrap_or_default();
    let mut rows = text.lines();
    let names: Vec<&str> = rows.next().unwrap().split('\t').collect();
    let at = |name: &str| names.iter().position(|n| *n == name);
    let (id, class, alt) = (at("id").unwrap(), at("class").unwrap(), at("class_alt").unwrap());
    let (best, also) = (at("best_line").unwrap(), at("also_acceptable").unwrap());
    let mut labels = Vec::new();
    for row in rows.filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.split('\t').collect();
        let chosen = if part.is_empty() {
            !cells.contains(&"held2")
        } else {
            cells.contains(&part.as_str())
        };
        if !chosen {
            continue;
        }
        let range = |text: &str| {
            let (from, to) = text.split_once('-').unwrap_or((text, text));
            Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
        };
        let mut classes = vec![cells[class].to_owned()];
        classes.extend(cells[alt].split(',').map(|c| c.trim().to_owned()));
        labels.push(Label {
            id: cells[id].to_owned(),
            classes,
            best: cells[best].parse().unwrap(),
            acceptable: cells[also].split(',').filter_map(range).collect(),
        });
    }
    labels
}

/// Those of a folder, so that a changed rule needs no new build.
fn rules() -> Rules {
    let Ok(folder) = std::env::var("STAGEPROOF_DIAGNOSE_RULES") else {
        return Rules::new(None).unwrap();
    };
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let texts: Vec<String> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let mut rules = Vec::new();
    for (file, text) in files.iter().zip(&texts) {
        let made = rule::parse(text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for rule in &made {
            if let Err(error) = rule.prove() {
                println!("{}: {error}", file.display());
            }
        }
        rules.extend(made);
    }
    Rules::of(rules).unwrap()
}

#[test]
#[ignore = "measures on logs that are not part of the repository"]
fn measure() {
    let folder = std::env::var("STAGEPROOF_DIAGNOSE_LOGS").expect("a folder with labels.tsv");
    let folder = Path::new(&folder);
    let rules = rules();
    let (mut all, mut among, mut first, mut class, mut sure, mut sure_right) = (0, 0, 0, 0, 0, 0);
    for label in labels(folder) {
        let path = folder.join("logs").join(format!("{}.log", label.id));
        let path = if path.exists() {
            path
        } else {
            folder.join(format!("{}.log", label.id))
        };
        let mut reader = Reader::default();
        reader.feed(&std::fs::read(&path).unwrap());
        let log = reader.end();
        let found = diagnose(&log, &rules, None, 0);
        all += 1;
        let lines: Vec<usize> = found
            .iter()
            .flat_map(|d| d.lines.iter().take(5).map(|line| line.number))
            .collect();
        let fits = |line: &usize| *line == label.best || label.acceptable.iter().any(|(a, b)| (a..=b).contains(&line));
        let is_among = lines.iter().any(fits);
        let is_first = lines.first().is_some_and(|line| *line == label.best);
        let cause = found.as_ref().map_or("none", |d| d.cause.as_str());
        let is_class = label.classes.iter().any(|class| class == cause);
        let is_sure = found.as_ref().is_some_and(|d| d.confidence == Confidence::Sure);
        among += usize::from(is_among);
        first += usize::from(is_first);
        class += usize::from(is_class);
        sure += usize::from(is_sure);
        sure_right += usize::from(is_sure && is_class && is_among);
        if !(is_among && is_first && is_class) {
            let marks = [is_among, is_first, is_class].map(|ok| if ok { '+' } else { '-' });
            println!(
                "{} {marks:?} class {cause}, wanted {:?}; best line {}",
                label.id, label.classes, label.best
            );
            for line in found.iter().flat_map(|d| &d.lines) {
                let text = String::from_utf8_lossy(&line.text);
                println!(
                    "     {:>5} {} [{}]",
                    line.number,
                    text.chars().take(120).collect::<String>(),
                    line.why
                );
            }
        }
    }
    let percent = |n: usize, of: usize| {
        100.0 * f64::from(u32::try_from(n).unwrap()) / f64::from(u32::try_from(of.max(1)).unwrap())
    };
    println!("logs {all}");
    println!("acceptable line shown {among} ({:.1} %)", percent(among, all));
    println!("best line first {first} ({:.1} %)", percent(first, all));
    println!("class right {class} ({:.1} %)", percent(class, all));
    println!(
        "sure {sure}, of these right {sure_right} ({:.1} %)",
        percent(sure_right, sure)
    );
}
