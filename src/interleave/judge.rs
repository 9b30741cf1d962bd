//! What is true after each order, asked of the harness's checkers over the few requests of the order, the database and the
//! provider's ledger; and what only an order that is known step by step can be held to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lane::Lane;
use super::order::LATER;
use super::ran::Ran;
use crate::harness::checkers::{self, CHECKERS, Collected};
use crate::harness::plan::{GeneratorLimits, Inventory, Payments, Plan, Target};
use crate::harness::recorder::{OpKind, Outcome};
use crate::harness::summary::CheckVerdict;
use crate::storage::audit::{Audit, FindingKind};
use crate::wire::{Admission, PaymentCall};

/// Something that must not be after an order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Broken {
    /// Whose word it is.
    pub checker: String,
    /// What must not be.
    pub detail: String,
}

/// Whether the schema's guard is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// It is, and is looked for.
    Yes,
    /// It is not, on purpose.
    No,
}

/// Judges an order that has just been run: first as it left things, once both jobs have come round, and again when everything
/// held is over and expired.
pub async fn judge(lane: &mut Lane, ran: &Ran, guarded: Guarded) -> anyhow::Result<Vec<Broken>> {
    lane.expire().await?;
    lane.refund().await?;
    let mut at_once = audit(lane, guarded).await?;
    if ran.time_passed() {
        // A cancellation under way when the hour passed is dated by its beginning: it took no hour.
        at_once.events.iter_mut().for_each(|event| event.cancelled_at = None);
    }
    let ledger = lane.new_calls();
    let mut broken = by_checkers(ran, &at_once, &ledger);
    broken.extend(claims_twice(&at_once));
    broken.extend(undecided(ran));
    broken.extend(overwritten(ran));
    lane.control.pass(LATER).await?;
    lane.expire().await?;
    let later = audit(lane, guarded).await?;
    broken.extend(later.findings.iter().map(|finding| Broken {
        checker: "audit".to_owned(),
        detail: format!("{}: {}", finding.kind.name(), finding.detail),
    }));
    if lane.control.bystanders().await? != lane.bystanders {
        let detail = "something is not as it was that no request asked to change".to_owned();
        broken.push(Broken { checker: "bystanders".to_owned(), detail });
    }
    broken.sort();
    broken.dedup();
    Ok(broken)
}

async fn audit(lane: &Lane, guarded: Guarded) -> anyhow::Result<Audit> {
    let mut audit = lane.control.audit().await?;
    if guarded == Guarded::No {
        audit.findings.retain(|finding| finding.kind != FindingKind::Unguarded);
    }
    Ok(audit)
}

fn by_checkers(ran: &Ran, audit: &Audit, ledger: &[PaymentCall]) -> Vec<Broken> {
    let plan = plan();
    let collected = Collected {
        plan: &plan,
        history: &ran.history,
        audit: Some(audit),
        ledger: Some(ledger),
        aborted: 0,
    };
    let results = checkers::run(collected).into_iter();
    let failed = results.filter(|result| result.verdict == CheckVerdict::Fail);
    failed.map(|result| Broken { checker: result.name, detail: result.detail }).collect()
}

/// Seats that two live claims have at the same time, as the database says it: holds that are not over, and bookings.
fn claims_twice(audit: &Audit) -> Vec<Broken> {
    let mut claims: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for reservation in &audit.reservations {
        let is_held = reservation.state.name() == "held" && reservation.expires_at > audit.taken_at;
        for seat in reservation.seat_ids.iter().filter(|_| is_held) {
            claims.entry(*seat).or_default().push(format!("hold {}", reservation.id));
        }
    }
    for booking in audit.bookings.iter().filter(|booking| booking.state.name() == "confirmed") {
        for seat in &booking.seat_ids {
            claims.entry(*seat).or_default().push(format!("booking {}", booking.reference));
        }
    }
    let twice = claims.into_iter().filter(|(_, claims)| claims.len() > 1);
    twice
        .map(|(seat, claims)| Broken {
            checker: "live claims".to_owned(),
            detail: format!("seat {seat} has {}", claims.join(" and ")),
        })
        .collect()
}

/// Requests that failed in the server, or were not answered, though nothing was broken on purpose.
fn undecided(ran: &Ran) -> Vec<Broken> {
    let failed =
        ran.history.iter().filter(|operation| operation.status.is_none_or(|status| status >= 500));
    failed
        .map(|operation| Broken {
            checker: "answers".to_owned(),
            detail: format!("{} failed: {}", operation.op.name(), operation.detail),
        })
        .collect()
}

/// Of changes of an event's first version one has to be accepted; a second one would overwrite what it has not seen.
fn overwritten(ran: &Ran) -> Option<Broken> {
    let asked = || ran.history.iter().filter(|operation| operation.op == OpKind::CancelEvent);
    let accepted = asked().filter(|operation| operation.outcome == Outcome::Ok).count();
    (asked().count() > 0 && accepted != 1).then(|| Broken {
        checker: "versions".to_owned(),
        detail: format!("of the changes of the event's first version {accepted} were accepted"),
    })
}

fn plan() -> Plan {
    let target =
        Target { strategy: String::new(), instances: 1, redis_nodes: 1, env: BTreeMap::new() };
    Plan {
        title: String::new(),
        name: "interleave".to_owned(),
        seed: 0,
        target,
        inventory: Inventory {
            events: 1,
            admission: Admission::Seated,
            seats: 4,
            tickets_per_user: None,
            price_cents: vec![1_000],
            hold_ttl: Duration::from_mins(2),
        },
        payments: Payments::default(),
        generator: GeneratorLimits::USUAL,
        checkers: CHECKERS.iter().map(|checker| checker.name().to_owned()).collect(),
        loads: Vec::new(),
        background: Vec::new(),
        faults: Vec::new(),
        thresholds: Vec::new(),
        sometimes: Vec::new(),
    }
}
