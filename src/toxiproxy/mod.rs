//! A TCP fault proxy that speaks Toxiproxy's control API; knows nothing of tickets, and names no other module of ours.
//!
//! Clients connect to a proxy's listener, the proxy dials its upstream, and every chunk of data passes the proxy's toxics on
//! the way. The API is that of Toxiproxy 2.12, whose clients work unchanged. It differs on purpose where that server can be
//! stopped, stalled or made unrepeatable by its input:
//!
//! - every random choice derives from [`Settings::seed`];
//! - listeners are loopback only unless [`Settings::allow_remote`]; no host means 127.0.0.1, not all interfaces;
//! - the upstream is dialled per connection, with a timeout, never in the accept loop;
//! - `reset_peer` resets live connections too, and only when it fires;
//! - adding or removing a toxic leaves the others' choice of connections alone;
//! - counters move while a connection lives, and say what each toxic did.
//!
//! Layers, outermost first: `api` (HTTP), `registry` (all proxies), `proxy` and `listener` (one of them), `connection`, `link`
//! and `wire` (sockets), `chain` and `toxics` (data and time only).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

mod address;
mod api;
mod body;
mod budget;
mod chain;
mod connection;
mod descriptors;
mod error;
mod link;
mod listener;
mod metrics;
mod process;
mod proxy;
mod published;
mod queue;
mod random;
mod registry;
mod request;
mod resolver;
mod services;
mod timer;
mod toxic;
mod toxics;
mod view;
mod wire;
mod workers;

#[cfg(test)]
mod tests;

use address::Reach;
pub use api::VERSION;
use api::context::Context;
use api::serve::STOP_TIMEOUT;
use descriptors::Descriptors;
use metrics::{Metrics, Shown};
use proxy::Engine;
use registry::Registry;
use request::NewProxy;
use resolver::Resolver;
use timer::TimerThread;
pub use toxics::{Attribute, Effect, Kind, TOXICS};
use workers::WorkerThreads;

/// How to run a server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the control API listens. Other than loopback implies [`Settings::allow_remote`].
    pub host: String,
    /// 0 takes any free port.
    pub port: u16,
    /// What every random choice derives from.
    pub seed: u64,
    /// Serve traffic, connections and faults on `/metrics`.
    pub proxy_metrics: bool,
    /// Serve this process's memory, threads and open files on `/metrics`.
    pub runtime_metrics: bool,
    /// Let the API and its proxies listen on other than loopback addresses.
    pub allow_remote: bool,
}

/// A server at work; dropping it stops it abruptly, [`Running::shutdown`] in order.
pub struct Running {
    addr: SocketAddr,
    context: Context,
    /// Ends the server's connections too, which would otherwise keep the registry alive.
    stop: DropGuard,
    server: JoinSet<()>,
    _workers: WorkerThreads,
    /// Last: sleepers are released only when nothing else runs.
    _timer: TimerThread,
}

/// Binds the control API and serves it in the background.
///
/// # Errors
/// The address is taken or unknown.
pub async fn start(settings: Settings) -> io::Result<Running> {
    let Settings { host, port, seed, proxy_metrics, runtime_metrics, allow_remote } = settings;
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let resolver = Resolver::new();
    let address = address::resolve(&resolver, &format!("{host}:{port}"), Reach::Anywhere).await;
    let socket = TcpListener::bind(address.map_err(io::Error::other)?).await?;
    let addr = socket.local_addr()?;
    let reach =
        if allow_remote || !addr.ip().is_loopback() { Reach::Anywhere } else { Reach::Loopback };
    if !addr.ip().is_loopback() {
        tracing::warn!(
            %addr,
            "other machines can reach the control API, which asks nobody who they are, and may have it listen anywhere"
        );
    }
    let timer = TimerThread::start()?;
    let workers = WorkerThreads::start()?;
    let metrics = Metrics::new();
    let context = Context::new(Arc::new(Registry::new(Engine {
        seed,
        reach,
        timer: timer.timer(),
        budget: budget::Budget::default(),
        metrics: metrics.clone(),
        resolver,
        descriptors: Descriptors::of_this_process(),
        workers: workers.workers(),
    })));
    let shown = Shown {
        proxies: proxy_metrics.then_some(metrics),
        runtime: runtime_metrics.then(|| workers.workers()),
    };
    let router = api::router(context.clone(), shown);
    let stop = CancellationToken::new();
    let mut server = JoinSet::new();
    server.spawn(api::serve::serve(socket, router, stop.clone()));
    Ok(Running { addr, context, stop: stop.drop_guard(), server, _workers: workers, _timer: timer })
}

/// Every toxic with its attributes, one a line, for help texts.
pub fn describe_toxics() -> String {
    let mut lines = Vec::new();
    for kind in TOXICS {
        lines.push(format!("  {:<17} {}", kind.name, kind.summary));
        for attribute in kind.attributes {
            let default = match attribute.default {
                0 => String::new(),
                value => format!(", default {value}"),
            };
            let Attribute { name, summary, unit, .. } = attribute;
            lines.push(format!("    {name:<15} {summary} ({unit}{default})"));
        }
    }
    lines.join("\n")
}

/// Most bytes of data that wait in a server with so many connections, each in both directions.
pub fn most_bytes_waiting(connections: usize) -> usize {
    2 * connections * budget::OWN_BYTES_MAX + budget::POOL_BYTES_MAX
}

impl Running {
    #[cfg(test)]
    /// Where the control API listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of the control API, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Creates proxies from a list in the form of `POST /populate`; returns how many there are now of that list.
    ///
    /// # Errors
    /// The text is not such a list, or a proxy cannot listen; those before it keep running.
    pub async fn populate(
        &self,
        json: &[u8],
    ) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let list = NewProxy::parse_list(&body::first_value(json)?)?;
        let populated = self.context.registry.populate(&list).await;
        match populated.failure {
            None => Ok(populated.proxies.len()),
            Some(error) => Err(error.into()),
        }
    }

    /// Closes every proxy at once and for good, then the control API as soon as requests in flight have ended.
    pub async fn shutdown(mut self) {
        self.context.registry.close().await;
        drop(self.stop);
        if let Some(Err(error)) = self.server.join_next().await {
            tracing::warn!(%error, "the control API ended abnormally");
        }
        self.context.changes.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.context.changes.wait()).await.is_err() {
            tracing::warn!("gave up waiting for a change");
        }
    }
}
