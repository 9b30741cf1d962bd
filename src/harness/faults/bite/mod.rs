//! Whether faults bit: what each saw of its own doing, held against what those operations of the load felt that were under
//! way meanwhile. Judges from what was recorded, and knows no kind of fault.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use anyhow::Context as _;

use super::hop::Hop;
use super::{Reach, find};
use crate::domain::counted;
use crate::harness::plan::Plan;
use crate::harness::recorder::epoch::micros;
use crate::harness::recorder::{OpKind, Operation};
use crate::harness::summary::{FaultSummary, Strike, Window};
use crate::wire::server_timing::Timing;

/// A wait that counts as a delay, where the fault does not say how much later things come.
const DELAY_MIN: Duration = Duration::from_millis(10);

/// What an operation felt of a fault. Of several places that a fault strikes, the one with the greatest effect counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Felt {
    /// It did not ask what was struck.
    NotThere,
    /// It asked, and nothing happened to it.
    Nothing,
    /// It had to wait.
    Delayed,
    /// What was struck failed it.
    Failed,
    /// It got no answer.
    Unanswered,
    /// The connection was refused.
    NotConnected,
}

/// Those that are effects, in the order of reports.
const EFFECTS: [Felt; 4] = [Felt::NotConnected, Felt::Unanswered, Felt::Failed, Felt::Delayed];

/// What every operation felt that was under way.
type Tally = BTreeMap<Felt, u64>;

/// The operations of the load, and what they tell of the servers.
struct Evidence<'a> {
    plan: &'a Plan,
    operations: Vec<&'a Operation>,
    /// Servers that say what their answers took of each dependency.
    telling: HashSet<&'a str>,
    /// Which dependency is asked for which operation, by everything that was answered.
    asked: HashSet<(OpKind, &'a str)>,
}

/// What became of each fault. An effect that only background jobs, probes or idle connections saw is none: a run is about
/// what its load does.
pub fn judge(plan: &Plan, strikes: &[Strike], history: &[Operation]) -> Vec<FaultSummary> {
    let evidence = Evidence::of(plan, history);
    strikes.iter().map(|strike| evidence.judge(strike)).collect()
}

impl<'a> Evidence<'a> {
    fn of(plan: &'a Plan, history: &'a [Operation]) -> Self {
        let is_of_load = |op: &&Operation| plan.loads.iter().any(|load| load.name == op.load);
        let operations: Vec<&Operation> = history.iter().filter(is_of_load).collect();
        let told = operations.iter().filter(|op| !op.dependencies.is_empty());
        let telling = told.clone().map(|op| op.server.as_str()).collect();
        let asked = told.flat_map(|op| op.dependencies.keys().map(|name| (op.op, name.as_str())));
        Self { plan, asked: asked.collect(), operations, telling }
    }

    fn judge(&self, strike: &Strike) -> FaultSummary {
        let summary = |bit, evidence| FaultSummary {
            name: strike.name.clone(),
            bit,
            evidence,
            under_way: None,
            struck: None,
            began_ms: strike.began_ms,
            ended_ms: strike.ended_ms,
        };
        let reach = match self.reach(strike) {
            Ok(Some(reach)) => reach,
            Ok(None) => return summary(strike.is_seen, strike.evidence.clone()),
            Err(error) => return summary(false, format!("{error:#}")),
        };
        let Some(window) = window(strike) else {
            return summary(false, strike.evidence.clone());
        };
        let delay = self.least_delay(&reach, window);
        let tally = self.tally(&reach, window, micros(delay));
        let struck = EFFECTS.iter().map(|felt| count(&tally, *felt)).sum();
        let evidence = if strike.is_seen {
            format!("{}; {}", self.words(&reach, &tally, delay), strike.evidence)
        } else {
            strike.evidence.clone()
        };
        FaultSummary {
            under_way: Some(tally.values().sum()),
            struck: Some(struck),
            ..summary(strike.is_seen && struck > 0, evidence)
        }
    }

    fn reach(&self, strike: &Strike) -> anyhow::Result<Option<Reach>> {
        let fault = self.plan.faults.iter().find(|fault| fault.name == strike.name);
        let fault = fault.context("the plan has no such fault")?;
        let kind = find(&fault.kind).context("there is no such fault type")?;
        kind.reach(fault, &self.plan.target)
    }

    /// How long something has to have waited at least to count as delayed. What waited for a store that the server says
    /// nothing of can't be told from what waited for something else, unless it was for long.
    fn least_delay(&self, reach: &Reach, window: Window) -> Duration {
        let is_untold =
            |hop: &Hop| matches!(hop, Hop::Store { .. }) && self.told_dependency(*hop).is_none();
        let otherwise = if reach.hops.iter().any(is_untold) {
            Duration::from_micros(window.healed_us.saturating_sub(window.struck_us) / 2)
        } else {
            DELAY_MIN
        };
        reach.delay.unwrap_or(otherwise)
    }

