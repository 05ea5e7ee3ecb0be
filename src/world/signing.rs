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
            Ok((SectionKind::PublicKey, _)) => return bad("is a public key", "give the private key that belongs to it"),
            Ok(_) => return bad("is not a private key in PKCS#8", MAKE),
            Err(pem::Error::NoItemsFound) if plain.windows(9).any(|part| part == b"ENCRYPTED") => {
                return bad("is encrypted", "decrypt it with `openssl pkey -in KEY`, and keep that as the secret");
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
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }

    pub fn keyid(&self) -> String {
        keyid(&self.0)
    }
}

/// The SHA-256 of the public key's SubjectPublicKeyInfo.
fn keyid(key: &[u8]) -> String {
    hex::encode(Hashed::of(&[&SPKI, key].concat()).sha256)
}
