//! Reservations: seats held for one user until a moment of the database's clock.

use time::OffsetDateTime;

use super::{Cents, EventId, ReservationId, SeatSet, UserId};

/// Longest hold, in seconds.
pub const HOLD_TTL_SECONDS_MAX: u32 = 3600;

/// How long a hold lasts: 1 to [`HOLD_TTL_SECONDS_MAX`] whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTtl(u32);

/// A hold that would end at once, or later than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hold lasts 1 to {longest} seconds, not {asked}")]
pub struct HoldTtlError {
    asked: u32,
    longest: u32,
}

impl HoldTtl {
    /// Refuses 0 and more than [`HOLD_TTL_SECONDS_MAX`].
    pub fn from_seconds(seconds: u32) -> Result<Self, HoldTtlError> {
        Self::at_most(seconds, Self(HOLD_TTL_SECONDS_MAX))
    }

    /// Refuses 0 and more than `longest`.
    pub fn at_most(seconds: u32, longest: Self) -> Result<Self, HoldTtlError> {
        if (1..=longest.0).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(HoldTtlError { asked: seconds, longest: longest.0 })
        }
    }

    /// Whole seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// What one user may hold of an event at a time, or does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// Live holds.
    pub holds: u32,
    /// Seats in all of them together.
    pub seats: u32,
}

impl Holds {
    /// What one user may hold unless somebody decides otherwise: as many seats as the largest order has, so that no order is
    /// refused for itself, and so many holds as a person could be busy with.
    pub const USUAL: Self = Self { holds: 5, seats: 50 };

    /// Whether so much may be held.
    pub fn allow(self, held: Self) -> bool {
        held.holds <= self.holds && held.seats <= self.seats
    }
}

/// Seats held for one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    pub id: ReservationId,
    /// The event of all its seats.
    pub event: EventId,
    /// Its owner, the only one who may use it.
    pub user: UserId,
    pub seats: SeatSet,
    /// Where it stands.
    pub state: ReservationState,
    /// Sum of the seats' prices when they were held.
    pub total: Cents,
    /// End of the hold, database time.
    pub expires_at: OffsetDateTime,
}

/// Where a reservation stands. Only `Held` can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationState {
    /// Its seats are nobody else's until it expires.
    Held,
    /// It became a booking.
    Confirmed,
    /// Its owner cancelled it.
    Cancelled,
    /// Its time ran out.
    Expired,
}

impl ReservationState {
    /// The word in the database and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// The state of this word, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Held, Self::Confirmed, Self::Cancelled, Self::Expired]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{HOLD_TTL_SECONDS_MAX, HoldTtl, Holds, ReservationState};
    use crate::domain::seat::SEATS_PER_ORDER_MAX;

    #[test]
    fn a_ttl_of_zero_or_of_days_is_refused() {
        assert!(HoldTtl::from_seconds(0).is_err());
        assert!(HoldTtl::from_seconds(HOLD_TTL_SECONDS_MAX + 1).is_err());
        assert_eq!(HoldTtl::from_seconds(30).map(HoldTtl::seconds), Ok(30));
    }

    #[test]
    fn a_ttl_longer_than_the_longest_is_refused_with_the_longest() {
        let longest = HoldTtl::from_seconds(30).unwrap();
        assert_eq!(HoldTtl::at_most(30, longest), Ok(longest));
        let error = HoldTtl::at_most(31, longest).unwrap_err();
        assert_eq!(error.to_string(), "a hold lasts 1 to 30 seconds, not 31");
    }

    #[test]
    fn the_largest_order_may_be_held_and_no_seat_beside_it() {
        let seats = u32::try_from(SEATS_PER_ORDER_MAX).unwrap();
        assert!(Holds::USUAL.allow(Holds { holds: 1, seats }));
        assert!(!Holds::USUAL.allow(Holds { holds: 2, seats: seats + 1 }));
        assert!(!Holds::USUAL.allow(Holds { holds: 6, seats: 6 }));
    }

    #[test]
    fn every_state_is_read_back_from_its_name() {
        for state in ["held", "confirmed", "cancelled", "expired"] {
            assert_eq!(ReservationState::parse(state).map(ReservationState::name), Some(state));
        }
        assert_eq!(ReservationState::parse("sold"), None);
    }
}
