//! `refusals`: a no is a promise, too. Nobody is told that seats are taken that nobody can have had, that tickets are sold out
//! while enough were left throughout, that a limit is reached that certainly was not, that nothing is on sale when it was, or that
//! a booking can't be given back to which nothing had happened.
//!
//! What may have been is taken as wide as it can be (see `possible`), from the sending of the first request of a key to the
//! answer: so an answer that is repeated is judged by all of that time.

/// Refusals that are about a booking.
mod bookings;
/// What is said of one.
mod judged;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use uuid::Uuid;

use self::bookings::Bookings;
use self::judged::Judged;
use super::tickets::Tickets;
use super::violations::{Violations, at};
use super::{Checker, Evidence, Undeclared, possible};
use crate::domain::{Holds, counted, grouped};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::epoch::micros;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::Audit;
use crate::wire::Reason;

/// The checker.
#[derive(Debug)]
pub struct Refusals;

impl Checker for Refusals {
    fn name(&self) -> &'static str {
        "refusals"
    }

    fn summary(&self) -> &'static str {
        "nobody was refused what nothing stood in the way of"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is a request.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (history, audit) = (evidence.history()?, evidence.audit()?);
        if !evidence.is_whole() {
            return Ok(CheckResult::unknown(
                self.name(),
                "requests were sent of which there is no record",
            ));
        }
        let possible = possible::read(history);
        let causes = Causes::read(evidence, history, audit, Tickets::read(&possible));
        let mut violations = Violations::default();
        let (mut answered, mut refused) = (0_u64, 0_u64);
        let bookings = Bookings::read(history);
        let asks =
            |op: &&Operation| matches!(op.op, OpKind::Hold | OpKind::Book | OpKind::CancelBooking);
        for op in history.iter().filter(asks) {
            answered += u64::from(op.outcome != Outcome::Info && op.status.is_some());
            let judged = match op.op {
                OpKind::CancelBooking => bookings.judge(op),
                _ => causes.judge(op),
            };
            let Some(judged) = judged else { continue };
            refused += 1;
            if let Judged::WithoutCause(why) = judged {
                violations.add(1, violation(op, &why));
            }
        }
        let nothing = "no request for tickets was answered";
        Ok(violations.result(self.name(), answered, nothing, || {
            format!(
                "{} for or about tickets, {} refused for a cause that there may have been",
                counted(answered, "answered request"),
                grouped(refused)
            )
        }))
    }
}

/// What may have been the cause of a refusal.
struct Causes<'a> {
    tickets: Tickets<'a>,
    /// When the first request of each key was sent, microseconds.
    first_asked: HashMap<(Uuid, &'a str), u64>,
    /// When a cancellation of an event that may have taken effect was first sent, microseconds.
    cancelled: HashMap<Uuid, u64>,
    /// The same of a deletion.
    deleted: HashMap<Uuid, u64>,
    /// Seats of each event, sorted.
    seats: BTreeMap<Uuid, Vec<i64>>,
    /// What tells how many tickets of an event one user may have.
    evidence: Evidence<'a>,
    /// How long a sale in one step holds its seats, where the servers do as is usual.
    one_step_ttl: Option<Duration>,
    /// What one user may hold, where the servers have the usual bounds.
    bounds: Option<Holds>,
}

impl<'a> Causes<'a> {
    fn read(
        evidence: &Evidence<'a>,
        history: &'a [Operation],
        audit: &Audit,
        tickets: Tickets<'a>,
    ) -> Self {
        let (mut first_asked, mut cancelled, mut deleted) =
            (HashMap::new(), HashMap::new(), HashMap::new());
        for op in history {
            if let Some(key) = &op.key {
                let first = first_asked.entry((op.user, key.as_str())).or_insert(op.invoked_us);
                *first = op.invoked_us.min(*first);
            }
            let went = match op.op {
                OpKind::CancelEvent => &mut cancelled,
                OpKind::DeleteEvent => &mut deleted,
                _ => continue,
            };
            if op.end() != Outcome::Fail {
                let first = went.entry(op.event).or_insert(op.invoked_us);
                *first = op.invoked_us.min(*first);
            }
        }
        let mut seats: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        for seat in &audit.seats {
            seats.entry(seat.event_id).or_default().push(seat.id);
        }
        for seats in seats.values_mut() {
            seats.sort_unstable();
        }
        Self {
            tickets,
            first_asked,
            cancelled,
            deleted,
            seats,
            evidence: *evidence,
            one_step_ttl: evidence.plan().hold_ttl().map(|(_, ttl)| ttl),
            bounds: evidence.bounds(),
        }
    }

