//! `checkout`: a buyer picks seats that seem free, holds them, and pays, or abandons the hold. Knows nothing of other buyers except
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
        "holds seats that seem free, then pays for them, or abandons the hold (abandon)"
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        // All random choices are made first, so that its choices don't depend on how it goes.
        let event = iteration.choose_event();
        let count = iteration.choose_count();
        let abandons = iteration.chance(iteration.load.abandon);
        let wanted = iteration.want(event, count);
        let Ended::Ok(held) = iteration.hold(event, wanted).await else { return };
        if abandons {
            return;
        }
        if let Ended::Refused(Refused::Declined) = iteration.confirm(event, &held).await {
            iteration.cancel(event, &held).await;
        }
    }
}
