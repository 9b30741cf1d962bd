//! Every toxic of the fault proxy as a kind of fault: settings and words are read from the proxy's own table, what it did
//! from its counters.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::counters::{BYTES_AFFECTED, CONNECTIONS_AFFECTED, Counters};
use super::hop::{self, Hop};
use super::target::{self, Reachable};
use super::{Fault, Key, Reach, Struck};
use crate::harness::parsing::Section;
use crate::harness::plan::{FaultPlan, Settings, Target};
use crate::harness::proxy_control::ToxicSpec;
use crate::toxiproxy::{Attribute, Effect, Kind, TOXICS};

/// A smaller share of connections could be none of them.
const TOXICITY_MIN: f64 = 0.001;
/// Attributes that say how much later comes what the toxic delays.
const DELAYS: [&str; 3] = ["latency", "delay", "retransmit"];
/// By how much that may vary.
const JITTER: &str = "jitter";

/// A toxic on one direction of some connections.
struct Toxic(&'static Kind);

/// What a scenario says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ToxicSettings {
    /// Names one or several connections.
    proxy: String,
    /// `downstream` or `upstream`.
    stream: String,
    /// Share of connections it strikes, more than 0 and up to 1.
    toxicity: f64,
    /// The toxic's own, all of them.
    attributes: BTreeMap<String, i64>,
}

/// A kind of fault for every toxic, in the order of the proxy's table.
pub fn all() -> impl Iterator<Item = &'static dyn Fault> {
    static ALL: LazyLock<Vec<Toxic>> =
        LazyLock::new(|| TOXICS.iter().map(|kind| Toxic(kind)).collect());
    ALL.iter().map(|toxic| toxic as &dyn Fault)
}

#[async_trait]
impl Fault for Toxic {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn summary(&self) -> &'static str {
        self.0.summary
    }

    fn keys(&self) -> Vec<Key> {
        let attribute = |each: &Attribute| Key {
            name: format!("attributes.{}", each.name),
            summary: summary(each),
        };
        let own = ["proxy", "stream", "toxicity"].map(|name| Key::new(name, ""));
        own.into_iter().chain(self.0.attributes.iter().map(attribute)).collect()
    }

    fn read(&self, section: &mut Section<'_>, reachable: &Reachable<'_>) -> Settings {
        let proxy = target::proxy(section, reachable);
        let stream = section.choice("stream", "stream", &["downstream", "upstream"]);
        Settings::of(&ToxicSettings {
            proxy,
            stream: stream.unwrap_or("downstream").to_owned(),
            toxicity: section.number("toxicity", TOXICITY_MIN..=1.0).unwrap_or(1.0),
            attributes: attributes(section, self.0.attributes),
        })
    }

    fn hops(&self, fault: &FaultPlan, target: &Target) -> anyhow::Result<Vec<Hop>> {
        hop::select(&fault.settings.owner::<ToxicSettings>()?.proxy, target)
    }

    fn reach(&self, fault: &FaultPlan, target: &Target) -> anyhow::Result<Option<Reach>> {
        let settings: ToxicSettings = fault.settings.owner()?;
        let delay = least_delay(self.0.attributes, &settings.attributes);
        Ok(Some(Reach { hops: hop::select(&settings.proxy, target)?, delay }))
    }

    /// Puts the toxic on its proxies, holds, takes it off.
    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Struck> {
        let settings: ToxicSettings = context.settings()?;
        let (control, proxies) = (context.control()?, context.proxies(&settings.proxy)?);
        let toxic = ToxicSpec {
            name: toxic_name(&context.fault.name),
            kind: self.0.name.to_owned(),
            stream: settings.stream,
            toxicity: settings.toxicity,
            attributes: settings.attributes,
        };
        let before = Counters::of(control.metrics().await?, &proxies);
        let struck_us = context.now_us();
        for proxy in &proxies {
            let added = control.add_toxic(proxy, &toxic).await;
            added.with_context(|| format!("cannot strike {proxy}"))?;
        }
        let window = context.hold(struck_us).await;
        self.heal(context).await?;
        let after = Counters::of(control.metrics().await?, &proxies);
        let (is_seen, words) = seen(self.0.effect, &before, &after, &toxic.name);
        Ok(Struck { window, is_seen, words })
    }

    /// Takes the toxic off every proxy, the others also where one fails; one that has none is healed already.
    async fn heal(&self, context: &Context<'_>) -> anyhow::Result<()> {
        let settings: ToxicSettings = context.settings()?;
        let (control, name) = (context.control()?, toxic_name(&context.fault.name));
        let mut outcome = Ok(());
        for proxy in context.proxies(&settings.proxy)? {
            let removed = match control.remove_toxic(&proxy, &name).await {
                // Toxiproxy's own words, which clients compare.
                Err(error) if format!("{error:#}").contains("toxic not found") => Ok(()),
                removed => removed,
            };
            outcome = outcome.and(removed);
        }
        outcome
    }
}

/// `attributes`, those not given with their defaults.
fn attributes(section: &mut Section<'_>, known: &'static [Attribute]) -> BTreeMap<String, i64> {
    let mut attributes: BTreeMap<String, i64> =
        known.iter().map(|each| (each.name.to_owned(), each.default)).collect();
    let Some(mut given) = section.table("attributes") else {
        if known.iter().any(|attribute| attribute.is_required) {
            section.need(&["attributes"]);
        }
        return attributes;
    };
    for attribute in known {
        if let Some(value) = given.integer(attribute.name, attribute.range.clone()) {
            attributes.insert(attribute.name.to_owned(), value);
        }
        if attribute.is_required {
            given.need(&[attribute.name]);
        }
    }
    given.done();
    attributes
}

