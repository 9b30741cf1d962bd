//! `slicer`: cuts chunks into pieces, with a pause after each; knows nothing of rates.

use std::time::Instant;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::{Attribute, Effect, Kind, MINUTE_US, ONE_READ, Pipe, SIZE_MAX, Stage, dial_at_once};

const AVERAGE_SIZE: Attribute = Attribute::new(
    "average_size",
    "size of a piece; without it chunks pass whole",
    "bytes",
    1..=SIZE_MAX,
)
.required();
const SIZE_VARIATION: Attribute = Attribute::new(
    "size_variation",
    "how far a piece may be off the average",
    "bytes",
    0..=SIZE_MAX,
);
const DELAY: Attribute =
    Attribute::new("delay", "pause after each piece", "\u{b5}s", 0..=MINUTE_US);

pub const KIND: Kind = Kind {
    name: "slicer",
    is_original: true,
    summary: "cuts data into pieces of about `average_size`, `delay` apart",
    attributes: &[AVERAGE_SIZE, SIZE_VARIATION, DELAY],
    effect: Effect::Bytes("cut up or held back"),
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(Slicer::default())),
    dial_delay: dial_at_once,
};

#[derive(Default)]
struct Slicer {
    /// What the first chunk of the queue is still to be cut into: lengths, the next one last, and each but the pieces that
    /// are small enough is cut when its turn comes.
    parts: Vec<usize>,
    /// Whether what is left of that chunk leaves whole.
    rest_is_whole: bool,
    /// Until when nothing leaves.
    pause: Option<Instant>,
    /// Whether the first chunk of the queue came during a pause and was counted for that.
    is_held: bool,
}

impl Slicer {
    /// The size of the next piece of a chunk of which `len` bytes are left.
    fn next_piece(&mut self, pipe: &mut Pipe<'_>, len: usize) -> usize {
        if std::mem::take(&mut self.rest_is_whole) {
            self.parts.clear();
            return len;
        }
        let size =
            |attribute| usize::try_from(pipe.attributes.count(attribute)).unwrap_or(usize::MAX);
        let average = size(&AVERAGE_SIZE);
        let cut = Cut { average, variation: size(&SIZE_VARIATION).min(average) };
        if self.parts.is_empty() {
            let is_counted = std::mem::take(&mut self.is_held);
            if cut.goes_through(len) && !is_counted {
                pipe.evidence.affected(len);
            }
            self.parts.push(len);
        }
        cut.next(&mut self.parts, pipe.random)
    }

    /// Counts a chunk that has to wait before its first piece leaves.
    fn hold(&mut self, pipe: &mut Pipe<'_>) {
        let is_new = self.parts.is_empty() && !self.is_held;
        if let Some(front) = pipe.input.front().filter(|_| is_new) {
            pipe.evidence.affected(front.data.len());
            self.is_held = true;
        }
    }
}

impl Stage for Slicer {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        while pipe.output.has_room() {
            self.pause = self.pause.filter(|until| *until > pipe.now);
            if self.pause.is_some() {
                self.hold(pipe);
                return self.pause;
            }
            let Some(front) = pipe.input.front() else {
                pipe.forward_end();
                return None;
            };
            let left = front.data.len();
            let delay = pipe.attributes.micros(&DELAY);
            let len = self.next_piece(pipe, left);
            if let Some(piece) = pipe.input.pop_up_to(len) {
                pipe.output.push(piece);
            }
            if !delay.is_zero() {
                self.pause = Some(pipe.now + delay);
            }
        }
        None
    }

    fn interrupt(&mut self, _now: Instant) {
        // What is left of the chunk leaves whole, at once.
        self.pause = None;
        self.rest_is_whole = !self.parts.is_empty();
    }
}

/// Cuts a length in halves until the pieces are small enough, each cut off the middle by up to `variation`.
struct Cut {
    /// 0 cuts nothing.
    average: usize,
    /// At most `average`.
    variation: usize,
}

impl Cut {
    /// A piece of one byte is as small as it gets, so cutting ends.
    fn goes_through(&self, len: usize) -> bool {
        self.average > 0 && len > 1 && len.saturating_sub(self.average) > self.variation
    }

    /// Takes the next piece off `parts`, of which there is one: cuts only what lies before it.
    fn next(&self, parts: &mut Vec<usize>, random: &mut ChaCha8Rng) -> usize {
        let mut len = parts.pop().unwrap_or_default();
        while self.goes_through(len) {
            let shift = random.random_range(0..=2 * self.variation);
            let middle = (len / 2 + shift).saturating_sub(self.variation).clamp(1, len - 1);
            parts.push(len - middle);
            len = middle;
        }
        len
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn cut(len: usize, average: usize, variation: usize) -> Vec<usize> {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let cut = Cut { average, variation: variation.min(average) };
        let mut parts = vec![len];
        let mut pieces = Vec::new();
        while !parts.is_empty() {
            pieces.push(cut.next(&mut parts, &mut random));
            assert!(parts.len() <= 32, "the list of parts grows");
        }
        pieces
    }

    #[test]
    fn pieces_are_what_toxiproxy_makes_of_them() {
        let pieces = cut(1000, 100, 0);
        assert_eq!(pieces.len(), 16);
        assert!(pieces.iter().all(|len| (62..=63).contains(len)), "{pieces:?}");
    }

    #[test]
    fn no_setting_loses_a_byte_or_makes_an_empty_piece() {
        for (average, variation) in [(1, 0), (1, usize::MAX), (100, 1000), (7, 3), (usize::MAX, 0)]
        {
            for len in [1, 2, 3, 1000, ONE_READ] {
                let pieces = cut(len, average, variation);
                assert_eq!(pieces.iter().sum::<usize>(), len);
                assert!(pieces.iter().all(|len| *len > 0));
            }
        }
    }
}
