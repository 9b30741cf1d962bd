//! `answers`: what an answer says is what is stored, what was asked for, and what every other answer said: of a reservation or a
//! booking, whether granted, repeated, read or listed, and of what is left of an event. Whether a booking that was granted is there
//! at all is another checker's matter.

/// What can be wrong.
mod wrong;
/// Rows as told, against rows as stored.
mod rows;
/// States as told, against what had happened by then.
mod states;
/// Lists that lack something.
mod lists;
/// How old a count may be.
mod freshness;
/// What is left, and what seats look like.
mod seats;

use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::{counted, grouped};
use crate::harness::plan::EvidenceKind;
use crate::harness::recorder::{Operation, Outcome, Told};
use crate::harness::summary::{CheckResult, Violation};

use rows::Stored;
use seats::Seen;
use states::Happened;
use wrong::Wrong;

/// The checker.
#[derive(Debug)]
pub struct Answers;

impl Checker for Answers {
    fn name(&self) -> &'static str {
        "answers"
    }

    fn summary(&self) -> &'static str {
        "what anybody was told of holds, bookings, seats and what is left was so"
    }

    fn needs(&self) -> &'static [EvidenceKind] {
        &[EvidenceKind::History, EvidenceKind::Audit]
    }

    /// A violation is a row of an answer, a list, a count or a seat of a seat map.
    fn check(&self, evidence: &Evidence<'_>) -> Result<CheckResult, Undeclared> {
        let (history, audit) = (evidence.history()?, evidence.audit()?);
        let (stored, happened) = (Stored::read(audit), Happened::read(history));
        let is_whole = evidence.is_whole();
        let (mut violations, mut counts) = (Violations::default(), Counts::default());
        let ok = history.iter().filter(|op| op.end() == Outcome::Ok);
        for (op, told) in ok.flat_map(|op| op.told.iter().map(move |told| (op, told))) {
            counts.add(told);
            let by_then = is_whole.then(|| happened.what_is_wrong(op, told)).flatten();
            let wrong = by_then.or_else(|| stored.what_is_wrong(op, told));
            if let Some(wrong) = wrong {
                violations.add(1, violation(op, told, wrong));
            }
        }
        let lists = lists::check(history, &mut violations);
        let seen = if is_whole {
            seats::check(evidence.plan(), history, audit, &mut violations)
        } else {
            Seen::default()
        };
        let nothing = "no answer told anybody of a hold, a booking or a seat";
        let judged = counts.holds + counts.bookings + lists + seen.counts + seen.seats;
        Ok(violations.result(self.name(), judged, nothing, || {
            format!(
                "{} about holds and {} about bookings, each as stored; {}; {} of what is left; {} of seat maps",
                counted(counts.holds, "answer"),
                grouped(counts.bookings),
                counted(lists, "list"),
                counted(seen.counts, "count"),
                counted(seen.seats, "seat")
            )
        }))
    }
}

/// What was told.
#[derive(Debug, Default)]
struct Counts {
    holds: u64,
    bookings: u64,
}

impl Counts {
    fn add(&mut self, told: &Told) {
        let count = if told.booking.is_some() { &mut self.bookings } else { &mut self.holds };
        *count += 1;
    }
}

fn violation(op: &Operation, told: &Told, (kind, what): Wrong) -> Violation {
    let text = format!(
        "buyer {} was told by a {} of {}, {}: {what}",
        op.user,
        op.op.name(),
        match told.booking {
            Some(booking) => format!("booking {booking}"),
            None => format!("reservation {}", told.reservation),
        },
        kind.replace('_', " ")
    );
    Violation {
        seats: told.seats.clone(),
        reservations: vec![told.reservation],
        bookings: told.booking.into_iter().collect(),
        users: vec![op.user],
        keys: op.key.clone().into_iter().collect(),
        ..Violation::new(kind, text)
    }
}

#[cfg(test)]
mod tests;
