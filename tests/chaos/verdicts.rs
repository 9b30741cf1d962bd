//! The verdict can say no: the negative control is caught, and what proves nothing is void.

use std::fs;

use super::program::{Place, Run, scenario};

#[test]
fn the_naive_strategy_is_caught_whatever_the_seed_and_the_report_names_seat_and_buyers() {
    let place = Place::new();
    for seed in ["1", "2", "3"] {
        let run =
            place.chaos(&scenario("extreme-concurrency"), &["--strategy", "naive", "--seed", seed]);
        run.expect(1);
        assert_eq!(run.summary["verdict"], "fail");
        assert!(run.summary["double_sells"].as_u64().unwrap() >= 1);
        for name in ["no-double-sell-database", "no-double-sell-clients"] {
            let checkers = run.summary["checkers"].as_array().unwrap();
            let checker = checkers.iter().find(|checker| checker["name"] == name).unwrap();
            let detail = checker["detail"].as_str().unwrap();
            assert_eq!(checker["verdict"], "fail", "{detail}");
            assert!(detail.contains("seat ") && detail.matches("buyer ").count() >= 2, "{detail}");
        }
    }
}

#[test]
fn the_naive_strategy_sells_the_last_tickets_twice_and_is_caught() {
    let place = Place::new();
    for seed in ["1", "2"] {
        let more = ["--strategy", "naive", "--seed", seed];
        let run = place.chaos(&scenario("last-tickets"), &more);
        run.expect(1);
        assert!(run.summary["double_sells"].as_u64().unwrap() >= 1);
    }
}

const NOBODY_TALKS_TO_REDIS_3: &str = r#"
schema_version = 1
title = "A fault on a connection that nobody uses"

[target]
strategy = "row_lock"
instances = 1
redis_nodes = 3

[inventory]
seats = 100

[load.buyers]
executor = "constant-arrival-rate"
exec = "checkout"
rate = 20
duration = "2s"
max_vus = 100

[[faults]]
name = "node 3 gone"
type = "down"
proxy = "redis-3"
at = "500ms"
duration = "1s"
"#;

/// Exit code 3, and every fault says that it has not bitten, and why.
fn bites_nobody(run: &Run, why: &str) {
    run.expect(3);
    assert_eq!(run.summary["verdict"], "void");
    let faults = run.summary["faults"].as_array().unwrap();
    for (fault, reason) in faults.iter().zip(run.summary["void_reasons"].as_array().unwrap()) {
        assert_eq!(fault["bit"], false, "{fault}");
        let reason = reason.as_str().unwrap();
        assert!(reason.contains("did not bite") && reason.contains(why), "{reason}");
    }
}

#[test]
fn cutting_idle_connections_of_a_node_that_no_request_asks_makes_the_run_void() {
    let place = Place::new();
    let frozen = "\n[[faults]]\nname = \"node 2 frozen\"\ntype = \"pause\"\nprocess = \"redis-2\"\nat = \"700ms\"\nduration = \"600ms\"\n";
    let text = format!("{NOBODY_TALKS_TO_REDIS_3}{frozen}");
    let file = place.scenario("unnoticed.toml", &text);
    bites_nobody(&place.chaos(&file, &[]), "under way asked redis-");
}

const FAULTS_AFTER_THE_LOAD: &str = r#"
schema_version = 1
title = "Faults when the load is over, while background jobs go on"

[target]
strategy = "row_lock"
env = { EXPIRE_EVERY = "50ms" }

[inventory]
seats = 20

[load.buyers]
executor = "constant-vus"
exec = "checkout"
vus = 4
iterations = 8
duration = "2500ms"

[[faults]]
name = "postgres slow"
type = "latency"
proxy = "postgres"
attributes = { latency = 30 }
at = "1s"
duration = "500ms"

[[faults]]
name = "server killed"
type = "kill"
process = "server-1"
at = "1600ms"
duration = "300ms"
"#;

#[test]
fn faults_that_only_background_jobs_feel_make_the_run_void() {
    let place = Place::new();
    let file = place.scenario("after-the-load.toml", FAULTS_AFTER_THE_LOAD);
    bites_nobody(&place.chaos(&file, &[]), "no operation of the load was under way");
}

#[test]
fn one_node_gone_bites_where_requests_ask_it_although_they_succeed() {
    let place = Place::new();
    for (strategy, node) in [("redlock", "redis-3"), ("row_lock", "redis-1")] {
        let text = NOBODY_TALKS_TO_REDIS_3.replace("redis-3", node);
        let file = place.scenario("noticed.toml", &text);
        let run = place.chaos(&file, &["--strategy", strategy]);
        run.expect(0);
        let evidence = run.summary["faults"][0]["evidence"].as_str().unwrap();
        assert!(evidence.contains(&format!("met a failure of {node}")), "{evidence}");
    }
}

const CALLED_OFF_BEFORE_THE_SALE: &str = r#"
schema_version = 1
title = "An event cancelled before anybody wanted it"

[target]
strategy = "row_lock"

[inventory]
events = 2
general_admission = 500

[load.buyers]
executor = "constant-arrival-rate"
exec = "last_tickets"
start = "1s"
rate = 20
duration = "1500ms"
max_vus = 100

[[faults]]
name = "cancelled too soon"
type = "cancel-event"
event = 2
at = "100ms"
duration = "300ms"
"#;

