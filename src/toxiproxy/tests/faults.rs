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
