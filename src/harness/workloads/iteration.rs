//! What one iteration has at hand: a buyer, its own randomness, the servers, the seats; and how a buyer asks: again with
//! the same key where that makes sense, a bounded number of times. Knows nothing of schedules.

use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::House;
use super::order::{Answered, Ended, Order, Patience, Refused, Request, booked, held};
use crate::harness::client::{Buyer, Call, Client, Held, Reply, TokenSigner};
use crate::harness::recorder::epoch::micros;
use crate::harness::recorder::{OpKind, Recorder};
use crate::harness::scenario::plan::Load;
use crate::wire::{ConfirmBooking, CreateReservation};

/// First wait before asking again; doubles with every try, give or take half.
const BACKOFF: Duration = Duration::from_millis(25);
/// Longest wait a server is granted by its Retry-After.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);
/// Payment method of every ordinary order.
pub const CARD: &str = "card";

/// What all iterations of a run share.
#[derive(Debug)]
pub struct Site {
    /// Speaks to the servers.
    pub client: Client,
    /// Signs the buyers' tokens.
    pub tokens: TokenSigner,
    /// Takes down what happens.
    pub recorder: Recorder,
    /// The events, at least one.
    pub houses: Vec<House>,
    /// How long holds are asked to last; whole seconds.
    pub hold_ttl: Duration,
    /// The run's seed.
    pub seed: u64,
}

/// One buyer's visit.
#[derive(Debug)]
pub struct Iteration {
    /// What is shared.
    pub site: Arc<Site>,
    /// The load it belongs to.
    pub load: Arc<Load>,
    /// Its number in that load, from 0.
    pub number: u64,
    /// Every choice of this iteration, and of no other.
    pub rng: ChaCha8Rng,
    /// When it is cancelled, no further request is sent.
    pub stop: CancellationToken,
    /// Who.
    buyer: Buyer,
    /// When the schedule wanted the first request; taken by it.
    intended_us: Option<u64>,
}

impl Iteration {
    /// A visit of a buyer of its own; `intended_us` is when the schedule wanted it to begin.
    pub fn new(
        site: &Arc<Site>,
        load: &Arc<Load>,
        number: u64,
        intended_us: u64,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let mut rng = crate::harness::load::stream::of_iteration(site.seed, &load.name, number);
        let buyer = site.tokens.buyer(random_uuid(&mut rng))?;
        let (site, load) = (Arc::clone(site), Arc::clone(load));
        Ok(Self { site, load, number, rng, stop, buyer, intended_us: Some(intended_us) })
    }

    /// One of the events, by index.
    pub fn choose_house(&mut self) -> usize {
        self.rng.random_range(0..self.site.houses.len())
    }

