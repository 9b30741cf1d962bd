//! `idempotency`: one key, one effect. In the database a buyer's key made at most one reservation, one booking and one
//! charge; to the clients, the same request was answered with the same bytes, granted or refused, and another request
//! under a used key was never granted. Knows nothing of seats.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::counted;
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{Operation, Outcome};
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::{Audit, PaymentState};
use crate::wire::Reason;

/// The checker.
#[derive(Debug)]
pub struct Idempotency;

/// The status of a request whose key was used for another.
const KEY_REUSED: u16 = 422;

/// A key belongs to its user.
type Key<'a> = (Uuid, &'a str);

impl Checker for Idempotency {
    fn name(&self) -> &'static str {
        "idempotency"
    }

    fn summary(&self) -> &'static str {
        "one idempotency key has one effect and one answer"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is a key and a way in which it broke.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let requests = by_key(evidence.history()?);
        let mut violations = Violations::default();
        for (key, requests) in &requests {
            check_answers(key, requests, &mut violations);
            check_own_key(key, requests, &mut violations);
            check_undecided(key, requests, &mut violations);
        }
        check_effects(evidence.audit()?, &mut violations);
        let granted =
            |requests: &&Vec<&Operation>| requests.iter().any(|op| op.end() == Outcome::Ok);
        let judged =
            if requests.values().any(|requests| granted(&requests)) { requests.len() } else { 0 };
        let nothing = "no request with a key was granted";
        Ok(violations.result(self.name(), judged as u64, nothing, || tally(&requests)))
    }
}

fn by_key(history: &[Operation]) -> BTreeMap<Key<'_>, Vec<&Operation>> {
    let mut requests: BTreeMap<Key<'_>, Vec<&Operation>> = BTreeMap::new();
    for op in history {
        if let Some(key) = &op.key {
            requests.entry((op.user, key)).or_default().push(op);
        }
    }
    requests
}

/// What the clients saw of one key.
fn check_answers((user, key): &Key<'_>, requests: &[&Operation], violations: &mut Violations) {
    let granted = || requests.iter().filter(|op| op.end() == Outcome::Ok);
    let bodies: BTreeSet<&str> = granted().map(|op| op.request_sha256.as_str()).collect();
    if bodies.len() > 1 {
        let text =
            format!("key {key} of buyer {user} was granted to {} different requests", bodies.len());
        violations.add(bodies.len() as u64, of_key(*user, key, "key_reused", text));
    }
    // Settling reads an answer back inside another one, so only answers as sent are compared.
    let mut answers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for op in requests.iter().filter(|op| is_kept(op)) {
        let answers = answers.entry(op.request_sha256.as_str()).or_default();
        answers.extend(op.response_sha256.as_deref());
    }
    for answers in answers.into_values().filter(|answers| answers.len() > 1) {
        let text = format!(
            "key {key} of buyer {user} was answered in {} ways for one request",
            answers.len()
        );
        violations.add(answers.len() as u64, of_key(*user, key, "answers_differ", text));
    }
}

/// What decides nothing is not kept: the same request may come to something else a moment later.
fn check_undecided((user, key): &Key<'_>, requests: &[&Operation], violations: &mut Violations) {
    let undecided =
        |reason: Reason| matches!(reason, Reason::SeatContended | Reason::AlreadyPaying);
    let is_kept = |op: &&&Operation| op.replayed && op.known_reason().is_some_and(undecided);
    if let Some(op) = requests.iter().find(is_kept) {
        let text = format!(
            "key {key} of buyer {user} was answered from then on with what had decided nothing: {}",
            op.detail
        );
        violations.add(1, of_key(*user, key, "undecided_kept", text));
    }
}

/// One and the same request is never told that its key is another's.
fn check_own_key((user, key): &Key<'_>, requests: &[&Operation], violations: &mut Violations) {
    let asked: BTreeSet<_> =
        requests.iter().map(|op| (op.op, op.request_sha256.as_str())).collect();
    let is_turned_away = |op: &&&Operation| {
        op.known_reason() == Some(Reason::IdempotencyKey) && op.status == Some(KEY_REUSED)
    };
    if let Some(op) = requests.iter().find(is_turned_away).filter(|_| asked.len() == 1) {
        let text = format!(
            "key {key} of buyer {user} was sent with one request only, which was refused as another: {}",
            op.detail
        );
        violations.add(1, of_key(*user, key, "own_key_refused", text));
    }
}

