//! Invariants over a recorded run. To add one: a new file, its `mod` line, a line in `CHECKERS`.

pub mod verdict;

pub use verdict::{CheckResult, CheckVerdict, Checker, Evidence};
struct C(&'static str);
impl Checker for C {
    fn name(&self) -> &'static str {
        self.0
    }
    fn summary(&self) -> &'static str {
        self.0
    }
    fn check(&self, _: &Evidence<'_>) -> CheckResult {
        panic!()
    }
}
pub const CHECKERS: &[&dyn Checker] = &[
    &C("no-double-sell-database"),
    &C("no-double-sell-clients"),
    &C("idempotency"),
    &C("ledger"),
    &C("acknowledged-bookings"),
    &C("expired-holds"),
];
