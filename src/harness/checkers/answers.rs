//! `answers`: what an answer says of a reservation or a booking is what the database holds, and what was asked for. Whether a
//! booking is there at all is another checker's matter.

use std::collections::HashMap;
use std::fmt::Debug;

use uuid::Uuid;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{counted, grouped};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{Operation, Told};
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::{Audit, BookingRow, ReservationRow};

/// The checker.
#[derive(Debug)]
pub struct Answers;

impl Checker for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn summary(&self) -> &'static str {
        "what buyers were told of their holds and bookings is what is stored"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is an answer.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (history, stored) = (evidence.history()?, Stored::read(evidence.audit()?));
        let granted = history.iter().filter(|op| op.op.grants());
        let told = granted.filter_map(|op| Some((op, op.told_of_it()?)));
        let (mut violations, mut holds, mut bookings) = (Violations::default(), 0_u64, 0_u64);
        for (op, told) in told {
            let wrong = if let Some(booking) = op.booking {
                bookings += 1;
                stored.bookings.get(&booking).and_then(|row| wrong_booking(op, told, row))
            } else {
                holds += 1;
                wrong_hold(op, told, stored.reservations.get(&told.reservation).copied())
            };
            if let Some(wrong) = wrong {
                violations.add(1, violation(op, told, wrong));
            }
        }
        let nothing = "no answer told anybody of a hold or a booking";
        Ok(violations.result(self.name(), holds + bookings, nothing, || {
            format!(
                "{} about holds and {} about bookings, each as stored",
                counted(holds, "answer"),
                grouped(bookings)
            )
        }))
    }
}

/// What the database holds, by id.
struct Stored<'a> {
    reservations: HashMap<Uuid, &'a ReservationRow>,
    bookings: HashMap<Uuid, &'a BookingRow>,
}

impl<'a> Stored<'a> {
    fn read(audit: &'a Audit) -> Self {
        Self {
            reservations: audit.reservations.iter().map(|row| (row.id, row)).collect(),
            bookings: audit.bookings.iter().map(|row| (row.id, row)).collect(),
        }
    }
}

type Wrong = (&'static str, String);

fn wrong_hold(op: &Operation, told: &Told, row: Option<&ReservationRow>) -> Option<Wrong> {
    let Some(row) = row else {
        return Some(("hold_not_stored", "and there is no such reservation".to_owned()));
    };
    other("other_state", &"held", &told.state.as_str())
        .or_else(|| other("other_buyer", &row.user_id, &told.user))
        .or_else(|| other("other_event", &row.event_id, &told.event))
        .or_else(|| other("other_seats", &row.seat_ids, &op.seats))
        .or_else(|| other("other_total", &row.total_cents, &told.total_cents))
        .or_else(|| other("other_end", &Some(row.expires_at), &told.expires_at))
        .or_else(|| not_asked_for(op, told))
}

fn wrong_booking(op: &Operation, told: &Told, row: &BookingRow) -> Option<Wrong> {
    other("other_state", &"confirmed", &told.state.as_str())
        .or_else(|| other("other_buyer", &row.user_id, &told.user))
        .or_else(|| other("other_event", &row.event_id, &told.event))
        .or_else(|| other("other_reservation", &row.reservation_id, &told.reservation))
        .or_else(|| other("other_seats", &row.seat_ids, &op.seats))
        .or_else(|| other("other_tickets", &row.tickets, &told.tickets))
        .or_else(|| other("other_total", &row.total_cents, &told.total_cents))
        .or_else(|| not_asked_for(op, told))
}

/// Whether the answer tells somebody else, or of another event or reservation, than the request was about.
fn not_asked_for(op: &Operation, told: &Told) -> Option<Wrong> {
    let reservation = op.reservation.unwrap_or(told.reservation);
    other(
        "not_asked_for",
        &(op.user, op.event, reservation),
        &(told.user, told.event, told.reservation),
    )
}

fn other<T: PartialEq + Debug>(kind: &'static str, right: &T, told: &T) -> Option<Wrong> {
    (right != told).then(|| (kind, format!("{told:?}, and it is {right:?}")))
}

fn violation(op: &Operation, told: &Told, (kind, what): Wrong) -> Violation {
    let text = format!(
        "buyer {} was told of {}, {}: {what}",
        op.user,
        match op.booking {
            Some(booking) => format!("booking {booking}"),
            None => format!("reservation {}", told.reservation),
        },
        kind.replace('_', " ")
    );
    Violation {
        seats: op.seats.clone(),
        reservations: vec![told.reservation],
        bookings: op.booking.into_iter().collect(),
        users: vec![op.user],
        keys: op.key.clone().into_iter().collect(),
        ..Violation::new(kind, text)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::Answers;
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::checkers::judge;
    use crate::harness::recorder::fixtures::user;
    use crate::harness::recorder::{OpKind, Told};
    use crate::harness::summary::{CheckResult, CheckVerdict};

    fn check(case: &Case) -> CheckResult {
        judge(&Answers, case.collected())
    }

    /// The first answer of this kind says something else.
    fn fails(op: OpKind, change: impl FnOnce(&mut Told), kind: &str) {
        let mut case = Case::honest_sale();
        let op = case.history.iter_mut().find(|each| each.op == op).unwrap();
        change(&mut op.told[0]);
        caught(&case, kind);
    }

    fn caught(case: &Case, kind: &str) {
        let result = check(case);
        assert_eq!(
            (result.verdict, result.violations),
            (CheckVerdict::Fail, 1),
            "{kind}: {result:?}"
        );
        assert!(result.violation_kinds.contains_key(kind), "{kind}: {result:?}");
    }

    #[test]
    fn every_answer_is_judged() {
        assert_eq!(
            check(&Case::honest_sale()).detail,
            "20 answers about holds and 20 about bookings, each as stored"
        );
    }

    #[test]
    fn an_answer_that_says_other_than_what_is_stored_fails() {
        for op in [OpKind::Hold, OpKind::Confirm] {
            fails(op, |told| told.total_cents -= 1, "other_total");
            fails(op, |told| told.state = "expired".to_owned(), "other_state");
            fails(op, |told| told.user = user(99), "other_buyer");
            fails(op, |told| told.event = Uuid::nil(), "other_event");
        }
        fails(
            OpKind::Hold,
            |told| *told.expires_at.as_mut().unwrap() += time::Duration::SECOND,
            "other_end",
        );
        fails(OpKind::Confirm, |told| told.tickets.swap(0, 1), "other_tickets");
        fails(OpKind::Confirm, |told| told.reservation = Uuid::nil(), "other_reservation");
        let mut case = Case::honest_sale();
        case.history[0].seats = vec![1];
        caught(&case, "other_seats");
    }

    #[test]
    fn a_granted_hold_has_its_row() {
        let mut case = Case::honest_sale();
        case.audit.reservations.remove(3);
        caught(&case, "hold_not_stored");
    }

    #[test]
    fn what_is_stored_right_and_told_to_the_wrong_one_fails() {
        let mut case = Case::honest_sale();
        case.history[1].user = user(99);
        caught(&case, "not_asked_for");
    }
}
