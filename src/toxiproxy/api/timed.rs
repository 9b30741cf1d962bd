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
pub struct Timeouts {
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
    /// The client takes none of the answer.
    ClientReads,
}

/// A client's socket that ends where the client exceeds a timeout.
pub struct TimedStream {
    stream: TcpStream,
    /// Whether a request has been read and is being served.
    serving: Arc<AtomicBool>,
    timeouts: Timeouts,
    phase: Phase,
    timeout: Pin<Box<Sleep>>,
}

impl TimedStream {
    pub fn new(stream: TcpStream, serving: Arc<AtomicBool>, timeouts: Timeouts) -> Self {
        let timeout = Box::pin(tokio::time::sleep(timeouts.idle));
        Self { stream, serving, timeouts, phase: Phase::NextRequest, timeout }
    }

    fn enter(&mut self, phase: Phase, limit: Duration) {
        self.phase = phase;
        self.timeout.as_mut().reset(Instant::now() + limit);
    }

    fn poll_timeout<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        ready!(self.timeout.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_written<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.phase == Phase::ClientReads {
                self.phase = Phase::Answer;
            }
            return written;
        }
        if self.phase != Phase::ClientReads {
            let limit = self.timeouts.write;
            self.enter(Phase::ClientReads, limit);
        }
        self.poll_timeout(context)
    }
}

impl AsyncRead for TimedStream {
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
            Phase::ClientReads => return read,
            Phase::Answer => {
                let limit = self.timeouts.idle;
                self.enter(Phase::NextRequest, limit);
            }
            Phase::NextRequest | Phase::RestOfRequest => {}
        }
        if read.is_ready() {
            if self.phase == Phase::NextRequest {
                let limit = self.timeouts.read;
                self.enter(Phase::RestOfRequest, limit);
            }
            return read;
        }
        self.poll_timeout(context)
    }
}

impl AsyncWrite for TimedStream {
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

    async fn pair(timeouts: Timeouts) -> (TcpStream, TimedStream, Arc<AtomicBool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let serving = Arc::new(AtomicBool::new(false));
        (client, TimedStream::new(server, Arc::clone(&serving), timeouts), serving)
    }

    async fn next_byte(stream: &mut TimedStream) -> Result<u8, io::ErrorKind> {
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_u8()).await;
        read.expect("it waits for ever").map_err(|error| error.kind())
    }

    async fn trickle(client: &mut TcpStream) {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 4).await;
        }
    }

    async fn until_cut_off(stream: &mut TimedStream) {
        while next_byte(stream).await.is_ok() {}
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_let_go() {
        let (_client, mut stream, _) =
            pair(Timeouts { idle: SHORT, read: LONG, write: LONG }).await;
        assert_eq!(next_byte(&mut stream).await, Err(io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn half_a_request_is_waited_for_from_its_first_byte_on() {
        let timeouts = Timeouts { idle: LONG, read: 3 * SHORT, write: LONG };
        let (mut client, mut stream, _) = pair(timeouts).await;
        let start = Instant::now();
        let trickle = trickle(&mut client);
        let wait = until_cut_off(&mut stream);
        tokio::select! {
            () = trickle => panic!("the client was cut off first"),
            // Bytes that come keep the connection, but it ends at the first pause after the limit.
            () = wait => assert!(start.elapsed() >= 3 * SHORT),
            () = tokio::time::sleep(Duration::from_secs(5)) => panic!("it waits for ever"),
        }
    }

    #[tokio::test]
    async fn the_servers_own_time_does_not_count_and_a_new_request_has_all_of_its() {
        let timeouts = Timeouts { idle: 2 * SHORT, read: SHORT, write: LONG };
        let (mut client, mut stream, serving) = pair(timeouts).await;
        client.write_all(b"request").await.unwrap();
        stream.read_exact(&mut [0; 7]).await.unwrap();
        serving.store(true, Ordering::Relaxed);
        let quiet = tokio::time::timeout(4 * SHORT, stream.read_u8()).await;
        assert!(quiet.is_err(), "the client was blamed for the server's time");
        serving.store(false, Ordering::Relaxed);
        let start = Instant::now();
        assert_eq!(next_byte(&mut stream).await, Err(io::ErrorKind::TimedOut));
        assert!(start.elapsed() >= 2 * SHORT);
    }

    #[tokio::test]
    async fn a_client_that_takes_no_answer_is_let_go() {
        let (_client, mut stream, serving) =
            pair(Timeouts { idle: LONG, read: LONG, write: SHORT }).await;
        serving.store(true, Ordering::Relaxed);
        let answer = vec![0; 32 * 1024 * 1024];
        let written = tokio::time::timeout(Duration::from_secs(5), stream.write_all(&answer)).await;
        assert_eq!(written.unwrap().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
