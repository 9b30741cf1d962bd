//! The self-test: known bugs, put into servers, are caught; servers without one pass; and no bug gets near a database that
//! somebody needs.

use std::collections::BTreeMap;
use std::{env, fs};

use serde_json::Value;

use super::program::Place;

#[test]
fn a_bug_of_each_class_is_caught_and_every_scenario_passes_without_one() {
    let place = Place::new();
    let output = place.output(&["chaos", "self-test", "--quick", "--json", "--jobs", "3"]);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{result:#}");
    let bugs = result["bugs"].as_array().unwrap();
    assert!(bugs.len() >= 9, "{}", bugs.len());
    for bug in bugs {
        assert_eq!(bug["caught"], 1, "{bug}");
        let run = &bug["runs"][0];
        assert!(!run["broken"].as_object().unwrap().is_empty(), "{run}");
        assert!(run["operations"].as_u64().unwrap() > 0, "{run}");
    }
    let clean = result["clean"].as_array().unwrap();
    assert!(clean.iter().all(|run| run["is_right"] == true), "{clean:?}");
    judges_as_much_as_is_kept(clean);
    assert!(place.is_empty(), "the self-test left something in its temporary folder");
}

/// Every scenario was run, and every checker that is said to judge much in it judged something. With `RENEW_COVERAGE`, what
/// was judged is kept instead.
fn judges_as_much_as_is_kept(clean: &[Value]) {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/coverage.json");
    /// So many facts are not judged by chance.
    const MUCH: u64 = 20;
    type Coverage = BTreeMap<String, BTreeMap<String, u64>>;
    let of_run = |run: &Value| {
        let name = run["clean"].as_str().unwrap().split(' ').next().unwrap().to_owned();
        (name, serde_json::from_value(run["judged"].clone()).unwrap())
    };
    let judged: Coverage = clean.iter().map(of_run).collect();
    if env::var_os("RENEW_COVERAGE").is_some() {
        fs::write(FILE, serde_json::to_string_pretty(&judged).unwrap() + "\n").unwrap();
        return;
    }
    let kept: Coverage = serde_json::from_slice(&fs::read(FILE).unwrap()).unwrap();
    for (scenario, checkers) in kept {
        for (checker, _) in checkers.iter().filter(|(_, facts)| **facts >= MUCH) {
            assert!(judged[&scenario][checker] > 0, "{checker} judged nothing in {scenario}");
        }
    }
}

#[test]
fn every_bug_is_listed_and_one_that_is_none_is_refused() {
    let place = Place::new();
    let list = String::from_utf8(place.output(&["chaos", "self-test", "--list"]).stdout).unwrap();
    assert!(list.contains("refunded-twice") && list.contains("double sells"), "{list}");
    let refused = place.output(&["chaos", "self-test", "--only", "no-such-bug"]);
    assert_eq!(refused.status.code(), Some(2));
}
