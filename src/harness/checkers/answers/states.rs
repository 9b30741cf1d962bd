//! States as answers told of them, against what had certainly happened before the question and can have happened before the answer.
//! A state never goes back: what was given up, sold, cancelled or over is never told as live again.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::wrong::{Wrong, other};
use crate::domain::{BookingState, ReservationState};
use crate::harness::checkers::possible::CLOCKS_APART_US;
use crate::harness::checkers::violations::at;
use crate::harness::recorder::{OpKind, Operation, Outcome, Told};

/// Moments of a kind of change, microseconds.
#[derive(Default)]
struct Changes {
    /// When it was first acknowledged.
    done_us: HashMap<Uuid, u64>,
    /// When what may have done it was first sent.
    sent_us: HashMap<Uuid, u64>,
}

impl Changes {
    fn add(&mut self, of: Uuid, op: &Operation) {
        let earliest = |moments: &mut HashMap<Uuid, u64>, us: u64| {
            let moment = moments.entry(of).or_insert(us);
            *moment = us.min(*moment);
        };
        earliest(&mut self.sent_us, op.invoked_us);
        if op.outcome == Outcome::Ok {
            earliest(&mut self.done_us, op.completed_us);
        }
    }

    /// When it was acknowledged, if before this was sent.
    fn done_before(&self, of: Uuid, op: &Operation) -> Option<u64> {
        self.done_us.get(&of).copied().filter(|done_us| *done_us < op.invoked_us)
    }

    /// Whether it may have happened before this was answered.
    fn may_have_happened(&self, of: Uuid, op: &Operation) -> bool {
        self.sent_us.get(&of).is_some_and(|sent_us| *sent_us < op.completed_us)
    }
}

/// What happened to reservations and bookings, as the clients know it.
pub struct Happened {
    /// Holds given up, by reservation.
    given_up: Changes,
    /// Holds paid for, by reservation.
    paid: Changes,
    /// Bookings cancelled.
    cancelled: Changes,
    /// Events cancelled.
    events: Changes,
    /// Reservations made by a hold, and when each was certainly over unless it was paid for, microseconds.
    over_us: HashMap<Uuid, u64>,
    /// Reservations that may have been extended.
    extended: HashSet<Uuid>,
    /// Who may have bought something that nobody knows of.
    unknown: HashSet<Uuid>,
}

impl Happened {
    /// Reads it from the history.
    pub fn read(history: &[Operation]) -> Self {
        let mut happened = Self {
            given_up: Changes::default(),
            paid: Changes::default(),
            cancelled: Changes::default(),
            events: Changes::default(),
            over_us: HashMap::new(),
            extended: HashSet::new(),
            unknown: HashSet::new(),
        };
        for op in history.iter().filter(|op| op.end() != Outcome::Fail) {
            match (op.op, op.reservation, op.booking) {
                (OpKind::Hold, Some(id), _) if op.outcome == Outcome::Ok => happened.held(id, op),
                (OpKind::Extend, Some(id), _) => drop(happened.extended.insert(id)),
                (OpKind::Cancel, Some(id), _) => happened.given_up.add(id, op),
                (OpKind::Confirm | OpKind::Book, Some(id), _) => happened.paid.add(id, op),
                (OpKind::Book, None, _) => drop(happened.unknown.insert(op.user)),
                (OpKind::CancelBooking, _, Some(id)) => happened.cancelled.add(id, op),
                (OpKind::CancelEvent, ..) => happened.events.add(op.event, op),
                _ => {}
            }
        }
        happened
    }

    /// The earliest answer that told of a hold says when it is over at the latest.
    fn held(&mut self, id: Uuid, op: &Operation) {
        let lasts_us = op.ttl_ms.map_or(u64::MAX, |ttl_ms| ttl_ms * 1_000 + CLOCKS_APART_US);
        let over_us = op.completed_us.saturating_add(lasts_us);
        let earliest = self.over_us.entry(id).or_insert(over_us);
        *earliest = over_us.min(*earliest);
    }

