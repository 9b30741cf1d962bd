//! What each toxic does to live data, and the evidence it leaves.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::toxiproxy::tests::{Rig, connect, drain, round_trip, within};

const BYTES: &str = "ticketctl_toxic_bytes_affected_total";
const CONNECTIONS: &str = "ticketctl_toxic_connections_affected_total";

#[tokio::test(flavor = "multi_thread")]
async fn latency_delays_each_direction_and_the_delays_add_up() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    assert!(round_trip(&mut stream, b"hello").await < Duration::from_millis(30));
    rig.add("db", r#"{"type":"latency","stream":"upstream","attributes":{"latency":40}}"#).await;
    rig.add("db", r#"{"type":"latency","attributes":{"latency":30}}"#).await;
    rig.add("db", r#"{"type":"latency","name":"more","attributes":{"latency":20}}"#).await;
    let took = round_trip(&mut stream, b"hello").await;
    assert!((90..120).contains(&took.as_millis()), "{took:?}");
    let labels = ["toxic=\"more\"", "type=\"latency\"", "stream=\"downstream\"", "proxy=\"db\""];
    assert_eq!(rig.metric(BYTES, &labels).await, 5);
    assert_eq!(rig.metric(CONNECTIONS, &labels).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn queued_chunks_share_their_delay_and_keep_their_order() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"latency","attributes":{"latency":100,"jitter":50}}"#).await;
    let mut stream = connect(&listen).await;
    let sent: Vec<u8> = (0..50).collect();
    let start = Instant::now();
    for byte in &sent {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut received = vec![0; sent.len()];
    within(stream.read_exact(&mut received)).await.unwrap();
    assert_eq!(received, sent);
    assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_or_changing_latency_releases_what_it_holds() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    for (method, body) in [("DELETE", ""), ("PATCH", r#"{"attributes":{"latency":100}}"#)] {
        rig.ok("POST", "/reset", "").await;
        rig.add("db", r#"{"type":"latency","name":"slow","attributes":{"latency":60000}}"#).await;
        let before = rig.metric(BYTES, &["toxic=\"slow\""]).await;
        let mut stream = connect(&listen).await;
        stream.write_all(b"held").await.unwrap();
        rig.metric_reaches(BYTES, &["toxic=\"slow\""], |bytes| bytes == before + 4).await;
        rig.ok(method, "/proxies/db/toxics/slow", body).await;
        let mut back = [0; 4];
        let start = Instant::now();
        within(stream.read_exact(&mut back)).await.unwrap();
        assert!(start.elapsed() < Duration::from_millis(50), "{method} {:?}", start.elapsed());
    }
    assert_eq!(rig.metric(BYTES, &["toxic=\"slow\""]).await, 8, "counts survive the toxic");
}

#[tokio::test(flavor = "multi_thread")]
async fn latency_of_nothing_affects_nothing() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"latency"}"#).await;
    round_trip(&mut connect(&listen).await, b"hello").await;
    assert_eq!(rig.metric(BYTES, &["proxy=\"db\""]).await, 0);
    assert_eq!(rig.metric(CONNECTIONS, &["proxy=\"db\""]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn timeout_drops_data_and_closes_after_the_silence() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"timeout","stream":"upstream","attributes":{"timeout":150}}"#).await;
    let mut stream = connect(&listen).await;
    let start = Instant::now();
    for _ in 0..5 {
        stream.write_all(b"lost").await.unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
    assert!(start.elapsed() >= Duration::from_millis(4 * 60 + 150), "traffic restarts the clock");
    assert_eq!(rig.metric(BYTES, &["type=\"timeout\""]).await, 20);
    assert_eq!(rig.metric(CONNECTIONS, &["type=\"timeout\""]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_timeout_closes_the_links_it_governed() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"hello").await;
    rig.add("db", r#"{"type":"timeout","name":"hole"}"#).await;
    stream.write_all(b"lost").await.unwrap();
    rig.metric_reaches(BYTES, &["toxic=\"hole\""], |bytes| bytes == 4).await;
    rig.ok("DELETE", "/proxies/db/toxics/hole", "").await;
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
    round_trip(&mut connect(&listen).await, b"again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn toxicity_chooses_the_same_connections_for_the_same_seed() {
    let mut choices = Vec::new();
    for seed in [7, 7, 8] {
        let rig = Rig::seeded(seed).await;
        let listen = rig.proxy("db").await;
        rig.add("db", r#"{"type":"latency","toxicity":0.5,"attributes":{"latency":25}}"#).await;
        let mut slow = Vec::new();
        for _ in 0..24 {
            let mut stream = connect(&listen).await;
            slow.push(round_trip(&mut stream, b"hello").await >= Duration::from_millis(25));
        }
        choices.push(slow);
    }
    assert!(choices[0].contains(&true) && choices[0].contains(&false), "{:?}", choices[0]);
    assert_eq!(choices[0], choices[1]);
    assert_ne!(choices[0], choices[2]);
}
