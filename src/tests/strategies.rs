//! What every strategy promises: one contract over the whole table. `naive` must break it, or the contract proves
//! nothing.

use std::collections::HashSet;

use futures_util::future::join_all;
use reqwest::StatusCode;
use uuid::Uuid;

use super::app::{Got, PRICE_CENTS, Setup, TestApp, key};
use crate::booking::strategies::{STRATEGIES, StrategyEntry};
use crate::wire;

fn of(strategy: &StrategyEntry) -> Setup {
    Setup { strategy: strategy.name, redis_nodes: 3, ..Setup::default() }
}

fn safe() -> impl Iterator<Item = &'static StrategyEntry> {
    STRATEGIES.iter().copied().filter(|strategy| !strategy.is_unsafe)
}

async fn fifty_on_one_seat(app: &TestApp) -> Vec<Got> {
    let users: Vec<(Uuid, String)> = (0..50).map(|_| (Uuid::new_v4(), key())).collect();
    let seat = [app.seats[0]];
    join_all(users.iter().map(|(user, key)| app.hold(*user, key, &seat, 60))).await
}

fn count(answers: &[Got], status: StatusCode) -> usize {
    answers.iter().filter(|got| got.status == status).count()
}

#[tokio::test]
async fn of_fifty_buyers_of_one_seat_exactly_one_gets_it() {
    for strategy in safe() {
        let app = TestApp::start(of(strategy)).await;
        let answers = fifty_on_one_seat(&app).await;
        assert_eq!(count(&answers, StatusCode::CREATED), 1, "{}", strategy.name);
        assert_eq!(count(&answers, StatusCode::CONFLICT), 49, "{}", strategy.name);
        assert_eq!(app.availability().await.held, 1);
        app.clean_audit().await;
    }
}

#[tokio::test]
async fn the_naive_strategy_sells_one_seat_to_many_and_the_audit_says_so() {
    let app = TestApp::start(Setup { strategy: "naive", ..Setup::default() }).await;
    // With one connection open, whoever comes first is through before the others have theirs.
    let open = join_all((0..8).map(|_| app.context.storage.connection())).await;
    assert!(open.iter().all(Result::is_ok));
    drop(open);
    let buy = async |seat: i64| {
        let user = Uuid::new_v4();
        let held = app.hold(user, &key(), &[seat], 60).await;
        if held.status != StatusCode::CREATED {
            return false;
        }
        let reservation: wire::Reservation = held.data();
        app.confirm(user, &key(), reservation.id).await.status == StatusCode::CREATED
    };
    let mut sold = Vec::new();
    for seat in &app.seats {
        let buyers = join_all((0..50).map(|_| buy(*seat))).await;
        sold.push(buyers.into_iter().filter(|sold| *sold).count());
        if sold.last() > Some(&1) {
            break;
        }
    }
    assert!(sold.last() > Some(&1), "the negative control sold its seats so often: {sold:?}");
    let audit = app.audit().await;
    assert!(
        audit.findings.iter().any(|finding| finding.detail.contains("was sold")),
        "{:?}",
        audit.findings
    );
}

/// Thirty orders of three of the same six seats, half of them in another order.
fn overlapping(app: &TestApp) -> Vec<(Uuid, String, Vec<i64>)> {
    let order = |n: usize| {
        let mut seats = vec![app.seats[n % 6], app.seats[(n + 2) % 6], app.seats[(n + 3) % 6]];
        seats.rotate_left(n % 3);
        (Uuid::new_v4(), key(), seats)
    };
    (0..30).map(order).collect()
}

#[tokio::test]
async fn orders_that_overlap_get_all_their_seats_or_none() {
    for strategy in safe() {
        let name = strategy.name;
        let app = TestApp::start(of(strategy)).await;
        let orders = overlapping(&app);
        let holds = orders.iter().map(|(user, key, seats)| app.hold(*user, key, seats, 60));
        let answers = join_all(holds).await;
        assert!(
            answers
                .iter()
                .all(|got| matches!(got.status, StatusCode::CREATED | StatusCode::CONFLICT))
        );
        let mut taken = HashSet::new();
        let granted =
            answers.iter().zip(&orders).filter(|(got, _)| got.status == StatusCode::CREATED);
        for (got, (_, _, seats)) in granted {
            assert_eq!(got.data::<wire::Reservation>().total_cents, 3 * PRICE_CENTS);
            assert!(seats.iter().all(|seat| taken.insert(*seat)), "{name}: a seat went twice");
        }
        assert!(!taken.is_empty(), "{name}: nobody got anything");
        assert_eq!(app.availability().await.held, i64::try_from(taken.len()).unwrap());
        app.clean_audit().await;
    }
}

#[tokio::test]
async fn a_seat_given_up_or_run_out_can_be_held_again_and_sold_once() {
    for strategy in safe() {
        let app = TestApp::start(of(strategy)).await;
        let (first, second, third) = (Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4());
        let seats = [app.seats[1], app.seats[2]];
        let given_up = app.held(first, &seats).await;
        assert_eq!(app.cancel(first, given_up.id).await.status, StatusCode::OK);
        let run_out = app.held(second, &seats).await;
        app.sql("update reservations set expires_at = now() where state = 'held'").await;
        app.sql("update seats set held_until = now() where reservation_id is not null").await;
        let live = app.held(third, &seats).await;
        assert_eq!(app.confirm(second, &key(), run_out.id).await.status, StatusCode::GONE);
        let sold = app.confirm(third, &key(), live.id).await;
        assert_eq!(sold.status, StatusCode::CREATED, "{}: {}", strategy.name, sold.body);
        let again = app.hold(first, &key(), &seats, 60).await;
        assert_eq!(
            (again.status, again.reason().as_str()),
            (StatusCode::CONFLICT, "seat_unavailable")
        );
        app.run_job("expire-holds").await;
        let audit = app.clean_audit().await;
        assert_eq!((audit.bookings.len(), audit.seats_sold), (1, 2));
    }
}

#[tokio::test]
async fn seats_of_no_event_or_another_one_are_refused_and_none_is_held() {
    for strategy in safe() {
        let app = TestApp::start(of(strategy)).await;
        let got = app.hold(Uuid::new_v4(), &key(), &[app.seats[0], i64::MAX], 60).await;
        assert_eq!(
            (got.status, got.reason().as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, "seat_ids")
        );
        assert_eq!(app.availability().await.held, 0, "{}", strategy.name);
    }
}

#[test]
fn every_strategy_has_a_name_of_its_own_and_says_what_it_is() {
    let names: HashSet<_> = STRATEGIES.iter().map(|strategy| strategy.name).collect();
    assert_eq!(names.len(), STRATEGIES.len());
    assert!(STRATEGIES.iter().all(|strategy| strategy.summary.len() > 20));
    assert_eq!(STRATEGIES.iter().filter(|strategy| strategy.is_unsafe).count(), 1);
}