/// Whether this answer is what the same request is answered from then on: what was granted, and every refusal that decides
/// something.
fn is_kept(op: &Operation) -> bool {
    let decides = |reason| {
        matches!(
            reason,
            Reason::SeatUnavailable
                | Reason::SeatIds
                | Reason::SoldOut
                | Reason::Quantity
                | Reason::NotOnSale
                | Reason::SalesEnded
                | Reason::TicketLimit
                | Reason::HoldLimit
                | Reason::ReservationEnded
                | Reason::PaymentDeclined
                | Reason::Refunded
        )
    };
    match op.outcome {
        Outcome::Ok => true,
        Outcome::Fail => op.known_reason().is_some_and(decides),
        Outcome::Info => false,
    }
}

/// What the database holds of every key. A payment that failed took nothing and is no effect.
fn check_effects(audit: &Audit, violations: &mut Violations) {
    let owners: HashMap<Uuid, Uuid> =
        audit.reservations.iter().map(|row| (row.id, row.user_id)).collect();
    let reservations =
        audit.reservations.iter().map(|row| (row.user_id, row.idempotency_key.as_str(), row.id));
    let bookings =
        audit.bookings.iter().map(|row| (row.user_id, row.idempotency_key.as_str(), row.id));
    let charges = audit.payments.iter().filter(|row| match row.state {
        PaymentState::Captured | PaymentState::Refunded => true,
        PaymentState::Pending | PaymentState::Failed => false,
    });
    let charges = charges.map(|row| {
        let owner = owners.get(&row.reservation_id).copied().unwrap_or_default();
        (owner, row.idempotency_key.as_str(), row.id)
    });
    report_repeated("reservations", reservations, violations);
    report_repeated("bookings", bookings, violations);
    report_repeated("charges", charges, violations);
}

fn report_repeated<'a>(
    noun: &str,
    rows: impl Iterator<Item = (Uuid, &'a str, Uuid)>,
    violations: &mut Violations,
) {
    let mut made: BTreeMap<Key<'a>, Vec<Uuid>> = BTreeMap::new();
    for (user, key, id) in rows {
        made.entry((user, key)).or_default().push(id);
    }
    for ((user, key), ids) in made {
        if let [first, second, ..] = ids.as_slice() {
            let count = ids.len();
            let text = format!(
                "key {key} of buyer {user} made {count} {noun}, among them {first} and {second}"
            );
            violations.add(count as u64, of_key(user, key, "effects", text));
        }
    }
}

fn of_key(user: Uuid, key: &str, kind: &str, text: String) -> Violation {
    Violation { users: vec![user], keys: vec![key.to_owned()], ..Violation::new(kind, text) }
}

fn tally(requests: &BTreeMap<Key<'_>, Vec<&Operation>>) -> String {
    let sent: usize = requests.values().map(Vec::len).sum();
    let repeated = requests.values().filter(|requests| requests.len() > 1).count();
    let reused = requests.values().filter(|requests| {
        requests.iter().any(|op| op.request_sha256 != requests[0].request_sha256)
    });
    format!(
        "{} in {}, {} repeated, {} reused for another request",
        counted(sent, "request"),
        counted(requests.len(), "key"),
        counted(repeated, "key"),
        counted(reused.count(), "key"),
    )
}

#[cfg(test)]
mod tests {
    use super::Idempotency;
    use crate::harness::checkers::fixtures::{Case, payment};
    use crate::harness::checkers::judge;
    use crate::harness::recorder::fixtures::{ended, hold, reservation, user};
    use crate::harness::recorder::{Operation, Outcome};
    use crate::harness::summary::{CheckResult, CheckVerdict};
    use crate::storage::audit::PaymentState;

    fn check(case: &Case) -> CheckResult {
        judge(&Idempotency, case.collected())
    }

    fn fails(case: &Case, word: &str) {
        let result = check(case);
        assert_eq!(result.verdict, CheckVerdict::Fail, "{result:?}");
        assert!(result.detail.contains(word), "{word} in {}", result.detail);
    }

