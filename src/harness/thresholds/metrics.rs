//! The metrics that thresholds and `sometimes` may name, and how each is read from a run. To add one: a line in `METRICS`.

use hdrhistogram::Histogram;

use super::measured::Measured;
use crate::harness::recorder::OpKind;
use crate::harness::recorder::latencies::OpLatencies;
use crate::harness::summary::Outcomes;
use crate::wire::Reason;

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name, k6's where k6 has the same.
    pub name: &'static str,
    /// What it measures and in which unit.
    pub summary: &'static str,
    /// The tags that narrow it down.
    pub tags: &'static [&'static str],
    /// Its kind, with the way to read it.
    pub kind: Kind,
}

/// Kinds of metrics, named as in k6.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `count`, and `rate` a second. Read as (counted, chances to count): no chance is no sample.
    Counter(fn(&Measured, Filter) -> (u64, u64)),
    /// `rate`: a share from 0 to 1, read as (hits, samples).
    Rate(fn(&Measured, Filter) -> (u64, u64)),
    /// `avg`, `min`, `med`, `max`, `p(N)` of a distribution in milliseconds.
    Trend(fn(&OpLatencies) -> &Histogram<u64>),
    /// `value`.
    Gauge(fn(&Measured) -> Option<f64>),
}

impl Kind {
    /// The statistics of this kind, as written in expressions; the first is what `sometimes` means without one.
    pub fn statistics(self) -> &'static [&'static str] {
        match self {
            Self::Counter(_) => &["count", "rate"],
            Self::Rate(_) => &["rate"],
            Self::Trend(_) => &["p(N)", "avg", "min", "med", "max"],
            Self::Gauge(_) => &["value"],
        }
    }
}

/// What `{outcome:…}` can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeTag {
    /// Took effect.
    Ok,
    /// Certainly did not.
    Fail,
    /// Refused by the service.
    Refused,
    /// Never sent, for want of a connection.
    NotConnected,
    /// Unknown.
    Info,
}

/// Tags given with a metric; an absent one admits everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// `{op:hold}`.
    pub op: Option<OpKind>,
    /// `{outcome:info}`.
    pub outcome: Option<OutcomeTag>,
    /// `{reason:sold_out}`.
    pub reason: Option<Reason>,
}

impl Filter {
    /// What was measured of the operations that the filter admits.
    pub fn operations(self, measured: &Measured) -> impl Iterator<Item = &OpLatencies> {
        let admitted =
            OpKind::ALL.into_iter().filter(move |op| self.op.is_none_or(|wanted| wanted == *op));
        admitted.map(|op| measured.requests.of(op))
    }
}

