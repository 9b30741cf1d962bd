//! `second_thoughts`: a buyer who gives up a hold, twice, and cancels a booking, with two clicks at once and once more;
//! each time somebody else takes the seats at once. What was given up can't be paid for any more.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::order::Ended;
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::Read;

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct SecondThoughts {}

#[async_trait]
impl Workload for SecondThoughts {
    fn name() -> &'static str {
        "second_thoughts"
    }

    fn summary() -> &'static str {
        "gives up a hold and cancels a booking, each more than once, and lets another have the seats"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let (given_up, cancelled) = (iteration.want(event, 1), iteration.want(event, 2));
        let Ok(mut next) = iteration.companion(Role::Customer).await else { return };
        if let Ended::Ok(held) = iteration.hold(event, given_up).await {
            iteration.cancel(event, &held).await;
            next.book(event, next.same_as(&held)).await;
            iteration.cancel(event, &held).await;
            iteration.confirm(event, &held).await;
            iteration.see(event, Read::Reservation(held.reservation)).await;
        }
        if let Ended::Ok(booked) = iteration.book(event, cancelled.clone()).await {
            iteration.cancel_booking(event, &booked, 2).await;
            let bought = next.book(event, cancelled).await;
            iteration.cancel_booking(event, &booked, 1).await;
            iteration.see(event, Read::Booking(booked.booking)).await;
            if let Ended::Ok(booked) = bought {
                next.see(event, Read::Booking(booked.booking)).await;
            }
        }
    }
}
