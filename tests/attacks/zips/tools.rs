//! Other people's ways of unpacking a zip: some read the directory at its end, some the headers as they come.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::skipped::not_checked;

/// Set in CI, which installs the first of them.
const REQUIRED: &str = "STAGEPROOF_REQUIRE_TOOLS";
/// Set where the others are there too.
const ALL_REQUIRED: &str = "STAGEPROOF_REQUIRE_ALL_ZIP_TOOLS";

const PYTHON: &str = "import sys, zipfile\nzipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
const PERL: &str = r#"use strict; use File::Basename; use File::Path; use IO::Uncompress::Unzip qw($UnzipError);
my ($zip, $to) = @ARGV;
my $in = IO::Uncompress::Unzip->new($zip) or die $UnzipError;
my $more = 1;
for (; $more > 0; $more = $in->nextStream()) {
    my $path = "$to/" . $in->getHeaderInfo()->{Name};
    utf8::encode($path) if utf8::is_utf8($path);
    mkpath(dirname($path));
    open(my $out, ">:raw", $path) or die "$path: $!";
    my $read;
    while (($read = $in->read(my $buffer)) > 0) { print $out $buffer }
    die $UnzipError if $read < 0;
    close($out);
}
die $UnzipError if $more < 0;"#;
const GO: &str = r#"package main
import ("archive/zip"; "io"; "os"; "path/filepath")
func must(err error) { if err != nil { panic(err) } }
func main() {
	for i := 1; i < len(os.Args); i += 2 { unpack(os.Args[i], os.Args[i + 1]) }
}
func unpack(from, to string) {
	zip, err := zip.OpenReader(from); must(err)
	for _, file := range zip.File {
		path := filepath.Join(to, file.Name)
		must(os.MkdirAll(filepath.Dir(path), 0755))
		in, err := file.Open(); must(err)
		out, err := os.Create(path); must(err)
		_, err = io.Copy(out, in); must(err)
	}
}"#;
const JAVA: &str = r#"import java.io.*; import java.nio.file.*; import java.util.zip.*;
class Unzip {
    static void put(InputStream in, String to, String name) throws IOException {
        Path path = Path.of(to, name);
        Files.createDirectories(path.getParent());
        Files.copy(in, path);
    }
    public static void main(String[] args) throws IOException {
        for (int i = 0; i < args.length; i += 2) unpack(args[i], args[i + 1]);
    }
    static void unpack(String from, String to) throws IOException {
        try (ZipInputStream in = new ZipInputStream(new FileInputStream(from))) {
            for (ZipEntry entry; (entry = in.getNextEntry()) != null; ) put(in, to + "/stream", entry.getName());
        }
        try (ZipFile zip = new ZipFile(from)) {
            for (ZipEntry entry : (Iterable<ZipEntry>) zip.stream().map(e -> (ZipEntry) e)::iterator)
                put(zip.getInputStream(entry), to + "/file", entry.getName());
        }
    }
}"#;

/// A zip and what must come out of it.
pub type Expected = (String, BTreeMap<String, Vec<u8>>);

