//! `live-holds`: a hold is its buyer's until its end, whatever is sent meanwhile: nobody is refused the payment, the extension or
//! the cancel of a hold that certainly is live. Believes neither the database nor the server's clock.
//!
//! A payment may be declined by the provider, be told that another payment of the same hold came first, carry a key that is
//! in use, or come too often. A hold that may have been paid for by then is no longer one to extend or to give up, and one that
//! may have been extended is not extended again. Every other definite refusal before the hold may have been lost (see
//! `claims`) breaks a promise.

use std::collections::HashMap;

use uuid::Uuid;

use super::claims::Claims;
use super::violations::{Violations, at};
use super::{Checker, Evidence, Undeclared};
use crate::domain::counted;
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{OpKind, Operation, Outcome};
use crate::harness::summary::{CheckResult, Violation};
use crate::wire::Reason;

/// The checker.
#[derive(Debug)]
pub struct LiveHolds;

impl Checker for LiveHolds {
    fn name(&self) -> &'static str {
        "live-holds"
    }

    fn summary(&self) -> &'static str {
        "no payment, extension or cancel of a hold that was live was refused without a cause"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History]
    }

    /// A violation is a payment, an extension or a cancel.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let history = evidence.history()?;
        let (holds, excuses) = (Holds::read(history), Excuses::read(history));
        let asks =
            |op: &&Operation| matches!(op.op, OpKind::Confirm | OpKind::Extend | OpKind::Cancel);
        let judged: Vec<&Operation> =
            history.iter().filter(asks).filter(|op| holds.were_live_for(op)).collect();
        let mut violations = Violations::default();
        for op in judged.iter().filter(|op| !excuses.cover(op)) {
            violations.add(1, refused(op));
        }
        let (promises, nothing) = (holds.0.len() as u64, "nobody was told that a seat is theirs");
        Ok(violations.result(self.name(), promises, nothing, || {
            format!(
                "{} about live holds, for {}",
                counted(judged.len(), "answered request"),
                counted(promises, "promise")
            )
        }))
    }
}

/// In what time, in microseconds, each buyer certainly had what a reservation holds.
struct Holds(HashMap<(Uuid, Uuid), (u64, u64)>);

impl Holds {
    fn read(history: &[Operation]) -> Self {
        let claims = Claims::read(history).certain.into_iter();
        Self(
            claims
                .map(|claim| ((claim.user, claim.reservation), (claim.from_us, claim.until_us)))
                .collect(),
        )
    }

    /// Whether it was sent and answered, one way or the other, while its sender certainly had the seats.
    fn were_live_for(&self, op: &Operation) -> bool {
        let hold = op.reservation.and_then(|id| self.0.get(&(op.user, id)));
        op.outcome != Outcome::Info
            && hold.is_some_and(|(from_us, until_us)| {
                (*from_us..*until_us).contains(&op.invoked_us) && op.completed_us < *until_us
            })
    }
}

/// What may excuse a refusal.
struct Excuses<'a> {
    /// By event: when a cancellation that may have taken effect was first sent, microseconds.
    cancelled: HashMap<Uuid, u64>,
    /// Payments of a reservation by their keys: from when to when each may have been under way, microseconds.
    under_way: HashMap<Uuid, HashMap<&'a str, (u64, u64)>>,
    /// When a payment of it that may have come through was first sent, microseconds.
    paid: HashMap<Uuid, u64>,
    /// When extensions of it that may have come through were sent, microseconds.
    extended: HashMap<Uuid, Vec<u64>>,
}

impl<'a> Excuses<'a> {
    fn read(history: &'a [Operation]) -> Self {
        let mut found = Self {
            cancelled: HashMap::new(),
            under_way: HashMap::new(),
            paid: HashMap::new(),
            extended: HashMap::new(),
        };
        for op in history {
            let may_have_come_through = op.end() != Outcome::Fail;
            found.note_payment(op);
            match (op.op, op.reservation) {
                (OpKind::CancelEvent, _) if may_have_come_through => {
                    first(&mut found.cancelled, op.event, op.invoked_us);
                }
                (OpKind::Confirm, Some(reservation)) if may_have_come_through => {
                    first(&mut found.paid, reservation, op.invoked_us);
                }
                (OpKind::Extend, Some(reservation)) if may_have_come_through => {
                    found.extended.entry(reservation).or_default().push(op.invoked_us);
                }
                _ => {}
            }
        }
        found
    }

    /// Widens the time in which a payment may have been under way.
    fn note_payment(&mut self, op: &'a Operation) {
        let (OpKind::Confirm, Some(reservation), Some(key)) = (op.op, op.reservation, &op.key)
        else {
            return;
        };
        let payments = self.under_way.entry(reservation).or_default();
        let (sent_us, over_us) = payments.entry(key).or_insert((op.invoked_us, u64::MAX));
        *sent_us = op.invoked_us.min(*sent_us);
        if ends_payment(op) {
            *over_us = op.completed_us.min(*over_us);
        }
    }

