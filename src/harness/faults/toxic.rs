//! What all faults on proxied streams share: put the toxic on, take it off, and read from the proxy's counters whether it
//! did anything. Knows nothing of what a toxic does.

use anyhow::Context;

use super::Bite;
use super::scene::Scene;
use crate::harness::proxy_control::{Sample, ToxicSpec};

/// Bytes that a toxic held back or swallowed: our own proxy counts them.
const BYTES_AFFECTED: &str = "ticketctl_toxic_bytes_affected_total";
/// Connections that a toxic touched.
const CONNECTIONS_AFFECTED: &str = "ticketctl_toxic_connections_affected_total";
/// Bytes that came through a proxy: all that a Toxiproxy from elsewhere counts.
const BYTES_PASSED: &str = "toxiproxy_proxy_sent_bytes_total";
/// Connections that a proxy cut when it was shut.
pub const CONNECTIONS_CUT: &str = "ticketctl_proxy_connections_cut_total";

/// Puts the fault's toxic on its proxies, holds, takes it off; `verb` is what it does to bytes, in the past tense.
pub async fn strike(scene: &Scene<'_>, verb: &str) -> anyhow::Result<Bite> {
    let (control, proxies) = (scene.control()?, scene.proxies()?);
    let toxic = spec(scene);
    let before = Counters::of(control.metrics().await?, &proxies);
    for proxy in &proxies {
        control.add_toxic(proxy, &toxic).await.with_context(|| format!("cannot strike {proxy}"))?;
    }
    scene.hold().await;
    heal(scene).await?;
    let after = Counters::of(control.metrics().await?, &proxies);
    Ok(evidence(&before, &after, &toxic.name, verb))
}

/// Takes the toxic off every proxy, the others also where one fails; one that has none is healed already.
pub async fn heal(scene: &Scene<'_>) -> anyhow::Result<()> {
    let (control, name) = (scene.control()?, spec(scene).name);
    let mut outcome = Ok(());
    for proxy in scene.proxies()? {
        let removed = match control.remove_toxic(&proxy, &name).await {
            // Toxiproxy's own words, which clients compare.
            Err(error) if format!("{error:#}").contains("toxic not found") => Ok(()),
            removed => removed,
        };
        outcome = outcome.and(removed);
    }
    outcome
}

/// The counters of some proxies at one moment.
pub struct Counters(Vec<Sample>);

impl Counters {
    /// Those of `proxies`, out of all.
    pub fn of(samples: Vec<Sample>, proxies: &[String]) -> Self {
        let belongs = |sample: &Sample| {
            sample.labels.get("proxy").is_some_and(|proxy| proxies.contains(proxy))
        };
        Self(samples.into_iter().filter(belongs).collect())
    }

    /// Sum of a counter, for one toxic where one is named; absent where the proxy does not count such a thing.
    pub fn sum(&self, counter: &str, toxic: Option<&str>) -> Option<f64> {
        let counts = |sample: &&Sample| {
            sample.name == counter
                && toxic.is_none_or(|toxic| {
                    sample.labels.get("toxic").is_some_and(|name| name == toxic)
                })
        };
        self.0.iter().filter(counts).map(|sample| sample.value).reduce(|a, b| a + b)
    }

    /// How many proxies a counter moved on since `before`.
    pub fn moved(&self, before: &Self, counter: &str, toxic: Option<&str>) -> Option<f64> {
        self.sum(counter, toxic).map(|after| after - before.sum(counter, toxic).unwrap_or(0.0))
    }
}

fn evidence(before: &Counters, after: &Counters, toxic: &str, verb: &str) -> Bite {
    let bytes = after.moved(before, BYTES_AFFECTED, Some(toxic));
    let connections = after.moved(before, CONNECTIONS_AFFECTED, Some(toxic));
    if let Some(bytes) = bytes {
        let words =
            format!("{verb} {bytes:.0} bytes on {:.0} connections", connections.unwrap_or(0.0));
        return if bytes > 0.0 { Bite::Bit(words) } else { Bite::Missed(words) };
    }
    // A Toxiproxy from elsewhere tells only what passed, and that when a connection ends.
    match after.moved(before, BYTES_PASSED, None) {
        Some(bytes) if bytes > 0.0 => {
            Bite::Bit(format!("{bytes:.0} bytes passed while it struck, as far as the proxy tells"))
        }
        _ => Bite::Missed(format!("no bytes were {verb}: the proxy counted none")),
    }
}

fn spec(scene: &Scene<'_>) -> ToxicSpec {
    let fault = scene.fault;
    ToxicSpec {
        name: toxic_name(&fault.name),
        kind: fault.kind.clone(),
        stream: fault.stream.clone(),
        toxicity: fault.toxicity,
        attributes: fault.attributes.clone(),
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
    use std::collections::BTreeMap;

    use super::*;

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
        assert_eq!(
            evidence(&before, &after, "slow", "delayed"),
            Bite::Bit("delayed 42 bytes on 3 connections".to_owned())
        );
        assert!(matches!(evidence(&after, &after, "slow", "delayed"), Bite::Missed(_)));
    }

    #[test]
    fn a_toxiproxy_from_elsewhere_is_believed_what_it_counts_and_no_more() {
        let moved = counters(&[(BYTES_PASSED, "server-1.redis-1", "", 10.0)]);
        assert!(matches!(evidence(&counters(&[]), &moved, "slow", "delayed"), Bite::Bit(_)));
        assert!(matches!(evidence(&moved, &moved, "slow", "delayed"), Bite::Missed(_)));
        assert!(matches!(
            evidence(&counters(&[]), &counters(&[]), "slow", "delayed"),
            Bite::Missed(_)
        ));
    }

    #[test]
    fn different_names_stay_different_as_parts_of_a_path() {
        assert_eq!(toxic_name("redis slow"), "redis_20slow");
        assert_ne!(toxic_name("a b"), toxic_name("a_b"));
        assert!(toxic_name("ä/é?").bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    }
}
