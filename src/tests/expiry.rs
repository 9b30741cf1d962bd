//! Ending what ran out.

use reqwest::StatusCode;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};

#[tokio::test]
async fn holds_past_their_time_are_expired_in_batches_and_live_ones_are_not() {
    let app = TestApp::start(Setup::default()).await;
    for seat in &app.seats[..7] {
        app.held(Uuid::new_v4(), &[*seat]).await;
    }
    app.sql(
        "update reservations set expires_at = now() where id in (select id from reservations order by id limit 5)",
    )
    .await;
    assert_eq!(app.due("expire-holds").await, [5]);
    assert_eq!(app.run_job_in("expire-holds", 2).await, [5]);
    assert_eq!(app.run_job_in("expire-holds", 2).await, [0]);
    let audit = app.clean_audit().await;
    assert_eq!(
        audit.reservations.iter().filter(|reservation| reservation.state.name() == "held").count(),
        2
    );
}

#[tokio::test]
async fn expiry_on_many_instances_counts_every_hold_once() {
    let app = TestApp::start(Setup::default()).await;
    for seat in &app.seats {
        app.held(Uuid::new_v4(), &[*seat]).await;
    }
    app.sql("update reservations set expires_at = now()").await;
    let rounds =
        futures_util::future::join_all((0..4).map(|_| app.run_job_in("expire-holds", 3))).await;
    let expired: u64 = rounds.iter().map(|round| round[0]).sum();
    assert_eq!(expired, u64::try_from(app.seats.len()).unwrap());
    app.clean_audit().await;
}

#[tokio::test]
async fn an_expired_hold_blocks_nobody_even_before_the_job_comes_round() {
    let app = TestApp::start(Setup::default()).await;
    let (late, next) = (Uuid::new_v4(), Uuid::new_v4());
    let ran_out = app.held(late, &[app.seats[0]]).await;
    app.sql("update reservations set expires_at = now()").await;
    app.sql("update seats set held_until = now() where held_until is not null").await;
    app.held(next, &[app.seats[0]]).await;
    let got = app.confirm(late, &key(), ran_out.id).await;
    assert_eq!((got.status, got.reason().as_str()), (StatusCode::GONE, "reservation_ended"));
    assert_eq!(app.run_job("expire-holds").await, [1]);
    assert_eq!(app.availability().await.held, 1, "the job took the next buyer's hold away");
    assert_eq!(app.stack.payments().ledger(), []);
}
