//! Reservations: seats held for one user until a moment of the database's clock.

use time::OffsetDateTime;

use super::{Cents, EventId, ReservationId, SeatSet, UserId};

/// Longest hold, in seconds.
pub const HOLD_TTL_SECONDS_MAX: u32 = 3600;

/// How long a hold lasts: 1 to [`HOLD_TTL_SECONDS_MAX`] whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTtl(u32);

/// A hold that would end at once or never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hold lasts 1 to {HOLD_TTL_SECONDS_MAX} seconds, not {0}")]
pub struct HoldTtlError(u32);

impl HoldTtl {
    /// Refuses 0 and more than [`HOLD_TTL_SECONDS_MAX`].
    pub fn from_seconds(seconds: u32) -> Result<Self, HoldTtlError> {
        if (1..=HOLD_TTL_SECONDS_MAX).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(HoldTtlError(seconds))
        }
    }

    /// Whole seconds.
    pub fn seconds(self) -> u32 {
        self.0
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
    use super::{HOLD_TTL_SECONDS_MAX, HoldTtl, ReservationState};

    #[test]
    fn a_ttl_of_zero_or_of_days_is_refused() {
        assert!(HoldTtl::from_seconds(0).is_err());
        assert!(HoldTtl::from_seconds(HOLD_TTL_SECONDS_MAX + 1).is_err());
        assert_eq!(HoldTtl::from_seconds(30).map(HoldTtl::seconds), Ok(30));
    }

    #[test]
    fn every_state_is_read_back_from_its_name() {
        for state in ["held", "confirmed", "cancelled", "expired"] {
            assert_eq!(ReservationState::parse(state).map(ReservationState::name), Some(state));
        }
        assert_eq!(ReservationState::parse("sold"), None);
    }
}
