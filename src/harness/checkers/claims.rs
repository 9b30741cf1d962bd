//! What clients may claim: which seats they were told are theirs, and for how long that is certain. Believes neither the database nor the server's
//! clock, and judges nothing.
//!
//! Whoever was told that a seat is held or sold *certainly* has it from the moment of the answer until the earliest moment
//! at which it may have been lost: a cancel was sent for the hold or its booking, a payment was sent that was declined or of
//! which nobody knows why it did not succeed, or its TTL, counted from the sending of the first request with its key, was
//! over. A hold that was paid for in the end ends with its booking only. That a payment was refused for any other reason is
//! no excuse for letting the seats go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::wire::Reason;

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
    /// A payment was sent after which the server may have let the seats go.
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
                (OpKind::Confirm | OpKind::Book, Outcome::Fail | Outcome::Info)
                    if may_let_go(op) =>
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

/// Whether the seats may be let go after this payment, which did not succeed. What was never sent changes nothing, and of
/// the refusals only a declined card does.
fn may_let_go(payment: &Operation) -> bool {
    let was_sent = payment.end() == Outcome::Info || payment.status.is_some();
    was_sent && payment.known_reason().is_none_or(|reason| reason == Reason::PaymentDeclined)
}

impl Claims {
    /// Reads it from the history.
    pub fn read(history: &[Operation]) -> Self {
        let losses = Losses::read(history);
        let first_asked = first_asked(history);
        // One claim for each buyer and reservation, however many copies of the request were answered.
        let mut owned: BTreeMap<(Uuid, Uuid), (u64, u64, &Operation)> = BTreeMap::new();
        for op in history.iter().filter(|op| op.outcome == Outcome::Ok) {
            let Some(reservation) = op.reservation else { continue };
            let expires_us = match (op.op, op.ttl_ms) {
                (OpKind::Hold, Some(ttl_ms)) => {
                    asked_us(&first_asked, op).saturating_add(ttl_ms * 1_000)
                }
                // Without a TTL of the client's own only a payment makes a hold certain.
                (OpKind::Hold, None) => 0,
                (OpKind::Confirm | OpKind::Book, _) => u64::MAX,
                (
                    OpKind::Cancel
                    | OpKind::Extend
                    | OpKind::CancelBooking
                    | OpKind::CheckIn
                    | OpKind::CancelEvent
                    | OpKind::ReadReservation
                    | OpKind::ReadBooking
                    | OpKind::ReadTicket
                    | OpKind::ReadKey
                    | OpKind::ListReservations
                    | OpKind::ListBookings
                    | OpKind::ReadAvailability
                    | OpKind::ReadSeats,
                    _,
                ) => continue,
            };
            let until_us = losses.none_before(reservation, expires_us);
            let claim =
                owned.entry((op.user, reservation)).or_insert((op.completed_us, until_us, op));
            claim.0 = claim.0.min(op.completed_us);
        }
        let claims =
            owned.into_iter().flat_map(|((user, reservation), (from_us, until_us, op))| {
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

/// When the first request of each hold's key was sent: no copy of it can have taken effect before.
fn first_asked(history: &[Operation]) -> HashMap<(Uuid, &str), u64> {
    let mut first = HashMap::new();
    for op in history.iter().filter(|op| op.op == OpKind::Hold) {
        if let Some(key) = &op.key {
            let moment = first.entry((op.user, key.as_str())).or_insert(op.invoked_us);
            *moment = op.invoked_us.min(*moment);
        }
    }
    first
}

fn asked_us(first_asked: &HashMap<(Uuid, &str), u64>, hold: &Operation) -> u64 {
    let key = hold.key.as_deref().and_then(|key| first_asked.get(&(hold.user, key)));
    key.copied().unwrap_or(hold.invoked_us)
}
