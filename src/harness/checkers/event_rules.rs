//! `event-rules`: an event's own rules hold. No buyer ever certainly has more tickets than the event allows, and nothing is
//! granted, held or sold of an event after it was cancelled. Judges from what the clients were told and from the database.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use time::OffsetDateTime;
use uuid::Uuid;

use super::claims::{Claim, Claims};
use super::clocks::Clocks;
use super::violations::{Violations, at};
use super::{Checker, Evidence, Undeclared};
use crate::domain::{EventStatus, ReservationState, counted};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::{Audit, EventRow, FindingKind};

/// How long cancelling an event may take: until nothing more of it is begun, the time of a transaction, and until no hold is left
/// of it, some rounds of a job.
const CANCEL_MAX: Duration = Duration::from_secs(5);

/// The checker.
#[derive(Debug)]
pub struct EventRules;

impl Checker for EventRules {
    fn name(&self) -> &'static str {
        "event-rules"
    }

    fn summary(&self) -> &'static str {
        "no buyer has more tickets than an event allows, and nothing is sold of a cancelled one"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is a buyer of an event, a request, or what the audit found.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (history, audit) = (evidence.history()?, evidence.audit()?);
        let claims = Claims::read(history).certain;
        let mut violations = Violations::default();
        check_limit(&claims, |event| evidence.limit_of(event), &mut violations);
        let cancelled = cancelled(history);
        check_cancelled(history, &cancelled, &mut violations);
        for finding in audit.findings.iter().filter(|finding| {
            matches!(finding.kind, FindingKind::TicketLimit | FindingKind::SoldAfterCancel)
        }) {
            let text = format!("the audit found: {}", finding.detail);
            violations.add(1, Violation::new("event_rule", text));
        }
        check_events(audit, &cancelled, &mut violations);
        check_made_late(audit, &Clocks::read(history, audit), &cancelled, &mut violations);
        check_held_on(audit, &mut violations);
        let buyers = claims.iter().map(|claim| claim.user).collect::<HashSet<Uuid>>().len() as u64;
        let nothing = "nobody was told that a seat is theirs";
        Ok(violations.result(self.name(), buyers, nothing, || {
            let limit = claims.iter().filter_map(|claim| evidence.limit_of(claim.event)).max();
            tally(limit, buyers, &claims, cancelled.len())
        }))
    }
}

/// A buyer of an event.
type Buyer = (Uuid, Uuid);

/// The most tickets that each buyer certainly had at one moment, and when.
fn peaks(claims: &[Claim]) -> BTreeMap<Buyer, (i64, u64)> {
    let mut changes: BTreeMap<Buyer, Vec<(u64, i64)>> = BTreeMap::new();
    for claim in claims {
        let changes = changes.entry((claim.event, claim.user)).or_default();
        changes.extend([(claim.from_us, 1), (claim.until_us, -1)]);
    }
    let peak = |mut changes: Vec<(u64, i64)>| {
        // Of what happens at one moment, the losses come first.
        changes.sort_unstable();
        let (mut tickets, mut peak) = (0, (0, 0));
        for (moment_us, change) in changes {
            tickets += change;
            if tickets > peak.0 {
                peak = (tickets, moment_us);
            }
        }
        peak
    };
    changes.into_iter().map(|(buyer, changes)| (buyer, peak(changes))).collect()
}

fn check_limit(
    claims: &[Claim],
    limit_of: impl Fn(Uuid) -> Option<u32>,
    violations: &mut Violations,
) {
    for ((event, user), (tickets, at_us)) in peaks(claims) {
        let Some(limit) = limit_of(event) else { continue };
        if tickets > i64::from(limit) {
            let text = format!(
                "buyer {user} was told to have {tickets} tickets of event {event} at {}, which allows {limit}",
                at(at_us)
            );
            let violation = Violation {
                events: vec![event],
                users: vec![user],
                ..Violation::new("ticket_limit", text)
            };
            violations.add(tickets.unsigned_abs(), violation);
        }
    }
}

