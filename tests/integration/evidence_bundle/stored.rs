//! The store, against a strict stand-in and against real ones.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::uploaded::make_large;
use super::{DIR, check};
use crate::aws::{SECRET_KEY, SESSION_TOKEN};
use crate::gate::{Gate, Ran};
use crate::half_way::half_way;
use crate::s3::{Client, Fault, S3};
use crate::servers::{eventually, free_port};
use crate::skipped::not_checked;

pub const NO_FAULT: fn(&str, usize) -> Option<Fault> = |_, _| None;
pub const KEY: &str = "--store=s3://proof/a/b.zip";

pub fn with(s3: &S3) -> Gate {
    let mut gate = Gate::new();
    for (name, value) in s3.env() {
        gate = gate.env(name, value);
    }
    gate.write("evidence/smoke.log", "GET / 200\n");
    gate
}

pub fn store<'a>(gate: &'a Gate, args: &[&str]) -> Ran<'a> {
    let ran = gate.run([&["evidence-bundle", DIR], args].concat());
    // Only the runner is told them, which then masks them.
    let lines = ran.stdout();
    let lines = lines.lines().filter(|line| !line.starts_with("::add-mask::"));
    let text = lines.collect::<String>() + &ran.stderr() + &gate.read("evidence.evidence-bundle.json");
    for secret in [SECRET_KEY, SESSION_TOKEN, "Signature=", "AWS4-HMAC"] {
        assert!(!text.contains(secret), "{secret} is shown: {text}");
    }
    ran
}

fn fact(gate: &Gate, name: &str) -> Option<String> {
    let stored = check(gate, "evidence-stored");
    let fact = stored["facts"].as_array()?.iter().find(|fact| fact["name"] == name)?;
    Some(fact["value"].as_str()?.to_owned())
}

#[test]
fn the_zip_and_its_statement_are_stored_byte_for_byte() {
    for (is_large, requests) in [
        (false, &["head", "put", "head"][..]),
        (true, &["head", "create", "part", "part", "complete", "head"]),
    ] {
        let s3 = S3::start(NO_FAULT);
        let gate = with(&s3).on_runner("push", "{}");
        if is_large {
            make_large(&gate);
        }
        store(&gate, &["--store=s3://proof/shop/{environment}/{run-id}/"]).code(0);
        let sha256 = gate.outputs()["bundle-sha256"].clone();
        let stem = format!("shop/staging/77/evidence-77-1-deploy-{}", &sha256[..12]);
        assert_eq!(
            s3.keys(),
            [format!("/proof/{stem}.statement.json"), format!("/proof/{stem}.zip")]
        );
        let zip = s3.object(&format!("/proof/{stem}.zip"));
        assert!(zip.bytes == fs::read(gate.root().join("evidence.zip")).unwrap());
        assert_eq!(zip.headers["x-amz-meta-sha256"], sha256);
        assert_eq!(zip.headers["content-type"], "application/zip");
        let statement = s3.object(&format!("/proof/{stem}.statement.json"));
        assert_eq!(
            String::from_utf8(statement.bytes).unwrap(),
            gate.read("evidence.statement.json")
        );
        assert_eq!(s3.asked(), [requests, &["head", "put", "head"]].concat());
        let outputs = gate.outputs();
        assert_eq!(outputs["store-uri"], format!("s3://proof/{stem}.zip"));
        assert_eq!((&*outputs["store-version"], outputs["store-etag"].len()), ("v0", 32));
        assert_eq!(s3.open_uploads(), 0);
    }
}

#[test]
fn nothing_is_overwritten_whenever_it_came_there() {
    let taken = "s3://proof/a/b.zip exists";
    // Before, between the look and the upload, and while the parts were sent.
    for (what, is_large) in [("head", false), ("put", false), ("complete", true)] {
        let s3 = S3::start(move |asked, before| (asked == what && before == 0).then_some(Fault::Taken));
        let gate = with(&s3);
        if is_large {
            make_large(&gate);
        }
        store(&gate, &[KEY])
            .code(1)
            .says(taken)
            .says("name another key with --store");
        assert!(s3.object("/proof/a/b.zip").bytes.is_empty(), "{what} replaced it");
        assert_eq!((s3.keys().len(), s3.open_uploads()), (1, 0), "{what}");
        assert!(gate.root().join("evidence.zip").is_file());
    }
    let conflict = "<Error><Code>ConditionalRequestConflict</Code></Error>";
    let s3 = S3::start(move |asked, _| (asked == "put").then_some(Fault::Answer(409, "", conflict)));
    store(&with(&s3), &[KEY])
        .code(1)
        .says("another request is writing or deleting s3://proof/a/b.zip (409)");
}

