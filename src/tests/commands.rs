//! Jobs as an operator runs them: the built program, beside a server.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::process::Command;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use crate::stack::payments::PaymentBehaviour;
use crate::wire::ChargeState;

/// Runs a command on the app's stores; its exit code, what it printed, and what it said.
pub async fn run(app: &TestApp, args: &[&str]) -> (Option<i32>, String, String) {
    let exe = std::env::current_exe().unwrap().parent().unwrap().with_file_name("ticketctl");
    let output = Command::new(exe)
        .args(args)
        .env("DATABASE_URL", app.stack.database_url())
        .env("PAYMENTS", "simulator")
        .env("PAYMENTS_URL", format!("{}/test", app.stack.payments().url()))
        .env("PAYMENT_TIMEOUT", "1s")
        .env("RECOVERY_IDLE", "1100ms")
        .output();
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
async fn an_event_called_off_is_given_back_by_the_command() {
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
        (Some(0), "1 bookings and 0 holds given back\n"),
        "{said}"
    );
    assert_eq!(app.stack.payments().ledger()[0].state, ChargeState::Refunded);
    app.clean_audit().await;
}
