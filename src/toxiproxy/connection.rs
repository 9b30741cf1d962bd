//! One client from accept to close: dials the upstream and joins two links; knows nothing of the proxy's lifecycle.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::toxiproxy::budget::Budget;
use crate::toxiproxy::chain::Chain;
use crate::toxiproxy::link::{Link, LinkToxics};
use crate::toxiproxy::metrics::{Connections, Traffic};
use crate::toxiproxy::proxy::Published;
use crate::toxiproxy::queue::End;
use crate::toxiproxy::random::LinkId;
use crate::toxiproxy::timer::Timer;
use crate::toxiproxy::toxic::Direction;
use crate::toxiproxy::toxics::Evidence;

/// How long the upstream may take to accept.
const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(15);

/// What all connections of one running proxy share.
pub struct Route {
    pub proxy: String,
    pub upstream: String,
    pub seed: u64,
    pub timer: Timer,
    pub budget: Budget,
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
}

/// A link asked for both sockets to be reset.
struct Reset;

/// Serves the `number`th client of the proxy until both directions have ended.
pub async fn serve(route: &Route, client: TcpStream, number: u64) {
    let upstream = match dial(route, number).await {
        Ok(upstream) => upstream,
        Err(error) => {
            tracing::debug!(proxy = route.proxy, upstream = route.upstream, %error, "dial failed");
            route.connections.dial_failures.increment(1);
            return;
        }
    };
    for socket in [&client, &upstream] {
        if let Err(error) = tune(socket) {
            tracing::debug!(%error, "socket options not set");
        }
    }
    let pair = Pair { client: Arc::new(client), upstream: Arc::new(upstream), number };
    if let Err(Reset) = join(route, &pair).await {
        for socket in [&pair.client, &pair.upstream] {
            // Closing with no linger time is what sends a reset instead of an orderly end.
            if let Err(error) = socket.set_zero_linger() {
                tracing::debug!(%error, "closing in order instead of resetting");
            }
        }
    }
}

async fn dial(route: &Route, number: u64) -> io::Result<TcpStream> {
    let delay = dial_delay(route, number);
    if !delay.is_zero() {
        route.timer.sleep_until(Instant::now() + delay).await;
    }
    match tokio::time::timeout(DIAL_TIMEOUT, TcpStream::connect(&route.upstream)).await {
        Ok(result) => result,
        Err(elapsed) => Err(elapsed.into()),
    }
}

/// The wait that the proxy's toxics impose on this connection before it is dialled.
fn dial_delay(route: &Route, number: u64) -> Duration {
    let published = Arc::clone(&route.toxics.borrow());
    let mut total = Duration::ZERO;
    for toxic in Direction::BOTH.into_iter().flat_map(|direction| published.in_direction(direction))
    {
        let delay = (toxic.kind.dial_delay)(&toxic.attributes);
        let mut random = link_id(route, number, toxic.direction).stream(&toxic.name);
        if delay.is_zero() || random.random::<f32>() >= toxic.toxicity {
            continue;
        }
        Evidence::new(toxic.affected.clone()).affected(0);
        total += delay;
    }
    total
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
    Link {
        source: Arc::clone(source),
        destination: Arc::clone(destination),
        chain: Chain::new(link_id(route, pair.number, direction)),
        toxics: LinkToxics::new(direction, route.toxics.clone()),
        timer: route.timer.clone(),
        share: route.budget.share(),
        traffic: traffic.clone(),
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
