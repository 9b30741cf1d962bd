//! Without the index that has the last word nobody serves, and nobody is told that all is well.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::app::{Setup, TestApp, key, value};
use super::commands::run;
use crate::clock;
use crate::storage::audit::FindingKind;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

async fn stands(app: &TestApp) -> bool {
    let mut connection = app.context.storage.connection().await.unwrap();
    crate::storage::guard_index::stands(&mut connection).await.unwrap()
}

/// Starts a server that can't serve; its exit code, and what it said.
async fn serve(app: &TestApp, more: &[&str]) -> (Option<i32>, String) {
    let args = [&["serve", "--bind", "127.0.0.1:0", "--jwt-secret", SECRET], more].concat();
    let (code, _, said) = run(app, &args).await;
    (code, said)
}

#[tokio::test]
async fn a_database_without_its_guard_index_is_not_served_until_it_is_migrated() {
    let app = TestApp::start(Setup::default()).await;
    assert!(stands(&app).await);
    app.sql("drop index booking_seats_one_live_sale").await;
    let findings = app.audit().await.findings;
    assert_eq!(
        findings.iter().map(|found| found.kind).collect::<Vec<_>>(),
        [FindingKind::Unguarded]
    );
    let (code, said) = serve(&app, &[]).await;
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("booking_seats_one_live_sale") && said.contains("ticketctl migrate"),
        "{said}"
    );
    let (_, missing, _) = run(&app, &["migrate", "--dry-run", "--json"]).await;
    let missing: Value = serde_json::from_str(&missing).unwrap();
    assert_eq!(missing["migrations"].as_array().unwrap().len(), 1, "{missing}");
    assert!(!stands(&app).await);
    let (code, ..) = run(&app, &["migrate"]).await;
    assert_eq!((code, stands(&app).await), (Some(0), true));
    app.clean_audit().await;
}

#[tokio::test]
async fn an_index_that_refuses_nothing_does_not_stand() {
    let app = TestApp::start(Setup::default()).await;
    app.sql("drop index booking_seats_one_live_sale").await;
    app.sql("create index booking_seats_one_live_sale on booking_seats (seat_id) where live").await;
    assert!(!stands(&app).await);
    assert_eq!(serve(&app, &[]).await.0, Some(4));
    let (code, ..) = run(&app, &["migrate"]).await;
    assert_eq!((code, stands(&app).await), (Some(0), true));
}

#[tokio::test]
async fn a_naive_server_that_cannot_start_leaves_the_index() {
    let app = TestApp::start(Setup::default()).await;
    let (code, said) = serve(&app, &["--strategy", "naive", "--redis-urls", "rubbish"]).await;
    assert_eq!((code, stands(&app).await), (Some(4), true), "{said}");
}

/// Buys one ticket after another until the server has refused twice for want of the guard; how many were sold.
async fn buy_until_unguarded(app: &TestApp, event: Uuid) -> i64 {
    let (mut sold, mut refused) = (0, 0);
    let began = clock::monotonic();
    while refused < 2 {
        assert!(began.elapsed() < Duration::from_secs(20), "it goes on selling");
        let order = json!({"event_id": event, "quantity": 1});
        let got = app.buy(Uuid::new_v4(), &key(), &order).await;
        if got.status == StatusCode::CREATED {
            sold += 1;
        } else {
            assert_eq!(got.refusal(), (503, "unguarded".to_owned()));
            assert!(got.retry_after.is_some());
            refused += 1;
        }
    }
    sold
}

async fn live_sales(app: &TestApp) -> i64 {
    let mut connection = app.context.storage.connection().await.unwrap();
    let count = sqlx::query_scalar("select count(*) from booking_seats where live");
    count.fetch_one(&mut *connection).await.unwrap()
}

/// Takes the index away in the middle of a rush; the sales that were committed before.
async fn drop_in_the_rush(app: &TestApp) -> i64 {
    while live_sales(app).await < 20 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut connection = app.context.storage.connection().await.unwrap();
    sqlx::query("begin").execute(&mut *connection).await.unwrap();
    sqlx::query("drop index booking_seats_one_live_sale").execute(&mut *connection).await.unwrap();
    let count = sqlx::query_scalar("select count(*) from booking_seats where live");
    let sold = count.fetch_one(&mut *connection).await.unwrap();
    sqlx::query("commit").execute(&mut *connection).await.unwrap();
    sold
}

