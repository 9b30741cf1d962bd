//! The counters a chaos run reads its evidence from, and their Prometheus text; knows names and labels, not proxies.

use crate::toxiproxy::process;
use metrics::{Counter, Key, Label, Level, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use std::sync::Arc;

/// What every series is about, for the `# HELP` lines.
const HELP: &[(&str, &str)] = &[
    ("toxiproxy_proxy_received_bytes_total", "Bytes read from the sender of this direction"),
    ("toxiproxy_proxy_sent_bytes_total", "Bytes written to the receiver of this direction"),
    (
        "ticketctl_toxic_bytes_affected_total",
        "Bytes this toxic delayed, dropped or cut into pieces; kept after the toxic is removed",
    ),
    (
        "ticketctl_toxic_connections_affected_total",
        "Connections this toxic did something to; kept after the toxic is removed",
    ),
    ("ticketctl_proxy_connections_total", "Connections accepted"),
    (
        "ticketctl_proxy_connections_cut_total",
        "Connections closed because their proxy was disabled, moved or deleted",
    ),
    (
        "ticketctl_proxy_dial_failures_total",
        "Connections closed because the upstream did not answer",
    ),
];

/// All counters of one server. A counter lives as long as this, so what happened stays readable after healing.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusRecorder>,
}

/// What `/metrics` shows.
#[derive(Clone)]
pub struct Shown {
    pub proxies: Option<Metrics>,
    /// Whether to show what this process takes of the machine.
    pub runtime: bool,
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
    pub dial_failures: Counter,
}

/// Evidence that one toxic bit.
#[derive(Clone)]
pub struct Affected {
    pub bytes: Counter,
    pub connections: Counter,
}

impl Metrics {
    pub fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        for (name, help) in HELP {
            recorder.describe_counter((*name).into(), None, SharedString::const_str(help));
        }
        Self { recorder: Arc::new(recorder) }
    }

    /// All series, in Prometheus text format 0.0.4.
    pub fn render(&self) -> String {
        self.recorder.handle().render()
    }

    pub fn traffic(&self, direction: &'static str, proxy: &str, route: [&str; 2]) -> Traffic {
        let [listener, upstream] = route;
        let labels = [
            ("direction", direction),
            ("proxy", proxy),
            ("listener", listener),
            ("upstream", upstream),
        ];
        Traffic {
            received: self.counter("toxiproxy_proxy_received_bytes_total", &labels),
            sent: self.counter("toxiproxy_proxy_sent_bytes_total", &labels),
        }
    }

    pub fn connections(&self, proxy: &str) -> Connections {
        let labels = [("proxy", proxy)];
        Connections {
            accepted: self.counter("ticketctl_proxy_connections_total", &labels),
            cut: self.counter("ticketctl_proxy_connections_cut_total", &labels),
            dial_failures: self.counter("ticketctl_proxy_dial_failures_total", &labels),
        }
    }

    pub fn affected(&self, proxy: &str, toxic: &str, kind: &str, stream: &str) -> Affected {
        let labels = [("proxy", proxy), ("toxic", toxic), ("type", kind), ("stream", stream)];
        Affected {
            bytes: self.counter("ticketctl_toxic_bytes_affected_total", &labels),
            connections: self.counter("ticketctl_toxic_connections_affected_total", &labels),
        }
    }

    fn counter(&self, name: &'static str, labels: &[(&'static str, &str)]) -> Counter {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
        let metadata = Metadata::new(module_path!(), Level::INFO, None);
        self.recorder.register_counter(&Key::from_parts(name, labels), &metadata)
    }
}

impl Shown {
    pub fn is_empty(&self) -> bool {
        self.proxies.is_none() && !self.runtime
    }

    pub fn render(&self) -> String {
        let mut text = self.proxies.as_ref().map(Metrics::render).unwrap_or_default();
        if self.runtime {
            text.push_str(&process::render());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_outlives_its_handle_and_is_found_again() {
        let metrics = Metrics::new();
        metrics.affected("db", "slow", "latency", "upstream").bytes.increment(3);
        metrics.affected("db", "slow", "latency", "upstream").bytes.increment(4);
        let text = metrics.render();
        let series = "ticketctl_toxic_bytes_affected_total{proxy=\"db\",toxic=\"slow\",\
                      type=\"latency\",stream=\"upstream\"} 7";
        assert!(text.lines().any(|line| line == series), "{text}");
    }
}
