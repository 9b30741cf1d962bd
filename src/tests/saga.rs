//! Money follows seats, whatever dies in between.

use std::time::Duration;

use reqwest::StatusCode;
use uuid::Uuid;

use super::app::{PRICE_CENTS, Setup, TestApp, key};
use crate::wire::{self, ChargeState};

/// Confirms while the provider captures and never answers: what a server that dies after the charge leaves behind.
async fn confirm_without_answer(app: &TestApp, user: Uuid, key: &str, reservation: Uuid) {
    let captured = app.stack.payments().trap_next_capture("test");
    let got = app.confirm(user, key, reservation).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{}", got.body);
    captured.await.unwrap();
}

fn ledger(app: &TestApp) -> Vec<(i64, ChargeState)> {
    app.stack.payments().ledger().iter().map(|charge| (charge.amount_cents, charge.state)).collect()
}

fn impatient() -> Setup {
    Setup { payment_timeout: Duration::from_millis(200), ..Setup::default() }
}

#[tokio::test]
async fn a_charge_whose_answer_was_lost_becomes_the_booking_it_was_meant_for() {
    let app = TestApp::start(impatient()).await;
    let (user, key) = (Uuid::new_v4(), key());
    let held = app.held(user, &[app.seats[0]]).await;
    confirm_without_answer(&app, user, &key, held.id).await;
    let asked = app.confirm(user, &key, held.id).await;
    assert_eq!((asked.status, asked.reason().as_str()), (StatusCode::CONFLICT, "idempotency_key"));
    assert_eq!(app.run_job("recover-payments").await, [1, 0]);
    let told = app.confirm(user, &key, held.id).await;
    assert_eq!((told.status, told.replayed), (StatusCode::CREATED, true));
    assert_eq!(ledger(&app), [(PRICE_CENTS, ChargeState::Captured)]);
    assert_eq!(app.clean_audit().await.bookings.len(), 1);
    assert_eq!(app.run_job("recover-payments").await, [0, 0]);
}

#[tokio::test]
async fn a_charge_whose_hold_ran_out_is_refunded_and_the_seat_is_free() {
    let app = TestApp::start(impatient()).await;
    let (user, key) = (Uuid::new_v4(), key());
    let held = app.held(user, &[app.seats[0]]).await;
    confirm_without_answer(&app, user, &key, held.id).await;
    assert_eq!(app.cancel(user, held.id).await.status, StatusCode::OK);
    assert_eq!(app.run_job("recover-payments").await, [1, 0]);
    let told = app.confirm(user, &key, held.id).await;
    assert_eq!(
        (told.status, told.reason().as_str(), told.replayed),
        (StatusCode::GONE, "refunded", true)
    );
    assert_eq!(ledger(&app), [(PRICE_CENTS, ChargeState::Refunded)]);
    let audit = app.clean_audit().await;
    assert_eq!((audit.bookings.len(), audit.payments[0].state.name()), (0, "refunded"));
    app.held(Uuid::new_v4(), &[app.seats[0]]).await;
}

#[tokio::test]
async fn two_servers_that_recover_at_once_end_a_payment_once() {
    let app = TestApp::start(impatient()).await;
    let mut users = Vec::new();
    for seat in app.seats.iter().take(3) {
        let user = Uuid::new_v4();
        let held = app.held(user, &[*seat]).await;
        confirm_without_answer(&app, user, &key(), held.id).await;
        users.push(user);
    }
    let (one, two) = tokio::join!(app.run_job("recover-payments"), app.run_job("recover-payments"));
    assert_eq!(one[0] + two[0], 3);
    assert_eq!(app.clean_audit().await.bookings.len(), 3);
    assert!(ledger(&app).iter().all(|charge| *charge == (PRICE_CENTS, ChargeState::Captured)));
}

#[tokio::test]
async fn a_payment_that_was_recorded_and_never_sent_is_charged_while_the_hold_lives_and_dropped_after()
 {
    for (hold, status, charges) in
        [("lives", StatusCode::CREATED, 1), ("is over", StatusCode::GONE, 0)]
    {
        let app = TestApp::start(Setup {
            payment_timeout: Duration::from_millis(200),
            ..Setup::default()
        })
        .await;
        let (user, key) = (Uuid::new_v4(), key());
        let held = app.held(user, &[app.seats[0]]).await;
        // What step 1 writes; the process is taken to have died right after it.
        let begun = {
            let mut connection = app.context.storage.connection().await.unwrap();
            let new = crate::storage::payments::NewPayment {
                id: crate::domain::PaymentId(Uuid::new_v4()),
                reservation: crate::domain::ReservationId(held.id),
                user: crate::domain::UserId(user),
                key: &crate::domain::IdempotencyKey::parse(&key).unwrap(),
                hash: crate::domain::RequestHash([0; 32]),
                method: "card",
                in_progress_ttl_seconds: 60,
            };
            crate::storage::payments::start(&mut connection, &new).await.unwrap()
        };
        assert_eq!(begun.map(|payment| payment.amount.get()), Some(PRICE_CENTS));
        if hold == "is over" {
            app.sql("update reservations set expires_at = now()").await;
        }
        app.sql("update payments set worked_at = now() - interval '1 minute'").await;
        assert_eq!(app.run_job("recover-payments").await, [1, 0], "the hold {hold}");
        let told: wire::IdempotencyStatus =
            app.get(&format!("/api/v1/idempotency/{key}"), Some(user)).await.data();
        assert_eq!(told.status_code, Some(status.as_u16()), "the hold {hold}");
        assert_eq!(ledger(&app).len(), charges, "the hold {hold}");
        app.run_job("expire-holds").await;
        app.clean_audit().await;
    }
}

#[tokio::test]
async fn a_reservation_is_paid_for_once_whatever_keys_its_owner_sends() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let held = app.held(user, &[app.seats[0]]).await;
    let keys: Vec<String> = (0..20).map(|_| key()).collect();
    let answers =
        futures_util::future::join_all(keys.iter().map(|key| app.confirm(user, key, held.id)))
            .await;
    assert_eq!(answers.iter().filter(|got| got.status == StatusCode::CREATED).count(), 1);
    let refused = answers.iter().filter(|got| got.status != StatusCode::CREATED);
    for got in refused {
        assert_eq!(
            (got.status, got.reason().as_str()),
            (StatusCode::CONFLICT, "already_paying"),
            "{}",
            got.body
        );
    }
    assert_eq!(ledger(&app), [(PRICE_CENTS, ChargeState::Captured)]);
    app.clean_audit().await;
}

#[tokio::test]
async fn a_cancellation_and_a_confirmation_at_once_leave_either_a_sale_or_nothing() {
    let app = TestApp::start(Setup::default()).await;
    for seat in app.seats.iter().take(10) {
        let user = Uuid::new_v4();
        let held = app.held(user, &[*seat]).await;
        let confirm_key = key();
        let (confirmed, cancelled) =
            tokio::join!(app.confirm(user, &confirm_key, held.id), app.cancel(user, held.id));
        let ends = (confirmed.status, cancelled.status);
        assert!(
            matches!(
                ends,
                (StatusCode::CREATED, StatusCode::GONE) | (StatusCode::GONE, StatusCode::OK)
            ),
            "{ends:?}"
        );
    }
    let captured: i64 = ledger(&app)
        .iter()
        .filter(|(_, state)| *state == ChargeState::Captured)
        .map(|(cents, _)| cents)
        .sum();
    let audit = app.clean_audit().await;
    assert_eq!(captured, audit.bookings.iter().map(|booking| booking.total_cents).sum::<i64>());
}
