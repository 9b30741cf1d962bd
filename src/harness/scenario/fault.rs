//! The `[[faults]]` tables: what breaks, where and when. Refuses whatever cannot strike here. Knows nothing of how a
//! fault is done.

use std::collections::BTreeMap;
use std::time::Duration;

use super::proxies;
use crate::harness::faults::{Attribute, FAULTS, Strikes};
use crate::harness::parsing::{Section, unknown};
use crate::harness::plan::{FaultPlan, FaultTarget, Moment, Target};

/// What the faults of a scenario can strike, and until when; each absent where its table was refused.
pub struct Surroundings<'a> {
    /// The servers and their stores.
    pub target: Option<&'a Target>,
    /// Events on sale.
    pub events: u32,
    /// When the last load ends.
    pub load_end: Option<Duration>,
}

const MOMENTS: [(&str, Moment); 3] =
    [("any", Moment::Any), ("in-transaction", Moment::InTransaction), ("charged", Moment::Charged)];

/// Every `[[faults]]`, in file order.
pub fn read_all(sections: Vec<Section<'_>>, surroundings: &Surroundings<'_>) -> Vec<FaultPlan> {
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
        faults.extend(read(name, section, surroundings));
    }
    faults
}

fn read(
    name: String,
    mut section: Section<'_>,
    surroundings: &Surroundings<'_>,
) -> Option<FaultPlan> {
    section.need(&["name", "type", "at", "duration"]);
    let kinds: Vec<&str> = FAULTS.iter().map(|fault| fault.name()).collect();
    let kind = section.choice("type", "fault type", &kinds)?;
    let strikes = FAULTS.iter().find(|fault| fault.name() == kind)?.strikes();
    let hour = Duration::from_hours(1);
    let mut fault = FaultPlan {
        name,
        kind: kind.to_owned(),
        on: on(&mut section, strikes, surroundings),
        at: section.duration("at", Duration::ZERO..=hour).unwrap_or_default(),
        duration: section.duration("duration", Duration::from_millis(1)..=hour).unwrap_or_default(),
        when: Moment::Any,
        stream: "downstream".to_owned(),
        toxicity: 1.0,
        attributes: BTreeMap::new(),
    };
    match strikes {
        Strikes::Streams(attributes) => toxic(&mut section, attributes, &mut fault),
        Strikes::Proxies | Strikes::Events => {}
        Strikes::Processes => fault.when = moment(&mut section, &fault.on),
    }
    let end = fault.at + fault.duration;
    if let Some(load_end) =
        surroundings.load_end.filter(|load_end| end > *load_end && section.has("duration"))
    {
        let [end, load_end] = [end, load_end].map(humantime::format_duration);
        section.refuse(
            "duration",
            format!("the fault ends at {end}, after the load's end at {load_end}"),
        );
    }
    section.done();
    Some(fault)
}

/// The target, checked against what exists in this run.
fn on(section: &mut Section<'_>, strikes: Strikes, surroundings: &Surroundings<'_>) -> FaultTarget {
    let key = match strikes {
        Strikes::Streams(_) | Strikes::Proxies => "proxy",
        Strikes::Processes => "process",
        Strikes::Events => "event",
    };
    let others = ["proxy", "process", "event"].into_iter().filter(|other| *other != key);
    if let Some(other) = others.into_iter().find(|other| section.value(other).is_some()) {
        section.refuse(
            other,
            format!(
                "a fault of this type strikes {}, not {}; write {key} = …",
                one(key),
                one(other)
            ),
        );
    } else {
        section.need(&[key]);
    }
    if let Strikes::Events = strikes {
        return FaultTarget::Event(section.integer(key, 1..=surroundings.events).unwrap_or(1));
    }
    let name = section.text(key).unwrap_or_default();
    let valid = surroundings.target.map_or_else(Vec::new, |target| match strikes {
        Strikes::Streams(_) | Strikes::Proxies => {
            proxies::names(target.instances, target.redis_nodes)
        }
        Strikes::Processes | Strikes::Events => processes(target),
    });
    if !name.is_empty() && !valid.is_empty() && !valid.iter().any(|each| each == name) {
        let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
        section.refuse(key, unknown(key, name, &valid));
    }
    match strikes {
        Strikes::Streams(_) | Strikes::Proxies => FaultTarget::Proxy(name.to_owned()),
        Strikes::Processes | Strikes::Events => FaultTarget::Process(name.to_owned()),
    }
}

/// The word with its article.
fn one(noun: &str) -> String {
    let article = if noun.starts_with('e') { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Names of the processes of a run.
fn processes(target: &Target) -> Vec<String> {
    let servers = (1..=target.instances).map(|number| format!("server-{number}"));
    let nodes = (1..=target.redis_nodes).map(|number| format!("redis-{number}"));
    servers.chain(nodes).chain(["postgres".to_owned()]).collect()
}

fn toxic(section: &mut Section<'_>, known: &'static [Attribute], fault: &mut FaultPlan) {
    if let Some(stream) = section.choice("stream", "stream", &["downstream", "upstream"]) {
        stream.clone_into(&mut fault.stream);
    }
    // A toxicity of 0 strikes nothing.
    fault.toxicity = section.number("toxicity", 0.001..=1.0).unwrap_or(1.0);
    fault.attributes = known.iter().map(|each| (each.name.to_owned(), each.default)).collect();
    let Some(mut given) = section.table("attributes") else {
        return need_attributes(section, known);
    };
    for attribute in known {
        if let Some(value) = given.integer(attribute.name, attribute.least..=attribute.most) {
            fault.attributes.insert(attribute.name.to_owned(), value);
        }
        if attribute.required {
            given.need(&[attribute.name]);
        }
    }
    given.done();
}

fn need_attributes(section: &Section<'_>, known: &[Attribute]) {
    if !section.has("attributes") && known.iter().any(|attribute| attribute.required) {
        section.need(&["attributes"]);
    }
}

fn moment(section: &mut Section<'_>, on: &FaultTarget) -> Moment {
    let word = section.choice("when", "moment", &MOMENTS.map(|(name, _)| name)).unwrap_or("any");
    let moment =
        MOMENTS.iter().find(|(name, _)| *name == word).map_or(Moment::Any, |(_, moment)| *moment);
    let on_server =
        matches!(on, FaultTarget::Process(name) if name.is_empty() || name.starts_with("server-"));
    if moment != Moment::Any && !on_server {
        section.refuse(
            "when",
            format!("\"{word}\" is a moment of a server; use it with process = \"server-1\""),
        );
    }
    moment
}
