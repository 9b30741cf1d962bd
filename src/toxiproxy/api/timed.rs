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

/// How long a client may keep a connection waiting.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Between requests.
    pub idle: Duration,
    /// For the rest of a request's head, from its first byte on.
    pub read: Duration,
    /// To take more of an answer.
    pub write: Duration,
}

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
    limits: Limits,
    phase: Phase,
    patience: Pin<Box<Sleep>>,
}

impl Patient {
    pub fn new(stream: TcpStream, serving: Arc<AtomicBool>, limits: Limits) -> Self {
        let patience = Box::pin(tokio::time::sleep(limits.idle));
        Self { stream, serving, limits, phase: Phase::NextRequest, patience }
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
            let limit = self.limits.write;
            self.enter(Phase::Taker, limit);
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
            Phase::Answer => {
                let limit = self.limits.idle;
                self.enter(Phase::NextRequest, limit);
            }
            Phase::NextRequest | Phase::RestOfRequest => {}
        }
        if read.is_ready() {
            if self.phase == Phase::NextRequest {
                let limit = self.limits.read;
                self.enter(Phase::RestOfRequest, limit);
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(40);
    const LONG: Duration = Duration::from_mins(5);

    async fn pair(limits: Limits) -> (TcpStream, Patient, Arc<AtomicBool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let serving = Arc::new(AtomicBool::new(false));
        (client, Patient::new(server, Arc::clone(&serving), limits), serving)
    }

    async fn next_byte(patient: &mut Patient) -> Result<u8, io::ErrorKind> {
        let read = tokio::time::timeout(Duration::from_secs(5), patient.read_u8()).await;
        read.expect("it waits for ever").map_err(|error| error.kind())
    }

    async fn trickle(client: &mut TcpStream) {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 4).await;
        }
    }

    async fn until_cut_off(patient: &mut Patient) {
        while next_byte(patient).await.is_ok() {}
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_let_go() {
        let (_client, mut patient, _) = pair(Limits { idle: SHORT, read: LONG, write: LONG }).await;
        assert_eq!(next_byte(&mut patient).await, Err(io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn half_a_request_is_waited_for_from_its_first_byte_on() {
        let limits = Limits { idle: LONG, read: 3 * SHORT, write: LONG };
        let (mut client, mut patient, _) = pair(limits).await;
        let start = Instant::now();
        let trickle = trickle(&mut client);
        let wait = until_cut_off(&mut patient);
        tokio::select! {
            () = trickle => panic!("the client was cut off first"),
            // Bytes that come keep the connection, but it ends at the first pause after the limit.
            () = wait => assert!(start.elapsed() >= 3 * SHORT),
            () = tokio::time::sleep(Duration::from_secs(5)) => panic!("it waits for ever"),
        }
    }

    #[tokio::test]
    async fn the_servers_own_time_does_not_count_and_a_new_request_has_all_of_its() {
        let limits = Limits { idle: 2 * SHORT, read: SHORT, write: LONG };
        let (mut client, mut patient, serving) = pair(limits).await;
        client.write_all(b"request").await.unwrap();
        patient.read_exact(&mut [0; 7]).await.unwrap();
        serving.store(true, Ordering::Relaxed);
        let quiet = tokio::time::timeout(4 * SHORT, patient.read_u8()).await;
        assert!(quiet.is_err(), "the client was blamed for the server's time");
        serving.store(false, Ordering::Relaxed);
        let start = Instant::now();
        assert_eq!(next_byte(&mut patient).await, Err(io::ErrorKind::TimedOut));
        assert!(start.elapsed() >= 2 * SHORT);
    }

    #[tokio::test]
    async fn a_client_that_takes_no_answer_is_let_go() {
        let (_client, mut patient, serving) =
            pair(Limits { idle: LONG, read: LONG, write: SHORT }).await;
        serving.store(true, Ordering::Relaxed);
        let answer = vec![0; 32 * 1024 * 1024];
        let written =
            tokio::time::timeout(Duration::from_secs(5), patient.write_all(&answer)).await;
        assert_eq!(written.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
