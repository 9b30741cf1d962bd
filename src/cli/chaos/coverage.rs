//! How many facts each checker judges in each scenario that ships: as counted in a self-test's clean runs, and kept.

use std::collections::BTreeMap;

use crate::cli::output;
use crate::harness::checkers::CHECKERS;

/// By scenario and checker.
type Coverage = BTreeMap<String, BTreeMap<String, u64>>;

/// As a quick self-test counted it, which also renews it.
const COUNTED: &str = include_str!("../../../fixtures/coverage.json");

/// Prints the table, or as one JSON object: an object a scenario, a number a checker.
pub fn print(is_json: bool) {
    if is_json {
        output::data(COUNTED.trim_end());
        return;
    }
    let mut table = output::table();
    for (index, row) in rows().into_iter().enumerate() {
        if index == 0 {
            table.set_header(row);
        } else {
            table.add_row(row);
        }
    }
    output::data(format!("{}\n{}", legend(), table.trim_fmt()));
}

/// The checkers' numbers: `1 no-double-sell-database, 2 …`.
pub fn legend() -> String {
    let numbered = CHECKERS.iter().zip(1..);
    let names: Vec<String> =
        numbered.map(|(checker, number)| format!("{number} {}", checker.name())).collect();
    names.join(", ")
}

/// A header, with a column a checker by its number, then a row a scenario.
pub fn rows() -> Vec<Vec<String>> {
    let numbers = (1..=CHECKERS.len()).map(|number| number.to_string());
    let mut rows = vec![std::iter::once("scenario".to_owned()).chain(numbers).collect()];
    for (scenario, judged) in counted() {
        let facts = |name: &str| judged.get(name).copied().unwrap_or_default().to_string();
        let facts = CHECKERS.iter().map(|checker| facts(checker.name()));
        rows.push(std::iter::once(scenario).chain(facts).collect());
    }
    rows
}

/// Nothing where the file can't be read, which a test keeps from coming true.
fn counted() -> Coverage {
    serde_json::from_str(COUNTED).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::harness::scenario::SHIPPED;

    #[test]
    fn every_scenario_that_ships_was_counted() {
        let counted: BTreeSet<String> = counted().into_keys().collect();
        let shipped = SHIPPED.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(counted, shipped, "RENEW_COVERAGE=1 cargo nextest run self_test counts anew");
    }

    #[test]
    fn no_checker_is_exercised_by_fewer_than_two_scenarios() {
        for checker in CHECKERS {
            let judges = |judged: &BTreeMap<String, u64>| {
                judged.get(checker.name()).is_some_and(|facts| *facts > 0)
            };
            let scenarios = counted().values().filter(|judged| judges(judged)).count();
            assert!(scenarios >= 2, "{} judges in {scenarios}", checker.name());
        }
    }
}
