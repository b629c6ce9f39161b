//! Keyed, deterministic replacements under a project's secret: UIDs, patient IDs, date
//! shifts. Which attribute gets which is decided in `plan` and `engine`.

use super::own_pseudonyms::PseudonymMap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;

type HmacSha256 = Hmac<Sha256>;

/// Where version and variant stand in the 128 bits of a UUID (RFC 9562 4.1, 4.2).
const VERSION: u128 = 0xF << 76;
const VARIANT: u128 = 0b11 << 62;

/// Of generated Patient IDs.
const DIGITS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Most days by which dates move into the past.
pub const MAX_SHIFT_DAYS: u32 = 3650;

/// A project's 256-bit secret. Whoever holds it can recompute every pseudonym from an
/// original; without it none can be (PS3.15 E.1.1 note on dictionary attacks).
#[derive(Clone)]
pub struct ProjectKey([u8; 32]);

/// Why a text is no project key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a project key is 64 hexadecimal digits (256 bits)")]
pub struct BadKey;

impl ProjectKey {
    /// A key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits; white space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        if text.len() != 64 || !text.is_ascii() {
            return Err(BadKey);
        }
        let mut key = [0; 32];
        for (slot, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| BadKey)?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| BadKey)?;
        }
        Ok(Self(key))
    }

    /// The key as 64 hexadecimal digits, for the key file only.
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The raw key, for sealing it under a master key.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The three derivations, each under a key of its own, so that no output says anything
/// about another (PS3.15 E.3.6: a shift is not derivable from the pseudonym).
#[derive(Clone)]
pub struct Pseudonyms {
    uid: HmacSha256,
    patient: HmacSha256,
    shift: HmacSha256,
    own: Option<Arc<PseudonymMap>>,
}

impl Pseudonyms {
    /// The derivations of this project.
    pub fn new(key: &ProjectKey) -> Self {
        let [uid, patient, shift] = ["uid", "patient", "shift"].map(|purpose| derive(key, purpose));
        Self { uid, patient, shift, own: None }
    }

    /// The same, where the project's own pseudonyms of patients take the place of generated ones.
    pub fn with_own(self, own: Arc<PseudonymMap>) -> Self {
        Self { own: Some(own), ..self }
    }

    /// The replacement of a UID: `2.25.` and a version 8 UUID (RFC 9562, PS3.5 B.2)
    /// made of the value alone, so that equal UIDs stay equal across attributes,
    /// instances, calls and transports (PS3.15 E.1.1).
    pub fn uid(&self, original: &[u8]) -> String {
        let bits = u128::from_be_bytes(first_16(&mac(&self.uid, &[original])));
        let uuid = (bits & !VERSION & !VARIANT) | (8 << 76) | (0b10 << 62);
        format!("2.25.{uuid}")
    }

    /// The replacement of a patient's ID: the project's own, else `P` and 80 bits in base 32.
    pub fn patient_id(&self, patient: &str) -> String {
        if let Some(own) = self.own.as_ref().and_then(|own| own.get(patient)) {
            return own.to_owned();
        }
        let bits = u128::from_be_bytes(first_16(&mac(&self.patient, &[patient.as_bytes()])));
        let digit = |place: u32| {
            let index = usize::try_from((bits >> (5 * place)) & 31).unwrap_or(0);
            DIGITS.get(index).copied().map_or('A', char::from)
        };
        std::iter::once('P').chain((0..16).map(digit)).collect()
    }

    /// By how many whole days this patient's dates move back: 1 to 3,650.
    pub fn shift_days(&self, patient: &str) -> u32 {
        let bits = u128::from_be_bytes(first_16(&mac(&self.shift, &[patient.as_bytes()])));
        u32::try_from(bits % u128::from(MAX_SHIFT_DAYS)).unwrap_or(0) + 1
    }
}

/// True if a UID has the form of our replacements, of whatever project. Those that others make of UUIDs have versions
/// of their own.
pub fn is_shaped(uid: &str) -> bool {
    let bits = uid.strip_prefix("2.25.").and_then(|digits| digits.parse::<u128>().ok());
    bits.is_some_and(|bits| bits & VERSION == 8 << 76 && bits & VARIANT == 0b10 << 62)
}

/// True if a Patient ID has the form of a generated one.
pub(super) fn is_generated(id: &str) -> bool {
    let digits = id.strip_prefix('P').unwrap_or_default();
    digits.len() == 16 && digits.bytes().all(|digit| DIGITS.contains(&digit))
}

/// Marks of texts under a key derived from the project's secret: equal texts have equal marks, and without the secret no
/// text can be told from its mark, not even by trying.
#[derive(Clone)]
pub struct KeyedIndex(HmacSha256);

impl KeyedIndex {
    /// The index of this purpose.
    pub fn new(key: &ProjectKey, purpose: &str) -> Self {
        Self(derive(key, purpose))
    }