    #[test]
    fn a_key_with_two_rows_of_a_kind_fails() {
        let mut twice_held = Case::honest_sale();
        let mut row = twice_held.audit.reservations[3].clone();
        row.id = reservation(900);
        twice_held.audit.reservations.push(row);
        fails(&twice_held, "made 2 reservations");

        let mut twice_booked = Case::honest_sale();
        let row = twice_booked.audit.bookings[3].clone();
        twice_booked.audit.bookings.push(row);
        fails(&twice_booked, "made 2 bookings");

        let mut twice_charged = Case::honest_sale();
        let mut row = twice_charged.audit.payments[3].clone();
        row.id = payment(900);
        row.state = PaymentState::Refunded;
        twice_charged.audit.payments.push(row.clone());
        fails(&twice_charged, "made 2 charges");
        twice_charged.audit.payments.last_mut().unwrap().state = PaymentState::Failed;
        assert_eq!(
            check(&twice_charged).verdict,
            CheckVerdict::Pass,
            "a failed payment took nothing"
        );
    }

    #[test]
    fn the_same_key_of_two_buyers_is_two_keys() {
        let mut case = Case::honest_sale();
        for row in &mut case.audit.reservations {
            "the same".clone_into(&mut row.idempotency_key);
        }
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn two_answers_to_one_request_fail() {
        let mut case = Case::honest_sale();
        let copy =
            Operation { response_sha256: Some("else".to_owned()), ..case.history[0].clone() };
        case.history.push(copy.clone());
        fails(&case, "answered in 2 ways");
        // What settling found has no bytes to compare.
        let lost = Operation { settled: Some(Outcome::Ok), ..ended(copy, Outcome::Info) };
        *case.history.last_mut().unwrap() = lost;
        assert_eq!(check(&case).verdict, CheckVerdict::Pass);
    }

    #[test]
    fn a_refusal_is_repeated_too_if_it_decides_something() {
        let mut case = Case::honest_sale();
        let refused = |reason: &str| Operation {
            reason: Some(reason.to_owned()),
            response_sha256: Some(format!("no: {reason}")),
            ..ended(case.history[0].clone(), Outcome::Fail)
        };
        let (taken, contended) = (refused("seat_unavailable"), refused("seat_contended"));
        case.history.push(contended);
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "the seats may be had a moment later");
        case.history.push(taken);
        fails(&case, "answered in 2 ways");
    }

    #[test]
    fn what_decides_nothing_is_not_kept() {
        for reason in ["seat_contended", "already_paying"] {
            let mut case = Case::honest_sale();
            let refused = Operation {
                reason: Some(reason.to_owned()),
                ..ended(case.history[0].clone(), Outcome::Fail)
            };
            case.history.push(refused.clone());
            assert_eq!(check(&case).verdict, CheckVerdict::Pass);
            case.history.push(Operation { replayed: true, ..refused });
            fails(&case, "decided nothing");
        }
    }

    #[test]
    fn one_request_is_not_refused_as_another() {
        let mut case = Case::honest_sale();
        let refused = Operation {
            reason: Some("idempotency_key".to_owned()),
            status: Some(422),
            ..ended(case.history[0].clone(), Outcome::Fail)
        };
        case.history.push(Operation { status: Some(409), ..refused.clone() });
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "the first is under way");
        case.history.push(refused.clone());
        fails(&case, "was refused as another");
        case.history.push(Operation { request_sha256: "other".to_owned(), ..refused });
        assert_eq!(check(&case).verdict, CheckVerdict::Pass, "the other may have come first");
    }

    #[test]
    fn another_request_under_a_used_key_must_be_refused() {
        let mut case = Case::honest_sale();
        let other = hold(user(0), &[900], 50..90);
        case.history.push(ended(other.clone(), Outcome::Fail));
        let result = check(&case);
        assert_eq!(result.verdict, CheckVerdict::Pass);
        assert!(
            result.detail.ends_with("1 key repeated, 1 key reused for another request"),
            "{}",
            result.detail
        );
        case.history.push(other);
        fails(&case, "granted to 2 different requests");
    }

    #[test]
    fn refusals_alone_prove_nothing() {
        let mut case = Case::new();
        case.history = vec![ended(hold(user(1), &[1], 0..5), Outcome::Fail)];
        assert_eq!(check(&case).verdict, CheckVerdict::Unknown);
    }
}
