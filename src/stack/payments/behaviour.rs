//! How the payment simulator misbehaves. Knows no requests; the random source is an argument.

use std::time::Duration;

use anyhow::ensure;
use rand::Rng;
use serde::{Deserialize, Serialize};

const LATENCY_MS_MAX: u64 = 60_000;

/// How the simulator treats what it is asked. The default is a provider without fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaymentBehaviour {
    /// How many of 100 new charges are declined; 0 to 100.
    pub decline_percent: f64,
    /// How long every answer takes, in milliseconds; at most one minute.
    pub latency_ms: u64,
    /// How many of 100 captures and refunds move the money and then close the connection without an answer; 0 to 100.
    pub drop_reply_percent: f64,
    /// How many of 100 calls, look-ups among them, are answered with 503 and nothing is done; 0 to 100.
    pub error_percent: f64,
    /// The random choices follow from it and from the order of requests.
    pub seed: u64,
}

impl PaymentBehaviour {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// A percentage outside 0 to 100, or more than a minute of latency.
    pub fn check(&self) -> anyhow::Result<()> {
        let percents = [
            ("decline", self.decline_percent),
            ("drop_reply", self.drop_reply_percent),
            ("error", self.error_percent),
        ];
        for (name, percent) in percents {
            ensure!(
                (0.0..=100.0).contains(&percent),
                "{name}_percent must be 0 to 100, not {percent}"
            );
        }
        ensure!(
            self.latency_ms <= LATENCY_MS_MAX,
            "latency_ms must be at most {LATENCY_MS_MAX}, not {}",
            self.latency_ms
        );
        Ok(())
    }

    /// Decides what becomes of one call. Always draws as often, so that one setting does not shift the choices of another.
    pub fn draw(&self, random: &mut impl Rng) -> Fate {
        let mut draw = |percent: f64| random.random::<f64>() * 100.0 < percent;
        Fate {
            is_declined: draw(self.decline_percent),
            is_reply_lost: draw(self.drop_reply_percent),
            is_error: draw(self.error_percent),
            latency: Duration::from_millis(self.latency_ms),
        }
    }
}

/// What becomes of one call, as far as it is a charge, a refund or a look-up and so can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// The charge is declined.
    pub is_declined: bool,
    /// The answer to what moved money is lost.
    pub is_reply_lost: bool,
    /// Nothing is done, and that is the answer.
    pub is_error: bool,
    /// How long a charge or a refund takes.
    pub latency: Duration,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn draws(behaviour: PaymentBehaviour) -> Vec<Fate> {
        let mut random = ChaCha8Rng::seed_from_u64(behaviour.seed);
        (0..1000).map(|_| behaviour.draw(&mut random)).collect()
    }

    #[test]
    fn the_seed_decides_the_choices_and_the_percentage_their_share() {
        let behaviour =
            PaymentBehaviour { decline_percent: 20.0, seed: 1, ..PaymentBehaviour::default() };
        assert_eq!(draws(behaviour), draws(behaviour));
        assert_ne!(draws(behaviour), draws(PaymentBehaviour { seed: 2, ..behaviour }));
        let declined = draws(behaviour).iter().filter(|fate| fate.is_declined).count();
        assert!((150..250).contains(&declined), "{declined}");
    }

    #[test]
    fn nothing_and_everything_are_exact() {
        let fates = |behaviour| {
            let one = |fate: Fate| (fate.is_declined, fate.is_reply_lost, fate.is_error);
            draws(behaviour).into_iter().map(one).collect::<HashSet<_>>()
        };
        let never = HashSet::from([(false, false, false)]);
        assert_eq!(fates(PaymentBehaviour::default()), never);
        let behaviour = PaymentBehaviour {
            decline_percent: 100.0,
            drop_reply_percent: 100.0,
            error_percent: 100.0,
            ..PaymentBehaviour::default()
        };
        let always = HashSet::from([(true, true, true)]);
        assert_eq!(fates(behaviour), always);
    }

    #[test]
    fn impossible_behaviour_is_refused() {
        for decline_percent in [-1.0, 100.5, f64::NAN] {
            let behaviour = PaymentBehaviour { decline_percent, ..PaymentBehaviour::default() };
            behaviour.check().unwrap_err();
        }
        let behaviour = PaymentBehaviour { latency_ms: 60_001, ..PaymentBehaviour::default() };
        behaviour.check().unwrap_err();
    }
}
