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

/// `count` seats: each has a place of its own, and the next of these prices in turn.
pub fn seats(count: u32, prices_cents: &[i64]) -> impl Iterator<Item = NewSeat> + Send + '_ {
    (0..count).zip(prices_cents.iter().cycle()).map(move |(index, price_cents)| {
        let row = index / SEATS_PER_ROW;
        NewSeat {
            section: format!("S{}", row / ROWS_PER_SECTION + 1),
            row_label: (row % ROWS_PER_SECTION + 1).to_string(),
            number: i32::try_from(index % SEATS_PER_ROW + 1).unwrap_or(i32::MAX),
            price_cents: *price_cents,
        }
    })
}

/// `count` tickets without a place, which have these prices in turn.
pub fn tickets(count: u32, prices_cents: &[i64]) -> impl Iterator<Item = NewSeat> + Send + '_ {
    (1..=count).zip(prices_cents.iter().cycle()).map(|(number, price_cents)| NewSeat {
        section: GENERAL_SECTION.to_owned(),
        row_label: String::new(),
        number: i32::try_from(number).unwrap_or(i32::MAX),
        price_cents: *price_cents,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{seats, tickets};

    #[test]
    fn no_two_made_up_seats_share_a_place() {
        let places: HashSet<_> =
            seats(5000, &[1]).map(|seat| (seat.section, seat.row_label, seat.number)).collect();
        assert_eq!(places.len(), 5000);
    }

    #[test]
    fn several_prices_come_in_turn() {
        let prices: Vec<i64> = tickets(5, &[10, 20]).map(|seat| seat.price_cents).collect();
        assert_eq!(prices, [10, 20, 10, 20, 10]);
        assert!(seats(4, &[10, 20]).map(|seat| seat.price_cents).eq([10, 20, 10, 20]));
    }
}
