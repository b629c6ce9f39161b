//! What the Accept header of a store request asks for: the pseudonymized instances
//! themselves, or a Store Instances Response (PS3.18 10.5.3.2).

use super::accept::{Accept, AcceptError, Offer};

/// How a store request wants to be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StowAnswer {
    /// The pseudonymized instances come back; nothing is kept.
    Respond {
        /// How they are framed.
        form: RespondForm,
        /// The client also names application/dicom+json: add the Store Instances
        /// Response as a last part when some instances were refused.
        also_json: bool,
    },
    /// The instances go to the configured destination; the answer is a Store Instances
    /// Response in this form.
    Store(ResponseForm),
}

/// Framing of pseudonymized instances in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RespondForm {
    /// `multipart/related; type="application/dicom"` (PS3.18 8.6.1.2).
    Multipart,
    /// `application/zip`, an extension of PS3.18.
    Zip,
}

/// Encoding of a Store Instances Response (PS3.18 10.5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseForm {
    /// `application/dicom+json`, the default.
    Json,
    /// `multipart/related; type="application/dicom+xml"`.
    Xml,
}

const JSON: Offer = Offer { default: true, ..Offer::single("application/dicom+json") };

/// In order of preference. Instances are given back only to clients that name a type of
/// theirs: a wildcard must never keep a pushed instance out of its destination.
const OFFERS: [(Offer, Option<RespondForm>); 4] = [
    (Offer { by_name: true, ..Offer::related("application/dicom") }, Some(RespondForm::Multipart)),
    (Offer { by_name: true, ..Offer::single("application/zip") }, Some(RespondForm::Zip)),
    (JSON, None),
    (Offer { bare: true, ..Offer::related("application/dicom+xml") }, None),
];

impl StowAnswer {
    /// Chooses by Accept header and accept query parameter (PS3.18 8.7.8.1).
    pub fn choose(accept: &Accept, query: Option<&Accept>) -> Result<Self, AcceptError> {
        if accept.is_mixed() {
            return Err(AcceptError::Mixed);
        }
        let choice = accept.choose(query, &OFFERS.map(|(offer, _)| offer))?;
        Ok(match OFFERS.get(choice.offer) {
            Some((_, Some(form))) => Self::Respond { form: *form, also_json: accept.names(&JSON) },
            Some((offer, None)) if offer.related => Self::Store(ResponseForm::Xml),
            _ => Self::Store(ResponseForm::Json),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(line: &str) -> Result<StowAnswer, AcceptError> {
        StowAnswer::choose(&Accept::of_headers([line]).unwrap(), None)
    }

    #[test]
    fn stow_25_the_response_is_json_by_default_and_xml_when_asked() {
        for line in [
            "*/*",
            "application/dicom+json",
            "application/json",
            "application/*",
            "application/json, text/plain, */*",
        ] {
            assert_eq!(answer(line), Ok(StowAnswer::Store(ResponseForm::Json)), "{line}");
        }
        for line in
            ["application/dicom+xml", "multipart/related; type=\"application/dicom+xml\"", "multipart/*"]
        {
            assert_eq!(answer(line), Ok(StowAnswer::Store(ResponseForm::Xml)), "{line}");
        }
    }

    #[test]
    fn instances_come_back_to_clients_that_name_them() {
        let respond = |form, also_json| Ok(StowAnswer::Respond { form, also_json });
        for (line, form, also_json) in [
            ("multipart/related; type=\"application/dicom\"", RespondForm::Multipart, false),
            ("multipart/related; type=application/dicom; transfer-syntax=*", RespondForm::Multipart, false),
            (
                "application/dicom+json, multipart/related; type=\"application/dicom\"",
                RespondForm::Multipart,
                true,
            ),
            ("application/zip", RespondForm::Zip, false),
            ("application/zip, application/dicom+json;q=0.5", RespondForm::Zip, true),
            ("*/*, application/zip", RespondForm::Zip, false),
        ] {
            assert_eq!(answer(line), respond(form, also_json), "{line}");
        }
    }

    #[test]
    fn a_wildcard_never_keeps_an_instance_from_its_destination() {
        for line in ["multipart/related; type=\"*/*\"", "multipart/related", "application/*", "*/*;q=0.1"] {
            assert!(matches!(answer(line), Ok(StowAnswer::Store(_))), "{line}");
        }
        let line = "application/zip;q=0.5, application/dicom+json";
        assert_eq!(answer(line), Ok(StowAnswer::Store(ResponseForm::Json)));
    }

    #[test]
    fn what_cannot_be_given_is_refused_and_a_mix_is_a_bad_request() {
        assert!(
            matches!(answer("image/png"), Err(AcceptError::NotAcceptable(would_do)) if would_do.len() == 4)
        );
        assert_eq!(answer("application/dicom+json, image/jpeg"), Err(AcceptError::Mixed));
    }
}
