//! The pixel policy: instances that show, or usually show, text or faces are refused (PIX-08, MARK-01, MARK-05). Cleaning
//! pixels does not live here.

use super::profile::{Policy, Profile};
use super::tsv;
use dicom_core::Tag;
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../conformance/ps3_15/pixel_risk.tsv");

/// Burned In Annotation.
pub const BURNED_IN_ANNOTATION: Tag = Tag(0x0028, 0x0301);
/// Recognizable Visual Features.
pub const RECOGNIZABLE_VISUAL_FEATURES: Tag = Tag(0x0028, 0x0302);

/// What the judgement needs of the head. Values without padding.
#[derive(Debug, Clone, Copy, Default)]
pub struct PixelFacts<'a> {
    /// SOP Class UID (0008,0016).
    pub sop_class: &'a str,
    /// Modality (0008,0060).
    pub modality: &'a str,
    /// The values of Image Type (0008,0008).
    pub image_type: &'a [&'a str],
    /// Burned In Annotation (0028,0301), where it has a value.
    pub burned_in: Option<&'a str>,
    /// Recognizable Visual Features (0028,0302), where it has a value.
    pub recognizable: Option<&'a str>,
    /// Pixel data of any kind is there.
    pub has_pixels: bool,
    /// Encapsulated Document (0042,0011) is there.
    pub is_document: bool,
}

/// The judgement. It holds no value of the data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixelVerdict {
    /// The pixels may pass.
    Pass,
    /// The instance is refused.
    Refuse {
        /// The attribute that decided, by its value or by its absence.
        tag: Tag,
        /// The clause behind the rule.
        clause: &'static str,
        /// The line of a profile that would let it pass.
        setting: &'static str,
        /// The reason in words.
        why: &'static str,
    },
}

/// A kind of instance that usually carries burned-in text.
#[derive(Debug, Clone, Copy)]
struct Risk {
    sop_class: &'static str,
    modality: &'static str,
    image_type: &'static str,
    why: &'static str,
}

static RISKS: LazyLock<Vec<Risk>> = LazyLock::new(|| {
    let risk = |[sop_class, modality, image_type, why]: [&'static str; 4]| Risk {
        sop_class,
        modality,
        image_type,
        why,
    };
    tsv::rows(TEXT).filter_map(|row| row.try_into().ok()).map(risk).collect()
});

/// The kinds that usually carry burned-in text: SOP class, modality, a value of Image Type (empty: any), and why.
pub fn risks() -> impl Iterator<Item = [&'static str; 4]> {
    RISKS.iter().map(|risk| [risk.sop_class, risk.modality, risk.image_type, risk.why])
}

impl Risk {
    fn matches(&self, facts: &PixelFacts<'_>) -> bool {
        (self.sop_class.is_empty() || self.sop_class == facts.sop_class.trim())
            && (self.modality.is_empty() || same(self.modality, facts.modality))
            && (self.image_type.is_empty()
                || facts.image_type.iter().any(|value| same(self.image_type, value)))
    }
}

/// Codes compare without regard to case and padding.
fn same(expected: &str, value: &str) -> bool {
    value.trim_matches([' ', '\0']).eq_ignore_ascii_case(expected)
}

/// Judges one instance (PS3.3 C.7.6.1; PS3.15 E.2 note, E.3.1, E.3.2). Fail closed: on a risky kind anything but a plain
/// NO counts as unknown, and unknown is refused.
pub fn judge(profile: &Profile, facts: &PixelFacts<'_>) -> PixelVerdict {
    let says = |flag: Option<&str>, word| flag.is_some_and(|value| same(word, value));
    if profile.burned_in == Policy::Refuse {
        // Anything but a plain NO, several values included, may mean YES.
        if facts.burned_in.is_some_and(|value| !value.trim().is_empty() && !same("NO", value)) {
            return burned_in("the instance says that its pixels hold identifying text");
        }
        let visible = facts.has_pixels || facts.is_document;
        if visible && !says(facts.burned_in, "NO") {
            if let Some(risk) = RISKS.iter().find(|risk| risk.matches(facts)) {
                return burned_in(risk.why);
            }
            if facts.is_document {
                return burned_in(
                    "an encapsulated document shows what its author wrote, patient data as a rule",
                );
            }
        }
    }
    if profile.recognizable_visual_features == Policy::Refuse
        && facts.recognizable.is_some_and(|value| !value.trim().is_empty() && !same("NO", value))
    {
        return PixelVerdict::Refuse {
            tag: RECOGNIZABLE_VISUAL_FEATURES,
            clause: "PS3.15 E.3.2",
            setting: "recognizable_visual_features = \"pass\"",
            why: "the instance says that a face can be recognized",
        };
    }
    PixelVerdict::Pass
}

fn burned_in(why: &'static str) -> PixelVerdict {
    let (clause, setting) = ("PS3.15 E.3.1, PS3.3 C.7.6.1", "burned_in = \"pass\"");
    PixelVerdict::Refuse { tag: BURNED_IN_ANNOTATION, clause, setting, why }
}

