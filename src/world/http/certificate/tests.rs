use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

fn made(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    change(&mut params);
    params
        .self_signed(&KeyPair::generate().unwrap())
        .unwrap()
        .der()
        .to_vec()
}

#[test]
fn its_ends_are_read() {
    // UTCTime up to 2049, GeneralizedTime from then on.
    let der = made(|params| {
        params.not_before = date_time_ymd(1999, 12, 31);
        params.not_after = date_time_ymd(2049, 12, 31);
    });
    let read = Certificate::from_der(&der).unwrap();
    assert_eq!((read.not_before, read.not_after), (946_598_400, 2_524_521_600));
    assert!(read.self_issued);
    let der = made(|params| params.not_after = date_time_ymd(2050, 1, 1));
    assert_eq!(Certificate::from_der(&der).unwrap().not_after, 2_524_608_000);
    assert_eq!(date(2_524_608_000), "2050-01-01");
}

#[test]
fn a_public_authority_is_read() {
    let pem = include_str!("../own-authority.pem");
    let der =
        <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::from_pem_slice(pem.as_bytes());
    let read = Certificate::from_der(&der.unwrap()).unwrap();
    assert!(read.self_issued && read.not_before < read.not_after, "{read:?}");
}

#[test]
fn no_end_is_a_date_too() {
    assert_eq!(seconds((GENERALIZED_TIME, b"99991231235959Z")), Some(253_402_300_799));
    assert_eq!(date(253_402_300_799), "9999-12-31");
    for wrong in ["", "Z", "991231235959", "9912312359Z", "991332235959Z", "99123123595xZ"] {
        assert_eq!(seconds((UTC_TIME, wrong.as_bytes())), None, "{wrong}");
    }
}

#[test]
fn what_is_cut_off_is_refused() {
    let der = made(|_| ());
    for length in 0..der.len() {
        assert_eq!(Certificate::from_der(&der[..length]), None, "{length}");
    }
}

proptest! {
    #[test]
    fn any_time_is_read_as_it_was_written(at in -631_152_000i64..253_402_300_800) {
        let time = EPOCH.checked_add(jiff::SignedDuration::from_secs(at)).unwrap();
        let text = time.strftime("%Y%m%d%H%M%SZ").to_string();
        prop_assert_eq!(seconds((GENERALIZED_TIME, text.as_bytes())), Some(at));
        if (1950..2050).contains(&time.year()) {
            prop_assert_eq!(seconds((UTC_TIME, &text.as_bytes()[2..])), Some(at));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        Certificate::from_der(&bytes);
    }

    #[test]
    fn a_damaged_certificate_is_read_or_refused(at in 0usize..300, byte in any::<u8>()) {
        let mut der = DAMAGED.clone();
        let at = at.min(der.len() - 1);
        der[at] = byte;
        Certificate::from_der(&der);
    }
}

static DAMAGED: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| made(|_| ()));
