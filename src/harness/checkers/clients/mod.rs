//! `no-double-sell-clients`: no seat was promised to two clients, judged from what they were told and from nothing else.
//! Believes neither the database nor the server's clock.
//!
//! Two rules. (a) A seat has one acknowledged booking that was not cancelled. (b) The times in which different buyers
//! certainly had a seat (see `claims`) must not overlap.

use std::collections::{BTreeMap, BTreeSet};

use super::claims::{Claim, Claims, Sale};
use super::violations::{Violations, at};
use super::{Checker, Evidence, Undeclared};
use crate::domain::counted;
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::Outcome;
use crate::harness::summary::{CheckResult, CheckVerdict, DOUBLE_SELL, Violation};

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

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History]
    }

    /// A violation is a seat.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let history = evidence.history()?;
        let claims = Claims::read(history);
        let mut broken = claims.sold_twice();
        for conflict in claims.promised_twice() {
            broken.entry(conflict.seat).or_insert(conflict);
        }
        let mut broken: Vec<Conflict> = broken.into_values().collect();
        broken.sort_by_key(|conflict| conflict.at_us);
        let mut violations = Violations::default();
        for conflict in broken {
            violations.add(conflict.times, conflict.violation);
        }
        let judged = (claims.certain.len() + claims.sales.len()) as u64;
        let nothing = "nobody was told that a seat is theirs";
        let result = violations.result(self.name(), judged, nothing, || claims.tally());
        let unknown =
            history.iter().filter(|op| op.op.sells() && op.end() == Outcome::Info).count();
        if result.verdict == CheckVerdict::Pass && unknown > 0 {
            let payments = counted(unknown, "payment");
            let reason = format!("{payments} ended in no known way, they may be sales");
            return Ok(CheckResult { judged, ..CheckResult::unknown(self.name(), reason) });
        }
        Ok(result)
    }
}

#[derive(Debug)]
struct Conflict {
    seat: i64,
    at_us: u64,
    times: u64,
    violation: Violation,
}

impl Claims {
    fn tally(&self) -> String {
        let seats: BTreeSet<i64> = self.certain.iter().map(|claim| claim.seat).collect();
        let (promises, bookings) =
            (counted(self.certain.len(), "promise"), counted(self.sales.len(), "sale"));
        format!("{promises} and {bookings} of {}", counted(seats.len(), "seat"))
    }

    /// Rule (a), by seat.
    fn sold_twice(&self) -> BTreeMap<i64, Conflict> {
        let mut by_seat: BTreeMap<i64, Vec<&Sale>> = BTreeMap::new();
        for sale in &self.sales {
            by_seat.entry(sale.seat).or_default().push(sale);
        }
        let conflict = |(seat, sales): (i64, Vec<&Sale>)| {
            let [first, second, ..] = sales.as_slice() else { return None };
            let text = format!(
                "seat {seat} was sold {} times: booking {} to buyer {} (answered at {}) and booking {} to buyer {} (at {})",
                sales.len(),
                first.booking,
                first.user,
                at(first.at_us),
                second.booking,
                second.user,
                at(second.at_us),
            );
            let violation = Violation {
                seats: vec![seat],
                bookings: sales.iter().map(|sale| sale.booking).collect(),
                users: sales.iter().map(|sale| sale.user).collect(),
                ..Violation::new(DOUBLE_SELL, text)
            };
            let times = sales.len() as u64;
            Some((seat, Conflict { seat, at_us: second.at_us, times, violation }))
        };
        by_seat.into_iter().filter_map(conflict).collect()
    }

    /// Rule (b): the first overlap of each seat, and how many promises overlapped an earlier one.
    fn promised_twice(&self) -> Vec<Conflict> {
        let mut claims = self.certain.clone();
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
    let text = format!(
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
    let violation = Violation {
        seats: vec![later.seat],
        reservations: vec![earlier.reservation, later.reservation],
        users: vec![earlier.user, later.user],
        ..Violation::new(DOUBLE_SELL, text)
    };
    Conflict { seat: later.seat, at_us: later.from_us, times: 2, violation }
}

#[cfg(test)]
mod tests;
