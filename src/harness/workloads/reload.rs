//! `reload`: a buyer who reloads each page once it was answered, so that each request comes again under its key: the same,
//! and with another body. Somebody else happens to use the same keys for an order of their own. Knows nothing of what the
//! server remembers.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::buying::{CARD, OTHER_CARD};
use super::order::{Ended, booked, held};
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::order::{Book, Confirm};
use crate::harness::targets::{Order, Read, Wanted};

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct Reload {}

#[async_trait]
impl Workload for Reload {
    fn name() -> &'static str {
        "reload"
    }

    fn summary() -> &'static str {
        "repeats each request after its answer, the same and another under one key, as does a stranger"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let [wanted, other, at_once, strangers]: [Wanted; 4] =
            std::array::from_fn(|_| iteration.want(event, 1));
        let keys: [String; 3] = std::array::from_fn(|_| iteration.new_key());
        let Ok(mut stranger) = iteration.companion(Role::Customer).await else { return };

        let (order, other) = (iteration.hold_order(wanted), iteration.hold_order(other));
        let first = iteration.ask_under(event, &keys[0], &order).await;
        iteration.ask_under(event, &keys[0], &order).await;
        iteration.ask_under(event, &keys[0], &other).await;
        let theirs = stranger.hold_order(strangers);
        let theirs = held(stranger.ask_under(event, &keys[0], &theirs).await.as_ref());
        if let Ended::Ok(held) = held(first.as_ref()) {
            let payment =
                |payment_method| Order::Confirm(Confirm { held: held.clone(), payment_method });
            iteration.ask_under(event, &keys[1], &payment(CARD)).await;
            iteration.ask_under(event, &keys[1], &payment(CARD)).await;
            iteration.ask_under(event, &keys[1], &payment(OTHER_CARD)).await;
        }
        if let Ended::Ok(held) = theirs {
            let payment = Order::Confirm(Confirm { held, payment_method: CARD });
            stranger.ask_under(event, &keys[1], &payment).await;
        }
        let sale = Order::Book(Book { wanted: at_once, payment_method: CARD });
        let bought = iteration.ask_under(event, &keys[2], &sale).await;
        iteration.ask_under(event, &keys[2], &sale).await;
        iteration.see(event, Read::Key(keys[2].clone())).await;
        // What is answered again is what was answered, whatever has become of it since.
        if let Ended::Ok(booked) = booked(bought.as_ref()) {
            iteration.cancel_booking(event, &booked, 1).await;
            iteration.ask_under(event, &keys[2], &sale).await;
        }
    }
}
