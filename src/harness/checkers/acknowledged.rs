//! `acknowledged-bookings`: what a client was told about its payment is so. A booking that was acknowledged exists, is
//! confirmed, and is that client's with those seats; one that its buyer cancelled, or whose event was cancelled, is
//! cancelled; a payment that was refused for certain made no booking. Knows nothing of other clients.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{BookingState, counted};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::{CheckResult, Violation};
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
        let cancellations = Cancellations::read(history);
        let mut violations = Violations::default();
        // Copies and retries acknowledge the same booking; all of what they say is checked, each lie once.
        let mut acknowledged: BTreeMap<Uuid, Option<Violation>> = BTreeMap::new();
        for op in sales().filter(|op| op.end() == Outcome::Ok) {
            match op.booking {
                Some(booking) => {
                    let lie = acknowledged.entry(booking).or_default();
                    let row = rows.get(&booking).copied();
                    *lie = lie.take().or_else(|| what_is_wrong(op, booking, row, &cancellations));
                }
                None => violations.add(1, without_id(op)),
            }
        }
        let count = acknowledged.len() as u64;
        for lie in acknowledged.into_values().flatten() {
            violations.add(2, lie);
        }
        for contradiction in refused_yet_booked(sales(), audit) {
            violations.add(1, contradiction);
        }
        Ok(violations.result(self.name(), count, "no booking was acknowledged", || {
            format!(
                "{} of {} in the database",
                counted(count, "acknowledged booking"),
                counted(rows.len(), "booking")
            )
        }))
    }
}

/// What was cancelled, as the clients know it.
struct Cancellations {
    /// Bookings whose cancellation was acknowledged.
    certain: HashSet<Uuid>,
    /// Bookings whose cancellation ended in no known way.
    possible: HashSet<Uuid>,
    /// Events whose cancellation was acknowledged, or may have happened.
    events: HashSet<Uuid>,
}

impl Cancellations {
    fn read(history: &[Operation]) -> Self {
        let mut found =
            Self { certain: HashSet::new(), possible: HashSet::new(), events: HashSet::new() };
        for op in history {
            match (op.op, op.end()) {
                (OpKind::CancelBooking, Outcome::Ok) => found.certain.extend(op.booking),
                (OpKind::CancelBooking, Outcome::Info) => found.possible.extend(op.booking),
                (OpKind::CancelEvent, Outcome::Ok | Outcome::Info) => {
                    found.events.insert(op.event);
                }
                _ => {}
            }
        }
        found
    }

    /// Whether a booking may be in the state that its row says.
    fn allow(&self, row: &BookingRow) -> bool {
        match row.state {
            // What is still sold of a cancelled event is for the event's own rules to say.
            BookingState::Confirmed => !self.certain.contains(&row.id),
            BookingState::Cancelled => {
                self.certain.contains(&row.id)
                    || self.possible.contains(&row.id)
                    || self.events.contains(&row.event_id)
            }
            BookingState::Pending | BookingState::Expired => false,
        }
    }
}

fn what_is_wrong(
    op: &Operation,
    booking: Uuid,
    row: Option<&BookingRow>,
    cancellations: &Cancellations,
) -> Option<Violation> {
    let claim = format!("booking {booking} of buyer {}, acknowledged,", op.user);
    let mut seats = op.seats.clone();
    seats.sort_unstable();
    let wrong = |kind, text: String| {
        Some(Violation {
            seats: op.seats.clone(),
            reservations: op.reservation.into_iter().collect(),
            bookings: vec![booking],
            users: vec![op.user],
            keys: op.key.iter().cloned().collect(),
            ..Violation::new(kind, format!("{claim}{text}"))
        })
    };
    let Some(row) = row else {
        return wrong("booking_missing", " is not in the database".to_owned());
    };
    if !cancellations.allow(row) {
        let since =
            if cancellations.certain.contains(&booking) { " was cancelled and" } else { "" };
        wrong("booking_state", format!("{since} is {} in the database", row.state.name()))
    } else if op.quantity.is_some_and(|quantity| usize::try_from(quantity) != Ok(seats.len())) {
        let asked = op.quantity.unwrap_or_default();
        wrong("other_tickets", format!(" has {} tickets, and {asked} were asked for", seats.len()))
    } else if row.user_id != op.user {
        wrong("other_buyer", format!(" is buyer {}'s in the database", row.user_id))
    } else if row.seat_ids != seats {
        let text = format!(" has seats {seats:?} and in the database {:?}", row.seat_ids);
        wrong("other_tickets", text)
    } else if op.reservation.is_some_and(|reservation| reservation != row.reservation_id) {
        let text =
            format!(" was made from another reservation, {}, in the database", row.reservation_id);
        wrong("other_reservation", text)
    } else {
        None
    }
}

fn without_id(op: &Operation) -> Violation {
    let text = format!("buyer {} was acknowledged a booking without an id", op.user);
    Violation { users: vec![op.user], ..Violation::new("booking_without_id", text) }
}

/// Bookings whose every payment request was refused for certain: the client walked away from seats that it was sold.
fn refused_yet_booked<'a>(
    sales: impl Iterator<Item = &'a Operation>,
    audit: &'a Audit,
) -> impl Iterator<Item = Violation> + 'a {
    let mut all_refused: HashMap<(Uuid, &str), bool> = HashMap::new();
    for op in sales {
        if let Some(key) = &op.key {
            let refused = all_refused.entry((op.user, key)).or_insert(true);
            *refused &= op.end() == Outcome::Fail;
        }
    }
    let confirmed = audit.bookings.iter().filter(|row| row.state == BookingState::Confirmed);
    let contradicted = confirmed.filter(move |row| {
        all_refused.get(&(row.user_id, row.idempotency_key.as_str())).copied().unwrap_or(false)
    });
    contradicted.map(|row| {
        let text = format!("booking {} exists, and buyer {} was refused it", row.id, row.user_id);
        Violation {
            seats: row.seat_ids.clone(),
            bookings: vec![row.id],
            users: vec![row.user_id],
            keys: vec![row.idempotency_key.clone()],
            ..Violation::new("refused_yet_booked", text)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::AcknowledgedBookings;
    use crate::domain::BookingState;
    use crate::harness::checkers::fixtures::Case;
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
        fails(|case| case.audit.bookings[4].state = BookingState::Expired, "is expired");
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
    fn what_settling_found_counts_as_acknowledged() {
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
    fn a_booking_that_its_buyer_cancelled_has_to_be_cancelled() {
        let mut case = Case::honest_sale();
        let sale = case.history[1].clone();
        case.history.push(cancel_booking(&sale, 900_000..900_010));
        assert_eq!(check(&case).verdict, CheckVerdict::Fail, "it is still confirmed");
        case.audit.bookings[0].state = BookingState::Cancelled;
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
        let asked = case.history.pop().unwrap();
        assert_eq!(check(&case).verdict, CheckVerdict::Fail, "nobody asked for that");
        case.history.push(unknown(asked.clone()));
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "it may have been asked for");
        case.audit.bookings[0].state = BookingState::Confirmed;
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "or not");
        *case.history.last_mut().unwrap() = ended(asked, Outcome::Fail);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "it was refused");
    }

    #[test]
    fn a_cancelled_event_cancels_its_bookings() {
        let mut case = Case::honest_sale();
        case.audit.bookings[3].state = BookingState::Cancelled;
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
