//! Our clock beside those of others: signatures, expiries and audit entries follow it.

use super::Finding;
use std::time::{Duration, SystemTime};

const CHECK: &str = "clock";

/// Beyond this signed requests are refused before long, and audit entries stand in a wrong order.
const SKEW: Duration = Duration::from_secs(30);

/// How far we are from other clocks, as far as they were seen.
#[derive(Default)]
pub(super) struct Clocks(Vec<(&'static str, Duration)>);

impl Clocks {
    /// Sees what another clock says at this moment.
    pub(super) fn see(&mut self, whose: &'static str, says: SystemTime) {
        let now = SystemTime::now();
        let apart = now.duration_since(says).unwrap_or_else(|behind| behind.duration());
        self.0.push((whose, apart));
    }

    /// The farthest.
    pub(super) fn examine(&self) -> Finding {
        match self.0.iter().max_by_key(|(_, apart)| apart) {
            None => Finding::ok(CHECK, "not compared: no other server with a clock is set"),
            Some((whose, apart)) if *apart > SKEW => Finding::warning(
                CHECK,
                format!("{} s apart from that of {whose}", apart.as_secs()),
                "let both follow a time server (NTP)",
            ),
            Some((whose, _)) => Finding::ok(CHECK, format!("agrees with that of {whose}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_that_goes_wrong_either_way_is_told() {
        let mut clocks = Clocks::default();
        assert_eq!(clocks.examine().state, State::Ok);
        clocks.see("a", SystemTime::now() - Duration::from_secs(20));
        assert_eq!(clocks.examine().state, State::Ok);
        clocks.see("b", SystemTime::now() + Duration::from_secs(300));
        let found = clocks.examine();
        assert!(found.state == State::Warning && found.seen.ends_with("that of b"), "{found:?}");
    }
}
