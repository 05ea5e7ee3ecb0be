//! What is sealed: hostile earlier indexes, nested repositories, outputs inside of the evidence, copies that changed.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::{Value, json};

use crate::gate::{Gate, Ran};

fn seal<'a>(gate: &'a Gate, args: &[&str]) -> Ran<'a> {
    gate.run([&["evidence-bundle", "--evidence-dir=evidence"], args].concat())
}

/// A sealed directory with a copy in it.
fn sealed() -> Gate {
    let gate = Gate::new();
    gate.write("evidence/a.log", "a\n")
        .write("c.txt", "c")
        .write("secret.txt", "outside");
    seal(&gate, &["c.txt"]).code(0);
    gate
}

fn index(gate: &Gate) -> Value {
    serde_json::from_str(&gate.read("evidence/evidence.json")).unwrap()
}

/// As somebody leaves it who may write into the evidence directory before it is sealed again.
fn with_entry(gate: &Gate, entry: Value) {
    let mut index = index(gate);
    index["files"].as_array_mut().unwrap().push(entry);
    gate.write("evidence/evidence.json", index.to_string());
}

#[test]
fn an_earlier_index_cannot_take_in_or_empty_a_file_by_its_path() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    let absolute = victim.display().to_string();
    let digest = "0".repeat(64);
    let entry = |path: &str, copied: bool| json!({"path": path, "size": 1, "sha256": digest, "copied": copied});
    let named = |path: &str, original: &str| {
        let copied = path.starts_with("files/");
        json!({"path": path, "size": 1, "sha256": digest, "copied": copied, "original": original})
    };
    for hostile in [
        entry(&absolute, true),
        entry(&absolute, false),
        entry(&format!("files/{absolute}"), true),
        entry("../secret.txt", true),
        entry("files/../../secret.txt", true),
        entry("files/../a.log", true),
        entry("files/./c.txt", true),
        entry("files//c.txt", true),
        entry("./files/c.txt", true),
        entry("files/", true),
        entry("files", true),
        entry("", true),
        entry("a.log", true),
        entry("a.log", false),
        entry("files/c.txt", true),
        entry("files/c.txt", false),
        entry("filesystem/c.txt", true),
        entry("FILES/c.txt", true),
        entry("evidence.json", false),
        entry("sha256_manifest.txt", true),
        entry("files/a\\b", true),
        entry("files/a\nb", true),
        entry("files/a:b", true),
        named("b.log", "/etc/passwd"),
        named("b.log", "b.log"),
        named("files/b.log", "../secret.txt"),
        named("files/b~00000000.log", "b:.log"),
    ] {
        let gate = sealed();
        let (zip, what) = (fs::read(gate.root().join("evidence.zip")).unwrap(), hostile.to_string());
        with_entry(&gate, hostile);
        let ran = seal(&gate, &[]);
        assert_eq!(ran.output.status.code(), Some(4), "{what}\n{}", ran.explain());
        ran.says("not the index of an earlier seal");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious", "{what}");
        for (path, content) in [
            ("secret.txt", "outside"),
            ("evidence/a.log", "a\n"),
            ("evidence/files/c.txt", "c"),
        ] {
            assert_eq!(gate.read(path), content, "{what}");
        }
        assert!(fs::read(gate.root().join("evidence.zip")).unwrap() == zip, "{what}");
    }
}

