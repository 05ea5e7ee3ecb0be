//! Release names in order.

use proptest::prelude::*;

use super::*;

fn version(name: &str) -> Option<Version<'_>> {
    Version::of(name.as_bytes())
}

#[test]
fn versions_in_order() {
    let sorted = [
        "latest",
        "nightly-x",
        "v0.9.0",
        "v1-rc1",
        "v1",
        "v1.0.1-alpha",
        "v1.0.1-alpha.1",
        "v1.0.1-alpha.beta",
        "v1.0.1-beta",
        "v1.0.1-beta.2",
        "v1.0.1-beta.11",
        "v1.0.1-rc9",
        "v1.0.1-rc10",
        "v1.0.1",
        "v1.9",
        "v1.10",
        "2.0a1",
        "2.0b1",
        "2.0.0rc1",
        "2.0.0",
        "v10",
        "v99999999999999999999999",
    ];
    for (at, low) in sorted.iter().enumerate() {
        for high in &sorted[at + 1..] {
            assert_eq!(compare(low.as_bytes(), high.as_bytes()), Ordering::Less, "{low} {high}");
        }
    }
    assert_ne!(compare(b"v01", b"v1"), Ordering::Equal);
    for (a, b) in [
        ("v1", "1.0.0"),
        ("v01.2", "v1.2"),
        ("1.0.0+1", "1.0.0+2"),
        ("a-v1", "b-v1"),
        ("x", "y"),
    ] {
        assert_eq!(precedence(a.as_bytes(), b.as_bytes()), Ordering::Equal, "{a} {b}");
    }
}

#[test]
fn pre_releases_and_what_only_looks_like_one() {
    for name in [
        "v1.0.0-rc1",
        "v1.0.0-rc.1",
        "1.0.0-alpha",
        "1.0.0-0.3.7",
        "1.0.0-x.7.z.92",
        "1.0.0-1",
        "v2-beta",
        "v2.0-RC1",
        "v2.0.0rc1",
        "v2.0.0.rc1",
        "v2.0.0_rc1",
        "v2.0.0~rc1",
        "1.0b2",
        "1.0.dev3",
        "app/v1.0.0-rc1",
        "k8s-v1.2.0-rc1",
        "1.0.0-rc1+build.5",
        "pkg@1.0.0-next.3",
        "v1.2.3-4-gdeadbee",
    ] {
        assert!(version(name).is_some_and(|version| version.is_pre_release()), "{name}");
    }
    for name in [
        "v1",
        "1.0",
        "v1.0.0",
        "1.0.0+rc1",
        "release-7",
        "app-v1.2.3",
        "k8s-v1.2",
        "release-2024/v3",
        "go1.21",
    ] {
        assert!(version(name).is_some_and(|version| !version.is_pre_release()), "{name}");
    }
    for name in [
        "",
        "latest",
        "2024-01-05",
        "release-2024-01-05",
        "deploy-42-prod",
        "2024.01.05-abc",
        "1.0.post1",
        "1.0.0.Final",
        "v1.0.0-",
        "v1.",
        "1.1.1w",
        "rc-candidate",
    ] {
        assert_eq!(version(name), None, "{name}");
    }
}

#[test]
fn whose_version_it_is() {
    for (name, product) in [
        ("v1.0", ""),
        ("1.0", ""),
        ("V2", ""),
        ("api/v1.2.0", "api/"),
        ("web-v3", "web-"),
        ("@acme/ui@2.0.0", "@acme/ui@"),
    ] {
        assert_eq!(
            version(name).map(|version| version.product),
            Some(product.as_bytes()),
            "{name}"
        );
    }
}

/// Without identifiers that mix letters and digits, the one thing that differs.
const SEMVER: &str = "(0|[1-9][0-9]{0,2})\\.(0|[1-9][0-9]{0,2})\\.(0|[1-9][0-9]{0,2})(-(0|[1-9][0-9]?|[a-zA-Z-]{1,4})(\\.(0|[1-9][0-9]?|[a-zA-Z-]{1,4})){0,2})?(\\+[a-z0-9.-]{0,3}[a-z0-9])?";

proptest! {
    #[test]
    fn it_is_an_order(
        a in "[v01.a+rc-]{0,8}", b in "[v01.a+rc-]{0,8}", c in "[v01.a+rc-]{0,8}",
    ) {
        let (a, b, c) = (a.as_bytes(), b.as_bytes(), c.as_bytes());
        for order in [compare, precedence] {
            prop_assert_eq!(order(a, b), order(b, a).reverse());
            if order(a, b).is_le() && order(b, c).is_le() {
                prop_assert!(order(a, c).is_le());
            }
        }
        prop_assert_eq!(compare(a, b) == Ordering::Equal, a == b);
    }

    #[test]
    fn it_agrees_with_semantic_versioning(a in SEMVER, b in SEMVER) {
        let known = |text: &str| semver::Version::parse(text);
        if let (Ok(x), Ok(y)) = (known(&a), known(&b)) {
            prop_assert_eq!(precedence(a.as_bytes(), b.as_bytes()), x.cmp_precedence(&y));
            prop_assert_eq!(version(&a).unwrap().is_pre_release(), !x.pre.is_empty());
        }
    }

    #[test]
    fn any_bytes_are_a_name(a in proptest::collection::vec(any::<u8>(), 0..12)) {
        prop_assert_eq!(compare(&a, &a), Ordering::Equal);
    }
}
