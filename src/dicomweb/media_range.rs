//! One entry of an Accept header: a media range with its weight and transfer syntax
//! (PS3.18 8.7.5–8.7.7). Choosing among offers is `accept`.

use super::accept::Offer;
use super::media::{MediaType, split_unquoted};
use super::syntaxes;

/// A range that names the offer itself.
pub(super) const EXACT: u8 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    /// `type/subtype` or a wildcard form, in its current name.
    pub essence: String,
    /// The root type if this is `multipart/related`; `*/*` if it names none.
    pub root: Option<String>,
    /// Its category, by the name that the client used.
    pub category: Category,
    /// The transfer syntax asked for with it.
    pub syntax: SyntaxWish,
    /// Weight in thousandths (RFC 9110 12.4.2).
    pub q: u16,
}

/// Categories that one request must not mix (PS3.18 8.7.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Category {
    Dicom,
    Rendered,
    Neither,
}

/// The transfer syntax that a media range asks for (PS3.18 8.7.3.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyntaxWish {
    /// None named: the default of the type, Explicit VR Little Endian (PS3.18 8.7.3.4).
    Default,
    /// `*`: whatever is stored, untouched.
    Any,
    /// This one.
    Uid(String),
}

/// Rendered media types of single parts (PS3.18 Table 8.7.4-1).
const RENDERED: &[&str] = &[
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/jp2",
    "image/jph",
    "image/jxl",
    "video/mpeg",
    "video/mp4",
    "video/h265",
    "text/html",
    "text/plain",
    "text/xml",
    "text/rtf",
    "application/pdf",
];

/// DICOM media types that also stand alone (PS3.18 Table 8.7.3-1).
const DICOM: &[&str] =
    &["application/dicom", "application/dicom+json", "application/dicom+xml", "application/octet-stream"];

impl Range {
    /// How exactly this range matches an offer; `None` if it does not.
    pub fn matches(&self, offer: &Offer) -> Option<u8> {
        let exact = match (&self.root, offer.related) {
            (Some(root), true) if root == offer.media => EXACT,
            (Some(root), true) if wildcard_covers(root, offer.media) => 2,
            (None, false) if self.essence == offer.media => EXACT,
            (None, true) if offer.bare && self.essence == offer.media => EXACT,
            (None, true) if self.essence == "multipart/*" => 1,
            (None, false) if self.essence != "*/*" && wildcard_covers(&self.essence, offer.media) => 1,
            (None, _) if self.essence == "*/*" => 0,
            _ => return None,
        };
        (exact == EXACT || !offer.by_name).then_some(exact)
    }

    pub fn is_wildcard(&self) -> bool {
        self.essence.contains('*') || self.root.as_ref().is_some_and(|root| root.contains('*'))
    }

    pub fn essence_covers(&self, other: &Self) -> bool {
        self.essence == other.essence || wildcard_covers(&self.essence, &other.essence)
    }

    pub fn root_covers(&self, other: &Self) -> bool {
        match (&self.root, &other.root) {
            (Some(cover), Some(root)) => cover == root || wildcard_covers(cover, root),
            _ => true,
        }
    }
}

/// True if `range` is a wildcard that `media` falls under.
fn wildcard_covers(range: &str, media: &str) -> bool {
    range == "*/*"
        || range.strip_suffix('*').is_some_and(|kind| kind.ends_with('/') && media.starts_with(kind))
}

/// The usable entries of one Accept line or parameter.
pub(super) fn ranges(line: &str) -> impl Iterator<Item = Range> {
    split_unquoted(line, ',').filter_map(range)
}

/// One entry; `None` if it cannot be used.
fn range(entry: &str) -> Option<Range> {
    let media = MediaType::parse(entry.trim()).ok()?;
    let root = if media.is_related() { Some(media.root_type()) } else { None };
    let syntax = syntax_wish(&media, root.as_ref().and_then(Option::as_ref))?;
    let category = category(&media);
    let misplaced = category == Category::Rendered && syntax != SyntaxWish::Default;
    let starred = media.essence().starts_with("*/") && media.essence() != "*/*";
    let q = quality(media.param("q"))?;
    let named = |media: &MediaType| syntaxes::current_name(media.essence()).to_owned();
    let root = root.map(|root| root.as_ref().map_or_else(|| "*/*".to_owned(), named));
    (!misplaced && !starred).then(|| Range { essence: named(&media), root, category, syntax, q })
}

fn category(media: &MediaType) -> Category {
    if media.is_related() || DICOM.contains(&media.essence()) {
        Category::Dicom
    } else if RENDERED.contains(&media.essence()) {
        Category::Rendered
    } else {
        Category::Neither
    }
}

/// The one transfer syntax of a range. Viewers send a UID and `*` together and mean
/// "any"; two UIDs make the entry invalid (PS3.18 8.7.3.5.2).
fn syntax_wish(media: &MediaType, root: Option<&MediaType>) -> Option<SyntaxWish> {
    let inner = root.into_iter().flat_map(|root| root.params("transfer-syntax"));
    let mut values: Vec<_> = media.params("transfer-syntax").chain(inner).collect();
    values.dedup();
    match values.as_slice() {
        [] => Some(SyntaxWish::Default),
        values if values.contains(&"*") => Some(SyntaxWish::Any),
        [uid] if crate::dicom::uid::is_legal(uid) => Some(SyntaxWish::Uid((*uid).to_owned())),
        _ => None,
    }
}

/// The weight in thousandths: 0 to 1 with at most three decimals (RFC 9110 12.4.2).
fn quality(text: Option<&str>) -> Option<u16> {
    let Some(text) = text else { return Some(1000) };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u16 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", below) => Some(below),
        ("1", 0) => Some(1000),
        _ => None,
    }
}