#[test]
fn an_earlier_index_cannot_take_in_a_file_behind_a_link() {
    type Plant = fn(&Gate);
    let digest = "0".repeat(64);
    let cases: [(&str, Plant, &str); 4] = [
        (
            "files/x",
            |gate| symlink("../../secret.txt", gate.root().join("evidence/files/x")).unwrap(),
            "was not put there",
        ),
        (
            "files/d/secret.txt",
            |gate| symlink("../..", gate.root().join("evidence/files/d")).unwrap(),
            "was not put there",
        ),
        (
            "files/secret.txt",
            |gate| {
                fs::rename(gate.root().join("evidence/files"), gate.root().join("moved")).unwrap();
                symlink("..", gate.root().join("evidence/files")).unwrap();
            },
            "is not a folder",
        ),
        (
            "files/pipe",
            |gate| {
                let pipe = gate.root().join("evidence/files/pipe");
                assert!(
                    std::process::Command::new("mkfifo")
                        .arg(pipe)
                        .status()
                        .unwrap()
                        .success()
                );
            },
            "was not put there",
        ),
    ];
    for (path, plant, says) in cases {
        let gate = sealed();
        with_entry(
            &gate,
            json!({"path": path, "size": 7, "sha256": digest, "copied": true}),
        );
        plant(&gate);
        seal(&gate, &[]).code(4).says(says);
        assert_eq!(gate.read("secret.txt"), "outside");
        gate.run(["verify", "evidence.zip"]).code(0);
    }
}

#[test]
fn an_earlier_index_without_end_is_refused_soon() {
    for (text, says) in [
        (
            format!("{{\"schema\":\"stageproof.evidence/v1\",\"x\":{}", "[".repeat(1 << 20)),
            "not the index",
        ),
        (
            format!(
                "{{\"schema\":\"stageproof.evidence/v1\",\"files\":[{}",
                "{},".repeat(1 << 20)
            ),
            "not the index",
        ),
        (" ".repeat((64 << 20) + 1), "larger than"),
    ] {
        let gate = sealed();
        gate.write("evidence/evidence.json", text);
        let started = std::time::Instant::now();
        seal(&gate, &[]).code(4).says(says);
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }
}

#[test]
fn a_kept_copy_that_changed_since_it_was_sealed_stops_the_seal() {
    let gate = sealed();
    let zip = fs::read(gate.root().join("evidence.zip")).unwrap();
    gate.write("evidence/files/c.txt", "C");
    for _ in 0..2 {
        seal(&gate, &[])
            .code(1)
            .says("files/c.txt was changed after it was sealed");
        assert!(
            fs::read(gate.root().join("evidence.zip")).unwrap() == zip,
            "the earlier bundle stays"
        );
    }
    // Named again, it is copied again.
    seal(&gate, &["c.txt"]).code(0);
    assert_eq!(gate.read("evidence/files/c.txt"), "c");
    gate.run(["verify", "evidence"]).code(0);
}

#[test]
fn a_kept_copy_that_is_gone_is_named() {
    let gate = sealed();
    fs::remove_file(gate.root().join("evidence/files/c.txt")).unwrap();
    seal(&gate, &[])
        .code(0)
        .says("Verdict: pass-weak")
        .says("files/c.txt was sealed before and is gone");
    for quiet in [&["c.txt"][..], &["--exclude=c.txt"]] {
        let gate = sealed();
        fs::remove_dir_all(gate.root().join("evidence/files")).unwrap();
        seal(&gate, quiet).code(0).says("Verdict: pass.");
    }
}

#[test]
fn a_nested_git_folder_or_file_is_never_sealed() {
    for path in [
        "site/.git/config",
        "site/.git",
        "site/.GIT/config",
        "a/b/.Git/modules/x/config",
        ".GIT/config",
    ] {
        let gate = Gate::new();
        gate.write("evidence/a.log", "a\n")
            .write(&format!("evidence/{path}"), "extraheader = secret-token");
        let git = path.split_inclusive(".git").next().unwrap();
        seal(&gate, &[]).code(1).says("cannot be sealed").says("git's own data");
        assert!(
            !gate
                .read("evidence/sha256_manifest.txt")
                .to_lowercase()
                .contains(".git"),
            "{git}"
        );
        let zip = fs::read(gate.root().join("evidence.zip")).unwrap();
        assert!(!String::from_utf8_lossy(&zip).contains("secret-token"), "{path}");
        gate.run(["verify", "evidence.zip"]).code(0);
        gate.run(["verify", "evidence"])
            .code(1)
            .says("exists but is not listed");
    }
    // What only looks like it is evidence.
    let gate = Gate::new();
    gate.write("evidence/x.git/a", "a")
        .write("evidence/.gitignore", "b")
        .write("evidence/git/.github/c", "c");
    seal(&gate, &[]).code(0).says("Verdict: pass.");
}

