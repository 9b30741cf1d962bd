//! The keys that say what a fault strikes: `proxy`, `process` or `event`. Refuses what is not there in this run; knows
//! nothing of how it is struck.

use super::hop;
use crate::harness::parsing::{Section, unknown};
use crate::harness::plan::Target;

/// What the faults of a scenario can strike.
#[derive(Debug, Clone, Copy)]
pub struct Reachable<'a> {
    /// The servers and their stores; absent where their table was refused.
    pub target: Option<&'a Target>,
    /// Events on sale.
    pub events: u32,
}

const PROXY: &str = "proxy";
const PROCESS: &str = "process";
const EVENT: &str = "event";

/// `proxy`: a name of one or several connections.
pub fn proxy(section: &mut Section<'_>, reachable: &Reachable<'_>) -> String {
    one_of(section, PROXY, reachable.target.map(hop::names))
}

/// `process`: the name of one process.
pub fn process(section: &mut Section<'_>, reachable: &Reachable<'_>) -> String {
    one_of(section, PROCESS, reachable.target.map(processes))
}

/// `event`: the number of an event, from 1.
pub fn event(section: &mut Section<'_>, reachable: &Reachable<'_>) -> u32 {
    need_only(section, EVENT);
    section.integer(EVENT, 1..=reachable.events).unwrap_or(1)
}

fn one_of(section: &mut Section<'_>, key: &'static str, valid: Option<Vec<String>>) -> String {
    need_only(section, key);
    let name = section.text(key).unwrap_or_default();
    if let Some(valid) = valid.filter(|valid| !name.is_empty() && !valid.iter().any(|v| v == name))
    {
        let valid: Vec<&str> = valid.iter().map(String::as_str).collect();
        section.refuse(key, unknown(key, name, &valid));
    }
    name.to_owned()
}

/// Refuses the table where the key is missing, and says so where another target stands there instead.
fn need_only(section: &mut Section<'_>, key: &'static str) {
    let mut others = [PROXY, PROCESS, EVENT].into_iter().filter(|other| *other != key);
    let Some(other) = others.find(|other| section.value(other).is_some()) else {
        return section.need(&[key]);
    };
    let [one, wrong] = [key, other].map(with_article);
    section
        .refuse(other, format!("a fault of this type strikes {one}, not {wrong}; write {key} = …"));
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with('e') { "an" } else { "a" };
    format!("{article} {noun}")
}

/// Names of the processes of a run.
fn processes(target: &Target) -> Vec<String> {
    let servers = (1..=target.instances).map(|number| format!("server-{number}"));
    let nodes = (1..=target.redis_nodes).map(|number| format!("redis-{number}"));
    servers.chain(nodes).chain(["postgres".to_owned()]).collect()
}
