//! What holds of every kind of fault, whichever the tables have: it is told apart and described as it is read, its settings
//! survive in the plan, and a toxic claims what it did and no more.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use toml::de::DeTable;

use super::tests::{TestRun, fault};
use super::{Fault, Reachable, all, run_all};
use crate::harness::parsing::Section;
use crate::harness::parsing::problem::Problems;
use crate::harness::plan::{FaultPlan, Plan, Settings, sample};
use crate::harness::summary::Strike;
use crate::toxiproxy::{Attribute, Effect, Kind, TOXICS};

/// Reads a kind's own keys; the settings, and everything that is wrong with them.
fn read(kind: &dyn Fault, text: &str) -> (Settings, String) {
    let document = DeTable::parse(text).unwrap();
    let problems = Problems::default();
    let mut section = Section::new(document.get_ref(), 0..0, &problems);
    let target = sample().target;
    let settings = kind.read(&mut section, &Reachable { target: Some(&target), events: 1 });
    section.done();
    let error = problems.into_result(std::path::Path::new("x.toml"), text).err();
    (settings, error.map_or_else(String::new, |error| error.to_string()))
}

#[test]
fn every_kind_has_a_name_of_its_own_and_describes_the_keys_that_it_reads() {
    let names: BTreeSet<_> = all().map(Fault::name).collect();
    assert_eq!(names.len(), all().count(), "{names:?}");
    for kind in all() {
        assert!(!kind.summary().is_empty(), "{}", kind.name());
        let described: BTreeSet<String> = kind
            .keys()
            .iter()
            .map(|key| key.name.split('.').next().unwrap().to_owned())
            .chain(["proxy", "process", "event", "attributes"].map(str::to_owned))
            .collect();
        let (_, problems) = read(kind, "zzz = 1");
        let valid = problems.split("unknown key \"zzz\"; valid names: ").nth(1).unwrap();
        let read: BTreeSet<_> = valid.lines().next().unwrap().split(", ").collect();
        for key in kind.keys() {
            let key = key.name.split('.').next().unwrap();
            assert!(read.contains(key), "{} does not read {key}", kind.name());
        }
        for key in read {
            assert!(described.contains(key), "{} does not describe {key}", kind.name());
        }
    }
}

#[test]
fn every_kind_s_settings_survive_in_the_plan() {
    let faults = all().map(|kind| {
        let (settings, _) = read(kind, "proxy = \"redis\"");
        FaultPlan { kind: kind.name().to_owned(), settings, ..sample().faults.remove(0) }
    });
    let plan = Plan { faults: faults.collect(), ..sample() };
    let text = toml::to_string(&plan).unwrap();
    assert_eq!(toml::from_str::<Plan>(&text).unwrap(), plan, "{text}");
    let hops = super::hops(&plan).unwrap();
    assert_eq!(hops.len(), 8, "{hops:?}");
}

/// A value with which the toxic does something to what [`talk`] says.
fn value(attribute: &Attribute) -> i64 {
    let (least, most) = (*attribute.range.start(), *attribute.range.end());
    if attribute.is_required { 100.clamp(least, most) } else { attribute.default }
}

/// A toxic on a proxy of its own.
fn toxic(kind: &Kind, number: usize) -> FaultPlan {
    let attributes = kind.attributes.iter().map(|each| format!("{} = {}", each.name, value(each)));
    let attributes = attributes.collect::<Vec<_>>().join(", ");
    let settings = format!(
        "proxy = \"client.server-{number}\"\nstream = \"downstream\"\ntoxicity = 1.0\n\
         attributes = {{ {attributes} }}"
    );
    FaultPlan { duration: Duration::from_millis(800), ..fault(kind.name, &settings) }
}

/// Connects, says something, listens for a while and closes, until dropped.
async fn talk(address: &str) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(address).await {
            let conversation = async {
                stream.write_all(&[7; 4096]).await?;
                stream.read_exact(&mut [0; 4096]).await
            };
            // Whether it is answered is the fault's business.
            drop(timeout(Duration::from_millis(150), conversation).await);
        }
        sleep(Duration::from_millis(5)).await;
    }
}

fn verb(kind: &Kind) -> &'static str {
    match kind.effect {
        Effect::Bytes(verb) | Effect::Connections(verb) => verb,
        Effect::Nothing => "it does nothing",
    }
}

fn check(found: &[Strike], does_something: impl Fn(&Kind) -> bool) {
    assert_eq!(found.len(), TOXICS.len());
    for (kind, found) in TOXICS.iter().zip(found) {
        let is_told = found.evidence.starts_with(verb(kind));
        assert!(found.is_seen == does_something(kind) && is_told, "{}: {found:?}", kind.name);
    }
}

#[tokio::test]
async fn every_toxic_sees_what_it_does_to_a_connection_in_use_and_nothing_where_it_is_idle() {
    let run = TestRun::start(u32::try_from(TOXICS.len()).unwrap()).await;
    let faults: Vec<_> = (1..).zip(TOXICS).map(|(number, kind)| toxic(kind, number)).collect();

    let mut idle = Vec::new();
    for address in &run.clients {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    // The proxies have dialled on when the faults strike.
    check(&run_all(&faults, &run.context()).await, |_| false);
    drop(idle);

    let talking = futures_util::future::join_all(run.clients.iter().map(|each| talk(each)));
    let found = tokio::select! {
        _ = talking => unreachable!("they talk until dropped"),
        found = async { run_all(&faults, &run.context()).await } => found,
    };
    check(&found, |kind| kind.effect != Effect::Nothing);
    run.stop().await;
}
