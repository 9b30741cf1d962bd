//! The states of a reservation, a booking and a ticket, by random walks: whatever is asked for in whatever order, each answer
//! is the one that the rules give, and in the end the database and the money agree.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use reqwest::Method;
use uuid::Uuid;

use super::app::{Got, PRICE_CENTS, Setup, TestApp, key};
use crate::domain::Role;
use crate::wire::{self, ChargeState};

/// What two buyers, the clock and the check-in do with one seat.
#[derive(Debug, Clone, Copy)]
enum Step {
    Hold(usize),
    Extend(usize),
    GiveUp(usize),
    Pay(usize),
    GiveBack(usize),
    CheckIn(usize),
    TimePasses,
}

fn step() -> impl Strategy<Value = Step> {
    let buyer = 0..2_usize;
    prop_oneof![
        4 => buyer.clone().prop_map(Step::Hold),
        1 => buyer.clone().prop_map(Step::Extend),
        1 => buyer.clone().prop_map(Step::GiveUp),
        3 => buyer.clone().prop_map(Step::Pay),
        2 => buyer.clone().prop_map(Step::GiveBack),
        1 => buyer.prop_map(Step::CheckIn),
        1 => Just(Step::TimePasses),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Live { extended: bool },
    Confirmed,
    Cancelled,
    Expired,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sold {
    Confirmed { used: bool },
    Cancelled,
}

/// A buyer's last reservation and last booking, as the rules have them.
#[derive(Debug, Default)]
struct Buyer {
    id: Uuid,
    reservation: Option<(Uuid, Held)>,
    booking: Option<(wire::Booking, Sold)>,
}

impl Buyer {
    fn has_seat(&self) -> bool {
        let holds = matches!(self.reservation, Some((_, Held::Live { .. })));
        let bought = matches!(self.booking, Some((_, Sold::Confirmed { .. })));
        holds || bought
    }
}

struct Walk<'a> {
    app: &'a TestApp,
    seat: i64,
    buyers: [Buyer; 2],
    sales: usize,
    refunds: usize,
}

impl Walk<'_> {
    fn is_free(&self) -> bool {
        !self.buyers.iter().any(Buyer::has_seat)
    }

    async fn on(&self, method: Method, path: String, buyer: usize) -> Got {
        self.app.call(method, &path).user(self.buyers[buyer].id).keyed().send().await
    }

    /// Takes all steps; each answer has to be the one that the rules give.
    async fn along(&mut self, steps: &[Step]) {
        for (index, step) in steps.iter().enumerate() {
            let Some((got, status)) = self.take(*step).await else { continue };
            let so_far = &steps[..=index];
            assert_eq!(got.status.as_u16(), status, "{so_far:?}: {}", got.body);
        }
    }

    /// Takes a step and returns the answer, if it had one, with the status that the rules give.
    async fn take(&mut self, step: Step) -> Option<(Got, u16)> {
        match step {
            Step::Hold(buyer) => Some(self.hold(buyer).await),
            Step::Extend(buyer) => self.extend(buyer).await,
            Step::GiveUp(buyer) => self.give_up(buyer).await,
            Step::Pay(buyer) => self.pay(buyer).await,
            Step::GiveBack(buyer) => self.give_back(buyer).await,
            Step::CheckIn(buyer) => self.check_in(buyer).await,
            Step::TimePasses => {
                self.time_passes().await;
                None
            }
        }
    }

    async fn hold(&mut self, buyer: usize) -> (Got, u16) {
        let got = self.app.hold(self.buyers[buyer].id, &key(), &[self.seat], 60).await;
        if !self.is_free() {
            return (got, 409);
        }
        let held: wire::Reservation = got.data();
        self.buyers[buyer].reservation = Some((held.id, Held::Live { extended: false }));
        (got, 201)
    }

    async fn extend(&mut self, buyer: usize) -> Option<(Got, u16)> {
        let (id, state) = self.buyers[buyer].reservation?;
        let got = self.on(Method::POST, format!("/api/v1/reservations/{id}/extend"), buyer).await;
        let status = match state {
            Held::Live { extended: false } => 200,
            Held::Live { extended: true } => 409,
            _ => 410,
        };
        if status == 200 {
            self.buyers[buyer].reservation = Some((id, Held::Live { extended: true }));
        }
        Some((got, status))
    }

    async fn give_up(&mut self, buyer: usize) -> Option<(Got, u16)> {
        let (id, state) = self.buyers[buyer].reservation?;
        let got = self.app.cancel(self.buyers[buyer].id, id).await;
        match state {
            Held::Live { .. } | Held::Cancelled => {
                self.buyers[buyer].reservation = Some((id, Held::Cancelled));
                Some((got, 200))
            }
            Held::Confirmed | Held::Expired => Some((got, 410)),
        }
    }

    async fn pay(&mut self, buyer: usize) -> Option<(Got, u16)> {
        let (id, state) = self.buyers[buyer].reservation?;
        let got = self.app.confirm(self.buyers[buyer].id, &key(), id).await;
        match state {
            Held::Live { .. } => {
                self.buyers[buyer].reservation = Some((id, Held::Confirmed));
                self.buyers[buyer].booking = Some((got.data(), Sold::Confirmed { used: false }));
                self.sales += 1;
                Some((got, 201))
            }
            Held::Confirmed => Some((got, 409)),
            Held::Cancelled | Held::Expired => Some((got, 410)),
        }
    }

    async fn give_back(&mut self, buyer: usize) -> Option<(Got, u16)> {
        let (id, state) = self.buyers[buyer].booking.as_ref().map(|(b, state)| (b.id, *state))?;
        let got = self.on(Method::PATCH, format!("/api/v1/bookings/{id}/cancel"), buyer).await;
        if state == (Sold::Confirmed { used: true }) {
            return Some((got, 409));
        }
        if state == (Sold::Confirmed { used: false }) {
            self.refunds += 1;
        }
        self.buyers[buyer].booking.as_mut()?.1 = Sold::Cancelled;
        Some((got, 200))
    }

    async fn check_in(&mut self, buyer: usize) -> Option<(Got, u16)> {
        let (booking, state) = self.buyers[buyer].booking.as_mut()?;
        let path = format!("/api/v1/tickets/{}/check-in", booking.tickets[0].number);
        let got = self.app.call(Method::POST, &path).role(Uuid::nil(), Role::Admin).send().await;
        if *state == (Sold::Confirmed { used: false }) {
            *state = Sold::Confirmed { used: true };
            return Some((got, 200));
        }
        Some((got, 409))
    }

    async fn time_passes(&mut self) {
        self.app.sql("update reservations set expires_at = now() where state = 'held'").await;
        self.app.run_job("expire-holds").await;
        for buyer in &mut self.buyers {
            if let Some((_, state @ Held::Live { .. })) = &mut buyer.reservation {
                *state = Held::Expired;
            }
        }
    }
}

