//! Changes of an event name the version that they were made from: of those that name the same one, one comes through, and what is
//! answered is what was asked for.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::harness::checkers::violations::Violations;
use crate::harness::recorder::{Operation, Outcome};
use crate::harness::summary::Violation;

/// A violation is a version that was changed twice, or a change into something else. Returns how many changes came through.
pub fn check_versions(history: &[Operation], violations: &mut Violations) -> u64 {
    let mut changed: BTreeMap<(Uuid, &str), u64> = BTreeMap::new();
    let accepted = history.iter().filter(|op| op.op.changes_event() && op.outcome == Outcome::Ok);
    for op in accepted {
        if op.detail.starts_with("asked for ") {
            let text = format!("buyer {} {}", op.user, op.detail);
            let events = vec![op.event];
            violations.add(1, Violation { events, ..Violation::new("not_asked_for", text) });
        }
        if let Some(version) = &op.version {
            *changed.entry((op.event, version)).or_default() += 1;
        }
    }
    for ((event, version), times) in changed.iter().filter(|(_, times)| **times > 1) {
        let text = format!(
            "{times} changes of event {event} from its version {version} were accepted: one overwrote what another had made"
        );
        let events = vec![*event];
        violations.add(*times, Violation { events, ..Violation::new("lost_update", text) });
    }
    changed.values().sum()
}
