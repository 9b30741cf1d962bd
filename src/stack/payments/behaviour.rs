//! How the payment simulator misbehaves. Knows no requests; the random source is an argument.

use std::time::Duration;

use anyhow::ensure;
use rand::Rng;
use serde::{Deserialize, Serialize};

const LATENCY_MS_MAX: u64 = 60_000;

/// How the simulator treats new charges. The default is a provider without fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaymentBehaviour {
    /// How many of 100 new charges are declined; 0 to 100.
    pub decline_percent: f64,
    /// How long every answer takes, in milliseconds; at most one minute.
    pub latency_ms: u64,
    /// How many of 100 captures take the money and then close the connection without an answer; 0 to 100.
    pub drop_reply_percent: f64,
    /// The random choices follow from it and from the order of requests.
    pub seed: u64,
}

impl PaymentBehaviour {
    /// Refuses what cannot be.
    ///
    /// # Errors
    /// A percentage outside 0 to 100, or more than a minute of latency.
    pub fn check(&self) -> anyhow::Result<()> {
        let percents = [("decline", self.decline_percent), ("drop_reply", self.drop_reply_percent)];
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

    /// How long to wait before answering.
    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms)
    }

    /// Decides one charge: declined, and answer lost. Always draws twice, so that one setting does not shift the
    /// choices of the other.
    pub fn draw(&self, random: &mut impl Rng) -> (bool, bool) {
        let is_declined = random.random::<f64>() * 100.0 < self.decline_percent;
        let is_reply_lost = random.random::<f64>() * 100.0 < self.drop_reply_percent;
        (is_declined, is_reply_lost)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn draws(behaviour: PaymentBehaviour) -> Vec<(bool, bool)> {
        let mut random = ChaCha8Rng::seed_from_u64(behaviour.seed);
        (0..1000).map(|_| behaviour.draw(&mut random)).collect()
    }

    #[test]
    fn the_seed_decides_the_choices_and_the_percentage_their_share() {
        let behaviour =
            PaymentBehaviour { decline_percent: 20.0, seed: 1, ..PaymentBehaviour::default() };
        assert_eq!(draws(behaviour), draws(behaviour));
        assert_ne!(draws(behaviour), draws(PaymentBehaviour { seed: 2, ..behaviour }));
        let declined = draws(behaviour).iter().filter(|(declined, _)| *declined).count();
        assert!((150..250).contains(&declined), "{declined}");
    }

    #[test]
    fn nothing_and_everything_are_exact() {
        assert!(draws(PaymentBehaviour::default()).iter().all(|draw| *draw == (false, false)));
        let behaviour = PaymentBehaviour {
            decline_percent: 100.0,
            drop_reply_percent: 100.0,
            ..PaymentBehaviour::default()
        };
        assert!(draws(behaviour).iter().all(|draw| *draw == (true, true)));
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