/// Unpacks each zip with each tool and compares what lies there then.
pub fn all_unpack(zips: &[Expected]) {
    let folder = tempfile::tempdir().unwrap();
    let to =
        |program: &str, number: usize, below: &str| folder.path().join(program).join(number.to_string()).join(below);
    let run = |program: &str, arguments: &[String], at: &Path, unless: &str| {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(at)
            .env("LC_ALL", "C.UTF-8")
            .env("GOCACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/go"))
            .env("GO111MODULE", "off")
            .output();
        match output {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{program} {arguments:?}: {said}");
                true
            }
            Err(error) => {
                not_checked(&format!("unpacking with {program}"), &error.to_string(), unless);
                false
            }
        }
    };
    let compare = |program: &str, below: &str| {
        for (number, (zip, expected)) in zips.iter().enumerate() {
            let same = unpacked(&to(program, number, below)) == *expected;
            assert!(same, "{program} {below} unpacks something else from {zip}");
        }
    };
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    // Each starts quickly, so once for each zip.
    let each = |program: &str, unless: &str, arguments: &dyn Fn(&str, &str) -> Vec<String>| {
        let unpack = |(number, (zip, _)): (usize, &Expected)| {
            let to = to(program, number, "");
            fs::create_dir_all(&to).unwrap();
            run(program, &arguments(zip, &to.display().to_string()), &to, unless)
        };
        if zips.iter().enumerate().all(unpack) {
            compare(program, "");
        }
    };
    // These compile what they run first.
    let at_once = |program: &str, before: &[&str], source: &str, text: &str, folders: &[&str]| {
        let source = folder.path().join(source);
        fs::write(&source, text).unwrap();
        let mut arguments = words(before);
        arguments.push(source.display().to_string());
        for (number, (zip, _)) in zips.iter().enumerate() {
            arguments.extend([zip.clone(), to(program, number, "").display().to_string()]);
        }
        if run(program, &arguments, folder.path(), ALL_REQUIRED) {
            folders.iter().for_each(|below| compare(program, below));
        }
    };
    // What GitHub's own actions have used.
    let node = |library: &str| {
        let script = Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/attacks/zips/node/unpack.mjs"
        ));
        if !script.with_file_name("node_modules").is_dir() {
            let why = "`npm ci` has not run in tests/attacks/zips/node";
            return not_checked(&format!("unpacking with {library}"), why, ALL_REQUIRED);
        }
        let mut arguments = words(&[script.to_str().unwrap(), library]);
        for (number, (zip, _)) in zips.iter().enumerate() {
            arguments.extend([zip.clone(), to(library, number, "").display().to_string()]);
        }
        if run("node", &arguments, folder.path(), ALL_REQUIRED) {
            compare(library, "");
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| ["yauzl", "unzip-stream"].map(node));
        scope.spawn(|| at_once("go", &["run"], "unzip.go", GO, &[""]));
        scope.spawn(|| at_once("java", &[], "Unzip.java", JAVA, &["stream", "file"]));
        each("unzip", REQUIRED, &|zip, to| words(&["-q", zip, "-d", to]));
        each("bsdtar", REQUIRED, &|zip, to| words(&["-xf", zip, "-C", to]));
        each("7z", REQUIRED, &|zip, to| words(&["x", "-bd", &format!("-o{to}"), zip]));
        each("python3", REQUIRED, &|zip, to| words(&["-c", PYTHON, zip, to]));
        each("jar", ALL_REQUIRED, &|zip, _| words(&["--extract", "--file", zip]));
        each("perl", ALL_REQUIRED, &|zip, to| words(&["-e", PERL, zip, to]));
    });
}

/// Each tool that reads the directory finds as many entries, and nothing wrong.
pub fn all_count(zip: &str, entries: usize) {
    const COUNT: &str =
        "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\nprint(len(z.namelist()))";
    for (program, arguments, says) in [
        ("unzip", &["-tq"][..], "No errors detected".to_owned()),
        ("zipinfo", &["-h"], format!("number of entries: {entries}\n")),
        ("7z", &["t", "-bd"], format!("Files: {entries}\n")),
        ("python3", &["-c", COUNT], format!("{entries}\n")),
    ] {
        match Command::new(program).args(arguments).arg(zip).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                assert!(output.status.success() && said.contains(&says), "{program}: {said}");
            }
            Err(error) => not_checked(&format!("counting with {program}"), &error.to_string(), REQUIRED),
        }
    }
}

fn unpacked(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    let read = |entry: walkdir::DirEntry| {
        let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
        assert!(entry.file_type().is_file(), "{name} is no plain file");
        (name, fs::read(entry.path()).unwrap())
    };
    files.map(read).collect()
}
