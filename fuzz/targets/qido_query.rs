//! Any text as the query of a search: read or refused, no panic, and never a data set that answers differently when its
//! conditions are asked twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use veilgate::dicomweb::data_set::DataSet;
use veilgate::dicomweb::levels::Level;
use veilgate::dicomweb::query::{Query, Scope};

const DATA: &str = r#"{"00080020":{"vr":"DA","Value":["20240131"]},"00080030":{"vr":"TM","Value":["101112"]},
    "00080061":{"vr":"CS","Value":["CT","MR"]},"00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane"}]},
    "00100020":{"vr":"LO","Value":["P1"]},"00200013":{"vr":"IS","Value":[7]},
    "00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["S1"]}}]}}"#;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let set = DataSet::from_json(DATA);
    for level in [Level::Study, Level::Series, Level::Instance] {
        let scope = Scope { level, study: None, series: None };
        if let Ok(query) = Query::parse(scope, text) {
            let once = query.holds(&set);
            let twice =
                Query { keys: query.keys.iter().cloned().chain(query.keys.clone()).collect(), ..query };
            assert_eq!(once, twice.holds(&set));
        }
    }
});
