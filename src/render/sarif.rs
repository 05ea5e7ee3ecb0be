//! The findings of a report as SARIF 2.1.0, which code scanning shows beside the lines that they are about.
//!
//! GitHub shows a result only with a place in a file, and takes a result for the same one as before by its fingerprint:
//! that of its rule, file and message, so that lines which are added above change nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::model::rule::{Rule, Rules};
use crate::model::text::{UNRESERVED, percent_encoded};
use crate::model::{Check, Ended, Finding, Report, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
const VERSION: &str = "2.1.0";
const TOOL: &str = "stageproof";

/// Whether a file is a SARIF log that stageproof wrote.
pub fn is_ours(file: &[u8]) -> bool {
    serde_json::from_slice(file).is_ok_and(|log: Value| {
        log["$schema"] == SCHEMA && log["version"] == VERSION && log["runs"][0]["tool"]["driver"]["name"] == TOOL
    })
}

pub fn render(report: &Report, rules: &Rules) -> anyhow::Result<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let findings = report
        .checks
        .iter()
        .flat_map(|check| check.findings().iter().map(move |finding| (check, finding)));
    let unread = report.checks.iter().filter_map(|check| Some((check, unread(check)?)));
    let mut results: Vec<Value> = findings
        .map(|(check, finding)| result(check, finding, rules, &mut seen))
        .collect();
    results.extend(unread.map(|(check, finding)| result(check, &finding, rules, &mut seen)));
    let notifications: Vec<Value> = report.checks.iter().filter_map(notification).collect();
    let mut driver = json!({
        "name": report.tool.name,
        "version": report.tool.version,
        "semanticVersion": report.tool.version,
        "informationUri": "https://github.com/stageproof/stageproof",
        "rules": rules.all.iter().map(|rule| described(rule, rules)).collect::<Vec<_>>(),
    });
    // Codes that no rule describes are named all the same.
    let unknown: Vec<Value> = unknown(report, rules)
        .into_iter()
        .map(|code| json!({ "id": code }))
        .collect();
    if let Some(all) = driver["rules"].as_array_mut() {
        all.extend(unknown);
    }
    let log = json!({
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [{
            "tool": { "driver": driver },
            "automationDetails": { "id": format!("stageproof/{}/", report.name()) },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": notifications.is_empty(),
                "startTimeUtc": report.started_at,
                "endTimeUtc": report.finished_at,
                "toolExecutionNotifications": notifications,
            }],
            "originalUriBaseIds": { "%SRCROOT%": { "description": { "text": "The top of the repository." } } },
            "results": results,
        }],
    });
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

