//! `no-double-sell-database`: no seat has two sales in the database. Believes neither the schema nor the server; looks at
//! the bookings themselves. Knows nothing of what clients were told.

use std::collections::BTreeMap;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{BookingState, counted, grouped};
use crate::harness::plan::EvidenceKind;
use crate::harness::summary::{CheckResult, DOUBLE_SELL, Violation};
use crate::storage::audit::{Audit, BookingRow, FindingKind};

/// The checker.
#[derive(Debug)]
pub struct NoDoubleSellDatabase;

impl Checker for NoDoubleSellDatabase {
    fn name(&self) -> &'static str {
        "no-double-sell-database"
    }

    fn summary(&self) -> &'static str {
        "no seat has two confirmed bookings in the database"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::Audit]
    }

    /// A violation is a seat.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let audit = evidence.audit()?;
        let sales = sales_by_seat(audit);
        let mut violations = Violations::default();
        for (seat, bookings) in &sales {
            if let [first, .., last] = bookings.as_slice() {
                let what = describe(*seat, first, last, bookings);
                violations.add(bookings.len() as u64, what);
            }
        }
        // The database's own query sees what the bookings don't show, such as a sale still pending.
        if violations.count() == 0 {
            for finding in findings(audit) {
                let text = format!("the audit found: {finding}");
                violations.add(1, Violation::new(DOUBLE_SELL, text));
            }
        }
        if audit.seats_sold > audit.seats_count {
            let (sold, seats) =
                (counted(audit.seats_sold, "seat"), counted(audit.seats_count, "seat"));
            let text = format!("{sold} sold of {seats} for sale");
            violations.add(u64::MAX, Violation::new(DOUBLE_SELL, text));
        }
        let bookings = audit.bookings.iter().filter(|booking| is_sale(booking)).count() as u64;
        Ok(violations.result(self.name(), bookings, "no booking was confirmed", || {
            let seats = counted(audit.seats_count, "seat");
            format!(
                "{} over {seats}, {} sold once each",
                counted(bookings, "booking"),
                grouped(sales.len())
            )
        }))
    }
}

fn is_sale(booking: &BookingRow) -> bool {
    booking.state == BookingState::Confirmed
}

fn sales_by_seat(audit: &Audit) -> BTreeMap<i64, Vec<&BookingRow>> {
    let mut sales: BTreeMap<i64, Vec<&BookingRow>> = BTreeMap::new();
    for booking in audit.bookings.iter().filter(|booking| is_sale(booking)) {
        for seat in &booking.seat_ids {
            sales.entry(*seat).or_default().push(booking);
        }
    }
    sales
}

fn findings(audit: &Audit) -> impl Iterator<Item = &str> {
    let double_sells =
        audit.findings.iter().filter(|finding| finding.kind == FindingKind::DoubleSell);
    double_sells.map(|finding| finding.detail.as_str())
}

fn describe(
    seat: i64,
    first: &BookingRow,
    last: &BookingRow,
    bookings: &[&BookingRow],
) -> Violation {
    let count = bookings.len();
    let sale =
        |booking: &BookingRow| format!("booking {} of buyer {}", booking.id, booking.user_id);
    let text = format!("seat {seat} is sold {count} times: {} and {}", sale(first), sale(last));
    Violation {
        seats: vec![seat],
        bookings: bookings.iter().map(|booking| booking.id).collect(),
        users: bookings.iter().map(|booking| booking.user_id).collect(),
        ..Violation::new(DOUBLE_SELL, text)
    }
}

#[cfg(test)]
mod tests {
    use super::NoDoubleSellDatabase;
    use crate::domain::BookingState;
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::checkers::judge;
    use crate::harness::recorder::fixtures::{booking, user};
    use crate::harness::summary::{CheckResult, CheckVerdict};
    use crate::storage::audit::{Finding, FindingKind};

    fn check(case: &Case) -> CheckResult {
        judge(&NoDoubleSellDatabase, case.collected())
    }

    #[test]
    fn a_seat_in_two_confirmed_bookings_fails_and_is_named_with_both_buyers() {
        let mut case = Case::honest_sale();
        case.sell(90, user(90), &[700]);
        case.sell(91, user(91), &[699, 700]);
        let result = check(&case);
        assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
        for name in
            ["seat 700", &booking(90).to_string(), &booking(91).to_string(), &user(90).to_string()]
        {
            assert!(result.detail.contains(name), "{name} in {}", result.detail);
        }
        assert_eq!(result.double_sells(), 1);
        let violation = &result.examples[0];
        assert_eq!(violation.seats, [700]);
        assert_eq!(violation.bookings, [booking(90), booking(91)]);
        assert_eq!(violation.users, [user(90), user(91)]);
    }

    #[test]
    fn one_buyer_sold_the_same_seat_twice_fails_too() {
        let mut case = Case::new();
        case.sell(1, user(1), &[5]);
        case.sell(2, user(1), &[5]);
        case.sell(3, user(1), &[5]);
        let result = check(&case);
        assert_eq!(
            (result.verdict, result.violations),
            (CheckVerdict::Fail, 1),
            "a violation is a seat"
        );
        assert!(result.detail.contains("sold 3 times"), "{}", result.detail);
    }

    #[test]
    fn a_cancelled_booking_is_no_sale() {
        let mut case = Case::new();
        case.sell(1, user(1), &[5]);
        case.sell(2, user(2), &[5]);
        case.audit.bookings[0].state = BookingState::Cancelled;
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn what_only_the_audit_found_fails() {
        let mut case = Case::honest_sale();
        case.audit.findings = vec![Finding {
            kind: FindingKind::DoubleSell,
            detail: "seat 3 was sold 2 times".to_owned(),
        }];
        let result = check(&case);
        assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
        assert!(result.detail.contains("seat 3 was sold 2 times"));
    }

    #[test]
    fn more_seats_sold_than_there_are_fails() {
        let mut case = Case::honest_sale();
        case.audit.seats_sold = case.audit.seats_count + 1;
        assert_eq!(check(&case).verdict, CheckVerdict::Fail);
    }
}
