//! The only door to Stripe, and the pure rules of who has paid for what. No SQL and no HTTP server: what must be
//! stored is plain data, what must happen next is told by functions without clock or IO.
//!
//! | I want to … | open |
//! |---|---|
//! | start a payment, open the customer's portal, read a subscription back | [`Stripe`] in `door` |
//! | know that a webhook body is Stripe's | [`Webhook`] in `signature` |
//! | know what an event says | [`Event`] in `event`, read from JSON in `reading` |
//! | know what a customer is entitled to | [`Ledger`] in `ledger` (facts), [`standing`] in `standing` (verdict) |
//! | send usage without losing or doubling any | [`outbox`] (rules), [`Stripe::meter_events`] in `meter` (call) |
//! | change a price, a grace, the base URL | [`Settings`] and [`Terms`] |
//!
//! # Life of one payment
//! `POST /v1/billing/checkout-session` → [`Stripe::checkout`] → the customer pays on Stripe's page → signed events come
//! to the webhook, each verified by [`Webhook::verify`], read by [`Event::read`], and applied to the [`Ledger`] of its
//! subscription in one transaction with the event's id. The ledger carries the customer reference, so a payment is kept
//! also for a customer whom no other table knows yet. [`standing`] tells tier and end from all ledgers of a reference.
//!
//! # What the database keeps for it
//! - events taken: id (unique), time; written in the transaction that applies the event;
//! - a [`Ledger`] per Stripe subscription, as JSON, with reference and Stripe customer in indexed columns; read, changed
//!   and written under a row lock;
//! - per customer the [`Standing`]'s tier and `until`: past `until` the tier is free without anybody writing it;
//! - usage lines and batches with their [`outbox::Delivery`].
//!
//! All times are whole seconds since the Unix epoch, UTC.

mod address;
mod door;
mod event;
mod fault;
mod ledger;
#[cfg(test)]
mod life_tests;
mod meter;
pub mod outbox;
#[cfg(test)]
mod outbox_tests;
mod reading;
mod settings;
mod signature;
mod standing;

pub use door::{Checkout, CheckoutSession, Payer, Stripe};
pub use event::{About, Change, CheckoutPayment, Event, Kind, Plan, Snapshot, Status};
pub use fault::{Blame, Fault};
pub use ledger::{Applied, Dated, Ledger, Mark, Order, ReadBack};
pub use meter::{MeterEvent, MeterOutcome};
pub use reading::NoEvent;
pub use settings::{Prices, Settings};
pub use signature::{Forged, Webhook};
pub use standing::{Reason, Standing, Terms, Tier, standing};
