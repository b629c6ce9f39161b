//! Media types of bulk data and the transfer syntaxes they stand for, both directions
//! (PS3.18 Tables 8.7.3-2 to 8.7.3-5).

/// One media type of compressed bulk data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compressed {
    /// The media type, in lower case.
    pub media: &'static str,
    /// Transfer syntaxes that may be named with it; the first is meant when none is.
    pub syntaxes: &'static [&'static str],
    /// All frames are one part, not one part each (PS3.18 8.7.3.3.2).
    pub video: bool,
}

/// Uncompressed bulk data (PS3.18 8.7.3.3.1).
pub const OCTET_STREAM: &str = "application/octet-stream";

const fn image(media: &'static str, syntaxes: &'static [&'static str]) -> Compressed {
    Compressed { media, syntaxes, video: false }
}

const fn video(media: &'static str, syntaxes: &'static [&'static str]) -> Compressed {
    Compressed { media, syntaxes, video: true }
}

/// PS3.18 Tables 8.7.3-4 and 8.7.3-5.
pub const COMPRESSED: &[Compressed] = &[
    image(
        "image/jpeg",
        &[
            "1.2.840.10008.1.2.4.70",
            "1.2.840.10008.1.2.4.50",
            "1.2.840.10008.1.2.4.51",
            "1.2.840.10008.1.2.4.57",
        ],
    ),
    image("image/dicom-rle", &["1.2.840.10008.1.2.5"]),
    image("image/jls", &["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"]),
    image("image/jp2", &["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"]),
    image("image/jpx", &["1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93"]),
    image("image/jphc", &["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"]),
    image("image/jxl", &["1.2.840.10008.1.2.4.110", "1.2.840.10008.1.2.4.111", "1.2.840.10008.1.2.4.112"]),
    video(
        "video/mpeg",
        &[
            "1.2.840.10008.1.2.4.100",
            "1.2.840.10008.1.2.4.100.1",
            "1.2.840.10008.1.2.4.101",
            "1.2.840.10008.1.2.4.101.1",
        ],
    ),
    video(
        "video/mp4",
        &[
            "1.2.840.10008.1.2.4.102",
            "1.2.840.10008.1.2.4.102.1",
            "1.2.840.10008.1.2.4.103",
            "1.2.840.10008.1.2.4.103.1",
            "1.2.840.10008.1.2.4.104",
            "1.2.840.10008.1.2.4.104.1",
            "1.2.840.10008.1.2.4.105",
            "1.2.840.10008.1.2.4.105.1",
            "1.2.840.10008.1.2.4.106",
            "1.2.840.10008.1.2.4.106.1",
        ],
    ),
    video("video/h265", &["1.2.840.10008.1.2.4.107", "1.2.840.10008.1.2.4.108"]),
];

/// Names that older software and viewers use, and the current ones (PS3.18 8.7.3.3.2).
const FORMER_NAMES: &[(&str, &str)] = &[
    ("image/x-dicom-rle", "image/dicom-rle"),
    ("image/x-jls", "image/jls"),
    // As viewers write them.
    ("image/jhc", "image/jphc"),
    ("image/dicom+jpeg", "image/jpeg"),
    ("application/json", "application/dicom+json"),
];

/// The current name of a media type, given in lower case.
pub fn current_name(essence: &str) -> &str {
    FORMER_NAMES.iter().find(|(former, _)| *former == essence).map_or(essence, |(_, current)| current)
}

/// The row of a compressed media type, by current or former name in lower case.
pub fn compressed(essence: &str) -> Option<&'static Compressed> {
    let name = current_name(essence);
    COMPRESSED.iter().find(|row| row.media == name)
}

/// The media type of bulk data in a transfer syntax: `application/octet-stream` for
/// native and unlisted ones.
pub fn media_of(transfer_syntax: &str) -> &'static str {
    COMPRESSED
        .iter()
        .find(|row| row.syntaxes.contains(&transfer_syntax))
        .map_or(OCTET_STREAM, |row| row.media)
}

/// True if all frames of this transfer syntax are one stream.
pub fn is_video(transfer_syntax: &str) -> bool {
    compressed(media_of(transfer_syntax)).is_some_and(|row| row.video)
}

/// The media type of an encapsulated document that calls itself so (PS3.3 C.24.2): `application/octet-stream` for what
/// is not known.
pub fn of_document(said: &str) -> &'static str {
    const DOCUMENTS: [&str; 5] = ["application/pdf", "text/xml", "model/stl", "model/obj", "model/mtl"];
    DOCUMENTS.into_iter().find(|media| media.eq_ignore_ascii_case(said)).unwrap_or(OCTET_STREAM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dicom::TransferSyntax;

    #[test]
    fn acc_23_every_syntax_leads_to_its_media_type_and_back() {
        for row in COMPRESSED {
            for uid in row.syntaxes {
                assert_eq!(media_of(uid), row.media, "{uid}");
            }
        }
        let default = |media| compressed(media).and_then(|row| row.syntaxes.first().copied());
        assert_eq!(default("image/jpeg"), Some("1.2.840.10008.1.2.4.70"));
        assert_eq!(default("image/x-jls"), Some("1.2.840.10008.1.2.4.80"));
        assert_eq!(default("image/jp2"), Some("1.2.840.10008.1.2.4.90"));
        assert_eq!(default("image/jhc"), Some("1.2.840.10008.1.2.4.201"));
        assert_eq!(default("image/dicom+jpeg"), default("image/jpeg"));
        assert_eq!(default("image/png"), None);
        assert_eq!(media_of("1.2.840.10008.1.2.1"), OCTET_STREAM);
    }

    #[test]
    fn every_syntax_of_the_table_is_taken_by_the_lower_floor() {
        for uid in COMPRESSED.iter().flat_map(|row| row.syntaxes) {
            assert!(TransferSyntax::of(uid).is_some_and(|syntax| syntax.encapsulated), "{uid}");
        }
    }
}
