//! Ed25519 keys as openssl writes them, and what is signed with them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::pem::{self, PemObject as _, SectionKind};

use super::hash::Hashed;

/// A SubjectPublicKeyInfo up to the 32 bytes of the key (RFC 8410, section 4).
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const MAKE: &str = "make one with `openssl genpkey -algorithm ed25519`";

/// Why a key cannot be used, as the second half of a sentence. The key is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadKey {
    pub why: String,
    pub help: String,
}

fn bad<T>(why: &str, help: &str) -> Result<T, BadKey> {
    Err(BadKey {
        why: why.to_owned(),
        help: help.to_owned(),
    })
}

pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// PKCS#8 as PEM, or the base64 of that.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        let plain = match text.contains("-----BEGIN") {
            true => text.as_bytes().to_vec(),
            false => {
                let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                STANDARD.decode(packed).unwrap_or_default()
            }
        };
        let der = match <(SectionKind, Vec<u8>)>::from_pem_slice(&plain) {
            Ok((SectionKind::PrivateKey, der)) => der,
            Ok((SectionKind::PublicKey, _)) => {
                return bad("is a public key", "give the private key that belongs to it");
            }
            Ok(_) => return bad("is not a private key in PKCS#8", MAKE),
            Err(pem::Error::NoItemsFound) if plain.windows(9).any(|part| part == b"ENCRYPTED") => {
                return bad(
                    "is encrypted",
                    "decrypt it with `openssl pkey -in KEY`, and keep that as the secret",
                );
            }
            Err(_) => return bad("is neither a PEM file nor the base64 of one", MAKE),
        };
        match Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der) {
            Ok(key) => Ok(Self(key)),
            Err(_) => bad("is not an Ed25519 key", MAKE),
        }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    pub fn keyid(&self) -> String {
        keyid(self.0.public_key().as_ref())
    }
}

pub struct PublicKey(Vec<u8>);

impl PublicKey {
    /// SubjectPublicKeyInfo as PEM.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadKey> {
        const WRITE: &str = "write it with `openssl pkey -in KEY -pubout`";
        match <(SectionKind, Vec<u8>)>::from_pem_slice(bytes) {
            Ok((SectionKind::PublicKey, der)) => match der.strip_prefix(&SPKI) {
                Some(key) if key.len() == 32 => Ok(Self(key.to_vec())),
                _ => bad("is not an Ed25519 key", MAKE),
            },
            Ok((SectionKind::PrivateKey, _)) => bad("is a private key", WRITE),
            _ => bad("is not a public key as PEM", WRITE),
        }
    }

    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .is_ok()
    }

    pub fn keyid(&self) -> String {
        keyid(&self.0)
    }
}

/// The SHA-256 of the public key's SubjectPublicKeyInfo.
fn keyid(key: &[u8]) -> String {
    hex::encode(Hashed::of(&[&SPKI, key].concat()).sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8410, section 10.3, and the public key of section 10.1.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn a_key_is_read_in_each_form_and_signs_for_its_public_half() {
        let public = PublicKey::parse(PUBLIC.as_bytes()).unwrap();
        let packed = STANDARD.encode(PRIVATE);
        let (one, two) = packed.split_at(76);
        for text in [
            PRIVATE.to_owned(),
            format!("\n{}  ", PRIVATE.replace('\n', "\r\n")),
            format!("{one}\n{two}\n"),
            packed.clone(),
        ] {
            let key = SigningKey::parse(&text).unwrap_or_else(|bad| panic!("{}", bad.why));
            assert_eq!(key.keyid(), public.keyid());
            let signature = key.sign(b"message");
            assert!(public.verify(b"message", &signature));
            assert!(!public.verify(b"massage", &signature));
            assert!(!public.verify(b"message", &signature[1..]));
        }
        let der = STANDARD.decode(PUBLIC.lines().nth(1).unwrap()).unwrap();
        assert_eq!(public.keyid(), hex::encode(Hashed::of(&der).sha256));
    }

    #[test]
    fn a_key_that_cannot_be_used_is_told_and_not_shown() {
        const EC: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VuBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        let encrypted = PRIVATE.replace("PRIVATE", "ENCRYPTED PRIVATE");
        for (text, says) in [
            ("", "neither a PEM"),
            ("hunter2-hunter2", "neither a PEM"),
            (&PRIVATE[..60], "neither a PEM"),
            (PUBLIC, "public key"),
            (EC, "not an Ed25519 key"),
            (&encrypted, "encrypted"),
            (&PRIVATE.replace("PRIVATE", "RSA PRIVATE"), "PKCS#8"),
        ] {
            let bad = SigningKey::parse(text).err().unwrap_or_else(|| panic!("{says}"));
            assert!(bad.why.contains(says), "{says}: {}", bad.why);
            assert!(
                !format!("{bad:?}").contains("hunter2") && !format!("{bad:?}").contains("MC4C"),
                "{bad:?}"
            );
        }
        let short = PUBLIC.replace("MCowBQYDK2VwAyEA", "MCowBQYDK2VwAyEB");
        for (text, says) in [
            ("", "not a public key"),
            (PRIVATE, "a private key"),
            (&short[..60], "not a public key"),
        ] {
            let bad = PublicKey::parse(text.as_bytes())
                .err()
                .unwrap_or_else(|| panic!("{says}"));
            assert!(bad.why.contains(says), "{says}: {}", bad.why);
        }
    }
}