/// When a client was told that an event is cancelled.
fn cancelled(history: &[Operation]) -> HashMap<Uuid, u64> {
    let mut cancelled = HashMap::new();
    let told = |op: &&Operation| op.op == OpKind::CancelEvent && op.outcome == Outcome::Ok;
    for op in history.iter().filter(told) {
        let moment_us = cancelled.entry(op.event).or_insert(op.completed_us);
        *moment_us = op.completed_us.min(*moment_us);
    }
    cancelled
}

/// What was asked for after that must not be granted. An answer that was stored before may be repeated.
fn check_cancelled(
    history: &[Operation],
    cancelled: &HashMap<Uuid, u64>,
    violations: &mut Violations,
) {
    let grants = |op: &&Operation| op.op == OpKind::Hold || op.op.sells();
    let granted = |op: &&Operation| op.outcome == Outcome::Ok && !op.replayed;
    for op in history.iter().filter(grants).filter(granted) {
        let Some(moment_us) = cancelled.get(&op.event).filter(|moment| **moment < op.invoked_us)
        else {
            continue;
        };
        let text = format!(
            "buyer {} was granted a {} of seats {:?} that was asked for at {}, and event {} was cancelled at {}",
            op.user,
            op.op.name(),
            op.seats,
            at(op.invoked_us),
            op.event,
            at(*moment_us)
        );
        let violation = Violation {
            seats: op.seats.clone(),
            events: vec![op.event],
            reservations: op.reservation.into_iter().collect(),
            bookings: op.booking.into_iter().collect(),
            users: vec![op.user],
            keys: op.key.iter().cloned().collect(),
            ..Violation::new("granted_after_cancel", text)
        };
        violations.add(op.invoked_us - moment_us, violation);
    }
}

/// An event that was cancelled for a client is cancelled in the database, with nothing left of it.
fn check_events(audit: &Audit, cancelled: &HashMap<Uuid, u64>, violations: &mut Violations) {
    for row in audit.events.iter().filter(|row| cancelled.contains_key(&row.id)) {
        if row.status != EventStatus::Cancelled {
            let text = format!(
                "event {} was cancelled and is {} in the database",
                row.id,
                row.status.name()
            );
            let events = vec![row.id];
            violations.add(1, Violation { events, ..Violation::new("event_not_cancelled", text) });
        }
    }
}

/// Nothing of an event was held, paid for or sold once it was certainly cancelled, whatever clients were told of it: by the
/// database's clock, after a client knew of the cancel or after it must have ended.
fn check_made_late(
    audit: &Audit,
    clocks: &Clocks,
    told_us: &HashMap<Uuid, u64>,
    violations: &mut Violations,
) {
    let certain_at = |row: &EventRow| {
        let ended = row.cancelled_at? + CANCEL_MAX;
        let told = told_us.get(&row.id).and_then(|us| clocks.at_latest(*us));
        Some((row.id, told.map_or(ended, |told| told.min(ended))))
    };
    let cancelled: HashMap<Uuid, OffsetDateTime> =
        audit.events.iter().filter_map(certain_at).collect();
    let holds = audit.reservations.iter().flat_map(|row| {
        let sold = row.ended_at.filter(|_| row.state == ReservationState::Confirmed);
        let ids = (row.id, row.event_id, row.user_id);
        [Some(("was asked for", ids, row.created_at)), sold.map(|at| ("was sold", ids, at))]
    });
    let payments = audit.bookings.iter().map(|row| {
        let ids = (row.reservation_id, row.event_id, row.user_id);
        Some(("began to be paid for", ids, row.created_at))
    });
    for (what, (id, event, user), began_at) in holds.chain(payments).flatten() {
        let Some(at) = cancelled.get(&event).filter(|at| began_at > **at) else { continue };
        let text = format!(
            "reservation {id} {what} at {began_at}, and event {event} was cancelled by {at}"
        );
        let violation = Violation {
            events: vec![event],
            reservations: vec![id],
            users: vec![user],
            ..Violation::new("made_after_cancel", text)
        };
        violations.add(1, violation);
    }
}

