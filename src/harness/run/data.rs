//! Everything that a run left behind and is judged by: from memory when it has just ended, from its folder at any later time.

use crate::harness::checkers::Collected;
use crate::harness::plan::{EvidenceKind, Load, Plan};
use crate::harness::recorder::{Latencies, Operation, history};
use crate::harness::run_dir::RunDir;
use crate::harness::summary::RunFacts;
use crate::storage::audit::Audit;
use crate::wire::PaymentCall;

/// What a run left behind.
#[derive(Debug)]
pub struct RunData {
    /// What was planned.
    pub plan: Plan,
    /// Every operation, in order of completion, settled.
    pub history: Vec<Operation>,
    /// How long they took, but those of the background.
    pub latencies: Latencies,
    /// The database after settling, where the target gave it.
    pub audit: Option<Audit>,
    /// The payment provider's ledger after settling, where the target gave it.
    pub ledger: Option<Vec<PaymentCall>>,
    /// What else happened.
    pub facts: RunFacts,
}

impl RunData {
    /// Reads it from the run's folder.
    ///
    /// # Errors
    /// Something that the run recorded is not there, or is not what a run writes.
    pub fn read(run_dir: &RunDir) -> anyhow::Result<Self> {
        let plan = run_dir.read_plan()?;
        let facts = run_dir.read_facts()?;
        let history = history::read(&run_dir.history())?;
        let latencies = latencies_of(&history);
        let gave = |kind| facts.evidence.contains(&kind);
        let audit = gave(EvidenceKind::Audit).then(|| run_dir.read_audit()).transpose()?;
        let ledger = gave(EvidenceKind::Ledger).then(|| run_dir.read_ledger()).transpose()?;
        Ok(Self { plan, history, latencies, audit, ledger, facts })
    }

    /// What checkers judge from.
    pub fn collected(&self) -> Collected<'_> {
        Collected {
            plan: &self.plan,
            history: &self.history,
            audit: self.audit.as_ref(),
            ledger: self.ledger.as_deref(),
            aborted: self.facts.aborted,
        }
    }
}

/// Operations of the scenario's own: not those of the background.
pub fn own(history: &[Operation]) -> impl Iterator<Item = &Operation> + Clone {
    history.iter().filter(|op| !Load::is_background(&op.load))
}

/// How long the scenario's own operations took.
pub fn latencies_of(history: &[Operation]) -> Latencies {
    Latencies::of_history(own(history))
}
