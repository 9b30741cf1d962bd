//! What buyers do. To add a workload: a new file, its `mod` line, a line in `WORKLOADS`.

/// Seats, a hold, perhaps a payment.
pub mod checkout;
/// Everybody wants the same seat.
pub mod hot_seat;
/// Every request many times over.
pub mod retry_storm;
/// Fewer and fewer tickets without a place.
pub mod last_tickets;
/// The same few seats bought, cancelled and bought again.
pub mod cancel_rebook;
/// Payments at the very end of a hold.
pub mod expiry_edge;
/// Few buyers after more tickets than they may have.
pub mod limit_rush;
/// What buyers ask for.
pub mod order;
/// Which inventory a workload can't work with.
mod requirements;
/// What one iteration has at hand.
pub mod iteration;
/// What the buyers know about the seats.
pub mod seat_map;

use async_trait::async_trait;

use crate::harness::plan::Inventory;

pub use iteration::{Iteration, LoadContext};
pub use seat_map::SeatMap;

/// What a buyer does in one iteration.
#[async_trait]
pub trait Workload: Send + Sync {
    /// Its name, as scenarios write it.
    fn name(&self) -> &'static str;

    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;

    /// Why it can't work with this inventory, and what to write instead, to be put after its name; none where it can.
    fn unmet_requirement(&self, _inventory: &Inventory) -> Option<&'static str> {
        None
    }

    /// One buyer, from the first request to the last. Every request is recorded on the way.
    async fn iterate(&self, iteration: &mut Iteration);
}

/// Every workload.
pub const WORKLOADS: &[&dyn Workload] = &[
    &hot_seat::HotSeat,
    &checkout::Checkout,
    &retry_storm::RetryStorm,
    &last_tickets::LastTickets,
    &cancel_rebook::CancelRebook,
    &expiry_edge::ExpiryEdge,
    &limit_rush::LimitRush,
];

/// The workload of this name.
pub fn find(name: &str) -> Option<&'static dyn Workload> {
    WORKLOADS.iter().copied().find(|workload| workload.name() == name)
}
