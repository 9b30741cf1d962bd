//! What buyers do. To add a workload: a new file, its `mod` line, a line in `WORKLOADS`.

/// Buyers with taste: seats, a hold, perhaps a payment.
pub mod checkout;
/// Everybody wants the same seat.
pub mod hot_seat;
/// Every request many times over.
pub mod retry_storm;
/// What buyers ask for.
pub mod order;
/// What one iteration has at hand.
pub mod iteration;
/// What the buyers know about the seats.
pub mod house;

use async_trait::async_trait;

pub use house::House;
pub use iteration::{Iteration, Site};

/// What a buyer does in one iteration.
#[async_trait]
pub trait Workload: Send + Sync {
    /// Its name, as scenarios write it.
    fn name(&self) -> &'static str;

    /// One line for `chaos list`.
    fn summary(&self) -> &'static str;

    /// One buyer, from the first request to the last. Every request is recorded on the way.
    async fn iterate(&self, iteration: &mut Iteration);
}

/// Every workload.
pub const WORKLOADS: &[&dyn Workload] =
    &[&hot_seat::HotSeat, &checkout::Checkout, &retry_storm::RetryStorm];

/// The workload of this name.
pub fn find(name: &str) -> Option<&'static dyn Workload> {
    WORKLOADS.iter().copied().find(|workload| workload.name() == name)
}
