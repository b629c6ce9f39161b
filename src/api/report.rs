//! Reports as answers: which text of one a client takes, and the policy that goes with a page. The text is made elsewhere.

use crate::dicomweb::accept::Offer;
use crate::dicomweb::report::Form;
use axum::http::{HeaderValue, header};
use axum::response::Response;

/// What the page may do: have the style that stands in it, and nothing else, whatever got into it.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox",
);

/// The texts that are made of reports (PS3.18 Table 8.7.4-1), as one part or as parts of many.
pub(super) fn offers(many: bool) -> [Offer; 3] {
    Form::ALL.map(|form| {
        let offer = if many { Offer::related(form.essence()) } else { Offer::single(form.essence()) };
        Offer { default: form == Form::Html, ..offer }
    })
}

/// The form that an offer is of.
pub(super) fn form(offer: &Offer) -> Option<Form> {
    Form::ALL.into_iter().find(|form| form.essence() == offer.media)
}

/// True of the media type of a part that is the text of a report.
pub(super) fn is_text(media: &str) -> bool {
    Form::ALL.iter().any(|form| form.media() == media)
}

/// The text as it goes out.
pub(super) fn guarded(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}
