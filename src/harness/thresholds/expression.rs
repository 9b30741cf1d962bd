//! The language of thresholds: `http_req_duration{op:hold}`, `p(99)<500`, `ops{outcome:info} > 0`. Knows nothing of values.

use super::metrics::{Filter, METRICS, Metric, OutcomeTag};
use crate::harness::parsing::unknown;
use crate::harness::recorder::OpKind;
use crate::wire::Reason;

/// Why an expression means nothing; displayed with what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpressionError(String);

/// A metric with the tags that narrow it down.
#[derive(Debug, Clone, Copy)]
pub struct Selector {
    /// The metric.
    pub metric: &'static Metric,
    /// The tags.
    pub filter: Filter,
}

/// A condition on a metric: `p(99)<500`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// What is computed from the samples.
    pub statistic: Statistic,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what; milliseconds for trends.
    pub limit: f64,
}

/// What is computed from a metric's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// How many.
    Count,
    /// A second, or as a share.
    Rate,
    /// The value itself.
    Value,
    /// Arithmetic mean.
    Avg,
    /// Smallest.
    Min,
    /// Median.
    Med,
    /// Largest.
    Max,
    /// Percentile, 0 to 100.
    Percentile(f64),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// Longer signs first: `<=` begins with `<`.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    (">", Comparison::More),
];

impl Comparison {
    /// Whether the observed value satisfies it. Equality forgives the rounding of decimal fractions.
    pub fn holds(self, observed: f64, limit: f64) -> bool {
        let equal = (observed - limit).abs() < 1e-9;
        match self {
            Self::Less => observed < limit,
            Self::AtMost => observed <= limit,
            Self::More => observed > limit,
            Self::AtLeast => observed >= limit,
            Self::Equal => equal,
            Self::Unequal => !equal,
        }
    }
}

impl Selector {
    /// Reads `NAME` or `NAME{tag:value,…}`.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        let (name, tags) = match text.split_once('{') {
            None => (text, ""),
            Some((name, rest)) => {
                (name.trim(), rest.strip_suffix('}').ok_or_else(|| missing_brace(text))?)
            }
        };
        let names: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        let metric = METRICS
            .iter()
            .find(|metric| metric.name == name)
            .ok_or_else(|| ExpressionError(unknown("metric", name, &names)))?;
        let mut filter = Filter::default();
        for tag in tags.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            apply_tag(metric, tag, &mut filter)?;
        }
        Ok(Self { metric, filter })
    }
}

impl Condition {
    /// Reads `STATISTIC COMPARISON LIMIT` for a metric.
    pub fn parse(text: &str, metric: &Metric) -> Result<Self, ExpressionError> {
        let (left, comparison, limit) = split(text)?;
        Ok(Self { statistic: parse_statistic(left, metric)?, comparison, limit })
    }
}

/// Reads `METRIC [STATISTIC] COMPARISON LIMIT`; without a statistic the metric's first one is meant.
pub fn parse_sometimes(text: &str) -> Result<(Selector, Condition), ExpressionError> {
    let (left, comparison, limit) = split(text)?;
    let end =
        left.find('}').map_or_else(|| left.find(char::is_whitespace), |brace| Some(brace + 1));
    let (selector, statistic) = left.split_at(end.unwrap_or(left.len()));
    let selector = Selector::parse(selector)?;
    let first = selector.metric.kind.statistics().first().copied().unwrap_or_default();
    let statistic = if statistic.trim().is_empty() { first } else { statistic.trim() };
    Ok((
        selector,
        Condition { statistic: parse_statistic(statistic, selector.metric)?, comparison, limit },
    ))
}

fn split(text: &str) -> Result<(&str, Comparison, f64), ExpressionError> {
    let malformed = || {
        ExpressionError(format!(
            "\"{text}\" is no condition; write it as \"count>=200\" or \"p(99)<500\""
        ))
    };
    let at = text.find(['<', '>', '=', '!']).ok_or_else(malformed)?;
    let (left, rest) = text.split_at(at);
    let (limit, comparison) = COMPARISONS
        .iter()
        .find_map(|(sign, comparison)| Some((rest.strip_prefix(sign)?, *comparison)))
        .ok_or_else(malformed)?;
    let limit: f64 =
        limit.trim().parse().ok().filter(|limit: &f64| limit.is_finite()).ok_or_else(malformed)?;
    Ok((left.trim(), comparison, limit))
}

fn parse_statistic(text: &str, metric: &Metric) -> Result<Statistic, ExpressionError> {
    let valid = metric.kind.statistics();
    let percentile = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')'));
    let plain = match text {
        "count" => Some(Statistic::Count),
        "rate" => Some(Statistic::Rate),
        "value" => Some(Statistic::Value),
        "avg" => Some(Statistic::Avg),
        "min" => Some(Statistic::Min),
        "med" => Some(Statistic::Med),
        "max" => Some(Statistic::Max),
        _ => None,
    };
    match (percentile, plain) {
        (Some(number), _) if valid.contains(&"p(N)") => number
            .trim()
            .parse()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(Statistic::Percentile)
            .ok_or_else(|| {
                ExpressionError(format!(
                    "\"{text}\" is no percentile; write p(N) with N from 0 to 100"
                ))
            }),
        (None, Some(statistic)) if valid.contains(&text) => Ok(statistic),
        _ => Err(ExpressionError(unknown(&format!("statistic of {}", metric.name), text, valid))),
    }
}

fn apply_tag(metric: &Metric, tag: &str, filter: &mut Filter) -> Result<(), ExpressionError> {
    let (key, value) = tag
        .split_once(':')
        .map(|(key, value)| (key.trim(), value.trim()))
        .ok_or_else(|| ExpressionError(format!("\"{tag}\" is no tag; write it as op:hold")))?;
    if !metric.tags.contains(&key) {
        return Err(ExpressionError(unknown(&format!("tag of {}", metric.name), key, metric.tags)));
    }
    if key == "op" {
        let names = OpKind::ALL.map(OpKind::name);
        let found = OpKind::ALL.into_iter().find(|op| op.name() == value);
        filter.op =
            Some(found.ok_or_else(|| ExpressionError(unknown("operation", value, &names)))?);
    } else if key == "reason" {
        let names = Reason::ALL.map(Reason::name);
        let found = Reason::parse(value);
        filter.reason =
            Some(found.ok_or_else(|| ExpressionError(unknown("reason", value, &names)))?);
    } else {
        let names = OUTCOMES.map(|(name, _)| name);
        let found = OUTCOMES.iter().find(|(name, _)| *name == value).map(|(_, outcome)| *outcome);
        filter.outcome =
            Some(found.ok_or_else(|| ExpressionError(unknown("outcome", value, &names)))?);
    }
    Ok(())
}

const OUTCOMES: [(&str, OutcomeTag); 5] = [
    ("ok", OutcomeTag::Ok),
    ("fail", OutcomeTag::Fail),
    ("refused", OutcomeTag::Refused),
    ("not_connected", OutcomeTag::NotConnected),
    ("info", OutcomeTag::Info),
];

fn missing_brace(text: &str) -> ExpressionError {
    ExpressionError(format!(
        "\"{text}\" lacks a closing brace; write it as http_req_duration{{op:hold}}"
    ))
}