/// No hold lives on much longer than its event.
fn check_held_on(audit: &Audit, violations: &mut Violations) {
    let cancelled: HashMap<Uuid, OffsetDateTime> = audit
        .events
        .iter()
        .filter_map(|row| row.cancelled_at.map(|at| (row.id, at + CANCEL_MAX)))
        .collect();
    for row in audit.reservations.iter().filter(|row| row.state != ReservationState::Confirmed) {
        let Some(over) = cancelled.get(&row.event_id) else { continue };
        let ended_at = row.ended_at.unwrap_or(audit.taken_at).min(row.expires_at);
        if ended_at <= *over {
            continue;
        }
        let text = format!(
            "reservation {} was held until {ended_at}, and event {} was cancelled by {over}",
            row.id, row.event_id
        );
        let violation = Violation {
            events: vec![row.event_id],
            reservations: vec![row.id],
            users: vec![row.user_id],
            ..Violation::new("held_after_cancel", text)
        };
        violations.add(1, violation);
    }
}

fn tally(limit: Option<u32>, buyers: u64, claims: &[Claim], cancelled: usize) -> String {
    let most = peaks(claims).into_values().map(|(tickets, _)| tickets).max().unwrap_or_default();
    let limit = limit.map_or("no limit".to_owned(), |limit| format!("a limit of {limit}"));
    format!(
        "{} with {} each at most, under {limit}; {} cancelled",
        counted(buyers, "buyer"),
        counted(most, "ticket"),
        counted(cancelled, "event")
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{CANCEL_MAX, EventRules};
    use crate::domain::{EventStatus, ReservationState};
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::checkers::judge;
    use crate::harness::recorder::fixtures::{
        TTL_US, book, booking, cancel_booking, cancel_event, ended, hold, user,
    };
    use crate::harness::recorder::{Operation, Outcome};
    use crate::harness::summary::{CheckResult, CheckVerdict};
    use crate::storage::audit::{Audit, Finding, FindingKind};

    fn check(case: &Case) -> CheckResult {
        judge(&EventRules, case.collected())
    }

    fn limited(history: Vec<Operation>) -> CheckResult {
        let mut case = Case { history, ..Case::new() };
        case.audit.events[0].tickets_per_user_max = Some(4);
        check(&case)
    }

    fn keyed(key: &str, operation: Operation) -> Operation {
        Operation { key: Some(key.to_owned()), ..operation }
    }

    #[test]
    fn a_buyer_told_to_have_more_tickets_than_allowed_fails_even_if_only_for_a_moment() {
        let two = hold(user(1), &[1, 2], 0..10);
        let three = keyed("other", hold(user(1), &[3, 4, 5], 100..110));
        let result = limited(vec![two.clone(), three.clone()]);
        assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
        assert!(result.detail.contains("5 tickets"), "{}", result.detail);
        let sold = book(user(1), &[3, 4, 5], booking(1), 100..110);
        assert_eq!(limited(vec![two.clone(), sold]).verdict, CheckVerdict::Fail);
        let others = hold(user(2), &[3, 4, 5], 100..110);
        assert_eq!(limited(vec![two, others]).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn a_limit_is_of_its_event_and_as_planned_where_the_event_has_no_row() {
        let history = vec![hold(user(1), &[1, 2, 3, 4, 5], 0..10)];
        let mut case = Case { history, ..Case::new() };
        case.plan.inventory.tickets_per_user = Some(4);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "this event has none");
        case.audit.events.clear();
        assert_eq!(check(&case).verdict, CheckVerdict::Fail);
    }

    #[test]
    fn tickets_that_may_be_gone_do_not_count() {
        let two = hold(user(1), &[1, 2], 0..10);
        let later = keyed("other", hold(user(1), &[3, 4, 5], TTL_US..TTL_US + 10));
        assert_eq!(limited(vec![two, later]).verdict, CheckVerdict::Pass, "the hold was over");
        let sold = book(user(1), &[1, 2], booking(1), 0..10);
        let back = cancel_booking(&sold, 50..90);
        let again = keyed("other", book(user(1), &[3, 4, 5], booking(2), 60..70));
        let history = vec![sold.clone(), back.clone(), again.clone()];
        assert_eq!(limited(history).verdict, CheckVerdict::Pass, "it may have been cancelled");
        let refused = ended(back, Outcome::Fail);
        assert_eq!(limited(vec![sold, refused, again]).verdict, CheckVerdict::Fail);
    }

    #[test]
    fn what_is_granted_after_the_event_was_cancelled_fails() {
        let mut case = Case::honest_sale();
        case.audit.events[0].status = EventStatus::Cancelled;
        case.history.push(cancel_event(900_000..900_010));
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
        let crossing = hold(user(70), &[700], 900_005..900_100);
        case.history.push(crossing);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "they were under way together");
        let late = hold(user(71), &[701], 900_011..900_100);
        case.history.push(ended(late.clone(), Outcome::Fail));
        case.history.push(Operation { replayed: true, ..late.clone() });
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
        case.history.push(late);
        let result = check(&case);
        assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1));
        assert!(result.detail.contains("granted a hold of seats [701]"), "{}", result.detail);
    }

    #[test]
    fn a_cancelled_event_that_is_still_on_sale_fails() {
        let mut case = Case::honest_sale();
        case.history.push(cancel_event(900_000..900_010));
        assert!(check(&case).detail.contains("is published in the database"));
    }

    #[test]
    fn a_hold_that_lives_on_without_its_event_fails_unless_it_was_over_by_itself() {
        let mut case = Case::honest_sale();
        let row = &mut case.audit.reservations[0];
        let cancelled_at = row.created_at;
        (row.state, row.expires_at) = (ReservationState::Expired, cancelled_at + CANCEL_MAX * 2);
        row.ended_at = Some(row.expires_at);
        case.audit.events[0].cancelled_at = Some(cancelled_at);
        let held_on = |case: &Case| check(case).violation_kinds.get("held_after_cancel").copied();
        assert_eq!(held_on(&case), Some(1));
        case.audit.reservations[0].expires_at = cancelled_at + CANCEL_MAX;
        assert_eq!(held_on(&case), None, "it ended in time, and was swept later");
    }

    #[test]
    fn what_was_made_in_the_database_after_the_cancel_fails_whoever_was_told() {
        let mut case = Case::honest_sale();
        let made = case.audit.reservations[0].ended_at.unwrap();
        case.audit.events[0].status = EventStatus::Cancelled;
        case.audit.events[0].cancelled_at = Some(made - Duration::from_secs(5));
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "the cancel may have taken so long");
        let late = |change: fn(&mut Audit)| {
            let mut late = Case { history: case.history.clone(), ..Case::honest_sale() };
            late.audit.events.clone_from(&case.audit.events);
            change(&mut late.audit);
            let result = check(&late);
            assert_eq!(result.violation_kinds.get("made_after_cancel"), Some(&1), "{result:?}");
        };
        let second = Duration::from_secs(1);
        late(|audit| *audit.reservations[0].ended_at.as_mut().unwrap() += Duration::from_secs(1));
        late(|audit| audit.bookings[0].created_at += Duration::from_secs(1));
        // It ended when a client was told, at the latest: 0.19 s and 5 ms after the last hold was asked for.
        case.history.push(cancel_event(192_000..195_000));
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
        case.audit.reservations[0].ended_at = Some(made + Duration::from_millis(3));
        let result = check(&case);
        assert_eq!(result.violation_kinds.get("made_after_cancel"), Some(&1), "{result:?}");
        case.audit.events[0].cancelled_at = Some(made + second);
        assert_eq!(check(&case).violations, 1, "whatever its row says");
    }

    #[test]
    fn what_only_the_audit_found_fails() {
        for kind in [FindingKind::TicketLimit, FindingKind::SoldAfterCancel] {
            let mut case = Case::honest_sale();
            case.audit.findings = vec![Finding { kind, detail: "too many".to_owned() }];
            assert_eq!(check(&case).verdict, CheckVerdict::Fail);
        }
    }
}