    /// The mark of a text among those of its kind: the first 16 bytes of HMAC-SHA256. A kind has no line end.
    pub fn mark(&self, kind: &str, text: &str) -> [u8; 16] {
        first_16(&mac(&self.0, &[kind.as_bytes(), b"\n", text.as_bytes()]))
    }
}

/// A key of its own for a purpose, derived from the project's secret.
pub fn sub_key(key: &ProjectKey, purpose: &str) -> [u8; 32] {
    mac(&keyed(&key.0), &[b"veilgate/1/", purpose.as_bytes()])
}

fn derive(key: &ProjectKey, purpose: &str) -> HmacSha256 {
    keyed(&sub_key(key, purpose))
}

/// HMAC takes keys of any length, so there is no failure to report.
fn keyed(key: &[u8; 32]) -> HmacSha256 {
    let mut block = hmac::digest::Key::<HmacSha256>::default();
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    HmacSha256::new(&block)
}

fn mac(keyed: &HmacSha256, parts: &[&[u8]]) -> [u8; 32] {
    let mut state = keyed.clone();
    parts.iter().for_each(|part| state.update(part));
    state.finalize().into_bytes().into()
}

fn first_16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = *byte);
    half
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dicom::uid;

    fn project(byte: u8) -> Pseudonyms {
        Pseudonyms::new(&ProjectKey::from_bytes([byte; 32]))
    }

    #[test]
    fn replacement_uids_are_legal_equal_for_equal_input_and_differ_by_project() {
        let one = project(1).uid(b"1.2.3");
        assert!(uid::is_legal(&one), "{one}");
        assert_eq!(one, project(1).uid(b"1.2.3"));
        assert_ne!(one, project(1).uid(b"1.2.4"));
        assert_ne!(one, project(2).uid(b"1.2.3"));
    }

    #[test]
    fn replacement_uids_are_version_8_uuids() {
        for n in 0..200u32 {
            let uid = project(3).uid(&n.to_be_bytes());
            let bits: u128 = uid.strip_prefix("2.25.").unwrap().parse().unwrap();
            assert_eq!((bits >> 76) & 0xF, 8, "{uid}");
            assert_eq!((bits >> 62) & 3, 2, "{uid}");
            assert!(is_shaped(&uid));
        }
    }

    #[test]
    fn uids_of_others_are_not_taken_for_ours() {
        // PS3.5 B.2's example is a version 1 UUID; the next is of version 4.
        for other in [
            "2.25.329800735698586629295641978511506172918",
            "2.25.98893943164464254127136486497285324901",
            "1.2.840.10008.1.2",
            "2.25.x",
            "2.25.",
        ] {
            assert!(!is_shaped(other), "{other}");
        }
    }

    #[test]
    fn shifts_stay_in_their_range_and_are_not_the_pseudonym() {
        let days: Vec<u32> = (0..500).map(|n| project(1).shift_days(&n.to_string())).collect();
        assert!(days.iter().all(|days| (1..=MAX_SHIFT_DAYS).contains(days)));
        assert!(days.iter().collect::<std::collections::HashSet<_>>().len() > 300);
    }

    #[test]
    fn patient_pseudonyms_are_stable_and_distinct() {
        assert_eq!(project(1).patient_id("A"), project(1).patient_id("A"));
        assert_ne!(project(1).patient_id("A"), project(1).patient_id("B"));
        let id = project(1).patient_id("A");
        assert!(id.len() == 17 && is_generated(&id), "{id}");
        assert!(!["P", "S-001", "PABCDEFGHIJKLMNOP", ""].into_iter().any(is_generated));
    }

    #[test]
    fn marks_and_keys_differ_by_text_kind_purpose_and_project() {
        let key = |byte| ProjectKey::from_bytes([byte; 32]);
        let mark = |byte, purpose, kind, text| KeyedIndex::new(&key(byte), purpose).mark(kind, text);
        let one = mark(1, "index", "uid", "1.2.3");
        assert_eq!(one, mark(1, "index", "uid", "1.2.3"));
        for other in [
            mark(2, "index", "uid", "1.2.3"),
            mark(1, "other", "uid", "1.2.3"),
            mark(1, "index", "patient", "1.2.3"),
            mark(1, "index", "uid", "1.2.4"),
        ] {
            assert_ne!(one, other);
        }
        assert_ne!(sub_key(&key(1), "seal"), sub_key(&key(1), "index"));
        assert_ne!(sub_key(&key(1), "seal"), sub_key(&key(2), "seal"));
    }

    #[test]
    fn keys_are_read_from_hex_and_nothing_else() {
        let key = ProjectKey::from_bytes([0xAB; 32]);
        assert_eq!(ProjectKey::from_hex(&format!(" {}\n", key.to_hex())).unwrap().expose(), &[0xAB; 32]);
        for bad in ["", "ab", &"g".repeat(64), &"ü".repeat(32)] {
            assert_eq!(ProjectKey::from_hex(bad).err(), Some(BadKey));
        }
    }
}
