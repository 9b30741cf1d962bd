//! The scenarios that ship with the program are right, in both forms, and between them use everything there is.
#![expect(clippy::unwrap_used, reason = "in a test the panic is the report")]

use std::path::PathBuf;

use assert_cmd::Command;

fn scenarios() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_scenario_that_ships_is_valid() {
    let files = scenarios();
    assert!(files.len() >= 10, "{files:?}");
    let run = Command::cargo_bin("ticketctl")
        .unwrap()
        .args(["chaos", "validate"])
        .args(&files)
        .assert()
        .success();
    let stdout = String::from_utf8(run.get_output().stdout.clone()).unwrap();
    assert_eq!(stdout.matches(": OK, ").count(), files.len(), "{stdout}");
}

#[test]
fn every_scenario_says_what_it_proves_and_what_would_make_it_void_and_has_a_short_form() {
    for file in scenarios() {
        let text = std::fs::read_to_string(&file).unwrap();
        for part in ["# Proves: ", "# Void: ", "\n[quick."] {
            assert!(text.contains(part), "{} lacks {part:?}", file.display());
        }
    }
}

#[test]
fn every_listed_workload_and_fault_is_used_by_a_scenario_that_ships() {
    let list = Command::cargo_bin("ticketctl")
        .unwrap()
        .args(["chaos", "list", "--json"])
        .assert()
        .success();
    let list: serde_json::Value = serde_json::from_slice(&list.get_output().stdout).unwrap();
    let all: String =
        scenarios().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for (group, key) in [("workloads", "exec"), ("executors", "executor")] {
        for item in list[group].as_array().unwrap() {
            let line = format!("{key} = {}", item["name"]);
            let joins_all = item["details"] == "background";
            assert!(joins_all || all.contains(&line), "no scenario has {line}");
        }
    }
    for kind in ["strategies", "faults", "checkers", "metrics", "reports"] {
        assert!(!list[kind].as_array().unwrap().is_empty(), "{kind} is empty");
    }
}
