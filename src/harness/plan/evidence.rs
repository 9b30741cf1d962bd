//! What a run can be judged from. A target says which of it there is, a checker which of it it needs.

use serde::{Deserialize, Serialize};

/// A kind of evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// What the clients asked and were answered. Every run has it.
    History,
    /// The target's database, read after settling.
    Audit,
    /// The payment provider's own ledger, read after settling.
    Ledger,
}

impl EvidenceKind {
    /// The word in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::History => "history",
            Self::Audit => "audit",
            Self::Ledger => "ledger",
        }
    }
}
