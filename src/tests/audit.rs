//! What must not be is found: damage done by hand, and each finding it has to give.

use reqwest::StatusCode;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use crate::storage::audit::FindingKind;

async fn with_one_sale() -> TestApp {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    let held = app.held(user, &[app.seats[0]]).await;
    assert_eq!(app.confirm(user, &key(), held.id).await.status, StatusCode::CREATED);
    app.clean_audit().await;
    app
}

async fn found(app: &TestApp) -> Vec<FindingKind> {
    app.audit().await.findings.iter().map(|finding| finding.kind).collect()
}

#[tokio::test]
async fn a_seat_sold_twice_is_found_with_its_place_and_both_buyers() {
    let app = with_one_sale().await;
    app.sql("drop index booking_seats_one_live_sale").await;
    app.sql(
        "with r as (insert into reservations (id, event_id, user_id, seat_ids, state, total_cents, expires_at,
                                              idempotency_key)
                    select gen_random_uuid(), event_id, gen_random_uuid(), seat_ids, state, total_cents, expires_at, 'x'
                    from reservations returning id, event_id, user_id),
              p as (insert into payments (id, reservation_id, user_id, idempotency_key, amount_cents, payment_method,
                                          state, step)
                    select gen_random_uuid(), id, user_id, 'x', 2500, 'card', 'captured', 'done' from r),
              b as (insert into bookings (id, reference, reservation_id, event_id, user_id, state, total_cents,
                                          idempotency_key)
                    select gen_random_uuid(), 'SECOND', id, event_id, user_id, 'confirmed', 2500, 'x' from r
                    returning id)
         insert into booking_seats (booking_id, seat_id, ticket_number, price_cents)
         select b.id, seat_id, 'other', price_cents from b, booking_seats",
    )
    .await;
    let audit = app.audit().await;
    assert_eq!(
        audit.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(),
        [FindingKind::Unguarded, FindingKind::DoubleSell]
    );
    let detail = &audit.findings[1].detail;
    assert!(detail.contains("row 1, number 1) was sold 2 times"), "{detail}");
    assert!(
        audit.bookings.iter().all(|booking| detail.contains(&booking.user_id.to_string())),
        "{detail}"
    );
}

#[tokio::test]
async fn a_seat_blocked_by_a_reservation_that_is_not_live_is_found() {
    let app = with_one_sale().await;
    app.held(Uuid::new_v4(), &[app.seats[1]]).await;
    app.held(Uuid::new_v4(), &[app.seats[2]]).await;
    app.sql("update seats set reservation_id = gen_random_uuid() where number = 2").await;
    app.sql("update reservations set expires_at = now() - interval '1 hour' where state = 'held'")
        .await;
    assert_eq!(found(&app).await, [FindingKind::OrphanedHold; 2]);
}

#[tokio::test]
async fn a_booking_without_its_payment_and_a_payment_without_its_booking_are_found() {
    let app = with_one_sale().await;
    app.sql("update payments set amount_cents = amount_cents - 1").await;
    assert_eq!(found(&app).await, [FindingKind::BookingWithoutPayment]);
    app.sql("update bookings set state = 'cancelled'").await;
    assert_eq!(found(&app).await, [FindingKind::PaymentWithoutBooking]);
}

#[tokio::test]
async fn a_total_that_is_not_what_the_seats_cost_is_found() {
    let app = with_one_sale().await;
    app.held(Uuid::new_v4(), &[app.seats[1], app.seats[2]]).await;
    // As where one seat of several is counted.
    app.sql("update reservations set total_cents = 2500 where cardinality(seat_ids) = 2").await;
    let audit = app.audit().await;
    assert_eq!(found(&app).await, [FindingKind::WrongTotal]);
    let detail = &audit.findings[0].detail;
    assert!(detail.ends_with("is over 2500 cents, and its seats cost 5000"), "{detail}");
    app.sql("update seats set price_cents = 1 where booking_id is not null").await;
    assert_eq!(found(&app).await.len(), 3, "the sale's reservation and booking, too");
}

#[tokio::test]
async fn a_user_with_more_tickets_than_the_event_allows_is_found() {
    let app = with_one_sale().await;
    let sale = app.audit().await.bookings.remove(0);
    app.held(sale.user_id, &[app.seats[1], app.seats[2]]).await;
    app.held(Uuid::new_v4(), &[app.seats[3], app.seats[4]]).await;
    app.sql("update events set tickets_per_user_max = 3").await;
    assert_eq!(found(&app).await, []);
    app.sql("update events set tickets_per_user_max = 2").await;
    let audit = app.audit().await;
    assert_eq!(audit.findings.len(), 1, "{:?}", audit.findings);
    assert_eq!(audit.findings[0].kind, FindingKind::TicketLimit);
    let detail = &audit.findings[0].detail;
    assert!(detail.starts_with(&format!("user {} has 3 tickets", sale.user_id)), "{detail}");
    app.sql("update reservations set expires_at = now() where state = 'held'").await;
    assert_eq!(found(&app).await, [], "a hold that is over is nobody's");
}

#[tokio::test]
async fn what_is_held_or_sold_of_an_event_called_off_is_found_once_its_time_is_over() {
    let app = with_one_sale().await;
    app.held(Uuid::new_v4(), &[app.seats[1]]).await;
    app.sql("update events set status = 'cancelled', cancelled_at = now()").await;
    assert_eq!(found(&app).await, [], "the job may still come round");
    app.sql("update events set cancelled_at = now() - interval '1 minute'").await;
    assert_eq!(found(&app).await, [FindingKind::SoldAfterCancel; 2]);
}