#[test]
fn what_may_help_is_tried_again_and_a_lost_answer_is_no_conflict() {
    let slow = "<Error><Code>SlowDown</Code></Error>";
    let faults: [(&str, Fault, bool); 6] = [
        ("head", Fault::Answer(503, "", slow), false),
        ("put", Fault::Answer(503, "Retry-After: 0\r\n", slow), false),
        ("put", Fault::Lost, false),
        ("part", Fault::Answer(500, "", ""), true),
        ("part", Fault::Lost, true),
        ("complete", Fault::Lost, true),
    ];
    for (what, fault, is_large) in faults {
        let s3 = S3::start(move |asked, before| (asked == what && before == 0).then_some(fault));
        let gate = with(&s3);
        if is_large {
            make_large(&gate);
        }
        store(&gate, &[KEY]).code(0);
        let zip = s3.object("/proof/a/b.zip");
        assert!(
            zip.bytes == fs::read(gate.root().join("evidence.zip")).unwrap(),
            "{what}"
        );
    }
    // The answer was lost, and what is there is somebody else's.
    let s3 = S3::start(|asked, before| match (asked, before) {
        ("put", 0) => Some(Fault::Answer(500, "", "")),
        ("put", 1) => Some(Fault::Taken),
        _ => None,
    });
    store(&with(&s3), &[KEY]).code(1).says("s3://proof/a/b.zip exists");
}

