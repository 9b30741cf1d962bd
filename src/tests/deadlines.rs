//! What begins in a hold's last moment and ends after it: the clock is made to run out while a row is busy.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use super::app::{Got, Setup, TestApp, key};
use crate::wire;

/// A row that somebody else keeps busy.
struct Busy(PgConnection);

impl Busy {
    /// One seat of the hold.
    async fn seat_of(app: &TestApp, hold: Uuid) -> Self {
        Self::lock(
            app,
            "select id from seats where reservation_id = $1 order by id limit 1 for update",
            hold,
        )
        .await
    }

    /// The hold itself.
    async fn hold(app: &TestApp, hold: Uuid) -> Self {
        Self::lock(app, "select 1::bigint from reservations where id = $1 for update", hold).await
    }

    async fn lock(app: &TestApp, statement: &'static str, hold: Uuid) -> Self {
        let mut connection = PgConnection::connect(app.stack.database_url()).await.unwrap();
        sqlx::query("begin").execute(&mut connection).await.unwrap();
        sqlx::query_scalar::<_, i64>(statement)
            .bind(hold)
            .fetch_one(&mut connection)
            .await
            .unwrap();
        Self(connection)
    }

    async fn release(mut self) {
        sqlx::query("rollback").execute(&mut self.0).await.unwrap();
    }
}

/// Waits until so many statements wait for a lock; false when they don't in time.
async fn waiting(app: &TestApp, count: i64) -> bool {
    let mut connection = app.context.storage.connection().await.unwrap();
    let deadline = crate::clock::monotonic() + Duration::from_secs(1);
    let statement = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(statement).fetch_one(&mut *connection).await.unwrap() < count
    {
        if crate::clock::monotonic() > deadline {
            return false;
        }
    }
    true
}

/// Waits until the hold's time is over, by the database's clock.
async fn over(app: &TestApp, hold: Uuid) {
    let mut connection = app.context.storage.connection().await.unwrap();
    let statement =
        "select pg_sleep(extract(epoch from expires_at - clock_timestamp()) + 0.01) is null
                     from reservations where id = $1";
    sqlx::query(statement).bind(hold).execute(&mut *connection).await.unwrap();
}

async fn extend(app: &TestApp, user: Uuid, hold: Uuid) -> Got {
    app.call(Method::POST, &format!("/api/v1/reservations/{hold}/extend")).user(user).send().await
}

/// What the owner of a hold does in its last moment, and a second hold of as many tickets as one may have, begun after its
/// end: of the two exactly one gets through.
async fn one_of_two<'a, F: Future<Output = Got>>(
    app: &'a TestApp,
    user: Uuid,
    last_moment: impl FnOnce(&'a TestApp, Uuid) -> F,
) {
    app.sql("update events set tickets_per_user_max = 4").await;
    let first: wire::Reservation = app.hold(user, &key(), &app.seats[..4], 2).await.data();
    let busy = Busy::seat_of(app, first.id).await;
    let (first, second) = tokio::join!(last_moment(app, first.id), async {
        assert!(waiting(app, 1).await);
        over(app, first.id).await;
        let key = key();
        let second = app.hold(user, &key, &app.seats[4..8], 60);
        // A second hold that nothing keeps waiting has not seen the first one.
        let (second, ()) = tokio::join!(second, async {
            waiting(app, 2).await;
            busy.release().await;
        });
        second
    });
    let through = [&first, &second].into_iter().filter(|got| got.status.is_success()).count();
    assert_eq!(through, 1, "{}\n{}", first.body, second.body);
    app.clean_audit().await;
}

#[tokio::test]
async fn a_limit_counts_a_hold_that_is_extended_in_its_last_moment() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    one_of_two(&app, user, |app, hold| extend(app, user, hold)).await;
}

#[tokio::test]
async fn a_limit_counts_a_hold_that_is_sold_in_its_last_moment() {
    let app = TestApp::start(Setup::default()).await;
    let user = Uuid::new_v4();
    one_of_two(&app, user, async |app, hold| app.confirm(user, &key(), hold).await).await;
}

#[tokio::test]
async fn a_hold_that_lost_a_seat_while_it_was_to_be_extended_is_not_extended() {
    for strategy in ["row_lock", "optimistic"] {
        let app = TestApp::start(Setup { strategy, ..Setup::default() }).await;
        let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
        let seats = [app.seats[0], app.seats[1]];
        let first: wire::Reservation = app.hold(one, &key(), &seats, 2).await.data();
        let busy = Busy::hold(&app, first.id).await;
        let (extended, second) = tokio::join!(extend(&app, one, first.id), async {
            assert!(waiting(&app, 1).await);
            over(&app, first.id).await;
            let second = app.hold(two, &key(), &[app.seats[0]], 60).await;
            busy.release().await;
            second
        });
        assert_eq!(second.status, StatusCode::CREATED, "{}", second.body);
        assert_eq!(extended.refusal(), (410, "reservation_ended".to_owned()), "{strategy}");
    }
}

#[tokio::test]
async fn a_seat_whose_hold_is_extended_is_taken_by_nobody_who_saw_it_run_out() {
    let app = TestApp::start(Setup { strategy: "optimistic", ..Setup::default() }).await;
    let (one, two) = (Uuid::new_v4(), Uuid::new_v4());
    let seats = [app.seats[0], app.seats[1]];
    let first: wire::Reservation = app.hold(one, &key(), &seats, 2).await.data();
    let busy = Busy::seat_of(&app, first.id).await;
    let (again, wanted) = (key(), [app.seats[0]]);
    let (extended, second) = tokio::join!(extend(&app, one, first.id), async {
        assert!(waiting(&app, 1).await);
        over(&app, first.id).await;
        let (second, ()) = tokio::join!(app.hold(two, &again, &wanted, 60), async {
            assert!(waiting(&app, 2).await);
            busy.release().await;
        });
        second
    });
    let both = (extended.status.is_success(), second.status.is_success());
    assert_ne!(both, (true, true), "{}\n{}", extended.body, second.body);
}
