//! One direction of one connection: reads a socket, runs the data through the toxics, writes the other socket; knows
//! neither the control API nor the other direction.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::budget::Share;
use super::chain::Chain;
use super::published::Published;
use super::queue::End;
use super::timer::Timer;
use super::toxic::Direction;
use super::toxics::ONE_READ;
use super::wire::{Read, Wire};

/// Everything one direction works with.
pub struct Link {
    pub wire: Wire,
    /// Told when the source has finished.
    pub sender_left: Arc<Departure>,
    /// Tells when the destination has finished sending: as half-open connections do not exist, it has left.
    pub receiver_left: Arc<Departure>,
    pub chain: Chain,
    pub toxics: LinkToxics,
    pub timer: Timer,
    pub share: Share,
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
    /// No toxic looked at what was read.
    Passed(Read),
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
            if self.wire.had_its_turn() {
                self.give_way().await;
            }
            match self.toxics.changes.has_changed() {
                Ok(true) => self.toxics.follow(&mut self.chain),
                Ok(false) => {}
                Err(_closed) => return End::Close,
            }
            let next = self.chain.advance(Instant::now());
            match self.wire.write(self.chain.output()) {
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
                self.give_way().await;
                continue;
            }
            match self.event(reading, next).await {
                Event::Passed(read) => reading = self.take(read),
                Event::Readable => reading = self.read(),
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
    async fn give_way(&mut self) {
        self.wire.begin_turn();
        tokio::task::yield_now().await;
    }

    /// Waits for the first thing to happen that can make a difference now.
    async fn event(&mut self, reading: bool, next: Option<Instant>) -> Event {
        let passes = reading && self.chain.is_empty();
        let may_read = reading && !passes && self.chain.has_room() && self.may_read();
        let may_write = !self.chain.output().is_empty();
        let Wire { source, destination, .. } = &self.wire;
        let (source, destination) = (Arc::clone(source), Arc::clone(destination));
        // An error on either socket shows up in the read or write that follows. What comes first is rare, and matters to
        // what comes last.
        tokio::select! {
            biased;
            changed = self.toxics.changes.changed() => match changed {
                Ok(()) => Event::ToxicsChanged,
                Err(_closed) => Event::ProxyGone,
            },
            () = self.receiver_left.told.notified() => Event::ReceiverLeft,
            () = due(&self.timer, next) => Event::Due,
            _ = destination.writable(), if may_write => Event::Writable,
            read = self.wire.pass(), if passes => Event::Passed(read),
            _ = source.readable(), if may_read => Event::Readable,
        }
    }

    /// Whether the memory for another read may be taken.
    fn may_read(&mut self) -> bool {
        self.share.may_read(self.chain.held(), ONE_READ)
    }

    /// Reads once; false when the source is finished.
    fn read(&mut self) -> bool {
        // Since this link was allowed to wait for data, thousands of others may have read.
        let read = if self.may_read() { self.wire.read() } else { Read::Nothing };
        self.take(read)
    }

    /// Queues what was read; false when the source is finished, which is then passed on.
    fn take(&mut self, read: Read) -> bool {
        match read {
            Read::Data(data) => {
                self.chain.push(data, Instant::now());
                self.share.record(self.chain.held());
                return true;
            }
            Read::Nothing => return true,
            Read::Reset => self.sender_left.is_reset.store(true, Ordering::Relaxed),
            Read::Finished => {}
        }
        self.chain.finish();
        self.sender_left.told.notify_one();
        false
    }
}

async fn due(timer: &Timer, deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => timer.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