#[tokio::test]
async fn no_walk_through_the_states_leaves_the_rules() {
    let app = TestApp::start(Setup::default()).await;
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        TestRng::from_seed(RngAlgorithm::ChaCha, &[42; 32]),
    );
    let (mut sales, mut refunds) = (0, 0);
    // One walk a seat: those before have left theirs sold or free.
    for seat in &app.seats {
        let steps = vec(step(), 40).new_tree(&mut runner).unwrap().current();
        let buyers = [(); 2].map(|()| Buyer { id: Uuid::new_v4(), ..Buyer::default() });
        let mut walk = Walk { app: &app, seat: *seat, buyers, sales: 0, refunds: 0 };
        walk.along(&steps).await;
        sales += walk.sales;
        refunds += walk.refunds;
    }
    assert!(sales > 20 && refunds > 5, "the walks went nowhere: {sales} sales, {refunds} refunds");
    let audit = app.clean_audit().await;
    let confirmed =
        audit.bookings.iter().filter(|booking| booking.state.name() == "confirmed").count();
    assert_eq!(confirmed, sales - refunds);
    let ledger = app.stack.payments().ledger();
    let kept: i64 = ledger
        .iter()
        .filter(|charge| charge.state == ChargeState::Captured)
        .map(|charge| charge.amount_cents)
        .sum();
    assert_eq!(kept, i64::try_from(confirmed).unwrap() * PRICE_CENTS);
    assert_eq!(ledger.len(), sales);
}
