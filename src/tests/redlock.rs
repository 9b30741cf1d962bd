//! Leases over real Redis nodes: granted by a majority, kept by their token, refused in the write once outlived.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use uuid::Uuid;

use super::app::{Setup, TestApp, key};
use crate::booking::strategies::WhenLocksUnreachable;
use crate::entropy::Entropy;
use crate::locks::{Acquired, Lease, Node, Redlock, RedlockSettings};

fn setup() -> Setup {
    Setup { strategy: "redlock", redis_nodes: 3, ..Setup::default() }
}

fn redlock(app: &TestApp, ttl: Duration) -> Redlock {
    let nodes: Arc<[Node]> = app
        .stack
        .redis_urls()
        .iter()
        .enumerate()
        .map(|(n, url)| Node::open(&format!("redis-{}", n + 1), url).unwrap())
        .collect();
    let settings = RedlockSettings {
        ttl,
        drift_factor: 0.01,
        retry_count: 1,
        retry_delay: Duration::from_millis(10),
    };
    Redlock::new(nodes, settings)
}

fn names(seats: &[&str]) -> Vec<String> {
    seats.iter().map(|seat| (*seat).to_owned()).collect()
}

async fn lease(locks: &Redlock, entropy: &Entropy, seats: &[&str]) -> Lease {
    match locks.acquire(names(seats), entropy).await {
        Acquired::Lease(lease) => lease,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lease_keeps_others_from_any_of_its_names_until_it_is_released() {
    let app = TestApp::start(setup()).await;
    let (locks, entropy) = (redlock(&app, Duration::from_secs(10)), Entropy::from_seed(7));
    let held = lease(&locks, &entropy, &["a", "b"]).await;
    assert!(
        held.remaining() > Duration::from_secs(9) && held.remaining() < Duration::from_secs(10)
    );
    assert!(matches!(locks.acquire(names(&["b", "c"]), &entropy).await, Acquired::Contended));
    // All or none: the refused order left nothing on c.
    let other = lease(&locks, &entropy, &["c"]).await;
    locks.release(held).await;
    locks.release(lease(&locks, &entropy, &["b", "a"]).await).await;
    locks.release(other).await;
}

#[tokio::test]
async fn a_majority_is_enough_and_less_is_no_lease() {
    let app = TestApp::start(setup()).await;
    let (locks, entropy) = (redlock(&app, Duration::from_secs(10)), Entropy::from_seed(7));
    app.stack.kill("redis-3").await.unwrap();
    let held = lease(&locks, &entropy, &["a"]).await;
    assert!(matches!(locks.acquire(names(&["a"]), &entropy).await, Acquired::Contended));
    locks.release(held).await;
    app.stack.kill("redis-2").await.unwrap();
    assert!(matches!(locks.acquire(names(&["a"]), &entropy).await, Acquired::Unreachable));
}

#[tokio::test]
async fn a_lease_that_ran_out_goes_to_the_next_and_its_old_holder_can_neither_extend_nor_release_it()
 {
    let app = TestApp::start(setup()).await;
    let (locks, entropy) = (redlock(&app, Duration::from_millis(100)), Entropy::from_seed(7));
    let mut outlived = lease(&locks, &entropy, &["a"]).await;
    let mut next = loop {
        if let Acquired::Lease(next) = locks.acquire(names(&["a"]), &entropy).await {
            break next;
        }
    };
    assert_eq!(outlived.remaining(), Duration::ZERO);
    assert!(!locks.extend(&mut outlived).await);
    locks.release(outlived).await;
    assert!(
        locks.extend(&mut next).await,
        "the old holder's release took the next one's lease away"
    );
}

#[tokio::test]
async fn a_write_with_an_older_fencing_token_is_refused() {
    let app = TestApp::start(setup()).await;
    app.sql("update seats set fence = 1000000 where number = 1").await;
    let got = app.hold(Uuid::new_v4(), &key(), &[app.seats[0], app.seats[1]], 60).await;
    assert_eq!((got.status, got.reason().as_str()), (StatusCode::CONFLICT, "seat_contended"));
    assert_eq!(app.availability().await.held, 0);
    app.held(Uuid::new_v4(), &[app.seats[1]]).await;
}

#[tokio::test]
async fn without_a_majority_a_server_degrades_or_refuses_as_it_is_told_and_sells_nothing_twice() {
    for (setting, created) in
        [(WhenLocksUnreachable::Degrade, 1), (WhenLocksUnreachable::Refuse, 0)]
    {
        let app = TestApp::start(Setup { when_locks_unreachable: setting, ..setup() }).await;
        app.stack.kill("redis-1").await.unwrap();
        app.stack.kill("redis-2").await.unwrap();
        let buyers: Vec<(Uuid, String)> = (0..10).map(|_| (Uuid::new_v4(), key())).collect();
        let seat = [app.seats[0]];
        let answers = futures_util::future::join_all(
            buyers.iter().map(|(user, key)| app.hold(*user, key, &seat, 60)),
        )
        .await;
        let won = answers.iter().filter(|got| got.status == StatusCode::CREATED).count();
        assert_eq!(won, created, "{setting:?}");
        let refused =
            if created == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::CONFLICT };
        assert_eq!(
            answers.iter().filter(|got| got.status == refused).count(),
            10 - created,
            "{setting:?}"
        );
        app.clean_audit().await;
    }
}
