//! `live-holds`: a hold is its buyer's until its end, whatever is sent meanwhile: nobody is refused the payment of a hold that
//! certainly is live. Believes neither the database nor the server's clock.
//!
//! A payment may be declined by the provider, be told that another payment of the same hold came first, carry a key that is
//! in use, or come too often. Every other definite refusal before the hold may have been lost (see `claims`) breaks a promise.

use std::collections::{HashMap, HashSet};

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
        "no payment of a hold that was live was refused without a cause"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History]
    }

    /// A violation is a payment.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let history = evidence.history()?;
        let (holds, excuses) = (Holds::read(history), Excuses::read(history));
        let payments = history.iter().filter(|op| op.op == OpKind::Confirm);
        let judged: Vec<&Operation> = payments.filter(|op| holds.were_live_for(op)).collect();
        let mut violations = Violations::default();
        for payment in judged.iter().filter(|payment| !excuses.cover(payment)) {
            violations.add(1, refused(payment));
        }
        let (promises, nothing) = (holds.0.len() as u64, "nobody was told that a seat is theirs");
        Ok(violations.result(self.name(), promises, nothing, || {
            format!(
                "{} of live holds, for {}",
                counted(judged.len(), "answered payment"),
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

    /// Whether the payment was sent and answered, one way or the other, while its buyer certainly had the seats.
    fn were_live_for(&self, payment: &Operation) -> bool {
        let hold = payment.reservation.and_then(|id| self.0.get(&(payment.user, id)));
        payment.outcome != Outcome::Info
            && hold.is_some_and(|(from_us, until_us)| {
                (*from_us..*until_us).contains(&payment.invoked_us)
                    && payment.completed_us < *until_us
            })
    }
}

/// What may excuse a refusal.
struct Excuses {
    /// By event: when a cancellation that may have taken effect was first sent, microseconds.
    cancelled: HashMap<Uuid, u64>,
    /// The keys, more than one, under which a reservation was paid for.
    paid_under: HashMap<Uuid, HashSet<String>>,
}

impl Excuses {
    fn read(history: &[Operation]) -> Self {
        let (mut cancelled, mut paid_under) =
            (HashMap::new(), HashMap::<_, HashSet<String>>::new());
        for op in history {
            match (op.op, op.reservation) {
                (OpKind::CancelEvent, _) if op.end() != Outcome::Fail => {
                    let first = cancelled.entry(op.event).or_insert(op.invoked_us);
                    *first = op.invoked_us.min(*first);
                }
                (OpKind::Confirm, Some(reservation)) => {
                    paid_under.entry(reservation).or_default().extend(op.key.clone());
                }
                _ => {}
            }
        }
        paid_under.retain(|_, keys| keys.len() > 1);
        Self { cancelled, paid_under }
    }

    fn cover(&self, payment: &Operation) -> bool {
        if payment.outcome == Outcome::Ok || payment.status.is_none() {
            return true;
        }
        let event_cancelled = self
            .cancelled
            .get(&payment.event)
            .is_some_and(|sent_us| *sent_us < payment.completed_us);
        event_cancelled
            || match payment.known_reason() {
                Some(Reason::AlreadyPaying) => {
                    payment.reservation.is_some_and(|id| self.paid_under.contains_key(&id))
                }
                Some(Reason::PaymentDeclined | Reason::IdempotencyKey | Reason::RateLimit)
                | None => true,
                Some(_) => false,
            }
    }
}

fn refused(payment: &Operation) -> Violation {
    let text = format!(
        "buyer {} was refused the payment of a hold of seats {:?} that was live, at {}: {}",
        payment.user,
        payment.seats,
        at(payment.completed_us),
        payment.detail
    );
    Violation {
        seats: payment.seats.clone(),
        reservations: payment.reservation.into_iter().collect(),
        users: vec![payment.user],
        keys: payment.key.clone().into_iter().collect(),
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
    use crate::harness::recorder::{Operation, Outcome};
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
        // A payment that was declined lets the seats go, one that was refused for no cause does not.
        for (reason, verdict_then) in
            [("payment_declined", CheckVerdict::Pass), ("seat_unavailable", CheckVerdict::Fail)]
        {
            let mut again = refused();
            let earlier = Operation {
                key: Some("earlier".to_owned()),
                reason: Some(reason.to_owned()),
                invoked_us: 20,
                completed_us: 30,
                ..again.history[1].clone()
            };
            again.history.push(earlier);
            assert_eq!(verdict(&again), verdict_then, "{reason}");
        }
    }

    #[test]
    fn of_two_payments_one_may_be_told_that_the_other_came_first() {
        let mut two = case("already_paying", 100..200);
        let other = Operation { key: Some("other".to_owned()), ..two.history[1].clone() };
        two.history.push(Operation { outcome: Outcome::Ok, reason: None, ..other });
        assert_eq!(check(&two).detail, "2 answered payments of live holds, for 1 promise");
    }
}
