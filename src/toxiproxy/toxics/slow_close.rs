//! `slow_close`: data passes, the end of the stream comes late; knows nothing of data.

use std::time::Instant;

use super::{Attribute, Effect, Kind, MINUTE_MS, ONE_READ, Pipe, Stage, dial_at_once};

const DELAY: Attribute =
    Attribute::new("delay", "how much later the connection closes", "ms", 1..=MINUTE_MS).required();

pub const KIND: Kind = Kind {
    name: "slow_close",
    is_original: true,
    summary: "delays the end of the stream by `delay`",
    attributes: &[DELAY],
    effect: Effect::Connections("delayed the close of"),
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(SlowClose { closes: None })),
    dial_delay: dial_at_once,
};

struct SlowClose {
    closes: Option<Instant>,
}

impl Stage for SlowClose {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        let delay = pipe.attributes.millis(&DELAY);
        if self.closes.is_none() && pipe.input.end().is_some() && !delay.is_zero() {
            pipe.evidence.affected(0);
            self.closes = Some(pipe.now + delay);
        }
        match self.closes {
            Some(closes) if closes > pipe.now => {
                pipe.pass_data();
                Some(closes)
            }
            _ => {
                pipe.pass();
                None
            }
        }
    }

    fn interrupt(&mut self, _now: Instant) {
        // The end is held anew, for as long as it is to be held now.
        self.closes = None;
    }
}
