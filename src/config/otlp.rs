//! Settings of the collector of traces. How spans get there is told in `otlp`.

use super::sources::Sources;
use super::{certificates, forwarding};
use crate::dicomweb::links::Links;
use crate::otlp::Settings;

/// Only where an endpoint is set.
pub(super) fn settings(from: &mut Sources) -> Option<Settings> {
    let headers = from.take("otlp.headers", forwarding::headers);
    let ca = from.take("otlp.ca_file", certificates);
    let endpoint = from.take("otlp.endpoint", |text| match text {
        "" => Ok(None),
        text => Links::new(text).map(|links| Some(links.root().to_owned())).map_err(|_| {
            "give the URL that spans are sent to, such as http://127.0.0.1:4318/v1/traces".to_owned()
        }),
    });
    Some(Settings { endpoint: endpoint?, headers, ca })
}
