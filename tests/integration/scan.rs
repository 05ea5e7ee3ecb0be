//! `scan`: secrets and personal data in files.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::process::Stdio;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::gate::Gate;
use crate::skipped::not_checked;

/// A token that no file of the repository holds as one.
pub fn token() -> String {
    format!("{}_{}", "ghp", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8")
}

fn key() -> String {
    let word = "KEY";
    format!(
        "-----BEGIN PRIVATE {word}-----\n{}\n-----END PRIVATE {word}-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEF".repeat(4)
    )
}

#[test]
fn a_secret_is_found_with_its_place_and_shown_nowhere() {
    let gate = Gate::new();
    let token = token();
    gate.write("logs/build.log", format!("one\ntwo {token}\nthree"))
        .write("logs/clean.log", "nothing\n")
        .write("key.pem", key());
    let ran = gate.run(["scan", "--verbose", "--sarif=found.sarif"]);
    ran.code(1)
        .says("logs/build.log:2: GitHub token, in column 5")
        .says("key.pem:1: Private key, in column 1")
        .says("revoke it")
        .says("No secrets in 1 file");
    let sarif = gate.read("found.sarif");
    for text in [
        ran.stdout(),
        ran.stderr(),
        sarif.clone(),
        gate.run(["scan", "--format=json"]).stdout(),
    ] {
        assert!(!text.contains(&token), "{text}");
        assert!(!text.contains("MIIEvQ"), "{text}");
    }
    let log: Value = serde_json::from_str(&sarif).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let rules: Vec<&str> = results
        .iter()
        .map(|result| result["ruleId"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["private-key", "github-token"]);
}

/// GitHub lets a secret have 48 KB. This one has many lines, and letters that every encoding writes in its own way.
#[test]
fn a_large_secret_takes_little_memory() {
    let letters: Vec<char> = "äöüß€éABCdef012+/".chars().collect();
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        letters[(state >> 16) as usize % letters.len()]
    };
    let lines: Vec<String> = (0..750).map(|_| (0..45).map(|_| letter()).collect()).collect();
    let gate = Gate::new().env("KEYS_TOKEN", &lines.join("\n"));
    gate.write("a.log", format!("{}{}\n", "nothing\n".repeat(1 << 19), lines[700]));
    let mut child = gate.command(["scan", "a.log"]).stdout(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let high = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let high = high.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        peak = peak.max(high.unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(ended.code(), Some(1), "it is found");
    assert!(peak > 0 && peak < 128 << 10, "{peak} KiB");
}

#[test]
fn a_file_with_personal_data_is_not_called_one_with_secrets() {
    let gate = Gate::new();
    gate.write("a.log", "mail of ann@shop.acme.io\n").write("b.log", "\n");
    gate.run(["scan", "--pii=email"])
        .code(1)
        .says("✗ No secrets or personal data in a.log")
        .says("✓ No secrets or personal data in 1 file");
}

#[test]
fn what_is_compressed_or_in_another_encoding_is_read() {
    let gate = Gate::new();
    let text = format!("line\n{}\n", token());
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let mut twice = GzEncoder::new(Vec::new(), Compression::default());
    twice.write_all(&packed).unwrap();
    let utf16: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    gate.write("a.log.gz", &packed)
        .write("b.txt", &utf16)
        .write("cut.gz", &packed[..packed.len() / 2])
        .write("twice.gz", twice.finish().unwrap())
        .write("bundle.7z", b"7z\xbc\xafrest");
    gate.run(["scan"])
        .code(1)
        .says("a.log.gz:2: GitHub token")
        .says("b.txt:2: GitHub token")
        .says("cut.gz was not scanned to its end: it is damaged")
        .says("twice.gz:2: GitHub token")
        .says("bundle.7z was not scanned: its content is in a format that is not opened");
}

#[test]
fn values_of_variables_that_hold_secrets_are_found_in_any_form() {
    let gate = Gate::new().env("DEPLOY_TOKEN", "correct horse battery");
    gate.write("plain.log", "x\ny correct horse battery z")
        .write("encoded.log", "aHR0cCBjb3JyZWN0IGhvcnNlIGJhdHRlcnkg")
        .write("url.log", "?t=correct%20horse%20battery");
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"x\ny correct horse battery z").unwrap();
    let utf16: Vec<u8> = "\u{feff}correct horse battery"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    gate.write("packed.log.gz", packed.finish().unwrap())
        .write("utf16.log", &utf16);
    let ran = gate.run(["scan"]);
    ran.code(1)
        .says("plain.log:2: The value of a variable that holds a secret")
        .says("encoded.log:1: ")
        .says("url.log:1: ")
        .says("packed.log.gz:2: The value")
        .says("utf16.log:1: The value");
    assert!(!ran.stdout().contains("battery"), "{}", ran.stdout());
}

#[test]
fn personal_data_is_found_when_it_is_asked_for() {
    let gate = Gate::new();
    gate.write("a.log", "to ann@acme.io from 8.8.4.4, card 4111 1111 1111 1111\n");
    gate.run(["scan"]).code(0);
    gate.run(["scan", "--pii", "email,card"])
        .code(1)
        .says("a.log:1: E-mail address, in column 4")
        .says("Number of a payment card")
        .never_says("IPv4")
        .never_says("revoke it");
    gate.run(["scan", "--pii", "face"])
        .code(2)
        .says("possible values: email, ip, card, iban, phone");
}

#[test]
fn a_rule_file_replaces_or_extends_the_built_in_rules() {
    let gate = Gate::new();
    let own =
        "[[rules]]\nid = \"shop\"\ndescription = \"Shop key\"\nregex = '''shop-[0-9]{6}'''\nkeywords = [\"shop-\"]\n";
    gate.write("a.log", format!("shop-123456 {}\n", token()))
        .write("own.toml", own)
        .write("both.toml", format!("[extend]\nuseDefault = true\n{own}"))
        .write(
            "rules/more.toml",
            "[extend]\npath = \"../own.toml\"\n[[allowlists]]\nstopwords = [\"123456\"]\n",
        )
        .write("no-rules.toml", "[[allowlists]]\nstopwords = [\"123456\"]\n")
        .write("path.toml", "[[rules]]\nid = \"logs\"\npath = '''[.]log$'''\n")
        .write("broken.toml", "[[rules]]\nid = \"x\"\nregex = \"(\"\n");
    gate.run(["scan", "a.log", "--rules=own.toml"])
        .code(1)
        .says("a.log:1: Shop key, in column 1")
        .never_says("GitHub token");
    gate.run(["scan", "a.log", "--rules=both.toml"])
        .code(1)
        .says("Shop key")
        .says("GitHub token");
    gate.run(["scan", "a.log", "--rules=rules/more.toml"]).code(0);
    gate.run(["scan", "a.log", "--rules=broken.toml"])
        .code(4)
        .says("broken.toml: rule `x`: regex: unclosed group")
        .says("the format is that of gitleaks");
    gate.run(["scan", "a.log", "--rules=path.toml"])
        .code(1)
        .says("a.log:1: logs");
    gate.run(["scan", "a.log", "--rules=no-rules.toml"])
        .code(4)
        .says("no-rules.toml: it has no rules")
        .says("useDefault = true");
    gate.run(["scan", "a.log", "--rules=none.toml"])
        .code(4)
        .says("none.toml");
}

#[test]
fn paths_are_relative_to_the_current_folder() {
    let gate = Gate::new();
    let made = std::process::Command::new("git")
        .args(["init", "-q"])
        .current_dir(gate.root())
        .status();
    assert!(made.unwrap().success());
    gate.write("logs/a.log", token())
        .write("logs/rules.toml", "[extend]\nuseDefault = true\n");
    gate.run_in("logs", ["scan", "a.log", "--rules=rules.toml", "--sarif=found.sarif"])
        .code(1)
        .says("logs/a.log:1: GitHub token");
    assert!(gate.path("logs/found.sarif").exists());
}

#[test]
fn what_is_not_scanned_is_said() {
    let gate = Gate::new();
    gate.write("a/x.log", "x").write("a/.git/config", token());
    symlink("x.log", gate.path("a/link")).unwrap();
    gate.run(["scan", "a"])
        .code(0)
        .says("1 link not followed")
        .says("1 folder of git");
    gate.run(["scan", "a/link"]).code(0);
    gate.run(["scan", "none"]).code(4).says("none cannot be scanned");
    fs::create_dir(gate.path("empty").join("")).unwrap_or_default();
    gate.run(["scan", "empty"]).code(3).says("There is nothing to scan");
}

/// The same rule file, the same tree: what gitleaks reports, we report.
#[test]
fn gitleaks_finds_the_same() {
    let gitleaks = std::process::Command::new("gitleaks").arg("version").output();
    if !gitleaks.is_ok_and(|output| output.status.success()) {
        not_checked(
            "a comparison with gitleaks",
            "gitleaks is not installed",
            "STAGEPROOF_REQUIRE_GITLEAKS",
        );
        return;
    }
    let gate = Gate::new();
    let mut log = String::new();
    for line in 0..20_000 {
        log.push_str(&format!("line {line} of a log with nothing in it\n"));
        if line % 1500 == 0 {
            log.push_str(&format!("token={} next\nshop-{line:06}\n", token()));
        }
    }
    let rules = r#"
        [[rules]]
        id = "github"
        regex = '''ghp_[A-Za-z0-9]{36}'''
        entropy = 3
        keywords = ["ghp_"]
        [[rules]]
        id = "shop"
        regex = '''shop-([0-9]{6})'''
        keywords = ["shop-"]
        [[rules.allowlists]]
        regexes = ['''^0015''']
    "#;
    gate.write("tree/a/build.log", &log)
        .write("tree/b.txt", key())
        .write("rules.toml", rules);
    let report = gate.path("gitleaks.json");
    let ran = std::process::Command::new("gitleaks")
        .args([
            "dir",
            "--no-banner",
            "--exit-code=0",
            "--report-format=json",
            "--config",
        ])
        .arg(gate.path("rules.toml"))
        .arg("--report-path")
        .arg(&report)
        .arg(gate.path("tree"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let theirs: Value = serde_json::from_str(&fs::read_to_string(report).unwrap()).unwrap();
    let mut theirs: Vec<(String, u64)> = theirs
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (
                finding["RuleID"].as_str().unwrap().to_owned(),
                finding["StartLine"].as_u64().unwrap(),
            )
        })
        .collect();
    gate.run(["scan", "tree", "--rules=rules.toml", "--sarif=ours.sarif"])
        .code(1);
    let ours: Value = serde_json::from_str(&gate.read("ours.sarif")).unwrap();
    let mut ours: Vec<(String, u64)> = ours["runs"][0]["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            let line = &result["locations"][0]["physicalLocation"]["region"]["startLine"];
            (result["ruleId"].as_str().unwrap().to_owned(), line.as_u64().unwrap())
        })
        .collect();
    theirs.sort();
    ours.sort();
    assert_eq!(ours, theirs);
    assert!(ours.len() > 20, "{ours:?}");
}
