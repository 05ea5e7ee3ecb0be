//! How good diagnoses are, on a folder of labelled logs: `labels.tsv` and `logs/ID.log`. Of a fix, its kind
//! is compared; of an edit's words, only whether it passes a value.
//!
//! `STAGEPROOF_DIAGNOSE_LOGS=FOLDER cargo test --lib -- diagnose::measure --ignored --nocapture`
//!
//! `STAGEPROOF_DIAGNOSE_PART` chooses the logs of one set. Those of `held2` and `held3` count only when it names them.
//!
//! With `STAGEPROOF_DIAGNOSE_BLIND=1` the rules of the tool that explains a log are taken away for that log: so good is
//! a diagnosis of a tool that nobody wrote rules for.

use std::collections::HashMap;
use std::path::Path;

use super::*;

struct Label {
    id: String,
    classes: Vec<String>,
    best: usize,
    acceptable: Vec<(usize, usize)>,
    /// The kinds of fix that are right. None if no change of the workflow is.
    fixes: Vec<&'static str>,
}

/// What a label says about the fix, as kinds of fixes.
fn fixes(text: &str) -> Vec<&'static str> {
    const KINDS: [(&str, &[&str]); 23] = [
        ("skip-guard", &["skip-guard"]),
        ("event-guard", &["event-guard", "trigger"]),
        ("checkout-depth", &["checkout-depth"]),
        ("fetch-depth", &["checkout-depth"]),
        ("retry", &["retry"]),
        ("from on:", &["trigger", "event-guard"]),
        ("permission", &["permission"]),
        ("skip", &["skip-guard", "event-guard"]),
        ("pass", &["skip-guard", "passes"]),
        ("secret", &["skip-guard", "secret-name"]),
        (" only", &["event-guard", "trigger"]),
        ("version", &["pin-version", "edit"]),
        ("@v", &["pin-version", "edit"]),
        ("pin ", &["pin-version", "edit"]),
        ("timeout", &["timeout"]),
        (" limit", &["timeout"]),
        ("full commit", &["pin-version"]),
        ("newer", &["pin-version", "edit"]),
        ("larger", &["edit"]),
        ("log in to", &["edit"]),
        ("if:", &["event-guard"]),
        ("back off", &["retry"]),
        ("send a token", &["edit"]),
    ];
    let Some(text) = text.strip_prefix("yes") else {
        return Vec::new();
    };
    let known = KINDS.iter().filter(|(word, _)| text.contains(word));
    let mut kinds: Vec<&str> = known.flat_map(|(_, kinds)| kinds.iter().copied()).collect();
    if kinds.is_empty() || text.contains("edit") {
        kinds.push("edit");
    }
    if text.contains('-') && text.ends_with("|-") || text.contains(": -|") {
        kinds.push("none");
    }
    kinds
}

fn labels(folder: &Path) -> Vec<Label> {
    let text = std::fs::read_to_string(folder.join("labels.tsv")).unwrap();
    let part = std::env::var("STAGEPROOF_DIAGNOSE_PART").unwrap_or_default();
    let mut rows = text.lines();
    let names: Vec<&str> = rows.next().unwrap().split('\t').collect();
    let at = |name: &str| names.iter().position(|n| *n == name);
    let (id, class, alt) = (at("id").unwrap(), at("class").unwrap(), at("class_alt").unwrap());
    let (best, also) = (at("best_line").unwrap(), at("also_acceptable").unwrap());
    let fix = at("workflow_change_would_fix").unwrap();
    let mut labels = Vec::new();
    for row in rows.filter(|row| !row.is_empty()) {
        let cells: Vec<&str> = row.split('\t').collect();
        let chosen = if part.is_empty() {
            !["held2", "held3"].iter().any(|set| cells.contains(set))
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
            fixes: fixes(cells[fix]),
        });
    }
    labels
}

/// Those of a folder, so that a changed rule needs no new build, and without those of one tool.
fn rules(without: &str) -> Rules {
    let folder = std::env::var("STAGEPROOF_DIAGNOSE_RULES")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/src/model/diagnose/rules").to_owned());
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = files.collect();
    files.sort();
    let mut rules = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let made = rule::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        if without.is_empty() {
            for error in made.iter().filter_map(|rule| rule.prove().err()) {
                println!("{}: {error}", file.display());
            }
        }
        rules.extend(made.into_iter().filter(|rule| rule.tool != without));
    }
    Rules::of(rules).unwrap()
}

/// Rules of these speak about any tool.
const OF_ANY: [&str; 8] = [
    "any tool",
    "position",
    "scripts",
    "network",
    "the system",
    "policy gates",
    "GitHub Actions runner",
    "GitHub API and gh",
];

#[test]
#[ignore = "measures on logs that are not part of the repository"]
fn measure() {
    let folder = std::env::var("STAGEPROOF_DIAGNOSE_LOGS").expect("a folder with labels.tsv");
    let folder = Path::new(&folder);
    let all_rules = rules("");
    let is_blind = std::env::var_os("STAGEPROOF_DIAGNOSE_BLIND").is_some();
    let mut blind: HashMap<String, Rules> = HashMap::new();
    let (mut all, mut among, mut first, mut class, mut sure, mut sure_right) = (0, 0, 0, 0, 0, 0);
    let (mut fixable, mut fixed, mut fixed_wrongly) = (0, 0, 0);
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
        let mut found = diagnose(&log, &all_rules, None, 0);
        if is_blind && let Some(best) = &found {
            let tool = best.lines[0]
                .why
                .split_once('(')
                .and_then(|(_, rest)| rest.split_once(')'));
            let tool = tool.map_or("", |(tool, _)| tool);
            if !OF_ANY.contains(&tool) {
                let rules = blind.entry(tool.to_owned()).or_insert_with(|| rules(tool));
                found = diagnose(&log, rules, None, 0);
            }
        }
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
        let fix = found.as_ref().and_then(|d| d.fix.as_ref()).map_or("none", Fix::id);
        let passes = |text: &str| ["env", "pass", "set"].iter().any(|word| text.contains(word));
        let does_pass = matches!(found.as_ref().and_then(|d| d.fix.as_ref()), Some(Fix::Edit { text }) if passes(text));
        let is_fix = does_pass && label.fixes.contains(&"passes")
            || label.fixes.contains(&fix)
            || label.fixes.is_empty() && fix == "none";
        among += usize::from(is_among);
        first += usize::from(is_first);
        class += usize::from(is_class);
        sure += usize::from(is_sure);
        sure_right += usize::from(is_sure && is_class && is_among);
        fixable += usize::from(!label.fixes.is_empty());
        fixed += usize::from(!label.fixes.is_empty() && is_fix);
        fixed_wrongly += usize::from(!is_fix && fix != "none");
        if !(is_among && is_first && is_class && is_fix) {
            let marks = [is_among, is_first, is_class, is_fix].map(|ok| if ok { '+' } else { '-' });
            println!(
                "{} {marks:?} class {cause}, wanted {:?}; best line {}; fix {fix}, wanted {:?}; {}",
                label.id,
                label.classes,
                label.best,
                label.fixes,
                found.as_ref().map_or("none", |d| d.confidence.as_str())
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
    for (what, n, of) in [
        ("acceptable line shown", among, all),
        ("best line first", first, all),
        ("class right", class, all),
        ("sure and right, of the sure", sure_right, sure),
        (
            "fix named, of those that a change of the workflow fixes",
            fixed,
            fixable,
        ),
        ("wrong fix named", fixed_wrongly, all),
    ] {
        println!("{what} {n} of {of} ({:.1} %)", percent(n, of));
    }
}
