//! Sending usage to Stripe's meter. When to send, again or never, is decided in `outbox`.

use super::door::Stripe;
use super::fault::Fault;
use futures_util::future::join_all;
use std::collections::HashMap;
use stripe::RequestStrategy;
use stripe_billing::billing_meter_event::CreateBillingMeterEvent;

/// Usage of one Stripe customer, as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeterEvent {
    /// Stripe takes each identifier once (within a day at least): sending again is safe.
    pub identifier: String,
    /// Stripe's customer.
    pub stripe_customer: String,
    /// When the usage was, by our clock.
    pub at: i64,
    /// Instances.
    pub value: u64,
}

/// What became of a meter event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MeterOutcome {
    /// Stripe has taken it.
    Recorded,
    /// Stripe had taken it before: as good.
    Duplicate,
    /// Stripe will never take it as it is.
    Refused(Fault),
    /// Not taken, or perhaps taken ([`Fault::may_be_done`]): to be sent again.
    Later(Fault),
}

/// Calls under way at once; each is a connection of its own.
const ABREAST: usize = 4;

impl Stripe {
    /// Send a batch; the outcomes stand in its order. A fault that every event would meet, such as a key that is not
    /// accepted, ends the batch: the rest is told to come later without being sent.
    pub async fn meter_events(&self, batch: &[MeterEvent]) -> Vec<MeterOutcome> {
        let mut outcomes = Vec::with_capacity(batch.len());
        let mut closed = None;
        for some in batch.chunks(ABREAST) {
            if let Some(fault) = &closed {
                outcomes.extend(some.iter().map(|_| MeterOutcome::Later(Fault::clone(fault))));
                continue;
            }
            outcomes.extend(join_all(some.iter().map(|event| self.meter_event(event))).await);
            closed = outcomes.iter().find_map(closes_door).cloned();
        }
        outcomes
    }

    /// Without an idempotency key: Stripe would answer it for a day with the failure it first met; the identifier alone
    /// keeps the event single.
    async fn meter_event(&self, event: &MeterEvent) -> MeterOutcome {
        let payload = HashMap::from([
            ("stripe_customer_id".to_owned(), event.stripe_customer.clone()),
            ("value".to_owned(), event.value.to_string()),
        ]);
        let request = CreateBillingMeterEvent::new(&self.settings().meter, payload)
            .identifier(&event.identifier)
            .timestamp(event.at);
        match self.ask(&request, RequestStrategy::Once).await {
            Ok(_) => MeterOutcome::Recorded,
            Err(fault) => outcome(fault),
        }
    }
}

fn outcome(fault: Fault) -> MeterOutcome {
    let Fault::Refused { code, .. } = &fault else { return MeterOutcome::Later(fault) };
    match code.as_str() {
        "duplicate_meter_event" => MeterOutcome::Duplicate,
        // What only this event is to blame for.
        "meter_event_customer_not_found"
        | "meter_event_no_customer_defined"
        | "meter_event_invalid_value"
        | "meter_event_value_not_found"
        | "timestamp_too_far_in_past" => MeterOutcome::Refused(fault),
        // A meter that is missing or archived, our clock ahead, or a word we do not know: the operator can mend it, and
        // usage must not be lost until then.
        _ => MeterOutcome::Later(fault),
    }
}

/// The fault as the rest of the batch would meet it: nothing of the rest was sent.
fn closes_door(outcome: &MeterOutcome) -> Option<&Fault> {
    match outcome {
        MeterOutcome::Later(fault @ (Fault::Key(_) | Fault::Unreachable | Fault::Busy(_))) => Some(fault),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    fn refused(code: &str) -> MeterOutcome {
        outcome(Fault::Refused { status: 400, code: code.into(), param: "-".into() })
    }

    #[test]
    fn a_duplicate_counts_as_recorded_and_only_the_events_own_faults_are_final() {
        assert_eq!(refused("duplicate_meter_event"), MeterOutcome::Duplicate);
        assert!(matches!(refused("meter_event_no_customer_defined"), MeterOutcome::Refused(_)));
        assert!(matches!(refused("timestamp_too_far_in_past"), MeterOutcome::Refused(_)));
        for mendable in ["no_meter", "archived_meter", "timestamp_in_future", "brand_new_word", "-"] {
            assert!(matches!(refused(mendable), MeterOutcome::Later(_)), "{mendable}");
        }
        assert_eq!(outcome(Fault::Down(500)), MeterOutcome::Later(Fault::Down(500)));
    }

    #[test]
    fn only_faults_that_meet_all_and_sent_nothing_end_a_batch() {
        assert!(closes_door(&MeterOutcome::Later(Fault::Key(401))).is_some());
        assert!(closes_door(&MeterOutcome::Later(Fault::NoAnswer)).is_none());
        assert!(closes_door(&refused("meter_event_invalid_value")).is_none());
    }
}
