//! Reads the Accept header and the accept query parameter, and chooses among offers
//! (PS3.18 8.7.5–8.7.8). What each resource offers is said where it is answered.

pub use super::media_range::SyntaxWish;
use super::media_range::{Category, EXACT, Range, ranges};

/// Media ranges that a client takes, with their weights. Entries that cannot be read
/// are left out (PS3.18 8.7.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept {
    ranges: Vec<Range>,
}

/// One representation that a resource can give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The media type; of each part if `related`.
    pub media: &'static str,
    /// Framed as multipart/related (PS3.18 8.6.1.2).
    pub related: bool,
    /// A client may leave out the multipart/related around it.
    pub bare: bool,
    /// The default of its resource category: what a wildcard means (PS3.18 8.7.7).
    pub default: bool,
    /// Given only to clients that name it: no wildcard stands for it.
    pub by_name: bool,
}

impl Offer {
    /// A single-part representation.
    pub const fn single(media: &'static str) -> Self {
        Self { media, related: false, bare: false, default: false, by_name: false }
    }

    /// A multipart/related representation with parts of this type.
    pub const fn related(media: &'static str) -> Self {
        Self { related: true, ..Self::single(media) }
    }

    /// As a client would write it in Accept.
    pub fn text(&self) -> String {
        if self.related {
            format!("multipart/related; type=\"{}\"", self.media)
        } else {
            self.media.to_owned()
        }
    }
}

/// What was chosen: the place in the offers, and the transfer syntaxes that the client
/// takes for it, best first. Each part may use another of them (PS3.18 8.7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Index of the chosen offer.
    pub offer: usize,
    /// Never empty.
    pub syntaxes: Vec<SyntaxWish>,
}

/// Why there is no choice. Always a fault of the sender.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// 406; the text names what would do (PS3.18 8.5).
    #[error("nothing acceptable can be given; available: {}", .0.join(", "))]
    NotAcceptable(Vec<String>),
    /// 400: DICOM and rendered media types in one request (PS3.18 8.7.5).
    #[error("Accept mixes DICOM and rendered media types")]
    Mixed,
}

