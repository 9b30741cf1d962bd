//! Which inventory a workload can't work with, in words that say what to write instead. Knows no workload.

use std::time::Duration;

use crate::harness::plan::Inventory;
use crate::wire::Admission;

/// Longest hold whose end a buyer waits for.
const AWAITED_HOLD_MAX: Duration = Duration::from_secs(3);

/// For buyers who name their seats.
pub fn names_seats(inventory: &Inventory) -> Option<&'static str> {
    (inventory.admission != Admission::Seated)
        .then_some("names the seats it wants, which tickets without a place don't have; set seats in [inventory]")
}

/// For buyers who say how many tickets they want.
pub fn counts_tickets(inventory: &Inventory) -> Option<&'static str> {
    (inventory.admission != Admission::General)
        .then_some("buys tickets without a place; set general_admission in [inventory]")
}

/// For buyers who run into the limit of tickets.
pub fn meets_limit(inventory: &Inventory) -> Option<&'static str> {
    inventory
        .tickets_per_user
        .is_none()
        .then_some("runs into the limit of tickets; set tickets_per_user in [inventory]")
}

/// For buyers who wait until a hold is nearly over.
pub fn awaits_expiry(inventory: &Inventory) -> Option<&'static str> {
    (inventory.hold_ttl > AWAITED_HOLD_MAX)
        .then_some("waits for the end of every hold; set hold_ttl in [inventory] to 3s or less")
}
