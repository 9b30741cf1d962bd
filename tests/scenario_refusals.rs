//! What is wrong with a scenario is refused before anything starts, at its line and column, with the nearest valid name.
#![expect(clippy::unwrap_used, reason = "in a test the panic is the report")]

use std::io::Write;

use assert_cmd::Command;
use predicates::prelude::*;

const GOOD: &str = r#"schema_version = 1
title = "A sale"
seed = 5

[target]
strategy = "redlock"
instances = 2
redis_nodes = 3
env = { LOCK_TTL_MS = "1000" }

[inventory]
seats = 200
hold_ttl = "30s"

[payments]
decline = 0.1

[load.rush]
executor = "ramping-arrival-rate"
exec = "checkout"
stages = [{ target = 80, duration = "10s" }]
max_vus = 64
seats_per_order = [1, 4]

[load.steady]
executor = "constant-vus"
exec = "retry_storm"
vus = 5
duration = "5s"
duplicates = 4

[[faults]]
name = "redis slow"
type = "latency"
proxy = "redis"
toxicity = 0.5
attributes = { latency = 200, jitter = 50 }
at = "5s"
duration = "5s"

[[faults]]
name = "dead"
type = "kill"
process = "server-1"
when = "charged"
at = "1s"
duration = "2s"

[thresholds]
"http_req_duration{op:hold}" = ["p(99)<500"]

[[sometimes]]
expr = "ops{outcome:info} > 0"

[quick.inventory]
seats = 20
"#;

