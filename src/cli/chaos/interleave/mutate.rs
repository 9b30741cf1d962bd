//! `ticketctl chaos interleave --mutate`: are the orders judged by enough? With each condition removed in turn from each
//! statement that the orders run, some order has to break something, or a reason is on record why none can.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::excuses::excuse;
use super::lanes::Opener;
use crate::booking::strategies::{StrategyEntry, find};
use crate::cli::output;
use crate::interleave::case::{Case, Operation};
use crate::interleave::gate::Rewrite;
use crate::interleave::judge::Guarded;
use crate::interleave::lane::Lane;
use crate::interleave::mutation::{Mutant, mutants};
use crate::interleave::run::{self, CaseReport, How};
use crate::interleave::search::Reduction;
use crate::interleave::statement::{self, Touch};
use crate::stack::Stack;

/// Requests under way at the same time.
const SESSIONS: usize = 2;
/// Strategies whose statements are mutated; what a later one has in common with an earlier one is not run again.
const STRATEGIES: [&str; 3] = ["row_lock", "optimistic", "redlock"];
/// Longest part of a condition that a line shows.
const SHOWN_MAX: usize = 70;

/// What became of a mutant.
#[derive(Debug, Serialize)]
pub struct MutantReport {
    strategy: &'static str,
    /// The statement, by what it does.
    statement: String,
    /// What was removed of it.
    condition: String,
    /// What an order broke then.
    #[serde(skip_serializing_if = "Option::is_none")]
    noticed: Option<String>,
    /// Why no order can break anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    excuse: Option<&'static str>,
}

impl MutantReport {
    /// Whether it was noticed, or need not be.
    pub fn is_right(&self) -> bool {
        self.noticed.is_some() || self.excuse.is_some()
    }
}

/// Runs every mutant of the statements of these strategies; of all safe ones where none is named.
///
/// # Errors
/// Something could not be started, or an order is bad without a mutation.
pub async fn run(
    stack: &mut Stack,
    asked: &[String],
    is_quiet: bool,
) -> anyhow::Result<Vec<MutantReport>> {
    let is_asked = |name: &&str| asked.is_empty() || asked.iter().any(|each| each == name);
    let mut lanes = Lanes { opener: Opener::new(stack) };
    let (mut reports, mut known) = (Vec::new(), BTreeSet::new());
    for strategy in STRATEGIES.iter().filter(|name| is_asked(name)).filter_map(|name| find(name)) {
        let (statements, cases) = lanes.record(strategy).await?;
        let new = statements.into_iter().filter(|sql| known.insert(sql.clone()));
        for mutant in new.flat_map(|sql| mutants(&sql)) {
            let concerned = concerned(&mutant.statement, &cases);
            let report = lanes.try_out(strategy, mutant, concerned).await?;
            if !is_quiet {
                print(&report);
            }
            reports.push(report);
        }
    }
    Ok(reports)
}

/// The cases in which a session takes the statement for a step; all, where it is none, but a job's.
fn concerned(statement: &str, cases: &[(Case, CaseReport)]) -> Vec<Case> {
    let name = statement::name(statement);
    let takes =
        |(case, report): &(Case, CaseReport)| report.steps.contains(&name).then(|| case.clone());
    let concerned: Vec<Case> = cases.iter().filter_map(takes).collect();
    if concerned.is_empty() {
        cases.iter().map(|(case, _)| case.clone()).collect()
    } else {
        concerned
    }
}

/// Where orders are run.
struct Lanes<'a> {
    opener: Opener<'a>,
}

impl Lanes<'_> {
    /// The statements that the orders of all cases run, and the cases with what they came to.
    async fn record(
        &mut self,
        strategy: &StrategyEntry,
    ) -> anyhow::Result<(BTreeSet<String>, Vec<(Case, CaseReport)>)> {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let recording: Rewrite = {
            let seen = Arc::clone(&seen);
            Arc::new(move |sql: &str| {
                seen.lock().unwrap_or_else(PoisonError::into_inner).insert(sql.to_owned());
                None
            })
        };
        let cases = Case::all(&Operation::ALL, SESSIONS);
        let lanes = self.opener.open(strategy, SESSIONS, &recording).await?;
        // What servers do when they start is no part of an order.
        seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let reports = self.run(lanes, cases.clone(), false).await?;
        if let Some(bad) = reports.iter().find(|report| report.bad > 0) {
            anyhow::bail!("orders of {} are bad as they are; see to that first", bad.case);
        }
        let mut statements =
            std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        let steps: BTreeSet<&String> = reports.iter().flat_map(|report| &report.steps).collect();
        statements.retain(|sql| {
            let writes = matches!(statement::touch(sql), Touch::Tables(tables) if !tables.written.is_empty());
            writes || steps.contains(&statement::name(sql))
        });
        Ok((statements, cases.into_iter().zip(reports).collect()))
    }

    /// Runs the orders of these cases until one is bad.
    async fn try_out(
        &mut self,
        strategy: &'static StrategyEntry,
        mutant: Mutant,
        cases: Vec<Case>,
    ) -> anyhow::Result<MutantReport> {
        let Mutant { statement, condition, mutated } = mutant;
        let rewrite: Rewrite = {
            let statement = statement.clone();
            Arc::new(move |sql: &str| (sql == statement).then(|| mutated.clone()))
        };
        let run = async {
            let lanes = self.opener.open(strategy, SESSIONS, &rewrite).await?;
            self.run(lanes, cases, true).await
        };
        let noticed = match run.await {
            Ok(reports) => reports.iter().find_map(of_bad),
            Err(error) => Some(output::one_line(&error)),
        };
        let excuse = if noticed.is_some() { None } else { excuse(&statement, &condition) };
        let statement = statement::name(&statement);
        Ok(MutantReport { strategy: strategy.name, statement, condition, noticed, excuse })
    }

    /// Runs orders of cases on these lanes, whose servers end afterwards.
    async fn run(
        &mut self,
        lanes: Vec<Lane>,
        cases: Vec<Case>,
        until_bad: bool,
    ) -> anyhow::Result<Vec<CaseReport>> {
        let servers: Vec<String> = lanes.iter().flat_map(Lane::server_names).collect();
        let how = How { reduction: Reduction::None, guarded: Guarded::Yes, until_bad };
        let ran = run::all(lanes, cases, how, &Arc::default()).await;
        for server in servers {
            self.opener.stack.kill(&server).await?;
        }
        Ok(ran?.1)
    }
}

fn of_bad(report: &CaseReport) -> Option<String> {
    let first = report.broken.first()?;
    Some(format!("{} in {}", first.checker, report.case))
}

fn print(report: &MutantReport) {
    let MutantReport { statement, condition, noticed, excuse, .. } = report;
    let shown: String = condition.chars().take(SHOWN_MAX).collect();
    let what = match (noticed, excuse) {
        (Some(noticed), _) => format!("noticed by {noticed}"),
        (None, Some(excuse)) => format!("not noticed: {excuse}"),
        (None, None) => "NOT NOTICED".to_owned(),
    };
    output::data(format_args!("{statement}: without {shown}\n    {what}"));
}

/// The sum of it, in one line.
pub fn sum(reports: &[MutantReport]) -> String {
    let count = |is: fn(&MutantReport) -> bool| reports.iter().filter(|report| is(report)).count();
    format!(
        "{} conditions removed in turn: {} noticed, {} that don't matter, {} NOT NOTICED",
        reports.len(),
        count(|report| report.noticed.is_some()),
        count(|report| report.excuse.is_some()),
        count(|report| !report.is_right()),
    )
}