/// SHA-256 of the rows, in hex.
pub(super) fn digest() -> &'static str {
    tsv::head(TEXT, "body sha256")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    fn image<'a>(sop_class: &'a str, modality: &'a str, image_type: &'a [&'a str]) -> PixelFacts<'a> {
        PixelFacts { sop_class, modality, image_type, has_pixels: true, ..PixelFacts::default() }
    }

    fn refused(facts: &PixelFacts<'_>) -> Option<Tag> {
        match judge(&Profile::basic(), facts) {
            PixelVerdict::Refuse { tag, .. } => Some(tag),
            PixelVerdict::Pass => None,
        }
    }

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const SC: &str = "1.2.840.10008.5.1.4.1.1.7";

    #[test]
    fn every_row_parses() {
        let lines = tsv::rows(TEXT).count();
        tsv::tests::assert_well_formed(TEXT, 4, lines);
        assert_eq!(RISKS.len(), lines);
        for risk in RISKS.iter() {
            assert!([risk.sop_class, risk.modality, risk.image_type].iter().any(|column| !column.is_empty()));
        }
    }

    #[test]
    fn plain_cross_sections_pass() {
        for (class, modality) in
            [(CT, "CT"), ("1.2.840.10008.5.1.4.1.1.4", "MR"), ("1.2.840.10008.5.1.4.1.1.128", "PT")]
        {
            assert_eq!(
                refused(&image(class, modality, &["ORIGINAL", "PRIMARY", "AXIAL"])),
                None,
                "{modality}"
            );
        }
        assert_eq!(refused(&image("1.2.840.10008.5.1.4.1.1.12.1", "XA", &["ORIGINAL", "PRIMARY"])), None);
        assert_eq!(
            refused(&image("1.2.840.10008.5.1.4.1.1.77.1.6", "SM", &["ORIGINAL", "PRIMARY", "VOLUME"])),
            None
        );
    }

    #[test]
    fn risky_kinds_are_refused_unless_they_say_no() {
        for facts in [
            image(SC, "OT", &[]),
            image("1.2.840.10008.5.1.4.1.1.6.1", "US", &["ORIGINAL"]),
            image(CT, "US", &[]),
            image(CT, "CT", &["DERIVED", "SECONDARY", "SCREEN SAVE"]),
            image(CT, "CT", &["derived", "secondary", "screen save "]),
            image("1.2.840.10008.5.1.4.1.1.12.1", "XA", &["DERIVED", "PRIMARY"]),
            image("1.2.840.10008.5.1.4.1.1.77.1.6", "SM", &["ORIGINAL", "PRIMARY", "LABEL"]),
        ] {
            assert_eq!(refused(&facts), Some(BURNED_IN_ANNOTATION), "{facts:?}");
            assert_eq!(refused(&PixelFacts { burned_in: Some("NO "), ..facts }), None, "{facts:?}");
            assert!(refused(&PixelFacts { burned_in: Some("MAYBE"), ..facts }).is_some(), "{facts:?}");
            assert!(refused(&PixelFacts { burned_in: Some("NOT KNOWN"), ..facts }).is_some(), "{facts:?}");
            assert_eq!(refused(&PixelFacts { has_pixels: false, ..facts }), None, "{facts:?}");
        }
    }

    #[test]
    fn an_instance_that_says_yes_is_refused_whatever_its_kind() {
        let plain = image(CT, "CT", &["ORIGINAL"]);
        assert!(refused(&PixelFacts { burned_in: Some("YES"), ..plain }).is_some());
        assert!(refused(&PixelFacts { burned_in: Some("yes "), has_pixels: false, ..plain }).is_some());
        let face = PixelFacts { recognizable: Some("YES"), ..plain };
        assert_eq!(refused(&face), Some(RECOGNIZABLE_VISUAL_FEATURES));
    }

    #[test]
    fn documents_are_refused_even_under_an_unknown_class() {
        let document = PixelFacts { sop_class: "1.2.3", is_document: true, ..PixelFacts::default() };
        assert!(refused(&document).is_some());
    }

    #[test]
    fn each_refusal_names_the_setting_that_would_let_it_pass() {
        let facts = PixelFacts { burned_in: Some("YES"), recognizable: Some("YES"), ..image(SC, "OT", &[]) };
        let PixelVerdict::Refuse { setting, .. } = judge(&Profile::basic(), &facts) else { panic!() };
        let first = Profile::parse(setting).unwrap();
        let PixelVerdict::Refuse { setting, .. } = judge(&first, &facts) else { panic!() };
        let both = Profile {
            recognizable_visual_features: Profile::parse(setting).unwrap().recognizable_visual_features,
            ..first
        };
        assert_eq!(judge(&both, &facts), PixelVerdict::Pass);
    }
}
