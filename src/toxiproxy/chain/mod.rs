//! The toxics of one link, one behind the other, with a queue in front of each; knows no sockets.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;

use super::queue::{Chunk, End, Queue};
use super::random::LinkId;
use super::toxic::Toxic;
use super::toxics::{Evidence, ONE_READ, Pipe, Stage};

/// Data enters at the first toxic's queue and is ready to be written once it reaches `output`.
pub struct Chain {
    link: LinkId,
    slots: Vec<Slot>,
    output: Queue,
    /// Whether the receiver has closed its side: nobody waits for the end of this stream.
    receiver_left: bool,
}

struct Slot {
    toxic: Arc<Toxic>,
    /// Whether the toxicity chose this link; a spared one passes data untouched.
    active: bool,
    stage: Box<dyn Stage>,
    input: Queue,
    random: ChaCha8Rng,
    evidence: Evidence,
}

impl Chain {
    pub fn new(link: LinkId) -> Self {
        Self { link, slots: Vec::new(), output: Queue::new(ONE_READ), receiver_left: false }
    }

    /// Whether data goes straight through.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.output.is_empty()
    }

    /// What is ready to be written.
    pub fn output(&mut self) -> &mut Queue {
        &mut self.output
    }

    pub fn has_room(&self) -> bool {
        self.slots.first().map_or(&self.output, |slot| &slot.input).has_room()
    }

    /// Bytes of memory held in all queues together.
    pub fn held(&self) -> usize {
        self.slots.iter().map(|slot| slot.input.cost()).sum::<usize>() + self.output.cost()
    }

    pub fn push(&mut self, data: Bytes, arrived: Instant) {
        self.entry().push(Chunk { data, arrived });
    }

    /// The source is finished: nothing more will be pushed.
    pub fn finish(&mut self) {
        self.entry().finish(End::Close);
    }

    /// The receiver has closed its side.
    pub fn receiver_left(&mut self) {
        self.receiver_left = true;
    }

    /// Moves data as far as it may go now; returns when there is something to do again, if time alone brings it about. Many
    /// small chunks are moved in several turns: see [`Chain::needs_another_turn`].
    pub fn advance(&mut self, now: Instant) -> Option<Instant> {
        self.queues().for_each(Queue::begin_turn);
        loop {
            let before = self.taken();
            let mut next = None;
            for index in 0..self.slots.len() {
                next = earliest(next, self.advance_slot(index, now));
            }
            // Each pass with progress takes at least one chunk out of a finite amount, so this ends.
            if self.taken() == before {
                return next;
            }
        }
    }

    /// Whether there is more to do now, once others have had their turn.
    pub fn needs_another_turn(&self) -> bool {
        self.slots.iter().any(|slot| slot.input.had_its_turn()) || self.output.had_its_turn()
    }

    /// Brings the chain in line with `toxics`, which are in the order they were created: drops those that are gone and
    /// delivers what they held, updates those that changed, appends new ones.
    pub fn apply<'a>(&mut self, toxics: impl Iterator<Item = &'a Arc<Toxic>>, now: Instant) {
        let toxics: Vec<_> = toxics.collect();
        for index in (0..self.slots.len()).rev() {
            let id = self.slots[index].toxic.id;
            match toxics.binary_search_by_key(&id, |toxic| toxic.id) {
                Ok(found) => self.update(index, toxics[found], now),
                Err(_) => self.remove(index),
            }
        }
        let newest = self.slots.last().map(|slot| slot.toxic.id);
        let new = toxics.into_iter().filter(|toxic| newest.is_none_or(|id| toxic.id > id));
        self.slots.extend(new.map(|toxic| Slot::new(toxic, &self.link)));
    }

    fn queues(&mut self) -> impl Iterator<Item = &mut Queue> {
        self.slots.iter_mut().map(|slot| &mut slot.input).chain([&mut self.output])
    }

    fn entry(&mut self) -> &mut Queue {
        self.slots.first_mut().map_or(&mut self.output, |slot| &mut slot.input)
    }

    fn taken(&self) -> u64 {
        self.slots.iter().map(|slot| slot.input.taken()).sum()
    }

    fn advance_slot(&mut self, index: usize, now: Instant) -> Option<Instant> {
        let (before, after) = self.slots.split_at_mut(index + 1);
        let slot = before.last_mut()?;
        let output = after.first_mut().map_or(&mut self.output, |next| &mut next.input);
        if output.end().is_some() {
            // The stage closed the link early: what still arrives goes nowhere.
            slot.input.discard();
            return None;
        }
        let mut pipe = Pipe {
            now,
            input: &mut slot.input,
            output,
            attributes: &slot.toxic.attributes,
            random: &mut slot.random,
            evidence: &mut slot.evidence,
            receiver_left: self.receiver_left,
        };
        let mut next = None;
        if slot.active {
            next = slot.stage.advance(&mut pipe);
        } else {
            pipe.pass();
        }
        if pipe.output.end() == Some(End::Reset) {
            // A reset does not queue behind data that other toxics hold back.
            self.output.finish(End::Reset);
        }
        next
    }

    fn update(&mut self, index: usize, toxic: &Arc<Toxic>, now: Instant) {
        let slot = &mut self.slots[index];
        if slot.toxic.revision == toxic.revision {
            return;
        }
        let was_active = slot.active;
        slot.update(toxic, &self.link, now);
        if was_active && !slot.active && slot.stage.has_hole() {
            self.output_of(index).finish(End::Close);
        }
    }

    fn output_of(&mut self, index: usize) -> &mut Queue {
        self.slots.get_mut(index + 1).map_or(&mut self.output, |slot| &mut slot.input)
    }

    fn remove(&mut self, index: usize) {
        let slot = self.slots.remove(index);
        let next = self.slots.get_mut(index).map_or(&mut self.output, |slot| &mut slot.input);
        if slot.active && slot.stage.closes_on_removal() {
            next.finish(End::Close);
        } else {
            next.append(slot.input);
        }
    }
}

impl Slot {
    fn new(toxic: &Arc<Toxic>, link: &LinkId) -> Self {
        Self {
            active: link.chosen_by(toxic),
            stage: (toxic.stages)(),
            input: Queue::new(toxic.kind.capacity),
            random: link.stream(&toxic.name),
            evidence: Evidence::new(toxic.affected.clone()),
            toxic: Arc::clone(toxic),
        }
    }

    fn update(&mut self, toxic: &Arc<Toxic>, link: &LinkId, now: Instant) {
        self.toxic = Arc::clone(toxic);
        self.stage.interrupt(now);
        self.active = link.chosen_by(toxic);
    }
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
