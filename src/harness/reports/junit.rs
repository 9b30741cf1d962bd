//! Summaries as JUnit XML, for CI systems: a suite a run; a case each for the run's validity, every checker, fault,
//! threshold and `sometimes`. What broke is a failure, what proves nothing is an error.

use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::{Report, table};
use crate::harness::run_record::RunRecord;
use crate::harness::summary::{
    CheckResult, CheckVerdict, FaultSummary, Outcomes, Summary, ThresholdSummary,
};

/// JUnit XML.
pub struct Junit;

impl Report for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn summary(&self) -> &'static str {
        "JUnit XML: a suite a run, a case for each checker, fault and threshold"
    }

    fn file(&self) -> Option<&'static str> {
        Some("junit.xml")
    }

    fn write(&self, runs: &[RunRecord], out: &mut dyn Write) -> io::Result<()> {
        let mut report = quick_junit::Report::new("ticketctl chaos");
        report.add_test_suites(runs.iter().map(|run| suite(&run.summary)));
        report.serialize(&mut *out).map_err(io::Error::other)?;
        writeln!(out)
    }
}

fn suite(run: &Summary) -> TestSuite {
    let mut suite = TestSuite::new(run.scenario.as_str());
    suite.set_time(Duration::try_from_secs_f64(run.load_seconds).unwrap_or_default());
    for (name, value) in [
        ("seed", run.seed.to_string()),
        ("strategy", run.strategy.clone()),
        ("instances", run.instances.to_string()),
        ("version", run.version.clone()),
        ("run_dir", run.run_dir.clone()),
        ("repeat", run.repeat.clone()),
    ] {
        suite.add_property(Property::new(name, value));
    }
    suite.add_test_case(validity(run));
    suite.add_test_cases(run.checkers.iter().map(checker));
    suite.add_test_cases(run.faults.iter().map(fault));
    suite.add_test_cases(
        run.thresholds
            .iter()
            .map(|threshold| limit("threshold", NonSuccessKind::Failure, threshold)),
    );
    suite.add_test_cases(
        run.sometimes.iter().map(|sometimes| limit("sometimes", NonSuccessKind::Error, sometimes)),
    );
    suite
}

fn case(class: &str, name: &str, problem: Option<(NonSuccessKind, String)>) -> TestCase {
    let status = problem.map_or_else(TestCaseStatus::success, |(kind, message)| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(message);
        status
    });
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

fn skipped(class: &str, name: &str, why: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(why);
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

fn validity(run: &Summary) -> TestCase {
    let problem = (!run.void_reasons.is_empty())
        .then(|| (NonSuccessKind::Error, run.void_reasons.join("; ")));
    let mut case = case("run", "the run proves something", problem);
    case.set_system_out(said(run));
    case
}

/// What a reader has to know before the verdict, and what became of the requests.
fn said(run: &Summary) -> String {
    let Outcomes { ok, fail: _, refused, not_connected, info } = run.operations;
    let requests = format!(
        "requests: {ok} ok, {refused} refused, {not_connected} not connected, {info} unknown"
    );
    run.caveats.iter().cloned().chain([requests]).collect::<Vec<_>>().join("\n")
}

fn checker(result: &CheckResult) -> TestCase {
    let problem = |kind| Some((kind, result.detail.clone()));
    let mut case = match result.verdict {
        CheckVerdict::Pass => case("checker", &result.name, None),
        CheckVerdict::NotJudged => skipped("checker", &result.name, &result.detail),
        CheckVerdict::Unknown => case("checker", &result.name, problem(NonSuccessKind::Error)),
        CheckVerdict::Fail => case("checker", &result.name, problem(NonSuccessKind::Failure)),
    };
    case.set_system_out(result.detail.as_str());
    case
}

fn fault(fault: &FaultSummary) -> TestCase {
    let problem = (!fault.bit)
        .then(|| (NonSuccessKind::Error, format!("had no observed effect: {}", fault.evidence)));
    let mut case = case("fault", &fault.name, problem);
    case.set_system_out(fault.evidence.as_str());
    case
}

fn limit(class: &str, kind: NonSuccessKind, limit: &ThresholdSummary) -> TestCase {
    let name = format!("{} {}", limit.metric, limit.expr);
    let problem =
        (!limit.ok).then(|| (kind, format!("observed {}", table::observed(limit.observed))));
    case(class, name.trim(), problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::reports::samples;

    #[test]
    fn what_broke_is_a_failure_and_what_proves_nothing_is_an_error() {
        let mut out = Vec::new();
        let runs = samples::recorded(&[samples::passed(), samples::failed(), samples::void()]);
        Junit.write(&runs.records, &mut out).unwrap();
        let report =
            quick_junit::Report::deserialize_from_str(std::str::from_utf8(&out).unwrap()).unwrap();
        let counts: Vec<_> = report
            .test_suites
            .iter()
            .map(|suite| (suite.name.as_str(), suite.failures, suite.errors))
            .collect();
        // The failed sample breaks a checker and crosses a threshold; the void one has a reason, a dud fault, a sometimes.
        assert_eq!(counts, [("passed", 0, 0), ("failed", 2, 0), ("void", 0, 3)]);
        assert_eq!(report.test_suites.iter().map(|suite| suite.tests).sum::<usize>(), 14);
    }

    #[test]
    fn caveats_and_requests_are_told_with_the_run_itself() {
        let mut run = Summary { caveats: vec!["weaker bounds".to_owned()], ..samples::passed() };
        run.operations.not_connected = 416;
        let mut out = Vec::new();
        Junit.write(&samples::recorded(&[run]).records, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let told = "weaker bounds\nrequests: 2000 ok, 2810 refused, 416 not connected, 2 unknown";
        assert!(text.contains(told), "{text}");
    }
}
