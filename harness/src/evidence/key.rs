//! The keys of who signs.

use std::fmt;

use gp2gp_model::Sha256;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};

/// What comes before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why a text is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is not PEM, or not of this kind.
    #[error("not a {0} key in PEM: {1}")]
    Pem(&'static str, String),
    /// It is a key of another algorithm.
    #[error("not an Ed25519 key: {0}")]
    Algorithm(String),
    /// None can be made.
    #[error("no key can be made: {0}")]
    Make(String),
}

/// Signs.
pub struct PrivateKey(Ed25519KeyPair);

/// Tells who signed.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// A new pair, private and public, as PEM (PKCS 8, SubjectPublicKeyInfo).
pub fn new_key() -> Result<(String, String), KeyError> {
    let made = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519);
    let pair = made.map_err(|error| KeyError::Make(error.to_string()))?;
    let private = pair.serialize_pem();
    let public = PrivateKey::from_pem(&private)?.public().to_pem();
    Ok((private, public))
}

impl PrivateKey {
    /// From PKCS 8.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes())
            .map_err(|error| KeyError::Pem("private", error.to_string()))?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der())
            .map(Self)
            .map_err(|error| KeyError::Algorithm(error.to_string()))
    }

    /// Signs a message; the same message always gets the same signature.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// The other half.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }
}

impl PublicKey {
    /// From SubjectPublicKeyInfo.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let der = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes())
            .map_err(|error| KeyError::Pem("public", error.to_string()))?;
        let bytes = der.as_ref().strip_prefix(&SPKI_PREFIX);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        let other = || KeyError::Algorithm("it is of another algorithm".to_owned());
        bytes.map(Self).ok_or_else(other)
    }

    /// As SubjectPublicKeyInfo.
    pub fn to_pem(&self) -> String {
        let text = base64_simd::STANDARD.encode_to_string(self.spki());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// Whether this key signed the message.
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(message, signature).is_ok()
    }

    /// What it is called: the digest of its SubjectPublicKeyInfo.
    pub fn id(&self) -> Sha256 {
        Sha256::of(&self.spki())
    }

    fn spki(&self) -> Vec<u8> {
        [&SPKI_PREFIX[..], &self.0].concat()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_message_and_its_key_alone() {
        let (private, public) = new_key().unwrap();
        let private = PrivateKey::from_pem(&private).unwrap();
        let public = PublicKey::from_pem(&public).unwrap();
        assert_eq!(public, private.public());
        let signature = private.sign(b"a record");
        assert!(public.signed(b"a record", &signature));
        assert!(!public.signed(b"another", &signature));
        let (_, other) = new_key().unwrap();
        let other = PublicKey::from_pem(&other).unwrap();
        assert!(!other.signed(b"a record", &signature));
        assert!(!public.signed(b"a record", &signature[..63]));
    }

    #[test]
    fn what_is_no_key_is_told() {
        let (private, public) = new_key().unwrap();
        for text in [
            "",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            &public,
        ] {
            assert!(PrivateKey::from_pem(text).is_err(), "{text}");
        }
        for text in [
            "",
            &private,
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        ] {
            assert!(PublicKey::from_pem(text).is_err(), "{text}");
        }
    }
}