/// Replaces `from` by `to` in the good file. `to` holds a `^` where the refusal has to point; it is taken out.
struct Bad(&'static str, &'static str, &'static str);

const BAD: &[Bad] = &[
    // Names.
    Bad(
        "strategy = \"redlock\"",
        "strategy = ^\"redlok\"",
        "did you mean \"redlock\"? valid names: naive, row_lock",
    ),
    Bad(
        "exec = \"checkout\"",
        "exec = ^\"chekout\"",
        "unknown workload \"chekout\"; did you mean \"checkout\"?",
    ),
    Bad(
        "\"constant-vus\"",
        "^\"constant-vu\"",
        "unknown executor \"constant-vu\"; did you mean \"constant-vus\"?",
    ),
    Bad(
        "type = \"latency\"",
        "type = ^\"latncy\"",
        "unknown fault type \"latncy\"; did you mean \"latency\"?",
    ),
    Bad(
        "jitter = 50",
        "^jiter = 50",
        "unknown key \"jiter\"; did you mean \"jitter\"? valid names: latency, jitter",
    ),
    Bad(
        "proxy = \"redis\"",
        "proxy = ^\"redis-4\"",
        "unknown proxy \"redis-4\"; did you mean \"redis-",
    ),
    Bad("proxy = \"redis\"", "proxy = ^\"server-3.redis\"", "unknown proxy"),
    Bad(
        "process = \"server-1\"",
        "process = ^\"server-3\"",
        "unknown process \"server-3\"; did you mean \"server-",
    ),
    Bad(
        "when = \"charged\"",
        "when = ^\"chraged\"",
        "unknown trigger \"chraged\"; did you mean \"charged\"?",
    ),
    Bad("seats = 200", "seats = 200\n^sets = 3", "unknown key \"sets\"; did you mean \"seats\"?"),
    Bad("seed = 5", "^sead = 5", "unknown key \"sead\"; did you mean \"seed\"?"),
    // Keys of another executor, and of another workload.
    Bad("vus = 5\n", "vus = 5\n^rate = 5\n", "unknown key \"rate\""),
    Bad(
        "max_vus = 64",
        "max_vus = 64\n^duplicates = 4",
        "unknown key \"duplicates\"; valid names: executor, exec, start, buyers, request_timeout, seats_per_order, abandon,",
    ),
    Bad("[[sometimes]]", "[^somtimes]", "unknown key \"somtimes\"; did you mean \"sometimes\"?"),
    Bad(
        "seed = 5",
        "checkers = [^\"legder\"]",
        "unknown checker \"legder\"; did you mean \"ledger\"?",
    ),
    Bad(
        "\"http_req_duration{op:hold}\"",
        "^\"http_req_durations\"",
        "unknown metric \"http_req_durations\"; did you mean",
    ),
    Bad("{op:hold}", "{op:holt}", "unknown operation \"holt\"; did you mean \"hold\"?"),
    Bad("\"p(99)<500\"", "^\"q(99)<500\"", "unknown statistic of http_req_duration"),
    Bad(
        "\"ops{outcome:info} > 0\"",
        "^\"opps > 0\"",
        "unknown metric \"opps\"; did you mean \"ops\"?",
    ),
    Bad(
        "\"ops{outcome:info} > 0\"",
        "^\"refusals{reason:soldout} > 0\"",
        "unknown reason \"soldout\"; did you mean \"sold_out\"?",
    ),
    // Workloads that can't work with what is sold.
    Bad(
        "exec = \"checkout\"",
        "exec = ^\"last_tickets\"",
        "\"last_tickets\" buys tickets without a place; set general_admission in [inventory]",
    ),
    Bad(
        "exec = \"checkout\"",
        "exec = ^\"limit_rush\"",
        "runs into the limit of tickets; set tickets_per_user in [inventory]",
    ),
    Bad(
        "exec = \"checkout\"",
        "exec = ^\"expiry_edge\"",
        "set hold_ttl in [inventory] to 3s or less",
    ),
    Bad(
        "[inventory]\nseats = 200",
        "[inventory]\ngeneral_admission = 200",
        "\"retry_storm\" names the seats it wants",
    ),
    // Values.
    Bad(
        "[inventory]\nseats = 200",
        "[inventory]\nseats = 200\ngeneral_admission = ^100",
        "an event has seats or general admission, not both",
    ),
    Bad("[inventory]\nseats = 200", "[inventory]\ngeneral_admission = ^0", "between 1 and 1000000"),
    Bad("hold_ttl = \"30s\"", "tickets_per_user = ^0", "has to be between 1 and 1000"),
    Bad("max_vus = 64", "max_vus = 64\nbuyers = ^0", "has to be between 1 and 1000000"),
    Bad("hold_ttl = \"30s\"", "hold_ttl = ^\"0s\"", "\"hold_ttl\" has to be between 1s and"),
    Bad("hold_ttl = \"30s\"", "hold_ttl = ^\"1500ms\"", "has to be whole seconds"),
    Bad("hold_ttl = \"30s\"", "hold_ttl = ^30", "has to be a duration such as"),
    Bad("hold_ttl = \"30s\"", "hold_ttl = ^\"soon\"", "\"soon\" is no duration"),
    Bad("redis_nodes = 3", "redis_nodes = ^2", "has to be 1, 3 or 5, not 2"),
    Bad("instances = 2", "instances = ^0", "has to be between 1 and 8"),
    Bad("max_vus = 64", "max_vus = ^0", "has to be between 1 and 5000"),
    Bad("vus = 5\n", "vus = ^\"five\"\n", "has to be a whole number, not a string"),
    Bad("[{ target = 80, duration = \"10s\" }]", "^[]", "\"stages\" is empty"),
    Bad("target = 80", "target = 0", "the rate is 0 throughout"),
    Bad(
        "executor = \"ramping-arrival-rate\"\nexec = \"checkout\"\nstages = [{ target = 80, duration = \"10s\" }]",
        "executor = \"constant-arrival-rate\"\nexec = \"checkout\"\nduration = \"10s\"\nrate = ^0",
        "\"rate\" has to be between 0.1",
    ),
    Bad("seats_per_order = [1, 4]", "seats_per_order = ^[4, 1]", "1 <= LEAST <= MOST <= 50"),
    Bad("decline = 0.1", "decline = ^10", "has to be between 0 and 1"),
    Bad("toxicity = 0.5", "toxicity = ^2", "has to be between 0.001 and 1"),
    Bad("latency = 200", "latency = ^0", "has to be between 1 and 60000"),
    Bad(
        "duration = \"5s\"\n\n[[faults]]",
        "duration = ^\"6s\"\n\n[[faults]]",
        "the fault ends at 11s, after the load's end at 10s",
    ),
    Bad("name = \"dead\"", "name = ^\"redis slow\"", "a fault named \"redis slow\" exists already"),
    Bad("process = \"server-1\"", "proxy = ^\"redis\"", "strikes a process, not a proxy"),
    Bad(
        "type = \"kill\"\nprocess = \"server-1\"\nwhen = \"charged\"",
        "type = \"cancel-event\"\nprocess = ^\"server-1\"",
        "strikes an event, not a process",
    ),
    Bad(
        "type = \"kill\"\nprocess = \"server-1\"\nwhen = \"charged\"",
        "type = \"cancel-event\"\nevent = ^2",
        "\"event\" has to be between 1 and 1",
    ),
    Bad("process = \"server-1\"", "process = \"postgres\"", "waits for a server"),
    Bad("duplicates = 4", "other_body = ^0.5", "set \"duplicates\" to 2 or more"),
    Bad("LOCK_TTL_MS", "^DATABASE_URL", "\"DATABASE_URL\" is set by the run itself"),
    Bad("seed = 5", "checkers = ^[]", "a run that nothing judges proves nothing"),
    // Shape.
    Bad("schema_version = 1", "schema_version = ^2", "this program reads schema_version 1 only"),
    Bad("schema_version = 1\n", "", "missing key \"schema_version\""),
    Bad("max_vus = 64\n", "", "missing key \"max_vus\""),
    Bad("[inventory]\nseats = 200", "^[inventory]", "missing key \"seats\""),
    Bad("title = \"A sale\"", "title = \"A sale", "invalid basic string"),
    Bad("seed = 5", "seed = 5\n^seed = 6", "duplicate key"),
    Bad(
        "[quick.inventory]\nseats = 20",
        "[quick.inventory]\nseats = ^0",
        "has to be between 1 and 1000000",
    ),
    Bad(
        "[quick.inventory]\nseats = 20",
        "^[[quick.faults]]\nname = \"other\"",
        "has no item of this name",
    ),
];

fn validate(text: &str) -> (String, assert_cmd::assert::Assert) {
    let mut file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let path = file.path().display().to_string();
    let run = Command::cargo_bin("ticketctl").unwrap().args(["chaos", "validate", &path]).assert();
    (path, run)
}

fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before: Vec<&str> = text[..at].split('\n').collect();
    (before.len(), before.last().unwrap().chars().count() + 1)
}

