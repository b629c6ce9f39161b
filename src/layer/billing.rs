//! Marks what was delivered as to be paid for: the settlement then writes a line for billing in the same transaction.
//! Sending lines to Stripe is a task of its own.

use super::context::Tally;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

/// What a request delivered is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charged;

/// Puts the mark on answers that delivered something.
pub(super) async fn billing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    if response.extensions().get::<Tally>().is_some_and(|tally| tally.delivered() > 0) {
        response.extensions_mut().insert(Charged);
    }
    response
}
