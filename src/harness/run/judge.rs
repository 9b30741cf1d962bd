//! The word on what was recorded: a broken invariant fails a run, whatever else happened; a run that proves nothing is
//! void; what is left has passed, and may have crossed thresholds.

use std::path::Path;

use super::data::RunData;
use super::measure::measure;
use crate::domain::counted;
use crate::harness::plan::GeneratorLimits;
use crate::harness::summary::{
    CheckResult, CheckVerdict, FaultSummary, GeneratorSummary, Summary, ThresholdSummary, Verdict,
};
use crate::harness::thresholds;
use crate::harness::{checkers, faults};

/// Lets the checkers judge, and puts the verdict together with everything it rests on.
pub fn summarise(data: &RunData, folder: &Path) -> Summary {
    let RunData { plan, latencies, facts, .. } = data;
    let results = checkers::run(data.collected());
    let measured = measure(data);
    let thresholds = thresholds::evaluate(&plan.thresholds, &measured);
    let sometimes = thresholds::evaluate_sometimes(&plan.sometimes, &measured);
    let faults = faults::judge(plan, &facts.faults, &data.history);
    let mut void_reasons = reasons_of_faults(&faults);
    void_reasons.extend(reasons_of_load(data));
    void_reasons.extend(sometimes.iter().filter(|held| !held.ok).map(|never| {
        format!("{} never held: the run did not come to what it is about", never.expr)
    }));
    void_reasons.extend(reasons_of_checkers(&results));
    let (verdict, exit_code) = word_on(&results, &void_reasons, &thresholds);
    Summary {
        repeat: facts.repeat.clone(),
        scenario: plan.name.clone(),
        title: plan.title.clone(),
        verdict,
        exit_code,
        void_reasons,
        seed: plan.seed,
        strategy: plan.target.strategy.clone(),
        instances: plan.target.instances,
        version: facts.version.clone(),
        double_sells: results.iter().map(CheckResult::double_sells).max().unwrap_or(0),
        seats_count: measured.seats_count,
        seats_sold: measured.seats_sold.unwrap_or(measured.seats_acknowledged),
        bookings_confirmed: measured.bookings_confirmed,
        operations: latencies.outcomes(),
        caveats: caveats(&plan.generator, facts.generator),
        checkers: results,
        faults,
        thresholds,
        sometimes,
        generator: facts.generator,
        metrics: latencies.metrics(facts.load_seconds),
        load_seconds: facts.load_seconds,
        sold_out_seconds: measured.sold_out_seconds,
        run_dir: folder.display().to_string(),
    }
}

fn word_on(
    results: &[CheckResult],
    void_reasons: &[String],
    thresholds: &[ThresholdSummary],
) -> (Verdict, u8) {
    if checkers::verdict(results) == CheckVerdict::Fail {
        (Verdict::Fail, 1)
    } else if !void_reasons.is_empty() {
        (Verdict::Void, 3)
    } else if thresholds.iter().any(|threshold| !threshold.ok) {
        (Verdict::Pass, 99)
    } else {
        (Verdict::Pass, 0)
    }
}

/// Why the run proves nothing, as far as the faults go.
fn reasons_of_faults(faults: &[FaultSummary]) -> Vec<String> {
    let missed = faults.iter().filter(|fault| !fault.bit);
    missed
        .map(|FaultSummary { name, evidence, .. }| {
            format!("the fault \"{name}\" did not bite: {evidence}")
        })
        .collect()
}

