//! What clients may claim: which seats they were told are theirs, and for how long that is certain. Believes neither the database nor the server's
//! clock, and judges nothing.
//!
//! Whoever was told that a seat is held or sold, by the answer to the request or by reading it later, *certainly* has it from
//! the moment of that answer until the earliest moment at which it may have been lost: a cancel was sent for the hold or its
//! booking, or its TTL, counted from the sending of the first request with its key, was over; twice the TTL where it was
//! extended. A hold that was paid for in the end ends with its booking only. That a payment was refused is no excuse for letting
//! the seats go, nor that the card was declined; unless the reason is none that we know.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::domain::{BookingState, ReservationState};
use crate::harness::recorder::{OpKind, Operation, Outcome};

/// A time in which a buyer certainly had a seat.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// The seat.
    pub seat: i64,
    /// Its event.
    pub event: Uuid,
    /// Who had it.
    pub user: Uuid,
    /// By which reservation.
    pub reservation: Uuid,
    /// From the answer that said so, microseconds.
    pub from_us: u64,
    /// Until it may have been lost.
    pub until_us: u64,
}

/// A seat in an acknowledged booking.
#[derive(Debug, Clone, Copy)]
pub struct Sale {
    /// The seat.
    pub seat: i64,
    /// Who bought it.
    pub user: Uuid,
    /// The booking.
    pub booking: Uuid,
    /// When it was acknowledged, microseconds.
    pub at_us: u64,
}

/// What clients may claim.
pub struct Claims {
    /// Times in which a buyer certainly had a seat, one for each buyer, reservation and seat.
    pub certain: Vec<Claim>,
    /// Seats in acknowledged bookings, by time; without those that may have been cancelled.
    pub sales: Vec<Sale>,
}

/// When a reservation may have been lost, microseconds.
struct Losses {
    /// A cancel, of the hold or of its booking, that may have taken effect was sent.
    cancelled: HashMap<Uuid, u64>,
    /// A payment was refused for a reason that nobody knows.
    unpaid: HashMap<Uuid, u64>,
    /// The reservation was paid for in the end.
    paid: BTreeSet<Uuid>,
}

impl Losses {
    fn read(history: &[Operation]) -> Self {
        let mut losses =
            Self { cancelled: HashMap::new(), unpaid: HashMap::new(), paid: BTreeSet::new() };
        for op in history {
            let Some(reservation) = op.reservation else { continue };
            let earliest = match (op.op, op.end()) {
                (OpKind::Cancel | OpKind::CancelBooking, Outcome::Ok | Outcome::Info) => {
                    &mut losses.cancelled
                }
                (OpKind::Confirm | OpKind::Book, Outcome::Ok) => {
                    losses.paid.insert(reservation);
                    continue;
                }
                (OpKind::Confirm | OpKind::Book, Outcome::Fail)
                    if op.status.is_some() && op.known_reason().is_none() =>
                {
                    &mut losses.unpaid
                }
                _ => continue,
            };
            let moment = earliest.entry(reservation).or_insert(u64::MAX);
            *moment = op.invoked_us.min(*moment);
        }
        losses
    }

    /// Until when a reservation was certainly not lost, if its TTL was over no earlier than `expires_us`.
    fn none_before(&self, reservation: Uuid, expires_us: u64) -> u64 {
        let never = u64::MAX;
        let cancelled = self.cancelled.get(&reservation).copied().unwrap_or(never);
        if self.paid.contains(&reservation) {
            return cancelled;
        }
        cancelled.min(self.unpaid.get(&reservation).copied().unwrap_or(never)).min(expires_us)
    }
}

