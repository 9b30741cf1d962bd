//! The two sockets of a link, read and written without waiting for them; knows neither toxics nor the other direction.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;

use super::metrics::Traffic;
use super::queue::Queue;
use super::toxics::ONE_READ;

/// What one read takes when no toxic looks at it: more than [`ONE_READ`], since only throughput counts then.
pub const BULK_READ: usize = 4 * ONE_READ;

/// How much is done before others have their turn, in bytes; a write counts as some on top of what it writes.
const TURN: usize = 512 * 1024;
const WRITE_COST: usize = 16 * 1024;

thread_local! {
    /// Every read goes here first, so that an idle connection holds no buffer and a queued chunk no more than its size.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BULK_READ]);
}

/// Where a link reads and where it writes.
pub struct Wire {
    pub source: Arc<TcpStream>,
    pub destination: Arc<TcpStream>,
    traffic: Traffic,
    /// What has been done in this turn.
    work: usize,
}

/// What a read came to.
pub enum Read {
    /// Data that is still to be written; none if all of it has been.
    Data(Bytes),
    /// There is none at the moment.
    Nothing,
    /// The source sends nothing any more.
    Finished,
    /// The same, and it takes nothing any more either.
    Reset,
}

impl Wire {
    pub fn new(source: Arc<TcpStream>, destination: Arc<TcpStream>, traffic: Traffic) -> Self {
        Self { source, destination, traffic, work: 0 }
    }

    /// Whether others should have their turn now.
    pub fn had_its_turn(&self) -> bool {
        self.work >= TURN
    }

    pub fn begin_turn(&mut self) {
        self.work = 0;
    }

    /// Reads once, at most [`ONE_READ`].
    pub fn read(&mut self) -> Read {
        self.read_up_to(ONE_READ, |_, data| Bytes::copy_from_slice(data))
    }

    /// Passes data straight on as it comes; returns when there is something to do about it, or others should have their turn.
    /// While it waits nothing is set up anew. Cancelled, it loses nothing.
    ///
    /// It reads until there is nothing, since a read that does not fill its buffer may have stopped at urgent data.
    pub async fn pass(&mut self) -> Read {
        loop {
            if let Err(error) = self.source.readable().await {
                tracing::debug!(%error, "a read will tell what is wrong");
            }
            match self.read_up_to(BULK_READ, Self::write_at_once) {
                Read::Data(rest) if rest.is_empty() && !self.had_its_turn() => {}
                Read::Nothing => {}
                read => return read,
            }
        }
    }

    /// Writes the chunks of `output`, until the socket takes no more or others should have their turn; returns how many bytes
    /// it took.
    pub fn write(&mut self, output: &mut Queue) -> io::Result<usize> {
        let mut written = 0;
        while let Some(chunk) = output.front().filter(|_| !self.had_its_turn()) {
            match self.destination.try_write(&chunk.data) {
                Ok(len) => {
                    output.pop_up_to(len);
                    self.work += WRITE_COST + len;
                    written += len;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.traffic.sent.increment(written as u64);
        Ok(written)
    }

    fn read_up_to(&mut self, size: usize, take: fn(&mut Self, &[u8]) -> Bytes) -> Read {
        SCRATCH.with_borrow_mut(|scratch| match self.source.try_read(&mut scratch[..size]) {
            Ok(0) => Read::Finished,
            Ok(len) => {
                self.work += WRITE_COST + len;
                self.traffic.received.increment(len as u64);
                Read::Data(take(self, &scratch[..len]))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Read::Nothing,
            Err(error) => {
                tracing::debug!(%error, "the sender is gone");
                Read::Reset
            }
        })
    }

    /// Returns what the destination does not take now. A failed write is met again, and reported, when that is written.
    fn write_at_once(&mut self, data: &[u8]) -> Bytes {
        let written = self.destination.try_write(data).unwrap_or(0);
        self.traffic.sent.increment(written as u64);
        Bytes::copy_from_slice(&data[written..])
    }
}
