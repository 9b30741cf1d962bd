//! The data between two stages of a link: chunks, in order, and how the stream ends; knows neither sockets nor time.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

/// Most memory a queued chunk costs on top of its bytes: its place in a queue with room to grow, and the allocation.
const CHUNK_OVERHEAD: usize = 128;

/// Chunks that may come in one turn.
const TURN: usize = 256;

/// What one read of the socket gave: not a packet and not a message.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub data: Bytes,
    /// When the chunk counts as having arrived; a toxic that delays it moves this, so that delays add up.
    pub arrived: Instant,
}

/// How a stream of chunks ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// In order: what is queued is delivered, then the connection closes.
    Close,
    /// At once, with a TCP reset to both peers.
    Reset,
}

/// A bounded queue: a stage that finds it full stops, and the stop spreads back to the sender's socket.
#[derive(Debug)]
pub struct Queue {
    chunks: VecDeque<Chunk>,
    cost: usize,
    capacity: usize,
    taken: u64,
    /// Chunks put in since [`Queue::begin_turn`].
    pushed: usize,
    end: Option<End>,
}

impl Queue {
    /// Takes chunks while they cost less than `capacity` bytes together, so it overshoots by one chunk at most.
    pub fn new(capacity: usize) -> Self {
        Self { chunks: VecDeque::new(), cost: 0, capacity, taken: 0, pushed: 0, end: None }
    }

    /// Whether another chunk may be pushed, in this turn.
    pub fn has_room(&self) -> bool {
        self.cost < self.capacity && !self.had_its_turn()
    }

    /// Lets so many more chunks in: what is done without a pause is bounded, however small the chunks are.
    pub fn begin_turn(&mut self) {
        self.pushed = 0;
    }

    /// Whether as many chunks as may come in one turn have come.
    pub fn had_its_turn(&self) -> bool {
        self.pushed >= TURN
    }

    /// Bytes of memory held, payload and bookkeeping.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// How often something was taken out: tells whether a stage made progress.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub fn front(&self) -> Option<&Chunk> {
        self.chunks.front()
    }

    /// Adds a chunk; an empty one, or one after the end, vanishes.
    pub fn push(&mut self, chunk: Chunk) {
        if self.end.is_some() || chunk.data.is_empty() {
            return;
        }
        self.cost += cost(&chunk);
        self.pushed += 1;
        self.chunks.push_back(chunk);
    }

    pub fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.cost -= cost(&chunk);
        self.taken += 1;
        Some(chunk)
    }

    /// Takes at most `len` bytes off the first chunk; the rest stays first.
    pub fn pop_up_to(&mut self, len: usize) -> Option<Chunk> {
        let front = self.chunks.front_mut()?;
        if front.data.len() <= len {
            return self.pop();
        }
        self.cost -= len;
        self.taken += 1;
        Some(Chunk { data: front.data.split_to(len), arrived: front.arrived })
    }

    /// Drops everything queued and returns how many bytes of payload that was.
    pub fn discard(&mut self) -> usize {
        self.cost = 0;
        self.taken += self.chunks.len() as u64;
        self.chunks.drain(..).map(|chunk| chunk.data.len()).sum()
    }

    /// How the stream ends, once its source is known to be finished; chunks may still be queued.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Nothing is pushed after this. A reset overtakes a close, never the other way round.
    pub fn finish(&mut self, end: End) {
        if self.end != Some(End::Reset) {
            self.end = Some(end);
        }
    }

    /// Puts everything `other` holds behind what this queue holds, its end included.
    pub fn append(&mut self, mut other: Self) {
        if self.end.is_none() {
            self.cost += other.cost;
            self.chunks.append(&mut other.chunks);
        }
        if let Some(end) = other.end {
            self.finish(end);
        }
    }
}

fn cost(chunk: &Chunk) -> usize {
    chunk.data.len() + CHUNK_OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(data: &'static [u8]) -> Chunk {
        Chunk { data: Bytes::from_static(data), arrived: Instant::now() }
    }

    #[test]
    fn cost_follows_every_way_in_and_out() {
        let mut queue = Queue::new(CHUNK_OVERHEAD + 7);
        queue.push(chunk(b"abcdef"));
        assert!(queue.has_room());
        queue.push(chunk(b"ghi"));
        assert!(!queue.has_room());
        assert_eq!(queue.pop_up_to(4).unwrap().data, "abcd");
        assert_eq!(queue.cost(), 5 + 2 * CHUNK_OVERHEAD);
        assert_eq!(queue.pop_up_to(4).unwrap().data, "ef");
        assert_eq!(queue.discard(), 3);
        assert_eq!(queue.cost(), 0);
    }

    #[test]
    fn nothing_follows_the_end_and_a_reset_wins() {
        let mut queue = Queue::new(100);
        queue.finish(End::Close);
        queue.push(chunk(b"late"));
        assert!(queue.is_empty());
        queue.finish(End::Reset);
        queue.finish(End::Close);
        assert_eq!(queue.end(), Some(End::Reset));
    }

    #[test]
    fn appending_keeps_the_order_and_takes_over_the_end() {
        let mut first = Queue::new(100);
        first.push(chunk(b"a"));
        let mut second = Queue::new(100);
        second.push(chunk(b"b"));
        second.finish(End::Close);
        first.append(second);
        let data: Vec<_> = std::iter::from_fn(|| first.pop()).map(|chunk| chunk.data).collect();
        assert_eq!(data, ["a", "b"]);
        assert_eq!(first.end(), Some(End::Close));
    }
}
