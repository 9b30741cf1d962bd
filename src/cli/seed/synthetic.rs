//! Events made up on the spot: sections of 20 rows of 50.

use time::OffsetDateTime;
use time::macros::time;

use super::event::{Seating, Seed};
use crate::domain::TicketLimit;
use crate::storage::seating::GENERAL_SECTION;
use crate::storage::seeding::NewSeat;

const SEATS_PER_ROW: u32 = 50;
const ROWS_PER_SECTION: u32 = 20;

/// What made-up events have in common.
pub struct EventTemplate<'a> {
    /// Begins their slugs.
    pub label: &'a str,
    /// Their seats.
    pub seating: &'a Seating,
    /// Tickets one user may have of each.
    pub tickets_per_user: Option<TicketLimit>,
}

/// `count` events of this template, a month from `now`. The same label, number and seating make the same slug.
pub fn events(count: u32, recipe: &EventTemplate<'_>, now: OffsetDateTime) -> Vec<Seed> {
    let starts_at = (now + time::Duration::days(30)).replace_time(time!(20:00));
    let &EventTemplate { label, seating, tickets_per_user } = recipe;
    let size = match seating {
        Seating::General { count, .. } => format!("{count}-tickets"),
        seated => format!("{}-seats", seated.len()),
    };
    let event = |number| Seed {
        slug: format!("{label}-{number}-of-{size}"),
        title: format!("Synthetic event {number}"),
        venue: "Synthetic hall".to_owned(),
        starts_at,
        sales_end_at: None,
        seating: seating.clone(),
        tickets_per_user,
    };
    (1..=count).map(event).collect()
}

/// `count` seats: each has a place of its own.
pub fn seats(count: u32, price_cents: i64) -> impl Iterator<Item = NewSeat> + Send {
    (0..count).map(move |index| {
        let row = index / SEATS_PER_ROW;
        NewSeat {
            section: format!("S{}", row / ROWS_PER_SECTION + 1),
            row_label: (row % ROWS_PER_SECTION + 1).to_string(),
            number: i32::try_from(index % SEATS_PER_ROW + 1).unwrap_or(i32::MAX),
            price_cents,
        }
    })
}

/// `count` tickets without a place.
pub fn tickets(count: u32, price_cents: i64) -> impl Iterator<Item = NewSeat> + Send {
    (1..=count).map(move |number| NewSeat {
        section: GENERAL_SECTION.to_owned(),
        row_label: String::new(),
        number: i32::try_from(number).unwrap_or(i32::MAX),
        price_cents,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::seats;

    #[test]
    fn no_two_made_up_seats_share_a_place() {
        let places: HashSet<_> =
            seats(5000, 1).map(|seat| (seat.section, seat.row_label, seat.number)).collect();
        assert_eq!(places.len(), 5000);
    }
}
