//! Secrets in what is sealed.

use std::io::{Read as _, Write as _};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::*;
use crate::scan::token;

/// Every byte of the archive, unpacked.
fn unpacked(gate: &Gate) -> Vec<u8> {
    let zip = gate.path("evidence.zip");
    let out = gate.path("unpacked");
    let _ = fs::remove_dir_all(&out);
    let script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
    let ran = Command::new("python3")
        .args(["-c", script])
        .arg(zip)
        .arg(&out)
        .status()
        .unwrap();
    assert!(ran.success());
    let mut all = Vec::new();
    let mut folders = vec![out];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                if bytes.starts_with(&[0x1f, 0x8b]) {
                    GzDecoder::new(&*bytes).read_to_end(&mut all).unwrap();
                }
                all.extend(bytes);
            }
        }
    }
    all
}

fn holds(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Nobody may think that a secret is safe because the bundle does not hold it.
#[test]
fn whoever_has_a_secret_masked_is_told_to_revoke_it() {
    let gate = workspace();
    gate.write("out/build.log", format!("two {}\n", token()));
    let script = "import zipfile; zipfile.ZipFile('out/z.zip', 'w').write('out/build.log')";
    let zipped = Command::new("python3")
        .args(["-c", script])
        .current_dir(gate.root())
        .status();
    assert!(zipped.unwrap().success());
    seal(&gate, &["out"])
        .code(0)
        .says("out/build.log:1: GitHub token, in column 5, is masked\n      next: revoke what is masked here")
        .says("out/z.zip is replaced by a stub");
    seal(&gate, &["out", "--redact=fail", "--output=other.zip"])
        .code(1)
        .says("next: revoke it at its issuer")
        .never_says("was not scanned");
}

#[test]
fn secrets_are_masked_in_what_is_sealed_and_nowhere_else() {
    let gate = workspace().env("LOGIN", "s3cr3t-value");
    let token = token();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(format!("x {token}\n").as_bytes()).unwrap();
    gate.write("out/build.log", format!("one\ntwo {token}"))
        .write("out/result.json", format!("{{\"log\": \"a\\n{token}\"}}"))
        .write("out/more.log.gz", packed.finish().unwrap())
        .write("out/clean.log", "nothing\n")
        .write("evidence/app.log", format!("known s3cr3t-value and {token}\n"));
    let ran = seal(&gate, &["out", "--verbose", "--mask-env=LOGIN", "--sarif=found.sarif"]);
    ran.code(0)
        .says("No secrets in the evidence, 5 masked")
        .says("out/build.log:2: GitHub token, in column 5, is masked");
    let all = unpacked(&gate);
    assert!(!holds(&all, &token) && !holds(&all, "s3cr3t-value"));
    assert!(holds(&all, "[REDACTED:github-token:") && holds(&all, "known [REDACTED:known-secret:"));
    // What lies in the evidence directory is sealed there, and what was copied is as it was.
    assert!(gate.read("evidence/app.log").contains("[REDACTED:"));
    assert!(gate.read("out/build.log").contains(&token));
    let value: Value = serde_json::from_str(&gate.read("evidence/files/out/result.json")).unwrap();
    assert!(value["log"].as_str().unwrap().contains("[REDACTED:github-token:"));
    let redaction = &index(&gate)["redaction"];
    assert_eq!(redaction["mode"], "mask");
    assert_eq!(redaction["rules"], "built-in");
    let masked: Vec<String> = redaction["masked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            format!(
                "{} {} {}",
                one["path"].as_str().unwrap(),
                one["rule"].as_str().unwrap(),
                one["count"]
            )
        })
        .collect();
    assert_eq!(
        masked,
        [
            "evidence/app.log github-token 1",
            "evidence/app.log known-secret 1",
            "files/out/build.log github-token 1",
            "files/out/more.log.gz github-token 1",
            "files/out/result.json github-token 1",
        ]
        .map(|line| line.trim_start_matches("evidence/"))
    );
    let sarif = gate.read("found.sarif");
    assert!(
        sarif.contains("\"level\": \"note\"") && sarif.contains("out/build.log") && !sarif.contains(&token),
        "{sarif}"
    );
    verified(&gate, "evidence.zip");
    verified(&gate, "evidence");
    // What was masked is not masked again, and nothing was changed since.
    seal(&gate, &[]).code(0);
    verified(&gate, "evidence");
    assert_eq!(
        index(&gate)["redaction"]["masked"].as_array().map(Vec::len),
        Some(5),
        "what is masked stays listed"
    );
}

