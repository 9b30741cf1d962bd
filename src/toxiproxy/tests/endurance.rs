//! Many changes, connections and bytes at once: nothing panics, hangs, loses count or grows without bound.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::{Rig, connect, drain, round_trip};
use crate::toxiproxy::budget;
use crate::toxiproxy::toxics::TOXICS;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_under_traffic_lose_nothing() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    let (mut read, mut write) = stream.split();
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let send = async {
        let mut count = 0;
        let mut bytes = (0..251).cycle();
        while stopped.try_recv().is_err() {
            write.write_all(&[bytes.next().unwrap(); 1000]).await.unwrap();
            count += 1;
        }
        write.write_all(&[255]).await.unwrap();
        count
    };
    let receive = async {
        let mut all = Vec::new();
        while all.last() != Some(&255) {
            let mut part = [0; 16_384];
            let len = read.read(&mut part).await.unwrap();
            assert_ne!(len, 0, "closed after {} bytes", all.len());
            all.extend_from_slice(&part[..len]);
        }
        all
    };
    let change = async {
        for cycle in 0..1000 {
            let kind = ["latency", "slicer", "bandwidth", "packet_loss", "noop"][cycle % 5];
            let attributes = match kind {
                "packet_loss" => json!({ "loss": 30, "retransmit": 3 }),
                // Each takes what it knows of these.
                _ => json!({ "latency": 5, "jitter": 5, "average_size": 300, "rate": 50_000 }),
            };
            let stream = ["upstream", "downstream"][cycle % 2];
            let toxic = json!({
                "name": "it", "type": kind, "stream": stream, "attributes": attributes,
            });
            rig.add("db", &toxic.to_string()).await;
            rig.ok("DELETE", "/proxies/db/toxics/it", "").await;
        }
        stop.send(()).unwrap();
    };
    let work = Box::pin(async { tokio::join!(send, receive, change) });
    let (count, received, ()) = tokio::time::timeout(Duration::from_mins(1), work).await.unwrap();
    assert_eq!(received.len(), count * 1000 + 1);
    let mut pieces = received.chunks_exact(1000).zip((0..251).cycle());
    assert!(pieces.all(|(piece, byte)| piece == [byte; 1000]), "the data changed on its way");
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_connections_are_served_at_once_and_a_change_reaches_all() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut streams = Vec::new();
    for _ in 0..400 {
        streams.push(connect(&listen).await);
    }
    for stream in &mut streams {
        round_trip(stream, b"hello").await;
    }
    rig.add("db", r#"{"type":"latency","name":"slow","attributes":{"latency":20}}"#).await;
    for stream in &mut streams[..20] {
        assert!(round_trip(stream, b"hello").await >= Duration::from_millis(20));
    }
    rig.ok("POST", "/proxies/db", r#"{"enabled":false}"#).await;
    assert_eq!(rig.metric("ticketctl_proxy_connections_cut_total", &["proxy=\"db\""]).await, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_never_accepts_holds_up_nobody_else() {
    let rig = Rig::new().await;
    // The kernel drops what a full backlog cannot take, so that dialling hangs.
    let hanging = TcpSocket::new_v4().unwrap();
    hanging.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let hanging = hanging.listen(1).unwrap();
    let target = hanging.local_addr().unwrap().to_string();
    let listen = rig.proxy_to("dead", &target).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        stuck.push(connect(&listen).await);
    }
    // All are taken although the first of them are still being dialled.
    let accepted = ["proxy=\"dead\""];
    rig.metric_reaches("ticketctl_proxy_connections_total", &accepted, |count| count == 20).await;
    let latency = r#"{"type":"latency","attributes":{"latency":5}}"#;
    rig.add("dead", latency).await;
    let other = rig.proxy("alive").await;
    round_trip(&mut connect(&other).await, b"hello").await;
    let start = Instant::now();
    rig.ok("POST", "/proxies/dead", r#"{"enabled":false}"#).await;
    assert!(start.elapsed() < Duration::from_secs(2), "stopping waits for a dial");
    for stream in &mut stuck {
        assert_eq!(drain(stream).await.0, b"");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_holds_up_neither_the_api_nor_others() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let stuck = Duration::from_millis(50);
    let block = vec![0; 1024 * 1024];
    for kind in TOXICS.iter().map(|kind| kind.name) {
        let mut silent = connect(&listen).await;
        while tokio::time::timeout(stuck, silent.write_all(&block)).await.is_ok() {}
        for stream in ["upstream", "downstream"] {
            let toxic = json!({ "type": kind, "name": "it", "stream": stream });
            let start = Instant::now();
            rig.add("db", &toxic.to_string()).await;
            rig.ok("PATCH", "/proxies/db/toxics/it", "{}").await;
            rig.ok("DELETE", "/proxies/db/toxics/it", "").await;
            assert!(start.elapsed() < Duration::from_millis(900), "{kind} {:?}", start.elapsed());
        }
        round_trip(&mut connect(&listen).await, b"hello").await;
    }
    rig.ok("DELETE", "/proxies/db", "").await;
    let refused = TcpStream::connect(&listen).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_delay_holds_no_more_than_its_share_of_memory() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let toxic = r#"{"type":"latency","stream":"upstream","attributes":{"latency":60000}}"#;
    rig.add("db", toxic).await;
    let mut stream = connect(&listen).await;
    let data = vec![0; 1024 * 1024];
    // The kernel's buffers take some megabytes more than the link holds.
    let stuck = Duration::from_millis(300);
    while tokio::time::timeout(stuck, stream.write_all(&data)).await.is_ok() {}
    let received =
        rig.metric("toxiproxy_proxy_received_bytes_total", &["direction=\"upstream\""]).await;
    let share = budget::LINK_BYTES_MAX as u64;
    assert!((share * 9 / 10..share + 200_000).contains(&received), "it holds {received} bytes");
}
