//! `acknowledged-holds`: what was acknowledged of a hold is so, and what is so was asked for. A hold that was granted is there, one
//! that was given up is cancelled, one that was extended or sold is; and every reservation, every state of it and every payment
//! goes back to a request that may have made it. Bookings are another checker's matter.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;

use super::violations::{Violations, at};
use super::{Checker, Evidence, Undeclared};
use crate::domain::{EventStatus, ReservationState, counted};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::{Audit, ReservationRow};

/// The checker.
#[derive(Debug)]
pub struct AcknowledgedHolds;

impl Checker for AcknowledgedHolds {
    fn name(&self) -> &'static str {
        "acknowledged-holds"
    }

    fn summary(&self) -> &'static str {
        "every hold, extension and cancel told to a client is in the database, and all there was asked for"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is a request, or a row.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (history, audit) = (evidence.history()?, evidence.audit()?);
        let rows: HashMap<Uuid, &ReservationRow> =
            audit.reservations.iter().map(|row| (row.id, row)).collect();
        let mut violations = Violations::default();
        let mut told = 0_u64;
        for op in history.iter().filter(|op| op.end() == Outcome::Ok) {
            let Some(reservation) = op.reservation.filter(|_| changes_a_hold(op.op)) else {
                continue;
            };
            told += 1;
            if let Some((kind, what)) = what_is_wrong(op, rows.get(&reservation).copied()) {
                violations.add(2, of_request(op, kind, &what));
            }
        }
        if evidence.is_whole() {
            let asked = Asked::read(history);
            asked.check_reservations(audit, &mut violations);
            asked.check_payments(audit, &mut violations);
        }
        let nothing = "nothing of a hold was acknowledged";
        Ok(violations.result(self.name(), told, nothing, || {
            format!(
                "{} about holds, and {} in the database",
                counted(told, "acknowledged request"),
                counted(rows.len(), "reservation")
            )
        }))
    }
}

fn changes_a_hold(op: OpKind) -> bool {
    op.grants() || matches!(op, OpKind::Cancel | OpKind::Extend)
}

