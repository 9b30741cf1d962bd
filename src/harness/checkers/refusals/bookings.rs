//! Bookings that certainly were confirmed: nobody is refused to give one of theirs back, but for something that may have happened
//! to it.

use std::collections::HashMap;

use uuid::Uuid;

use super::judged::Judged;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::wire::Reason;

/// When what may have taken effect was first sent, microseconds, by what it was about.
type FirstSent<Key> = HashMap<Key, u64>;

/// What happened to bookings.
#[derive(Debug, Default)]
pub struct Bookings {
    /// Whose each is, and when somebody first knew it, microseconds.
    sold: HashMap<Uuid, (Uuid, u64)>,
    cancelled: FirstSent<Uuid>,
    /// A ticket of it was shown at the door.
    shown: FirstSent<Uuid>,
    /// Its event was cancelled.
    events: FirstSent<Uuid>,
}

impl Bookings {
    /// Reads it from the history.
    pub fn read(history: &[Operation]) -> Self {
        let mut found = Self::default();
        for op in history {
            if let (OpKind::Confirm | OpKind::Book, Outcome::Ok, Some(booking)) =
                (op.op, op.outcome, op.booking)
            {
                let (_, known_us) = found.sold.entry(booking).or_insert((op.user, op.completed_us));
                *known_us = op.completed_us.min(*known_us);
            }
            found.note(op);
        }
        found
    }

    /// Keeps what may excuse refusals.
    fn note(&mut self, op: &Operation) {
        if op.end() == Outcome::Fail {
            return;
        }
        match (op.op, op.booking) {
            (OpKind::CancelEvent, _) => first(&mut self.events, op.event, op),
            (OpKind::CancelBooking, Some(booking)) => first(&mut self.cancelled, booking, op),
            (OpKind::CheckIn, Some(booking)) => first(&mut self.shown, booking, op),
            _ => {}
        }
    }

    /// None for what is no refusal to the owner of a booking known to be confirmed, or for a reason that is not judged here.
    pub fn judge(&self, op: &Operation) -> Option<Judged> {
        let booking = op.booking?;
        let (owner, known_us) = self.sold.get(&booking)?;
        let is_known = op.user == *owner && *known_us < op.invoked_us;
        if op.outcome != Outcome::Fail || !is_known {
            return None;
        }
        let before = |sent: Option<&u64>| sent.is_some_and(|sent_us| *sent_us < op.completed_us);
        let may_be = match op.known_reason()? {
            Reason::TicketUsed => before(self.shown.get(&booking)),
            Reason::BookingEnded | Reason::EventOver => {
                before(self.cancelled.get(&booking)) || before(self.events.get(&op.event))
            }
            Reason::NotFound | Reason::NotOwner | Reason::Role => false,
            _ => return None,
        };
        Some(if may_be {
            Judged::MayHaveCause
        } else {
            Judged::WithoutCause(
                "the booking was confirmed, and nothing had happened to it".to_owned(),
            )
        })
    }
}

fn first<Key: std::hash::Hash + Eq>(sent: &mut FirstSent<Key>, key: Key, op: &Operation) {
    let first = sent.entry(key).or_insert(op.invoked_us);
    *first = op.invoked_us.min(*first);
}
