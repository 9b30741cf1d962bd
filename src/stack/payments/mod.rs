//! The payment simulator: a provider in this process that keeps its ledger in memory and misbehaves on demand.
//! Knows payments and who asked for them; nothing of seats or bookings.
//!
//! It lives here, not in the servers, because it must remember what a killed server had charged.

mod behaviour;
mod http;
mod ledger;
mod state;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use uuid::Uuid;

#[cfg(test)]
use crate::wire::Charge;
use crate::wire::PaymentCall;

pub use behaviour::PaymentBehaviour;
#[cfg(test)]
pub use ledger::Counts;
use ledger::Ledger;
pub use state::CapturedCharge;
use state::{State, lock};

/// A running simulator; dropping it closes it.
#[derive(Debug)]
pub struct PaymentSimulator {
    url: String,
    state: Arc<Mutex<State>>,
    /// Ends the listener, and with it every connection, when dropped.
    _listener: JoinSet<()>,
}

impl PaymentSimulator {
    /// Starts a simulator on a free loopback port, with an empty ledger.
    ///
    /// # Errors
    /// The behaviour is impossible, or there is no free port.
    pub async fn start(behaviour: PaymentBehaviour) -> anyhow::Result<Self> {
        behaviour.check()?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("no free port on 127.0.0.1 for the payment simulator")?;
        let url = format!("http://{}", listener.local_addr()?);
        let random = ChaCha8Rng::seed_from_u64(behaviour.seed);
        let ledger = Ledger::default();
        let (asked, traps) = (HashSet::new(), HashMap::new());
        let state = Arc::new(Mutex::new(State { ledger, behaviour, random, asked, traps }));
        let mut tasks = JoinSet::new();
        tasks.spawn(http::serve(listener, Arc::clone(&state)));
        Ok(Self { url, state, _listener: tasks })
    }

    /// Its base URL; a server uses `URL/SERVER-NAME`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes how it behaves from the next request on, and starts the random choices from the behaviour's seed.
    ///
    /// # Errors
    /// The behaviour is impossible.
    pub fn set_behaviour(&self, behaviour: PaymentBehaviour) -> anyhow::Result<()> {
        behaviour.check()?;
        let mut state = lock(&self.state);
        state.random = ChaCha8Rng::seed_from_u64(behaviour.seed);
        state.behaviour = behaviour;
        Ok(())
    }

    /// Every call, in order.
    pub fn calls(&self) -> Vec<PaymentCall> {
        self.calls_after(0)
    }

    /// Every call after the first so many, in order.
    pub fn calls_after(&self, first: usize) -> Vec<PaymentCall> {
        lock(&self.state).ledger.calls().get(first..).unwrap_or_default().to_vec()
    }

    /// Whether a charge of this payment was ever asked for, answered or not.
    pub fn was_asked(&self, payment: Uuid) -> bool {
        lock(&self.state).asked.contains(&payment)
    }

    #[cfg(test)]
    /// Every charge ever asked for, sorted by payment id.
    pub fn ledger(&self) -> Vec<Charge> {
        lock(&self.state).ledger.charges()
    }

    #[cfg(test)]
    /// What was asked so far.
    pub fn counts(&self) -> Counts {
        lock(&self.state).ledger.counts
    }

    /// Tells when the next charge is captured for `server`, whose answer is then withheld: whoever receives this knows
    /// that the money is taken and that the server is still waiting. A later trap for the same server replaces this.
    pub fn trap_next_capture(&self, server: &str) -> oneshot::Receiver<CapturedCharge> {
        let (sender, receiver) = oneshot::channel();
        lock(&self.state).traps.insert(server.to_owned(), sender);
        receiver
    }
}
