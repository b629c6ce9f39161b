//! Names of objects: the project, a shelf, a random part. No UID stands in them, and two writers of the same instance
//! never meet.

use crate::db::seal::hex;

/// A new name for an object of a project, on this shelf or one of 256.
///
/// # Errors
/// The system gives no random bytes.
pub(super) fn new(project: &str, shelf: Option<&str>) -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let name = hex(&bytes);
    let (own, rest) = name.split_at_checked(2).unwrap_or_default();
    Ok(format!("{project}/{}/{rest}.dcm", shelf.unwrap_or(own)))
}

/// True for what may be one of those names.
pub(super) fn is_ours(name: &str) -> bool {
    let mut segments = name.split('/');
    let (project, shelf, rest) = (segments.next(), segments.next(), segments.next());
    let random = rest.and_then(|rest| rest.strip_suffix(".dcm")).unwrap_or_default();
    project.is_some_and(|it| !it.is_empty())
        && shelf.is_some_and(|it| !it.is_empty())
        && random.len() == 30
        && random.bytes().all(|byte| byte.is_ascii_hexdigit())
        && segments.next().is_none()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_is_known_again_and_never_given_twice() {
        let (one, two) = (new("p", None).unwrap(), new("p", Some("memory")).unwrap());
        assert!(is_ours(&one) && is_ours(&two) && two.starts_with("p/memory/"), "{one} {two}");
        assert_ne!(one.get(5..), two.get(9..));
    }

    #[test]
    fn what_others_keep_in_the_bucket_is_not_ours() {
        let random = "0".repeat(30);
        for other in ["", "a.dcm", "p/00/1.dcm", "backups/2026/january.dcm"] {
            assert!(!is_ours(other), "{other}");
        }
        for other in ["p/00/x/R.dcm", "R.dcm", "p/R.dcm", "//R.dcm", "p/00/R.txt"] {
            assert!(!is_ours(&other.replace('R', &random)), "{other}");
        }
    }
}
