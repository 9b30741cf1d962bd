//! The counters a chaos run reads its evidence from, and their Prometheus text; knows names and labels, not proxies.
//!
//! What a toxic or a proxy did stays readable after it is gone, for a while: of those that are gone only the latest [`KEPT_MAX`]
//! are kept, so that a server that runs for months does not grow with each of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::process;
use super::workers::Workers;

/// Label sets of a family that are kept although nothing counts for them any more.
const KEPT_MAX: usize = 1000;
/// New label sets after which those that are gone are looked for.
const LOOK_EVERY: usize = 100;

/// Names and `# HELP` texts of counters that have their labels in common.
type Names = &'static [(&'static str, &'static str)];

const TRAFFIC: Names = &[
    ("toxiproxy_proxy_received_bytes_total", "Bytes read from the sender of this direction"),
    ("toxiproxy_proxy_sent_bytes_total", "Bytes written to the receiver of this direction"),
];
const CONNECTIONS: Names = &[
    ("ticketctl_proxy_connections_total", "Connections accepted"),
    (
        "ticketctl_proxy_connections_cut_total",
        "Connections closed because their proxy was disabled, moved or deleted",
    ),
    (
        "ticketctl_proxy_connections_refused_total",
        "Connections closed at once because the limit on open files was reached",
    ),
    (
        "ticketctl_proxy_dial_failures_total",
        "Connections closed because the upstream did not answer",
    ),
];
const AFFECTED: Names = &[
    (
        "ticketctl_toxic_bytes_affected_total",
        "Bytes this toxic delayed, dropped or cut into pieces; kept after the toxic is removed",
    ),
    (
        "ticketctl_toxic_connections_affected_total",
        "Connections this toxic did something to; kept after the toxic is removed",
    ),
];

/// All counters of one server.
#[derive(Clone)]
pub struct Metrics {
    traffic: Arc<Family>,
    connections: Arc<Family>,
    affected: Arc<Family>,
}

/// What `/metrics` shows.
#[derive(Clone)]
pub struct Shown {
    pub proxies: Option<Metrics>,
    /// To show what this process takes of the machine.
    pub runtime: Option<Workers>,
}

/// One number that only grows.
#[derive(Clone)]
pub struct Counter {
    values: Values,
    index: usize,
}

/// Bytes of one direction of one proxy, at one pair of addresses.
#[derive(Clone)]
pub struct Traffic {
    pub received: Counter,
    pub sent: Counter,
}

/// The connections of one proxy.
#[derive(Clone)]
pub struct Connections {
    pub accepted: Counter,
    pub cut: Counter,
    pub refused: Counter,
    pub dial_failures: Counter,
}

/// Evidence that one toxic bit.
#[derive(Clone)]
pub struct Affected {
    pub bytes: Counter,
    pub connections: Counter,
}

/// The counters of one label set; whoever counts holds them, too.
type Values = Arc<[AtomicU64]>;

/// Counters with the same labels, for every set of values these had.
struct Family {
    names: Names,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    /// By the labels as they are written.
    by_labels: BTreeMap<String, Member>,
    looks: u64,
    new_since_look: usize,
}

struct Member {
    values: Values,
    /// The look that first found that nobody counts here any more.
    gone_since: Option<u64>,
}

impl Metrics {
    pub fn new() -> Self {
        let family = |names| Arc::new(Family { names, members: Mutex::default() });
        Self {
            traffic: family(TRAFFIC),
            connections: family(CONNECTIONS),
            affected: family(AFFECTED),
        }
    }

    /// All series, in Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for family in [&self.traffic, &self.connections, &self.affected] {
            family.render(&mut text);
        }
        text
    }

    pub fn traffic(&self, direction: &'static str, proxy: &str, route: [&str; 2]) -> Traffic {
        let [listener, upstream] = route;
        let [received, sent] = self.traffic.counters(&[
            ("direction", direction),
            ("listener", listener),
            ("proxy", proxy),
            ("upstream", upstream),
        ]);
        Traffic { received, sent }
    }

    pub fn connections(&self, proxy: &str) -> Connections {
        let [accepted, cut, refused, dial_failures] =
            self.connections.counters(&[("proxy", proxy)]);
        Connections { accepted, cut, refused, dial_failures }
    }

    pub fn affected(&self, proxy: &str, toxic: &str, kind: &str, stream: &str) -> Affected {
        let labels = [("proxy", proxy), ("stream", stream), ("toxic", toxic), ("type", kind)];
        let [bytes, connections] = self.affected.counters(&labels);
        Affected { bytes, connections }
    }
}

impl Counter {
    pub fn increment(&self, by: u64) {
        self.values[self.index].fetch_add(by, Ordering::Relaxed);
    }
}

