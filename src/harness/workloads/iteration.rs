//! What one iteration has at hand: a buyer, its own randomness, the servers, the seats; and how a buyer asks: again with
//! the same key where that makes sense, a bounded number of times. Knows nothing of schedules.

use std::sync::Arc;
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::context::LoadContext;
use super::order::{Answered, Request, Retries};
use super::record::Origin;
use crate::harness::plan::Load;
use crate::harness::random;
use crate::harness::recorder::Role;
use crate::harness::recorder::epoch::micros;
use crate::harness::targets::{Buyer, Call, Held, Wanted};
use crate::wire::Admission;

/// First wait before asking again; doubles with every try, give or take half.
const BACKOFF: Duration = Duration::from_millis(25);
/// Longest wait a server is granted by its Retry-After.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(1);

/// One buyer's visit.
#[derive(Debug)]
pub struct Iteration {
    /// What is shared.
    pub context: Arc<LoadContext>,
    /// The load it belongs to.
    pub load: Arc<Load>,
    /// Its number in that load, from 0.
    pub number: u64,
    /// Every choice of this iteration, and of no other.
    pub rng: ChaCha8Rng,
    /// When it is cancelled, no further request is sent.
    pub abort: CancellationToken,
    /// Who.
    buyer: Buyer,
    /// When the schedule wanted the first request; taken by it.
    intended_us: Option<u64>,
}

impl Iteration {
    /// A visit of a buyer of its own, or of one of the load's few; `intended_us` is when the schedule wanted it to begin.
    ///
    /// # Errors
    /// The buyer could not sign in.
    pub async fn new(
        context: &Arc<LoadContext>,
        load: &Arc<Load>,
        number: u64,
        intended_us: u64,
        abort: CancellationToken,
    ) -> anyhow::Result<Self> {
        let mut rng = random::of_iteration(context.seed, &load.name, number);
        let own = random_uuid(&mut rng);
        let buyer = match load.buyers {
            None => own,
            Some(buyers) => one_of(context.seed, load, rng.random_range(0..buyers)),
        };
        let buyer = context.target.sign_in(buyer, Role::Customer).await?;
        let (context, load) = (Arc::clone(context), Arc::clone(load));
        Ok(Self { context, load, number, rng, abort, buyer, intended_us: Some(intended_us) })
    }

    /// Somebody else on the same visit, whose choices derive from this one's.
    ///
    /// # Errors
    /// They could not sign in.
    pub async fn companion(&mut self, role: Role) -> anyhow::Result<Self> {
        let mut rng = ChaCha8Rng::from_seed(self.rng.random());
        let buyer = self.context.target.sign_in(random_uuid(&mut rng), role).await?;
        let (context, load) = (Arc::clone(&self.context), Arc::clone(&self.load));
        let (number, abort) = (self.number, self.abort.clone());
        Ok(Self { context, load, number, rng, abort, buyer, intended_us: None })
    }

    /// Who.
    pub fn user(&self) -> Uuid {
        self.buyer.id
    }

    /// One of the events that its load is after, by index.
    pub fn choose_event(&mut self) -> usize {
        let events = if Load::is_background(&self.load.name) {
            self.context.background_events.clone()
        } else {
            self.context.events.clone()
        };
        self.rng.random_range(events)
    }

    /// True for this share of all iterations, 0 to 1.
    pub fn chance(&mut self, share: f64) -> bool {
        self.rng.random_bool(share.clamp(0.0, 1.0))
    }

    /// A key never used before.
    pub fn new_key(&mut self) -> String {
        random_uuid(&mut self.rng).to_string()
    }

    /// So many seats of this event that seem free, or, where seats have no place, just so many.
    pub fn want(&mut self, event: usize, count: u32) -> Wanted {
        if self.context.admission == Admission::General {
            return Wanted::Any(count);
        }
        let now_us = self.context.epoch.now_us();
        let context = Arc::clone(&self.context);
        Wanted::Seats(context.seat_maps[event].pick(count as usize, now_us, &mut self.rng))
    }

    /// So many seats of an event that is not one of the background's; none where seats have no place.
    pub fn want_elsewhere(&mut self, count: u32) -> Option<Wanted> {
        let elsewhere = self.context.events.start;
        Some(self.want(elsewhere, count)).filter(|wanted| matches!(wanted, Wanted::Seats(_)))
    }

    /// Waits; false when it was aborted meanwhile.
    pub async fn pause(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.abort.cancelled() => false,
            () = tokio::time::sleep(duration) => true,
        }
    }

    /// Sends an order, again with the same key where that makes sense; every try is on record. `None` when it
    /// was aborted before the first try.
    pub async fn ask(&mut self, request: Request<'_>, retries: Retries) -> Option<Answered> {
        let mut last = None;
        let mut avoid = None;
        for attempt in 0..retries.tries() {
            if self.abort.is_cancelled() {
                break;
            }
            let server = self.choose_server(avoid);
            let intended_us = self.intended_us.take();
            let answered = self.send(request, server, intended_us).await;
            // Whoever can't connect is sent elsewhere, as by any balancer.
            avoid = answered.status.is_none().then_some(server);
            let again = retries.asks_again(&answered);
            let requested = answered.retry_after.unwrap_or_default();
            last = Some(answered);
            if !again || attempt + 1 == retries.tries() || !self.wait(attempt, requested).await {
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
        let Request { event, key, order } = request;
        let event = self.context.seat_maps[event].event();
        let timeout = self.load.request_timeout;
        let call = Call { buyer: &self.buyer, event, server, key, timeout };
        let origin = Origin { load: &self.load.name, iteration: self.number, intended_us };
        self.context.send(&call, origin, order).await
    }

    /// The version of an event, by which a change of it is asked for; `None` where that was not learnt.
    pub async fn event_version(&mut self, event: usize) -> Option<String> {
        let server = self.choose_server(None);
        let event = self.context.seat_maps[event].event();
        let timeout = self.load.request_timeout;
        let call = Call { buyer: &self.buyer, event, server, key: None, timeout };
        self.context.target.event_version(&call).await.ok()
    }

    /// What somebody else has to ask for to get the same.
    pub fn same_as(&self, held: &Held) -> Wanted {
        match self.context.admission {
            Admission::Seated => Wanted::Seats(held.seats.clone()),
            Admission::General => Wanted::Any(u32::try_from(held.seats.len()).unwrap_or(u32::MAX)),
        }
    }

    /// A server at random, another one than this where there is another.
    pub fn choose_server(&mut self, avoid: Option<usize>) -> usize {
        let count = self.context.target.servers().len();
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
    pub fn remember_taken(&self, event: usize, seats: &[i64]) {
        let until_us = self.context.epoch.now_us() + micros(self.context.hold_ttl);
        self.context.seat_maps[event].mark_taken(seats, until_us);
    }

    /// Waits before the next try: as long as the server wishes, within bounds, and longer each time. False when it
    /// was aborted meanwhile.
    async fn wait(&mut self, attempt: u32, requested: Duration) -> bool {
        let backoff = BACKOFF * 2_u32.saturating_pow(attempt.min(5));
        let wait =
            requested.min(RETRY_AFTER_MAX).max(backoff.mul_f64(self.rng.random_range(0.5..1.5)));
        self.pause(wait).await
    }
}

/// The buyer of this number, of the few that a load has.
fn one_of(seed: u64, load: &Load, number: u32) -> Uuid {
    let mut rng = random::of_iteration(seed, &format!("{} buyers", load.name), u64::from(number));
    random_uuid(&mut rng)
}

fn random_uuid(rng: &mut ChaCha8Rng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid()
}
