//! Objects that are missing, cut, borrowed or huge.

use std::fs;
use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::repo::Repo;

#[test]
fn a_partial_clone_proves_nothing_and_refutes_nothing() {
    let repo = Repo::empty();
    repo.commit("deep/down/app", "one");
    repo.git(&["tag", "v1"]);
    repo.commit("deep/down/app", "two");
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    repo.git(&["config", "uploadpack.allowAnySHA1InWant", "true"]);
    let url = format!("file://{}", repo.root().display());
    for (filter, more) in [
        ("blob:none", "--no-bare"),
        ("tree:0", "--bare"),
        ("tree:2", "--no-bare"),
        ("blob:limit=1", "--bare"),
    ] {
        let clone = Repo::none();
        clone.git(&["clone", "--quiet", &format!("--filter={filter}"), more, &url, "."]);
        let told = clone.dry_run(&[]);
        told.is(4, &["is missing", "partial clone", "fetch without `--filter`"]);
        assert_eq!(told.statuses(), ["passed", "passed", "errored"], "{}", told.text);
        assert_eq!(told.output("command"), "");
    }
    // All that the release needs is here.
    let clone = Repo::none();
    clone.git(&["clone", "--quiet", "--filter=blob:none", &url, "."]);
    clone.git(&["checkout", "--quiet", "v1"]);
    clone.git(&["checkout", "--quiet", "main"]);
    clone.dry_run(&[]).is(0, &[]);
    // Without a promise to fetch it, what is missing is damage.
    clone.git(&["config", "--unset", "remote.origin.promisor"]);
    clone.git(&["config", "--unset", "remote.origin.partialclonefilter"]);
    let blob = repo.id("v1:deep/down/app");
    fs::remove_file(repo.object(&blob)).unwrap();
    repo.dry_run(&[]).is(1, &["cannot be checked out"]);
}

#[test]
fn a_cut_object_in_a_borrowed_folder_is_named_at_once() {
    let lender = Repo::with_releases();
    let blob = lender.object(&lender.id("v2:app"));
    let borrower = Repo::none();
    borrower.git(&["clone", "--quiet", "--shared", lender.root().to_str().unwrap(), "."]);
    borrower.dry_run(&[]).is(0, &[]);
    let whole = fs::read(&blob).unwrap();
    fs::remove_file(&blob).unwrap();
    for length in [0, 2, 5, whole.len() - 1] {
        fs::write(&blob, &whole[..length]).unwrap();
        let started = Instant::now();
        let told = borrower.dry_run(&[]);
        told.is(4, &[&format!("{} cannot be read", blob.display())]);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
    // Borrowed at second hand.
    fs::write(&blob, &whole).unwrap();
    let third = Repo::none();
    third.git(&["clone", "--quiet", "--shared", borrower.root().to_str().unwrap(), "."]);
    third.dry_run(&[]).is(0, &[]);
    fs::write(&blob, &whole[..5]).unwrap();
    third
        .dry_run(&[])
        .is(4, &[&format!("{} cannot be read", blob.display())]);
}

#[test]
fn odd_lists_of_borrowed_folders_end() {
    let repo = Repo::with_releases();
    let list = repo.root().join(".git/objects/info/alternates");
    let own = repo.root().join(".git/objects").display().to_string();
    for (text, code) in [
        // In a circle, gone, a comment.
        (format!("{own}\n{own}\n/no/such/folder\n# x\n../objects\n"), 0),
        ("elsewhere/objects\n".to_owned(), 4),
        ("x".repeat(2 << 20), 4),
    ] {
        fs::write(&list, text).unwrap();
        let told = repo.dry_run(&[]);
        assert_eq!(told.code, code, "{}", told.text);
    }
    fs::remove_file(&list).unwrap();
    // A chain that is deeper than git follows.
    let mut last = repo.root().join(".git/objects");
    for n in 0..8 {
        let next = repo.outside(&format!("store{n}"));
        fs::create_dir_all(next.join("info")).unwrap();
        fs::write(last.join("info/alternates"), format!("{}\n", next.display())).unwrap();
        last = next;
    }
    repo.dry_run(&[]).is(4, &["more than 5 folders away"]);
}

#[test]
fn a_pipe_in_the_place_of_an_object_or_a_list_is_not_waited_for() {
    for place in [
        ".git/objects/info/alternates",
        ".git/objects/00/00000000000000000000000000000000000000",
    ] {
        let repo = Repo::with_releases();
        let path = repo.gate.path(place);
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
        let started = Instant::now();
        let output = repo.command(repo.root(), &[]).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(4),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        assert!(String::from_utf8_lossy(&output.stdout).contains("it is a FIFO"));
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    }
}

/// A few kilobytes that claim to be gigabytes.
#[test]
fn a_record_that_claims_to_be_huge_is_not_read() {
    let repo = Repo::with_releases();
    for kind in ["commit", "tag", "tree"] {
        let id = match kind {
            "tree" => "2222222222222222222222222222222222222222".to_owned(),
            _ => "1111111111111111111111111111111111111111".to_owned(),
        };
        let path = repo.object(&id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder
            .write_all(format!("{kind} 9000000000\0small").as_bytes())
            .unwrap();
        fs::write(&path, encoder.finish().unwrap()).unwrap();
        if kind == "tree" {
            let text = format!(
                "tree {id}\nparent {}\nauthor T <t@e> 1 +0000\ncommitter T <t@e> 1 +0000\n\nx\n",
                repo.id("v1")
            );
            let release = repo.git_with(
                &["hash-object", "-t", "commit", "-w", "--stdin", "--literally"],
                text.as_bytes(),
            );
            let empty = repo.git_with(&["mktree"], b"");
            let next = repo.git(&["commit-tree", &empty, "-p", &release, "-m", "next"]);
            repo.git(&["update-ref", "refs/heads/main", &next]);
            fs::write(repo.root().join(".git/refs/tags/v9"), format!("{release}\n")).unwrap();
            repo.dry_run(&["--tags=v9"]).is(4, &["9000000000 bytes"]);
        } else {
            fs::write(repo.root().join(".git/refs/tags/v9"), format!("{id}\n")).unwrap();
            repo.dry_run(&["--tags=v9"]).is(4, &["9000000000 bytes", "is not read"]);
        }
    }
}
