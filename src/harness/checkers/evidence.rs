//! What was collected of a run, and the part of it that a checker gets: what it declared, and nothing else.

use uuid::Uuid;

use crate::domain::Holds;
use crate::harness::plan::{EvidenceKind, Plan};
use crate::harness::recorder::Operation;
use crate::storage::audit::Audit;
use crate::wire::PaymentCall;

/// Settings of a server that change what one user may hold.
const LIMITS_ENV: [&str; 2] = ["HOLDS_PER_USER", "HELD_SEATS_PER_USER"];

/// Everything that a run can be judged from. Judging needs no stack and can be repeated on an old run.
#[derive(Debug, Clone, Copy)]
pub struct Collected<'a> {
    /// What was planned.
    pub plan: &'a Plan,
    /// Every operation, in order of completion.
    pub history: &'a [Operation],
    /// The database, read after settling, where the target lets it be read.
    pub audit: Option<&'a Audit>,
    /// The payment provider's own ledger, read after settling, where the target has one.
    pub ledger: Option<&'a [PaymentCall]>,
    /// Iterations that had to be aborted: what they had sent is in no history.
    pub aborted: u64,
}

impl<'a> Collected<'a> {
    /// The part of it that a checker with these needs gets.
    ///
    /// # Errors
    /// One of them was not collected: the first.
    pub fn evidence(self, needs: &'static [EvidenceKind]) -> Result<Evidence<'a>, EvidenceKind> {
        let is_there = |kind: &EvidenceKind| match kind {
            EvidenceKind::History => true,
            EvidenceKind::Audit => self.audit.is_some(),
            EvidenceKind::Ledger => self.ledger.is_some(),
        };
        match needs.iter().find(|kind| !is_there(kind)) {
            Some(missing) => Err(*missing),
            None => Ok(Evidence { collected: self, needs }),
        }
    }
}

/// What one checker gets.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    collected: Collected<'a>,
    needs: &'static [EvidenceKind],
}

/// A checker read what it had not declared: on a target without it, its word would be worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it reads the {} without declaring that it needs it", .0.name())]
pub struct Undeclared(pub EvidenceKind);

impl<'a> Evidence<'a> {
    /// What was planned.
    pub fn plan(&self) -> &'a Plan {
        self.collected.plan
    }

    /// Every operation, in order of completion.
    pub fn history(&self) -> Result<&'a [Operation], Undeclared> {
        self.declared(EvidenceKind::History, Some(self.collected.history))
    }

    /// The database, read after settling.
    pub fn audit(&self) -> Result<&'a Audit, Undeclared> {
        self.declared(EvidenceKind::Audit, self.collected.audit)
    }

    /// The payment provider's own ledger, read after settling.
    pub fn ledger(&self) -> Result<&'a [PaymentCall], Undeclared> {
        self.declared(EvidenceKind::Ledger, self.collected.ledger)
    }

    /// Tickets that one user may have of an event: as its row says, and as was planned where there is none; none where there is no
    /// limit.
    pub fn limit_of(&self, event: Uuid) -> Option<u32> {
        let rows = self.collected.audit.map_or(&[][..], |audit| &audit.events);
        match rows.iter().find(|row| row.id == event) {
            Some(row) => row.tickets_per_user_max.map(i32::unsigned_abs),
            None => self.plan().inventory.tickets_per_user,
        }
    }

    /// What one user may hold of an event at a time; none where the servers were told something else than is usual.
    pub fn bounds(&self) -> Option<Holds> {
        let env = &self.plan().target.env;
        (!LIMITS_ENV.iter().any(|name| env.contains_key(*name))).then_some(Holds::USUAL)
    }

    /// Whether every request that was ever sent is in the history.
    pub fn is_whole(&self) -> bool {
        self.collected.aborted == 0
    }

    fn declared<T>(&self, kind: EvidenceKind, part: Option<T>) -> Result<T, Undeclared> {
        part.filter(|_| self.needs.contains(&kind)).ok_or(Undeclared(kind))
    }
}
