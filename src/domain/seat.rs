//! Sets of seats: what one request may ask for.

use super::SeatId;

/// Seats one request may ask for at most.
pub const SEATS_PER_ORDER_MAX: usize = 50;

/// One to [`SEATS_PER_ORDER_MAX`] different seats, sorted: everyone who locks them does so in the same order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatSet(Vec<SeatId>);

/// Why a list of seats is not a set to order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SeatSetError {
    /// Nothing asked for.
    #[error("name at least one seat")]
    Empty,
    /// More than [`SEATS_PER_ORDER_MAX`].
    #[error("name at most {SEATS_PER_ORDER_MAX} seats")]
    TooMany,
    /// The same seat twice.
    #[error("seat {} is named twice", .0.0)]
    Repeated(SeatId),
}

impl SeatSet {
    /// Sorts the seats and refuses none, too many and repeats.
    pub fn parse(seats: impl IntoIterator<Item = i64>) -> Result<Self, SeatSetError> {
        let mut seats: Vec<SeatId> =
            seats.into_iter().take(SEATS_PER_ORDER_MAX + 1).map(SeatId).collect();
        if seats.is_empty() {
            return Err(SeatSetError::Empty);
        }
        if seats.len() > SEATS_PER_ORDER_MAX {
            return Err(SeatSetError::TooMany);
        }
        seats.sort_unstable();
        match seats.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(SeatSetError::Repeated(pair[0])),
            None => Ok(Self(seats)),
        }
    }

    /// The seats, ascending.
    pub fn ids(&self) -> &[SeatId] {
        &self.0
    }

    /// The seats' numbers, ascending, as SQL takes them.
    pub fn numbers(&self) -> Vec<i64> {
        self.0.iter().map(|seat| seat.0).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Tickets without a place: 1 to [`SEATS_PER_ORDER_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity(u32);

/// None, or more than one request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ask for 1 to {SEATS_PER_ORDER_MAX} tickets, not {0}")]
pub struct QuantityError(u32);

impl Quantity {
    /// Refuses 0 and more than [`SEATS_PER_ORDER_MAX`].
    pub fn new(tickets: u32) -> Result<Self, QuantityError> {
        let fits = usize::try_from(tickets).is_ok_and(|n| (1..=SEATS_PER_ORDER_MAX).contains(&n));
        if fits { Ok(Self(tickets)) } else { Err(QuantityError(tickets)) }
    }

    /// How many.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// What a buyer asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// These seats.
    Seats(SeatSet),
    /// So many tickets, wherever.
    Any(Quantity),
}

#[cfg(test)]
mod tests {
    use super::{Quantity, SEATS_PER_ORDER_MAX, SeatId, SeatSet, SeatSetError};

    #[test]
    fn a_quantity_of_none_or_of_everything_is_refused() {
        assert!(Quantity::new(0).is_err());
        assert!(Quantity::new(51).is_err());
        assert_eq!(Quantity::new(50).map(Quantity::get), Ok(50));
    }

    #[test]
    fn seats_are_sorted_whatever_order_they_are_named_in() {
        assert_eq!(SeatSet::parse([3, 1, 2]).unwrap().numbers(), [1, 2, 3]);
    }

    #[test]
    fn none_too_many_and_repeats_are_refused() {
        assert_eq!(SeatSet::parse([]), Err(SeatSetError::Empty));
        assert_eq!(SeatSet::parse([7, 1, 7]), Err(SeatSetError::Repeated(SeatId(7))));
        let most = i64::try_from(SEATS_PER_ORDER_MAX).unwrap();
        assert!(SeatSet::parse(1..=most).is_ok());
        assert_eq!(SeatSet::parse(1..=most + 1), Err(SeatSetError::TooMany));
    }
}
