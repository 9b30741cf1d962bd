//! What is refused before anything runs, and what a killed or interrupted run leaves behind: nothing.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::program::{Place, processes_of, scenario, wait};

/// The promise: this long after the end of a run, whatever ended it, nothing is left.
const GONE_WITHIN: Duration = Duration::from_secs(5);

#[test]
fn a_misspelt_key_is_refused_with_its_place_and_the_nearest_name() {
    let place = Place::new();
    let text = fs::read_to_string(scenario("latency-baseline")).unwrap();
    let line = text.lines().position(|line| line.starts_with("max_vus")).unwrap() + 1;
    let file = place.scenario("misspelt.toml", &text.replace("max_vus", "max_vsu"));
    let run = place.chaos(&file, &[]);
    run.expect(2);
    assert!(run.errors.contains(&format!("misspelt.toml:{line}:1:")), "{}", run.errors);
    assert!(run.errors.contains("did you mean \"max_vus\"?"), "{}", run.errors);
}

#[test]
fn a_strategy_without_protection_is_kept_from_a_database_that_was_given() {
    let place = Place::new();
    let file = scenario("extreme-concurrency");
    let args = ["chaos", "run", file.to_str().unwrap(), "--quiet", "--strategy", "naive"];
    let given = "postgres://u@127.0.0.1:1/d";
    let output = place.command(&args).env("DATABASE_URL", given).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("unset DATABASE_URL"), "{said}");
}

#[test]
fn what_cannot_be_used_is_named_in_one_line_within_five_seconds() {
    let place = Place::new();
    let baseline = scenario("latency-baseline");
    let args = ["chaos", "run", baseline.to_str().unwrap(), "--quiet"];
    let missing = place.temp.path().join("missing");
    let missing = missing.to_str().unwrap();
    let cases = [
        ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:1/d", "127.0.0.1:1"),
        ("REDIS_URLS", "redis://127.0.0.1:1", "127.0.0.1:1"),
        ("TMPDIR", missing, missing),
        ("TMPDIR", "/proc", "/proc"),
    ];
    for (variable, value, named) in cases {
        let began = Instant::now();
        let output = place.command(&args).env(variable, value).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{variable}={value}: {said}");
        assert!(said.contains(named), "{variable}={value}: {said}");
        assert!(!said.contains("hunter2"), "the password is shown: {said}");
        assert_eq!(said.trim_end().lines().count(), 1, "{said}");
        assert!(began.elapsed() < Duration::from_secs(6), "{variable} took {:?}", began.elapsed());
    }
    assert!(place.is_empty());
}

fn running(place: &Place) -> std::process::Child {
    let file = scenario("flash-sale");
    let args = ["chaos", "run", file.to_str().unwrap(), "--quiet"];
    let child = place.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait("two servers run", Duration::from_secs(30), || {
        let servers =
            processes_of(place.temp.path()).into_iter().filter(|line| line.contains(" serve "));
        servers.count() == 2
    });
    child
}

#[test]
fn a_run_that_is_killed_leaves_no_process_and_no_file_within_five_seconds() {
    let place = Place::new();
    let mut child = running(&place);
    child.kill().unwrap();
    child.wait().unwrap();
    wait("everything is gone", GONE_WITHIN, || {
        processes_of(place.temp.path()).is_empty() && place.is_empty()
    });
}

#[test]
fn a_run_that_is_interrupted_says_so_costs_3_and_leaves_nothing() {
    let place = Place::new();
    let mut child = running(&place);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    wait("everything is gone", GONE_WITHIN, || {
        processes_of(place.temp.path()).is_empty() && place.is_empty()
    });
}
