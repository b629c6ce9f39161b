//! What an API key may do beyond what every key may: words of a closed list, none unless given.

use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

/// One such thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// To ask for originals by their pseudonyms and the reverse, to send where the origin is the veil, and to read and set
    /// the project's own pseudonyms.
    Reidentify,
}

impl Right {
    const ALL: [Self; 1] = [Self::Reidentify];

    /// As it is stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reidentify => "reidentify",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.word() == word)
    }
}

/// All that one key may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights(BTreeSet<Right>);

impl Rights {
    /// Those of words, nothing if one of them is none.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        words.into_iter().map(Right::parse).collect::<Option<_>>().map(Self)
    }

    /// Those among these words that are any; others give no right.
    pub fn known<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        Self(words.filter_map(Right::parse).collect())
    }

    /// As they are stored, perhaps by a version that knows more.
    pub(super) fn stored(text: &str) -> Self {
        Self::known(text.split_ascii_whitespace())
    }

    /// For storing.
    pub(super) fn text(&self) -> String {
        self.words().collect::<Vec<_>>().join(" ")
    }

    /// True if this is among them.
    pub fn has(&self, right: Right) -> bool {
        self.0.contains(&right)
    }

    /// Their words.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|right| right.word())
    }
}

impl Serialize for Rights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_are_read_strictly_and_stored_ones_give_no_more_than_is_known() {
        let all = Rights::parse(Right::ALL.map(Right::word)).unwrap();
        assert!(Right::ALL.into_iter().all(|right| all.has(right)));
        assert_eq!(Rights::stored(&all.text()), all);
        assert_eq!(Rights::parse(["reidentify", "everything"]), None);
        assert_eq!(Rights::stored("everything  reidentify"), all);
        assert_eq!(Rights::stored(""), Rights::default());
        assert!(!Rights::default().has(Right::Reidentify));
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"["reidentify"]"#);
    }
}
