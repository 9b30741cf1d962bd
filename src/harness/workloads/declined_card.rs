//! `declined_card`: a buyer whose card is declined: pays with another one while the hold lives, whether or not that was tried
//! already while the first was under way, and, where the sale was to be in one step, leaves the seats to somebody else. A decline
//! costs nobody a seat that is held, and nobody a cent.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::buying::{CARD, DECLINED_CARD};
use super::order::{Ended, Request};
use super::{Iteration, Workload};
use crate::harness::parsing::Section;
use crate::harness::recorder::Role;
use crate::harness::targets::order::{Book, Confirm};
use crate::harness::targets::{Held, Order, Read, Refused};

/// How long after the first card the other one is tried: less than most providers take.
const MEANWHILE: Duration = Duration::from_millis(3);

/// The workload.
#[derive(Debug, Serialize, Deserialize)]
pub struct DeclinedCard {}

#[async_trait]
impl Workload for DeclinedCard {
    fn name() -> &'static str {
        "declined_card"
    }

    fn summary() -> &'static str {
        "pays with a card that is declined, meanwhile and then with another one while the hold lives"
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
        let user = iteration.user();
        iteration.buy(event, 1).await;
        if let Ended::Ok(held) = iteration.hold(event, wanted).await {
            let key = iteration.new_key();
            let other = with_card(&held, CARD);
            let declined = pay_twice(iteration, event, &held, (&key, &other)).await;
            iteration.see(event, Read::Reservation(held.reservation)).await;
            if declined {
                iteration.ask_under(event, &key, &other).await;
            }
        }
        let order = Order::Book(Book { wanted: at_once.clone(), payment_method: DECLINED_CARD });
        iteration.ask_keyed(event, &order).await;
        next.book(event, at_once).await;
        iteration.see(event, Read::BookingsOf(user)).await;
    }
}

/// Pays with the card that is declined and, before that was answered, with another one under this key. True when the first
/// was declined.
async fn pay_twice(
    iteration: &mut Iteration,
    event: usize,
    held: &Held,
    (key, other): (&str, &Order),
) -> bool {
    if iteration.abort.is_cancelled() {
        return false;
    }
    let (first_key, first) = (iteration.new_key(), with_card(held, DECLINED_CARD));
    let servers = [iteration.choose_server(None), iteration.choose_server(None)];
    let visit = &*iteration;
    let request = |key, order| Request { event, key: Some(key), order };
    let (declined, _) =
        tokio::join!(visit.send(request(&first_key, &first), servers[0], None), async {
            visit.pause(MEANWHILE).await;
            visit.send(request(key, other), servers[1], None).await
        });
    declined.refused == Refused::Declined
}

fn with_card(held: &Held, payment_method: &'static str) -> Order {
    Order::Confirm(Confirm { held: held.clone(), payment_method })
}