    fn cover(&self, op: &Operation) -> bool {
        let Some(reservation) = op.reservation else { return true };
        if op.outcome == Outcome::Ok || op.status.is_none() {
            return true;
        }
        let sent_before = |sent_us: &u64| *sent_us < op.completed_us;
        self.cancelled.get(&op.event).is_some_and(sent_before)
            || match (op.op, op.known_reason()) {
                (_, None | Some(Reason::RateLimit))
                | (OpKind::Confirm, Some(Reason::PaymentDeclined | Reason::IdempotencyKey)) => true,
                (OpKind::Confirm, Some(Reason::AlreadyPaying)) => {
                    let payments = self.under_way.get(&reservation).into_iter().flatten();
                    let others = payments.filter(|(key, _)| op.key.as_deref() != Some(**key));
                    others.into_iter().any(|(_, (sent_us, over_us))| {
                        *sent_us < op.completed_us && *over_us > op.invoked_us
                    })
                }
                (OpKind::Extend, Some(Reason::AlreadyExtended)) => {
                    self.extended.get(&reservation).is_some_and(|sent| sent.iter().any(sent_before))
                }
                (OpKind::Extend | OpKind::Cancel, Some(Reason::ReservationEnded)) => {
                    self.paid.get(&reservation).is_some_and(sent_before)
                }
                (_, Some(_)) => false,
            }
    }
}

/// Whether this answer says how the payment ended.
fn ends_payment(op: &Operation) -> bool {
    let says_nothing = |reason| {
        matches!(
            reason,
            Reason::AlreadyPaying
                | Reason::IdempotencyKey
                | Reason::SeatContended
                | Reason::RateLimit
        )
    };
    match op.outcome {
        Outcome::Ok => true,
        Outcome::Fail => op.known_reason().is_some_and(|reason| !says_nothing(reason)),
        Outcome::Info => false,
    }
}

/// Keeps the earliest moment.
fn first(moments: &mut HashMap<Uuid, u64>, of: Uuid, us: u64) {
    let moment = moments.entry(of).or_insert(us);
    *moment = us.min(*moment);
}

fn refused(op: &Operation) -> Violation {
    let what = match op.op {
        OpKind::Extend => "extension",
        OpKind::Cancel => "cancel",
        _ => "payment",
    };
    let text = format!(
        "buyer {} was refused the {what} of a hold of seats {:?} that was live, at {}: {}",
        op.user,
        op.seats,
        at(op.completed_us),
        op.detail
    );
    Violation {
        seats: op.seats.clone(),
        reservations: op.reservation.into_iter().collect(),
        users: vec![op.user],
        keys: op.key.clone().into_iter().collect(),
        ..Violation::new("refused_while_live", text)
    }
}

#[cfg(test)]
mod tests {
    use super::LiveHolds;
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::checkers::judge;
    use crate::harness::recorder::fixtures::{
        TTL_US, cancel, cancel_event, confirm, ended, hold, user,
    };
    use crate::harness::recorder::{OpKind, Operation, Outcome};
    use crate::harness::summary::{CheckResult, CheckVerdict};

    /// A hold at 0, and its payment, refused for this reason, in this time.
    fn case(reason: &str, us: std::ops::Range<u64>) -> Case {
        let mut case = Case::new();
        let held = hold(user(1), &[1, 2], 0..10);
        let payment = ended(confirm(&held, super::Uuid::nil(), us), Outcome::Fail);
        case.history = vec![held, Operation { reason: Some(reason.to_owned()), ..payment }];
        case
    }

    fn check(case: &Case) -> CheckResult {
        judge(&LiveHolds, case.collected())
    }

    fn verdict(case: &Case) -> CheckVerdict {
        check(case).verdict
    }

    #[test]
    fn a_payment_refused_while_its_hold_is_live_breaks_a_promise() {
        for reason in
            ["reservation_ended", "seat_unavailable", "refunded", "not_found", "already_paying"]
        {
            let result = check(&case(reason, 100..200));
            assert_eq!((result.verdict, result.violations), (CheckVerdict::Fail, 1), "{reason}");
            assert!(result.detail.contains("seats [1, 2]"), "{}", result.detail);
        }
        for reason in ["payment_declined", "rate_limit", "idempotency_key", "another_servers_word"]
        {
            assert_eq!(verdict(&case(reason, 100..200)), CheckVerdict::Pass, "{reason}");
        }
    }

    #[test]
    fn a_refusal_that_came_when_the_hold_may_have_been_over_breaks_nothing() {
        let ended = "reservation_ended";
        assert_eq!(verdict(&case(ended, 100..TTL_US - 1)), CheckVerdict::Fail);
        assert_eq!(verdict(&case(ended, 100..TTL_US)), CheckVerdict::Pass);
        assert_eq!(verdict(&case(ended, 5..200)), CheckVerdict::Pass, "sent before it was granted");
    }

