//! Accepts clients and owns their connections until it is stopped; knows nothing of what they carry.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connection::{self, Route};
use super::descriptors::{Lease, Shortage};

/// Open files of a connection: the client's socket and the upstream's.
const DESCRIPTORS_EACH: u32 = 2;
/// Clients the kernel may complete before we accept them; it applies its own limit too.
const BACKLOG: u32 = 4096;
/// Pause after a failed accept, which usually means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listening proxy. Dropping it aborts what [`Listener::stop`] would end in order.
pub struct Listener {
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Listener {
    pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // Otherwise a proxy could not be enabled again while old connections are in TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    }

    pub fn start(
        (socket, lease): (TcpListener, Lease),
        route: Route,
        accepted: Arc<AtomicU64>,
    ) -> Self {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let stopped = stop.clone();
        task.spawn(async move {
            accept_until(stopped, socket, Arc::new(route), accepted).await;
            drop(lease);
        });
        Self { stop, task }
    }

    /// Returns when the port is free and every connection is closed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.task.join_next().await.is_some() {}
    }
}

async fn accept_until(
    stop: CancellationToken,
    socket: TcpListener,
    route: Arc<Route>,
    accepted: Arc<AtomicU64>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = connections.join_next() => report(&ended),
            client = accept(&socket, &route) => {
                let Some((client, lease)) = client else { continue };
                let Some(worker) = route.workers.least_busy() else { continue };
                let number = accepted.fetch_add(1, Ordering::Relaxed) + 1;
                route.connections.accepted.increment(1);
                let for_task = Arc::clone(&route);
                let serve = async move {
                    connection::serve(&for_task, client, number).await;
                    drop(lease);
                };
                connections.spawn_on(serve, worker);
            }
        }
    }
    drop(socket);
    while connections.try_join_next().is_some() {}
    route.connections.cut.increment(connections.len() as u64);
    connections.shutdown().await;
}

/// The next client, unless there is no descriptor for it and its upstream: then it is closed, so that it is not left waiting.
async fn accept(socket: &TcpListener, route: &Route) -> Option<(TcpStream, Lease)> {
    let accepted = socket.accept().await.and_then(|(client, _)| client.into_std());
    let lease = route.descriptors.lease(DESCRIPTORS_EACH);
    let complains = (accepted.is_err() || lease.is_err()) && route.descriptors.may_complain();
    if complains {
        tracing::warn!(
            proxy = route.proxy,
            "closing new connections for lack of descriptors; raise the limit on open files"
        );
    }
    match (accepted, lease) {
        (Ok(client), Ok(lease)) => Some((client, lease)),
        (Ok(_), Err(Shortage)) => {
            route.connections.refused.increment(1);
            None
        }
        (Err(error), _) => {
            tracing::debug!(%error, "cannot accept a client");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn report(ended: &Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended abnormally");
    }
}
