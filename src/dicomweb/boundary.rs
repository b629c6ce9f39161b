//! Boundaries of multipart bodies (RFC 2046 5.1.1; PS3.18 8.6.1.2.1): which are taken,
//! and how ours are made. Randomness comes from the caller.

/// Longest boundary taken in. The limit for ours is 70 (RFC 2046 5.1.1); some senders
/// join two identifiers.
const MAX_TAKEN: usize = 200;

/// True for a boundary that can frame an incoming body. More lenient than the grammar
/// in length and characters; control characters could never be told from line ends.
pub fn is_acceptable(boundary: &str) -> bool {
    (1..=MAX_TAKEN).contains(&boundary.len())
        && boundary.bytes().all(|byte| (b' '..=b'~').contains(&byte))
        && !boundary.ends_with(' ')
}

/// A boundary for an outgoing body, from 16 random bytes. Letters, digits and `-` only,
/// so that it needs no quotes: several clients do not remove them (PS3.18 8.6.1.2.1).
pub fn generate(random: [u8; 16]) -> String {
    use std::fmt::Write;
    random.iter().fold(String::from("veilgate-"), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_20_a_boundary_of_ours_is_legal_and_needs_no_quotes() {
        let boundary = generate([0xAB; 16]);
        assert_eq!(boundary, format!("veilgate-{}", "ab".repeat(16)));
        assert!(boundary.len() <= 70);
        assert!(super::super::media::is_token(&boundary));
    }

    #[test]
    fn boundaries_with_controls_or_without_length_are_refused() {
        for bad in ["", "a\r\nb", "a\tb", "a ", "\u{e9}", &"a".repeat(201)] {
            assert!(!is_acceptable(bad), "{bad:?}");
        }
        for good in ["a", "0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1", "gc0p4Jq0M2Yt08j34c0p=?:", "a b"] {
            assert!(is_acceptable(good), "{good:?}");
        }
    }
}
