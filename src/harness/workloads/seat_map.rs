//! What the run's buyers know about an event's seats, shared between them without locks: which are sold for certain,
//! which were refused a while ago. Knows nothing of the server; it is only as right as the answers were.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::Rng;
use uuid::Uuid;

const WORD_BITS: usize = 64;
/// Seats looked at for neighbours before any seats will do.
const LOOKED_AT_MAX: usize = 512;

/// One event's seats.
#[derive(Debug)]
pub struct SeatMap {
    event: Uuid,
    seats: Vec<i64>,
    /// One bit a seat; set for ever.
    sold: Vec<AtomicU64>,
    /// Until when a seat is believed taken, microseconds.
    taken_until_us: Vec<AtomicU64>,
}

impl SeatMap {
    /// An event with these seats, neighbours next to each other; nothing known yet. Refuses an event without seats.
    pub fn new(event: Uuid, seats: Vec<i64>) -> anyhow::Result<Self> {
        anyhow::ensure!(!seats.is_empty(), "event {event} has no seats, seed it first");
        let sold = (0..seats.len().div_ceil(WORD_BITS)).map(|_| AtomicU64::new(0)).collect();
        let taken_until_us = seats.iter().map(|_| AtomicU64::new(0)).collect();
        Ok(Self { event, seats, sold, taken_until_us })
    }

    /// The event.
    pub fn event(&self) -> Uuid {
        self.event
    }

    /// The seat after which the last `count` seats come; 0 where that are all of them.
    pub fn before_last(&self, count: usize) -> i64 {
        let first = self.seats.len().checked_sub(count + 1);
        first.map_or(0, |index| self.seats[index])
    }

    /// A seat, whatever is known about it.
    pub fn any_seat(&self, rng: &mut impl Rng) -> i64 {
        self.seats[rng.random_range(0..self.seats.len())]
    }

    /// One of the first `among` seats that are not known to be sold; when all are, any seat.
    pub fn wanted_seat(&self, among: usize, rng: &mut impl Rng) -> i64 {
        let first: Vec<usize> = self.unsold_from(0).take(among).collect();
        match first.len() {
            0 => self.any_seat(rng),
            count => self.seats[first[rng.random_range(0..count)]],
        }
    }

    /// Whether the seat is known to be somebody's for good.
    pub fn is_sold(&self, seat: i64) -> bool {
        self.index_of(seat).is_some_and(|index| {
            self.sold[index / WORD_BITS].load(Ordering::Relaxed) & (1 << (index % WORD_BITS)) != 0
        })
    }

    /// Seats for an order of `wanted`, from a random place on: neighbours where there are some, else the first that
    /// seem free, fewer when fewer are left; then seats that were refused a while ago; when all seem sold, any at all.
    pub fn pick(&self, wanted: usize, now_us: u64, rng: &mut impl Rng) -> Vec<i64> {
        let wanted = wanted.clamp(1, self.seats.len());
        let start = rng.random_range(0..self.seats.len());
        let free = self.first_free(start, wanted, now_us);
        if !free.is_empty() {
            return free.into_iter().map(|index| self.seats[index]).collect();
        }
        let unsold: Vec<i64> =
            self.unsold_from(start).take(wanted).map(|index| self.seats[index]).collect();
        if !unsold.is_empty() {
            return unsold;
        }
        (0..wanted).map(|step| self.seats[(start + step) % self.seats.len()]).collect()
    }

    /// These seats are somebody's for good.
    pub fn mark_sold(&self, seats: &[i64]) {
        for index in self.indices(seats) {
            self.sold[index / WORD_BITS].fetch_or(1 << (index % WORD_BITS), Ordering::Relaxed);
        }
    }

    /// These seats are believed taken until then.
    pub fn mark_taken(&self, seats: &[i64], until_us: u64) {
        for index in self.indices(seats) {
            self.taken_until_us[index].fetch_max(until_us, Ordering::Relaxed);
        }
    }

    fn indices<'a>(&'a self, seats: &'a [i64]) -> impl Iterator<Item = usize> + 'a {
        seats.iter().filter_map(|seat| self.index_of(*seat))
    }

    /// Seat ids are usually consecutive, as they were seeded; a search is the fallback.
    fn index_of(&self, seat: i64) -> Option<usize> {
        let guess = usize::try_from(seat.checked_sub(*self.seats.first()?)?).ok();
        match guess {
            Some(index) if self.seats.get(index) == Some(&seat) => Some(index),
            _ => self.seats.iter().position(|other| *other == seat),
        }
    }

