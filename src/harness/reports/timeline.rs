//! Runs second by second as CSV, for plots: requests, latencies, and the faults that were on meanwhile.

use std::io::{self, Write};

use super::Report;
use crate::harness::run_record::{Interval, RunRecord};
use crate::harness::summary::{OperationMetrics, Summary};

/// The timeline.
pub struct Timeline;

impl Report for Timeline {
    fn name(&self) -> &'static str {
        "timeline"
    }

    fn summary(&self) -> &'static str {
        "CSV, a line for each second and operation: requests, latencies, and the faults that were on"
    }

    fn write(&self, runs: &[RunRecord], out: &mut dyn Write) -> io::Result<()> {
        writeln!(
            out,
            "scenario,second,operation,ok,refused,not_connected,unknown,p50_ms,p99_ms,max_ms,faults"
        )?;
        for run in runs {
            for interval in run.intervals()? {
                write_second(&run.summary, &interval, out)?;
            }
        }
        Ok(())
    }
}

fn write_second(run: &Summary, interval: &Interval, out: &mut dyn Write) -> io::Result<()> {
    let (scenario, second) = (quoted(&run.scenario), interval.second);
    let faults = quoted(&faults_within(run, second));
    for (operation, measured) in &interval.operations {
        writeln!(out, "{scenario},{second},{operation},{},{faults}", numbers(measured))?;
    }
    Ok(())
}

fn numbers(measured: &OperationMetrics) -> String {
    let (outcomes, latency) = (measured.outcomes, measured.latency_ms);
    format!(
        "{},{},{},{},{:.3},{:.3},{:.3}",
        outcomes.ok,
        outcomes.refused,
        outcomes.not_connected,
        outcomes.info,
        latency.p50,
        latency.p99,
        latency.max
    )
}

/// Names of the faults that were on at any moment of this second.
fn faults_within(run: &Summary, second: u64) -> String {
    let on =
        run.faults.iter().filter(|fault| fault.lasted_within(second * 1000, second * 1000 + 1000));
    on.map(|fault| fault.name.as_str()).collect::<Vec<_>>().join("; ")
}

/// A field as RFC 4180 wants it.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::reports::samples;

    #[test]
    fn every_second_has_its_requests_and_its_faults() {
        let runs = samples::recorded(&[samples::passed()]);
        let mut out = Vec::new();
        Timeline.write(&runs.records, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "passed,0,hold,1,0,0,0,10.007,10.007,10.007,",
                "passed,2,confirm,1,0,0,0,10.007,10.007,10.007,redis slow",
                "passed,2,hold,1,1,1,0,10.007,10.007,10.007,redis slow",
            ]
        );
    }

    #[test]
    fn a_field_with_a_comma_or_a_quote_is_quoted() {
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("a b"), "a b");
    }
}
