//! Judges a recorded run again, by what is in its folder, without a stack.

use super::data::RunData;
use super::judge;
use crate::harness::reports;
use crate::harness::run_dir::RunDir;
use crate::harness::run_record::RunRecord;

/// Judges the run again and writes its summary and the reports beside it anew. From the same files it comes to the same
/// summary, but for the folder's path, which is the one given now.
///
/// # Errors
/// The folder does not hold a whole run, or can't be written to.
pub fn analyze(run_dir: RunDir) -> anyhow::Result<RunRecord> {
    let data = RunData::read(&run_dir)?;
    let record = RunRecord::new(judge::summarise(&data, run_dir.path()), run_dir);
    reports::write_beside(&record)?;
    Ok(record)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tempfile::TempDir;
    use time::OffsetDateTime;

    use super::{RunData, analyze};
    use crate::harness::checkers::CHECKERS;
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::plan::{EvidenceKind, Settings, sample};
    use crate::harness::recorder::{Latencies, Outcome, history};
    use crate::harness::run::judge;
    use crate::harness::run_dir::{NewFolder, RunDir};
    use crate::harness::summary::{
        GeneratorSummary, RunFacts, Strike, Summary, Verdict, Window, worst_exit_code,
    };

    fn honest_run() -> RunData {
        let mut case = Case::honest_sale();
        // Every operation of the case takes 4 ms.
        let latency = toml::toml! {
            proxy = "redis"
            stream = "downstream"
            toxicity = 1.0
            attributes = { latency = 2, jitter = 0 }
        };
        case.plan.faults = sample().faults;
        case.plan.faults[0].settings = Settings::of(&latency);
        case.plan.loads = sample().loads;
        case.plan.checkers = CHECKERS.iter().map(|checker| checker.name().to_owned()).collect();
        let fault = Strike {
            name: "redis slow".to_owned(),
            is_seen: true,
            evidence: "delayed 12 bytes".to_owned(),
            began_ms: Some(40),
            ended_ms: Some(120),
            window: Some(Window { struck_us: 41_000, healed_us: 119_000 }),
        };
        let facts = RunFacts {
            repeat: "ticketctl chaos run x.toml".to_owned(),
            version: "0.0.1".to_owned(),
            evidence: vec![EvidenceKind::History, EvidenceKind::Audit, EvidenceKind::Ledger],
            generator: GeneratorSummary { iterations: 20, dropped: 0, lag_ms_p99: 1.0 / 3.0 },
            aborted: 0,
            load_seconds: 0.199_004,
            faults: vec![fault],
            server_counts: [("ticketctl_requests_total".to_owned(), 40)].into(),
        };
        RunData {
            latencies: Latencies::of_history(&case.history),
            plan: case.plan,
            history: case.history,
            audit: Some(case.audit),
            ledger: Some(case.ledger),
            facts,
        }
    }

    /// Records a run as `chaos run` does.
    fn recorded(data: &RunData) -> (TempDir, RunDir) {
        let folder = tempfile::tempdir().unwrap();
        let within = NewFolder::Within(folder.path());
        let run_dir = RunDir::create(within, &data.plan, OffsetDateTime::UNIX_EPOCH).unwrap();
        run_dir.write_plan(&data.plan).unwrap();
        history::replace(&run_dir.history(), &data.history).unwrap();
        data.audit.as_ref().map(|audit| run_dir.write_audit(audit)).transpose().unwrap();
        data.ledger.as_ref().map(|ledger| run_dir.write_ledger(ledger)).transpose().unwrap();
        run_dir.write_facts(&data.facts).unwrap();
        (folder, run_dir)
    }

    fn on_disk(folder: &Path) -> String {
        std::fs::read_to_string(folder.join("summary.json")).unwrap()
    }

    fn as_json(summary: &Summary) -> String {
        format!("{}\n", serde_json::to_string_pretty(summary).unwrap())
    }

    #[test]
    fn a_run_is_judged_again_to_the_same_summary_and_its_reports_are_written_again() {
        let data = honest_run();
        let (_folder, run_dir) = recorded(&data);
        let first = judge::summarise(&data, run_dir.path());
        assert_eq!(first.verdict, Verdict::Pass, "{:?}", first.void_reasons);
        let again = analyze(run_dir.clone()).unwrap();
        assert_eq!(again.summary, first);
        assert_eq!(on_disk(run_dir.path()), as_json(&first));
        for file in ["junit.xml", "report.txt"] {
            std::fs::remove_file(run_dir.path().join(file)).unwrap();
        }
        assert_eq!(analyze(run_dir.clone()).unwrap().summary, first);
        assert!(run_dir.path().join("junit.xml").is_file());
        assert!(run_dir.path().join("report.txt").is_file());
    }

    #[test]
    fn damage_to_what_was_recorded_changes_the_verdict() {
        let mut data = honest_run();
        let (_folder, run_dir) = recorded(&data);
        assert_eq!(analyze(run_dir.clone()).unwrap().summary.exit_code, 0);
        let other = data.history[0].user;
        data.history.last_mut().unwrap().user = other;
        history::replace(&run_dir.history(), &data.history).unwrap();
        let damaged = analyze(run_dir.clone()).unwrap().summary;
        assert_eq!((damaged.verdict, damaged.exit_code), (Verdict::Fail, 1));
        assert_eq!(worst_exit_code([0, damaged.exit_code]), 1);
        data = honest_run();
        for op in &mut data.history {
            (op.outcome, op.told) = (Outcome::Info, Vec::new());
        }
        history::replace(&run_dir.history(), &data.history).unwrap();
        assert_eq!(analyze(run_dir.clone()).unwrap().summary.exit_code, 3);
        std::fs::remove_file(run_dir.audit()).unwrap();
        assert!(analyze(run_dir.clone()).is_err(), "what was given is not simply gone");
        std::fs::remove_file(run_dir.facts()).unwrap();
        assert!(analyze(run_dir).unwrap_err().to_string().contains("run.json is missing"));
    }

    #[test]
    fn whether_a_fault_bit_is_decided_again_by_what_was_recorded() {
        let mut data = honest_run();
        let (_folder, run_dir) = recorded(&data);
        let found = analyze(run_dir.clone()).unwrap().summary.faults.remove(0);
        assert_eq!((found.bit, found.under_way, found.struck), (true, Some(16), Some(16)));
        // The same effect, by the fault's own account, after the load had ended.
        data.facts.faults[0].window = Some(Window { struck_us: 500_000, healed_us: 900_000 });
        run_dir.write_facts(&data.facts).unwrap();
        let void = analyze(run_dir).unwrap().summary;
        assert_eq!((void.verdict, void.exit_code), (Verdict::Void, 3));
        let words =
            "did not bite: no operation of the load was under way at server-1 while it lasted";
        assert!(void.void_reasons[0].contains(words), "{:?}", void.void_reasons);
    }

    #[test]
    fn what_the_target_does_not_give_is_not_judged_and_the_rest_is() {
        let mut data = honest_run();
        data.facts.evidence = vec![EvidenceKind::History];
        (data.audit, data.ledger) = (None, None);
        let (_folder, run_dir) = recorded(&data);
        let record = analyze(run_dir).unwrap();
        assert_eq!(record.summary.verdict, Verdict::Pass, "{:?}", record.summary.void_reasons);
        let text = std::fs::read_to_string(record.run_dir().path().join("report.txt")).unwrap();
        let line = text.lines().find(|line| line.contains("ledger")).unwrap();
        assert!(
            line.contains("not judged") && line.contains("the target gives no audit"),
            "{line}"
        );
        assert_eq!(record.summary.seats_sold, 40, "by what was acknowledged");
    }
}
