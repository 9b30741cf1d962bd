//! Random calls of the control API while data flows: none panics or hangs, and the listing is always right.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Rig, connect, round_trip, within};
use crate::toxiproxy::toxics::TOXICS;

/// Clients that send and receive until the set is dropped; what comes back, if anything, is of no interest.
fn traffic(listen: &str, clients: usize) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let listen = listen.to_owned();
        tasks.spawn(async move {
            loop {
                drop(tokio::time::timeout(Duration::from_millis(50), talk(&listen)).await);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
    }
    tasks
}

async fn talk(listen: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(listen).await?;
    let mut back = [0; 3000];
    loop {
        stream.write_all(&[1; 3000]).await?;
        if stream.read(&mut back).await? == 0 {
            return Ok(());
        }
    }
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
        let shown: BTreeMap<_, _> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|toxic| (toxic["name"].as_str().unwrap().to_owned(), toxic["attributes"].clone()))
            .collect();
        let expected: BTreeMap<_, _> = model
            .iter()
            .map(|(name, (_, attributes))| (name.clone(), attributes.clone()))
            .collect();
        assert_eq!(shown, expected);
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