type Wrong = (&'static str, String);

fn what_is_wrong(op: &Operation, row: Option<&ReservationRow>) -> Option<Wrong> {
    let Some(row) = row else {
        return Some(("hold_missing", "is not in the database".to_owned()));
    };
    let must_be = |kind, state: ReservationState| {
        (row.state != state).then(|| (kind, format!("is {} in the database", row.state.name())))
    };
    match op.op {
        OpKind::Cancel => must_be("not_given_up", ReservationState::Cancelled),
        OpKind::Confirm | OpKind::Book => must_be("not_sold", ReservationState::Confirmed),
        OpKind::Extend => {
            row.extended_at.is_none().then(|| ("not_extended", "was never extended".to_owned()))
        }
        _ => None,
    }
}

fn of_request(op: &Operation, kind: &str, what: &str) -> Violation {
    let reservation = op.reservation.unwrap_or_default();
    let text = format!(
        "the {} of reservation {reservation} was acknowledged to buyer {} at {}, and it {what}",
        op.op.name(),
        op.user,
        at(op.completed_us)
    );
    Violation {
        seats: op.seats.clone(),
        reservations: vec![reservation],
        users: vec![op.user],
        keys: op.key.iter().cloned().collect(),
        ..Violation::new(kind, text)
    }
}

/// What was asked for and may have taken effect.
struct Asked<'a> {
    /// Buyers' keys of holds, and whether one of the requests may have come through.
    holds: HashMap<(Uuid, &'a str), bool>,
    /// The keys under which a buyer asked for a sale in one step: its hold has a key of its own.
    one_step: HashMap<Uuid, HashSet<&'a str>>,
    /// Buyers' keys of payments.
    payments: HashSet<(Uuid, &'a str)>,
    /// By what was asked, reservations.
    of: HashMap<OpKind, HashSet<Uuid>>,
    /// Buyers who may have bought in one step.
    bought: HashSet<Uuid>,
    /// Events that may have been cancelled.
    cancelled: HashSet<Uuid>,
}

impl<'a> Asked<'a> {
    fn read(history: &'a [Operation]) -> Self {
        let mut asked = Self {
            holds: HashMap::new(),
            one_step: HashMap::new(),
            payments: HashSet::new(),
            of: HashMap::new(),
            bought: HashSet::new(),
            cancelled: HashSet::new(),
        };
        for op in history {
            asked.note_key(op);
            match (op.op, op.reservation) {
                _ if op.end() == Outcome::Fail => {}
                (OpKind::CancelEvent, _) => drop(asked.cancelled.insert(op.event)),
                (OpKind::Book, _) => drop(asked.bought.insert(op.user)),
                (kind, Some(reservation)) => {
                    asked.of.entry(kind).or_default().insert(reservation);
                }
                (_, None) => {}
            }
        }
        asked
    }

    fn note_key(&mut self, op: &'a Operation) {
        let Some(key) = op.key.as_deref() else { return };
        if op.op == OpKind::Hold {
            *self.holds.entry((op.user, key)).or_default() |= op.end() != Outcome::Fail;
        }
        if op.op == OpKind::Book {
            self.one_step.entry(op.user).or_default().insert(key);
        }
        if op.op.sells() {
            self.payments.insert((op.user, key));
        }
    }

    fn has(&self, kind: OpKind, row: &ReservationRow) -> bool {
        self.of.get(&kind).is_some_and(|reservations| reservations.contains(&row.id))
    }

    fn check_reservations(&self, audit: &Audit, violations: &mut Violations) {
        let mut in_one_step: HashMap<Uuid, usize> = HashMap::new();
        for row in &audit.reservations {
            let by_hold = self.holds.get(&(row.user_id, row.idempotency_key.as_str()));
            let unasked = match by_hold {
                Some(true) => None,
                Some(false) => Some(("refused_yet_held", "and its buyer was refused it")),
                None => {
                    let made = in_one_step.entry(row.user_id).or_default();
                    *made += 1;
                    let keys = self.one_step.get(&row.user_id).map_or(0, HashSet::len);
                    (*made > keys).then_some(("hold_unasked", "and nobody asked for it"))
                }
            };
            let wrong = unasked.or_else(|| self.ended_unasked(audit, row, by_hold.is_some()));
            if let Some((kind, why)) = wrong {
                let (id, state) = (row.id, row.state.name());
                let text = format!("reservation {id} of buyer {} is {state}, {why}", row.user_id);
                let violation = Violation {
                    seats: row.seat_ids.clone(),
                    reservations: vec![id],
                    users: vec![row.user_id],
                    keys: vec![row.idempotency_key.clone()],
                    ..Violation::new(kind, text)
                };
                violations.add(1, violation);
            }
        }
    }

    /// A hold that a request of its own made is only ever given up, sold or extended by another request, or with its event.
    fn ended_unasked(
        &self,
        audit: &Audit,
        row: &ReservationRow,
        by_hold: bool,
    ) -> Option<(&'static str, &'static str)> {
        let of_cancelled_event = || {
            let status = audit.events.iter().find(|event| event.id == row.event_id)?.status;
            Some(status == EventStatus::Cancelled)
        };
        let event_may_be_off =
            self.cancelled.contains(&row.event_id) || of_cancelled_event().unwrap_or_default();
        let asked = match row.state {
            ReservationState::Cancelled => {
                !by_hold || event_may_be_off || self.has(OpKind::Cancel, row)
            }
            ReservationState::Confirmed => {
                self.has(OpKind::Confirm, row) || self.bought.contains(&row.user_id)
            }
            ReservationState::Held | ReservationState::Expired => true,
        };
        if !asked {
            return Some(("ended_unasked", "and nobody asked for that"));
        }
        (row.extended_at.is_some() && !self.has(OpKind::Extend, row))
            .then_some(("extended_unasked", "and was extended, for which nobody asked"))
    }

    fn check_payments(&self, audit: &Audit, violations: &mut Violations) {
        let keys = audit.payments.iter().map(|row| (row, row.idempotency_key.as_str()));
        for (row, key) in keys.filter(|(row, key)| !self.payments.contains(&(row.user_id, *key))) {
            let text = format!("payment {} of buyer {} was never asked for", row.id, row.user_id);
            let violation = Violation {
                payments: vec![row.id],
                users: vec![row.user_id],
                keys: vec![key.to_owned()],
                ..Violation::new("payment_unasked", text)
            };
            violations.add(1, violation);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AcknowledgedHolds;
    use crate::domain::ReservationState;
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::checkers::judge;
    use crate::harness::recorder::fixtures::{
        book, booking, cancel, cancel_event, ended, ends_at, user,
    };
    use crate::harness::recorder::{OpKind, Operation, Outcome};
    use crate::harness::summary::{CheckResult, CheckVerdict};

    fn check(case: &Case) -> CheckResult {
        judge(&AcknowledgedHolds, case.collected())
    }

    fn fails(case: &Case, kind: &str) {
        let result = check(case);
        let counted = (result.verdict, result.violations);
        assert_eq!(counted, (CheckVerdict::Fail, 1), "{kind}: {result:?}");
        assert!(result.violation_kinds.contains_key(kind), "{kind}: {result:?}");
    }

    fn passes(case: &Case) {
        let result = check(case);
        assert_eq!(result.verdict, CheckVerdict::Pass, "{result:?}");
    }

    /// The first buyer's hold, not paid for, and these requests about it.
    fn held(state: ReservationState, operations: &[Operation]) -> Case {
        let mut case = Case::honest_sale();
        case.history.remove(1);
        case.audit.payments.remove(0);
        case.audit.reservations[0].state = state;
        case.history.extend_from_slice(operations);
        case
    }

    fn about(op: OpKind, outcome: Outcome) -> Operation {
        let held = Case::honest_sale().history[0].clone();
        ended(Operation { op, ..cancel(&held, 5_000..6_000) }, outcome)
    }

    #[test]
    fn a_hold_that_was_granted_is_there_also_if_only_settling_knew() {
        let mut case = held(ReservationState::Expired, &[]);
        passes(&case);
        case.audit.reservations.remove(0);
        fails(&case, "hold_missing");
        let op = case.history[0].clone();
        case.history[0] = Operation { outcome: Outcome::Info, settled: Some(Outcome::Ok), ..op };
        fails(&case, "hold_missing");
        case.history[0].settled = None;
        passes(&case);
    }

    #[test]
    fn what_was_acknowledged_of_it_is_so() {
        use ReservationState::{Cancelled, Expired, Held};
        passes(&held(Cancelled, &[about(OpKind::Cancel, Outcome::Ok)]));
        fails(&held(Held, &[about(OpKind::Cancel, Outcome::Ok)]), "not_given_up");
        passes(&held(Held, &[about(OpKind::Cancel, Outcome::Info)]));
        let extension = about(OpKind::Extend, Outcome::Ok);
        fails(&held(Expired, std::slice::from_ref(&extension)), "not_extended");
        let mut extended = held(Expired, &[extension]);
        extended.audit.reservations[0].extended_at = Some(ends_at());
        passes(&extended);
        extended.history.pop();
        fails(&extended, "extended_unasked");
        let mut unsold = Case::honest_sale();
        unsold.audit.reservations[0].state = Expired;
        fails(&unsold, "not_sold");
    }

    #[test]
    fn every_state_goes_back_to_a_request() {
        use ReservationState::{Cancelled, Confirmed};
        fails(&held(Cancelled, &[]), "ended_unasked");
        fails(&held(Cancelled, &[about(OpKind::Cancel, Outcome::Fail)]), "ended_unasked");
        passes(&held(Cancelled, &[about(OpKind::Cancel, Outcome::Info)]));
        passes(&held(Cancelled, &[ended(cancel_event(5_000..6_000), Outcome::Info)]));
        fails(&held(Confirmed, &[]), "ended_unasked");
        passes(&held(Confirmed, &[about(OpKind::Confirm, Outcome::Info)]));
    }

    #[test]
    fn every_row_goes_back_to_a_request() {
        let mut case = Case::honest_sale();
        case.history[0] = ended(case.history[0].clone(), Outcome::Fail);
        fails(&case, "refused_yet_held");
        case.history.remove(0);
        fails(&case, "hold_unasked");
        let in_one_step = book(user(0), &[1, 2], booking(0), 0..10);
        case.history.push(ended(in_one_step, Outcome::Fail));
        passes(&case);
        case.history.pop();
        case.audit.reservations.remove(0);
        case.history.remove(0);
        fails(&case, "payment_unasked");
    }

    #[test]
    fn what_was_not_recorded_may_have_been_asked() {
        let case = held(ReservationState::Cancelled, &[]);
        let collected = crate::harness::checkers::Collected { aborted: 1, ..case.collected() };
        assert_eq!(judge(&AcknowledgedHolds, collected).verdict, CheckVerdict::Pass);
    }
}
