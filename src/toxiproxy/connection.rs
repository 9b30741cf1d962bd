//! One client from accept to close: dials the upstream and joins two links; knows nothing of the proxy's lifecycle.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::address;
use super::budget::Budget;
use super::chain::Chain;
use super::descriptors::Descriptors;
use super::link::{Departure, Link, LinkToxics};
use super::metrics::{Connections, Traffic};
use super::published::Published;
use super::queue::End;
use super::random::LinkId;
use super::resolver::Resolver;
use super::timer::Timer;
use super::toxic::Direction;
use super::toxics::Evidence;
use super::wire::Wire;
use super::workers::Workers;

/// How long it may take to find the upstream and to be accepted by it.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What all connections of one running proxy share.
pub struct Route {
    pub proxy: String,
    pub upstream: String,
    pub seed: u64,
    pub timer: Timer,
    pub budget: Budget,
    pub resolver: Resolver,
    pub descriptors: Descriptors,
    pub workers: Workers,
    pub toxics: watch::Receiver<Arc<Published>>,
    pub connections: Connections,
    /// To the upstream, then to the client.
    pub traffic: [Traffic; 2],
}

/// The client's side, the upstream's side, and which connection of the proxy this is, counted from 1.
struct Pair {
    client: Arc<TcpStream>,
    upstream: Arc<TcpStream>,
    number: u64,
    client_left: Arc<Departure>,
    upstream_left: Arc<Departure>,
}

/// A link asked for both sockets to be reset.
struct Reset;

/// Serves the `number`th client of the proxy until both directions have ended, on the runtime that this is called on.
pub async fn serve(route: &Route, client: std::net::TcpStream, number: u64) {
    let Some(client) = registered(client) else { return };
    let Some(client) = hold_back(route, client, number).await else { return };
    let upstream = match tokio::time::timeout(DIAL_TIMEOUT, dial(route)).await {
        Ok(Ok(upstream)) => upstream,
        Ok(Err(error)) => return dial_failed(route, &error),
        Err(elapsed) => return dial_failed(route, &elapsed.into()),
    };
    for socket in [&client, &upstream] {
        if let Err(error) = tune(socket) {
            tracing::debug!(%error, "socket options not set");
        }
    }
    let pair = Pair {
        client: Arc::new(client),
        upstream: Arc::new(upstream),
        number,
        client_left: Arc::default(),
        upstream_left: Arc::default(),
    };
    if let Err(Reset) = join(route, &pair).await {
        for socket in [&pair.client, &pair.upstream] {
            // Closing with no linger time is what sends a reset instead of an orderly end.
            if let Err(error) = socket.set_zero_linger() {
                tracing::debug!(%error, "closing in order instead of resetting");
            }
        }
    }
}

fn dial_failed(route: &Route, error: &io::Error) {
    tracing::debug!(proxy = route.proxy, upstream = route.upstream, %error, "dial failed");
    route.connections.dial_failures.increment(1);
}

async fn dial(route: &Route) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for address in address::to_dial(&route.resolver, &route.upstream).await? {
        match TcpStream::connect(address).await {
            Ok(upstream) => return Ok(upstream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Keeps the client waiting as long as the proxy's toxics ask for, now or as they change; `None` when it has gone meanwhile.
async fn hold_back(route: &Route, client: TcpStream, number: u64) -> Option<TcpStream> {
    let start = Instant::now();
    let mut toxics = route.toxics.clone();
    let mut affected = Vec::new();
    loop {
        let published = Arc::clone(&toxics.borrow_and_update());
        let dial_at = start + dial_delay(route, &published, number, &mut affected);
        // Whoever changes the toxics waits until nobody works with the old ones.
        drop(published);
        if dial_at <= Instant::now() {
            break;
        }
        tokio::select! {
            () = route.timer.sleep_until(dial_at) => break,
            changed = toxics.changed() => changed.ok()?,
            () = departed(&client) => return None,
        }
    }
    if affected.is_empty() { Some(client) } else { client.into_std().ok().and_then(registered) }
}

/// The wait that these toxics impose on a connection before it is dialled; notes in `affected` which of them did.
fn dial_delay(
    route: &Route,
    published: &Published,
    number: u64,
    affected: &mut Vec<u64>,
) -> Duration {
    let mut total = Duration::ZERO;
    for toxic in Direction::BOTH.into_iter().flat_map(|direction| published.in_direction(direction))
    {
        let delay = (toxic.kind.dial_delay)(&toxic.attributes);
        if delay.is_zero() || !link_id(route, number, toxic.direction).chosen_by(toxic) {
            continue;
        }
        if !affected.contains(&toxic.id) {
            affected.push(toxic.id);
            Evidence::new(toxic.affected.clone()).affected(0);
        }
        total += delay;
    }
    total
}

/// Completes once the client has closed its side. What it sent before is left in the socket, but nobody would be told of it:
/// that takes a socket that is [`registered`] anew.
async fn departed(client: &TcpStream) {
    while let Ok(ready) = client.ready(Interest::READABLE).await {
        if ready.is_read_closed() {
            return;
        }
        // Forgets that data has come, so as to be woken by the next event and not at once.
        drop(client.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into())));
    }
}

/// The same socket, with what is readable now found out from here.
fn registered(client: std::net::TcpStream) -> Option<TcpStream> {
    match TcpStream::from_std(client) {
        Ok(client) => Some(client),
        Err(error) => {
            tracing::warn!(%error, "a client was lost");
            None
        }
    }
}

fn tune(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}

async fn join(route: &Route, pair: &Pair) -> Result<(), Reset> {
    tokio::try_join!(
        finish(link(route, pair, Direction::Upstream), &pair.upstream),
        finish(link(route, pair, Direction::Downstream), &pair.client),
    )?;
    Ok(())
}

fn link(route: &Route, pair: &Pair, direction: Direction) -> Link {
    let [up, down] = &route.traffic;
    let (source, destination, traffic) = match direction {
        Direction::Upstream => (&pair.client, &pair.upstream, up),
        Direction::Downstream => (&pair.upstream, &pair.client, down),
    };
    let (sender_left, receiver_left) = match direction {
        Direction::Upstream => (&pair.client_left, &pair.upstream_left),
        Direction::Downstream => (&pair.upstream_left, &pair.client_left),
    };
    Link {
        wire: Wire::new(Arc::clone(source), Arc::clone(destination), traffic.clone()),
        sender_left: Arc::clone(sender_left),
        receiver_left: Arc::clone(receiver_left),
        chain: Chain::new(link_id(route, pair.number, direction)),
        toxics: LinkToxics::new(direction, route.toxics.clone()),
        timer: route.timer.clone(),
        share: route.budget.share(),
    }
}

fn link_id(route: &Route, connection: u64, direction: Direction) -> LinkId {
    let proxy = route.proxy.clone();
    LinkId { seed: route.seed, proxy, connection, direction: direction.name() }
}

/// Runs one link. At its end its destination is closed altogether, as Toxiproxy does: half-open connections do not exist. The
/// other link reads from that socket, so it finds its source finished.
async fn finish(link: Link, destination: &TcpStream) -> Result<(), Reset> {
    match link.run().await {
        End::Reset => Err(Reset),
        End::Close => {
            // It fails where the peer has closed already, which is what was wanted.
            if let Err(error) = SockRef::from(destination).shutdown(std::net::Shutdown::Both) {
                tracing::trace!(%error, "already closed");
            }
            Ok(())
        }
    }
}
