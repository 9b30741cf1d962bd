//! Serves HTTP on a listener: connections bounded in number and in the time they take, ended soon when told to stop; knows
//! nothing of what is asked.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::timed::{TimedStream, Timeouts};
use crate::toxiproxy::descriptors::CONTROL_CONNECTIONS_MAX;

/// How long requests in flight may take to end once the server is to stop.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// As long as Toxiproxy's server waits.
const TIMEOUTS: Timeouts = Timeouts {
    idle: Duration::from_mins(1),
    read: Duration::from_secs(15),
    write: Duration::from_secs(30),
};
/// Pause after a failed accept.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`, and then until every request in flight has ended or [`STOP_TIMEOUT`] is over.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_ended) = connections.join_next() => {}
            stream = accept(&listener), if connections.len() < CONTROL_CONNECTIONS_MAX => {
                let Some(stream) = stream else { continue };
                connections.spawn(serve_one(stream, router.clone(), stop.clone()));
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_err() {
        tracing::warn!("gave up waiting for requests in flight");
    }
}

async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => Some(stream),
        Err(error) => {
            tracing::warn!(%error, "the control API can't accept a connection, and tries again");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn serve_one(stream: TcpStream, router: Router, stop: CancellationToken) {
    if let Err(error) = end_of(stream, router, stop).await {
        tracing::debug!(%error, "a connection to the control API broke");
    }
}

async fn end_of(stream: TcpStream, router: Router, stop: CancellationToken) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let serving = Arc::new(AtomicBool::new(false));
    let stream = TimedStream::new(stream, Arc::clone(&serving), TIMEOUTS);
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, serving) = (router.clone(), Arc::clone(&serving));
        serving.store(true, Ordering::Relaxed);
        async move {
            let answer = router.oneshot(request.map(Body::new)).await;
            serving.store(false, Ordering::Relaxed);
            answer
        }
    });
    let mut connection =
        pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    ended.map_err(io::Error::other)
}