#[test]
fn with_fail_nothing_is_sealed() {
    let gate = workspace();
    gate.write("build.log", format!("one\ntwo {}", token()));
    let ran = seal(&gate, &["build.log", "--redact=fail"]);
    ran.code(1).says("build.log:2: GitHub token, in column 5");
    assert!(!format!("{}{}", ran.stdout(), ran.stderr()).contains(&token()));
    assert!(!gate.path("evidence.zip").exists() && !gate.path("evidence/evidence.json").exists());
    gate.write("build.log", "clean\n");
    seal(&gate, &["build.log", "--redact=fail"])
        .code(0)
        .says("No secrets in the evidence");
    assert_eq!(index(&gate)["redaction"]["mode"], "fail");
}

#[test]
fn switched_off_it_is_said() {
    let gate = workspace();
    gate.write("build.log", token());
    seal(&gate, &["build.log", "--redact=off"])
        .code(0)
        .says("The files were not searched for secrets (--redact off).");
    assert_eq!(gate.read("evidence/files/build.log"), token());
    assert_eq!(index(&gate)["redaction"], serde_json::json!({ "mode": "off" }));
    seal(&gate, &["--redact=off", "--pii=email"])
        .code(2)
        .says("--pii has no effect with --redact off");
}

#[test]
fn with_a_key_the_same_bundle_is_made_again() {
    let made = |key: Option<&str>| {
        let gate = workspace()
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .env("TAG_KEY", key.unwrap_or_default());
        gate.write("build.log", format!("{}\n", token()));
        seal(
            &gate,
            if key.is_some() {
                &["build.log", "--redact-key-env=TAG_KEY"]
            } else {
                &["build.log"]
            },
        )
        .code(0);
        fs::read(gate.path("evidence.zip")).unwrap()
    };
    let (one, other) = (
        "a key of the team of 32 characters",
        "another key of 32 characters, too",
    );
    assert_eq!(made(Some(one)), made(Some(one)));
    assert_ne!(made(Some(one)), made(Some(other)));
    assert_ne!(made(None), made(None));
    let gate = workspace();
    let with = |key: &str| {
        gate.run_with(
            &[("TAG_KEY", key)],
            "",
            ["evidence-bundle", DIR, "--redact-key-env=TAG_KEY"],
        )
    };
    with("")
        .code(2)
        .says("TAG_KEY, which --redact-key-env names, is empty or not set")
        .says("openssl rand -hex 32");
    for short in [&one[..31], &" ".repeat(40)] {
        with(short)
            .code(2)
            .says("TAG_KEY, which --redact-key-env names, has fewer than 32 characters")
            .never_says(short);
    }
    with(&one[..32]).code(0);
}

#[test]
fn what_cannot_be_searched_is_kept_replaced_or_refused() {
    let gate = workspace();
    gate.write("a.7z", b"7z\xbc\xaf and more");
    seal(&gate, &["a.7z", "--verbose"]).code(0).says("a.7z was not scanned");
    assert_eq!(index(&gate)["redaction"]["not_scanned"][0]["path"], "files/a.7z");
    seal(&gate, &["a.7z", "--unscannable=fail"])
        .code(1)
        .says("a.7z was not scanned: its content is in a format that is not opened");
    seal(&gate, &["a.7z", "--unscannable=stub"]).code(0);
    let stub = gate.read("evidence/files/a.7z");
    assert!(stub.contains("name: files/a.7z\nsize: 13\nsha256: "), "{stub}");
    assert_eq!(index(&gate)["redaction"]["not_scanned"][0]["stub"], true);
    verified(&gate, "evidence.zip");
}

