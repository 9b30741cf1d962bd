//! Without the index that has the last word nobody serves, and nobody is told that all is well.

use serde_json::Value;

use super::app::{Setup, TestApp};
use super::commands::run;
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
