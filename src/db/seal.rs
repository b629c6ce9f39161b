//! Sealing at rest: XChaCha20-Poly1305, bound to the entry that the sealed belongs to. Secrets are sealed under the master
//! key, originals of patients under a key of their project. Where the master key is kept is decided in `serve`.

use super::Fault;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of the nonce, which stands before the sealed bytes.
const NONCE: usize = 24;

/// A key that seals bytes. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// The key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Seals `plain` for the entry `owner`.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn seal(&self, owner: &str, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Fault::Failing("the system gives no random bytes"))?;
        let payload = Payload { msg: plain, aad: owner.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| Fault::Sealed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// It was sealed under another key, for another entry, or is damaged.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, Fault> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Fault::Sealed)?;
        let payload = Payload { msg: sealed, aad: owner.as_bytes() };
        self.cipher().decrypt(&XNonce::from(*nonce), payload).map_err(|_| Fault::Sealed)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.0.into())
    }
}

/// The key that seals the projects' secrets. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey(SealKey);

impl MasterKey {
    /// The key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(SealKey::new(bytes))
    }

    /// Seals `secret` for the entry `owner`, as hexadecimal text.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn seal(&self, owner: &str, secret: &[u8]) -> Result<String, Fault> {
        Ok(hex(&self.0.seal(owner, secret)?))
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// It was sealed under another key, for another entry, or is damaged.
    pub fn open(&self, owner: &str, sealed: &str) -> Result<[u8; 32], Fault> {
        self.open_bytes(owner, sealed)?.try_into().map_err(|_| Fault::Sealed)
    }

    /// As `open`, for a secret of any length.
    ///
    /// # Errors
    /// It was sealed under another key, for another entry, or is damaged.
    pub fn open_bytes(&self, owner: &str, sealed: &str) -> Result<Vec<u8>, Fault> {
        self.0.open(owner, &unhex(sealed).ok_or(Fault::Sealed)?)
    }
}

/// The master key of a running gateway. When a seal does not open, the key may have been rotated meanwhile: then it is
/// read anew from where it is kept.
#[derive(Clone)]
pub struct Keyring(Arc<Ring>);

struct Ring {
    now: Mutex<MasterKey>,
    reread: Box<dyn Fn() -> Vec<MasterKey> + Send + Sync>,
}

impl Keyring {
    /// The key that holds now; `reread` gives those that are kept at the time.
    pub fn new(now: MasterKey, reread: impl Fn() -> Vec<MasterKey> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Ring { now: Mutex::new(now), reread: Box::new(reread) }))
    }

    fn now(&self) -> MasterKey {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does `work` under the key, once more under another if a seal did not open.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn with<T, F>(&self, work: impl Fn(MasterKey) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut answer = work(self.now()).await;
        if matches!(answer, Err(Fault::Sealed)) {
            for key in (self.0.reread)() {
                answer = work(key.clone()).await;
                if !matches!(answer, Err(Fault::Sealed)) {
                    *self.0.now.lock().unwrap_or_else(PoisonError::into_inner) = key;
                    break;
                }
            }
        }
        answer
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Lower case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes of hexadecimal digits.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|it| u8::try_from(it).ok())).collect();
    let digits = digits?;
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => Some(high << 4 | low),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_sealed_secret_opens_under_its_key_for_its_owner_only() {
        let key = MasterKey::new([1; 32]);
        let sealed = key.seal("project-a", &[7; 32]).unwrap();
        assert_eq!(key.open("project-a", &sealed), Ok([7; 32]));
        assert_eq!(key.open("project-b", &sealed), Err(Fault::Sealed));
        assert_eq!(MasterKey::new([2; 32]).open("project-a", &sealed), Err(Fault::Sealed));
        assert_ne!(sealed, key.seal("project-a", &[7; 32]).unwrap(), "the nonce is used once");
        let mut damaged = sealed.clone().into_bytes();
        *damaged.last_mut().unwrap() ^= 1;
        assert!(key.open("project-a", &String::from_utf8(damaged).unwrap()).is_err());
        for bad in ["", "zz", "0", &sealed[..40]] {
            assert_eq!(key.open("project-a", bad), Err(Fault::Sealed));
        }
    }
}
