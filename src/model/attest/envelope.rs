//! DSSE: a signed text in JSON.
//!
//! Source: secure-systems-lab/dsse, `envelope.md` and `protocol.md` 1.0.2.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};

/// What in-toto statements are signed as.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

#[derive(Debug, Serialize, Deserialize)]
pub struct Envelope {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Signature {
    /// A hint that nobody may trust.
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// The bytes that are signed.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (length, size) = (payload_type.len(), payload.len());
    let mut bytes = format!("DSSEv1 {length} {payload_type} {size} ").into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

impl Envelope {
    pub fn new(payload: &[u8], keyid: String, signature: &[u8]) -> Self {
        Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![Signature {
                keyid,
                sig: STANDARD.encode(signature),
            }],
        }
    }

    /// Reads an envelope, or the one in a Sigstore bundle.
    ///
    /// # Errors
    /// Why it is none, as the second half of a sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Bare(Envelope),
            Bundle {
                #[serde(rename = "dsseEnvelope")]
                envelope: Envelope,
            },
        }
        match serde_json::from_slice(bytes) {
            Ok(Either::Bare(envelope) | Either::Bundle { envelope }) => Ok(envelope),
            Err(error) if error.is_data() => Err("is not a DSSE envelope".to_owned()),
            Err(error) => Err(format!("is not JSON: {error}")),
        }
    }

    /// The payload, if one of the signatures is right. `verify` is given what was signed and a signature.
    ///
    /// # Errors
    /// Why it is not believed, as the second half of a sentence.
    pub fn payload(&self, verify: impl Fn(&[u8], &[u8]) -> bool) -> Result<Vec<u8>, String> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(format!("holds `{}`, not `{PAYLOAD_TYPE}`", self.payload_type));
        }
        let payload = decode(&self.payload).ok_or("has a payload that is not base64")?;
        let signed = pae(&self.payload_type, &payload);
        let mut signatures = self.signatures.iter().filter_map(|signature| decode(&signature.sig));
        match signatures.any(|signature| verify(&signed, &signature)) {
            true => Ok(payload),
            false if self.signatures.is_empty() => Err("has no signature".to_owned()),
            false => Err("is not signed with this key, or was changed".to_owned()),
        }
    }
}

/// Either alphabet must be read, and padding may be left out.
fn decode(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabets = [alphabet::STANDARD, alphabet::URL_SAFE];
    alphabets
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The one of the protocol's specification.
    #[test]
    fn what_is_signed_is_encoded_as_the_specification_says() {
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pae("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn a_payload_is_given_only_for_a_right_signature() {
        let envelope = Envelope::new(b"{}", "k".to_owned(), b"right");
        let json = serde_json::to_vec(&envelope).unwrap();
        let bundle = format!(
            "{{\"mediaType\":\"x\",\"dsseEnvelope\":{}}}",
            String::from_utf8(json.clone()).unwrap()
        );
        for text in [json, bundle.into_bytes()] {
            let read = Envelope::parse(&text).unwrap();
            let right = |signed: &[u8], signature: &[u8]| {
                signed == b"DSSEv1 28 application/vnd.in-toto+json 2 {}" && signature == b"right"
            };
            assert_eq!(read.payload(right).unwrap(), b"{}");
            assert!(
                read.payload(|_, _| false)
                    .unwrap_err()
                    .contains("not signed with this key")
            );
        }
    }

    #[test]
    fn what_is_not_as_it_should_be_says_so() {
        for (text, says) in [
            ("", "not JSON"),
            ("[]", "not a DSSE envelope"),
            ("{\"payload\":\"e30=\",\"signatures\":[]}", "not a DSSE envelope"),
        ] {
            let said = Envelope::parse(text.as_bytes()).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
        let of = |payload: &str, kind: &str, sig: &str| {
            let text = format!("{{\"payload\":\"{payload}\",\"payloadType\":\"{kind}\",\"signatures\":[{sig}]}}");
            Envelope::parse(text.as_bytes())
                .unwrap()
                .payload(|_, signature| signature == [0xfb, 0xff])
        };
        let sig = "{\"sig\":\"-_8\"}";
        assert_eq!(of("e30", PAYLOAD_TYPE, sig).unwrap(), b"{}");
        assert!(of("e30=", "text/plain", sig).unwrap_err().contains("text/plain"));
        assert!(of("e3!", PAYLOAD_TYPE, sig).unwrap_err().contains("base64"));
        assert!(of("e30=", PAYLOAD_TYPE, "").unwrap_err().contains("no signature"));
        assert!(
            of("e30=", PAYLOAD_TYPE, "{\"sig\":\"AAAA\"}")
                .unwrap_err()
                .contains("changed")
        );
    }
}
