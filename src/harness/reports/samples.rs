//! Runs for the tests of this folder: one that passed, one that failed, one that is void.

use std::collections::BTreeMap;

use tempfile::TempDir;
use time::OffsetDateTime;

use crate::harness::plan::sample;
use crate::harness::recorder::fixtures::{booking, confirm, ended, hold, user};
use crate::harness::recorder::{Operation, Outcome, history};
use crate::harness::run_dir::{NewFolder, RunDir};
use crate::harness::run_record::RunRecord;
use crate::harness::summary::{
    CheckResult, CheckVerdict, DOUBLE_SELL, FaultSummary, GeneratorSummary, OperationMetrics,
    Outcomes, Percentiles, Summary, ThresholdSummary, Verdict, Violation,
};

/// Runs in folders of their own, gone when dropped.
pub struct Recorded {
    pub records: Vec<RunRecord>,
    _folder: TempDir,
}

/// These runs, each with a short history: a hold in the first second; a hold, two that failed and a
/// confirm in the third.
pub fn recorded(summaries: &[Summary]) -> Recorded {
    let folder = tempfile::tempdir().unwrap();
    let held = hold(user(1), &[1], 0..10_000);
    let refused = ended(hold(user(3), &[2], 2_010_000..2_020_000), Outcome::Fail);
    let history = [
        held.clone(),
        hold(user(2), &[2], 2_000_000..2_010_000),
        refused.clone(),
        Operation { status: None, ..refused },
        confirm(&held, booking(1), 2_020_000..2_030_000),
    ];
    let record = |summary: &Summary| {
        let within = NewFolder::Within(folder.path());
        let run_dir = RunDir::create(within, &sample(), OffsetDateTime::UNIX_EPOCH).unwrap();
        history::replace(&run_dir.history(), &history).unwrap();
        RunRecord::new(summary.clone(), run_dir)
    };
    let records = summaries.iter().map(record).collect();
    Recorded { records, _folder: folder }
}

/// Every invariant held; one threshold, one fault that bit.
pub fn passed() -> Summary {
    let latency_ms = Percentiles {
        min: 1.0,
        avg: 9.5,
        p50: 8.1,
        p90: 20.0,
        p95: 31.0,
        p99: 75.2,
        p999: 210.0,
        max: 1234.5,
    };
    let hold = OperationMetrics {
        count: 4812,
        rate: 267.3,
        outcomes: Outcomes { ok: 2000, fail: 2810, refused: 2810, not_connected: 0, info: 2 },
        latency_ms,
        service_ms: latency_ms,
    };
    Summary {
        scenario: "passed".to_owned(),
        title: "A rush".to_owned(),
        verdict: Verdict::Pass,
        exit_code: 0,
        void_reasons: Vec::new(),
        seed: 42,
        strategy: "row_lock".to_owned(),
        instances: 2,
        version: "0.1.0".to_owned(),
        repeat: "ticketctl chaos run scenarios/passed.toml --seed 42".to_owned(),
        double_sells: 0,
        seats_count: 2000,
        seats_sold: 2000,
        bookings_confirmed: 2000,
        operations: hold.outcomes,
        caveats: Vec::new(),
        checkers: vec![checker(
            "ledger",
            CheckVerdict::Pass,
            "2,000 charges match 2,000 bookings",
            0,
        )],
        faults: vec![FaultSummary {
            name: "redis slow".to_owned(),
            bit: true,
            evidence: "delayed 12,040 bytes".to_owned(),
            under_way: Some(312),
            struck: Some(17),
            began_ms: Some(2_000),
            ended_ms: Some(2_950),
        }],
        thresholds: vec![limit("seats_sold", "count==2000", true, Some(2000.0))],
        sometimes: Vec::new(),
        generator: GeneratorSummary { iterations: 4812, dropped: 0, lag_ms_p99: 1.4 },
        metrics: BTreeMap::from([("hold".to_owned(), hold)]),
        load_seconds: 18.0,
        sold_out_seconds: Some(15.42),
        run_dir: "runs/passed-42-20260102T030405Z".to_owned(),
    }
}

/// A seat was sold twice, and a threshold crossed.
pub fn failed() -> Summary {
    Summary {
        scenario: "failed".to_owned(),
        verdict: Verdict::Fail,
        exit_code: 1,
        double_sells: 3,
        checkers: vec![
            checker("ledger", CheckVerdict::Pass, "2,003 charges match 2,003 bookings", 0),
            checker(
                "no-double-sell-database",
                CheckVerdict::Fail,
                "seat 17 is in bookings A and B",
                3,
            ),
        ],
        thresholds: vec![limit("http_req_duration{op:hold}", "p(99)<50", false, Some(75.2))],
        sold_out_seconds: None,
        ..passed()
    }
}

/// The fault did not bite, and something that must have happened did not.
pub fn void() -> Summary {
    Summary {
        scenario: "void".to_owned(),
        verdict: Verdict::Void,
        exit_code: 3,
        void_reasons: vec!["fault \"redis slow\" had no observed effect".to_owned()],
        faults: vec![FaultSummary {
            name: "redis slow".to_owned(),
            bit: false,
            evidence: "0 bytes delayed".to_owned(),
            under_way: Some(312),
            struck: Some(0),
            began_ms: Some(2_000),
            ended_ms: Some(2_950),
        }],
        sometimes: vec![limit("", "ops{outcome:info} > 0", false, Some(0.0))],
        ..passed()
    }
}

fn checker(name: &str, verdict: CheckVerdict, detail: &str, violations: u64) -> CheckResult {
    let broken = Violation { seats: vec![17], ..Violation::new(DOUBLE_SELL, detail) };
    let fails = verdict == CheckVerdict::Fail;
    CheckResult {
        verdict,
        violations,
        violation_kinds: fails.then(|| (DOUBLE_SELL.to_owned(), violations)).into_iter().collect(),
        examples: fails.then_some(broken).into_iter().collect(),
        ..CheckResult::pass(name, 100, detail)
    }
}

fn limit(metric: &str, expr: &str, ok: bool, observed: Option<f64>) -> ThresholdSummary {
    ThresholdSummary { metric: metric.to_owned(), expr: expr.to_owned(), ok, observed }
}
