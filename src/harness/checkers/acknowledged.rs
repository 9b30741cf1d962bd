//! `acknowledged-bookings`: what a client was told about its payment is so. A booking that was acknowledged exists, is
//! confirmed, and is that client's with those seats; a payment that was refused for certain made no booking. Knows nothing
//! of other clients.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::violations::{Violations, counted};
use super::{CheckResult, Checker, Evidence};
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::storage::audit::BookingRow;

/// The checker.
#[derive(Debug)]
pub struct AcknowledgedBookings;

impl Checker for AcknowledgedBookings {
    fn name(&self) -> &'static str {
        "acknowledged-bookings"
    }

    fn summary(&self) -> &'static str {
        "every booking told to a client is in the database, and none that was refused"
    }

    /// A violation is a booking.
    fn check(&self, evidence: &Evidence<'_>) -> CheckResult {
        let rows: HashMap<Uuid, &BookingRow> =
            evidence.audit.bookings.iter().map(|row| (row.id, row)).collect();
        let confirms = || evidence.history.iter().filter(|op| op.op == OpKind::Confirm);
        let mut violations = Violations::default();
        // Copies and retries acknowledge the same booking; all of what they say is checked, each lie once.
        let mut acknowledged: BTreeMap<Uuid, Option<String>> = BTreeMap::new();
        for op in confirms().filter(|op| op.end() == Outcome::Ok) {
            match op.booking {
                Some(booking) => {
                    let lie = acknowledged.entry(booking).or_default();
                    *lie = lie
                        .take()
                        .or_else(|| what_is_wrong(op, booking, rows.get(&booking).copied()));
                }
                None => violations
                    .add(1, format!("buyer {} was acknowledged a booking without an id", op.user)),
            }
        }
        let count = acknowledged.len();
        for lie in acknowledged.into_values().flatten() {
            violations.add(2, lie);
        }
        for what in refused_yet_booked(confirms(), evidence) {
            violations.add(1, what);
        }
        violations.result(self.name(), || {
            if count == 0 {
                return CheckResult::unknown(self.name(), "no booking was acknowledged");
            }
            let detail = format!(
                "{} of {}",
                counted(count, "acknowledged booking"),
                counted(rows.len(), "booking")
            );
            CheckResult::pass(self.name(), format!("{detail} in the database"))
        })
    }
}

fn what_is_wrong(op: &Operation, booking: Uuid, row: Option<&BookingRow>) -> Option<String> {
    let told = format!("booking {booking} of buyer {}, acknowledged,", op.user);
    let Some(row) = row else { return Some(format!("{told} is not in the database")) };
    let mut seats = op.seats.clone();
    seats.sort_unstable();
    if row.state != "confirmed" {
        Some(format!("{told} is {} in the database", row.state))
    } else if row.user_id != op.user {
        Some(format!("{told} is buyer {}'s in the database", row.user_id))
    } else if row.seat_ids != seats {
        Some(format!("{told} has seats {seats:?} and in the database {:?}", row.seat_ids))
    } else if op.reservation.is_some_and(|reservation| reservation != row.reservation_id) {
        Some(format!(
            "{told} was made from another reservation, {}, in the database",
            row.reservation_id
        ))
    } else {
        None
    }
}

/// Bookings whose every payment request was refused for certain: the client walked away from seats that it was sold.
fn refused_yet_booked<'a>(
    confirms: impl Iterator<Item = &'a Operation>,
    evidence: &'a Evidence<'_>,
) -> impl Iterator<Item = String> + 'a {
    let mut all_refused: HashMap<(Uuid, &str), bool> = HashMap::new();
    for op in confirms {
        if let Some(key) = &op.key {
            let refused = all_refused.entry((op.user, key)).or_insert(true);
            *refused &= op.end() == Outcome::Fail;
        }
    }
    let confirmed = evidence.audit.bookings.iter().filter(|row| row.state == "confirmed");
    let contradicted = confirmed.filter(move |row| {
        all_refused.get(&(row.user_id, row.idempotency_key.as_str())).copied().unwrap_or(false)
    });
    contradicted
        .map(|row| format!("booking {} exists, and buyer {} was refused it", row.id, row.user_id))
}

#[cfg(test)]
mod tests {
    use super::AcknowledgedBookings;
    use crate::harness::checkers::crafted::Case;
    use crate::harness::checkers::{CheckResult, CheckVerdict, Checker as _};
    use crate::harness::recorder::crafted::{booking, ended, reservation, user};
    use crate::harness::recorder::{OpKind, Operation, Outcome};

    fn check(case: &Case) -> CheckResult {
        AcknowledgedBookings.check(&case.evidence())
    }

    fn fails(break_it: impl FnOnce(&mut Case), word: &str) {
        let mut case = Case::honest_sale();
        break_it(&mut case);
        let result = check(&case);
        assert_eq!(
            (result.verdict, result.violations),
            (CheckVerdict::Fail, 1),
            "{word}: {result:?}"
        );
        assert!(result.detail.contains(word), "{word} in {}", result.detail);
    }

    #[test]
    fn a_booking_that_was_promised_and_is_not_there_fails() {
        fails(|case| drop(case.audit.bookings.remove(4)), "is not in the database");
        fails(|case| "expired".clone_into(&mut case.audit.bookings[4].state), "is expired");
    }

    #[test]
    fn a_booking_of_somebody_else_or_of_other_seats_fails() {
        fails(|case| case.audit.bookings[4].user_id = user(99), &format!("buyer {}'s", user(99)));
        fails(|case| case.audit.bookings[4].seat_ids = vec![1], "has seats [9, 10]");
        fails(
            |case| case.audit.bookings[4].reservation_id = reservation(77),
            "another reservation",
        );
    }

    #[test]
    fn a_refused_payment_that_booked_fails_and_an_unknown_one_does_not() {
        let confirm_of = |case: &mut Case, outcome| {
            let op = case.history.iter_mut().find(|op| op.op == OpKind::Confirm).unwrap();
            *op = ended(op.clone(), outcome);
        };
        fails(|case| confirm_of(case, Outcome::Fail), "was refused it");
        let mut case = Case::honest_sale();
        confirm_of(&mut case, Outcome::Info);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn what_settling_found_counts_as_told() {
        let settled = |case: &mut Case, id| {
            let op = case.history.iter_mut().find(|op| op.op == OpKind::Confirm).unwrap();
            let lost = ended(op.clone(), Outcome::Info);
            *op = Operation { settled: Some(Outcome::Ok), booking: Some(id), ..lost };
        };
        fails(|case| settled(case, booking(900)), "is not in the database");
        let mut case = Case::honest_sale();
        settled(&mut case, booking(0));
        assert_eq!(check(&case).detail, "20 acknowledged bookings of 20 bookings in the database");
    }

    #[test]
    fn copies_that_acknowledge_one_booking_count_once() {
        let mut case = Case::honest_sale();
        case.history.push(case.history[1].clone());
        assert!(check(&case).detail.starts_with("20 acknowledged bookings"));
        case.history.push(Operation { user: user(99), ..case.history[1].clone() });
        assert_eq!(
            check(&case).verdict,
            CheckVerdict::Fail,
            "one of the copies told it to somebody else"
        );
    }
}
