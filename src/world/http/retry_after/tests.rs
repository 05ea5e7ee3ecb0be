use proptest::prelude::*;

use super::*;

/// Sun, 06 Nov 1994 08:49:37 GMT, the example of RFC 9110.
const THEN: u64 = 784_111_777;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn all_forms_of_the_standard_are_read() {
    for value in [
        "120",
        " 120\t",
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        assert_eq!(parse(value, at(THEN - 120)), Some(Duration::from_secs(120)), "{value}");
    }
}

#[test]
fn what_is_over_is_no_wait_and_what_is_endless_is_a_day() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(parse(date, at(THEN + 1)), Some(Duration::ZERO));
    for endless in ["99999999999999999999999", "86401", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        assert_eq!(parse(endless, at(THEN)), Some(LONGEST), "{endless}");
    }
}

#[test]
fn anything_else_is_nothing() {
    for value in [
        "",
        "-1",
        "+5",
        "1.5",
        "soon",
        "1994-11-06T08:49:37Z",
        "Sun, 06 Nov 1994 08:49:37 CET",
    ] {
        assert_eq!(parse(value, at(THEN)), None, "{value}");
    }
}

proptest! {
    #[test]
    fn a_date_and_its_distance_are_the_same(now in 0u64..4_000_000_000, wait in 0u64..86_400) {
        let date = httpdate::fmt_http_date(at(now + wait));
        prop_assert_eq!(parse(&date, at(now)), Some(Duration::from_secs(wait)));
        prop_assert_eq!(parse(&wait.to_string(), at(now)), Some(Duration::from_secs(wait)));
    }

    #[test]
    fn whatever_a_server_writes_is_bounded(value in "\\PC{0,40}", now in 0u64..10_000_000_000) {
        prop_assert!(parse(&value, at(now)).is_none_or(|wait| wait <= LONGEST));
    }
}
