//! Connections: accepted, bounded in number, in the size of their headers and in the time these take, and let go in order.
//! Knows nothing of what is served on them.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::Method;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::canned::{self, Intercept};
use super::layers::message::Unreadable;

/// How long accepting rests when the system has nothing left to accept with.
const REST: Duration = Duration::from_millis(500);

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Connections at once; more wait in the system's queue.
    pub connections: usize,
    /// Bytes of a request's line and headers, 8192 or more; larger ones are answered with 431.
    pub header_bytes: usize,
    /// How long a client may take to send them, may keep a connection without sending anything, and may leave an answer
    /// unread.
    pub header_timeout: Duration,
}

/// Serves until `stop` is cancelled; then idle connections end, and busy ones after their request.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: CancellationToken) {
    let permits = Arc::new(Semaphore::new(bounds.connections));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // The permit comes first: a connection above the bound waits in the system's queue.
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let (router, stop) = (router.clone(), stop.clone());
        connections.spawn(async move {
            serve_one((stream, peer), router, bounds, stop).await;
            drop(permit);
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) if is_of_one_connection(&error) => None,
        Err(error) => {
            tracing::error!(%error, "can't accept connections, resting");
            tokio::time::sleep(REST).await;
            None
        }
    }
}

/// The client's trouble, not ours.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn serve_one(
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    bounds: Bounds,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header_timeout)
        .max_header_size(bounds.header_bytes);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(bounds.header_timeout));
    let mut stream = Intercept::new(Box::pin(stream));
    let ended = {
        let mut connection = pin!(builder.serve_connection(TokioIo::new(&mut stream), service));
        tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    let (mut stream, mut kept) = stream.into_parts();
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
        if error.is_parse() {
            kept = in_place_of(&kept, router).await;
        }
    }
    let closed = async {
        stream.write_all(&kept).await?;
        stream.shutdown().await
    };
    if let Err(error) = closed.await {
        tracing::debug!(%error, "a connection broke at its end");
    }
}

/// What the router says of bytes that are no request, where hyper has said something by itself.
async fn in_place_of(canned: &[u8], router: Router) -> Vec<u8> {
    let Some(status) = canned::status_of(canned) else { return canned.to_vec() };
    let mut request = Request::new(Body::empty());
    // Whatever it was, it is none that metrics and the log know.
    *request.method_mut() = Method::from_bytes(b"-").unwrap_or_default();
    request.extensions_mut().insert(Unreadable(status));
    let (parts, body) = match router.oneshot(request).await {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    let date = canned::header(canned, "date").unwrap_or_default();
    let head = format!("HTTP/1.1 {}\r\nconnection: close\r\ndate: {date}\r\n", parts.status);
    let mut answer = head.into_bytes();
    for (name, value) in &parts.headers {
        answer.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    answer.extend(b"\r\n");
    answer.extend(to_bytes(body, usize::MAX).await.unwrap_or_default());
    answer
}
