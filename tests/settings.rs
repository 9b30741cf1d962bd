//! Black-box: settings that can't be used are refused with exit code 2, before anything starts, and the message says what
//! to write instead.
#![expect(clippy::unwrap_used, reason = "in a test the panic is the report")]

use std::time::Duration;

use assert_cmd::Command;

/// One that is not refused would run on.
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// The program without any setting in its environment; its exit code, and what it said.
fn run(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketctl"));
    for name in ["DATABASE_URL", "REDIS_URLS", "JWT_SECRET", "PAYMENTS", "PAYMENTS_URL", "RUST_LOG"]
    {
        command.env_remove(name);
    }
    command.args(args).envs(env.iter().copied()).timeout(ENDS_WITHIN);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// What `serve` needs and will not get as far as using.
const NEEDED: [(&str, &str); 2] = [
    ("DATABASE_URL", "postgres://127.0.0.1:1/nothing"),
    ("JWT_SECRET", "a secret of more than thirty-two bytes"),
];

#[test]
fn a_setting_that_cannot_be_used_is_refused_and_says_what_to_write() {
    for (name, value, hint) in [
        ("RUST_LOG", "ticketctl=loud", "write a level such as info"),
        ("REDIS_URLS", "redis://a,redis://b", "name 1, 3 or 5"),
        ("REDIS_URLS", "redis://a,,redis://b", "--redis-urls"),
        ("JWT_SECRET", "short", "openssl rand -hex 32"),
        ("STRATEGY", "redlock", "set REDIS_URLS"),
        ("PAYMENTS_URL", "localhost:9000", "write a URL such as http://"),
    ] {
        let env = [&NEEDED[..], &[(name, value)]].concat();
        let (code, said) = run(&["serve"], &env);
        assert_eq!(code, Some(2), "{name}={value}: {said}");
        assert!(said.contains(hint), "{name}={value}: {said}");
    }
    for empty in ["--payments-url=", "--database-url=", "--redis-urls="] {
        let (code, said) = run(&["serve", empty], &NEEDED);
        assert_eq!(code, Some(2), "{empty}: {said}");
        assert!(said.contains(&empty[..empty.len() - 1]), "{empty}: {said}");
    }
}

#[test]
fn an_empty_variable_counts_as_one_that_is_not_set() {
    for name in ["DATABASE_URL", "JWT_SECRET"] {
        let env = [&NEEDED[..], &[(name, "")]].concat();
        let (code, said) = run(&["serve"], &env);
        assert_eq!(code, Some(2), "{said}");
        let flag = format!("--{}", name.to_lowercase().replace('_', "-"));
        assert!(said.contains(&flag) && said.contains("required arguments"), "{said}");
    }
    // Past the settings: what is wrong is the database.
    let env = [("DATABASE_URL", NEEDED[0].1), ("PAYMENTS_URL", ""), ("PAYMENT_TIMEOUT", "")];
    let (code, said) = run(&["audit"], &env);
    assert_eq!(code, Some(4), "{said}");
    let (code, said) = run(&["recover-payments", "--dry-run"], &env);
    assert_eq!(code, Some(4), "{said}");
}

#[test]
fn an_unreachable_database_is_said_once_and_why() {
    for command in [
        &["audit"][..],
        &["migrate"],
        &["expire-holds"],
        &["chaos", "run", "scenarios/latency-baseline.toml"],
    ] {
        let (code, said) = run(command, &NEEDED[..1]);
        assert_eq!(code, Some(4), "{said}");
        assert_eq!(said.matches("refused").count(), 1, "{said}");
        assert!(!said.contains("pool"), "{said}");
    }
}

#[test]
fn what_a_scenario_may_name_fits_a_hundred_columns() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_ticketctl")).args(["chaos", "list"]).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.lines().count() > 50, "{printed}");
    let wide: Vec<&str> = printed.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "{wide:#?}");
}

#[test]
fn who_lacks_the_settings_is_told_where_they_come_from() {
    for command in [&["serve"][..], &["audit"], &["seed", "x.toml"]] {
        let (code, said) = run(command, &[]);
        assert_eq!(code, Some(2), "{said}");
        for hint in ["DATABASE_URL", "ticketctl stack up", ".env.example"] {
            assert!(said.contains(hint), "{command:?}: {said}");
        }
    }
    let (_, said) = run(&["seed"], &[NEEDED[0]]);
    assert!(!said.contains("stack up"), "{said}");
}