#[tokio::test]
async fn once_the_index_is_gone_not_one_sale_is_made_and_the_server_says_why() {
    let app = TestApp::start(Setup::default()).await;
    let event = app.general_event(Uuid::new_v4(), 5000, None).await.id;
    let buyers = join_all((0..16).map(|_| buy_until_unguarded(&app, event)));
    let (sold, at_the_drop) = tokio::join!(buyers, drop_in_the_rush(&app));
    let sold: i64 = sold.iter().sum();
    assert_eq!((sold, live_sales(&app).await), (at_the_drop, at_the_drop));
    let ready = app.get("/health/ready", None).await;
    let body = value(&ready.body);
    assert_eq!((ready.status.as_u16(), &body["ready"]), (503, &json!(false)));
    assert_eq!(body["postgres"], json!("up"));
    let reason = body["reason"].as_str().unwrap();
    assert!(
        reason.contains("booking_seats_one_live_sale") && reason.contains("ticketctl migrate"),
        "{reason}"
    );
    // Nobody is charged for what can't be sold.
    let charged = app.stack.payments().ledger().len();
    let held = app.hold(Uuid::new_v4(), &key(), &app.seats[..1], 60).await;
    assert_eq!(held.refusal(), (503, "unguarded".to_owned()));
    assert_eq!(buy_until_unguarded(&app, event).await, 0);
    assert_eq!(app.stack.payments().ledger().len(), charged);
    // It comes back, and what was charged in between is sold.
    assert_eq!(run(&app, &["migrate"]).await.0, Some(0));
    app.run_job("watch-guard").await;
    let ready = app.get("/health/ready", None).await;
    assert_eq!((ready.status, value(&ready.body).get("reason")), (StatusCode::OK, None));
    app.sql("update payments set worked_at = now() - interval '1 minute'").await;
    app.run_job_in("recover-payments", 50).await;
    assert_eq!(usize::try_from(live_sales(&app).await), Ok(charged));
    app.clean_audit().await;
}

#[tokio::test]
async fn a_server_without_the_guard_starts_beside_nobody_who_counts_on_it() {
    let mut app = TestApp::start(Setup::default()).await;
    let naive = ["--strategy", "naive"];
    app.held(Uuid::new_v4(), &app.seats[..1]).await;
    let (code, said) = serve(&app, &naive).await;
    assert_eq!((code, stands(&app).await), (Some(2), true), "{said}");
    assert!(said.contains("holds or sales that were made with it"), "{said}");
    app.process(&[]).await;
    for is_gone in [false, true] {
        if is_gone {
            app.stack.kill("server-1").await.unwrap();
        }
        let (code, said) = serve(&app, &naive).await;
        assert_eq!((code, stands(&app).await), (Some(2), true), "{said}");
        assert!(said.contains("a server that counts on it serves this database"), "{said}");
    }
}

#[tokio::test]
async fn after_a_server_without_the_guard_one_with_it_starts_when_it_is_back() {
    let mut app = TestApp::start(Setup { strategy: "naive", ..Setup::default() }).await;
    assert_eq!(run(&app, &["migrate"]).await.0, Some(0));
    app.url = app.process(&[]).await;
    assert!(!stands(&app).await, "it takes the index away");
    let held = app.held(Uuid::new_v4(), &app.seats[..1]).await;
    assert_eq!(app.confirm(held.user_id, &key(), held.id).await.status, StatusCode::CREATED);
    app.stack.kill("server-1").await.unwrap();
    // What it left it may go on with.
    app.stack.restart("server-1").await.unwrap();
    app.stack.kill("server-1").await.unwrap();
    let (code, said) = serve(&app, &[]).await;
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("ticketctl migrate"), "{said}");
    app.sql(
        "insert into booking_seats (booking_id, seat_id, ticket_number, price_cents)
         select gen_random_uuid(), seat_id, 'again', price_cents from booking_seats limit 1",
    )
    .await;
    let (code, _, said) = run(&app, &["migrate"]).await;
    assert_eq!((code, stands(&app).await), (Some(4), false), "{said}");
    assert!(said.contains("sold twice") && said.contains("ticketctl audit"), "{said}");
    app.sql("delete from booking_seats where ticket_number = 'again'").await;
    assert_eq!(run(&app, &["migrate"]).await.0, Some(0));
    assert!(stands(&app).await);
}
