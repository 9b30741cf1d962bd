//! A connection of the control API that ends when its client keeps it waiting; knows no HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// How long a connection may rest between requests, a request's head may take from its first byte on, and an answer may
/// wait for a client that takes no more of it: as long as in Toxiproxy.
const IDLE: Duration = Duration::from_mins(1);
const READ: Duration = Duration::from_secs(15);
const WRITE: Duration = Duration::from_secs(30);

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    NextRequest,
    RestOfRequest,
    /// The server is at work; its own timeouts count.
    Answer,
    Taker,
}

/// Wraps a client's socket.
pub struct Patient {
    stream: TcpStream,
    /// Whether a request has been read and is being served.
    serving: Arc<AtomicBool>,
    phase: Phase,
    patience: Pin<Box<Sleep>>,
}

impl Patient {
    pub fn new(stream: TcpStream, serving: Arc<AtomicBool>) -> Self {
        let patience = Box::pin(tokio::time::sleep(IDLE));
        Self { stream, serving, phase: Phase::NextRequest, patience }
    }

    fn enter(&mut self, phase: Phase, limit: Duration) {
        self.phase = phase;
        self.patience.as_mut().reset(Instant::now() + limit);
    }

    fn poll_patience<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.patience.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_written<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.phase == Phase::Taker {
                self.phase = Phase::Answer;
            }
            return written;
        }
        if self.phase != Phase::Taker {
            self.enter(Phase::Taker, WRITE);
        }
        self.poll_patience(context)
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.serving.load(Ordering::Relaxed) {
            self.phase = Phase::Answer;
            return read;
        }
        match self.phase {
            Phase::Taker => return read,
            Phase::Answer => self.enter(Phase::NextRequest, IDLE),
            Phase::NextRequest | Phase::RestOfRequest => {}
        }
        if read.is_ready() {
            if self.phase == Phase::NextRequest {
                self.enter(Phase::RestOfRequest, READ);
            }
            return read;
        }
        self.poll_patience(context)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, data);
        self.poll_written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, data);
        self.poll_written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
