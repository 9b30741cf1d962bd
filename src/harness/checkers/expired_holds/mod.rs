//! `expired-holds`: a hold lasts as long as was asked for, twice as long where it was extended; nothing is held, extended or sold
//! past its end, and no seat stands blocked by a hold that is not live.

/// When holds ended, and when they should have.
mod ends;

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
        "no hold ends before or outlives its end, is sold after it, or blocks a seat when it is not live"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
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
        ends::check(evidence.history()?, audit, &mut violations);
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
mod tests;
