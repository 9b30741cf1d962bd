//! `no-double-sell-clients`: no seat was promised to two clients, judged from what they were told and from nothing else.
//! Believes neither the database nor the server's clock.
//!
//! Two rules. (a) A seat has one acknowledged booking. (b) Whoever was told that a seat is held or sold *certainly* has it
//! from the moment of the answer until the earliest moment at which it may have been lost: a cancel was sent for it, a
//! payment was sent that did not succeed, or its TTL, counted from the sending of the first request with its key, was
//! over. A hold that was paid for in the end was never lost. Two such times of different buyers must not overlap.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::violations::{Violations, at, counted};
use super::{CheckResult, Checker, Evidence};
use crate::harness::recorder::{OpKind, Operation, Outcome};

/// The checker.
#[derive(Debug)]
pub struct NoDoubleSellClients;

impl Checker for NoDoubleSellClients {
    fn name(&self) -> &'static str {
        "no-double-sell-clients"
    }

    fn summary(&self) -> &'static str {
        "no two clients were told that the same seat is theirs at the same time"
    }

    /// A violation is a seat.
    fn check(&self, evidence: &Evidence<'_>) -> CheckResult {
        let told = Told::read(evidence.history);
        let mut broken = told.sold_twice();
        for conflict in told.promised_twice() {
            broken.entry(conflict.seat).or_insert(conflict);
        }
        let mut broken: Vec<Conflict> = broken.into_values().collect();
        broken.sort_by_key(|conflict| conflict.at_us);
        let mut violations = Violations::default();
        for conflict in broken {
            violations.add(conflict.times, conflict.what);
        }
        violations.result(self.name(), || self.without_violations(evidence.history, &told))
    }
}

impl NoDoubleSellClients {
    fn without_violations(&self, history: &[Operation], told: &Told) -> CheckResult {
        let unknown = history
            .iter()
            .filter(|op| op.op == OpKind::Confirm && op.end() == Outcome::Info)
            .count();
        if told.claims.is_empty() && told.sales.is_empty() {
            return CheckResult::unknown(self.name(), "nobody was told that a seat is theirs");
        }
        if unknown > 0 {
            let payments = counted(unknown, "payment");
            return CheckResult::unknown(
                self.name(),
                format!("{payments} ended in no known way, they may be sales"),
            );
        }
        let seats: BTreeSet<i64> = told.claims.iter().map(|claim| claim.seat).collect();
        let (promises, bookings) =
            (counted(told.claims.len(), "promise"), counted(told.sales.len(), "sale"));
        CheckResult::pass(
            self.name(),
            format!("{promises} and {bookings} of {}", counted(seats.len(), "seat")),
        )
    }
}

/// A time in which a buyer certainly had a seat.
#[derive(Debug, Clone, Copy)]
struct Claim {
    seat: i64,
    user: Uuid,
    reservation: Uuid,
    from_us: u64,
    until_us: u64,
}

/// A seat in an acknowledged booking.
#[derive(Debug, Clone, Copy)]
struct Sale {
    seat: i64,
    user: Uuid,
    booking: Uuid,
    at_us: u64,
}

#[derive(Debug)]
struct Conflict {
    seat: i64,
    at_us: u64,
    times: u64,
    what: String,
}

/// What clients were told.
struct Told {
    claims: Vec<Claim>,
    sales: Vec<Sale>,
}

/// When a reservation may have been lost, microseconds.
struct Losses {
    /// A cancel that may have taken effect was sent.
    cancelled: HashMap<Uuid, u64>,
    /// A payment that did not succeed was sent: the server may have let the seats go.
    unpaid: HashMap<Uuid, u64>,
    /// The reservation was paid for in the end.
    paid: BTreeSet<Uuid>,
}