impl Claims {
    /// Reads it from the history.
    pub fn read(history: &[Operation]) -> Self {
        let (losses, lasting) = (Losses::read(history), Lasting::read(history));
        // One claim for each buyer and reservation, however many copies of the request were answered.
        let mut owned: BTreeMap<(Uuid, Uuid), Owned<'_>> = BTreeMap::new();
        for op in history.iter().filter(|op| op.op.grants() && op.end() == Outcome::Ok) {
            let Some(reservation) = op.reservation else { continue };
            let until_us = losses.none_before(reservation, lasting.until_us(op));
            let mine = owned.entry((op.user, reservation));
            let mine = mine.or_insert(Owned { from_us: u64::MAX, until_us, op });
            if op.outcome == Outcome::Ok {
                mine.from_us = op.completed_us.min(mine.from_us);
            }
        }
        let answers = history.iter().filter(|op| op.outcome == Outcome::Ok);
        let told = answers.flat_map(|op| op.told.iter().map(move |told| (op.completed_us, told)));
        for (at_us, told) in told.filter(|(_, told)| is_theirs(&told.state)) {
            if let Some(mine) = owned.get_mut(&(told.user, told.reservation)) {
                mine.from_us = at_us.min(mine.from_us);
            }
        }
        let claims = owned.into_iter().flat_map(|((user, reservation), owned)| {
            let Owned { from_us, until_us, op } = owned;
            op.seats.iter().map(move |seat| Claim {
                seat: *seat,
                event: op.event,
                user,
                reservation,
                from_us,
                until_us,
            })
        });
        let certain = claims.filter(|claim| claim.from_us < claim.until_us).collect();
        Self { certain, sales: sales(history, &losses) }
    }
}

/// What a buyer has by a reservation.
struct Owned<'a> {
    /// When an answer first said so, microseconds.
    from_us: u64,
    /// Until it may have been lost, microseconds.
    until_us: u64,
    /// By which request.
    op: &'a Operation,
}

/// Whether who is told of this state has the seats.
fn is_theirs(state: &str) -> bool {
    [ReservationState::Held.name(), BookingState::Confirmed.name()].contains(&state)
}

/// How long holds last at least.
struct Lasting<'a> {
    /// When the first request of each hold's key was sent: no copy of it can have taken effect before.
    first_asked: HashMap<(Uuid, &'a str), u64>,
    /// Reservations that were extended for certain.
    extended: BTreeSet<Uuid>,
}

impl<'a> Lasting<'a> {
    fn read(history: &'a [Operation]) -> Self {
        let (mut first_asked, mut extended) = (HashMap::new(), BTreeSet::new());
        for op in history {
            match (op.op, &op.key) {
                (OpKind::Hold, Some(key)) => {
                    let first = first_asked.entry((op.user, key.as_str())).or_insert(op.invoked_us);
                    *first = op.invoked_us.min(*first);
                }
                (OpKind::Extend, _) if op.outcome == Outcome::Ok => extended.extend(op.reservation),
                _ => {}
            }
        }
        Self { first_asked, extended }
    }

    /// The earliest end of what this request made, microseconds; of what is sold there is none.
    fn until_us(&self, op: &Operation) -> u64 {
        if op.op.sells() {
            return u64::MAX;
        }
        // Without a TTL of the client's own only a payment makes a hold certain.
        let Some(ttl_ms) = op.ttl_ms else { return 0 };
        let is_extended = op.reservation.is_some_and(|id| self.extended.contains(&id));
        let lasts_us = ttl_ms * 1_000 * if is_extended { 2 } else { 1 };
        let key = op.key.as_deref().and_then(|key| self.first_asked.get(&(op.user, key)));
        key.copied().unwrap_or(op.invoked_us).saturating_add(lasts_us)
    }
}

/// Seats in bookings that were acknowledged, at once or when settling, each booking once, by time; without those that
/// may have been cancelled.
fn sales(history: &[Operation], losses: &Losses) -> Vec<Sale> {
    let mut bookings: BTreeMap<Uuid, &Operation> = BTreeMap::new();
    for op in history.iter().filter(|op| op.op.sells() && op.end() == Outcome::Ok) {
        let cancelled =
            op.reservation.is_some_and(|reservation| losses.cancelled.contains_key(&reservation));
        if let Some(booking) = op.booking.filter(|_| !cancelled) {
            let earliest = bookings.entry(booking).or_insert(op);
            if op.completed_us < earliest.completed_us {
                *earliest = op;
            }
        }
    }
    let seats = bookings.into_iter().flat_map(|(booking, op)| {
        op.seats.iter().map(move |seat| Sale {
            seat: *seat,
            user: op.user,
            booking,
            at_us: op.completed_us,
        })
    });
    let mut sales: Vec<Sale> = seats.collect();
    sales.sort_by_key(|sale| sale.at_us);
    sales
}