#[test]
fn git_data_that_is_named_is_left_out_whatever_its_case() {
    let gate = Gate::new();
    gate.write("evidence/a.log", "a\n")
        .write("build/app.txt", "app")
        .write("build/.GIT/config", "secret-token")
        .write("build/sub/.Git", "gitdir: secret-token");
    seal(&gate, &["build"]).code(0);
    let paths: Vec<String> = fs::read_dir(gate.root().join("evidence/files/build"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(paths, ["app.txt"]);
    assert_eq!(index(&gate)["left_out"][0]["reason"], "git-metadata");
}

#[test]
fn an_output_in_the_evidence_directory_is_refused_by_whatever_name() {
    let gate = Gate::new();
    gate.write("evidence/sub/a.log", "a\n");
    symlink("evidence", gate.root().join("alias")).unwrap();
    symlink("evidence/sub", gate.root().join("deep")).unwrap();
    symlink("later", gate.root().join("early")).unwrap();
    for output in [
        "evidence/x.zip",
        "alias/x.zip",
        "alias/new/x.zip",
        "deep/x.zip",
        "evidence/../alias/sub/x.zip",
    ] {
        seal(&gate, &[&format!("--output={output}")])
            .code(2)
            .says("cannot contain itself");
    }
    assert!(!gate.root().join("evidence/x.zip").exists());
    // A link to where the evidence directory is made only now.
    gate.write("a.txt", "a");
    let ran = gate.run([
        "evidence-bundle",
        "--evidence-dir=later",
        "--output=early/x.zip",
        "a.txt",
    ]);
    ran.code(4).says("cannot contain itself");
    assert!(!gate.root().join("later/x.zip").exists());
    // Beside it is fine, also through a link.
    symlink(".", gate.root().join("here")).unwrap();
    seal(&gate, &["--output=here/x.zip"]).code(0);
    gate.run(["verify", "evidence"]).code(0);
    gate.run(["verify", "x.zip"]).code(0);
}

#[test]
fn an_output_replaces_a_zip_and_nothing_else() {
    let gate = Gate::new();
    gate.write("evidence/a.log", "a\n").write("report.txt", "precious");
    seal(&gate, &["report.txt", "--output=report.txt"])
        .code(4)
        .says("exists and is not a zip");
    assert_eq!(gate.read("report.txt"), "precious");
    gate.write("empty", "");
    seal(&gate, &["--output=empty"]).code(0);
    seal(&gate, &["--output=empty"]).code(0);
}

#[test]
fn rights_are_packed_as_executable_or_not_and_the_index_says_the_same() {
    let gate = Gate::new();
    for (number, mode) in [0o600, 0o644, 0o755, 0o700, 0o4755, 0o2644, 0o1777, 0o444]
        .into_iter()
        .enumerate()
    {
        for folder in ["evidence", "named"] {
            let path = gate.path(&format!("{folder}/{number}"));
            fs::write(&path, "x").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    }
    // Twice: the second time the copies are kept.
    seal(&gate, &["named"]).code(0);
    seal(&gate, &[]).code(0);
    let sealed = index(&gate);
    let executable = |file: &&Value| file["executable"] == true;
    let paths: Vec<&str> = sealed["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter(executable)
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert_eq!(
        paths,
        [
            "2",
            "3",
            "4",
            "6",
            "files/named/2",
            "files/named/3",
            "files/named/4",
            "files/named/6"
        ]
    );
    gate.run(["verify", "evidence"]).code(0);
    gate.run(["verify", "evidence.zip"]).code(0);
}
