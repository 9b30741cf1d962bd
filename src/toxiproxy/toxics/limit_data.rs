//! `limit_data`: closes after so many bytes; knows nothing of time.

use std::time::Instant;

use super::{Attribute, Effect, Kind, ONE_READ, Pipe, SIZE_MAX, Stage, dial_at_once};
use crate::toxiproxy::queue::End;

const BYTES: Attribute =
    Attribute::new("bytes", "what passes before the connection closes", "bytes", 0..=SIZE_MAX)
        .required();

pub const KIND: Kind = Kind {
    name: "limit_data",
    is_original: true,
    summary: "passes `bytes` of data, then closes",
    attributes: &[BYTES],
    effect: Effect::Connections("closed"),
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(LimitData { passed: 0 })),
    dial_delay: dial_at_once,
};

struct LimitData {
    /// Counted on while the limit changes.
    passed: u64,
}

impl Stage for LimitData {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        while pipe.output.has_room() && !pipe.input.is_empty() {
            let left = pipe.attributes.count(&BYTES).saturating_sub(self.passed);
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            if let Some(chunk) = (left > 0).then(|| pipe.input.pop_up_to(left)).flatten() {
                self.passed += chunk.data.len() as u64;
                pipe.output.push(chunk);
            }
            if self.passed >= pipe.attributes.count(&BYTES) {
                pipe.evidence.affected(0);
                pipe.close(End::Close);
                return None;
            }
        }
        pipe.forward_end();
        None
    }
}
