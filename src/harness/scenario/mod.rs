//! See the parent module.

pub mod plan;

pub use plan::Plan;
