//! Tolerates doubled slashes and slashes at the end of a path, before routing.

use axum::http::uri::PathAndQuery;
use axum::http::{Request, Uri};

/// The request with `//` as `/` and without a slash at the end. A path that is tidy
/// already, or cannot be written otherwise, is left alone.
pub fn tidy_path<B>(mut request: Request<B>) -> Request<B> {
    if let Some(uri) = tidy(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

fn tidy(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if path == "/" || (!path.contains("//") && !path.ends_with('/')) {
        return None;
    }
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/{}{query}", names.join("/"))).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn slashes_too_many_are_taken_away_and_queries_stay() {
        for (given, expected) in [
            ("/dicom-web//studies/", "/dicom-web/studies"),
            ("//dicom-web/studies//?a=//b/", "/dicom-web/studies?a=//b/"),
            ("/", "/"),
            ("//", "/"),
            ("/dicom-web/studies", "/dicom-web/studies"),
        ] {
            let request = Request::builder().uri(given).body(axum::body::Body::empty()).unwrap();
            assert_eq!(tidy_path(request).uri().to_string(), expected, "{given}");
        }
    }
}
