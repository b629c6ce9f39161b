//! Marks what was delivered as to be paid for: the settlement then writes a line for billing in the same transaction.
//! Sending lines to Stripe is a task of its own.

use super::context::Tally;
use super::reads::Spent;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// What a request delivered is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charged;

/// Puts the mark on answers that delivered something.
pub(super) async fn billing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let delivered = response.extensions().get::<Tally>().is_some_and(|tally| tally.delivered() > 0);
    if delivered || response.extensions().get::<Spent>().is_some() {
        response.extensions_mut().insert(Charged);
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::deid::receipt::{Counts, Names, Originals, Phi, Receipt};
    use crate::deid::refusal::FailureReason;
    use crate::layer::context::Done;
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::response::IntoResponse;
    use axum::routing::post;
    use tower::ServiceExt;

    fn receipt() -> Box<Receipt> {
        let text = String::new;
        let (patient_id, issuer) = (text(), text());
        let originals = Originals { instance: text(), series: text(), study: text(), patient_id, issuer };
        Box::new(Receipt {
            names: Names { sop_class: text(), instance: text(), series: text(), study: text() },
            sent: None,
            patient_id: text(),
            transfer_syntax: "1.2.840.10008.1.2.1",
            counts: Counts::default(),
            bytes_in: 0,
            bytes_out: 0,
            sha256_in: None,
            sha256_out: None,
            originals: Phi::new(originals),
        })
    }

    /// Whether a stub service that did this is charged.
    async fn charged(instances: Option<Vec<Done>>) -> bool {
        let handler = async move || {
            let mut response = "done".into_response();
            if let Some(instances) = instances {
                response.extensions_mut().insert(Tally { instances, ..Tally::default() });
            }
            response
        };
        let app = Router::new().route("/", post(handler)).layer(from_fn(billing));
        let request = Request::post("/").body(Body::empty()).unwrap();
        app.oneshot(request).await.unwrap().extensions().get::<Charged>().is_some()
    }

    #[tokio::test]
    async fn what_was_read_is_charged_only_where_it_counts_against_the_quota() {
        let read = async |spends: bool| {
            let handler = async move || {
                let mut response = "frames".into_response();
                response.extensions_mut().insert(Tally { read: 1, ..Tally::default() });
                if spends {
                    response.extensions_mut().insert(Spent(1));
                }
                response
            };
            let app = Router::new().route("/", post(handler)).layer(from_fn(billing));
            let request = Request::post("/").body(Body::empty()).unwrap();
            app.oneshot(request).await.unwrap().extensions().get::<Charged>().is_some()
        };
        assert!(read(true).await && !read(false).await);
    }

    #[tokio::test]
    async fn only_a_request_that_delivered_something_is_charged() {
        let refused = || Done::Unread(None, FailureReason(0xC000));
        assert!(charged(Some(vec![refused(), Done::Delivered(receipt())])).await);
        assert!(!charged(Some(vec![refused(), Done::Undelivered(receipt(), 0xA700)])).await);
        assert!(!charged(Some(Vec::new())).await);
        assert!(!charged(None).await, "a request that handled no instance");
    }
}
