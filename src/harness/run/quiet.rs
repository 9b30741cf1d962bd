//! Waits, within bounds, until the servers' own jobs have come round, so that what they had no time for is not taken for
//! what they never do. Judges nothing.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use uuid::Uuid;

use super::SETTLE_WITHIN;
use super::ground::Ground;
use crate::storage::audit::{self, Audit};

/// Holds that end sooner than this are seen to their end, so that expiry is judged and not assumed.
const HOLDS_WORTH_AWAITING: Duration = Duration::from_secs(10);
/// How often the database is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The audit, once the servers' own jobs have come round: no payment or refund under way, no hold standing that is over or
/// soon will be, nothing left of an event that was called off. What is still there when patience ends is for the checkers
/// to see.
pub async fn audit(ground: &Ground) -> anyhow::Result<Audit> {
    let deadline = tokio::time::Instant::now() + SETTLE_WITHIN;
    loop {
        let found = audit::read(ground.stack.database_url())
            .await
            .context("the database could not be audited")?;
        let audit = ground.only_ours(found);
        if is_quiet(&audit) || tokio::time::Instant::now() > deadline {
            return Ok(audit);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the servers' jobs have nothing to do that is worth waiting for.
fn is_quiet(audit: &Audit) -> bool {
    let called_off: HashSet<Uuid> =
        audit.events.iter().filter(|row| row.status == "cancelled").map(|row| row.id).collect();
    let paying = audit.payments.iter().any(|row| row.state == "pending" || row.step == "refunding");
    let ending = audit.reservations.iter().any(|row| {
        row.state == "held"
            && (called_off.contains(&row.event_id)
                || row.expires_at <= audit.taken_at + HOLDS_WORTH_AWAITING)
    });
    let giving_back = audit
        .bookings
        .iter()
        .any(|row| row.state == "confirmed" && called_off.contains(&row.event_id));
    !(paying || ending || giving_back)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::is_quiet;
    use crate::harness::checkers::crafted::Case;
    use crate::storage::audit::Audit;

    fn quiet_with(change: impl FnOnce(&mut Audit)) -> bool {
        let mut case = Case::honest_sale();
        assert!(is_quiet(&case.audit));
        change(&mut case.audit);
        is_quiet(&case.audit)
    }

    #[test]
    fn payments_and_refunds_under_way_are_waited_for() {
        assert!(!quiet_with(|audit| "pending".clone_into(&mut audit.payments[3].state)));
        assert!(!quiet_with(|audit| "refunding".clone_into(&mut audit.payments[3].step)));
    }

    #[test]
    fn a_hold_is_waited_for_only_if_it_ends_soon() {
        let held_for = |seconds: u64| {
            quiet_with(move |audit| {
                "held".clone_into(&mut audit.reservations[0].state);
                audit.reservations[0].expires_at += Duration::from_secs(seconds);
            })
        };
        assert!(!held_for(10));
        assert!(held_for(11));
    }

    #[test]
    fn what_is_left_of_an_event_called_off_is_waited_for() {
        let call_off = |audit: &mut Audit| "cancelled".clone_into(&mut audit.events[0].status);
        assert!(!quiet_with(call_off), "its bookings stand");
        let cancel_all = |audit: &mut Audit| {
            audit.bookings.iter_mut().for_each(|row| "cancelled".clone_into(&mut row.state));
        };
        assert!(quiet_with(|audit| {
            call_off(audit);
            cancel_all(audit);
        }));
        assert!(!quiet_with(|audit| {
            call_off(audit);
            cancel_all(audit);
            "held".clone_into(&mut audit.reservations[0].state);
            audit.reservations[0].expires_at += Duration::from_hours(1);
        }));
    }
}
