//! Which effects are bites, on histories made by hand.

use super::*;
use crate::harness::plan::{FaultPlan, Settings, Target, sample};
use crate::harness::recorder::Outcome;
use crate::harness::recorder::fixtures::{cancel_event, ended, hold, user};
use crate::wire::server_timing::Timings;

const WINDOW: Window = Window { struck_us: 1_000_000, healed_us: 2_000_000 };
/// Within the window.
const MS: u64 = 1000;
const AT: u64 = 1_500_000;

fn plan(kind: &str, settings: &str) -> Plan {
    let settings = Settings::of(&toml::from_str::<toml::Table>(settings).unwrap());
    let fault = FaultPlan {
        name: "it".to_owned(),
        kind: kind.to_owned(),
        settings,
        ..sample().faults.remove(0)
    };
    let target = Target { instances: 1, redis_nodes: 3, ..sample().target };
    Plan { target, faults: vec![fault], ..sample() }
}

fn latency(proxy: &str) -> Plan {
    let rest = "stream = \"downstream\"\ntoxicity = 1.0\nattributes = { latency = 25, jitter = 5 }";
    plan("latency", &format!("proxy = \"{proxy}\"\n{rest}"))
}

fn on_process(kind: &str, process: &str) -> Plan {
    plan(kind, &format!("process = \"{process}\"\nwhen = \"any\""))
}

fn down(proxy: &str) -> Plan {
    plan("down", &format!("proxy = \"{proxy}\""))
}

fn strike() -> Strike {
    Strike {
        name: "it".to_owned(),
        is_seen: true,
        evidence: "seen".to_owned(),
        began_ms: Some(900),
        ended_ms: Some(2100),
        window: Some(WINDOW),
    }
}

/// A hold that took so long, and what its answer says of dependencies: name, milliseconds, failed calls.
fn op(from_us: u64, took_ms: u64, told: &[(&str, u64, u32)]) -> Operation {
    let timing = |&(name, ms, failed): &(&str, u64, u32)| {
        (name.to_owned(), Timing { us: ms * MS, calls: 2, failed })
    };
    let dependencies: Timings = told.iter().map(timing).collect();
    Operation { dependencies, ..hold(user(1), &[1], from_us..from_us + took_ms * MS) }
}

fn unanswered(op: Operation, outcome: Outcome) -> Operation {
    Operation { status: None, dependencies: Timings::new(), ..ended(op, outcome) }
}

fn found(plan: &Plan, history: &[Operation]) -> FaultSummary {
    judge(plan, &[strike()], history).remove(0)
}

#[track_caller]
fn bites(plan: &Plan, history: &[Operation], words: &str) {
    let found = found(plan, history);
    assert!(found.bit && found.evidence.starts_with(words), "{found:?}");
}

#[track_caller]
fn misses(plan: &Plan, history: &[Operation], words: &str) {
    let found = found(plan, history);
    assert!(!found.bit && found.evidence.starts_with(words), "{found:?}");
}

const HEALTHY: &[(&str, u64, u32)] = &[("postgresql", 3, 0), ("redis-1", 1, 0)];

#[test]
fn a_fault_bites_operations_under_way_and_nobody_else() {
    let slow: &[(&str, u64, u32)] = &[("postgresql", 60, 0), ("redis-1", 1, 0)];
    let plan = latency("postgres");
    bites(
        &plan,
        &[op(AT, 70, slow), op(AT, 70, slow), op(AT, 5, HEALTHY)],
        "2 operations of 3 under way had to wait 20ms or more for postgresql; seen",
    );
    // Before, after, and by somebody who is no part of the load.
    let before = op(WINDOW.struck_us - 80 * MS, 70, slow);
    let after = op(WINDOW.healed_us, 70, slow);
    let admin = Operation { load: "it".to_owned(), ..cancel_event(AT..AT + 70 * MS) };
    let idle = "no operation of the load was under way at server-1 while it lasted; seen";
    misses(&plan, &[before, after, admin], idle);
    misses(&plan, &[], idle);
    let words = "1 operation of 1 under way asked postgresql, and none had to wait 20ms or more";
    misses(&plan, &[op(AT, 5, HEALTHY)], words);
    // It waited for long, but the fault was there for only the last of it.
    misses(&plan, &[op(WINDOW.struck_us - 60 * MS, 70, slow)], words);
}

#[test]
fn a_store_that_no_request_asks_is_not_bitten_whatever_happens_to_it_and_to_them() {
    for plan in [down("redis-3"), latency("redis-3"), on_process("kill", "redis-3")] {
        let lost = unanswered(op(AT, 5, &[]), Outcome::Info);
        let history = [op(AT, 90, HEALTHY), lost];
        misses(&plan, &history, "none of the 2 operations under way asked redis-3; seen");
    }
}