    /// None for what is no refusal, or for a reason that is not judged here.
    fn judge(&self, op: &Operation) -> Option<Judged> {
        if op.outcome != Outcome::Fail {
            return None;
        }
        let first_us = op.key.as_deref().and_then(|key| self.first_asked.get(&(op.user, key)));
        let time = (first_us.copied().unwrap_or(op.invoked_us), op.completed_us);
        let asked = op.quantity.map_or(op.seats.len() as u64, u64::from);
        let seats = self.seats.get(&op.event).map_or(&[][..], Vec::as_slice);
        let without_cause = match op.known_reason()? {
            Reason::SeatUnavailable => {
                let taken = |seat: &i64| self.tickets.may_be_taken(op.event, *seat, time);
                (!op.seats.is_empty() && !op.seats.iter().any(taken))
                    .then(|| "nobody can have had them".to_owned())
            }
            Reason::SoldOut => {
                let taken = self.tickets.at_most(op.event, time);
                (seats.len() as u64 >= taken.saturating_add(asked))
                    .then(|| format!("at most {taken} of {} were taken", seats.len()))
            }
            Reason::TicketLimit => {
                let has = self.tickets.of_user(op, time).tickets;
                let limit = self.evidence.limit_of(op.event);
                limit
                    .is_none_or(|limit| has.saturating_add(asked) <= u64::from(limit))
                    .then(|| format!("the buyer had at most {has} tickets"))
            }
            Reason::HoldLimit => {
                let has = self.tickets.of_user(op, time);
                let count = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
                let with_it = Holds {
                    holds: count(has.claims.saturating_add(1)),
                    seats: count(has.tickets.saturating_add(asked)),
                };
                self.bounds.is_some_and(|bounds| bounds.allow(with_it)).then(|| {
                    format!("the buyer had at most {} tickets in {} holds", has.tickets, has.claims)
                })
            }
            Reason::NotOnSale | Reason::SalesEnded => {
                let may_be = self.cancelled.get(&op.event).is_some_and(|sent| *sent < time.1);
                (!may_be).then(|| "the event was on sale".to_owned())
            }
            Reason::SeatIds => op
                .seats
                .iter()
                .all(|seat| seats.binary_search(seat).is_ok())
                .then(|| "they are the event's".to_owned()),
            // Of a sale in one step; of holds, the end is known, and judged with it.
            Reason::Refunded | Reason::ReservationEnded => {
                let lasts_us = self.one_step_ttl.map_or(0, micros);
                let is_over = time.1 - time.0 >= lasts_us;
                let may_be = self.cancelled.get(&op.event).is_some_and(|sent| *sent < time.1);
                (!is_over && !may_be)
                    .then(|| "nothing can have taken the seats back before it was paid".to_owned())
            }
            Reason::NotFound => {
                let may_be = self.deleted.get(&op.event).is_some_and(|sent| *sent < time.1);
                (!seats.is_empty() && !may_be).then(|| "the event is there".to_owned())
            }
            _ => return None,
        };
        Some(without_cause.map_or(Judged::MayHaveCause, Judged::WithoutCause))
    }
}

fn violation(op: &Operation, why: &str) -> Violation {
    let wanted = match (op.op, op.quantity) {
        (OpKind::CancelBooking, _) => "to give their booking back".to_owned(),
        (_, Some(quantity)) => counted(quantity, "ticket"),
        (_, None) => format!("seats {:?}", op.seats),
    };
    let reason = op.reason.as_deref().unwrap_or_default();
    let text = format!(
        "buyer {} was refused {wanted} at {}, {reason}, and {why}",
        op.user,
        at(op.completed_us)
    );
    Violation {
        seats: op.seats.clone(),
        events: vec![op.event],
        users: vec![op.user],
        keys: op.key.iter().cloned().collect(),
        ..Violation::new("refused_without_cause", text)
    }
}

#[cfg(test)]
mod tests;
