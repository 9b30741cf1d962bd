//! Every order of the steps of a few requests, on real PostgreSQL: each statement is held back until the search lets it go, and
//! all invariants are checked after each order. A black box to the server, as the harness is: it speaks HTTP, sits between the
//! servers and their database, and judges by the harness's checkers.

/// Statements with a condition removed.
pub mod mutation;
/// What is asked for at the same time.
pub mod case;
/// What a statement touches.
pub mod statement;
/// What a step touches, and which steps may be swapped.
mod footprint;
/// The proxy that holds statements back.
pub mod gate;
/// Which order comes next.
pub mod search;
/// What the orders run on.
pub mod lane;
/// What stands before an order, and what is asked for then.
mod situation;
/// A session of an order.
mod session;
/// One order, step by step.
mod order;
/// What happened in it.
pub mod ran;
/// What is true after each order.
pub mod judge;
/// All orders of all cases.
pub mod run;
/// Orders as people read them.
pub mod diagram;
