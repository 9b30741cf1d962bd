//! Every order of two requests' steps passes, and the negative control's don't.

use serde_json::Value;

use super::program::Place;

fn interleave(place: &Place, args: &[&str]) -> (i32, Value) {
    let output = place.output(&[&["chaos", "interleave", "--json"], args].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(place.is_empty(), "the run left something in its temporary folder: {errors}");
    let reports = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{errors}"));
    (output.status.code().unwrap(), reports)
}

fn sum(report: &Value, key: &str) -> u64 {
    report["cases"].as_array().unwrap().iter().map(|case| case[key].as_u64().unwrap()).sum()
}

#[test]
fn every_order_of_two_requests_passes_but_the_negative_controls() {
    let (code, reports) = interleave(&Place::new(), &["--quick"]);
    assert_eq!(code, 0, "{reports:#}");
    let [naive, row_lock] = reports.as_array().unwrap().as_slice() else { panic!("{reports:#}") };
    assert_eq!((&naive["strategy"], &row_lock["strategy"]), (&"naive".into(), &"row_lock".into()));
    assert!(sum(naive, "bad") > 0, "{naive:#}");
    assert_eq!(sum(row_lock, "bad"), 0, "{row_lock:#}");
    for report in [naive, row_lock] {
        assert!(sum(report, "orders") > 1_000, "{report:#}");
        assert_eq!(sum(report, "orders"), sum(report, "run"), "every one was run");
    }
}