/// The machine of the tests may have variables of its own.
#[test]
fn that_no_values_were_known_is_said() {
    for (name, args, is_said) in [
        ("DOOR", &[][..], true),
        ("DOOR", &["--redact=off"], false),
        ("DOOR", &["--mask-env=DOOR"], false),
        ("DOOR_TOKEN", &[], false),
        // The runner gives it to each step of an action.
        ("ACTIONS_RUNTIME_TOKEN", &["--upload=never"], true),
        ("INPUT_PLATFORM-TOKEN-ENV", &[], true),
    ] {
        let gate = workspace();
        let mut command = gate.command(["evidence-bundle", DIR]);
        let output = command
            .env_clear()
            .env(name, "open-sesame-4711")
            .args(args)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let says = "No variable of this step holds a secret, so no values were searched for";
        assert_eq!(text.contains(says), is_said, "{name} {args:?}: {text}");
        assert_eq!(output.status.code(), Some(0), "{text}");
    }
}

/// Whoever asks about a damaged file hears the same; `scan`, which only searches, fails unless it is kept.
#[test]
fn sealing_verifying_and_scanning_name_a_damaged_file() {
    let gate = workspace();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"nothing to see here\n").unwrap();
    let packed = packed.finish().unwrap();
    gate.write("a.gz", &packed[..packed.len() - 6]);
    let says = "a.gz was not scanned to its end: it is damaged";
    seal(&gate, &["a.gz"]).code(0).says(says).says("Verdict: pass-weak");
    for args in [
        &["verify", "--rescan", "evidence"][..],
        &["verify", "--rescan", "evidence.zip"],
        &["scan", "a.gz", "--unscannable=keep"],
    ] {
        gate.run(args).code(0).says(says).says("Verdict: pass-weak");
    }
    gate.run(["scan", "a.gz"])
        .code(1)
        .says(says)
        .says("next: write it again if it is damaged");
    for args in [
        &["verify", "--rescan", "evidence"][..],
        &["verify", "--rescan", "evidence.zip"],
        &["scan", "a.gz"],
    ] {
        gate.run([args, &["--unscannable=fail"]].concat()).code(1).says(says);
    }
    seal(&gate, &["a.gz", "--unscannable=fail"])
        .code(1)
        .says(says)
        .says("seal its hash with --unscannable stub");
    for rescan in [&[][..], &["--rescan=false"]] {
        gate.run([&["verify", "evidence", "--unscannable=fail"], rescan].concat())
            .code(2)
            .says("--unscannable needs --rescan");
    }
}

/// Whoever seals a part that could not be opened is told which one, and may refuse it.
#[test]
fn what_is_damaged_in_an_archive_is_named() {
    let gate = workspace();
    let script = "import zipfile, gzip\n\
        whole = gzip.compress(b'nothing to see here\\n' * 9)\n\
        zip = zipfile.ZipFile('logs.zip', 'w', 8)\n\
        zip.writestr('a/b.log.gz', whole[:-9] + b'\\xff' * 40); zip.writestr('c.7z', b'7z\\xbc\\xaf'); zip.close()";
    let made = Command::new("python3")
        .args(["-c", script])
        .current_dir(gate.root())
        .status()
        .unwrap();
    assert!(made.success());
    let says = "logs.zip!a/b.log.gz was not scanned to its end: it is damaged";
    let other = "logs.zip!c.7z was not scanned: it is packed in a format that is not opened";
    seal(&gate, &["logs.zip", "--verbose"])
        .code(0)
        .says(says)
        .says(other)
        .says("Verdict: pass-weak");
    let not_scanned = &index(&gate)["redaction"]["not_scanned"][0];
    assert_eq!(not_scanned["path"], "files/logs.zip");
    assert_eq!(
        not_scanned["reason"],
        "logs.zip!a/b.log.gz and 1 more of its parts cannot be opened: it is damaged"
    );
    gate.run(["scan", "logs.zip"]).code(1).says(says);
    seal(&gate, &["logs.zip", "--unscannable=fail"]).code(1).says(says);
    seal(&gate, &["logs.zip", "--unscannable=stub"]).code(0);
    let stub = gate.read("evidence/files/logs.zip");
    assert!(
        stub.contains("a/b.log.gz and 1 more of its parts cannot be opened"),
        "{stub}"
    );
    verified(&gate, "evidence.zip");
}