    /// What they felt that were under way at a server that was struck, or whose store was.
    fn tally(&self, reach: &Reach, window: Window, delay_us: u64) -> Tally {
        let mut tally = Tally::new();
        for op in &self.operations {
            let hops = reach.hops.iter().filter(|hop| op.server == server_name(**hop));
            let felt = hops.map(|hop| self.felt(op, *hop, window, delay_us)).max();
            let is_under_way =
                op.invoked_us < window.healed_us && op.completed_us > window.struck_us;
            if let Some(felt) = felt.filter(|_| is_under_way) {
                *tally.entry(felt).or_default() += 1;
            }
        }
        tally
    }

    fn felt(&self, op: &Operation, hop: Hop, window: Window, delay_us: u64) -> Felt {
        let within_us = window.overlap_us(op.invoked_us, op.completed_us);
        let is_refused_by_fault = op.status.is_some_and(|status| status >= 500);
        let or_delayed =
            |us: u64| if us.min(within_us) >= delay_us { Felt::Delayed } else { Felt::Nothing };
        let Some(dependency) = self.told_dependency(hop) else {
            return match op.status {
                None if op.is_not_connected() => Felt::NotConnected,
                None => Felt::Unanswered,
                Some(_) if is_refused_by_fault => Felt::Failed,
                Some(_) => or_delayed(op.completed_us.saturating_sub(op.invoked_us)),
            };
        };
        match op.dependencies.get(&dependency) {
            Some(Timing { failed: 1.., .. }) => Felt::Failed,
            Some(_) if is_refused_by_fault => Felt::Failed,
            Some(timing) => or_delayed(timing.us),
            None if op.status.is_none() && !op.is_not_connected() => {
                let asks = self.asked.contains(&(op.op, dependency.as_str()));
                if asks { Felt::Unanswered } else { Felt::NotThere }
            }
            None => Felt::NotThere,
        }
    }

    /// The name under which the server says what answers took of what was struck; none where that is the server itself, or
    /// one that says nothing of the kind.
    fn told_dependency(&self, hop: Hop) -> Option<String> {
        match hop {
            Hop::Store { store, .. } if self.telling.contains(server_name(hop).as_str()) => {
                Some(store.dependency())
            }
            Hop::Store { .. } | Hop::Client { .. } => None,
        }
    }

    fn words(&self, reach: &Reach, tally: &Tally, delay: Duration) -> String {
        let servers: BTreeSet<String> = reach.hops.iter().map(|hop| server_name(*hop)).collect();
        let told: BTreeSet<String> =
            reach.hops.iter().filter_map(|hop| self.told_dependency(*hop)).collect();
        let listed =
            |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        let place = listed(if told.is_empty() { &servers } else { &told });
        let total: u64 = tally.values().sum();
        let asked = total - count(tally, Felt::NotThere);
        let of = |number: u64| format!("{} of {total} under way", counted(number, "operation"));
        let effects: Vec<(u64, String)> = EFFECTS
            .into_iter()
            .map(|felt| (count(tally, felt), phrase(felt, delay, &place)))
            .filter(|(number, _)| *number > 0)
            .collect();
        match effects.as_slice() {
            [] if total == 0 => {
                format!(
                    "no operation of the load was under way at {} while it lasted",
                    listed(&servers)
                )
            }
            [] if asked == 0 => {
                format!("none of the {} under way asked {place}", counted(total, "operation"))
            }
            [] => format!(
                "{} asked {place}, and none had to wait {delay:?} or more, failed or stayed without an answer",
                of(asked)
            ),
            [(number, phrase)] => format!("{} {phrase}", of(*number)),
            several => {
                let struck = several.iter().map(|(number, _)| number).sum();
                let parts = several.iter().map(|(number, phrase)| format!("{number} {phrase}"));
                format!("{} were struck: {}", of(struck), parts.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn phrase(felt: Felt, delay: Duration, place: &str) -> String {
    match felt {
        Felt::NotConnected => "found no connection".to_owned(),
        Felt::Unanswered => "got no answer".to_owned(),
        Felt::Failed => format!("met a failure of {place}"),
        Felt::Delayed => format!("had to wait {delay:?} or more for {place}"),
        Felt::NotThere | Felt::Nothing => "felt nothing".to_owned(),
    }
}

fn count(tally: &Tally, felt: Felt) -> u64 {
    tally.get(&felt).copied().unwrap_or(0)
}

fn server_name(hop: Hop) -> String {
    format!("server-{}", hop.server())
}

/// When the fault was in force. Runs that an older version recorded have it to the millisecond only.
fn window(strike: &Strike) -> Option<Window> {
    let recorded = || {
        let (began_ms, ended_ms) = (strike.began_ms?, strike.ended_ms?);
        Some(Window { struck_us: began_ms * 1000, healed_us: ended_ms * 1000 })
    };
    strike.window.or_else(recorded)
}
