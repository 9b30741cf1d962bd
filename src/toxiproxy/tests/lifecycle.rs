//! Starting, stopping, moving and counting: what happens to listeners and connections, not to their data.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Rig, connect, drain, round_trip, within};

#[tokio::test(flavor = "multi_thread")]
async fn data_passes_and_is_counted_while_the_connection_lives() {
    let rig = Rig::new().await;
    let mut stream = connect(&rig.proxy("db").await).await;
    round_trip(&mut stream, &vec![7; 100_000]).await;
    for direction in ["upstream", "downstream"] {
        for name in ["toxiproxy_proxy_received_bytes_total", "toxiproxy_proxy_sent_bytes_total"] {
            let label = format!("direction=\"{direction}\"");
            rig.metric_reaches(name, &[&label, "proxy=\"db\""], |bytes| bytes == 100_000).await;
        }
    }
    assert_eq!(rig.metric("ticketctl_proxy_connections_total", &["proxy=\"db\""]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_proxy_cuts_its_connections_and_refuses_new_ones() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = connect(&listen).await;
        round_trip(&mut stream, b"hello").await;
        streams.push(stream);
    }
    rig.ok("POST", "/proxies/db", r#"{"enabled":false}"#).await;
    for stream in &mut streams {
        assert_eq!(drain(stream).await, (Vec::new(), false));
    }
    let refused = TcpStream::connect(&listen).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(rig.metric("ticketctl_proxy_connections_cut_total", &["proxy=\"db\""]).await, 5);
    let view = rig.ok("POST", "/proxies/db", r#"{"enabled":true}"#).await;
    assert_eq!(view["listen"], listen.as_str());
    round_trip(&mut connect(&listen).await, b"again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_without_a_difference_keeps_connections() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"one").await;
    let port = listen.rsplit_once(':').unwrap().1;
    let body = format!(r#"{{"listen":"localhost:{port}","enabled":true}}"#);
    rig.ok("PATCH", "/proxies/db", &body).await;
    round_trip(&mut stream, b"two").await;
    rig.ok("PATCH", "/proxies/db", r#"{"upstream":"127.0.0.1:1"}"#).await;
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_fails_leaves_the_proxy_stopped_at_its_new_address() {
    let rig = Rig::new().await;
    rig.proxy("db").await;
    let body = format!(r#"{{"listen":"{}"}}"#, rig.upstream);
    let answer = rig.call("POST", "/proxies/db", &body).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    let view = rig.ok("GET", "/proxies/db", "").await;
    assert_eq!(view["enabled"], false);
    assert_eq!(view["listen"], rig.upstream.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_upstream_is_away_is_closed_in_order() {
    let rig = Rig::new().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let listen = rig.proxy_to("db", &gone.to_string()).await;
    let mut stream = connect(&listen).await;
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
    assert_eq!(rig.metric("ticketctl_proxy_dial_failures_total", &["proxy=\"db\""]).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_urgent_data_is_not_left_lying() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    for _ in 0..100 {
        let mut stream = connect(&listen).await;
        stream.write_all(b"ab").await.unwrap();
        SockRef::from(&stream).send_out_of_band(b"c").unwrap();
        stream.write_all(b"de").await.unwrap();
        let mut back = [0; 4];
        within(stream.read_exact(&mut back)).await.unwrap();
        assert_eq!(&back, b"abde");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_client_closes_the_whole_connection() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    rig.add("db", r#"{"type":"latency","attributes":{"latency":50}}"#).await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"hello").await;
    stream.shutdown().await.unwrap();
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn shutting_down_closes_every_port_and_connection() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"hello").await;
    let control = rig.running.addr();
    let Rig { running, http, .. } = rig;
    drop(http);
    within(running.shutdown()).await;
    assert_eq!(drain(&mut stream).await, (Vec::new(), false));
    for address in [listen, control.to_string()] {
        let refused = TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_request_does_not_hold_up_the_end() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    round_trip(&mut stream, b"hello").await;
    let mut caller = connect(&rig.running.addr().to_string()).await;
    caller.write_all(b"GET /vers").await.unwrap();
    // Only what the server has read from is a request in flight.
    rig.ok("GET", "/version", "").await;
    let Rig { running, http: _kept_alive, .. } = rig;
    let start = Instant::now();
    let ended = async {
        assert_eq!(drain(&mut stream).await, (Vec::new(), false));
        start.elapsed()
    };
    let ((), proxies_ended) = tokio::join!(running.shutdown(), ended);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(proxies_ended < Duration::from_secs(1), "proxies serve on for {proxies_ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_without_a_host_is_on_this_machine() {
    let rig = Rig::new().await;
    for host in ["", "localhost", "127.0.0.1"] {
        let listen = rig.proxy_to("db", &format!("{host}:{}", rig.upstream.port())).await;
        round_trip(&mut connect(&listen).await, b"hello").await;
        rig.ok("DELETE", "/proxies/db", "").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_server_frees_its_ports_although_a_client_keeps_its_connection() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let Rig { running, http: _kept_alive, .. } = rig;
    drop(running);
    let freed = async {
        while TcpStream::connect(&listen).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    within(freed).await;
}
