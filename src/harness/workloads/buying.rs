//! What a buyer asks for, in the buyer's words: each asks as a good client does and puts it on record. Knows nothing of
//! what the buyer is up to.

use std::time::Duration;

use futures_util::future::join_all;

use super::iteration::Iteration;
use super::order::{Answered, Ended, Request, Retries, booked, held};
use crate::harness::recorder::Outcome;
use crate::harness::targets::order::{Book, Confirm, Hold};
use crate::harness::targets::{Booked, Held, Order, Read, Refused, Wanted};

/// Payment method of every ordinary order.
pub const CARD: &str = "card";
/// Another card that is as good.
pub const OTHER_CARD: &str = "other-card";
/// The card that is always declined.
pub const DECLINED_CARD: &str = "declined";
/// The shortest hold there is, for buyers who wait for its end.
pub const SHORT_HOLD: Duration = Duration::from_secs(1);
/// How long after a hold's end a buyer is certain that it is over.
pub const AFTER_END: Duration = Duration::from_millis(150);
/// Seats that a buyer tries to get, one pick after the other.
const PICKS_MAX: u32 = 5;

impl Iteration {
    /// An order to hold these seats.
    pub fn hold_order(&self, wanted: Wanted) -> Order {
        Order::Hold(Hold { wanted, ttl: self.context.hold_ttl })
    }

    /// An order to buy these seats in one step.
    pub fn book_order(wanted: Wanted) -> Order {
        Order::Book(Book { wanted, payment_method: CARD })
    }

    /// Holds these seats under a new key and remembers what it learnt about them.
    pub async fn hold(&mut self, event: usize, wanted: Wanted) -> Ended<Held> {
        let ttl = self.context.hold_ttl;
        self.hold_for(event, wanted, ttl).await
    }

    /// Holds these seats for so long, whole seconds, under a new key and remembers what it learnt about them.
    pub async fn hold_for(&mut self, event: usize, wanted: Wanted, ttl: Duration) -> Ended<Held> {
        let order = Order::Hold(Hold { wanted: wanted.clone(), ttl });
        let ended = held(self.ask_keyed(event, &order).await.as_ref());
        if let (Ended::Refused(Refused::SeatsTaken), Wanted::Seats(seats)) = (&ended, &wanted) {
            self.remember_taken(event, seats);
        }
        ended
    }

    /// Buys these seats in one step under a new key. What becomes of them is not remembered: they may be cancelled.
    pub async fn book(&mut self, event: usize, wanted: Wanted) -> Ended<Booked> {
        booked(self.ask_keyed(event, &Self::book_order(wanted)).await.as_ref())
    }

    /// Buys so many tickets in one step, others where somebody took those; `None` after a few tries.
    pub async fn buy(&mut self, event: usize, tickets: u32) -> Option<Booked> {
        for _ in 0..PICKS_MAX {
            let wanted = self.want(event, tickets);
            match self.book(event, wanted).await {
                Ended::Ok(booked) => return Some(booked),
                Ended::Refused(Refused::SeatsTaken) => {}
                Ended::Refused(_) | Ended::Unknown => break,
            }
        }
        None
    }

    /// Pays for the seats under a new key; remembers them as sold when they are.
    pub async fn confirm(&mut self, event: usize, held: &Held) -> Ended<Booked> {
        let ended = self.pay(event, held, CARD).await;
        if matches!(ended, Ended::Ok(_)) {
            self.context.seat_maps[event].mark_sold(&held.seats);
        }
        ended
    }

    /// Pays for the seats with this card under a new key. What becomes of them is not remembered.
    pub async fn pay(
        &mut self,
        event: usize,
        held: &Held,
        payment_method: &'static str,
    ) -> Ended<Booked> {
        let order = Order::Confirm(Confirm { held: held.clone(), payment_method });
        booked(self.ask_keyed(event, &order).await.as_ref())
    }

    /// Cancels the hold. Asked once: nobody waits for the answer to this.
    pub async fn cancel(&mut self, event: usize, held: &Held) {
        self.ask_once(event, &Order::Cancel(held.clone())).await;
    }

    /// Cancels a booking, `times` times at once, as an impatient finger does. Asked once: nobody waits for the answer.
    pub async fn cancel_booking(&mut self, event: usize, booked: &Booked, times: usize) {
        self.ask_at_once(event, &Order::CancelBooking(booked.clone()), times).await;
    }

    /// Looks at something. True when there was an answer to look at.
    pub async fn see(&mut self, event: usize, read: Read) -> bool {
        let answered = self.ask_once(event, &Order::Read(read)).await;
        answered.is_some_and(|answered| answered.outcome == Outcome::Ok)
    }

    /// Sends an order under a new key, and again as a good client does.
    pub async fn ask_keyed(&mut self, event: usize, order: &Order) -> Option<Answered> {
        let key = self.new_key();
        self.ask_under(event, &key, order).await
    }

    /// Sends an order under this key, and again as a good client does.
    pub async fn ask_under(&mut self, event: usize, key: &str, order: &Order) -> Option<Answered> {
        self.ask(Request { event, key: Some(key), order }, Retries::Client).await
    }

    /// Sends an order without a key, once.
    pub async fn ask_once(&mut self, event: usize, order: &Order) -> Option<Answered> {
        self.ask(Request { event, key: None, order }, Retries::Never).await
    }

    /// Sends an order without a key `times` times at once, each to any server; no answers when it was aborted before.
    pub async fn ask_at_once(
        &mut self,
        event: usize,
        order: &Order,
        times: usize,
    ) -> Vec<Answered> {
        self.ask_all_at_once(event, &vec![order.clone(); times]).await
    }

    /// Sends these orders without keys at once, each to any server; no answers when it was aborted before.
    pub async fn ask_all_at_once(&mut self, event: usize, orders: &[Order]) -> Vec<Answered> {
        if self.abort.is_cancelled() {
            return Vec::new();
        }
        let servers: Vec<usize> = orders.iter().map(|_| self.choose_server(None)).collect();
        let intended_us = self.take_intended_us();
        let visit = &*self;
        let request =
            |(order, server)| visit.send(Request { event, key: None, order }, server, intended_us);
        join_all(orders.iter().zip(servers).map(request)).await
    }
}
