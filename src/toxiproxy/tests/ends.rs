//! How connections begin and end under toxics: dialled late, closed late, reset, or given up by one side.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Rig, connect, drain, round_trip, within};

const BYTES: &str = "ticketctl_toxic_bytes_affected_total";
const CONNECTIONS: &str = "ticketctl_toxic_connections_affected_total";

#[tokio::test(flavor = "multi_thread")]
async fn slow_close_delays_the_end_and_not_the_data() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"slow_close","attributes":{"delay":150}}"#).await;
    let mut stream = connect(&listen).await;
    assert!(round_trip(&mut stream, b"hello").await < Duration::from_millis(150));
    assert_eq!(rig.metric(CONNECTIONS, &["type=\"slow_close\""]).await, 0);
    let start = Instant::now();
    stream.shutdown().await.unwrap();
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
    assert!((150..900).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(rig.metric(CONNECTIONS, &["type=\"slow_close\""]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_peer_resets_both_sides_of_a_live_connection() {
    let rig = Rig::new().await;
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = rig.proxy_to("db", &upstream.local_addr().unwrap().to_string()).await;
    let mut client = connect(&listen).await;
    let (mut server, _) = within(upstream.accept()).await.unwrap();
    client.write_all(b"before").await.unwrap();
    within(server.read_exact(&mut [0; 6])).await.unwrap();

    rig.add("db", r#"{"type":"reset_peer","stream":"upstream","attributes":{"timeout":40}}"#).await;
    let start = Instant::now();
    client.write_all(b"bait").await.unwrap();
    assert_eq!(drain(&mut client).await, (Vec::new(), true));
    assert!((40..900).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    assert_eq!(drain(&mut server).await, (Vec::new(), true));
    assert_eq!(rig.metric(BYTES, &["type=\"reset_peer\""]).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_peer_that_never_fires_leaves_ends_in_order() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"reset_peer","toxicity":0}"#).await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"hello").await;
    stream.shutdown().await.unwrap();
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_connect_delays_new_connections_only() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut open = connect(&listen).await;
    round_trip(&mut open, b"hello").await;
    rig.add("db", r#"{"type":"slow_connect","attributes":{"delay":100}}"#).await;
    assert!(round_trip(&mut open, b"hello").await < Duration::from_millis(100));
    assert_eq!(rig.metric(CONNECTIONS, &["type=\"slow_connect\""]).await, 0);
    let took = round_trip(&mut connect(&listen).await, b"hello").await;
    assert!((100..900).contains(&took.as_millis()), "{took:?}");
    assert_eq!(rig.metric(CONNECTIONS, &["type=\"slow_connect\""]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_slow_connect_dials_at_once_and_loses_nothing() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    for sends_before in [false, true] {
        rig.add("db", r#"{"type":"slow_connect","name":"late","attributes":{"delay":60000}}"#)
            .await;
        let mut stream = connect(&listen).await;
        if sends_before {
            stream.write_all(b"early ").await.unwrap();
        }
        let affected = 1 + u64::from(sends_before);
        rig.metric_reaches(CONNECTIONS, &["toxic=\"late\""], |count| count == affected).await;
        rig.ok("DELETE", "/proxies/db/toxics/late", "").await;
        stream.write_all(b"hello").await.unwrap();
        let expected: &[u8] = if sends_before { b"early hello" } else { b"hello" };
        let mut back = vec![0; expected.len()];
        within(stream.read_exact(&mut back)).await.unwrap();
        assert_eq!(back, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_not_held_by_slow_connect() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"slow_connect","attributes":{"delay":60000}}"#).await;
    let mut staying = connect(&listen).await;
    for data in [&b""[..], b"unread"] {
        let mut leaving = connect(&listen).await;
        leaving.write_all(data).await.unwrap();
        leaving.shutdown().await.unwrap();
        assert_eq!(drain(&mut leaving).await.0, b"");
    }
    // A connection counts until its task has ended, which is just after its sockets have closed.
    tokio::time::sleep(Duration::from_millis(50)).await;
    rig.ok("POST", "/proxies/db", r#"{"enabled":false}"#).await;
    let cut = rig.metric("ticketctl_proxy_connections_cut_total", &["proxy=\"db\""]).await;
    assert_eq!(cut, 1, "only one was still there");
    assert_eq!(drain(&mut staying).await.0, b"");
}

/// An upstream that answers once and closes.
async fn answer_and_close(upstream: &TcpListener) {
    let (mut server, _) = within(upstream.accept()).await.unwrap();
    within(server.read_exact(&mut [0; 7])).await.unwrap();
    server.write_all(b"booked").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_closes_after_a_dropped_reply_does_not_give_it_away() {
    let rig = Rig::new().await;
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = rig.proxy_to("db", &upstream.local_addr().unwrap().to_string()).await;
    rig.add("db", r#"{"type":"drop_response","name":"mute","attributes":{"close_after":300}}"#)
        .await;
    let mut client = connect(&listen).await;
    client.write_all(b"book it").await.unwrap();
    answer_and_close(&upstream).await;
    let start = Instant::now();
    assert_eq!(drain(&mut client).await, (Vec::new(), false));
    assert!(start.elapsed() >= Duration::from_millis(290), "closed after {:?}", start.elapsed());

    rig.ok("PATCH", "/proxies/db/toxics/mute", r#"{"attributes":{"close_after":0}}"#).await;
    let mut client = connect(&listen).await;
    client.write_all(b"book it").await.unwrap();
    answer_and_close(&upstream).await;
    rig.metric_reaches(BYTES, &["toxic=\"mute\""], |bytes| bytes == 12).await;
    let early = tokio::time::timeout(Duration::from_millis(100), client.read(&mut [0; 1])).await;
    assert!(early.is_err(), "the client is told at once");
    client.shutdown().await.unwrap();
    assert_eq!(drain(&mut client).await, (Vec::new(), false), "nobody waits any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_a_hole_never_goes_on() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"drop_response","name":"mute"}"#).await;
    let (mut holed, mut whole) = (connect(&listen).await, connect(&listen).await);
    holed.write_all(b"lost").await.unwrap();
    rig.metric_reaches(BYTES, &["toxic=\"mute\""], |bytes| bytes == 4).await;
    rig.ok("PATCH", "/proxies/db/toxics/mute", r#"{"toxicity":0}"#).await;
    assert_eq!(drain(&mut holed).await, (Vec::new(), false));
    round_trip(&mut whole, b"hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_is_held_is_held_anew_when_slow_close_changes() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"slow_close","name":"late","attributes":{"delay":60000}}"#).await;
    let mut stream = connect(&listen).await;
    stream.shutdown().await.unwrap();
    rig.metric_reaches(CONNECTIONS, &["toxic=\"late\""], |count| count == 1).await;
    let start = Instant::now();
    rig.ok("PATCH", "/proxies/db/toxics/late", r#"{"attributes":{"delay":150}}"#).await;
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
    assert!((150..5000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_reset_give_up_what_waits_for_them() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"shared_bandwidth","attributes":{"rate":10}}"#).await;
    let mut leaving = Vec::new();
    for _ in 0..100 {
        let mut stream = connect(&listen).await;
        stream.write_all(&[1; 1000]).await.unwrap();
        leaving.push(stream);
    }
    rig.metric_reaches(BYTES, &["type=\"shared_bandwidth\""], |bytes| bytes >= 100_000).await;
    let mut staying = connect(&listen).await;
    let staying = round_trip(&mut staying, b"hello");
    let leave = async {
        for stream in leaving {
            stream.set_zero_linger().unwrap();
        }
    };
    let (took, ()) = tokio::join!(staying, leave);
    assert!(took < Duration::from_secs(4), "it waited {took:?} for those who had gone");
}