    /// What is wrong with the state in a row of this answer.
    pub fn what_is_wrong(&self, op: &Operation, told: &Told) -> Option<Wrong> {
        let (held, sold) = (ReservationState::Held.name(), BookingState::Confirmed.name());
        let state = told.state.as_str();
        match (op.op, told.booking) {
            // What is repeated, or read by its key, tells of the moment at which it was granted.
            (OpKind::Hold, _) | (OpKind::ReadKey, None) => must_be(state, held),
            (OpKind::Confirm | OpKind::Book, _) | (OpKind::ReadKey, Some(_)) => {
                must_be(state, sold)
            }
            (OpKind::Cancel, _) => must_be(state, ReservationState::Cancelled.name()),
            (OpKind::CancelBooking, _) => must_be(state, BookingState::Cancelled.name()),
            (_, Some(booking)) => self.wrong_booking(op, told, booking),
            (_, None) => self.wrong_hold(op, told),
        }
    }

    fn wrong_hold(&self, op: &Operation, told: &Told) -> Option<Wrong> {
        let id = told.reservation;
        match ReservationState::parse(&told.state) {
            Some(ReservationState::Held) => {
                let gone = self.given_up.done_before(id, op).map(|us| ("given up", us));
                let paid = || self.paid.done_before(id, op).map(|us| ("paid for", us));
                let may_be_longer = self.extended.contains(&id);
                let over = || {
                    let us = self.over_us.get(&id).filter(|us| **us < op.invoked_us)?;
                    (!may_be_longer).then_some(("over", *us))
                };
                stale(&told.state, gone.or_else(paid).or_else(over))
            }
            Some(ReservationState::Confirmed) => too_early(&told.state, self.may_be_sold(told, op)),
            Some(ReservationState::Cancelled) => {
                // A sale in one step gives its hold up by itself.
                let by_hold = self.over_us.contains_key(&id);
                let may_be = self.given_up.may_have_happened(id, op)
                    || self.events.may_have_happened(told.event, op);
                too_early(&told.state, may_be || !by_hold)
            }
            Some(ReservationState::Expired) => {
                let paid = self.paid.done_before(id, op).map(|us| ("paid for", us));
                let gone = || self.given_up.done_before(id, op).map(|us| ("given up", us));
                stale(&told.state, paid.or_else(gone))
            }
            None => Some(("other_state", format!("{:?}, which is none", told.state))),
        }
    }

    fn may_be_sold(&self, told: &Told, op: &Operation) -> bool {
        self.unknown.contains(&told.user) || self.paid.may_have_happened(told.reservation, op)
    }

    fn wrong_booking(&self, op: &Operation, told: &Told, id: Uuid) -> Option<Wrong> {
        let paid = || self.paid.done_before(told.reservation, op).map(|us| ("paid for", us));
        match BookingState::parse(&told.state) {
            Some(BookingState::Confirmed) => {
                let gone = self.cancelled.done_before(id, op).map(|us| ("cancelled", us));
                stale(&told.state, gone)
                    .or_else(|| too_early(&told.state, self.may_be_sold(told, op)))
            }
            Some(BookingState::Cancelled) => {
                let may_be = self.cancelled.may_have_happened(id, op)
                    || self.events.may_have_happened(told.event, op);
                too_early(&told.state, may_be)
            }
            // Of several payments of one hold only one comes through.
            Some(BookingState::Pending) => stale(&told.state, paid()),
            Some(BookingState::Expired) => None,
            None => Some(("other_state", format!("{:?}, which is none", told.state))),
        }
    }
}

fn must_be(state: &str, right: &str) -> Option<Wrong> {
    other("other_state", &right, &state)
}

fn stale(state: &str, since: Option<(&str, u64)>) -> Option<Wrong> {
    let (what, us) = since?;
    Some(("stale_state", format!("{state:?}, and it was {what} at {}", at(us))))
}

fn too_early(state: &str, may_be: bool) -> Option<Wrong> {
    (!may_be).then(|| ("other_state", format!("{state:?}, which nobody had asked for")))
}
