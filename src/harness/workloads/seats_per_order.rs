//! `seats_per_order = [LEAST, MOST]`: how many seats an order is for.

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::harness::parsing::Section;

const SEATS_MAX: u32 = 50;

/// Fewest and most seats of an order, both 1 to 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatsPerOrder(pub u32, pub u32);

impl SeatsPerOrder {
    /// Reads the key; without it, every order is for one seat.
    pub fn read(section: &mut Section<'_>) -> Self {
        let Some(items) = section.array("seats_per_order") else { return Self(1, 1) };
        let bounds: Vec<u32> = items
            .iter()
            .filter_map(|item| section.integer_of(item, "a number of seats"))
            .filter_map(|seats| u32::try_from(seats).ok())
            .collect();
        match bounds[..] {
            [low, high] if 1 <= low && low <= high && high <= SEATS_MAX => Self(low, high),
            _ => {
                section.refuse(
                    "seats_per_order",
                    format!(
                        "\"seats_per_order\" has to be [LEAST, MOST] with 1 <= LEAST <= MOST <= {SEATS_MAX}"
                    ),
                );
                Self(1, 1)
            }
        }
    }

    /// A number of seats between the two.
    pub fn choose(self, rng: &mut impl Rng) -> u32 {
        let Self(least, most) = self;
        rng.random_range(least..=most.max(least))
    }
}
