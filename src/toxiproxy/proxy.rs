//! One proxy: its listener, started and stopped, and its toxics, changed while connections live; knows no HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use tokio::sync::watch;

use super::address::Reach;
use super::budget::Budget;
use super::connection::Route;
use super::descriptors::{Descriptors, Shortage};
use super::error::Error;
use super::listener::Listener;
use super::metrics::{Connections, Metrics};
use super::published::{InUse, Published};
use super::request::NewProxy;
use super::resolver::Resolver;
use super::timer::Timer;
use super::toxic::{Direction, Toxic};
use super::workers::Workers;

/// How long a change waits for every link to follow it. Links never block, so this only bounds a starved machine.
const SWITCH_TIMEOUT: Duration = Duration::from_secs(1);

/// What all proxies of a server share.
#[derive(Clone)]
pub struct Engine {
    pub seed: u64,
    pub reach: Reach,
    pub timer: Timer,
    pub budget: Budget,
    pub metrics: Metrics,
    pub resolver: Resolver,
    pub descriptors: Descriptors,
    pub workers: Workers,
}

/// A named proxy, running or stopped.
pub struct Proxy {
    pub name: String,
    /// The bound address while running, otherwise as it was given.
    pub listen: String,
    /// The same, resolved.
    pub address: SocketAddr,
    /// Where connections go, as it was given.
    pub upstream: String,
    engine: Engine,
    listener: Option<Listener>,
    toxics: Vec<Arc<Toxic>>,
    published: watch::Sender<Arc<Published>>,
    in_use: InUse,
    connections: Connections,
    /// Clients accepted so far; numbers them across restarts.
    accepted: Arc<AtomicU64>,
}

impl Proxy {
    /// A stopped proxy without toxics; `address` is what the place it is to listen on resolves to.
    pub fn new(engine: &Engine, new: &NewProxy, address: SocketAddr) -> Self {
        let (first, in_use) = Published::new(Vec::new());
        Self {
            name: new.name.clone(),
            listen: new.listen().to_owned(),
            address,
            upstream: new.upstream.clone(),
            engine: engine.clone(),
            listener: None,
            toxics: Vec::new(),
            published: watch::Sender::new(Arc::new(first)),
            in_use,
            connections: engine.metrics.connections(&new.name),
            accepted: Arc::new(AtomicU64::new(0)),
        }
    }

    pub fn is_running(&self) -> bool {
        self.listener.is_some()
    }

    /// Upstream toxics in the order they were created, then the downstream ones.
    pub fn toxics(&self) -> impl Iterator<Item = &Arc<Toxic>> {
        Direction::BOTH.into_iter().flat_map(|direction| {
            self.toxics.iter().filter(move |toxic| toxic.direction == direction)
        })
    }

    pub fn toxic(&self, name: &str) -> Option<&Arc<Toxic>> {
        self.toxics.iter().find(|toxic| toxic.name == name)
    }

    /// Binds and accepts; does nothing when running. From then on `listen` is the bound address.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.is_running() {
            return Ok(());
        }
        let address = self.address;
        let lease =
            self.engine.descriptors.lease(1).map_err(|Shortage| Error::no_socket(address))?;
        let socket = Listener::bind(address).map_err(|error| Error::bind(address, &error))?;
        let bound = socket.local_addr().map_err(|error| Error::bind(address, &error))?;
        self.address = bound;
        self.listen = bound.to_string();
        let route = self.route();
        let accepted = Arc::clone(&self.accepted);
        self.listener = Some(Listener::start((socket, lease), route, accepted));
        tracing::info!(
            proxy = self.name,
            listen = self.listen,
            upstream = self.upstream,
            "started"
        );
        Ok(())
    }

    /// Makes a proxy that was stopped for it listen elsewhere.
    pub fn move_to(&mut self, listen: String, address: SocketAddr) {
        self.listen = listen;
        self.address = address;
    }

    /// Whether this is the place it has, or would take. Port 0 never is while running: it asks for a new one.
    pub fn is_at(&self, listen: &str, address: SocketAddr) -> bool {
        self.listen == listen || self.address == address
    }

    /// Closes the listener and both sockets of every connection; returns when that has happened.
    pub async fn stop(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.stop().await;
            tracing::info!(proxy = self.name, "stopped");
        }
    }

    /// Replaces the toxics and returns when every link works with the new ones.
    pub async fn set_toxics(&mut self, toxics: Vec<Arc<Toxic>>) {
        let (next, in_use) = Published::new(toxics.clone());
        self.toxics = toxics;
        drop(self.published.send_replace(Arc::new(next)));
        let mut old = std::mem::replace(&mut self.in_use, in_use);
        if tokio::time::timeout(SWITCH_TIMEOUT, old.is_over()).await.is_err() {
            tracing::warn!(
                proxy = self.name,
                "some connections have yet to follow a change of toxics"
            );
        }
    }

    fn route(&self) -> Route {
        let Engine { seed, timer, budget, metrics, resolver, descriptors, workers, reach: _ } =
            &self.engine;
        let traffic = Direction::BOTH.map(|direction| {
            metrics.traffic(direction.name(), &self.name, [&self.listen, &self.upstream])
        });
        Route {
            proxy: self.name.clone(),
            upstream: self.upstream.clone(),
            seed: *seed,
            timer: timer.clone(),
            budget: budget.clone(),
            resolver: resolver.clone(),
            descriptors: descriptors.clone(),
            workers: workers.clone(),
            toxics: self.published.subscribe(),
            connections: self.connections.clone(),
            traffic,
        }
    }
}