/// Why the run proves nothing, as far as the load goes.
fn reasons_of_load(data: &RunData) -> Vec<String> {
    let (facts, generator) = (&data.facts, data.facts.generator);
    let mut reasons = Vec::new();
    let limits = &data.plan.generator;
    if generator.dropped > limits.max_dropped {
        reasons.push(format!(
            "the generator dropped {} for want of a free VU, raise max_vus or lower the rate",
            counted(generator.dropped, "iteration")
        ));
    }
    let lag_max_ms = limits.max_lag_p99.as_secs_f64() * 1000.0;
    if generator.lag_ms_p99 > lag_max_ms {
        reasons.push(format!(
            "the generator started iterations {:.0} ms late (p99, at most {lag_max_ms:.0}), lower the rate or use a quicker machine",
            generator.lag_ms_p99
        ));
    }
    if facts.aborted > 0 {
        reasons.push(format!(
            "{} did not end and had to be aborted",
            counted(facts.aborted, "iteration")
        ));
    }
    if data.latencies.outcomes().ok == 0 {
        reasons.push("no operation succeeded".to_owned());
    }
    reasons
}

/// What a reader has to know before the verdict: the generator's check on itself was weaker than usual.
fn caveats(limits: &GeneratorLimits, generator: GeneratorSummary) -> Vec<String> {
    let GeneratorLimits { max_dropped, max_lag_p99 } = GeneratorLimits::USUAL;
    let mut weaker = Vec::new();
    if limits.max_dropped > max_dropped {
        weaker.push(format!(
            "{} dropped instead of {max_dropped} (observed {})",
            counted(limits.max_dropped, "iteration"),
            generator.dropped
        ));
    }
    if limits.max_lag_p99 > max_lag_p99 {
        weaker.push(format!(
            "starts {:?} late at p99 instead of {max_lag_p99:?} (observed {:.1}ms)",
            limits.max_lag_p99, generator.lag_ms_p99
        ));
    }
    if weaker.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "the generator was held to weaker bounds than usual: at most {}",
        weaker.join(", ")
    )]
}

/// Why the run proves nothing, as far as the checkers go.
fn reasons_of_checkers(results: &[CheckResult]) -> Vec<String> {
    let unknown = results.iter().filter(|result| result.verdict == CheckVerdict::Unknown);
    let mut reasons: Vec<String> =
        unknown.map(|result| format!("{} can't say: {}", result.name, result.detail)).collect();
    if results.iter().all(|result| result.verdict == CheckVerdict::NotJudged) {
        reasons.push("no checker judged it".to_owned());
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{GeneratorLimits, GeneratorSummary, caveats, reasons_of_checkers, word_on};
    use crate::harness::summary::{CheckResult, Verdict};

    #[test]
    fn bounds_on_the_generator_that_are_weaker_than_usual_are_told() {
        let generator = GeneratorSummary { iterations: 900, dropped: 465, lag_ms_p99: 12.34 };
        let told = |max_dropped, max_lag_ms| {
            let max_lag_p99 = Duration::from_millis(max_lag_ms);
            caveats(&GeneratorLimits { max_dropped, max_lag_p99 }, generator)
        };
        assert_eq!(told(0, 100), Vec::<String>::new());
        assert_eq!(told(0, 50), Vec::<String>::new(), "stricter ones need no word");
        let words = "the generator was held to weaker bounds than usual: at most";
        assert_eq!(
            told(1_000_000, 60_000),
            [format!(
                "{words} 1,000,000 iterations dropped instead of 0 (observed 465), starts 60s late at p99 instead of \
                 100ms (observed 12.3ms)"
            )]
        );
        let lag = format!("{words} starts 250ms late at p99 instead of 100ms (observed 12.3ms)");
        assert_eq!(told(0, 250), [lag]);
    }

    #[test]
    fn what_was_not_judged_voids_nothing_unless_nothing_was_judged() {
        let not_judged = CheckResult::not_judged("x", "the target gives no audit");
        let pass = CheckResult::pass("y", 1, "");
        let word = |results: &[CheckResult]| word_on(results, &reasons_of_checkers(results), &[]);
        assert_eq!(word(&[not_judged.clone(), pass]), (Verdict::Pass, 0));
        assert_eq!(word(std::slice::from_ref(&not_judged)), (Verdict::Void, 3));
        assert_eq!(word(&[]), (Verdict::Void, 3));
        let unknown = CheckResult::unknown("z", "");
        assert_eq!(word(&[not_judged, unknown]), (Verdict::Void, 3));
    }
}