    fn first_free(&self, start: usize, wanted: usize, now_us: u64) -> Vec<usize> {
        let mut first: Vec<usize> = Vec::with_capacity(wanted);
        let mut run: Range<usize> = 0..0;
        let free = |index: &usize| self.taken_until_us[*index].load(Ordering::Relaxed) <= now_us;
        for (looked_at, index) in self.unsold_from(start).filter(free).enumerate() {
            run = if index == run.end && !run.is_empty() {
                run.start..index + 1
            } else {
                index..index + 1
            };
            if run.len() == wanted {
                return run.collect();
            }
            if first.len() < wanted {
                first.push(index);
            } else if looked_at >= LOOKED_AT_MAX {
                break;
            }
        }
        first
    }

    /// Indices of seats not known to be sold, from `start` to the end and round to it again.
    fn unsold_from(&self, start: usize) -> impl Iterator<Item = usize> + '_ {
        let first_word = start / WORD_BITS;
        let words = self.sold.len();
        let earlier =
            u64::MAX.checked_shl(u32::try_from(start % WORD_BITS).unwrap_or(0)).unwrap_or(0);
        (0..=words).flat_map(move |step| {
            let word = (first_word + step) % words;
            let unsold = !self.sold[word].load(Ordering::Relaxed);
            // The first word is visited twice: its later part first, its earlier part last.
            let visible = match step {
                0 => unsold & earlier,
                step if step == words => unsold & !earlier,
                _ => unsold,
            };
            bits(visible)
                .map(move |bit| word * WORD_BITS + bit)
                .filter(|index| *index < self.seats.len())
        })
    }
}

fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros() as usize;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;
    use uuid::Uuid;

    use super::SeatMap;

    fn map(seats: i64) -> SeatMap {
        SeatMap::new(Uuid::nil(), (1..=seats).collect()).unwrap()
    }

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(1)
    }

    #[test]
    fn every_seat_not_sold_is_seen_exactly_once_from_every_start() {
        let map = map(200);
        map.mark_sold(&[1, 64, 65, 128, 200]);
        let expected: BTreeSet<usize> =
            (0..200).filter(|index| ![0, 63, 64, 127, 199].contains(index)).collect();
        for start in 0..200 {
            let seen: Vec<usize> = map.unsold_from(start).collect();
            assert_eq!(seen.len(), expected.len(), "from {start}");
            assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected, "from {start}");
        }
    }

    #[test]
    fn orders_sell_an_event_out_completely_and_never_ask_for_a_seat_known_to_be_sold() {
        let map = map(101);
        let mut rng = rng();
        let mut sold = BTreeSet::new();
        while sold.len() < 101 {
            let seats = map.pick(4, 0, &mut rng);
            assert!(!seats.is_empty() && seats.len() <= 4);
            for seat in &seats {
                assert!(sold.insert(*seat), "seat {seat} was sold before");
            }
            map.mark_sold(&seats);
        }
        assert_eq!(
            map.pick(3, 0, &mut rng).len(),
            3,
            "an event that seems sold out is still asked"
        );
    }

    #[test]
    fn everybody_wants_the_first_seats_that_are_not_sold() {
        let map = map(5);
        let mut rng = rng();
        map.mark_sold(&[1, 3]);
        let mut wanted =
            |among| (0..60).map(|_| map.wanted_seat(among, &mut rng)).collect::<BTreeSet<i64>>();
        assert_eq!(wanted(2), BTreeSet::from([2, 4]));
        assert!(map.is_sold(3) && !map.is_sold(2));
        map.mark_sold(&[2, 4, 5]);
        assert_eq!(wanted(2), (1..=5).collect(), "when all are sold, one is still asked for");
    }

    #[test]
    fn neighbours_are_preferred() {
        let map = map(100);
        let every_other: Vec<i64> = (2..60).step_by(2).collect();
        map.mark_sold(&every_other);
        let mut rng = rng();
        for _ in 0..200 {
            let seats = map.pick(3, 0, &mut rng);
            assert!(seats.windows(2).all(|pair| pair[1] == pair[0] + 1), "{seats:?}");
        }
    }

    #[test]
    fn a_refused_seat_is_left_alone_for_a_while_unless_nothing_else_is_left() {
        let map = map(3);
        let mut rng = rng();
        map.mark_taken(&[1], 1_000);
        map.mark_taken(&[1], 500);
        map.mark_sold(&[2]);
        let mut picks =
            |now_us| (0..50).flat_map(|_| map.pick(1, now_us, &mut rng)).collect::<BTreeSet<i64>>();
        assert_eq!(picks(999), BTreeSet::from([3]));
        assert_eq!(picks(1_000), BTreeSet::from([1, 3]), "its time is over");
        map.mark_sold(&[3]);
        assert_eq!(picks(999), BTreeSet::from([1]), "it may be free again sooner than believed");
    }
}
