//! What a self-test runs: every bug in the scenario that is to catch it, and servers without a bug in every scenario, with
//! every strategy that is safe there.

use anyhow::Context as _;

use crate::booking::strategies::{self, STRATEGIES};
use crate::harness::plan::Plan;
use crate::harness::scenario::{self, Form, Known, Overrides, SHIPPED};
use crate::sabotage::{self, Bug, Class};

/// Seeds that a bug is run with, and clean runs, unless somebody says how many.
const SEEDS: u64 = 5;
const CLEAN_RUNS: u64 = 100;
/// The same of a quick self-test, whose clean runs are one of each scenario.
const QUICK_SEEDS: u64 = 1;
const QUICK_CLEAN_RUNS: u64 = SHIPPED.len() as u64;
/// The setting that puts a bug into a server.
const SABOTAGE: &str = "SABOTAGE";
/// Scenarios with this strategy are about leases: no other strategy takes any.
const LEASES: &str = "redlock";

/// What is run.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// A bug, which has to be caught.
    Bug(&'static Class, &'static Bug),
    /// A scenario, which has to pass.
    Clean { scenario: &'static str, strategy: &'static str },
}

/// A run to be made.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    /// Its place.
    pub number: usize,
    /// What is run.
    pub subject: Subject,
    /// The seed of every choice.
    pub seed: u64,
}

/// What was asked for.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The short form.
    pub quick: bool,
    /// Seeds, where somebody says how many.
    pub seeds: Option<u64>,
    /// Clean runs, where somebody says how many.
    pub clean: Option<u64>,
    /// The bugs; all where none is named.
    pub only: Vec<String>,
}

/// Every run that was asked for.
pub fn plan(wanted: &Wanted) -> Vec<Trial> {
    let Wanted { quick, seeds, clean, only } = wanted;
    let usual = if *quick { (QUICK_SEEDS, QUICK_CLEAN_RUNS) } else { (SEEDS, CLEAN_RUNS) };
    let seeds = seeds.unwrap_or(usual.0);
    let clean = clean.unwrap_or(if only.is_empty() { usual.1 } else { 0 });
    // The first of a class stands for it.
    let is_first =
        |class: &Class, bug: &Bug| class.bugs.first().map(|bug| bug.name) == Some(bug.name);
    let is_wanted = |class: &Class, bug: &Bug| {
        if only.is_empty() {
            !quick || is_first(class, bug)
        } else {
            only.iter().any(|name| name == bug.name)
        }
    };
    let bugs = sabotage::all().filter(|(class, bug)| is_wanted(class, bug));
    let bugs =
        bugs.flat_map(|(class, bug)| (1..=seeds).map(move |seed| (Subject::Bug(class, bug), seed)));
    let clean_runs = clean_subjects();
    let clean_runs = (1..).flat_map(|seed| clean_runs.iter().map(move |subject| (*subject, seed)));
    let clean = usize::try_from(clean).unwrap_or(usize::MAX);
    bugs.chain(clean_runs.take(clean))
        .enumerate()
        .map(|(number, (subject, seed))| Trial { number, subject, seed })
        .collect()
}

/// Every scenario with its own strategy, and then with every other that is safe and makes sense there.
fn clean_subjects() -> Vec<Subject> {
    let safe = || STRATEGIES.iter().filter(|entry| !entry.is_unsafe).map(|entry| entry.name);
    let (mut subjects, mut others) = (Vec::new(), Vec::new());
    for (scenario, _) in SHIPPED {
        let own = plan_of(scenario, &Overrides::default()).map(|plan| plan.target.strategy);
        for strategy in safe() {
            let subject = Subject::Clean { scenario, strategy };
            match own.as_deref() {
                Ok(own) if own == strategy => subjects.push(subject),
                Ok(own) if own != LEASES => others.push(subject),
                Ok(_) | Err(_) => {}
            }
        }
    }
    subjects.append(&mut others);
    subjects
}

fn plan_of(scenario: &str, overrides: &Overrides) -> anyhow::Result<Plan> {
    let known = Known { strategies: &strategies::names() };
    let plan = scenario::shipped(scenario, &known, overrides);
    Ok(plan.with_context(|| format!("there is no scenario {scenario}"))??)
}

impl Trial {
    /// The plan of the run.
    ///
    /// # Errors
    /// The scenario is none, or doesn't take the strategy.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        let mut overrides =
            Overrides { seed: Some(self.seed), form: Form::Quick, ..Overrides::default() };
        match self.subject {
            Subject::Clean { scenario, strategy } => {
                overrides.strategy = Some(strategy.to_owned());
                plan_of(scenario, &overrides)
            }
            Subject::Bug(_, bug) => {
                overrides.strategy = bug.strategy.map(str::to_owned);
                let mut plan = plan_of(bug.scenario, &overrides)?;
                let settings = bug.settings.iter().copied().chain([(SABOTAGE, bug.name)]);
                let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
                plan.target.env.extend(settings);
                Ok(plan)
            }
        }
    }

    /// What is run, in a few words.
    pub fn name(&self) -> String {
        match self.subject {
            Subject::Bug(_, bug) => bug.name.to_owned(),
            Subject::Clean { scenario, strategy } => format!("{scenario} with {strategy}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sabotage::CLASSES;

    #[test]
    fn every_bug_has_a_scenario_that_ships_and_a_plan_with_the_bug_in_it() {
        for trial in plan(&Wanted { seeds: Some(1), ..Wanted::default() }) {
            let Subject::Bug(_, bug) = trial.subject else { continue };
            let plan = trial.plan().unwrap();
            assert_eq!(plan.target.env[SABOTAGE], bug.name);
            assert_eq!(plan.name, bug.scenario);
        }
    }

    #[test]
    fn every_bug_is_run_with_every_seed_and_a_hundred_runs_have_none() {
        let all = plan(&Wanted::default());
        let is_clean = |trial: &&Trial| matches!(trial.subject, Subject::Clean { .. });
        assert_eq!(all.iter().filter(is_clean).count(), 100);
        assert_eq!(all.len() - 100, sabotage::all().count() * 5);
        let scenarios: std::collections::BTreeSet<String> =
            all.iter().filter(is_clean).map(|trial| trial.plan().unwrap().name).collect();
        assert_eq!(scenarios.len(), SHIPPED.len());
        let quick = plan(&Wanted { quick: true, ..Wanted::default() });
        assert_eq!(quick.len(), CLASSES.len() + SHIPPED.len());
        let only = vec!["replay-differs".to_owned()];
        assert_eq!(plan(&Wanted { only, ..Wanted::default() }).len(), 5);
    }
}