#[test]
fn each_refusal_has_its_sentence_and_the_local_zip_stays() {
    let refusals: [(u16, &str, &str, i32, &[&str]); 14] = [
        (
            301,
            "x-amz-bucket-region: us-west-2\r\n",
            "<Error><Code>PermanentRedirect</Code></Error>",
            1,
            &[
                "the bucket proof is in the region us-west-2, and not in eu-west-1",
                "set AWS_REGION to us-west-2",
            ],
        ),
        (
            400,
            "",
            "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>",
            1,
            &["is in the region us-west-2"],
        ),
        (
            307,
            "Location: http://127.0.0.1:9/\r\n",
            "",
            1,
            &["with the redirect 307", "are not followed"],
        ),
        (
            403,
            "",
            "<Error><Code>RequestTimeTooSkewed</Code><ServerTime>2026-01-01T00:00:00Z</ServerTime></Error>",
            1,
            &[
                "the clock of this machine is wrong",
                "there it is 2026-01-01T00:00:00Z",
                "NTP",
            ],
        ),
        (
            403,
            "",
            "<Error><Code>AccessDenied</Code></Error>",
            1,
            &[
                "may not call s3:PutObject in proof",
                "allow s3:PutObject on arn:aws:s3:::proof/*",
            ],
        ),
        (
            403,
            "",
            "",
            1,
            &["the store refuses the credentials of AWS_ACCESS_KEY_ID (403)"],
        ),
        (
            400,
            "",
            "<Error><Code>ExpiredToken</Code></Error>",
            1,
            &["the session of AWS_ACCESS_KEY_ID has expired"],
        ),
        (
            403,
            "",
            "<Error><Code>SignatureDoesNotMatch</Code></Error>",
            1,
            &["refuses the signature of AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
        ),
        (
            404,
            "",
            "<Error><Code>NoSuchBucket</Code></Error>",
            1,
            &["there is no bucket proof", "creates none"],
        ),
        (
            501,
            "",
            "<Error><Code>NotImplemented</Code><Message>A header</Message></Error>",
            1,
            &["(501): A header", "must support conditional writes"],
        ),
        (
            507,
            "",
            "<Error><Code>XMinioStorageFull</Code></Error>",
            1,
            &["has no room for s3://proof/a/b.zip", "--max-size"],
        ),
        (
            400,
            "",
            "<Error><Code>BadDigest</Code></Error>",
            1,
            &["arrived damaged"],
        ),
        (
            418,
            "",
            "<Error><Code>Teapot</Code></Error>",
            1,
            &["refused s3:PutObject with status 418 (Teapot)"],
        ),
        (
            200,
            "",
            "<Error><Code>InternalError</Code></Error>",
            1,
            &["with status 200 (InternalError)"],
        ),
    ];
    for (status, headers, body, code, says) in refusals {
        let s3 = S3::start(move |asked, _| (asked == "put").then_some(Fault::Answer(status, headers, body)));
        let gate = with(&s3);
        let ran = store(&gate, &[KEY]);
        ran.code(code);
        for text in says {
            ran.says(text);
        }
        assert!(s3.keys().is_empty(), "{status} {body}");
        assert!(gate.root().join("evidence.zip").is_file());
    }
    let s3 = S3::start(|asked, _| (asked == "part").then_some(Fault::Answer(403, "", "")));
    let gate = with(&s3);
    make_large(&gate);
    store(&gate, &[KEY]).code(1);
    assert_eq!((s3.open_uploads(), s3.asked().last().unwrap().as_str()), (0, "abort"));
}

#[test]
fn a_store_that_cannot_be_asked_is_inconclusive() {
    let gate = with(&S3::start(NO_FAULT));
    let nobody = format!("http://127.0.0.1:{}", free_port());
    store(&gate, &[KEY, &format!("--store-endpoint={nobody}")])
        .code(4)
        .says("cannot be asked [refused]")
        .says("--store-endpoint");
    for (name, value, says) in [
        ("AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY is not set or empty"),
        ("AWS_SESSION_TOKEN", "", "AWS_SESSION_TOKEN is not set or empty"),
        ("AWS_REGION", "eu west", "the value of AWS_REGION is not a region"),
    ] {
        gate.run_with(&[(name, value)], "", ["evidence-bundle", DIR, KEY])
            .code(4)
            .says(says);
    }
    let amazon = [("AWS_ENDPOINT_URL_S3", ""), ("AWS_REGION", "")];
    gate.run_with(&amazon, "", ["evidence-bundle", DIR, KEY])
        .code(4)
        .says("AWS_REGION does not name its region");
}

#[test]
fn a_lock_is_asked_for_and_read_back() {
    const LOCK: &str = "--store-lock=compliance:30";
    let s3 = S3::start(NO_FAULT);
    let gate = with(&s3);
    store(&gate, &[KEY, LOCK]).code(0);
    let headers = s3.object("/proof/a/b.zip").headers;
    let until: jiff::Timestamp = headers["x-amz-object-lock-retain-until-date"].parse().unwrap();
    let days = until.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert!((29..=30).contains(&days), "{until}");
    assert_eq!(headers["x-amz-object-lock-mode"], "COMPLIANCE");
    assert_eq!(fact(&gate, "locked"), Some(format!("COMPLIANCE until {until}")));
    // Heads do not show it to everybody.
    let hidden = "Content-Length: 1\r\n";
    let s3 = S3::start(move |asked, before| (asked == "head" && before == 0).then_some(Fault::Answer(404, hidden, "")));
    store(&with(&s3), &[KEY, LOCK]).code(0);
    let s3 = S3::start(|asked, _| (asked == "put").then_some(Fault::Unlocked));
    store(&with(&s3), &[KEY, LOCK])
        .code(1)
        .says("s3://proof/a/b.zip is stored, but the store did not lock it as asked");
    let weaker = "x-amz-object-lock-mode: GOVERNANCE\r\nx-amz-object-lock-retain-until-date: 2999-01-01T00:00:00Z\r\n";
    let shorter = "x-amz-object-lock-mode: COMPLIANCE\r\nx-amz-object-lock-retain-until-date: 2026-01-01T00:00:00Z\r\n";
    for other in [weaker, shorter] {
        let s3 =
            S3::start(move |asked, before| (asked == "head" && before == 1).then_some(Fault::Answer(200, other, "")));
        let gate = with(&s3);
        store(&gate, &[KEY, LOCK]).code(1).says("did not lock it as asked");
    }
    let s3 = S3::start(|asked, _| match asked {
        "put" => Some(Fault::Unlocked),
        "retention" => Some(Fault::Answer(403, "", "<Error><Code>AccessDenied</Code></Error>")),
        _ => None,
    });
    let gate = with(&s3);
    store(&gate, &[KEY, LOCK])
        .code(0)
        .says("whether s3://proof/a/b.zip is locked cannot be read back");
    assert_eq!(fact(&gate, "locked"), None);
    let missing =
        "<Error><Code>InvalidRequest</Code><Message>Bucket is missing ObjectLockConfiguration</Message></Error>";
    let s3 = S3::start(move |asked, _| (asked == "put").then_some(Fault::Answer(400, "", missing)));
    store(&with(&s3), &[KEY, LOCK])
        .code(1)
        .says("refuses to lock s3://proof/a/b.zip (InvalidRequest): Bucket is missing ObjectLockConfiguration")
        .says("leave out --store-lock");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let gate = with(&S3::start(NO_FAULT));
    for (args, says) in [
        (&["--store=proof/x"][..], "--store `proof/x` does not begin with s3://"),
        (&["--store=s3://proof/a b"], "has the character ' '"),
        (&["--store=s3://proof/{when}"], "unknown placeholder {when}"),
        (
            &["--store-lock=compliance:3"],
            "--store-lock has no effect without --store",
        ),
        (
            &["--store-endpoint=https://h"],
            "--store-endpoint has no effect without --store",
        ),
        (
            &[KEY, "--store-lock=3"],
            "--store-lock `3` is not a mode and a number of days",
        ),
        (
            &[KEY, "--store-lock=compliance:0"],
            "is not a mode and a number of days",
        ),
        (&[KEY, "--store-lock=legal:3"], "is not a mode and a number of days"),
        (&["--store=s3://192.0.2.1/x"], "is not a valid bucket name"),
        // Credentials are not sent without TLS, except to this machine.
        (
            &[KEY, "--store-endpoint=http://192.0.2.1"],
            "the value of --store-endpoint is not an https:// URL",
        ),
        (
            &[KEY, "--store-endpoint=https://u:p@h/?x"],
            "has more than a host, a port and a path",
        ),
    ] {
        gate.run([&["evidence-bundle", DIR], args].concat()).code(2).says(says);
        assert!(
            !gate.root().join("evidence.zip").exists(),
            "{args:?} is refused too late"
        );
    }
    gate.run_with(
        &[("AWS_ENDPOINT_URL_S3", "nonsense")],
        "",
        ["evidence-bundle", DIR, KEY],
    )
    .code(2)
    .says("the value of AWS_ENDPOINT_URL_S3 is not");
    assert!(!gate.root().join("evidence.zip").exists());
    let empty = with(&S3::start(NO_FAULT));
    fs::remove_dir_all(empty.root().join("evidence")).unwrap();
    empty
        .run(["evidence-bundle", DIR, KEY])
        .says("there is no bundle to store");
}

/// Nobody sees half a bundle, and nobody pays for its parts.
#[test]
fn a_cancelled_upload_is_aborted() {
    let (wait, half_way) = half_way();
    let s3 = S3::start(move |asked, before| {
        if asked == "part" && before == 1 {
            wait();
        }
        None
    });
    let gate = with(&s3);
    make_large(&gate);
    let mut command = gate.command(["evidence-bundle", DIR, KEY]);
    assert_eq!(half_way.cancel(&mut command), Some(4));
    assert!(s3.asked().contains(&"abort".to_owned()) && s3.keys().is_empty());
    assert!(gate.root().join("evidence.zip").is_file());
}

const KEY_ID: &str = "AKIDOFTHETEST";
const SECRET: &str = "secret-of-the-test";

/// A real server, which ends with the test.
struct Server(
    Child,
    String,
    #[expect(dead_code, reason = "removed when the server has ended")] tempfile::TempDir,
);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `None` where `.ci/s3` has not built it, and it is not on the PATH.
fn server(program: &str, unless: &str) -> Option<Server> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let built = cache.map(|cache| cache.join("stageproof-ci/s3").join(program));
    let path = built.filter(|path| path.is_file()).unwrap_or_else(|| program.into());
    let folder = tempfile::tempdir().unwrap();
    let (data, versions) = (folder.path().join("data"), folder.path().join("versions"));
    fs::create_dir_all(&data).unwrap();
    fs::create_dir_all(&versions).unwrap();
    let port = free_port();
    let at = format!("127.0.0.1:{port}");
    let mut command = Command::new(path);
    match program {
        "versitygw" => command
            .args(["--port", &at, "posix", "--versioning-dir"])
            .arg(&versions),
        _ => command.args(["server", "--address", &at, "--console-address", "127.0.0.1:0"]),
    };
    let child = command
        .arg(&data)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", folder.path())
        .envs([("ROOT_ACCESS_KEY", KEY_ID), ("ROOT_SECRET_KEY", SECRET)])
        .envs([("MINIO_ROOT_USER", KEY_ID), ("MINIO_ROOT_PASSWORD", SECRET)])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match child {
        Ok(child) => Some(Server(child, format!("http://{at}"), folder)),
        Err(error) => {
            not_checked(&format!("a bundle in {program}"), &error.to_string(), unless);
            None
        }
    }
}

