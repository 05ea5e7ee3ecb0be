//! A directory that was sealed before.

use super::{paths, seal, verified, workspace};
use crate::gate::Gate;

#[test]
fn sealing_again_copies_again_and_tidies_up() {
    let gate = workspace();
    gate.write("a.txt", "a").write("b.txt", "b");
    seal(&gate, &["a.txt", "b.txt"]).code(0);
    gate.write("a.txt", "changed").write("evidence/new.log", "n");
    // What a seal leaves that was killed.
    gate.write("evidence/.stageproof-seal-Ab12Cd/files/x", "half");
    seal(&gate, &["a.txt"]).code(0);
    assert_eq!(
        paths(&gate),
        ["evidence.json", "files/a.txt", "files/b.txt", "new.log", "smoke.log"]
    );
    assert_eq!(gate.read("evidence/files/a.txt"), "changed");
    assert!(!gate.root().join("evidence/.stageproof-seal-Ab12Cd").exists());
    verified(&gate, "evidence");
    seal(&gate, &["--exclude=*.txt"]).code(0);
    assert!(!gate.root().join("evidence/files").exists());
    verified(&gate, "evidence");
}

#[test]
fn what_is_not_ours_is_not_overwritten() {
    let gate = workspace();
    gate.write("evidence/files/precious.txt", "p").write("a.txt", "a");
    seal(&gate, &["a.txt"]).code(4).says("was never sealed");
    assert_eq!(gate.read("evidence/files/precious.txt"), "p");
    let gate = workspace();
    gate.write("evidence/evidence.json", "{\"mine\":1}");
    seal(&gate, &[]).code(4).says("not the index of an earlier seal");
    assert_eq!(gate.read("evidence/evidence.json"), "{\"mine\":1}");
}

/// Evidence that was sealed once stays, and so does what somebody put where copies go.
#[test]
fn sealing_again_keeps_earlier_copies_and_refuses_to_lose_what_is_not_its_own() {
    let gate = Gate::new();
    gate.write("one/x.txt", "1").write("two/y.txt", "2");
    seal(&gate, &["one"]).code(0);
    seal(&gate, &["two"]).code(0);
    assert_eq!(paths(&gate), ["evidence.json", "files/one/x.txt", "files/two/y.txt"]);
    gate.run(["verify", "evidence.zip"]).code(0);
    // What is named again is copied again.
    gate.write("one/x.txt", "new");
    seal(&gate, &["one"]).code(0);
    assert_eq!(gate.read("evidence/files/one/x.txt"), "new");
    seal(&gate, &[]).code(0);
    gate.write("evidence/files/mine.txt", "precious");
    seal(&gate, &["one"])
        .code(4)
        .says("evidence/files/mine.txt was not put there by stageproof");
    assert_eq!(gate.read("evidence/files/mine.txt"), "precious");
}