/// The name of a file in an archive may be a secret itself.
#[test]
fn what_is_found_in_an_archive_is_named_as_scan_names_it() {
    let gate = workspace();
    let script = "import zipfile, sys\n\
        s = sys.argv[1]\n\
        inner = zipfile.ZipFile('in.zip', 'w', 8); inner.writestr('d/e.log', 'one\\n' + s + '\\n'); inner.close()\n\
        zip = zipfile.ZipFile('out.zip', 'w', 8); zip.write('in.zip'); zip.writestr(s + '/f.log', s); zip.close()";
    let made = Command::new("python3")
        .args(["-c", script, &token()])
        .current_dir(gate.root())
        .status()
        .unwrap();
    assert!(made.success());
    let places = ["out.zip!in.zip!d/e.log", "out.zip!***/f.log"];
    let ran = gate.run(["scan", "out.zip", "--sarif=scan.sarif"]);
    ran.code(1)
        .says(&format!("{}:2: ", places[0]))
        .says(&format!("{}:1: ", places[1]));
    ran.never_says(&token());
    for redact in ["mask", "fail"] {
        let sarif = format!("--sarif={redact}.sarif");
        let redact = format!("--redact={redact}");
        let ran = seal(&gate, &["out.zip", "--verbose", &redact, &sarif]);
        ran.says(&format!("{}:2: GitHub token", places[0]));
        ran.says(&format!("{}:1: GitHub token", places[1]));
        ran.never_says(&token());
    }
    let report = gate.read("evidence.evidence-bundle.json");
    assert!(report.contains(places[0]) && !report.contains(&token()), "{report}");
    for sarif in ["scan.sarif", "mask.sarif", "fail.sarif"] {
        let sarif = gate.read(sarif);
        assert!(sarif.contains(places[0]) && !sarif.contains(&token()), "{sarif}");
    }
    // What is forbidden has a place of the same form.
    seal(&gate, &["out.zip", "--redact=off", "--forbid=^one"])
        .code(1)
        .says("out.zip!in.zip!d/e.log:1: Matches --forbid");
}

#[test]
fn what_is_forbidden_fails_unless_it_is_masked() {
    let gate = workspace();
    gate.write("build.log", format!("{}\ncustomer 4711\n", token()));
    seal(&gate, &["build.log", "--forbid=customer \\d+"])
        .code(1)
        .says("build.log:2: Matches --forbid `customer \\d+`");
    assert!(!gate.path("evidence.zip").exists());
    seal(&gate, &["build.log", "--forbid=ghp_", "--forbid=github-token"]).code(0);
    seal(&gate, &["build.log", "--redact=off", "--forbid=ghp_"]).code(1);
    gate.write("customer 12.log", "-");
    seal(&gate, &["customer 12.log", "--redact=off", "--forbid=customer \\d+"])
        .code(1)
        .says("Matches --forbid `customer \\d+`, in the path files/customer 12.log");
    seal(&gate, &["--forbid=("]).code(2).says("--forbid `(`");
    seal(&gate, &["--forbid=x*"]).code(2).says("it matches an empty text");
}

