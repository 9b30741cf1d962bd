//! `slicer`: cuts chunks into pieces, with a pause after each; knows nothing of rates.

use std::collections::VecDeque;
use std::time::Instant;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::toxiproxy::toxics::{Attribute, Kind, ONE_READ, Pipe, Stage, dial_at_once};

const AVERAGE_SIZE: Attribute =
    Attribute::zero("average_size", "size of a piece, bytes; 0 passes chunks whole");
const SIZE_VARIATION: Attribute =
    Attribute::zero("size_variation", "how far a piece may be off the average, bytes");
const DELAY: Attribute = Attribute::zero("delay", "pause after each piece, \u{b5}s");

pub const KIND: Kind = Kind {
    name: "slicer",
    summary: "cuts data into pieces of about `average_size`, `delay` apart",
    attributes: &[AVERAGE_SIZE, SIZE_VARIATION, DELAY],
    capacity: ONE_READ,
    stages: || Box::new(|| Box::new(Slicer::default())),
    dial_delay: dial_at_once,
};

#[derive(Default)]
struct Slicer {
    /// Sizes of the pieces that the first chunk of the queue is still to be cut into.
    pieces: VecDeque<usize>,
    /// Until when nothing leaves.
    pause: Option<Instant>,
}

impl Slicer {
    fn cut(&mut self, pipe: &mut Pipe<'_>, len: usize) {
        let size =
            |attribute| usize::try_from(pipe.attributes.count(attribute)).unwrap_or(usize::MAX);
        let average = size(&AVERAGE_SIZE);
        if average == 0 {
            self.pieces.push_back(len);
            return;
        }
        let cut = Cut { average, variation: size(&SIZE_VARIATION).min(average) };
        cut.halve(len, pipe.random, &mut self.pieces);
        if self.pieces.len() > 1 || pipe.attributes.count(&DELAY) > 0 {
            pipe.evidence.affected(len);
        }
    }
}

impl Stage for Slicer {
    fn advance(&mut self, pipe: &mut Pipe<'_>) -> Option<Instant> {
        while pipe.output.has_room() {
            self.pause = self.pause.filter(|until| *until > pipe.now);
            if self.pause.is_some() {
                return self.pause;
            }
            let Some(front) = pipe.input.front() else {
                pipe.forward_end();
                return None;
            };
            let len = front.data.len();
            if self.pieces.is_empty() {
                self.cut(pipe, len);
            }
            let delay = pipe.attributes.micros(&DELAY);
            if let Some(piece) = self.pieces.pop_front().and_then(|len| pipe.input.pop_up_to(len)) {
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
        if !self.pieces.is_empty() {
            self.pieces = VecDeque::from([usize::MAX]);
        }
    }
}

/// Cuts a length in halves until the pieces are small enough, each cut off the middle by up to `variation`.
struct Cut {
    /// More than 0.
    average: usize,
    /// At most `average`.
    variation: usize,
}

impl Cut {
    fn halve(&self, len: usize, random: &mut ChaCha8Rng, pieces: &mut VecDeque<usize>) {
        // A piece of one byte is as small as it gets, so the recursion ends.
        if len <= 1 || len.saturating_sub(self.average) <= self.variation {
            pieces.push_back(len);
            return;
        }
        let shift = random.random_range(0..=2 * self.variation);
        let middle = (len / 2 + shift).saturating_sub(self.variation).clamp(1, len - 1);
        self.halve(middle, random, pieces);
        self.halve(len - middle, random, pieces);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn cut(len: usize, average: usize, variation: usize) -> Vec<usize> {
        let mut pieces = VecDeque::new();
        let mut random = ChaCha8Rng::seed_from_u64(7);
        Cut { average, variation: variation.min(average) }.halve(len, &mut random, &mut pieces);
        pieces.into()
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
