//! The tables of what a run works with: target, inventory, payments, generator. Knows nothing of loads and faults.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reader::Reader;
use crate::domain::reservation::HOLD_TTL_SECONDS_MAX;
use crate::harness::parsing::{Section, unknown};
use crate::harness::plan::{GeneratorLimits, Inventory, Payments, Target};
use crate::wire::Admission;

/// Variables that the run sets on every server; a scenario that set them would cut the server off from its own stack, or
/// keep from the judge what faults did to it.
const STACK_VARIABLES: [&str; 6] =
    ["DATABASE_URL", "REDIS_URLS", "JWT_SECRET", "PAYMENTS", "PAYMENTS_URL", "SERVER_TIMING"];
const INSTANCES_MAX: u32 = 8;
/// Price of a seat, where the scenario doesn't say.
const PRICE_CENTS: i64 = 5_000;
const PRICE_CENTS_MAX: i64 = 100_000_000;
/// Prices of one event.
const PRICES_MAX: usize = 20;
/// Seats, or tickets without a place, of one event.
const SEATS_MAX: u32 = 1_000_000;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// `[target]`, with what the command line says instead.
pub fn target(section: Option<Section<'_>>, reader: &Reader<'_>) -> Target {
    let overrides = reader.overrides;
    let mut target =
        Target { strategy: String::new(), instances: 1, redis_nodes: 1, env: BTreeMap::new() };
    let Some(mut section) = section else { return target };
    let strategies = reader.known.strategies;
    if overrides.strategy.is_none() {
        section.need(&["strategy"]);
    }
    if let Some(word) = overrides.strategy.as_deref().filter(|word| !strategies.contains(word)) {
        section
            .refuse("strategy", format!("--strategy: {}", unknown("strategy", word, strategies)));
    }
    let written = section.choice("strategy", "strategy", strategies);
    overrides.strategy.as_deref().or(written).unwrap_or_default().clone_into(&mut target.strategy);
    if overrides.instances.is_some_and(|instances| !(1..=INSTANCES_MAX).contains(&instances)) {
        section.refuse("instances", format!("--instances has to be between 1 and {INSTANCES_MAX}"));
    }
    let written = section.integer("instances", 1..=INSTANCES_MAX);
    target.instances = overrides.instances.or(written).unwrap_or(1);
    target.redis_nodes = section.integer("redis_nodes", 1..=5).unwrap_or(1);
    if ![1, 3, 5].contains(&target.redis_nodes) {
        section.refuse(
            "redis_nodes",
            format!("\"redis_nodes\" has to be 1, 3 or 5, not {}", target.redis_nodes),
        );
    }
    if let Some(env) = section.table("env") {
        target.env = environment(&env);
    }
    section.done();
    target
}

fn environment(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (name, value) in section.entries() {
        let well_formed = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        };
        if !well_formed(name.get_ref()) {
            section.problem(
                name.span().start,
                "names of variables are upper-case letters, digits and underscores",
            );
        } else if STACK_VARIABLES.contains(name.get_ref()) {
            section.problem(
                name.span().start,
                format!("\"{}\" is set by the run itself; remove it", name.get_ref()),
            );
        }
        if let Some(text) = section.text_of(value, name.get_ref()) {
            env.insert((*name.get_ref()).to_owned(), text.to_owned());
        }
    }
    env
}

/// `[inventory]`.
pub fn inventory(section: Option<Section<'_>>) -> Inventory {
    let mut inventory = Inventory {
        events: 1,
        admission: Admission::Seated,
        seats: 1,
        tickets_per_user: None,
        price_cents: vec![PRICE_CENTS],
        hold_ttl: seconds(30),
    };
    let Some(mut section) = section else { return inventory };
    inventory.events = section.integer("events", 1..=100).unwrap_or(1);
    let seats = section.integer("seats", 1..=SEATS_MAX);
    let tickets = section.integer("general_admission", 1..=SEATS_MAX);
    if section.has("general_admission") {
        inventory.admission = Admission::General;
        if section.has("seats") {
            section.refuse(
                "general_admission",
                "an event has seats or general admission, not both; remove one of the two keys",
            );
        }
    } else if !section.has("seats") {
        section.refuse_table(
            "missing key \"seats\", or \"general_admission\" for tickets without a place",
        );
    }
    inventory.seats = seats.or(tickets).unwrap_or(1);
    inventory.tickets_per_user = section.integer("tickets_per_user", 1..=1_000);
    inventory.price_cents = prices(&mut section);
    inventory.hold_ttl = section
        .duration("hold_ttl", seconds(1)..=seconds(HOLD_TTL_SECONDS_MAX.into()))
        .unwrap_or(seconds(30));
    if inventory.hold_ttl.subsec_nanos() != 0 {
        section.refuse("hold_ttl", "\"hold_ttl\" has to be whole seconds");
    }
    section.done();
    inventory
}

/// `price_cents`: one number, or several, which seats have in turn.
fn prices(section: &mut Section<'_>) -> Vec<i64> {
    let key = "price_cents";
    let is_list = section.value(key).is_some_and(|value| value.get_ref().is_array());
    if !is_list {
        return vec![section.integer(key, 1..=PRICE_CENTS_MAX).unwrap_or(PRICE_CENTS)];
    }
    let items = section.array(key).unwrap_or_default();
    let prices: Vec<i64> =
        items.iter().filter_map(|item| section.integer_of(item, "a price")).collect();
    let has_all = prices.len() == items.len();
    if has_all && (prices.is_empty() || prices.len() > PRICES_MAX) {
        section.refuse(key, format!("give 1 to {PRICES_MAX} prices"));
    }
    if prices.iter().any(|price| !(1..=PRICE_CENTS_MAX).contains(price)) {
        section.refuse(key, format!("each price has to be between 1 and {PRICE_CENTS_MAX}"));
    }
    prices
}

/// `[payments]`; without it every charge succeeds at once.
pub fn payments(section: Option<Section<'_>>) -> Payments {
    let mut payments = Payments::default();
    let Some(mut section) = section else { return payments };
    payments.decline = section.number("decline", 0.0..=1.0).unwrap_or(0.0);
    payments.latency =
        section.duration("latency", Duration::ZERO..=seconds(60)).unwrap_or_default();
    payments.drop_reply = section.number("drop_reply", 0.0..=1.0).unwrap_or(0.0);
    payments.error = section.number("error", 0.0..=1.0).unwrap_or(0.0);
    section.done();
    payments
}

/// `[generator]`; without it the usual limits.
pub fn generator(section: Option<Section<'_>>) -> GeneratorLimits {
    let mut limits = GeneratorLimits::USUAL;
    let Some(mut section) = section else { return limits };
    limits.max_dropped = section.integer("max_dropped", 0..=i64::MAX).map_or(0, i64::unsigned_abs);
    if let Some(lag) = section.duration("max_lag_p99", Duration::from_millis(1)..=seconds(60)) {
        limits.max_lag_p99 = lag;
    }
    section.done();
    limits
}