fn described(rule: &Rule, rules: &Rules) -> Value {
    let page = format!("{}#{}", rules.page, rule.code);
    json!({
        "id": rule.code,
        "name": pascal(rule.code),
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.summary },
        "help": {
            "text": rule.fix,
            "markdown": format!("{} [More]({page})", rule.fix),
        },
        "helpUri": page,
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

fn unknown(report: &Report, rules: &Rules) -> Vec<String> {
    let codes = report
        .checks
        .iter()
        .flat_map(Check::findings)
        .map(|finding| &*finding.code);
    let mut unknown: Vec<String> = Vec::new();
    for code in codes.filter(|code| rules.all.iter().all(|rule| rule.code != *code)) {
        if !unknown.iter().any(|known| known == code) {
            unknown.push(code.to_owned());
        }
    }
    unknown
}

fn result(check: &Check, finding: &Finding, rules: &Rules, seen: &mut BTreeMap<String, u32>) -> Value {
    let text = match &finding.help {
        Some(help) => format!("{}\nnext: {help}", finding.message),
        None => finding.message.clone(),
    };
    let fingerprint = fingerprint(check, finding);
    let nth = seen.entry(fingerprint.clone()).or_default();
    *nth += 1;
    let mut result = json!({
        "ruleId": &*finding.code,
        "level": level(finding.severity),
        "kind": "fail",
        "message": { "text": text },
        "partialFingerprints": { "stageproof/v1": format!("{fingerprint}:{nth}") },
    });
    if let Some(index) = rules.all.iter().position(|rule| rule.code == finding.code) {
        result["ruleIndex"] = index.into();
    }
    if let Some(place) = &finding.location {
        let mut physical = json!({
            "artifactLocation": { "uri": percent_encoded(&*place.file, &format!("/!{UNRESERVED}")), "uriBaseId": "%SRCROOT%" },
        });
        if let Some(line) = place.line.filter(|line| *line > 0) {
            physical["region"] = json!({ "startLine": line });
            if let Some(excerpt) = &finding.excerpt {
                physical["region"]["snippet"] = json!({ "text": excerpt });
            }
        }
        result["locations"] = json!([{ "physicalLocation": physical }]);
    }
    if let Some(waived) = &finding.waived {
        let why = format!("{} (until {})", waived.reason, waived.until);
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": why }]);
    }
    result
}

/// A file that could not be looked at, which is the last part of its check's id. Code scanning shows no notifications.
fn unread(check: &Check) -> Option<Finding> {
    let text = not_checked(check)?;
    let (_, file) = check.id.split_once(':')?;
    check
        .title
        .starts_with(file)
        .then(|| Finding::error("unreadable", text).at(file, Some(1)))
}

fn not_checked(check: &Check) -> Option<String> {
    let Ended::Errored { cause, .. } = &check.ended else {
        return None;
    };
    Some(format!("could not check: {}: {cause}", check.title))
}

/// What could not be looked at makes the run one that did not succeed.
fn notification(check: &Check) -> Option<Value> {
    let text = not_checked(check)?;
    Some(json!({ "level": "error", "message": { "text": text } }))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Numbers are left out: lines are told in messages too.
fn fingerprint(check: &Check, finding: &Finding) -> String {
    let file = finding.location.as_ref().map_or(&*check.id, |place| &*place.file);
    let message: String = finding.message.chars().filter(|c| !c.is_ascii_digit()).collect();
    let hash = Sha256::digest(format!("{}\n{file}\n{message}", finding.code));
    hex::encode(hash.get(..16).unwrap_or_default())
}

/// `bad-value` as `BadValue`, which is how SARIF writes names.
fn pascal(code: &str) -> String {
    let words = code.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::finding::Waived;
    use crate::model::report::Frame;
    use crate::model::{Outcome, Subject};

    const RULES: Rules = Rules {
        all: &[Rule {
            code: "bad-value",
            severity: Severity::Error,
            summary: "It is refused.",
            fix: "Correct it.",
        }],
        page: "https://example.com/guide",
    };

    fn rendered(checks: Vec<Check>) -> Value {
        let frame = Frame {
            command: "check".to_owned(),
            label: None,
            subject: Subject::default(),
            started_at: "2026-01-31T10:00:00Z".to_owned(),
            finished_at: "2026-01-31T10:00:01Z".to_owned(),
            took_ms: 1000,
        };
        let outcome = Outcome {
            checks,
            ..Outcome::default()
        };
        let text = render(&Report::judge(frame, outcome), &RULES).unwrap();
        assert!(is_ours(text.as_bytes()), "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn looked(findings: Vec<Finding>) -> Check {
        Check::new(
            "check",
            "check:a",
            "a is right",
            Ended::Looked(findings),
            Duration::ZERO,
        )
    }

    #[test]
    fn files_of_others_are_not_ours() {
        let of = |tool: &str| json!({ "$schema": SCHEMA, "version": VERSION, "runs": [{ "tool": { "driver": { "name": tool } } }] });
        assert!(is_ours(of("stageproof").to_string().as_bytes()));
        let package = json!({ "name": "stageproof", "version": VERSION });
        for other in [of("zizmor"), package, json!({ "runs": [] }), json!([])] {
            assert!(!is_ours(other.to_string().as_bytes()), "{other}");
        }
        assert!(!is_ours(b"\"name\": \"stageproof\""));
    }

    #[test]
    fn a_finding_is_a_result_at_its_place() {
        let finding = || {
            Finding::error("bad-value", "`30` in line 7 has no unit")
                .help("write 30s")
                .at("a b/ü.yml", Some(7))
        };
        let waived = Finding {
            waived: Some(Waived {
                reason: "known".to_owned(),
                until: "2999-12-31".to_owned(),
            }),
            ..Finding::warning("other", "odd")
        };
        let log = rendered(vec![looked(vec![finding(), finding(), waived])]);
        let run = &log["runs"][0];
        let rules = &run["tool"]["driver"]["rules"];
        assert_eq!(rules[0]["name"], "BadValue");
        assert_eq!(rules[0]["helpUri"], "https://example.com/guide#bad-value");
        assert_eq!(rules[1], json!({ "id": "other" }));
        let [first, again, other] = [0, 1, 2].map(|n| &run["results"][n]);
        assert_eq!(first["ruleIndex"], 0);
        assert_eq!(first["message"]["text"], "`30` in line 7 has no unit\nnext: write 30s");
        let place = &first["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a%20b/%C3%BC.yml");
        assert_eq!(place["region"]["startLine"], 7);
        let print = |result: &Value| {
            result["partialFingerprints"]["stageproof/v1"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        assert_ne!(print(first), print(again), "two of a kind in a file");
        assert_eq!(other["suppressions"][0]["justification"], "known (until 2999-12-31)");
        assert_eq!(other["locations"], Value::Null);
        assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    }

    #[test]
    fn the_fingerprint_outlives_a_move_to_another_line() {
        let at = |line: u32| {
            let finding = Finding::error("bad-value", format!("wrong, as in line {line}")).at("a.yml", Some(line));
            rendered(vec![looked(vec![finding])])["runs"][0]["results"][0]["partialFingerprints"].clone()
        };
        assert_eq!(at(3), at(40));
    }

    #[test]
    fn what_could_not_be_looked_at_is_no_success_and_a_result_if_it_is_a_file() {
        let ended = Ended::errored("it is a folder");
        let check = |id, title| Check::new("check", id, title, ended.clone(), Duration::ZERO);
        let log = rendered(vec![
            check("check:a", "a can be read"),
            check("check:trouble:0", "All files can be found"),
        ]);
        let invocation = &log["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        let text = &invocation["toolExecutionNotifications"][0]["message"]["text"];
        assert_eq!(text, "could not check: a can be read: it is a folder");
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!((results.len(), &results[0]["ruleId"]), (1, &json!("unreadable")));
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "a");
        assert_eq!(place["region"]["startLine"], 1);
    }
}