#[test]
fn a_real_versitygw_keeps_what_it_is_given() {
    if let Some(server) = server("versitygw", "STAGEPROOF_REQUIRE_S3") {
        keeps(&server);
    }
}

#[test]
fn a_real_minio_keeps_what_it_is_given() {
    if let Some(server) = server("minio", "STAGEPROOF_REQUIRE_MINIO") {
        keeps(&server);
    }
}

/// One of several that store to the same key.
fn racer(address: &str, number: usize) -> (Gate, Child) {
    let gate = Gate::new()
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL_S3", address);
    gate.write("evidence/smoke.log", format!("{number}\n"));
    let mut command = gate.command(["evidence-bundle", DIR, "--store=s3://plain/race.zip"]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    (gate, child)
}

fn keeps(Server(_, address, _): &Server) {
    let client = Client {
        address,
        key_id: KEY_ID,
        secret: SECRET,
    };
    let at = address.trim_start_matches("http://");
    eventually("the store answers", || {
        std::net::TcpStream::connect(at).is_ok() && client.ask("GET", "/", &[]).0 == 200
    });
    assert_eq!(client.ask("PUT", "/plain", &[]).0, 200);
    assert_eq!(
        client
            .ask("PUT", "/locked", &[("x-amz-bucket-object-lock-enabled", "true")])
            .0,
        200
    );
    let gate = Gate::new()
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", SECRET)
        .env("AWS_ENDPOINT_URL_S3", address);
    gate.write("evidence/smoke.log", "GET / 200\n");
    let run = |args: &[&str]| gate.run([&["evidence-bundle", DIR], args].concat());
    let zip = || {
        let mut bytes = Vec::new();
        fs::File::open(gate.root().join("evidence.zip"))
            .unwrap()
            .read_to_end(&mut bytes)
            .unwrap();
        bytes
    };
    for key in ["small.zip", "a/large.zip"] {
        let place = format!("--store=s3://plain/{key}");
        run(&[&place]).code(0);
        assert!(
            client.ask("GET", &format!("/plain/{key}"), &[]) == (200, zip()),
            "{key}"
        );
        let there = format!("s3://plain/{key}");
        gate.run(["verify", &there]).code(0).says("Every file matches");
        gate.run_with(
            &[("AWS_ENDPOINT_URL_S3", "")],
            "",
            ["verify", &there, "--verbose", &format!("--store-endpoint={address}")],
        )
        .code(0)
        .says("as the store recorded it");
        run(&[&place]).code(1).says("exists, and nothing is overwritten");
        make_large(&gate);
    }
    let racing: Vec<(Gate, Child)> = (0..4).map(|number| racer(address, number)).collect();
    let ended = racing
        .into_iter()
        .map(|(_gate, mut child)| child.wait().unwrap().code());
    let mut ended: Vec<_> = ended.collect();
    ended.sort_unstable();
    assert_eq!(ended, [0, 1, 1, 1].map(Some), "one of all that race is stored");
    run(&["--store=s3://plain/l.zip", "--store-lock=governance:1"])
        .code(1)
        .says("refuses to lock");
    let (status, _) = client.ask("GET", "/plain/l.zip", &[]);
    assert_eq!(status, 404, "what is not locked is not there");
    run(&["--store=s3://locked/l.zip", "--store-lock=governance:1"]).code(0);
    assert!(fact(&gate, "locked").unwrap().starts_with("GOVERNANCE until "));
    let version = fact(&gate, "version").unwrap();
    let (status, _) = client.ask("DELETE", &format!("/locked/l.zip?versionId={version}"), &[]);
    assert!((400..500).contains(&status), "a locked version is deleted ({status})");
    run(&["--store=s3://nobody/x.zip"])
        .code(1)
        .says("there is no bucket nobody");
    let wrong = [("AWS_SECRET_ACCESS_KEY", "wrong-horse-battery")];
    gate.run_with(&wrong, "", ["evidence-bundle", DIR, "--store=s3://plain/y.zip"])
        .code(1)
        .says("refuses the signature of AWS_ACCESS_KEY_ID");
    gate.run_with(&wrong, "", ["verify", "s3://plain/small.zip"])
        .code(1)
        .says("refuses the signature of AWS_ACCESS_KEY_ID");
    gate.run(["verify", "s3://plain/none.zip"])
        .code(1)
        .says("there is no object s3://plain/none.zip");
    gate.run(["verify", "s3://nobody/x.zip"])
        .code(1)
        .says("there is no bucket nobody");
    let (_, uploads) = client.ask("GET", "/plain?uploads=", &[]);
    assert!(
        !String::from_utf8_lossy(&uploads).contains("<UploadId>"),
        "parts are left"
    );
}