    /// True for this share of all iterations, 0 to 1.
    pub fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share.clamp(0.0, 1.0))
    }

    /// A key never used before.
    pub fn new_key(&mut self) -> String {
        random_uuid(&mut self.rng).to_string()
    }

    /// An order to hold these seats of this event.
    pub fn hold_order(&self, house: usize, seats: Vec<i64>) -> CreateReservation {
        let ttl_seconds = u32::try_from(self.site.hold_ttl.as_secs()).unwrap_or(u32::MAX);
        CreateReservation {
            event_id: self.site.houses[house].event(),
            seat_ids: seats,
            quantity: None,
            ttl_seconds: Some(ttl_seconds),
        }
    }

    /// Holds these seats under a new key, as a good client does, and remembers what it learnt about them.
    pub async fn hold(&mut self, house: usize, seats: Vec<i64>) -> Ended<Held> {
        let key = self.new_key();
        let order = Order::Hold(self.hold_order(house, seats.clone()));
        let request = Request { house, key: &key, order: &order };
        let ended = held(self.ask(request, Patience::Client).await.as_ref());
        if ended == Ended::Refused(Refused::SeatsTaken) {
            self.remember_taken(house, &seats);
        }
        ended
    }

    /// Pays for the seats under a new key; remembers them as sold when they are.
    pub async fn confirm(&mut self, house: usize, held: &Held) -> Ended<Uuid> {
        let key = self.new_key();
        let order =
            ConfirmBooking { reservation_id: held.reservation, payment_method: CARD.to_owned() };
        let request = Request { house, key: &key, order: &Order::Confirm(held.clone(), order) };
        let ended = booked(self.ask(request, Patience::Client).await.as_ref());
        if matches!(ended, Ended::Ok(_)) {
            self.site.houses[house].mark_sold(&held.seats);
        }
        ended
    }

    /// Gives the seats back. Asked once: nobody waits for the answer to this.
    pub async fn cancel(&mut self, house: usize, held: &Held) {
        if self.stop.is_cancelled() {
            return;
        }
        let server = self.choose_server(None);
        let intended_us = self.intended_us.take();
        let site = Arc::clone(&self.site);
        site.recorder.live().started(server, OpKind::Cancel);
        let reply = site.client.cancel(&self.call(house, server, None, intended_us), held).await;
        note(&site, server, reply).await;
    }

    /// Sends an order, again with the same key where that makes sense; every try is on record. `None` when the run
    /// was stopped before the first try.
    pub async fn ask(&mut self, request: Request<'_>, patience: Patience) -> Option<Answered> {
        let mut last = None;
        let mut avoid = None;
        for attempt in 0..patience.tries() {
            if self.stop.is_cancelled() {
                break;
            }
            let server = self.choose_server(avoid);
            let intended_us = self.intended_us.take();
            let answered = self.send(request, server, intended_us).await;
            // Whoever can't connect is sent elsewhere, as by any balancer.
            avoid = answered.status.is_none().then_some(server);
            let again = patience.asks_again(answered.outcome, answered.retry_after);
            let wished = answered.retry_after.unwrap_or_default();
            last = Some(answered);
            if !again || attempt + 1 == patience.tries() || !self.wait(attempt, wished).await {
                break;
            }
        }
        last
    }

    /// Sends an order once and puts it on record.
    pub async fn send(
        &self,
        request: Request<'_>,
        server: usize,
        intended_us: Option<u64>,
    ) -> Answered {
        let Request { house, key, order } = request;
        let call = self.call(house, server, Some(key), intended_us);
        self.site.recorder.live().started(server, order.kind());
        let reply = match order {
            Order::Hold(order) => self.site.client.hold(&call, order).await,
            Order::Confirm(held, order) => {
                self.site.client.confirm(&call, &held.seats, order).await
            }
        };
        note(&self.site, server, reply).await
    }

    /// A server at random, another one than this where there is another.
    pub fn choose_server(&mut self, avoid: Option<usize>) -> usize {
        let count = self.site.client.servers().len();
        match avoid {
            Some(avoid) if count > 1 => (avoid + self.rng.random_range(1..count)) % count,
            _ => self.rng.random_range(0..count),
        }
    }

    /// When the schedule wanted the first request; `None` once that was sent.
    pub fn take_intended_us(&mut self) -> Option<u64> {
        self.intended_us.take()
    }

    /// These seats were refused: most likely held, so for about as long as holds last.
    pub fn remember_taken(&self, house: usize, seats: &[i64]) {
        let until_us = self.site.client.epoch().now_us() + micros(self.site.hold_ttl);
        self.site.houses[house].mark_taken(seats, until_us);
    }

    fn call<'a>(
        &'a self,
        house: usize,
        server: usize,
        key: Option<&'a str>,
        intended_us: Option<u64>,
    ) -> Call<'a> {
        Call {
            buyer: &self.buyer,
            load: &self.load.name,
            iteration: self.number,
            event: self.site.houses[house].event(),
            server,
            key,
            intended_us,
            timeout: self.load.request_timeout,
        }
    }

    /// Waits before the next try: as long as the server wishes, within bounds, and longer each time. False when the
    /// run was stopped meanwhile.
    async fn wait(&mut self, attempt: u32, wished: Duration) -> bool {
        let backoff = BACKOFF * 2_u32.saturating_pow(attempt.min(5));
        let wait =
            wished.min(RETRY_AFTER_MAX).max(backoff.mul_f64(self.rng.random_range(0.5..1.5)));
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

/// Puts a reply on record and keeps what the buyer needs.
async fn note(site: &Site, server: usize, reply: Reply) -> Answered {
    let Reply { operation, retry_after, reason } = reply;
    let refused = match (reason.as_deref(), operation.status) {
        (Some("seat_unavailable"), _) => Refused::SeatsTaken,
        (_, Some(402)) => Refused::Declined,
        _ => Refused::Otherwise,
    };
    let answered = Answered {
        outcome: operation.outcome,
        status: operation.status,
        retry_after,
        refused,
        seats: operation.seats.clone(),
        reservation: operation.reservation,
        booking: operation.booking,
    };
    site.recorder.live().ended(server, operation.op, operation.outcome);
    if !site.recorder.record(operation).await {
        tracing::error!("an operation ended after the recording had, and is not in it");
    }
    answered
}

fn random_uuid(rng: &mut ChaCha8Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid()
}
