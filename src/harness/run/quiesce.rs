//! Waits, within bounds, until the servers' own jobs have come round, so that what they had no time for is not taken for
//! what they never do. Judges nothing.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Context as _;
use uuid::Uuid;

use super::environment::Environment;
use crate::domain::{BookingState, EventStatus, ReservationState};
use crate::storage::audit::{self, Audit, PaymentState, PaymentStep};

/// Holds that end sooner than this are waited for, so that expiry is judged and not assumed.
const HOLD_WAIT_MAX: Duration = Duration::from_secs(10);
/// How often the database is looked at meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The audit, once the servers' own jobs have come round: no payment or refund under way, no hold standing that is over or
/// soon will be, nothing left of a cancelled event. What is still there after this long is for the checkers to
/// see.
pub async fn audit(environment: &Environment, wait_max: Duration) -> anyhow::Result<Audit> {
    let deadline = tokio::time::Instant::now() + wait_max;
    loop {
        let found = audit::read(environment.stack.database_url())
            .await
            .context("the database could not be audited")?;
        let audit = environment.only_ours(found);
        if is_quiescent(&audit) || tokio::time::Instant::now() > deadline {
            return Ok(audit);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether the servers' jobs have nothing to do that is worth waiting for.
fn is_quiescent(audit: &Audit) -> bool {
    let cancelled: HashSet<Uuid> = audit
        .events
        .iter()
        .filter(|row| row.status == EventStatus::Cancelled)
        .map(|row| row.id)
        .collect();
    let paying = audit
        .payments
        .iter()
        .any(|row| row.state == PaymentState::Pending || row.step == PaymentStep::Refunding);
    let ending = audit.reservations.iter().any(|row| {
        row.state == ReservationState::Held
            && (cancelled.contains(&row.event_id)
                || row.expires_at <= audit.taken_at + HOLD_WAIT_MAX)
    });
    let refunding = audit
        .bookings
        .iter()
        .any(|row| row.state == BookingState::Confirmed && cancelled.contains(&row.event_id));
    !(paying || ending || refunding)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::is_quiescent;
    use crate::domain::{BookingState, EventStatus, ReservationState};
    use crate::harness::checkers::fixtures::Case;
    use crate::storage::audit::{Audit, PaymentState, PaymentStep};

    fn quiescent_with(change: impl FnOnce(&mut Audit)) -> bool {
        let mut case = Case::honest_sale();
        assert!(is_quiescent(&case.audit));
        change(&mut case.audit);
        is_quiescent(&case.audit)
    }

    #[test]
    fn payments_and_refunds_under_way_are_waited_for() {
        assert!(!quiescent_with(|audit| audit.payments[3].state = PaymentState::Pending));
        assert!(!quiescent_with(|audit| audit.payments[3].step = PaymentStep::Refunding));
    }

    #[test]
    fn a_hold_is_waited_for_only_if_it_ends_soon() {
        let held_for = |seconds: u64| {
            quiescent_with(move |audit| {
                audit.reservations[0].state = ReservationState::Held;
                audit.reservations[0].expires_at += Duration::from_secs(seconds);
            })
        };
        assert!(!held_for(10));
        assert!(held_for(11));
    }

    #[test]
    fn what_is_left_of_a_cancelled_event_is_waited_for() {
        let cancel_event = |audit: &mut Audit| audit.events[0].status = EventStatus::Cancelled;
        assert!(!quiescent_with(cancel_event), "its bookings stand");
        let cancel_all = |audit: &mut Audit| {
            audit.bookings.iter_mut().for_each(|row| row.state = BookingState::Cancelled);
        };
        assert!(quiescent_with(|audit| {
            cancel_event(audit);
            cancel_all(audit);
        }));
        assert!(!quiescent_with(|audit| {
            cancel_event(audit);
            cancel_all(audit);
            audit.reservations[0].state = ReservationState::Held;
            audit.reservations[0].expires_at += Duration::from_hours(1);
        }));
    }
}
