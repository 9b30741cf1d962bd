//! Houses made up on the spot: sections of 20 rows of 50.

use time::OffsetDateTime;
use time::macros::time;

use super::{House, Seed};
use crate::storage::seeding::NewSeat;

const SEATS_PER_ROW: u32 = 50;
const ROWS_PER_SECTION: u32 = 20;

/// `count` events with such a house, a month from `now`. The same label, number and house make the same slug.
pub fn events(count: u32, label: &str, house: &House, now: OffsetDateTime) -> Vec<Seed> {
    let starts_at = (now + time::Duration::days(30)).replace_time(time!(20:00));
    let seats = house.len();
    let event = |number| Seed {
        slug: format!("{label}-{number}-of-{seats}-seats"),
        title: format!("Synthetic event {number}"),
        venue: "Synthetic hall".to_owned(),
        starts_at,
        house: house.clone(),
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
