//! One direction of one connection: reads a socket, runs the data through the toxics, writes the other socket; knows
//! neither the control API nor the other direction.

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use super::budget::Share;
use super::chain::Chain;
use super::metrics::Traffic;
use super::published::Published;
use super::queue::End;
use super::timer::Timer;
use super::toxic::Direction;
use super::toxics::ONE_READ;

/// What one read takes when no toxic looks at it: more than [`ONE_READ`], since only throughput counts then.
const BULK_READ: usize = 4 * ONE_READ;

/// How much a link does before others have their turn, in bytes; a write counts as some on top of what it writes.
const TURN: usize = 512 * 1024;
const WRITE_COST: usize = 16 * 1024;

thread_local! {
    /// Every read goes here first, so that an idle connection holds no buffer and a queued chunk no more than its size.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BULK_READ]);
}

/// Everything one direction works with.
pub struct Link {
    pub source: Arc<TcpStream>,
    pub destination: Arc<TcpStream>,
    /// Told when the source has finished.
    pub sender_left: Arc<Departure>,
    /// Tells when the destination has finished sending: as half-open connections do not exist, it has left.
    pub receiver_left: Arc<Departure>,
    /// What this link has done in its turn.
    pub work: usize,
    pub chain: Chain,
    pub toxics: LinkToxics,
    pub timer: Timer,
    pub share: Share,
    pub traffic: Traffic,
}

/// That one side of a connection has finished, told from the link that reads from it to the one that writes to it.
#[derive(Default)]
pub struct Departure {
    told: Notify,
    /// Whether it was reset: then it takes nothing any more, too.
    is_reset: AtomicBool,
}

/// The toxics a link has to work with, as they change.
pub struct LinkToxics {
    direction: Direction,
    changes: watch::Receiver<Arc<Published>>,
    /// Kept until the next version is in place: the control API waits for the last holder of a version to let go of it.
    current: Arc<Published>,
}

enum Event {
    Readable,
    Writable,
    Due,
    ToxicsChanged,
    ReceiverLeft,
    ProxyGone,
}

impl LinkToxics {
    pub fn new(direction: Direction, mut changes: watch::Receiver<Arc<Published>>) -> Self {
        let current = Arc::clone(&changes.borrow_and_update());
        Self { direction, changes, current }
    }

    /// Brings the chain in line with the latest version.
    fn follow(&mut self, chain: &mut Chain) {
        // In this order: the old version is let go of only when the chain follows the new one.
        let latest = Arc::clone(&self.changes.borrow_and_update());
        let old = std::mem::replace(&mut self.current, latest);
        self.apply(chain);
        drop(old);
    }

    fn apply(&self, chain: &mut Chain) {
        chain.apply(self.current.in_direction(self.direction), Instant::now());
    }
}

impl Link {
    /// Carries data until the stream has ended and everything before the end is written, or can no longer be.
    pub async fn run(mut self) -> End {
        let mut reading = true;
        self.toxics.apply(&mut self.chain);
        loop {
            self.take_turns().await;
            match self.toxics.changes.has_changed() {
                Ok(true) => self.toxics.follow(&mut self.chain),
                Ok(false) => {}
                Err(_closed) => return End::Close,
            }
            let next = self.chain.advance(Instant::now());
            match self.write() {
                Ok(0) => {}
                // There is room now that a toxic may have been waiting for.
                Ok(_written) => continue,
                Err(error) => {
                    tracing::debug!(%error, "the receiver is gone");
                    return End::Close;
                }
            }
            match self.chain.output().end() {
                Some(End::Reset) => return End::Reset,
                Some(End::Close) if self.chain.output().is_empty() => return End::Close,
                Some(End::Close) | None => {}
            }
            if self.chain.needs_another_turn() {
                self.work = TURN;
                continue;
            }
            match self.event(reading, next).await {
                Event::Readable => reading = self.read_on(),
                Event::ToxicsChanged => self.toxics.follow(&mut self.chain),
                Event::ReceiverLeft if self.receiver_left.is_reset.load(Ordering::Relaxed) => {
                    return End::Close;
                }
                Event::ReceiverLeft => self.chain.receiver_left(),
                Event::Writable | Event::Due => {}
                Event::ProxyGone => return End::Close,
            }
        }
    }

    /// Lets others run after a while, also when there is always more to do.
    async fn take_turns(&mut self) {
        if self.work >= TURN {
            self.work = 0;
            tokio::task::yield_now().await;
        }
    }

    /// Waits for the first thing to happen that can make a difference now.
    async fn event(&mut self, reading: bool, next: Option<Instant>) -> Event {
        let may_read = reading && self.chain.has_room() && self.may_read();
        let may_write = !self.chain.output().is_empty();
        // An error on either socket shows up in the read or write that follows.
        tokio::select! {
            changed = self.toxics.changes.changed() => match changed {
                Ok(()) => Event::ToxicsChanged,
                Err(_closed) => Event::ProxyGone,
            },
            () = self.receiver_left.told.notified() => Event::ReceiverLeft,
            () = due(&self.timer, next) => Event::Due,
            _ = self.destination.writable(), if may_write => Event::Writable,
            _ = self.source.readable(), if may_read => Event::Readable,
        }
    }

    /// Whether the memory for another read may be taken.
    fn may_read(&mut self) -> bool {
        self.share.may_read(self.chain.held(), self.read_size())
    }

    /// Reads once; false when the source is finished, which is then passed on.
    fn read_on(&mut self) -> bool {
        let reading = self.read();
        if !reading {
            self.chain.finish();
            self.sender_left.told.notify_one();
        }
        reading
    }

    /// Reads once; false when the source is finished.
    fn read(&mut self) -> bool {
        // Since this link was allowed to wait for data, thousands of others may have read.
        if !self.may_read() {
            return true;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let len = match self.source.try_read(&mut scratch[..self.read_size()]) {
                Ok(0) => return false,
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) => {
                    tracing::debug!(%error, "the sender is gone");
                    self.sender_left.is_reset.store(true, Ordering::Relaxed);
                    return false;
                }
            };
            self.work += WRITE_COST + len;
            self.traffic.received.increment(len as u64);
            self.take(&scratch[..len]);
            self.share.record(self.chain.held());
            true
        })
    }

    /// Most bytes the next read takes.
    fn read_size(&self) -> usize {
        if self.chain.is_empty() { BULK_READ } else { ONE_READ }
    }

    /// Writes straight through where nothing holds data back; queues the rest.
    fn take(&mut self, data: &[u8]) {
        // A failed write is met again, and reported, when the queue is written.
        let written =
            if self.chain.is_empty() { self.destination.try_write(data).unwrap_or(0) } else { 0 };
        self.traffic.sent.increment(written as u64);
        self.chain.push(Bytes::copy_from_slice(&data[written..]), Instant::now());
    }

    /// Writes what is ready, until the socket takes no more or others should have their turn; returns how many bytes it took.
    fn write(&mut self) -> io::Result<usize> {
        let output = self.chain.output();
        let mut written = 0;
        while let Some(chunk) = output.front().filter(|_| self.work < TURN) {
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
}

async fn due(timer: &Timer, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => timer.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
