//! What each toxic does to live data, and the evidence it leaves.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Rig, connect, drain, round_trip, within};

const BYTES: &str = "ticketctl_toxic_bytes_affected_total";
const CONNECTIONS: &str = "ticketctl_toxic_connections_affected_total";

#[tokio::test(flavor = "multi_thread")]
async fn latency_delays_each_direction_and_the_delays_add_up() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    assert!(round_trip(&mut stream, b"hello").await < Duration::from_millis(90));
    rig.add("db", r#"{"type":"latency","stream":"upstream","attributes":{"latency":40}}"#).await;
    rig.add("db", r#"{"type":"latency","attributes":{"latency":30}}"#).await;
    rig.add("db", r#"{"type":"latency","name":"more","attributes":{"latency":20}}"#).await;
    let took = round_trip(&mut stream, b"hello").await;
    assert!((90..500).contains(&took.as_millis()), "{took:?}");
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
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_larger_than_every_buffer_comes_out_whole() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"latency","attributes":{"latency":50}}"#).await;
    rig.add("db", r#"{"type":"latency","stream":"upstream","attributes":{"latency":50}}"#).await;
    let took = bulk(&mut connect(&listen).await, 5_000_000).await;
    assert!(took >= Duration::from_millis(100), "{took:?}");
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
        assert!(start.elapsed() < Duration::from_secs(1), "{method} {:?}", start.elapsed());
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
        rig.add("db", r#"{"type":"latency","toxicity":0.5,"attributes":{"latency":60}}"#).await;
        let mut slow = Vec::new();
        for _ in 0..24 {
            let mut stream = connect(&listen).await;
            slow.push(round_trip(&mut stream, b"hello").await >= Duration::from_millis(60));
        }
        choices.push(slow);
    }
    assert!(choices[0].contains(&true) && choices[0].contains(&false), "{:?}", choices[0]);
    assert_eq!(choices[0], choices[1]);
    assert_ne!(choices[0], choices[2]);
}

/// Sends `len` bytes and takes them back; returns how long that took.
async fn bulk(stream: &mut TcpStream, len: usize) -> Duration {
    let start = Instant::now();
    let data: Vec<u8> = (0..251).cycle().take(len).collect();
    let mut back = vec![0; len];
    let (mut read, mut write) = stream.split();
    let (sent, received) =
        within(async { tokio::join!(write.write_all(&data), read.read_exact(&mut back)) }).await;
    sent.unwrap();
    received.unwrap();
    assert!(back == data, "the data changed on its way");
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn bandwidth_keeps_the_rate_and_blocks_at_zero() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"bandwidth","name":"slow","attributes":{"rate":1000}}"#).await;
    let mut stream = connect(&listen).await;
    let took = bulk(&mut stream, 300_000).await;
    assert!((290..900).contains(&took.as_millis()), "{took:?}");
    rig.metric_reaches(BYTES, &["toxic=\"slow\""], |bytes| bytes == 300_000).await;

    rig.ok("PATCH", "/proxies/db/toxics/slow", r#"{"attributes":{"rate":0}}"#).await;
    stream.write_all(b"held").await.unwrap();
    rig.metric_reaches(BYTES, &["toxic=\"slow\""], |bytes| bytes == 300_004).await;
    let mut back = [0; 4];
    let early = tokio::time::timeout(Duration::from_millis(50), stream.read_exact(&mut back)).await;
    assert!(early.is_err(), "rate 0 lets data through");
    rig.ok("DELETE", "/proxies/db/toxics/slow", "").await;
    within(stream.read_exact(&mut back)).await.unwrap();
    assert_eq!(&back, b"held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_bandwidth_is_shared() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"shared_bandwidth","attributes":{"rate":1000}}"#).await;
    let (mut one, mut other) = (connect(&listen).await, connect(&listen).await);
    let start = Instant::now();
    tokio::join!(bulk(&mut one, 150_000), bulk(&mut other, 150_000));
    let took = start.elapsed();
    assert!((290..900).contains(&took.as_millis()), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slicer_cuts_replies_into_pieces_with_pauses() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let slicer = r#"{"type":"slicer","attributes":{"average_size":100,"delay":5000}}"#;
    rig.add("db", slicer).await;
    let mut stream = connect(&listen).await;
    let start = Instant::now();
    stream.write_all(&[1; 1000]).await.unwrap();
    let (mut pieces, mut received) = (0, 0);
    while received < 1000 {
        received += within(stream.read(&mut [0; 2000])).await.unwrap();
        pieces += 1;
    }
    assert_eq!(pieces, 16);
    assert!(start.elapsed() >= Duration::from_millis(15 * 5));
    assert_eq!(rig.metric(BYTES, &["type=\"slicer\""]).await, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn limit_data_passes_so_much_and_closes() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"limit_data","name":"cap","attributes":{"bytes":5}}"#).await;
    let mut stream = connect(&listen).await;
    stream.write_all(b"hello world").await.unwrap();
    assert_eq!(drain(&mut stream).await, (b"hello".to_vec(), false));
    assert_eq!(rig.metric(BYTES, &["toxic=\"cap\""]).await, 6);

    rig.ok("PATCH", "/proxies/db/toxics/cap", r#"{"attributes":{"bytes":0}}"#).await;
    let mut stream = connect(&listen).await;
    let early = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut [0; 1])).await;
    assert!(early.is_err(), "it closes at the first byte, not on connect");
    stream.write_all(b"x").await.unwrap();
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_come_late_and_in_order() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let loss = r#"{"type":"packet_loss","attributes":{"loss":50,"retransmit":40}}"#;
    rig.add("db", loss).await;
    let mut stream = connect(&listen).await;
    let mut late = 0;
    for _ in 0..40 {
        late += u32::from(round_trip(&mut stream, b"hello").await >= Duration::from_millis(40));
    }
    assert!((8..32).contains(&late), "{late} of 40 at 50 %");
    assert_eq!(rig.metric(BYTES, &["type=\"packet_loss\""]).await, u64::from(late) * 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_response_leaves_the_request_carried_out() {
    let rig = Rig::new().await;
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listen = rig.proxy_to("db", &upstream.local_addr().unwrap().to_string()).await;
    rig.add("db", r#"{"type":"drop_response","attributes":{"close_after":50}}"#).await;
    let mut client = connect(&listen).await;
    client.write_all(b"book it").await.unwrap();
    let (mut server, _) = within(upstream.accept()).await.unwrap();
    let mut request = [0; 7];
    within(server.read_exact(&mut request)).await.unwrap();
    assert_eq!(&request, b"book it");
    server.write_all(b"booked").await.unwrap();
    assert_eq!(drain(&mut client).await, (Vec::new(), false));
    assert_eq!(rig.metric(BYTES, &["type=\"drop_response\""]).await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_survives_drop_response() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"hello").await;
    rig.add("db", r#"{"type":"drop_response","name":"mute"}"#).await;
    rig.ok("DELETE", "/proxies/db/toxics/mute", "").await;
    round_trip(&mut stream, b"hello").await;
}