impl Losses {
    fn read(history: &[Operation]) -> Self {
        let mut losses =
            Self { cancelled: HashMap::new(), unpaid: HashMap::new(), paid: BTreeSet::new() };
        for op in history {
            let Some(reservation) = op.reservation else { continue };
            let earliest = match (op.op, op.end()) {
                (OpKind::Cancel, Outcome::Ok | Outcome::Info) => &mut losses.cancelled,
                (OpKind::Confirm, Outcome::Ok) => {
                    losses.paid.insert(reservation);
                    continue;
                }
                (OpKind::Confirm, Outcome::Fail | Outcome::Info) => &mut losses.unpaid,
                _ => continue,
            };
            let moment = earliest.entry(reservation).or_insert(u64::MAX);
            *moment = op.invoked_us.min(*moment);
        }
        losses
    }

    /// Until when a reservation was certainly not lost, if its TTL was over no earlier than `expires_us`.
    fn none_before(&self, reservation: Uuid, expires_us: u64) -> u64 {
        let never = u64::MAX;
        let cancelled = self.cancelled.get(&reservation).copied().unwrap_or(never);
        if self.paid.contains(&reservation) {
            return cancelled;
        }
        cancelled.min(self.unpaid.get(&reservation).copied().unwrap_or(never)).min(expires_us)
    }
}

impl Told {
    fn read(history: &[Operation]) -> Self {
        let losses = Losses::read(history);
        let first_asked = first_asked(history);
        // One claim for each buyer and reservation, however many copies of the request were answered.
        let mut owned: BTreeMap<(Uuid, Uuid), (u64, u64, &[i64])> = BTreeMap::new();
        for op in history.iter().filter(|op| op.outcome == Outcome::Ok) {
            let Some(reservation) = op.reservation else { continue };
            let expires_us = match (op.op, op.ttl_ms) {
                (OpKind::Hold, Some(ttl_ms)) => {
                    asked_us(&first_asked, op).saturating_add(ttl_ms * 1_000)
                }
                // Without a TTL of the client's own only a payment makes a hold certain.
                (OpKind::Hold, None) => 0,
                (OpKind::Confirm, _) => u64::MAX,
                (OpKind::Cancel | OpKind::Read, _) => continue,
            };
            let until_us = losses.none_before(reservation, expires_us);
            let claim = owned.entry((op.user, reservation)).or_insert((
                op.completed_us,
                until_us,
                &op.seats,
            ));
            claim.0 = claim.0.min(op.completed_us);
        }
        let claims =
            owned.into_iter().flat_map(|((user, reservation), (from_us, until_us, seats))| {
                seats.iter().map(move |seat| Claim {
                    seat: *seat,
                    user,
                    reservation,
                    from_us,
                    until_us,
                })
            });
        let claims = claims.filter(|claim| claim.from_us < claim.until_us).collect();
        Self { claims, sales: sales(history, &losses) }
    }

    /// Rule (a), by seat.
    fn sold_twice(&self) -> BTreeMap<i64, Conflict> {
        let mut by_seat: BTreeMap<i64, Vec<&Sale>> = BTreeMap::new();
        for sale in &self.sales {
            by_seat.entry(sale.seat).or_default().push(sale);
        }
        let conflict = |(seat, sales): (i64, Vec<&Sale>)| {
            let [first, second, ..] = sales.as_slice() else { return None };
            let what = format!(
                "seat {seat} was sold {} times: booking {} to buyer {} (answered at {}) and booking {} to buyer {} (at {})",
                sales.len(),
                first.booking,
                first.user,
                at(first.at_us),
                second.booking,
                second.user,
                at(second.at_us),
            );
            Some((seat, Conflict { seat, at_us: second.at_us, times: sales.len() as u64, what }))
        };
        by_seat.into_iter().filter_map(conflict).collect()
    }

    /// Rule (b): the first overlap of each seat, and how many promises overlapped an earlier one.
    fn promised_twice(&self) -> Vec<Conflict> {
        let mut claims = self.claims.clone();
        claims.sort_by_key(|claim| (claim.seat, claim.from_us, claim.until_us));
        let of_one_seat = claims.chunk_by(|one, next| one.seat == next.seat);
        of_one_seat.filter_map(first_overlap).collect()
    }
}

