//! A scenario file and the plan made from it. Everything that can be refused is refused here, before anything starts.

mod file;
mod reader;
mod setting;
mod load;
mod background;
mod fault;
mod limits;
mod quick;
mod shipped;

pub use crate::harness::parsing::problem::ScenarioError;
pub use file::load;
pub use reader::{Form, Known, Overrides};
pub use shipped::{SHIPPED, shipped};
