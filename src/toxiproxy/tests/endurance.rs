//! Many changes, connections and bytes at once: nothing panics, hangs, loses count or grows without bound.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::toxiproxy::budget;
use crate::toxiproxy::tests::{Rig, connect, round_trip, within};
use crate::toxiproxy::toxics::TOXICS;

/// Sends and receives over and over on connections of its own until it is dropped; what comes back is of no interest.
fn traffic(listen: &str, clients: usize) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let listen = listen.to_owned();
        tasks.spawn(async move {
            loop {
                let Ok(mut stream) = tokio::net::TcpStream::connect(&listen).await else {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    continue;
                };
                let mut back = [0; 3000];
                for _ in 0..20 {
                    let exchange = async {
                        stream.write_all(&[1; 3000]).await?;
                        stream.read(&mut back).await
                    };
                    let limit = Duration::from_millis(20);
                    if !matches!(tokio::time::timeout(limit, exchange).await, Ok(Ok(1..))) {
                        break;
                    }
                }
            }
        });
    }
    tasks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_under_traffic_lose_nothing() {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let mut stream = connect(&listen).await;
    let (mut read, mut write) = stream.split();
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let send = async {
        let mut sent = 0;
        while stopped.try_recv().is_err() {
            write.write_all(&[(sent % 251) as u8; 1000]).await.unwrap();
            sent += 1;
        }
        write.write_all(&[255]).await.unwrap();
        sent
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
            let attributes = json!({
                "latency": 5, "jitter": 5, "average_size": 300, "rate": 50_000, "loss": 30,
                "retransmit": 3,
            });
            let stream = ["upstream", "downstream"][cycle % 2];
            let toxic = json!({
                "name": "it", "type": kind, "stream": stream, "attributes": attributes,
            });
            rig.add("db", &toxic.to_string()).await;
            rig.ok("DELETE", "/proxies/db/toxics/it", "").await;
        }
        stop.send(()).unwrap();
    };
    let work = async { tokio::join!(send, receive, change) };
    let (sent, received, ()) = tokio::time::timeout(Duration::from_mins(1), work).await.unwrap();
    assert_eq!(received.len(), sent * 1000 + 1);
    let pieces = received.chunks_exact(1000).enumerate();
    assert!(pieces.into_iter().all(|(index, piece)| piece == [(index % 251) as u8; 1000]));
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
    let share = budget::LINK as u64;
    assert!((share * 9 / 10..share + 200_000).contains(&received), "it holds {received} bytes");
}

/// One call of the control API.
#[derive(Debug, Clone)]
enum Step {
    Add { name: u8, kind: &'static str, upstream: bool, toxicity: f32, values: Vec<i64> },
    Update { name: u8, values: Vec<i64> },
    Remove { name: u8 },
    Enable(bool),
    Reset,
    Pause(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop_oneof![0..50_i64, Just(-1), Just(0), Just(i64::MAX), Just(i64::MIN)];
    let values = prop::collection::vec(value, 3);
    let kind = proptest::sample::select(TOXICS.iter().map(|kind| kind.name).collect::<Vec<_>>());
    let toxicity = prop_oneof![Just(1.0_f32), Just(0.5), Just(-1.0), Just(2.0)];
    prop_oneof![
        6 => (0..4_u8, kind, any::<bool>(), toxicity, values.clone()).prop_map(
            |(name, kind, upstream, toxicity, values)| {
                Step::Add { name, kind, upstream, toxicity, values }
            }
        ),
        3 => (0..4_u8, values).prop_map(|(name, values)| Step::Update { name, values }),
        3 => (0..4_u8).prop_map(|name| Step::Remove { name }),
        1 => any::<bool>().prop_map(Step::Enable),
        1 => Just(Step::Reset),
        2 => (0..20_u64).prop_map(Step::Pause),
    ]
}

/// What the API should say the toxics are: by name, the type and the attributes.
type Model = BTreeMap<String, (&'static str, Value)>;

fn attributes(kind: &'static str, values: &[i64]) -> Value {
    let kind = TOXICS.iter().find(|known| known.name == kind).unwrap();
    let names = kind.attributes.iter().map(|attribute| attribute.name);
    names.zip(values).map(|(name, value)| (name.to_owned(), json!(value))).collect()
}

async fn take(rig: &Rig, model: &mut Model, step: Step) {
    match step {
        Step::Add { name, kind, upstream, toxicity, values } => {
            let name = format!("t{name}");
            let attributes = attributes(kind, &values);
            let stream = if upstream { "upstream" } else { "downstream" };
            let body = json!({
                "name": name, "type": kind, "stream": stream, "toxicity": toxicity,
                "attributes": attributes,
            });
            let answer = rig.call("POST", "/proxies/db/toxics", &body.to_string()).await;
            let expected = if model.contains_key(&name) { 409 } else { 200 };
            assert_eq!(answer.status, expected, "{body} {answer:?}");
            model.entry(name).or_insert((kind, attributes));
        }
        Step::Update { name, values } => {
            let path = format!("/proxies/db/toxics/t{name}");
            let known = model.get_mut(&format!("t{name}"));
            let attributes = attributes(known.as_ref().map_or("noop", |known| known.0), &values);
            let body = json!({ "attributes": attributes }).to_string();
            let answer = rig.call("PATCH", &path, &body).await;
            assert_eq!(answer.status, if known.is_some() { 200 } else { 404 }, "{answer:?}");
            if let Some(known) = known {
                known.1 = attributes;
            }
        }
        Step::Remove { name } => {
            let answer = rig.call("DELETE", &format!("/proxies/db/toxics/t{name}"), "").await;
            let known = model.remove(&format!("t{name}"));
            assert_eq!(answer.status, if known.is_some() { 204 } else { 404 }, "{answer:?}");
        }
        Step::Enable(enabled) => {
            let body = json!({ "enabled": enabled }).to_string();
            assert_eq!(rig.ok("POST", "/proxies/db", &body).await["enabled"], enabled);
        }
        Step::Reset => {
            rig.ok("POST", "/reset", "").await;
            model.clear();
        }
        Step::Pause(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
    }
}

async fn run(steps: Vec<Step>) {
    let rig = Rig::new().await;
    let listen = rig.proxy("db").await;
    let traffic = traffic(&listen, 8);
    let mut model = Model::new();
    for step in steps {
        let start = Instant::now();
        within(take(&rig, &mut model, step.clone())).await;
        assert!(start.elapsed() < Duration::from_secs(1), "{step:?} took {:?}", start.elapsed());
        let list = rig.ok("GET", "/proxies/db/toxics", "").await;
        let listed: BTreeMap<_, _> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|toxic| (toxic["name"].as_str().unwrap().to_owned(), toxic["attributes"].clone()))
            .collect();
        let expected: BTreeMap<_, _> = model
            .iter()
            .map(|(name, (_, attributes))| (name.clone(), attributes.clone()))
            .collect();
        assert_eq!(listed, expected);
    }
    drop(traffic);
    rig.ok("POST", "/reset", "").await;
    round_trip(&mut connect(&listen).await, b"as if nothing had been").await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_sequence_of_calls_panics_hangs_or_is_listed_wrongly(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run(steps));
    }
}
