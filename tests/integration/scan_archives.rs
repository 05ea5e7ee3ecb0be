//! `scan` in archives that other programs made: zip and tar, in one another, encrypted, damaged.

use std::fs;
use std::process::Command;

use crate::gate::{Gate, Ran};
use crate::scan::token;
use crate::skipped::not_checked;

/// Runs a script beside `secret.log`, whose second line has a secret, and `plain.log`, which has none.
fn made(script: &str) -> Gate {
    let gate = Gate::new();
    gate.write("in/secret.log", format!("fine\ntoken {}\n", token()).repeat(3))
        .write("in/plain.log", "nothing\n".repeat(1000));
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(gate.path("in"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{said}\n{}", gate.listing());
    gate
}

fn scan(gate: &Gate) -> Ran<'_> {
    gate.run(["scan", "out"])
}

fn has(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        not_checked(
            "an archive",
            &format!("{program} is missing"),
            "STAGEPROOF_REQUIRE_TOOLS",
        );
    }
    there
}

const PYTHON: &str = "mkdir ../out; python3 - <<'E'\nimport zipfile,tarfile,io,gzip,sys\nz=lambda f,**k: zipfile.ZipFile(f,'w',**k)\ndef tar(f,p,n=None,mode='w',**k):\n with tarfile.open(f,mode,**k) as t: t.add(p,n)\n";

#[test]
fn a_secret_is_found_by_its_path_in_the_archive() {
    for (script, path) in [
        ("z('../out/a.zip').write('secret.log')", "a.zip!secret.log"),
        (
            "z('../out/a.zip',compression=8).write('secret.log','d/e.log')",
            "a.zip!d/e.log",
        ),
        ("tar('../out/a.tar','secret.log')", "a.tar!secret.log"),
        ("tar('../out/a.tgz','secret.log',mode='w:gz')", "a.tgz!secret.log"),
        (
            "tar('../out/a.tar','secret.log','é/'+'x'*150,format=tarfile.PAX_FORMAT)",
            "xxxxxxxxx",
        ),
        (
            "tar('../out/a.tar','secret.log','y'*150,format=tarfile.GNU_FORMAT)",
            "yyyyyy",
        ),
        (
            "open('s.gz','wb').write(gzip.compress(open('secret.log','rb').read()))\n\
             t=tarfile.open('../out/a.tar','w'); t.add('plain.log'); t.add('s.gz'); t.close()",
            "a.tar!s.gz",
        ),
        (
            "z('b.zip',compression=8).write('secret.log')\nt=tarfile.open('c.tgz','w:gz'); t.add('b.zip'); t.close()\n\
             z('../out/a.zip').write('c.tgz')",
            "a.zip!c.tgz!b.zip!secret.log",
        ),
        // Written to a pipe, sizes come after the content.
        (
            "class P(io.RawIOBase):\n writable=lambda s:True\n def write(s,b): return open('../out/a.zip','ab').write(b)\n\
             w=z(P(),compression=8)\nw.write('plain.log'); w.write('secret.log'); w.close()",
            "a.zip!secret.log",
        ),
        (
            "class P(io.RawIOBase):\n writable=lambda s:True\n def write(s,b): return open('../out/a.zip','ab').write(b)\n\
             w=z(P())\nw.write('plain.log'); w.write('secret.log'); w.close()",
            "a.zip!secret.log",
        ),
        (
            "w=z('../out/a.zip',compression=8)\nw.open('big','w',force_zip64=True).write(open('secret.log','rb').read())",
            "a.zip!big",
        ),
    ] {
        let gate = made(&format!("{PYTHON}{script}\nE"));
        scan(&gate)
            .code(1)
            .says(&format!("{path}:2: "))
            .says(&format!("{path}:6: "))
            .never_says(&token());
    }
}

#[test]
fn what_other_programs_make_is_read() {
    for (program, script) in [
        ("tar", "tar -cf ../out/a secret.log"),
        ("tar", "tar --format=v7 -cf ../out/a secret.log"),
        ("tar", "tar --format=oldgnu -czf ../out/a secret.log"),
        (
            "tar",
            "truncate -s 1M sparse && cat secret.log >> sparse && rm secret.log && mv sparse secret.log && tar -Scf ../out/a secret.log",
        ),
        ("bsdtar", "bsdtar --format=pax -cf ../out/a secret.log"),
        ("bsdtar", "bsdtar --format=zip -cf - plain.log secret.log > ../out/a"),
        ("zip", "zip -q - plain.log secret.log | cat > ../out/a"),
        ("zip", "zip -q ../out/a.zip secret.log"),
    ] {
        if has(program) {
            let gate = made(&format!("mkdir ../out; {script}"));
            scan(&gate).code(1).says("secret.log:");
        }
    }
}