#[test]
fn the_good_file_is_valid() {
    validate(GOOD).1.success();
}

#[test]
fn every_bad_file_is_refused_where_it_is_wrong_and_nowhere_else() {
    for Bad(from, to, message) in BAD {
        assert_eq!(GOOD.matches(from).count(), 1, "{from:?} has to be in the good file once");
        let marked = GOOD.replace(from, to);
        let at = marked.find('^');
        let text = marked.replace('^', "");
        let (path, run) = validate(&text);
        let stderr = String::from_utf8(run.code(2).stdout("").get_output().stderr.clone()).unwrap();
        assert!(stderr.contains(message), "{to:?}: expected {message:?} in {stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{to:?}: one mistake, one line: {stderr}");
        if let Some(at) = at {
            let (line, column) = line_and_column(&text, at);
            assert!(
                stderr.starts_with(&format!("{path}:{line}:{column}: ")),
                "{to:?} is at {line}:{column}: {stderr}"
            );
        }
    }
}

#[test]
fn all_mistakes_are_shown_at_once_in_file_order() {
    let text = GOOD.replace("seats = 200", "seats = 0").replace("\"charged\"", "\"sometime\"");
    let (path, run) = validate(&text);
    let stderr = String::from_utf8(run.code(2).get_output().stderr.clone()).unwrap();
    let positions: Vec<_> = stderr
        .lines()
        .map(|line| line.strip_prefix(&path).unwrap().split(": ").next().unwrap())
        .collect();
    assert_eq!(positions, [":12:9", ":45:8"], "{stderr}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let run = Command::cargo_bin("ticketctl")
        .unwrap()
        .args(["chaos", "validate", "no/such.toml"])
        .assert();
    run.code(2).stderr(predicate::str::starts_with("no/such.toml: cannot be read"));
}

#[test]
fn an_empty_file_names_every_missing_key() {
    let (_, run) = validate("");
    let stderr = String::from_utf8(run.code(2).get_output().stderr.clone()).unwrap();
    for key in ["schema_version", "title", "target", "inventory", "load"] {
        assert!(stderr.contains(&format!("missing key \"{key}\"")), "{stderr}");
    }
}