/// What an attribute sets, with its range, and its value where a scenario gives none.
fn summary(attribute: &Attribute) -> String {
    let Attribute { name: _, summary, unit, default, range, is_required } = attribute;
    let (least, most) = (range.start(), range.end());
    let absent = if *is_required { "required".to_owned() } else { format!("default {default}") };
    format!("{summary} ({least} to {most} {unit}, {absent})")
}

/// How much later at least comes what the toxic delays; absent where its attributes don't say.
fn least_delay(known: &[Attribute], given: &BTreeMap<String, i64>) -> Option<Duration> {
    let value = |name: &str| {
        let attribute = known.iter().find(|attribute| attribute.name == name)?;
        let value = u64::try_from(*given.get(name)?).ok()?;
        Some(match attribute.unit {
            "ms" => Duration::from_millis(value),
            _micros => Duration::from_micros(value),
        })
    };
    let delay = DELAYS.into_iter().find_map(value)?;
    Some(delay.saturating_sub(value(JITTER).unwrap_or_default())).filter(|least| !least.is_zero())
}

/// What the counters of one toxic say it did between two readings, and whether that is anything. A Toxiproxy from elsewhere
/// tells nothing of its toxics, and is believed to have done what it was asked for.
fn seen(effect: Effect, before: &Counters, after: &Counters, toxic: &str) -> (bool, String) {
    let moved = |counter| after.moved(before, counter, Some(toxic));
    let connections = moved(CONNECTIONS_AFFECTED);
    let counted = match effect {
        Effect::Nothing => Some((0.0, "it does nothing to what passes".to_owned())),
        Effect::Bytes(verb) => moved(BYTES_AFFECTED).map(|bytes| {
            let connections = connections.unwrap_or(0.0);
            (bytes, format!("{verb} {bytes:.0} bytes on {connections:.0} connections"))
        }),
        Effect::Connections(verb) => connections
            .map(|connections| (connections, format!("{verb} {connections:.0} connections"))),
    };
    match counted {
        Some((count, words)) => (count > 0.0, words),
        None => (true, "the proxy does not tell what it did".to_owned()),
    }
}

/// A fault's name as part of a URL path: what is no letter or digit is spelled out, so that names stay apart.
fn toxic_name(fault: &str) -> String {
    let spell = |byte: u8| {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            char::from(byte).to_string()
        } else {
            format!("_{byte:02x}")
        }
    };
    fault.bytes().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::proxy_control::Sample;

    const DELAYED: Effect = Effect::Bytes("delayed");
    const RESET: Effect = Effect::Connections("reset");

    fn sample(name: &str, proxy: &str, toxic: &str, value: f64) -> Sample {
        let labels = [("proxy", proxy), ("toxic", toxic)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        Sample { name: name.to_owned(), labels: BTreeMap::from(labels), value }
    }

    fn counters(samples: &[(&str, &str, &str, f64)]) -> Counters {
        let samples = samples
            .iter()
            .map(|(name, proxy, toxic, value)| sample(name, proxy, toxic, *value))
            .collect();
        Counters::of(samples, &["server-1.redis-1".to_owned(), "server-1.redis-2".to_owned()])
    }

    #[test]
    fn only_what_this_toxic_did_to_these_proxies_since_the_strike_counts() {
        let before = counters(&[(BYTES_AFFECTED, "server-1.redis-1", "slow", 100.0)]);
        let after = counters(&[
            (BYTES_AFFECTED, "server-1.redis-1", "slow", 130.0),
            (BYTES_AFFECTED, "server-1.redis-2", "slow", 12.0),
            (BYTES_AFFECTED, "server-2.redis-1", "slow", 5000.0),
            (BYTES_AFFECTED, "server-1.redis-1", "other", 7000.0),
            (CONNECTIONS_AFFECTED, "server-1.redis-2", "slow", 3.0),
        ]);
        let words = |effect| seen(effect, &before, &after, "slow");
        assert_eq!(words(DELAYED), (true, "delayed 42 bytes on 3 connections".to_owned()));
        assert_eq!(words(RESET), (true, "reset 3 connections".to_owned()));
        for effect in [DELAYED, RESET] {
            assert!(!seen(effect, &after, &after, "slow").0);
        }
        assert!(!words(Effect::Nothing).0);
    }

    #[test]
    fn a_toxiproxy_from_elsewhere_is_believed_but_for_a_toxic_that_does_nothing() {
        let nothing = counters(&[]);
        assert!(seen(DELAYED, &nothing, &nothing, "slow").0);
        assert!(!seen(Effect::Nothing, &nothing, &nothing, "slow").0);
    }

    #[test]
    fn the_least_delay_is_what_the_attributes_say_in_their_units() {
        let least = |name: &str, given: &[(&str, i64)]| {
            let kind = TOXICS.iter().find(|kind| kind.name == name).unwrap();
            let given = given.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            least_delay(kind.attributes, &given)
        };
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(least("latency", &[("latency", 200), ("jitter", 50)]), ms(150));
        assert_eq!(least("latency", &[("latency", 20), ("jitter", 50)]), None);
        assert_eq!(least("slicer", &[("average_size", 1), ("delay", 3000)]), ms(3));
        assert_eq!(least("packet_loss", &[("loss", 1), ("retransmit", 200)]), ms(200));
        assert_eq!(least("bandwidth", &[("rate", 10)]), None);
        assert_eq!(least("timeout", &[("timeout", 1000)]), None, "silence is no delay");
    }

    #[test]
    fn different_names_stay_different_as_parts_of_a_path() {
        assert_eq!(toxic_name("redis slow"), "redis_20slow");
        assert_ne!(toxic_name("a b"), toxic_name("a_b"));
        assert!(toxic_name("ä/é?").bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    }
}