/// Goes through one seat's claims by time. Of the earlier ones, the two that last longest and belong to different buyers
/// are enough to know: whoever comes next overlaps one of them, or nothing.
fn first_overlap(claims: &[Claim]) -> Option<Conflict> {
    let (mut longest, mut other): (Option<&Claim>, Option<&Claim>) = (None, None);
    let mut found: Option<Conflict> = None;
    for claim in claims {
        let rival =
            [longest, other].into_iter().flatten().find(|earlier| earlier.user != claim.user);
        if let Some(rival) = rival.filter(|rival| rival.until_us > claim.from_us) {
            match &mut found {
                Some(conflict) => conflict.times += 1,
                None => found = Some(overlap(rival, claim)),
            }
        }
        let lasts_longer =
            |than: Option<&Claim>| than.is_none_or(|than| claim.until_us > than.until_us);
        let of_the_longest = longest.is_some_and(|first| first.user == claim.user);
        if lasts_longer(longest) {
            if !of_the_longest {
                other = longest;
            }
            longest = Some(claim);
        } else if !of_the_longest && lasts_longer(other) {
            other = Some(claim);
        }
    }
    found
}

fn overlap(earlier: &Claim, later: &Claim) -> Conflict {
    let until = match earlier.until_us {
        u64::MAX => "for good".to_owned(),
        until_us => format!("until {} at least", at(until_us)),
    };
    let what = format!(
        "seat {} was buyer {}'s {until} (reservation {}, answered at {}) when buyer {} was told it was theirs (reservation \
         {}, answered at {})",
        later.seat,
        earlier.user,
        earlier.reservation,
        at(earlier.from_us),
        later.user,
        later.reservation,
        at(later.from_us),
    );
    Conflict { seat: later.seat, at_us: later.from_us, times: 2, what }
}

/// Seats in bookings that were acknowledged, at once or when settling, each booking once, by time; without those that
/// may have been cancelled.
fn sales(history: &[Operation], losses: &Losses) -> Vec<Sale> {
    let mut bookings: BTreeMap<Uuid, &Operation> = BTreeMap::new();
    for op in history.iter().filter(|op| op.op == OpKind::Confirm && op.end() == Outcome::Ok) {
        let cancelled =
            op.reservation.is_some_and(|reservation| losses.cancelled.contains_key(&reservation));
        if let Some(booking) = op.booking.filter(|_| !cancelled) {
            let earliest = bookings.entry(booking).or_insert(op);
            if op.completed_us < earliest.completed_us {
                *earliest = op;
            }
        }
    }
    let seats = bookings.into_iter().flat_map(|(booking, op)| {
        op.seats.iter().map(move |seat| Sale {
            seat: *seat,
            user: op.user,
            booking,
            at_us: op.completed_us,
        })
    });
    let mut sales: Vec<Sale> = seats.collect();
    sales.sort_by_key(|sale| sale.at_us);
    sales
}

/// When the first request of each hold's key was sent: no copy of it can have taken effect before.
fn first_asked(history: &[Operation]) -> HashMap<(Uuid, &str), u64> {
    let mut first = HashMap::new();
    for op in history.iter().filter(|op| op.op == OpKind::Hold) {
        if let Some(key) = &op.key {
            let moment = first.entry((op.user, key.as_str())).or_insert(op.invoked_us);
            *moment = op.invoked_us.min(*moment);
        }
    }
    first
}

fn asked_us(first_asked: &HashMap<(Uuid, &str), u64>, hold: &Operation) -> u64 {
    let key = hold.key.as_deref().and_then(|key| first_asked.get(&(hold.user, key)));
    key.copied().unwrap_or(hold.invoked_us)
}

#[cfg(test)]
mod tests;