/// Nothing can take its place in the manifest and the zip.
#[test]
fn a_secret_in_a_path_is_refused_and_not_shown() {
    let gate = workspace();
    gate.write(&format!("out/a-{}.log", token()), "clean\n");
    let ran = seal(&gate, &["out"]);
    ran.code(1)
        .says("The path files/out/a-***.log holds a secret: GitHub token");
    let report = gate.read("evidence.evidence-bundle.json");
    assert!(!format!("{}{}{report}", ran.stdout(), ran.stderr()).contains(&token()));
    // What is left out is listed by its path.
    seal(&gate, &["out", "--exclude=out/a-*"]).code(1);
    assert!(!gate.path("evidence/evidence.json").exists() || !gate.read("evidence/evidence.json").contains(&token()));
}

#[test]
fn a_secret_that_is_too_short_is_refused() {
    let gate = workspace().env("PIN", "123");
    seal(&gate, &["--mask-env=PIN"])
        .code(2)
        .says("--mask-env PIN: its value has fewer than 4 characters");
}

#[test]
fn rules_that_cannot_be_used_seal_nothing() {
    let gate = workspace();
    gate.write("rules.toml", "[[rules]]\nid = \"a\"");
    seal(&gate, &["--rules=rules.toml"])
        .code(4)
        .says("neither `regex` nor `path`");
    assert!(!gate.path("evidence.zip").exists());
    gate.write(
        "rules.toml",
        "[[rules]]\nid = \"shop\"\nregex = 'shop-\\d+'\n[[rules]]\nid = \"pem\"\npath = '\\.pem$'\n",
    )
    .write("a.log", "shop-12 ann@acme.io\n")
    .write("a.pem", "key\n");
    seal(&gate, &["a.log", "a.pem", "--rules=rules.toml", "--pii=email"]).code(0);
    let log = gate.read("evidence/files/a.log");
    assert!(
        log.contains("[REDACTED:shop:") && log.contains("[REDACTED:pii-email:"),
        "{log}"
    );
    assert!(
        gate.read("evidence/files/a.pem")
            .contains("its path alone matches a rule")
    );
    assert_eq!(index(&gate)["redaction"]["rules"], "rules.toml, email");
}

/// What is packed cannot be masked, so the archive is not sealed with it; what has no secret is, without a word.
#[test]
fn archives_are_opened_and_not_sealed_with_a_secret_in_them() {
    let gate = workspace();
    let secret = token();
    gate.write("s.log", &secret)
        .write("clean.log", "nothing\n")
        .write("key.p12", "-");
    let rules = "[extend]\nuseDefault = true\n[[rules]]\nid = \"key-file\"\npath = '''\\.p12$'''\n";
    gate.write("rules.toml", rules);
    let script = "import zipfile, tarfile, gzip, os, codecs\n\
        def z(f, p): zipfile.ZipFile('out/' + f, 'w', 8).write(p)\n\
        def t(f, p, n=None):\n with tarfile.open('out/' + f, 'w') as tar: tar.add(p, n)\n\
        os.mkdir('out'); s = open('s.log').read()\n\
        z('secret.zip', 's.log'); z('clean.zip', 'clean.log'); t('plain.tar', 's.log')\n\
        open('s.gz', 'wb').write(gzip.compress(s.encode())); t('packed.tar', 's.gz'); t('named.tar', 'clean.log', s + '.log')\n\
        z('path.zip', 'key.p12')\n\
        open('out/wide.gz', 'wb').write(gzip.compress(codecs.BOM_UTF16_LE + s.encode('utf-16-le')))";
    let made = Command::new("python3")
        .args(["-c", script])
        .current_dir(gate.root())
        .status()
        .unwrap();
    assert!(made.success());
    seal(&gate, &["out", "--rules=rules.toml"]).code(0);
    let sealed = |name: &str| fs::read(gate.path("evidence/files/out").join(name)).unwrap();
    for name in [
        "secret.zip",
        "packed.tar",
        "plain.tar",
        "named.tar",
        "path.zip",
        "wide.gz",
    ] {
        let stub = String::from_utf8_lossy(&sealed(name)).into_owned();
        assert!(stub.contains("it has a secret, and it"), "{name}: {stub}");
    }
    assert_eq!(sealed("clean.zip"), fs::read(gate.path("out/clean.zip")).unwrap());
    assert!(!holds(&unpacked(&gate), &token()));
    verified(&gate, "evidence.zip");
}

