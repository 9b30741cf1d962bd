//! `expired-holds`: nothing is held past its end, and no seat stands blocked by a hold that is not live. Knows nothing of
//! sales.

use std::time::Duration;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{ReservationState, counted};
use crate::harness::plan::EvidenceKind;
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::FindingKind;

/// How long after its end a hold may still stand as held: the expiry job's time to come round.
const GRACE: Duration = Duration::from_secs(5);

/// The checker.
#[derive(Debug)]
pub struct ExpiredHolds;

impl Checker for ExpiredHolds {
    fn name(&self) -> &'static str {
        "expired-holds"
    }

    fn summary(&self) -> &'static str {
        "no hold outlives its end, no seat is blocked by a hold that is not live"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::Audit]
    }

    /// A violation is a seat or a reservation.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let audit = evidence.audit()?;
        let mut violations = Violations::default();
        for row in audit.reservations.iter().filter(|row| row.state == ReservationState::Held) {
            let over = audit.taken_at - row.expires_at;
            if over > GRACE {
                let seconds = over.whole_seconds();
                let text = format!(
                    "reservation {} of seats {:?} ended {seconds} s ago and is still held",
                    row.id, row.seat_ids
                );
                let violation = Violation {
                    seats: row.seat_ids.clone(),
                    reservations: vec![row.id],
                    users: vec![row.user_id],
                    ..Violation::new("hold_outlived", text)
                };
                violations.add(seconds.unsigned_abs(), violation);
            }
        }
        for finding in
            audit.findings.iter().filter(|finding| finding.kind == FindingKind::OrphanedHold)
        {
            let text = format!("the audit found: {}", finding.detail);
            violations.add(1, Violation::new("seat_blocked", text));
        }
        let judged = audit.reservations.len() as u64;
        Ok(violations.result(self.name(), judged, "nothing was ever held", || {
            let in_state =
                |state| audit.reservations.iter().filter(|row| row.state == state).count();
            format!(
                "{}: {} expired, {} still live",
                counted(judged, "reservation"),
                in_state(ReservationState::Expired),
                in_state(ReservationState::Held)
            )
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::ExpiredHolds;
    use crate::domain::ReservationState;
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::checkers::judge;
    use crate::harness::summary::{CheckResult, CheckVerdict};
    use crate::storage::audit::{Finding, FindingKind};

    fn check(case: &Case) -> CheckResult {
        judge(&ExpiredHolds, case.collected())
    }

    fn with_a_hold_that_ended(ago: Duration) -> Case {
        let mut case = Case::honest_sale();
        case.audit.reservations[2].state = ReservationState::Held;
        case.audit.reservations[2].expires_at = case.audit.taken_at - ago;
        case
    }

    #[test]
    fn a_hold_long_past_its_end_fails_and_one_just_past_it_does_not() {
        let result = check(&with_a_hold_that_ended(Duration::from_secs(61)));
        assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
        assert!(result.detail.contains("of seats [5, 6] ended 61 s ago"), "{}", result.detail);
        assert_eq!(
            check(&with_a_hold_that_ended(Duration::from_secs(5))).verdict,
            CheckVerdict::Pass
        );
    }

    #[test]
    fn a_live_hold_is_fine() {
        let mut case = with_a_hold_that_ended(Duration::ZERO);
        case.audit.reservations[2].expires_at += Duration::from_secs(30);
        assert_eq!(check(&case).detail, "20 reservations: 0 expired, 1 still live");
    }

    #[test]
    fn a_blocked_seat_found_by_the_audit_fails() {
        let mut case = Case::honest_sale();
        let finding = |kind| Finding {
            kind,
            detail: "seat 9 is claimed by reservation 1, which is expired".to_owned(),
        };
        case.audit.findings.push(finding(FindingKind::BookingWithoutPayment));
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "that is another checker's business");
        case.audit.findings.push(finding(FindingKind::OrphanedHold));
        assert_eq!(check(&case).verdict, CheckVerdict::Fail);
    }
}
