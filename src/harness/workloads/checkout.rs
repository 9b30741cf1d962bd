//! `checkout`: a buyer with taste picks seats, holds them, and pays, or walks away. Knows nothing of other buyers except
//! which seats they were sold.

use async_trait::async_trait;

use super::order::{Ended, Refused};
use super::{Iteration, Workload};

/// The workload.
#[derive(Debug)]
pub struct Checkout;

#[async_trait]
impl Workload for Checkout {
    fn name(&self) -> &'static str {
        "checkout"
    }

    fn summary(&self) -> &'static str {
        "holds seats that seem free, then pays for them, or walks away (abandon)"
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        // All of the iteration's dice are thrown first, so that its choices don't depend on how it goes.
        let house = iteration.choose_house();
        let count = iteration.choose_count();
        let walks_away = iteration.chance(iteration.load.abandon);
        let wanted = iteration.want(house, count);
        let Ended::Ok(held) = iteration.hold(house, wanted).await else { return };
        if walks_away {
            return;
        }
        if let Ended::Refused(Refused::Declined) = iteration.confirm(house, &held).await {
            iteration.cancel(house, &held).await;
        }
    }
}