/// Every metric.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "http_req_duration",
        summary: "milliseconds from the moment the schedule wanted a request to its answer",
        tags: &["op"],
        kind: Kind::Trend(|operation| &operation.latency),
    },
    Metric {
        name: "http_req_service",
        summary: "milliseconds from sending a request to its answer",
        tags: &["op"],
        kind: Kind::Trend(|operation| &operation.service),
    },
    Metric {
        name: "http_reqs",
        summary: "requests completed",
        tags: &["op"],
        kind: Kind::Counter(|measured, filter| {
            (requests(measured, filter), requests(measured, filter))
        }),
    },
    Metric {
        name: "http_req_failed",
        summary: "share of requests that did not end ok, refusals included, 0 to 1",
        tags: &["op"],
        kind: Kind::Rate(|measured, filter| {
            let not_ok = |outcomes: Outcomes| outcomes.fail + outcomes.info;
            (sum(measured, filter, not_ok), requests(measured, filter))
        }),
    },
    Metric {
        name: "ops",
        summary: "requests by outcome, as the clients saw them",
        tags: &["op", "outcome"],
        kind: Kind::Counter(|measured, filter| {
            let counted = sum(measured, filter, |outcomes| match filter.outcome {
                None => outcomes.total(),
                Some(OutcomeTag::Ok) => outcomes.ok,
                Some(OutcomeTag::Fail) => outcomes.fail,
                Some(OutcomeTag::Refused) => outcomes.refused,
                Some(OutcomeTag::NotConnected) => outcomes.not_connected,
                Some(OutcomeTag::Info) => outcomes.info,
            });
            (counted, requests(measured, filter))
        }),
    },
    Metric {
        name: "refusals",
        summary: "requests refused for certain, by the reason the server gave",
        tags: &["op", "reason"],
        kind: Kind::Counter(|measured, filter| {
            (refusals(measured, filter), requests(measured, filter))
        }),
    },
    Metric {
        name: "iterations",
        summary: "iterations started",
        tags: &[],
        kind: Kind::Counter(|measured, _| (measured.iterations, scheduled(measured))),
    },
    Metric {
        name: "dropped_iterations",
        summary: "iterations dropped for want of a free VU",
        tags: &[],
        kind: Kind::Counter(|measured, _| (measured.dropped_iterations, scheduled(measured))),
    },
    Metric {
        name: "reservations_held",
        summary: "reservations granted to clients",
        tags: &[],
        kind: Kind::Counter(|measured, _| (measured.reservations_held, scheduled(measured))),
    },
    Metric {
        name: "bookings_confirmed",
        summary: "bookings acknowledged to clients, those found by settling included",
        tags: &[],
        kind: Kind::Counter(|measured, _| (measured.bookings_confirmed, scheduled(measured))),
    },
    Metric {
        name: "seats_sold",
        summary: "seats sold, by the database",
        tags: &[],
        kind: Kind::Counter(|measured, _| match measured.seats_sold {
            Some(sold) => (sold, scheduled(measured)),
            None => (0, 0),
        }),
    },
    Metric {
        name: "seats_resold",
        summary: "seats sold again after their booking was cancelled",
        tags: &[],
        kind: Kind::Counter(|measured, _| (measured.seats_resold, scheduled(measured))),
    },
    Metric {
        name: "leases_outlived",
        summary: "lock leases that ran out before their holder was done, by the servers' own count",
        tags: &[],
        kind: Kind::Counter(|measured, _| {
            (server_count(measured, "ticketctl_lock_leases_outlived_total"), scheduled(measured))
        }),
    },
    Metric {
        name: "fenced_writes_refused",
        summary: "writes refused because somebody wrote since their lease was granted, by the servers' own count",
        tags: &[],
        kind: Kind::Counter(|measured, _| {
            (server_count(measured, "ticketctl_fenced_writes_refused_total"), scheduled(measured))
        }),
    },
    Metric {
        name: "payments_recovered",
        summary: "payments that a server finished or refunded for another, by the servers' own count",
        tags: &[],
        kind: Kind::Counter(|measured, _| {
            (server_count(measured, "ticketctl_recovered_payments_total"), scheduled(measured))
        }),
    },
    Metric {
        name: "sold_out_seconds",
        summary: "seconds from the load's start to the last seat's first sale; no sample where seats remain",
        tags: &[],
        kind: Kind::Gauge(|measured| measured.sold_out_seconds),
    },
];

fn refusals(measured: &Measured, filter: Filter) -> u64 {
    let admitted = measured.refusals.iter().filter(|((op, reason), _)| {
        filter.op.is_none_or(|wanted| wanted == *op)
            && filter.reason.is_none_or(|wanted| wanted.name() == reason)
    });
    admitted.map(|(_, count)| count).sum()
}

fn server_count(measured: &Measured, series: &str) -> u64 {
    measured.server_counts.get(series).copied().unwrap_or(0)
}

fn scheduled(measured: &Measured) -> u64 {
    measured.iterations + measured.dropped_iterations
}

fn requests(measured: &Measured, filter: Filter) -> u64 {
    sum(measured, filter, Outcomes::total)
}

fn sum(measured: &Measured, filter: Filter, count: impl Fn(Outcomes) -> u64) -> u64 {
    filter.operations(measured).map(|operation| count(operation.outcomes)).sum()
}
