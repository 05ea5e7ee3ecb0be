//! Platform `image`, against a real registry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::registry::{PASSWORD, Registry, USER};
use crate::repo::{Repo, Told};

const BOTH: [&str; 2] = ["linux/amd64", "linux/arm64"];

fn dry_run(args: &[&str]) -> Told {
    Repo::none().dry_run(args)
}

fn image(of: &str) -> String {
    format!("--image={of}")
}

#[test]
fn an_image_that_is_there_is_pinned_by_its_digest() {
    let Some(registry) = Registry::start(false) else { return };
    let (old, _) = registry.push("shop:v1", "one", &BOTH);
    registry.push("shop:v2", "two", &BOTH);
    let pinned = registry.image(&format!("shop@{old}"));
    let told = dry_run(&[
        &image(&registry.image("shop:v1")),
        &format!("--current-image={}", registry.image("shop:v2")),
        "--rollback-command=fly deploy --image {image}",
    ]);
    told.is(0, &["which can be moved to another image", "linux/amd64"]);
    assert_eq!(told.statuses(), ["passed"; 3], "{}", told.text);
    assert_eq!(told.output("verdict"), "pass-weak");
    assert_eq!(told.output("target"), pinned);
    assert_eq!(told.output("command"), format!("fly deploy --image {pinned}"));
    let told = dry_run(&[&image(&pinned), "--image-platform=linux/arm64"]);
    told.is(0, &["--current-image"]);
    assert_eq!(told.output("verdict"), "pass");
}

#[test]
fn the_current_image_is_no_way_back() {
    let Some(registry) = Registry::start(false) else { return };
    registry.push("shop:v1", "one", &BOTH);
    registry.push("shop:latest-good", "one", &BOTH);
    let told = dry_run(&[
        &image(&registry.image("shop:v1")),
        &format!("--current-image={}", registry.image("shop:latest-good")),
        "--rollback-command=go {image}",
    ]);
    told.is(1, &["is the current one: both are sha256:"]);
    assert_eq!(told.codes()[0], "same-image");
    assert_eq!(told.output("command"), "");
}

#[test]
fn an_image_that_is_gone_is_absent_and_so_is_one_whose_child_is_gone() {
    let Some(registry) = Registry::start(false) else { return };
    let (index, children) = registry.push("shop:v1", "one", &BOTH);
    let told = dry_run(&[&image(&registry.image("shop:v0"))]);
    told.is(1, &["the registry does not have", "/shop:v0"]);
    assert_eq!(told.codes(), ["image-absent"]);
    dry_run(&[&image(&registry.image("shopp:v1"))]).is(1, &["/shopp:v1"]);
    // The index stays.
    registry.delete("shop", &children[0]);
    let pinned = image(&registry.image(&format!("shop@{index}")));
    dry_run(&[&pinned]).is(1, &["is there, but its image for linux/amd64", &children[0]]);
    dry_run(&[&pinned, "--image-platform=linux/arm64"]).is(0, &[]);
    registry.delete("shop", &index);
    dry_run(&[&pinned]).is(1, &["the registry does not have"]);
}

#[test]
fn an_image_for_another_platform_is_no_way_back() {
    let Some(registry) = Registry::start(false) else { return };
    registry.push("shop:v1", "one", &BOTH);
    let told = dry_run(&[&image(&registry.image("shop:v1")), "--image-platform=linux/s390x"]);
    told.is(
        1,
        &[
            "is not for linux/s390x; it has linux/amd64, linux/arm64",
            "--image-platform",
        ],
    );
    assert_eq!(told.codes(), ["tag-can-move", "other-platform"]);
    // Without an index only the image's configuration says what it is for.
    registry.push("arm:v1", "one", &["linux/arm64"]);
    dry_run(&[&image(&registry.image("arm:v1"))]).is(1, &["is for linux/arm64, not for linux/amd64"]);
    dry_run(&[&image(&registry.image("arm:v1")), "--image-platform=linux/arm64"]).is(0, &["2026-11-01T12:00:00Z"]);
}

#[test]
fn who_may_not_look_does_not_call_it_absent() {
    let Some(registry) = Registry::start(true) else { return };
    registry.push("shop:v1", "one", &BOTH);
    let v1 = image(&registry.image("shop:v1"));
    dry_run(&[&v1]).is(
        4,
        &["does not let shop be read without credentials", "--registry-auth-env"],
    );
    let repo = Repo::none();
    let with = |value: &str| {
        let args = [v1.as_str(), "--registry-auth-env=REGISTRY_AUTH", "--verbose"];
        repo.dry_run_with(repo.root(), &args, &[("REGISTRY_AUTH", value)])
    };
    with(&format!("{USER}:{PASSWORD}")).is(0, &["with the credentials of REGISTRY_AUTH"]);
    let told = with(&format!("{USER}:wrong-battery"));
    told.is(
        4,
        &["with the credentials of REGISTRY_AUTH (401", "may pull this repository"],
    );
    assert!(!told.text.contains("wrong-battery"), "{}", told.text);
    // What docker login wrote serves as well.
    let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
    let host = registry.image("");
    let host = host.trim_end_matches('/');
    let folder = repo.outside("docker");
    std::fs::create_dir_all(&folder).unwrap();
    let config = format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#);
    std::fs::write(folder.join("config.json"), config).unwrap();
    let told = repo.dry_run_with(repo.root(), &[&v1], &[("DOCKER_CONFIG", folder.to_str().unwrap())]);
    told.is(0, &["docker/config.json"]);
    std::fs::write(
        folder.join("config.json"),
        r#"{"credHelpers":{"HOST":"ecr-login"}}"#.replace("HOST", host),
    )
    .unwrap();
    let told = repo.dry_run_with(repo.root(), &[&v1], &[("DOCKER_CONFIG", folder.to_str().unwrap())]);
    told.is(4, &["names the credential helper `ecr-login`", "--registry-auth-env"]);
}