#[test]
fn an_event_cancelled_when_nothing_of_it_was_sold_makes_the_run_void() {
    let place = Place::new();
    let file = place.scenario("too-soon.toml", CALLED_OFF_BEFORE_THE_SALE);
    let run = place.chaos(&file, &[]);
    run.expect(3);
    let evidence = run.summary["faults"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("cancelled with 0 holds and 0 bookings"), "{evidence}");
    assert_eq!(run.summary["faults"][0]["bit"], false);
}

#[test]
fn a_generator_that_could_not_keep_its_schedule_makes_the_run_void() {
    let place = Place::new();
    let text = NOBODY_TALKS_TO_REDIS_3
        .split("[[faults]]")
        .next()
        .unwrap()
        .replace("max_vus = 100", "max_vus = 1")
        .replace("rate = 20", "rate = 400");
    let run = place.chaos(&place.scenario("overrun.toml", &text), &[]);
    run.expect(3);
    assert!(run.summary["generator"]["dropped"].as_u64().unwrap() > 0);
    assert!(run.summary["void_reasons"][0].as_str().unwrap().contains("max_vus"));
}

#[test]
fn crossed_thresholds_alone_cost_99_and_something_that_never_happened_makes_void() {
    let place = Place::new();
    let base = NOBODY_TALKS_TO_REDIS_3.split("[[faults]]").next().unwrap();
    let crossed =
        format!("{base}\n[thresholds]\n\"http_req_duration{{op:hold}}\" = [\"p(99)<0.001\"]\n");
    let run = place.chaos(&place.scenario("crossed.toml", &crossed), &[]);
    run.expect(99);
    assert_eq!(
        (&run.summary["verdict"], &run.summary["thresholds"][0]["ok"]),
        (&"pass".into(), &false.into())
    );
    let never = format!("{base}\n[[sometimes]]\nexpr = \"ops{{outcome:info}} > 1000000\"\n");
    place.chaos(&place.scenario("never.toml", &never), &[]).expect(3);
}

#[test]
fn several_files_give_one_list_the_worst_code_and_every_report_asked_for() {
    let place = Place::new();
    let void = place.scenario("unnoticed.toml", NOBODY_TALKS_TO_REDIS_3);
    let good =
        place.scenario("good.toml", NOBODY_TALKS_TO_REDIS_3.split("[[faults]]").next().unwrap());
    let args = [
        "chaos",
        "run",
        good.to_str().unwrap(),
        void.to_str().unwrap(),
        "--quiet",
        "--run-dir",
        "kept",
    ];
    let output =
        place.output(&[&args[..], &["--out", "json=all.json", "--out", "junit=all.xml"]].concat());
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(
        table.contains("PASS") && table.contains("VOID") && table.contains("2 runs, exit code 3"),
        "{table}"
    );
    assert!(!table.contains('\u{1b}'), "colours off a terminal");
    let read = |name: &str| fs::read_to_string(place.out.path().join(name)).unwrap();
    let all: serde_json::Value = serde_json::from_str(&read("all.json")).unwrap();
    let verdicts: Vec<_> =
        all.as_array().unwrap().iter().map(|run| run["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["pass", "void"]);
    assert!(read("all.xml").contains("<testsuites"));
    for run in fs::read_dir(place.out.path().join("kept")).unwrap() {
        let run = run.unwrap().path();
        for file in [
            "plan.toml",
            "history.jsonl",
            "latency.hlog",
            "audit.json",
            "summary.json",
            "junit.xml",
        ] {
            assert!(fs::metadata(run.join(file)).unwrap().len() > 0, "{file} is empty");
        }
        assert!(run.join("logs/server-1.log").exists());
    }
}

#[test]
fn a_recorded_run_is_judged_again_without_a_stack_and_damage_to_it_is_seen() {
    let place = Place::new();
    let file =
        place.scenario("good.toml", NOBODY_TALKS_TO_REDIS_3.split("[[faults]]").next().unwrap());
    place.chaos(&file, &["--run-dir", "kept"]).expect(0);
    assert_eq!(place.output(&["chaos", "analyze", "kept"]).status.code(), Some(0));
    let ledger = place.out.path().join("kept/ledger.json");
    fs::write(&ledger, "[]").unwrap();
    let again = place.output(&["chaos", "analyze", "kept"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stdout).unwrap().contains("broke  ledger"));
}

#[test]
fn the_summary_has_what_other_programs_read() {
    let place = Place::new();
    let run = place.chaos(&scenario("latency-baseline"), &[]);
    for field in [
        "verdict",
        "exit_code",
        "seed",
        "strategy",
        "double_sells",
        "bookings_confirmed",
        "operations",
        "checkers",
        "faults",
        "thresholds",
        "generator",
        "metrics",
    ] {
        assert!(!run.summary[field].is_null(), "{field}");
    }
    for field in ["ok", "fail", "refused", "not_connected", "info"] {
        assert!(run.summary["operations"][field].is_u64(), "{field}");
    }
    assert!(run.summary["generator"]["lag_ms_p99"].is_number());
    let hold = &run.summary["metrics"]["hold"];
    assert!(hold["count"].is_u64() && hold["rate"].is_number());
    for percentile in ["p50", "p90", "p99", "p999", "max"] {
        assert!(hold["latency_ms"][percentile].as_f64().unwrap() > 0.0, "{percentile}");
        assert!(hold["service_ms"][percentile].as_f64().unwrap() > 0.0, "{percentile}");
    }
}