/// As a Secret of Kubernetes is, which a variable of the CI holds as base64.
#[test]
fn a_value_in_base64_in_base64_is_gone() {
    let gate = workspace().env("DB_PASSWORD", "s3cr3t-value-0");
    let inner = STANDARD.encode("s3cr3t-value-0");
    let yaml = format!("apiVersion: v1\nkind: Secret\ndata:\n  password: {inner}\n");
    let outer = STANDARD.encode(&yaml);
    let from = yaml.find(&inner).unwrap();
    // What of it depends on the value alone.
    let hidden = &outer[from.div_ceil(3) * 4..(from + inner.len() - 2) / 3 * 4];
    gate.write("a.log", format!("KUBE={outer} after\n"))
        .write("b.json", format!("{{\"kube\": \"{outer}\"}}"))
        .write("plain.log", "s3cr3t-value-0");
    seal(&gate, &["a.log", "b.json", "plain.log", "--verbose"])
        .code(0)
        .says("No secrets in the evidence, 3 masked")
        .says("a.log:1: The value of a variable");
    let all = unpacked(&gate);
    assert!(holds(&all, &outer[..40]) && holds(&all, " after\n"));
    assert!(holds(&all, "[REDACTED:known-secret:") && !holds(&all, hidden));
    let tag = |file: &str| {
        gate.read(&format!("evidence/files/{file}"))
            .split_once(':')
            .map(|(_, tag)| tag.to_owned())
    };
    assert_eq!(
        tag("a.log").unwrap()[..22],
        tag("plain.log").unwrap()[..22],
        "the same secret has the same tag"
    );
}

/// gzip writes down how the file that it packed was called.
#[test]
fn a_secret_in_the_name_that_gzip_wrote_is_gone() {
    let gate = workspace();
    let builder = || flate2::GzBuilder::new().filename(format!("{}.log", token()));
    let mut packed = builder().write(Vec::new(), Compression::default());
    packed.write_all(b"nothing\n").unwrap();
    gate.write("out/a.log.gz", packed.finish().unwrap());
    seal(&gate, &["out"]).code(0).says("1 masked");
    let sealed = fs::read(gate.path("evidence/files/out/a.log.gz")).unwrap();
    assert!(!holds(&sealed, &token()) && holds(&unpacked(&gate), "nothing\n"));
    gate.run(["scan", "out"]).code(1).says("out/a.log.gz:1: GitHub token");
}

/// The manifest and the index hold paths, and where links point, as they are.
#[test]
fn a_secret_in_a_path_or_in_the_target_of_a_link_fails() {
    let secret = token();
    let other = secret.replace("ghp_", "gho_");
    let gate = workspace();
    gate.write(&format!("out/{secret}/{other}.log"), &secret);
    let ran = seal(&gate, &["out"]);
    ran.code(1).says("files/out/***/***.log").never_says(&secret);
    ran.never_says(&other);
    let gate = workspace();
    gate.write("out/a.log", "-");
    std::os::unix::fs::symlink(format!("/nowhere/{secret}"), gate.path("out/link")).unwrap();
    let ran = seal(&gate, &["out"]);
    ran.code(1)
        .says("holds a secret")
        .says("/nowhere/***")
        .never_says(&secret);
    assert!(!gate.path("evidence.zip").exists());
}