    #[test]
    fn what_was_sent_meanwhile_excuses_only_what_it_can_have_caused() {
        let refused = || case("reservation_ended", 100..200);
        for (outcome, verdict_then) in [
            (Outcome::Ok, CheckVerdict::Pass),
            (Outcome::Info, CheckVerdict::Pass),
            (Outcome::Fail, CheckVerdict::Fail),
        ] {
            let mut cancelled = refused();
            let sent = cancel(&cancelled.history[0], 150..160);
            cancelled.history.push(ended(sent, outcome));
            assert_eq!(verdict(&cancelled), verdict_then, "hold cancelled: {outcome:?}");
            let mut called_off = refused();
            called_off.history.push(ended(cancel_event(150..160), outcome));
            assert_eq!(verdict(&called_off), verdict_then, "event cancelled: {outcome:?}");
        }
        // Neither a declined payment lets the seats go, nor one that was refused for no cause.
        for reason in ["payment_declined", "seat_unavailable"] {
            let mut again = refused();
            let earlier = Operation {
                key: Some("earlier".to_owned()),
                reason: Some(reason.to_owned()),
                invoked_us: 20,
                completed_us: 30,
                ..again.history[1].clone()
            };
            again.history.push(earlier);
            assert_eq!(verdict(&again), CheckVerdict::Fail, "{reason}");
        }
    }

    #[test]
    fn an_extension_or_a_cancel_refused_while_the_hold_is_live_breaks_a_promise() {
        let asked = |op, reason: &str| {
            let mut case = case("payment_declined", 100..200);
            let refused =
                Operation { op, reason: Some(reason.to_owned()), ..case.history[1].clone() };
            case.history.push(Operation { invoked_us: 300, completed_us: 400, ..refused });
            case
        };
        let extended = |outcome, at_us| Operation {
            op: OpKind::Extend,
            invoked_us: at_us,
            completed_us: at_us + 10,
            ..ended(cancel(&hold(user(1), &[1, 2], 0..10), 0..10), outcome)
        };
        let paid = |outcome| {
            ended(confirm(&hold(user(1), &[1, 2], 0..10), super::Uuid::nil(), 250..260), outcome)
        };
        for (op, reason) in [
            (OpKind::Extend, "already_extended"),
            (OpKind::Extend, "reservation_ended"),
            (OpKind::Cancel, "reservation_ended"),
        ] {
            assert_eq!(verdict(&asked(op, reason)), CheckVerdict::Fail, "{reason}");
            let excused = |excuse: Operation| {
                let mut case = asked(op, reason);
                case.history.push(excuse);
                verdict(&case) == CheckVerdict::Pass
            };
            let by_extension = reason == "already_extended";
            assert_eq!(excused(extended(Outcome::Info, 280)), by_extension, "{reason}");
            assert!(!excused(extended(Outcome::Info, 400)), "sent later: {reason}");
            assert_eq!(excused(paid(Outcome::Info)), !by_extension, "{reason}");
        }
    }

    #[test]
    fn an_extended_hold_is_live_for_twice_as_long() {
        let mut case = case("reservation_ended", TTL_US + 10..TTL_US + 20);
        assert_eq!(verdict(&case), CheckVerdict::Pass);
        let longer = Operation { op: OpKind::Extend, ..cancel(&case.history[0], 50..60) };
        case.history.push(ended(longer.clone(), Outcome::Info));
        assert_eq!(verdict(&case), CheckVerdict::Pass, "it may not have been");
        *case.history.last_mut().unwrap() = longer;
        assert_eq!(verdict(&case), CheckVerdict::Fail);
    }

    #[test]
    fn a_hold_known_from_reading_it_is_a_promise_from_then_on() {
        let mut case = case("reservation_ended", 300..400);
        let lost = case.history[0].clone();
        let told = lost.told.clone();
        let settled = Operation { outcome: Outcome::Info, settled: Some(Outcome::Ok), ..lost };
        case.history[0] = settled.clone();
        assert_eq!(verdict(&case), CheckVerdict::Unknown, "nobody knew when it took effect");
        let read = Operation { op: OpKind::ReadReservation, told, ..cancel(&settled, 200..250) };
        case.history.push(read.clone());
        assert_eq!(verdict(&case), CheckVerdict::Fail);
        *case.history.last_mut().unwrap() = Operation { completed_us: 301, ..read };
        assert_eq!(verdict(&case), CheckVerdict::Pass, "the payment was sent before");
    }

    #[test]
    fn of_two_payments_one_may_be_told_that_the_other_came_first() {
        let mut two = case("already_paying", 100..200);
        let other = Operation { key: Some("other".to_owned()), ..two.history[1].clone() };
        let other = Operation { outcome: Outcome::Ok, reason: None, ..other };
        two.history.push(other.clone());
        assert_eq!(check(&two).detail, "2 answered requests about live holds, for 1 promise");
        let mut before = |reason: &str| {
            let other = ended(other.clone(), Outcome::Fail);
            let reason = Some(reason.to_owned());
            let other = Operation { invoked_us: 40, completed_us: 50, reason, ..other };
            *two.history.last_mut().unwrap() = other;
            verdict(&two)
        };
        assert_eq!(before("payment_declined"), CheckVerdict::Fail, "it was over");
        assert_eq!(before("idempotency_key"), CheckVerdict::Pass, "it may go on");
    }
}
