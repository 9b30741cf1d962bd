//! The self-test: known bugs, put into servers, are caught; servers without one pass; and no bug gets near a database that
//! somebody needs.

use std::fs;

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
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_its = |run: &Value| run["clean"].as_str().unwrap().starts_with(name);
        assert!(clean.iter().any(is_its), "{name} was not run");
    }
    assert!(place.is_empty(), "the self-test left something in its temporary folder");
}

#[test]
fn every_bug_is_listed_and_one_that_is_none_is_refused() {
    let place = Place::new();
    let list = String::from_utf8(place.output(&["chaos", "self-test", "--list"]).stdout).unwrap();
    assert!(list.contains("refunded-twice") && list.contains("double sells"), "{list}");
    let refused = place.output(&["chaos", "self-test", "--only", "no-such-bug"]);
    assert_eq!(refused.status.code(), Some(2));
}
