//! Wildcards (PS3.4 C.2.2.2.4), and person names in the form in which they are compared:
//! lower case, without what stands for nothing.

/// A text with `*` for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

/// Characters that part the words of a person name (PS3.5 6.2.1).
const BETWEEN_WORDS: &[char] = &['^', '=', ' ', ',', '-', '.'];

impl Pattern {
    /// The pattern of a query value.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// Its text, wildcards and all.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True if there is a wildcard in it.
    pub fn is_wild(text: &str) -> bool {
        text.contains(['*', '?'])
    }

    /// True if all of `value` matches.
    pub fn matches(&self, value: &str) -> bool {
        let (pattern, value): (Vec<char>, Vec<char>) = (self.text.chars().collect(), value.chars().collect());
        // The last star seen, and how much of the value it takes: only that one ever needs to take more.
        let (mut at, mut seen, mut star) = (0, 0, None);
        while seen < value.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, seen));
                    at += 1;
                }
                Some(letter) if *letter == '?' || Some(letter) == value.get(seen) => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((place, taken)) = star else { return false };
                    star = Some((place, taken + 1));
                    (at, seen) = (place + 1, taken + 1);
                }
            }
        }
        pattern.iter().skip(at).all(|letter| *letter == '*')
    }

    /// The pattern anywhere in a text, with this character on both sides of it.
    pub fn between(&self, sign: char) -> Self {
        Self { text: format!("*{sign}{}{sign}*", self.text) }
    }

    /// The same for SQL's `LIKE … ESCAPE '!'`.
    pub fn like(&self) -> String {
        let mut like = String::with_capacity(self.text.len());
        for letter in self.text.chars() {
            match letter {
                '*' if like.ends_with('%') && !like.ends_with("!%") => {}
                '*' => like.push('%'),
                '?' => like.push('_'),
                '!' | '%' | '_' => like.extend(['!', letter]),
                letter => like.push(letter),
            }
        }
        like
    }
}

/// A person name as it is compared: each component group between equal signs, in lower case, without carets at its end.
/// Empty for an empty name.
pub fn folded_name(name: &str) -> String {
    let lower = name.to_lowercase();
    let groups: Vec<&str> =
        lower.split('=').map(|group| group.trim_end_matches(['^', ' ']).trim_start()).collect();
    let name = groups.join("=");
    let name = name.trim_end_matches('=');
    if name.is_empty() { String::new() } else { format!("={name}=") }
}

/// The words of a person name, in lower case.
pub fn words(name: &str) -> Vec<String> {
    let lower = name.to_lowercase();
    lower.split(BETWEEN_WORDS).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words of a person name as they are kept for fuzzy matching: each behind a caret. Empty for an empty name.
pub fn folded_words(name: &str) -> String {
    words(name).into_iter().flat_map(|word| ["^".to_owned(), word]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Pattern::new(pattern).matches(value)
    }

    /// The definition, without cleverness.
    fn by_definition(pattern: &[char], value: &[char]) -> bool {
        match (pattern.split_first(), value.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => by_definition(rest, value),
            (Some(('*', rest)), Some((_, after))) => {
                by_definition(rest, value) || by_definition(pattern, after)
            }
            (Some((letter, rest)), Some((first, after))) => {
                (*letter == '?' || letter == first) && by_definition(rest, after)
            }
            _ => false,
        }
    }

    #[test]
    fn qido_14_stars_and_question_marks_stand_for_characters() {
        for (pattern, value) in
            [("SM*TH?", "SMITHS"), ("*", ""), ("*a*", "bab"), ("?", "\u{5c71}"), ("a**", "a")]
        {
            assert!(matches(pattern, value), "{pattern} {value}");
        }
        for (pattern, value) in [("SM*TH?", "SMITH"), ("?", ""), ("a", "A"), ("*a", "ab")] {
            assert!(!matches(pattern, value), "{pattern} {value}");
        }
    }

    #[test]
    fn what_sql_takes_for_wildcards_is_escaped() {
        assert_eq!(Pattern::new("**50%_!?a*").like(), "%50!%!_!!_a%");
        assert_eq!(Pattern::new("%*").like(), "!%%");
    }

    #[test]
    fn names_are_compared_without_case_and_empty_ends() {
        assert_eq!(folded_name("Doe^John^^^"), "=doe^john=");
        assert_eq!(folded_name("Yamada^Tarou^=\u{5c71}^\u{7530}="), "=yamada^tarou=\u{5c71}^\u{7530}=");
        assert_eq!((folded_name("^^=="), folded_words("^ =")), (String::new(), String::new()));
        assert_eq!(folded_words("Doe-Smith^John"), "^doe^smith^john");
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in "[ab*?]{0,9}", value in "[ab]{0,9}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches(&pattern, &value), by_definition(&letters(&pattern), &letters(&value)));
        }
    }
}
