//! `declined_card`: a buyer whose card is declined: pays with another one while the hold lives, and, where the sale was to be in
//! one step, leaves the seats to somebody else. A decline costs nobody a seat that is held, and nobody a cent.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::buying::DECLINED_CARD;
use super::order::Ended;
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::order::Book;
use crate::harness::targets::{Order, Read, Refused};

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeclinedCard {}

#[async_trait]
impl Workload for DeclinedCard {
    fn name() -> &'static str {
        "declined_card"
    }

    fn summary() -> &'static str {
        "pays with a card that is declined, then with another one while the hold lives"
    }

    fn in_background() -> bool {
        true
    }

    fn read(_section: &mut Section<'_>) -> Self {
        Self {}
    }

    async fn iterate(&self, iteration: &mut Iteration) {
        let event = iteration.choose_event();
        let (wanted, at_once) = (iteration.want(event, 2), iteration.want(event, 1));
        let Ok(mut next) = iteration.companion(Role::Customer).await else { return };
        if let Ended::Ok(held) = iteration.hold(event, wanted).await {
            let declined = iteration.pay(event, &held, DECLINED_CARD).await;
            iteration.see(event, Read::Reservation(held.reservation)).await;
            if declined == Ended::Refused(Refused::Declined) {
                iteration.confirm(event, &held).await;
            }
        }
        let order = Order::Book(Book { wanted: at_once.clone(), payment_method: DECLINED_CARD });
        iteration.ask_keyed(event, &order).await;
        next.book(event, at_once).await;
    }
}
