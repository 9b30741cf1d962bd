//! The on-sale is sold out under every strategy that claims to be safe. That every scenario passes is the self-test's part.

use std::collections::BTreeSet;
use std::fs;

use super::program::{Place, scenario};

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
fn last_tickets_sells_every_ticket_once() {
    let place = Place::new();
    let run = place.chaos(&scenario("last-tickets"), &[]);
    run.expect(0);
    assert_eq!(run.summary["seats_sold"], run.summary["seats_count"]);
}

#[test]
fn every_scenario_file_has_its_line_in_the_readme() {
    let root = env!("CARGO_MANIFEST_DIR");
    let readme = fs::read_to_string(format!("{root}/README.md")).unwrap();
    let names: BTreeSet<String> = fs::read_dir(format!("{root}/scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
    }
}
