//! `acknowledged-bookings`: what a client was told about its payment is so. A booking that was acknowledged exists, is
//! confirmed, and is that client's with those seats; one that was given back, by its buyer or because its event was called
//! off, is cancelled; a payment that was refused for certain made no booking. Knows nothing of other clients.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::violations::{Violations, counted};
use super::{Checker, Evidence, Undeclared};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::CheckResult;
use crate::storage::audit::{Audit, BookingRow};

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

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is a booking.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (history, audit) = (evidence.history()?, evidence.audit()?);
        let rows: HashMap<Uuid, &BookingRow> =
            audit.bookings.iter().map(|row| (row.id, row)).collect();
        let sales = || history.iter().filter(|op| op.op.sells());
        let returns = Returns::read(history);
        let mut violations = Violations::default();
        // Copies and retries acknowledge the same booking; all of what they say is checked, each lie once.
        let mut acknowledged: BTreeMap<Uuid, Option<String>> = BTreeMap::new();
        for op in sales().filter(|op| op.end() == Outcome::Ok) {
            match op.booking {
                Some(booking) => {
                    let lie = acknowledged.entry(booking).or_default();
                    let row = rows.get(&booking).copied();
                    *lie = lie.take().or_else(|| what_is_wrong(op, booking, row, &returns));
                }
                None => violations
                    .add(1, format!("buyer {} was acknowledged a booking without an id", op.user)),
            }
        }
        let count = acknowledged.len();
        for lie in acknowledged.into_values().flatten() {
            violations.add(2, lie);
        }
        for what in refused_yet_booked(sales(), audit) {
            violations.add(1, what);
        }
        Ok(violations.result(self.name(), || {
            if count == 0 {
                return CheckResult::unknown(self.name(), "no booking was acknowledged");
            }
            let detail = format!(
                "{} of {}",
                counted(count, "acknowledged booking"),
                counted(rows.len(), "booking")
            );
            CheckResult::pass(self.name(), format!("{detail} in the database"))
        }))
    }
}

/// What was given back, as the clients know it.
struct Returns {
    /// Bookings whose cancellation was acknowledged.
    certain: HashSet<Uuid>,
    /// Bookings whose cancellation ended in no known way.
    possible: HashSet<Uuid>,
    /// Events whose cancellation was acknowledged, or may have happened.
    events: HashSet<Uuid>,
}

impl Returns {
    fn read(history: &[Operation]) -> Self {
        let mut returns =
            Self { certain: HashSet::new(), possible: HashSet::new(), events: HashSet::new() };
        for op in history {
            match (op.op, op.end()) {
                (OpKind::CancelBooking, Outcome::Ok) => returns.certain.extend(op.booking),
                (OpKind::CancelBooking, Outcome::Info) => returns.possible.extend(op.booking),
                (OpKind::CancelEvent, Outcome::Ok | Outcome::Info) => {
                    returns.events.insert(op.event);
                }
                _ => {}
            }
        }
        returns
    }

    /// Whether a booking may be in this state.
    fn allow(&self, booking: Uuid, event: Uuid, state: &str) -> bool {
        match state {
            // What is still sold of an event that was called off is for the event's own rules to say.
            "confirmed" => !self.certain.contains(&booking),
            "cancelled" => {
                self.certain.contains(&booking)
                    || self.possible.contains(&booking)
                    || self.events.contains(&event)
            }
            _ => false,
        }
    }
}

fn what_is_wrong(
    op: &Operation,
    booking: Uuid,
    row: Option<&BookingRow>,
    returns: &Returns,
) -> Option<String> {
    let told = format!("booking {booking} of buyer {}, acknowledged,", op.user);
    let Some(row) = row else { return Some(format!("{told} is not in the database")) };
    let mut seats = op.seats.clone();
    seats.sort_unstable();
    if !returns.allow(booking, row.event_id, &row.state) {
        let since = if returns.certain.contains(&booking) { " was given back and" } else { "" };
        Some(format!("{told}{since} is {} in the database", row.state))
    } else if op.quantity.is_some_and(|quantity| usize::try_from(quantity) != Ok(seats.len())) {
        let asked = op.quantity.unwrap_or_default();
        Some(format!("{told} has {} tickets, and {asked} were asked for", seats.len()))
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
    sales: impl Iterator<Item = &'a Operation>,
    audit: &'a Audit,
) -> impl Iterator<Item = String> + 'a {
    let mut all_refused: HashMap<(Uuid, &str), bool> = HashMap::new();
    for op in sales {
        if let Some(key) = &op.key {
            let refused = all_refused.entry((op.user, key)).or_insert(true);
            *refused &= op.end() == Outcome::Fail;
        }
    }
    let confirmed = audit.bookings.iter().filter(|row| row.state == "confirmed");
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
    use crate::harness::checkers::judge;
    use crate::harness::recorder::fixtures::{
        book, booking, cancel_booking, cancel_event, ended, reservation, user,
    };
    use crate::harness::recorder::{OpKind, Operation, Outcome};
    use crate::harness::summary::{CheckResult, CheckVerdict};

    fn check(case: &Case) -> CheckResult {
        judge(&AcknowledgedBookings, case.collected())
    }

    fn unknown(operation: Operation) -> Operation {
        ended(operation, Outcome::Info)
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
    fn a_booking_that_was_given_back_has_to_be_cancelled() {
        let mut case = Case::honest_sale();
        let sale = case.history[1].clone();
        case.history.push(cancel_booking(&sale, 900_000..900_010));
        assert_eq!(check(&case).verdict, CheckVerdict::Fail, "it is still confirmed");
        "cancelled".clone_into(&mut case.audit.bookings[0].state);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
        let asked = case.history.pop().unwrap();
        assert_eq!(check(&case).verdict, CheckVerdict::Fail, "nobody asked for that");
        case.history.push(unknown(asked.clone()));
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "it may have been asked for");
        "confirmed".clone_into(&mut case.audit.bookings[0].state);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "or not");
        *case.history.last_mut().unwrap() = ended(asked, Outcome::Fail);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "it was refused");
    }

    #[test]
    fn an_event_that_was_called_off_cancels_its_bookings() {
        let mut case = Case::honest_sale();
        "cancelled".clone_into(&mut case.audit.bookings[3].state);
        assert_eq!(check(&case).verdict, CheckVerdict::Fail);
        case.history.push(cancel_event(900_000..900_010));
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn a_sale_in_one_step_is_held_to_its_word_and_to_the_number_of_tickets() {
        let mut case = Case::honest_sale();
        let row = case.audit.bookings[0].clone();
        let sold = |booking| book(user(0), &[1, 2], booking, 900_000..900_010);
        let granted = Operation { quantity: Some(2), reservation: None, ..sold(row.id) };
        case.history.push(granted.clone());
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
        case.history.push(Operation { quantity: Some(3), ..granted });
        assert!(check(&case).detail.contains("has 2 tickets, and 3 were asked for"));
        *case.history.last_mut().unwrap() = sold(booking(900));
        assert!(check(&case).detail.contains("is not in the database"));
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
