//! Jobs as an operator runs them: the built program, beside a server.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use super::program::exe;
use crate::domain::Role;
use crate::stack::payments::PaymentBehaviour;
use crate::wire::{self, ChargeState};

/// Runs a command on the app's stores; its exit code, what it printed, and what it said.
pub async fn run(app: &TestApp, args: &[&str]) -> (Option<i32>, String, String) {
    let provider = format!("{}/test", app.stack.payments().url());
    let env = [
        ("DATABASE_URL", app.stack.database_url()),
        ("PAYMENTS", "simulator"),
        ("PAYMENTS_URL", &provider),
        ("PAYMENT_TIMEOUT", "1s"),
        ("RECOVERY_IDLE", "1100ms"),
    ];
    run_with(&env, args).await
}

/// Runs a command with this environment.
async fn run_with(env: &[(&str, &str)], args: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(exe());
    for name in ["DATABASE_URL", "PAYMENTS", "PAYMENTS_URL", "PAYMENT_TIMEOUT", "RECOVERY_IDLE"] {
        command.env_remove(name);
    }
    let output = command.args(args).envs(env.iter().copied()).output();
    let output = tokio::time::timeout(Duration::from_secs(20), output).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn report(printed: &str) -> Value {
    serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[tokio::test]
async fn a_payment_left_behind_is_finished_by_the_command() {
    let setup = Setup { payment_timeout: Duration::from_millis(300), ..Setup::default() };
    let app = TestApp::start(setup).await;
    let slow = PaymentBehaviour { latency_ms: 5000, ..PaymentBehaviour::default() };
    app.stack.payments().set_behaviour(slow).unwrap();
    let order = json!({"event_id": app.event, "seat_ids": [app.seats[0]]});
    let unknown = app.buy(Uuid::new_v4(), &key(), &order).await;
    assert_eq!(unknown.status, StatusCode::SERVICE_UNAVAILABLE, "{}", unknown.body);
    app.stack.payments().set_behaviour(PaymentBehaviour::default()).unwrap();
    app.sql("update payments set worked_at = now() - interval '1 minute'").await;
    let (code, printed, said) = run(&app, &["recover-payments", "--dry-run", "--json"]).await;
    assert_eq!((code, &report(&printed)["open"]), (Some(0), &json!(1)), "{said}");
    let (_, printed, _) = run(&app, &["recover-payments", "--dry-run"]).await;
    assert_eq!(printed, "1 payment to finish\n");
    let (code, printed, said) = run(&app, &["recover-payments", "--json"]).await;
    assert_eq!((code, &report(&printed)["ended"]), (Some(0), &json!(1)), "{said}");
    let audit = app.clean_audit().await;
    assert_eq!(audit.bookings.len(), 1);
    assert_eq!(app.stack.payments().ledger()[0].state, ChargeState::Captured);
    let (code, _, said) = run(&app, &["recover-payments", "--payments", "mock"]).await;
    assert_eq!(code, Some(2));
    assert!(said.contains("--payments"), "{said}");
}

#[tokio::test]
async fn a_cancelled_event_is_refunded_by_the_command() {
    let app = TestApp::start(Setup::default()).await;
    let organizer = Uuid::new_v4();
    let event = app.general_event(organizer, 5, None).await;
    let order = json!({"event_id": event.id, "quantity": 2});
    app.buy(Uuid::new_v4(), &key(), &order).await;
    app.set_status(organizer, &event, "cancelled").await;
    let (code, printed, said) = run(&app, &["refund-cancelled", "--dry-run", "--json"]).await;
    assert_eq!((code, &report(&printed)["bookings"]), (Some(0), &json!(1)), "{said}");
    let (code, printed, said) = run(&app, &["refund-cancelled"]).await;
    assert_eq!(
        (code, printed.as_str()),
        (Some(0), "1 booking refunded, 0 holds cancelled\n"),
        "{said}"
    );
    assert_eq!(app.stack.payments().ledger()[0].state, ChargeState::Refunded);
    app.clean_audit().await;
}

#[tokio::test]
async fn a_seeded_event_is_its_owners_to_edit_and_stays_so() {
    let app = TestApp::start(Setup::default()).await;
    let seed = ["seed", "--events", "1", "--seats", "5", "--label", "own"];
    let owned = |owner| [&seed[..], &["--owner", owner]].concat();
    let (code, _, said) = run(&app, &owned("bob@example.org")).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("has no account, make one with `ticketctl user create`"), "{said}");
    let account = ["user", "create", "--email", "bob@example.org", "--json", "--role"];
    let (_, printed, _) = run(&app, &[&account[..], &["customer"]].concat()).await;
    let bob: Uuid = serde_json::from_value(report(&printed)["id"].clone()).unwrap();
    let (code, _, said) = run(&app, &owned("bob@example.org")).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`ticketctl user set-role`"), "{said}");
    run(&app, &["user", "set-role", "--email", "bob@example.org", "--role", "organizer"]).await;
    // Seeded without an owner, then with one, then again without.
    for (args, edited) in [
        (seed.to_vec(), StatusCode::FORBIDDEN),
        (owned("BOB@example.org"), StatusCode::OK),
        (seed.to_vec(), StatusCode::OK),
    ] {
        let (_, printed, said) = run(&app, &[&args[..], &["--json"]].concat()).await;
        let path =
            format!("/api/v1/events/{}", report(&printed)["events"][0]["id"].as_str().unwrap());
        let version = app.get(&path, None).await.data::<wire::Event>().version;
        let change = app.call(Method::PATCH, &path).role(bob, Role::Organizer).if_match(version);
        let got = change.json(&json!({"title": "Edited"})).send().await;
        assert_eq!(got.status, edited, "{args:?}: {said}{}", got.body);
    }
}

#[tokio::test]
async fn the_audit_counts_as_people_do_and_says_when_in_utc() {
    let app = TestApp::start(Setup::default()).await;
    app.sql("update seats set reservation_id = gen_random_uuid() where number = 2").await;
    let (code, _, said) = run(&app, &["audit"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.starts_with("1 finding; "), "{said}");
    assert!(said.trim_end().ends_with('Z'), "{said}");
}

#[tokio::test]
async fn a_dry_run_needs_no_payment_provider() {
    let app = TestApp::start(Setup::default()).await;
    let env = [("DATABASE_URL", app.stack.database_url())];
    for command in ["recover-payments", "refund-cancelled"] {
        let (code, printed, said) = run_with(&env, &[command, "--dry-run", "--json"]).await;
        assert_eq!((code, &report(&printed)["dry_run"]), (Some(0), &json!(true)), "{said}");
        let (code, _, said) = run_with(&env, &[command]).await;
        assert_eq!(code, Some(2), "the mock's ledger is somewhere else: {said}");
        assert!(said.contains("--payments"), "{said}");
    }
}

#[tokio::test]
async fn refresh_tokens_that_are_over_are_forgotten_by_the_command_and_no_others() {
    let app = TestApp::start(Setup::default()).await;
    let credentials = json!({"email": "ada@example.org", "password": "correct horse battery"});
    for path in ["register", "login", "login", "login"] {
        let path = format!("/api/v1/auth/{path}");
        let got = app.call(Method::POST, &path).json(&credentials).send().await;
        assert!(got.status.is_success(), "{}", got.body);
    }
    app.sql(
        "update refresh_tokens set expires_at = now() - interval '1 second' where token_sha256 in
         (select token_sha256 from refresh_tokens order by token_sha256 limit 2)",
    )
    .await;
    let (code, printed, said) = run(&app, &["cleanup-tokens", "--dry-run", "--json"]).await;
    let expected = json!({"tokens": 2, "dry_run": true});
    assert_eq!((code, report(&printed)), (Some(0), expected), "{said}");
    let (code, printed, said) = run(&app, &["cleanup-tokens", "--batch", "1"]).await;
    assert_eq!((code, printed.as_str()), (Some(0), "2 refresh tokens forgotten\n"), "{said}");
    let (_, printed, _) = run(&app, &["cleanup-tokens", "--json"]).await;
    assert_eq!(report(&printed), json!({"tokens": 0, "dry_run": false}));
}

#[tokio::test]
async fn before_migrating_every_command_says_so_in_one_line() {
    let app = TestApp::start(Setup::default()).await;
    app.sql("create database bare").await;
    let bare = app.stack.database_url().rsplit_once('/').unwrap().0.to_owned() + "/bare";
    let secret = "a secret of more than thirty-two bytes";
    let env = [("DATABASE_URL", bare.as_str()), ("JWT_SECRET", secret), ("BIND", "127.0.0.1:0")];
    for args in [
        &["serve", "--log", "error"][..],
        &["audit"],
        &["seed", "--events", "1", "--seats", "5"],
        &["user", "create", "--email", "ada@example.org", "--role", "admin"],
        &["user", "set-role", "--email", "ada@example.org", "--role", "admin"],
        &["expire-holds"],
        &["cleanup-idempotency"],
        &["cleanup-tokens", "--dry-run"],
        &["recover-payments", "--dry-run"],
        &["refund-cancelled", "--dry-run"],
    ] {
        let (code, printed, said) = run_with(&env, args).await;
        assert_eq!((code, printed.as_str()), (Some(4), ""), "{args:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{args:?}: {said}");
        assert!(said.starts_with("error: the schema lacks 0001 "), "{args:?}: {said}");
        assert!(said.trim_end().ends_with("run `ticketctl migrate`"), "{args:?}: {said}");
    }
    let (code, _, said) = run_with(&env, &["migrate"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, _, said) = run_with(&env, &["audit"]).await;
    assert_eq!(code, Some(0), "{said}");
}
