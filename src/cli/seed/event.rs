//! An event to seed, wherever it comes from. Knows nothing of files and databases.

use time::OffsetDateTime;

use crate::domain::{Admission, TicketLimit};
use crate::storage::seeding::NewSeat;

/// An event to seed.
pub struct Seed {
    /// What it is found again by.
    pub slug: String,
    pub title: String,
    pub venue: String,
    pub starts_at: OffsetDateTime,
    /// Until when it is sold; to its start, where it doesn't say.
    pub sales_end_at: Option<OffsetDateTime>,
    /// Its seats.
    pub seating: Seating,
    /// Tickets one user may have.
    pub tickets_per_user: Option<TicketLimit>,
}

/// Where an event's seats come from.
#[derive(Debug, Clone)]
pub enum Seating {
    /// Read from a seat map.
    Mapped(Vec<NewSeat>),
    /// This many, made up.
    Synthetic {
        count: u32,
        /// Prices in cents, which they have in turn; at least one.
        prices_cents: Vec<i64>,
    },
    /// This many tickets without a place.
    General {
        count: u32,
        /// Prices in cents, which they have in turn; at least one.
        prices_cents: Vec<i64>,
    },
}

impl Seating {
    pub fn len(&self) -> u64 {
        match self {
            Self::Mapped(seats) => seats.len() as u64,
            Self::Synthetic { count, .. } | Self::General { count, .. } => u64::from(*count),
        }
    }

    pub fn admission(&self) -> Admission {
        match self {
            Self::Mapped(_) | Self::Synthetic { .. } => Admission::Seated,
            Self::General { .. } => Admission::General,
        }
    }
}
