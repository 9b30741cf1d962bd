//! `[background]`: buyers beside the scenario's own, for an event of their own, who do what buyers do besides buying: a few
//! of every kind come to every scenario that doesn't send them away. They are read as loads like any other.

use std::time::Duration;

use toml::de::DeTable;

use crate::harness::load::executors::{self, constant_arrival_rate::ConstantArrivalRate};
use crate::harness::parsing::problem::Problems;
use crate::harness::parsing::{Section, unknown};
use crate::harness::plan::{BACKGROUND, Inventory, Load, WorkloadChoice};
use crate::harness::workloads::{self, WorkloadEntry};

/// Visits a second, all workloads together, where the scenario doesn't say.
const RATE: f64 = 12.0;
const RATE_MAX: f64 = 1_000.0;
/// Visits of one workload under way at once.
const MAX_VUS: u32 = 200;
/// A visit that waits for the end of an extended hold takes about as long: nobody comes so late, where the load is long enough.
const VISIT: Duration = Duration::from_secs(2);

/// The loads of `[background]`, one a workload, none beyond the end of the scenario's own `loads`. What is sold is `None` where its
/// table was refused.
pub fn read(
    section: Option<Section<'_>>,
    inventory: Option<&Inventory>,
    loads: &[Load],
    load_end: Option<Duration>,
) -> Vec<Load> {
    let (mut rate, mut named) = (RATE, None);
    if let Some(mut section) = section {
        rate = section.number("rate", 0.0..=RATE_MAX).unwrap_or(RATE);
        named = exec(&mut section);
        section.done();
    }
    let kinds = named.unwrap_or_else(|| workloads::in_background().collect());
    let (Some(inventory), Some(load_end)) = (inventory, load_end) else { return Vec::new() };
    let kinds: Vec<&WorkloadEntry> = kinds
        .into_iter()
        .filter(|kind| rate > 0.0 && kind.unmet_requirement(inventory).is_none())
        .collect();
    let duration = load_end.saturating_sub(VISIT).max(load_end / 2);
    let timeout = loads.iter().map(|load| load.request_timeout).min().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "workloads are a handful")]
    let rate_of_each = rate / kinds.len() as f64;
    let load = |(place, kind): (u32, &WorkloadEntry)| {
        // One after the other: what each of them costs is not to come at the same moment.
        let start =
            Duration::try_from_secs_f64((f64::from(place) * 1_000.0 / rate).floor() / 1_000.0);
        let start = start.unwrap_or(duration).min(duration);
        let executor = ConstantArrivalRate {
            rate: rate_of_each,
            duration: duration.saturating_sub(start).max(Duration::from_millis(1)),
            max_vus: MAX_VUS,
        };
        Load {
            name: format!("{BACKGROUND}{}", kind.name()),
            start,
            buyers: None,
            request_timeout: timeout,
            workload: usual(kind),
            executor: executors::choose(&executor),
        }
    };
    (0..).zip(kinds).map(load).collect()
}

/// The workloads that `exec` names.
fn exec(section: &mut Section<'_>) -> Option<Vec<&'static WorkloadEntry>> {
    let names = workloads::names();
    let mut chosen = Vec::new();
    for item in section.array("exec")? {
        let Some(name) = section.text_of(item, "a workload") else { continue };
        match workloads::find(name) {
            Some(_) if chosen.iter().any(|other: &&WorkloadEntry| other.name() == name) => {
                section.problem(item.span().start, format!("\"{name}\" is listed twice"));
            }
            Some(workload) => chosen.push(workload),
            None => section.problem(item.span().start, unknown("workload", name, &names)),
        }
    }
    if chosen.is_empty() {
        section.refuse("exec", "\"exec\" names nobody; set rate = 0 for no background at all");
    }
    Some(chosen)
}

/// The workload as it is where no key says otherwise.
fn usual(kind: &WorkloadEntry) -> WorkloadChoice {
    let (nothing, problems) = (DeTable::new(), Problems::default());
    kind.read(&mut Section::new(&nothing, 0..0, &problems))
}
