//! The `[[faults]]` tables: what breaks, where and when. Reads what every fault has; the rest is read by the kind of fault.

use std::time::Duration;

use crate::harness::faults::{self, Reachable};
use crate::harness::parsing::Section;
use crate::harness::plan::FaultPlan;

const HOUR: Duration = Duration::from_hours(1);

/// Every `[[faults]]`, in file order. `load_end` is when the last load ends, absent where the loads were refused.
pub fn read_all(
    sections: Vec<Section<'_>>,
    reachable: &Reachable<'_>,
    load_end: Option<Duration>,
) -> Vec<FaultPlan> {
    let mut faults: Vec<FaultPlan> = Vec::new();
    for mut section in sections {
        let name = section.text("name").unwrap_or_default().to_owned();
        if faults.iter().any(|fault| fault.name == name) && !name.is_empty() {
            section.refuse(
                "name",
                format!(
                    "a fault named \"{name}\" exists already; names tell faults apart in the report"
                ),
            );
        }
        faults.extend(read(name, section, reachable, load_end));
    }
    faults
}

fn read(
    name: String,
    mut section: Section<'_>,
    reachable: &Reachable<'_>,
    load_end: Option<Duration>,
) -> Option<FaultPlan> {
    section.need(&["name", "type", "at", "duration"]);
    let kinds: Vec<&str> = faults::all().map(faults::Fault::name).collect();
    let kind = faults::find(section.choice("type", "fault type", &kinds)?)?;
    let at = section.duration("at", Duration::ZERO..=HOUR).unwrap_or_default();
    let duration = section.duration("duration", Duration::from_millis(1)..=HOUR);
    let duration = duration.unwrap_or_default();
    let settings = kind.read(&mut section, reachable);
    let end = at + duration;
    if let Some(load_end) = load_end.filter(|load_end| end > *load_end && section.has("duration")) {
        let [end, load_end] = [end, load_end].map(humantime::format_duration);
        section.refuse(
            "duration",
            format!("the fault ends at {end}, after the load's end at {load_end}"),
        );
    }
    section.done();
    Some(FaultPlan { name, kind: kind.name().to_owned(), at, duration, settings })
}
