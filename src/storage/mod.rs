//! PostgreSQL, the truth.

pub mod audit;
