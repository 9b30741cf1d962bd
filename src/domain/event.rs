//! Events: where they stand and how that may change, how they admit, and how many tickets one user may have.

/// Tickets that one user may be limited to at most.
pub const TICKETS_PER_USER_MAX: i32 = 1000;
/// Tickets without a place that one event may have at most.
pub const GENERAL_ADMISSION_MAX: i32 = 100_000;
/// Dearest ticket, in cents.
pub const PRICE_CENTS_MAX: i64 = 100_000_000;

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStatus {
    /// Being prepared; only its organizer sees it.
    Draft,
    /// On sale.
    Published,
    /// Its bookings are cancelled and refunded.
    Cancelled,
    /// Over.
    Completed,
}

impl EventStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Published, Self::Cancelled, Self::Completed];

    /// The word in the database and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Cancelled => "cancelled",
            Self::Completed => "completed",
        }
    }

    /// The status of this word, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether an event may go from here to there. What is cancelled or over stays so, what was on sale is never a draft
    /// again, and a draft, which the public has not seen, is deleted and not cancelled.
    pub fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Draft, Self::Published) | (Self::Published, Self::Cancelled | Self::Completed)
        )
    }
}

/// Whether seats are chosen or only counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Every seat has a place.
    Seated,
    /// General admission: tickets without a place.
    General,
}

impl Admission {
    /// The word in the database and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seated => "seated",
            Self::General => "general",
        }
    }

    /// The admission of this word, if it is one.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Seated, Self::General].into_iter().find(|admission| admission.name() == name)
    }
}

/// Tickets one user may have of an event: 1 to [`TICKETS_PER_USER_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketLimit(i32);

/// A limit that would sell nothing, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user may be limited to 1 to {TICKETS_PER_USER_MAX} tickets, not {0}")]
pub struct TicketLimitError(i32);

impl TicketLimit {
    /// Refuses less than 1 and more than [`TICKETS_PER_USER_MAX`].
    pub fn new(tickets: i32) -> Result<Self, TicketLimitError> {
        if (1..=TICKETS_PER_USER_MAX).contains(&tickets) {
            Ok(Self(tickets))
        } else {
            Err(TicketLimitError(tickets))
        }
    }

    /// The number of tickets.
    pub fn get(self) -> i32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Admission, EventStatus, TicketLimit};

    #[test]
    fn every_status_and_admission_is_read_back_from_its_name() {
        for status in EventStatus::ALL {
            assert_eq!(EventStatus::parse(status.name()), Some(status));
        }
        for admission in [Admission::Seated, Admission::General] {
            assert_eq!(Admission::parse(admission.name()), Some(admission));
        }
        assert_eq!(EventStatus::parse("sold out"), None);
        assert_eq!(Admission::parse("standing"), None);
    }

    #[test]
    fn a_limit_of_none_or_of_everything_is_refused() {
        for bad in [0, -1, 1001] {
            assert!(TicketLimit::new(bad).is_err(), "{bad} was taken");
        }
        assert_eq!(TicketLimit::new(4).map(TicketLimit::get), Ok(4));
    }

    fn any_status() -> impl Strategy<Value = EventStatus> {
        (0..EventStatus::ALL.len()).prop_map(|index| EventStatus::ALL[index])
    }

    proptest! {
        /// Whatever is asked for, in whatever order: an event that was on sale is never a draft again, and what was
        /// cancelled or is over stays so.
        #[test]
        fn no_sequence_of_changes_brings_an_event_back(changes in prop::collection::vec(any_status(), 0..20)) {
            let mut status = EventStatus::Draft;
            let mut was_on_sale = false;
            for next in changes {
                let ended = matches!(status, EventStatus::Cancelled | EventStatus::Completed);
                if status.may_become(next) {
                    prop_assert!(!ended, "{status:?} became {next:?}");
                    prop_assert_ne!(status, next);
                    status = next;
                }
                was_on_sale |= status == EventStatus::Published;
                prop_assert!(!(was_on_sale && status == EventStatus::Draft));
                prop_assert!(was_on_sale || status == EventStatus::Draft);
            }
        }
    }
}
