//! Any text as Accept header, Accept parameter and media type: no panic, and a choice that is among the offers and made
//! again alike. Lines are header lines; the last may be the parameter.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veilgate::dicomweb::accept::{Accept, Offer};
use veilgate::dicomweb::media::MediaType;

const OFFERS: [Offer; 4] = [
    Offer { default: true, ..Offer::related("application/dicom") },
    Offer::related("application/octet-stream"),
    Offer { bare: true, ..Offer::related("application/dicom+xml") },
    Offer { by_name: true, ..Offer::single("application/zip") },
];

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(media) = MediaType::parse(text) {
        let _ = (
            media.essence(),
            media.is_related(),
            media.root_type(),
            media.boundary(),
            media.transfer_syntax(),
        );
    }
    let Some(accept) = Accept::of_headers(text.lines()) else { return };
    let query = text.lines().last().map(Accept::of_query);
    for query in [None, query.as_ref()] {
        let choice = accept.choose(query, &OFFERS);
        assert_eq!(choice, accept.choose(query, &OFFERS));
        if let Ok(choice) = choice {
            assert!(choice.offer < OFFERS.len() && !choice.syntaxes.is_empty());
        }
    }
});