impl Family {
    /// The counters for these labels, as many as the family has names: new ones, or those that are there already.
    fn counters<const N: usize>(&self, labels: &[(&str, &str)]) -> [Counter; N] {
        let labels = as_text(labels);
        let mut members = self.members();
        let new =
            || Member { values: self.names.iter().map(|_| 0.into()).collect(), gone_since: None };
        members.new_since_look += usize::from(!members.by_labels.contains_key(&labels));
        let values = Arc::clone(&members.by_labels.entry(labels).or_insert_with(new).values);
        members.look();
        std::array::from_fn(|index| Counter { values: Arc::clone(&values), index })
    }

    fn render(&self, text: &mut String) {
        let members = self.members();
        if members.by_labels.is_empty() {
            return;
        }
        for (index, (name, help)) in self.names.iter().enumerate() {
            // Writing to a string cannot fail.
            let _written = write!(text, "# HELP {name} {help}\n# TYPE {name} counter\n");
            for (labels, member) in &members.by_labels {
                let value = member.values[index].load(Ordering::Relaxed);
                let _written = writeln!(text, "{name}{{{labels}}} {value}");
            }
            text.push('\n');
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// Now and then, forgets those that have been gone longest.
    fn look(&mut self) {
        if self.new_since_look < LOOK_EVERY {
            return;
        }
        self.new_since_look = 0;
        self.looks += 1;
        let mut gone = Vec::new();
        for (labels, member) in &mut self.by_labels {
            if Arc::strong_count(&member.values) == 1 {
                gone.push((*member.gone_since.get_or_insert(self.looks), labels.clone()));
            } else {
                member.gone_since = None;
            }
        }
        gone.sort_unstable();
        let surplus = gone.len().saturating_sub(KEPT_MAX);
        for (_, labels) in &gone[..surplus] {
            self.by_labels.remove(labels);
        }
    }
}

/// Labels between their braces, values escaped as the format asks for. They are in the order of their names, as the original's.
fn as_text(labels: &[(&str, &str)]) -> String {
    debug_assert!(labels.is_sorted_by_key(|(name, _)| *name), "{labels:?}");
    let escape = |value: &str| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let labels = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value)));
    labels.collect::<Vec<_>>().join(",")
}

impl Shown {
    pub fn is_empty(&self) -> bool {
        self.proxies.is_none() && self.runtime.is_none()
    }

    pub fn render(&self) -> String {
        let mut text = self.proxies.as_ref().map(Metrics::render).unwrap_or_default();
        if let Some(workers) = &self.runtime {
            text.push_str(&process::render(workers.tasks()));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(metrics: &Metrics, toxic: &str) -> Option<u64> {
        let series = format!(
            "ticketctl_toxic_bytes_affected_total{{proxy=\"db\",stream=\"upstream\",\
             toxic=\"{toxic}\",type=\"latency\"}} "
        );
        metrics.render().lines().find_map(|line| line.strip_prefix(&series)?.parse().ok())
    }

    #[test]
    fn a_counter_outlives_its_handle_and_is_found_again() {
        let metrics = Metrics::new();
        metrics.affected("db", "slow", "latency", "upstream").bytes.increment(3);
        metrics.affected("db", "slow", "latency", "upstream").bytes.increment(4);
        assert_eq!(series(&metrics, "slow"), Some(7));
    }

    #[test]
    fn what_is_gone_longest_is_forgotten_and_what_counts_never() {
        let metrics = Metrics::new();
        let add = |toxic: &str| metrics.affected("db", toxic, "latency", "upstream");
        let lasting = add("lasting");
        for number in 0..5 * KEPT_MAX {
            add(&number.to_string()).bytes.increment(1);
        }
        lasting.bytes.increment(5);
        let kept = metrics.affected.members().by_labels.len();
        assert!((KEPT_MAX..KEPT_MAX + 2 * LOOK_EVERY).contains(&kept), "{kept} are kept");
        assert_eq!(series(&metrics, "0"), None);
        assert_eq!(series(&metrics, &(5 * KEPT_MAX - 1).to_string()), Some(1));
        assert_eq!(series(&metrics, "lasting"), Some(5));
        drop(lasting);
        for number in 0..KEPT_MAX / 2 {
            add(&format!("later-{number}"));
        }
        assert_eq!(series(&metrics, "lasting"), Some(5), "it went after the others");
    }

    #[test]
    fn labels_are_in_the_order_that_gos_client_writes_them_in() {
        let metrics = Metrics::new();
        metrics.traffic("upstream", "db", ["127.0.0.1:1", "127.0.0.1:2"]).sent.increment(3);
        let series = "toxiproxy_proxy_sent_bytes_total{direction=\"upstream\",\
                      listener=\"127.0.0.1:1\",proxy=\"db\",upstream=\"127.0.0.1:2\"} 3\n";
        assert!(metrics.render().contains(series), "{}", metrics.render());
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(as_text(&[("a", "x\"y\\z\n")]), r#"a="x\"y\\z\n""#);
    }
}