impl Accept {
    /// The media ranges of all Accept lines of a request. `None` without any line; what
    /// that means is a setting: 406 (PS3.18 8.4.1.1), or [`Accept::anything`].
    pub fn of_headers<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut lines = lines.into_iter().filter(|line| !line.trim().is_empty()).peekable();
        lines.peek()?;
        Some(Self { ranges: lines.flat_map(ranges).collect() })
    }

    /// `*/*`, what a request without Accept means to a lenient server.
    pub fn anything() -> Self {
        Self { ranges: ranges("*/*").collect() }
    }

    /// The accept query parameter, percent-decoded; wildcards are not allowed in it and
    /// left out (PS3.18 8.3.3.1).
    pub fn of_query(value: &str) -> Self {
        Self { ranges: ranges(value).filter(|range| !range.is_wildcard()).collect() }
    }

    /// True if nothing in it could be read.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// True if DICOM and rendered types are both named (PS3.18 8.7.5).
    pub fn is_mixed(&self) -> bool {
        let has = |category| self.ranges.iter().any(|range| range.category == category && range.q > 0);
        has(Category::Dicom) && has(Category::Rendered)
    }

    /// True if the client names this offer itself, not by a wildcard.
    pub fn names(&self, offer: &Offer) -> bool {
        self.weight(offer).is_some_and(|(exact, q)| exact == EXACT && q > 0)
    }

    /// Chooses the best offer: of the types in `query` that this header covers, else of
    /// this header (PS3.18 8.7.8.1). Offers stand in the server's order of preference.
    pub fn choose(&self, query: Option<&Self>, offers: &[Offer]) -> Result<Choice, AcceptError> {
        let wanted = query.map(|query| query.covered_by(self));
        let choice = wanted.and_then(|wanted| wanted.best(offers)).or_else(|| self.best(offers));
        choice.ok_or_else(|| AcceptError::NotAcceptable(offers.iter().map(Offer::text).collect()))
    }

    /// The ranges that a header accepts too (PS3.18 8.3.3.1).
    fn covered_by(&self, header: &Self) -> Self {
        let covers = |range: &&Range| {
            header
                .ranges
                .iter()
                .any(|cover| cover.q > 0 && cover.essence_covers(range) && cover.root_covers(range))
        };
        Self { ranges: self.ranges.iter().filter(covers).cloned().collect() }
    }

    /// The offer of highest weight; among equals the one named most exactly, then
    /// under a wildcard the default, then the server's order (PS3.18 8.7.8.1).
    fn best(&self, offers: &[Offer]) -> Option<Choice> {
        let weighed = offers.iter().enumerate().rev().filter_map(|(place, offer)| {
            let (exact, q) = self.weight(offer)?;
            (q > 0).then_some((q, exact, offer.default && exact < EXACT, place))
        });
        let (.., place) = weighed.max_by_key(|(q, exact, default, _)| (*q, *exact, *default))?;
        Some(Choice { offer: place, syntaxes: self.syntaxes(offers.get(place)?) })
    }

    /// How exactly the offer is named, and its weight: that of the most specific range
    /// that matches (RFC 9110 12.5.1).
    fn weight(&self, offer: &Offer) -> Option<(u8, u16)> {
        self.ranges.iter().filter_map(|range| Some((range.matches(offer)?, range.q))).max()
    }

    /// Transfer syntaxes asked for with the offer's type, best first.
    fn syntaxes(&self, offer: &Offer) -> Vec<SyntaxWish> {
        let exact = self.weight(offer).map_or(0, |(exact, _)| exact);
        let mut ranges: Vec<_> =
            self.ranges.iter().filter(|range| range.q > 0 && range.matches(offer) == Some(exact)).collect();
        ranges.sort_by_key(|range| std::cmp::Reverse(range.q));
        ranges.into_iter().map(|range| range.syntax.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    const JSON: Offer = Offer { default: true, ..Offer::single("application/dicom+json") };
    const XML: Offer = Offer { bare: true, ..Offer::related("application/dicom+xml") };
    const RAW: Offer = Offer { default: true, ..Offer::related("application/octet-stream") };
    const FRAMES: &[Offer] =
        &[RAW, Offer::related("image/jpeg"), Offer::related("image/jls"), Offer::related("image/dicom-rle")];

    fn accept(line: &str) -> Accept {
        Accept::of_headers([line]).unwrap()
    }

    fn chosen(line: &str, offers: &[Offer]) -> Option<&'static str> {
        accept(line).choose(None, offers).ok().map(|choice| offers[choice.offer].media)
    }

    #[test]
    fn acc_06_the_most_specific_range_gives_the_weight_and_the_highest_wins() {
        for (line, expected) in [
            (
                "application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*",
                "json",
            ),
            ("application/dicom+json, application/json", "json"),
            ("application/json, text/plain, */*", "json"),
            ("application/dicom+json;q=0.5, application/dicom+xml", "xml"),
            ("multipart/related; type=\"application/dicom+xml\"", "xml"),
            ("multipart/related; type=application/dicom+xml;q=0.3, application/*;q=0.2", "xml"),
            ("application/dicom+xml;q=0.1, */*", "json"),
            ("application/dicom+json;q=0, */*", "xml"),
            ("multipart/related", "xml"),
            ("*/*", "json"),
        ] {
            let media = chosen(line, &[XML, JSON]);
            assert_eq!(media, Some(&*format!("application/dicom+{expected}")), "{line}");
        }
    }

    #[test]
    fn acc_07_a_weight_of_zero_or_out_of_range_never_matches() {
        for line in
            ["*/*;q=0", "application/dicom+json;q=1.5", "*/*;q=0.1234", "*/*;q=x", "*/*; q=-1", "*/*;q="]
        {
            assert_eq!(chosen(line, &[JSON]), None, "{line}");
        }
        assert_eq!(chosen("*/*;q=0.001", &[JSON]), Some(JSON.media));
    }

    #[test]
    fn acc_08_invalid_entries_are_ignored() {
        assert_eq!(
            chosen("garbage, , */json, a/b; x, application/dicom+json", &[XML, JSON]),
            Some(JSON.media)
        );
        assert_eq!(chosen("garbage", &[JSON]), None);
    }

    #[test]
    fn acc_10_and_11_transfer_syntax_is_one_uid_or_a_star() {
        let wish = |line: &str| accept(line).choose(None, FRAMES).ok().map(|choice| choice.syntaxes);
        let uid = |uid: &str| SyntaxWish::Uid(uid.to_owned());
        let related = "multipart/related; type=application/octet-stream";
        assert_eq!(wish(&format!("{related}; transfer-syntax=*")), Some(vec![SyntaxWish::Any]));
        assert_eq!(wish(&format!("{related}; transfer-syntax=\"*\"")), Some(vec![SyntaxWish::Any]));
        assert_eq!(wish(related), Some(vec![SyntaxWish::Default]));
        assert_eq!(wish(&format!("{related}; transfer-syntax=1.2; transfer-syntax=1.3")), None);
        assert_eq!(wish(&format!("{related}; transfer-syntax=x")), None);
        let two = format!("{related}; transfer-syntax=1.2;q=0.5, {related}; transfer-syntax=1.3");
        assert_eq!(wish(&two), Some(vec![uid("1.3"), uid("1.2")]));
    }

    #[test]
    fn what_viewers_send_for_frames_is_understood() {
        for (line, media, syntax) in [
            (
                "multipart/related; type=application/octet-stream; transfer-syntax=*",
                "application/octet-stream",
                "*",
            ),
            (
                "multipart/related; type=\"application/octet-stream\"; transfer-syntax=\"*\"",
                "application/octet-stream",
                "*",
            ),
            (
                "multipart/related; type=\"image/jls\"; transfer-syntax=\"1.2.840.10008.1.2.4.80\"; transfer-syntax=\"*\"",
                "image/jls",
                "*",
            ),
            (
                "multipart/related; type=\"image/jls\"; transfer-syntax=\"1.2.840.10008.1.2.4.80\"",
                "image/jls",
                "1.2.840.10008.1.2.4.80",
            ),
            (
                "multipart/related; type=\"application/octet-stream; transfer-syntax=*\"",
                "application/octet-stream",
                "*",
            ),
            ("multipart/related; type=\"*/*\"", "application/octet-stream", ""),
            (
                "multipart/related; type=\"image/jpeg\"; transfer-syntax=1.2.840.10008.1.2.4.50, multipart/related; type=\"image/x-jls\";q=0.1",
                "image/jpeg",
                "1.2.840.10008.1.2.4.50",
            ),
        ] {
            let choice = accept(line).choose(None, FRAMES).unwrap();
            let found = match &choice.syntaxes[0] {
                SyntaxWish::Any => "*",
                SyntaxWish::Default => "",
                SyntaxWish::Uid(uid) => uid,
            };
            assert_eq!((FRAMES[choice.offer].media, found), (media, syntax), "{line}");
        }
    }

    #[test]
    fn acc_22_legacy_names_are_understood() {
        assert_eq!(chosen("multipart/related; type=\"image/x-jls\"", FRAMES), Some("image/jls"));
        assert_eq!(chosen("multipart/related; type=image/x-dicom-rle", FRAMES), Some("image/dicom-rle"));
    }

    #[test]
    fn acc_01_a_mix_of_dicom_and_rendered_types_is_seen() {
        assert!(accept("application/dicom, image/jpeg").is_mixed());
        assert!(!accept("application/json, text/plain, */*").is_mixed());
        assert!(!accept("multipart/related; type=\"image/jpeg\", application/dicom+json").is_mixed());
        assert!(!accept("application/dicom, image/jpeg;q=0").is_mixed());
    }

    #[test]
    fn acc_14_a_rendered_type_takes_no_transfer_syntax() {
        let jpeg = [Offer::single("image/jpeg")];
        assert_eq!(chosen("image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", &jpeg), None);
        assert_eq!(chosen("image/jpeg", &jpeg), Some("image/jpeg"));
    }

    #[test]
    fn acc_02_to_05_the_query_parameter_goes_first_within_what_the_header_covers() {
        let offers = [Offer { default: true, ..Offer::single("image/jpeg") }, Offer::single("image/png")];
        let media = |header: &str, query: &str| {
            let choice = accept(header).choose(Some(&Accept::of_query(query)), &offers);
            choice.ok().map(|choice| offers[choice.offer].media)
        };
        assert_eq!(media("*/*", "image/jpeg;q=0.5,image/png"), Some("image/png"));
        assert_eq!(media("image/*", "image/png"), Some("image/png"));
        assert_eq!(media("*/*", "image/*"), Some("image/jpeg"));
        assert_eq!(media("text/html", "image/jpeg"), None);
        assert_eq!(media("image/jpeg, image/gif", "image/png"), Some("image/jpeg"));
        assert_eq!(media("*/*", "application/foo"), Some("image/jpeg"));
        assert_eq!(media("text/html", "application/foo"), None);
    }

    #[test]
    fn http_08_no_accept_line_is_told_from_a_wildcard() {
        assert_eq!(Accept::of_headers([]), None);
        assert_eq!(Accept::of_headers([" "]), None);
        assert_eq!(Accept::of_headers(["", "*/*"]), Some(Accept::anything()));
    }

    #[test]
    fn http_14_a_406_names_what_would_do() {
        let fault = accept("image/png").choose(None, &[JSON, XML]).unwrap_err();
        let text = "nothing acceptable can be given; available: application/dicom+json, multipart/related; type=\"application/dicom+xml\"";
        assert_eq!(fault.to_string(), text);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_panic(line in "[ -~]{0,120}", query in "\\PC{0,60}") {
            if let Some(accept) = Accept::of_headers([&*line]) {
                let _ = accept.choose(Some(&Accept::of_query(&query)), FRAMES);
            }
        }
    }
}
