//! Every scenario of the project passes in its short form, and the on-sale under every strategy that claims to be safe.

use std::collections::BTreeSet;
use std::fs;

use super::program::{Place, scenario};

fn passes(name: &str, more: &[&str]) {
    let place = Place::new();
    let run = place.chaos(&scenario(name), more);
    run.expect(0);
    assert_eq!(run.summary["verdict"], "pass");
    assert_eq!(run.summary["double_sells"], 0);
    let checkers = run.summary["checkers"].as_array().unwrap();
    assert!(checkers.iter().all(|checker| checker["verdict"] == "pass"), "{checkers:?}");
    assert!(run.summary["bookings_confirmed"].as_u64().unwrap() > 0);
    for fault in run.summary["faults"].as_array().unwrap() {
        assert_eq!(fault["bit"], true, "{fault}");
    }
}

fn sells_out(strategy: &str) {
    let place = Place::new();
    let run = place.chaos(&scenario("flash-sale"), &["--strategy", strategy]);
    run.expect(0);
    assert_eq!(run.summary["instances"], 2);
    assert_eq!(run.summary["seats_sold"], run.summary["seats_count"]);
    assert!(run.summary["sold_out_seconds"].is_number());
}

#[test]
fn flash_sale_sells_every_seat_once_under_row_lock() {
    sells_out("row_lock");
}

#[test]
fn flash_sale_sells_every_seat_once_under_optimistic() {
    sells_out("optimistic");
}

#[test]
fn flash_sale_sells_every_seat_once_under_redlock() {
    sells_out("redlock");
}

#[test]
fn lock_expiry_passes() {
    passes("lock-expiry", &[]);
}

#[test]
fn same_key_passes() {
    passes("same-key", &[]);
}

#[test]
fn redis_latency_passes() {
    passes("redis-latency", &[]);
}

#[test]
fn db_commit_delay_passes() {
    passes("db-commit-delay", &[]);
}

#[test]
fn extreme_concurrency_passes() {
    passes("extreme-concurrency", &[]);
}

#[test]
fn key_reuse_passes() {
    passes("key-reuse", &[]);
}

#[test]
fn latency_baseline_passes() {
    passes("latency-baseline", &[]);
}

#[test]
fn server_crash_passes() {
    passes("server-crash", &[]);
}

#[test]
fn redis_loss_passes() {
    passes("redis-loss", &[]);
}

#[test]
fn last_tickets_sells_every_ticket_once() {
    let place = Place::new();
    let run = place.chaos(&scenario("last-tickets"), &[]);
    run.expect(0);
    assert_eq!(run.summary["seats_sold"], run.summary["seats_count"]);
}

#[test]
fn cancel_rebook_passes() {
    passes("cancel-rebook", &[]);
}

#[test]
fn expiry_against_confirm_passes() {
    passes("expiry-against-confirm", &[]);
}

#[test]
fn event_cancelled_passes() {
    passes("event-cancelled", &[]);
}

#[test]
fn ticket_limit_passes() {
    passes("ticket-limit", &[]);
}

#[test]
fn every_scenario_file_has_its_test_here_and_its_line_in_the_readme() {
    let root = env!("CARGO_MANIFEST_DIR");
    let tests = fs::read_to_string(format!("{root}/tests/chaos/scenarios.rs")).unwrap();
    let readme = fs::read_to_string(format!("{root}/README.md")).unwrap();
    let names: BTreeSet<String> = fs::read_dir(format!("{root}/scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(tests.contains(&format!("\"{name}\"")), "{name} has no test");
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
    }
}