#[test]
fn a_failed_call_bites_although_the_operation_succeeded() {
    let history = [op(AT, 5, &[("postgresql", 3, 0), ("redis-3", 0, 1)]), op(AT, 5, HEALTHY)];
    let words = "1 operation of 2 under way met a failure of redis-3";
    bites(&down("redis-3"), &history, words);
    bites(&on_process("pause", "redis-3"), &history, words);
    misses(&down("redis-2"), &history, "none of the 2 operations under way asked redis-2");
}

#[test]
fn an_operation_without_an_answer_counts_for_what_its_kind_asks() {
    let lost = unanswered(op(AT, 50, &[]), Outcome::Info);
    let refused = unanswered(op(AT, 0, &[]), Outcome::Fail);
    let refused = Operation { completed_us: AT + 100, ..refused };
    let history = [op(0, 5, HEALTHY), lost, refused];
    bites(&latency("postgres"), &history, "1 operation of 2 under way got no answer");
    bites(
        &on_process("kill", "server-1"),
        &history,
        "2 operations of 2 under way were struck: 1 found no connection, 1 got no answer; seen",
    );
    let failed = Operation { status: Some(503), ..ended(op(AT, 5, HEALTHY), Outcome::Info) };
    bites(&on_process("kill", "postgres"), &[failed], "1 operation of 1 under way met a fail");
}

#[test]
fn a_server_that_was_not_asked_is_not_bitten() {
    let elsewhere = |op: Operation| Operation { server: "server-2".to_owned(), ..op };
    let frozen = op(AT, 400, HEALTHY);
    let plan = Plan {
        target: Target { instances: 2, ..sample().target },
        ..on_process("pause", "server-1")
    };
    bites(
        &plan,
        std::slice::from_ref(&frozen),
        "1 operation of 1 under way had to wait 10ms or more",
    );
    misses(&plan, &[elsewhere(frozen)], "no operation of the load was under way at server-1");
}

#[test]
fn servers_that_tell_nothing_are_judged_by_what_their_clients_saw() {
    let plan = latency("postgres");
    bites(&plan, &[op(AT, 25, &[])], "1 operation of 1 under way had to wait 20ms or more");
    misses(&plan, &[op(AT, 15, &[])], "1 operation of 1 under way asked server-1, and none");
    let frozen = on_process("pause", "postgres");
    bites(
        &frozen,
        &[op(WINDOW.struck_us, 600, &[])],
        "1 operation of 1 under way had to wait 500ms",
    );
    misses(&frozen, &[op(AT, 400, &[])], "1 operation of 1 under way asked server-1, and none");
    let failed = Operation { status: Some(502), ..ended(op(AT, 1, &[]), Outcome::Info) };
    bites(&down("postgres"), &[failed], "1 operation of 1 under way met a failure of server-1");
}

#[test]
fn a_fault_that_did_nothing_by_its_own_account_has_not_bitten() {
    let slow = [op(AT, 90, &[("postgresql", 60, 0)])];
    let strike = Strike { is_seen: false, evidence: "delayed 0 bytes".to_owned(), ..strike() };
    let found = judge(&latency("postgres"), std::slice::from_ref(&strike), &slow).remove(0);
    assert!(!found.bit && found.evidence == "delayed 0 bytes", "{found:?}");
    let never = Strike { window: None, began_ms: None, is_seen: true, ..strike };
    assert!(!judge(&latency("postgres"), &[never], &slow)[0].bit);
}

#[test]
fn a_fault_that_decides_for_itself_is_believed_and_older_records_have_their_times() {
    let plan = plan("cancel-event", "event = 1");
    assert!(found(&plan, &[]).bit);
    let older = Strike { window: None, ..strike() };
    let slow = [op(950 * MS, 40, &[("postgresql", 30, 0)])];
    assert!(judge(&latency("postgres"), &[older], &slow)[0].bit);
}

#[test]
fn a_delay_of_several_stores_counts_an_operation_once() {
    let slow = op(AT, 90, &[("redis-1", 30, 0), ("redis-2", 40, 0), ("redis-3", 0, 1)]);
    let found = found(&latency("redis"), &[slow]);
    assert_eq!((found.under_way, found.struck), (Some(1), Some(1)), "{found:?}");
    let words = "1 operation of 1 under way met a failure of redis-1, redis-2, redis-3";
    assert!(found.evidence.starts_with(words), "{found:?}");
}