#[test]
fn names_comments_and_what_hangs_on_are_scanned_too() {
    for script in [
        "w=z('../out/a.zip'); w.write('plain.log'); w.comment=open('secret.log','rb').read()[:90]; w.close()",
        "w=z('../out/a.zip'); w.write('plain.log'); w.close(); open('../out/a.zip','ab').write(open('secret.log','rb').read())",
        "t=tarfile.open('../out/a.tar','w',pax_headers={'comment':open('secret.log').read()[:80]}); t.add('plain.log'); t.close()",
        // As PowerShell and another program write to one log.
        "w=z('../out/a.zip'); w.writestr('a.log','one\\n'.encode('utf-16')+open('secret.log','rb').read()); w.close()",
        "tar('../out/a.tar','plain.log'); open('../out/a.tar','ab').write(open('secret.log','rb').read())",
    ] {
        let gate = made(&format!("{PYTHON}{script}\nE"));
        scan(&gate)
            .code(1)
            .says("next: revoke it at its issuer")
            .never_says(&token());
    }
}

#[test]
fn what_cannot_be_looked_at_is_told_with_the_reason() {
    let flag = "b=bytearray(open('../out/a.zip','rb').read()); b[6]|=1; open('../out/a.zip','wb').write(b)";
    for (script, says) in [
        (
            format!("w=z('../out/a.zip'); w.write('secret.log'); w.write('plain.log'); w.close()\n{flag}"),
            "a.zip!secret.log was not scanned: it is encrypted",
        ),
        (
            "z('../out/a.zip',compression=12).write('secret.log')".to_owned(),
            "compressed with method 12 of zip",
        ),
        (
            "import lzma; open('s.xz','wb').write(lzma.compress(b'x')); tar('../out/a.tar','s.xz')".to_owned(),
            "a.tar!s.xz was not scanned: it is packed in a format that is not opened",
        ),
        (
            "z('../out/a.zip',compression=8).write('plain.log')\nb=open('../out/a.zip','rb').read()\n\
             open('../out/a.zip','wb').write(b[:45])"
                .to_owned(),
            "a.zip!plain.log was not scanned to its end: it is damaged",
        ),
        (
            "tar('../out/a.tar','plain.log')\nb=open('../out/a.tar','rb').read()\n\
             open('../out/a.tar','wb').write(b[:3000])"
                .to_owned(),
            "a.tar!plain.log was not scanned to its end: it ends early",
        ),
        (
            "z('../out/a.zip',compression=8).writestr('bomb',b'\\0'*(80<<20))".to_owned(),
            "a.zip!bomb was not scanned to its end: it unpacks to more than is looked at",
        ),
        (
            "p='plain.log'\nfor n in range(8):\n w=z(f'{n}.zip'); w.write(p); w.close(); p=f'{n}.zip'\n\
             import os; os.rename(p,'../out/a.zip')"
                .to_owned(),
            "was not scanned: it is 6 archives deep",
        ),
    ] {
        let gate = made(&format!("{PYTHON}{script}\nE"));
        let is_cut = says.contains("to its end");
        scan(&gate).code(i32::from(is_cut)).says(says);
        gate.run(["scan", "out", "--unscannable=keep"]).code(0).says(says);
        gate.run(["scan", "out", "--unscannable=fail"]).code(1).says(says);
    }
}

/// A member that cannot be looked at does not hide the next one.
#[test]
fn what_comes_after_a_damaged_or_encrypted_file_is_found() {
    let at = "b=bytearray(open('../out/a.zip','rb').read())\n";
    let write = "\nopen('../out/a.zip','wb').write(b)";
    for change in ["b[6]|=1", "b[60]^=255"] {
        let gate = made(&format!(
            "{PYTHON}w=z('../out/a.zip',compression=8); w.write('plain.log'); w.write('secret.log'); w.close()\n{at}{change}{write}\nE"
        ));
        scan(&gate)
            .code(1)
            .says("a.zip!secret.log:2: ")
            .says("a.zip!plain.log was not scanned");
    }
}

#[test]
fn a_variable_s_value_and_personal_data_are_found_in_archives() {
    let gate = made(&format!(
        "{PYTHON}z('../out/a.zip',compression=8).writestr('x/y','one\\nhunter2-hunter2')\nE"
    ))
    .env("API_TOKEN", "hunter2-hunter2");
    scan(&gate)
        .code(1)
        .says("a.zip!x/y:2: The value of a variable")
        .never_says("hunter2");
    fs::remove_file(gate.path("out/a.zip")).unwrap();
    scan(&gate).code(3);
}
