//! The scenarios that ship, kept in the program: what a self-test runs wherever the program is.

use std::path::Path;

use super::file;
use super::reader::{Known, Overrides, Reader};
use crate::harness::parsing::problem::ScenarioError;
use crate::harness::plan::Plan;

/// Every scenario that ships, and its text.
pub const SHIPPED: &[(&str, &str)] = &[
    ("cancel-rebook", include_str!("../../../scenarios/cancel-rebook.toml")),
    ("db-commit-delay", include_str!("../../../scenarios/db-commit-delay.toml")),
    ("event-cancelled", include_str!("../../../scenarios/event-cancelled.toml")),
    ("expiry-against-confirm", include_str!("../../../scenarios/expiry-against-confirm.toml")),
    ("extreme-concurrency", include_str!("../../../scenarios/extreme-concurrency.toml")),
    ("flash-sale", include_str!("../../../scenarios/flash-sale.toml")),
    ("key-reuse", include_str!("../../../scenarios/key-reuse.toml")),
    ("last-tickets", include_str!("../../../scenarios/last-tickets.toml")),
    ("latency-baseline", include_str!("../../../scenarios/latency-baseline.toml")),
    ("lock-expiry", include_str!("../../../scenarios/lock-expiry.toml")),
    ("payment-faults", include_str!("../../../scenarios/payment-faults.toml")),
    ("postgres-crash", include_str!("../../../scenarios/postgres-crash.toml")),
    ("redis-crash", include_str!("../../../scenarios/redis-crash.toml")),
    ("redis-latency", include_str!("../../../scenarios/redis-latency.toml")),
    ("redis-loss", include_str!("../../../scenarios/redis-loss.toml")),
    ("same-key", include_str!("../../../scenarios/same-key.toml")),
    ("server-crash", include_str!("../../../scenarios/server-crash.toml")),
    ("server-freeze", include_str!("../../../scenarios/server-freeze.toml")),
    ("ticket-limit", include_str!("../../../scenarios/ticket-limit.toml")),
];

/// The plan of a scenario that ships; none where there is no such scenario.
///
/// # Errors
/// What is to be taken instead of the scenario's own doesn't fit it.
pub fn shipped(
    name: &str,
    known: &Known<'_>,
    overrides: &Overrides,
) -> Option<Result<Plan, ScenarioError>> {
    let (name, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
    let path = Path::new("scenarios").join(name).with_extension("toml");
    Some(file::parse(&path, name, text, &Reader { known, overrides }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::SHIPPED;

    #[test]
    fn every_scenario_file_is_in_the_program() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files: BTreeSet<(String, String)> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        let ours = SHIPPED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        assert_eq!(ours.collect::<BTreeSet<_>>(), files);
    }
}
