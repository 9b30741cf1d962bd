//! `late_payment`: a buyer who lets a short hold end, and then wants to pay for it, extend it and give it up, all in vain,
//! while somebody else takes the seats. Knows when holds end only as a client can: by its own clock.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::buying::{AFTER_END, SHORT_HOLD};
use super::order::Ended;
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::{Order, Read};

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct LatePayment {}

#[async_trait]
impl Workload for LatePayment {
    fn name() -> &'static str {
        "late_payment"
    }

    fn summary() -> &'static str {
        "pays for holds that have ended, before and after somebody else took the seats"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let (first, second) = (iteration.want(event, 1), iteration.want(event, 2));
        let Ok(mut next) = iteration.companion(Role::Customer).await else { return };
        let first = iteration.hold_for(event, first, SHORT_HOLD).await;
        let second = iteration.hold_for(event, second, SHORT_HOLD).await;
        if !iteration.pause(SHORT_HOLD + AFTER_END).await {
            return;
        }
        if let Ended::Ok(held) = &first {
            iteration.ask_once(event, &Order::Extend(held.clone())).await;
            iteration.confirm(event, held).await;
        }
        if let Ended::Ok(held) = &second {
            let bought = next.book(event, next.same_as(held)).await;
            iteration.confirm(event, held).await;
            iteration.ask_once(event, &Order::Extend(held.clone())).await;
            iteration.cancel(event, held).await;
            // By now it is over for everybody, however far clocks are apart.
            if iteration.pause(AFTER_END).await {
                iteration.see(event, Read::Reservation(held.reservation)).await;
            }
            if let Ended::Ok(booked) = bought {
                next.see(event, Read::Booking(booked.booking)).await;
            }
        }
    }
}
