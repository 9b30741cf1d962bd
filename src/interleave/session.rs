//! A session of an order: what it asks for, where it stands, and what of it is told. Moves nothing.

use super::case::{Case, Keys, Operation};
use super::footprint::{Footprint, Rows, Transaction};
use super::ran::TIME_PASSES;
use crate::harness::recorder;

/// How the step is called by which a request is sent that asks for a lease first.
pub const ASKS_FOR_LEASE: &str = "ask for the lease";

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Its next step waits for being let go.
    Asks(String),
    /// It works, or its statement does.
    Runs,
    /// Its statement waits for a lock.
    Waits,
    /// Its statement waited and was answered, which it doesn't know yet.
    WasAnswered,
    /// It has nothing more to do.
    Ended,
}

/// One of them.
pub struct Session {
    /// What it asks for.
    pub operation: Operation,
    /// Its gate's number.
    pub gate: usize,
    /// Whose rows it works on.
    pub rows: Rows,
    /// Where it stands.
    pub stage: Stage,
    /// What its transaction has touched.
    pub transaction: Transaction,
    /// Its request was answered.
    pub answered: bool,
    /// What the statement touches that it waits with.
    pub waits_with: Footprint,
    /// The last step it took.
    pub last_step: usize,
}

/// Whether a step is none of a statement's.
pub fn is_own(text: &str) -> bool {
    text == TIME_PASSES || text == ASKS_FOR_LEASE
}

/// Whose rows a session works on: those of its own user, or of the owner of what stands before. The owners come after the
/// sessions.
pub fn rows(case: &Case, place: usize) -> Rows {
    let owner = |number: usize| Rows::Of(number);
    match case.operations[place] {
        Operation::Hold if case.keys == Keys::Shared && place == 1 => owner(0),
        Operation::Hold => owner(place),
        _ => Rows::All,
    }
}

/// The answer in a few words.
pub fn said(operation: &recorder::Operation) -> String {
    let status =
        operation.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
    match (&operation.reason, operation.told.first()) {
        (Some(reason), _) => format!("{status} {reason}"),
        (None, Some(told)) => format!("{status} {}", told.state),
        (None, None) => status,
    }
}
