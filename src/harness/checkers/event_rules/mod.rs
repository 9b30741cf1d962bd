//! `event-rules`: an event's own rules hold. No buyer ever certainly has more tickets than the event allows, or holds more than one
//! user may at a time, nothing is granted, held or sold of an event after it was cancelled, and no change of an event overwrites
//! another. Judges from what the clients were told and from the database.

/// Events that are cancelled.
mod cancelled;
/// How much one buyer has.
mod limits;
/// Changes of events.
mod versions;

use std::collections::HashSet;

use uuid::Uuid;

use self::cancelled::{cancelled, check_cancelled, check_events, check_held_on, check_made_late};
use self::limits::{check_holds, check_limit, peaks};
use self::versions::check_versions;
use super::claims::{Claim, Claims};
use super::clocks::Clocks;
use super::violations::Violations;
use super::{Checker, Evidence, Undeclared};
use crate::domain::counted;
use crate::harness::plan::EvidenceKind;
use crate::harness::summary::{CheckResult, Violation};
use crate::storage::audit::FindingKind;

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
        if let Some(bounds) = evidence.bounds() {
            check_holds(audit, bounds, &mut violations);
        }
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
        let changes = check_versions(history, &mut violations);
        let buyers = claims.iter().map(|claim| claim.user).collect::<HashSet<Uuid>>().len() as u64;
        let nothing = "nobody was told that a seat is theirs";
        Ok(violations.result(self.name(), buyers, nothing, || {
            let limit = claims.iter().filter_map(|claim| evidence.limit_of(claim.event)).max();
            let events = (changes, cancelled.len());
            tally(limit, buyers, &claims, events)
        }))
    }
}

fn tally(
    limit: Option<u32>,
    buyers: u64,
    claims: &[Claim],
    (changes, cancelled): (u64, usize),
) -> String {
    let most = peaks(claims).into_values().map(|(tickets, _)| tickets).max().unwrap_or_default();
    let limit = limit.map_or("no limit".to_owned(), |limit| format!("a limit of {limit}"));
    format!(
        "{} with {} each at most, under {limit}; {} of events, {} cancelled",
        counted(buyers, "buyer"),
        counted(most, "ticket"),
        counted(changes, "change"),
        counted(cancelled, "event")
    )
}

#[cfg(test)]
mod tests;
