//! Platform `image`, against a real registry that wants tokens.

use crate::registry::{PASSWORD, Registry, USER};
use crate::repo::Repo;
use crate::tokens::{GUEST, LATE};

#[test]
fn who_may_pull_is_known_by_a_token() {
    let Some(registry) = Registry::start_with_tokens() else {
        return;
    };
    registry.push("shop:v1", "one", &["linux/amd64", "linux/arm64"]);
    let dry_run = |image: &str, user: &str, password: &str| {
        let repo = Repo::none();
        let image = format!("--image={}", registry.image(image));
        let pair = format!("{user}:{password}");
        let told = repo.dry_run_with(
            repo.root(),
            &[&image, "--registry-auth-env=REGISTRY_AUTH"],
            &[("REGISTRY_AUTH", &pair)],
        );
        assert!(!told.text.contains(password), "{}", told.text);
        assert!(!told.text.contains("eyJ"), "a token is shown: {}", told.text);
        told
    };
    dry_run("shop:v1", USER, PASSWORD).is(0, &["linux/amd64"]);
    // Who may pull is told what is not there; all others are told nothing.
    dry_run("shop:v0", USER, PASSWORD).is(1, &["the registry does not have"]);
    dry_run("shop:v1", USER, "wrong-password").is(4, &["(401)", "REGISTRY_AUTH"]);
    dry_run("shop:v1", GUEST, PASSWORD).is(4, &["REGISTRY_AUTH"]);
    dry_run("shop:v0", GUEST, PASSWORD).is(4, &["REGISTRY_AUTH"]);
    dry_run("shop:v1", LATE, PASSWORD).is(4, &["REGISTRY_AUTH"]);
    let image = format!("--image={}", registry.image("shop:v1"));
    Repo::none().dry_run(&[&image]).is(4, &["without credentials"]);
}
