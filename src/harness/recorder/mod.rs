//! See the parent module.

pub mod operation;

pub use operation::{OpKind, Operation, Outcome};
