//! The Ed25519 key pair that signs checkpoints (RFC 8032), and its public half as PEM (RFC 8410). Where the secret half
//! is kept, and sealed under which master key, is decided above.

use super::canonical;
use super::digest::{Digest, HexVisitor, serialize_hex};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// SubjectPublicKeyInfo up to the 32 bytes of the key (RFC 8410 4).
const PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// Why a public key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not the text that [`PublicKey::to_pem`] writes.
    #[error("not one PEM block `PUBLIC KEY` of an Ed25519 key")]
    Pem,
    /// The bytes are no point of the curve, or a weak one under which anyone can sign.
    #[error("the key is no usable Ed25519 key")]
    Point,
}

/// The secret half: signs. Its bytes cannot be got back, printed or serialized, and are overwritten when it is dropped.
pub struct SigningKey {
    pair: ed25519_dalek::SigningKey,
    public: PublicKey,
}

impl SigningKey {
    /// The key pair of 32 random bytes, which are all there is to keep.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let pair = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = PublicKey::of(pair.verifying_key());
        Self { pair, public }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs domain and canonical bytes of a statement.
    pub(super) fn sign<T: Serialize>(&self, domain: &str, statement: &T) -> Signature {
        let mut message = Vec::with_capacity(512);
        canonical::write(domain, statement, &mut message);
        Signature(self.pair.sign(&message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {}", self.public.id())
    }
}

/// The public half: all that an auditor needs.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: ed25519_dalek::VerifyingKey,
    id: Digest,
}

impl PublicKey {
    fn of(key: ed25519_dalek::VerifyingKey) -> Self {
        let id = Sha256::new().chain_update(PREFIX).chain_update(key.as_bytes()).finalize();
        Self { key, id: Digest(id.into()) }
    }

    /// Reads one PEM block; white space around it and in it is of no account.
    ///
    /// # Errors
    /// It is no such block, or no usable key.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        let body =
            text.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END)).ok_or(BadKey::Pem)?;
        let body: String = body.split_ascii_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| BadKey::Pem)?;
        let bytes = der.strip_prefix(&PREFIX).and_then(|key| key.try_into().ok()).ok_or(BadKey::Pem)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| BadKey::Point)?;
        if key.is_weak() { Err(BadKey::Point) } else { Ok(Self::of(key)) }
    }

    /// As `openssl pkey -pubin` reads it, with a line end.
    pub fn to_pem(&self) -> String {
        let der = [&PREFIX[..], self.key.as_bytes()].concat();
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der))
    }

    /// The key's name: SHA-256 over its DER form (`openssl pkey -pubin -outform DER | sha256sum`).
    pub fn id(&self) -> Digest {
        self.id
    }

    /// True if `signature` is this key's over domain and canonical bytes of a statement. Strict: no second signature
    /// can be derived from a valid one.
    pub(super) fn verify<T: Serialize>(&self, domain: &str, statement: &T, signature: &Signature) -> bool {
        let mut message = Vec::with_capacity(512);
        canonical::write(domain, statement, &mut message);
        self.key.verify_strict(&message, &ed25519_dalek::Signature::from_bytes(&signature.0)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey {}", self.id)
    }
}

/// An Ed25519 signature; 128 lower-case hexadecimal digits in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor::<64>).map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_public_key_survives_its_pem_form() {
        let key = SigningKey::from_seed(&[7; 32]);
        let pem = key.public().to_pem();
        assert_eq!(PublicKey::from_pem(&pem).as_ref(), Ok(key.public()));
        assert_eq!(PublicKey::from_pem(&pem.replace('\n', "\r\n")).as_ref(), Ok(key.public()));
        assert_eq!(PublicKey::from_pem(""), Err(BadKey::Pem));
        assert_eq!(PublicKey::from_pem(&(pem.clone() + &pem)), Err(BadKey::Pem));
        let zeros = [&PREFIX[..], &[0; 32]].concat();
        let weak = format!("{BEGIN}\n{}\n{END}", STANDARD.encode(zeros));
        assert_eq!(
            PublicKey::from_pem(&weak),
            Err(BadKey::Point),
            "anyone can sign under a key of small order"
        );
    }

    #[test]
    fn the_public_key_is_that_of_rfc_8032_test_1() {
        let seed =
            super::super::digest::unhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = SigningKey::from_seed(&seed.unwrap());
        let public = super::super::digest::hex(key.public().key.as_bytes());
        assert_eq!(public, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    }

    #[test]
    fn a_signing_key_shows_nothing_of_its_secret() {
        let text = format!("{:?}", SigningKey::from_seed(&[0x41; 32]));
        assert!(!text.contains("4141") && !text.contains("65, 65"), "{text}");
    }

    #[test]
    fn a_signature_counts_in_its_own_domain_only() {
        let key = SigningKey::from_seed(&[7; 32]);
        let signature = key.sign(canonical::CHECKPOINT, &"same");
        assert!(key.public().verify(canonical::CHECKPOINT, &"same", &signature));
        assert!(!key.public().verify(canonical::SEGMENT, &"same", &signature));
    }
}
