//! Chains of toxics without sockets or waiting: time is an argument, so every delay can be tried.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::toxiproxy::metrics::Metrics;
use crate::toxiproxy::toxic::Direction;
use crate::toxiproxy::toxics::{Attributes, Kind, TOXICS};

/// Toxics that may hold data back, but never drop it.
const KEEP_DATA: &[&str] = &[
    "noop",
    "latency",
    "bandwidth",
    "slow_close",
    "slicer",
    "packet_loss",
    "slow_connect",
    "shared_bandwidth",
];

fn kind(name: &str) -> &'static Kind {
    TOXICS.iter().find(|kind| kind.name == name).unwrap()
}

fn toxic(id: u64, kind: &'static Kind, values: &[i64]) -> Arc<Toxic> {
    let names = kind.attributes.iter().map(|attribute| attribute.name);
    let attributes: BTreeMap<_, _> = names.zip(values.iter().copied()).collect();
    Arc::new(Toxic {
        id,
        revision: 0,
        name: format!("{}-{id}", kind.name),
        kind,
        direction: Direction::Upstream,
        stream: "upstream".to_owned(),
        toxicity: 1.0,
        attributes: Attributes(attributes),
        stages: Arc::new((kind.stages)()),
        affected: Metrics::new().affected("db", "x", kind.name, "upstream"),
    })
}

fn chain(toxics: &[Arc<Toxic>], now: Instant) -> Chain {
    let proxy = "db".to_owned();
    let mut chain = Chain::new(LinkId { seed: 7, proxy, connection: 1, direction: "upstream" });
    chain.apply(toxics.iter(), now);
    chain
}

fn collect(chain: &mut Chain, into: &mut Vec<u8>) {
    while let Some(chunk) = chain.output().pop() {
        into.extend_from_slice(&chunk.data);
    }
}

/// Any whole number, the odd ones often.
fn attribute() -> impl Strategy<Value = i64> {
    prop_oneof![-3..200_i64, Just(i64::MIN), Just(i64::MAX), any::<i64>(),]
}

/// Types by name with values for their attributes, as many as any type has.
fn settings(names: Vec<&'static str>) -> impl Strategy<Value = Vec<(&'static str, Vec<i64>)>> {
    let one = (proptest::sample::select(names), prop::collection::vec(attribute(), 3));
    prop::collection::vec(one, 0..5)
}

fn build(settings: &[(&'static str, Vec<i64>)]) -> Vec<Arc<Toxic>> {
    let numbered = (0..).zip(settings);
    numbered.map(|(id, (name, values))| toxic(id, kind(name), values)).collect()
}

proptest! {
    #[test]
    fn what_toxics_hold_back_comes_out_whole_and_in_order_when_they_go(
        settings in settings(KEEP_DATA.to_vec()),
        sizes in prop::collection::vec(1..5000_usize, 1..8),
        steps in prop::collection::vec(0..50_u64, 0..20),
    ) {
        let mut now = Instant::now();
        let mut chain = chain(&build(&settings), now);
        let (mut sent, mut received) = (Vec::new(), Vec::new());
        for size in sizes {
            let data: Vec<u8> = (0..251).cycle().take(size).collect();
            sent.extend_from_slice(&data);
            chain.push(data.into(), now);
        }
        chain.finish();
        for step in steps {
            now += Duration::from_millis(step);
            let next = chain.advance(now);
            prop_assert!(next.is_none_or(|next| next > now), "it asks to be called at once");
            collect(&mut chain, &mut received);
        }
        chain.apply([].iter(), now);
        chain.advance(now);
        collect(&mut chain, &mut received);
        prop_assert!(received == sent, "{} of {} bytes", received.len(), sent.len());
        prop_assert_eq!(chain.output().end(), Some(End::Close));
        prop_assert_eq!(chain.held(), 0);
    }

    #[test]
    fn no_setting_of_any_toxic_panics_or_adds_data(
        settings in settings(TOXICS.iter().map(|kind| kind.name).collect()),
        steps in prop::collection::vec(0..500_u64, 1..20),
    ) {
        let toxics = build(&settings);
        let mut now = Instant::now();
        let mut chain = chain(&toxics, now);
        let mut received = Vec::new();
        let mut sent = 0;
        for step in steps {
            chain.push(vec![1; 1000].into(), now);
            sent += 1000;
            now += Duration::from_millis(step);
            let next = chain.advance(now);
            prop_assert!(next.is_none_or(|next| next > now), "it asks to be called at once");
            collect(&mut chain, &mut received);
            let changed: Vec<_> = toxics
                .iter()
                .map(|toxic| Arc::new(Toxic { revision: step, ..(**toxic).clone() }))
                .collect();
            chain.apply(changed.iter(), now);
        }
        prop_assert!(received.len() <= sent);
    }
}

#[test]
fn a_full_chain_takes_no_more_until_something_leaves() {
    let now = Instant::now();
    let mut chain = chain(&[toxic(0, kind("bandwidth"), &[0])], now);
    let capacity = kind("bandwidth").capacity;
    while chain.has_room() {
        chain.push(vec![0; 1000].into(), now);
        chain.advance(now);
    }
    assert!((capacity..capacity + 1100).contains(&chain.held()), "{}", chain.held());
    chain.apply([].iter(), now);
    assert_eq!(chain.held(), chain.output().cost());
}

#[test]
fn a_reset_overtakes_data_held_back_behind_it() {
    let now = Instant::now();
    let toxics = [toxic(0, kind("reset_peer"), &[50]), toxic(1, kind("latency"), &[60_000])];
    let mut chain = chain(&toxics, now);
    // Put in behind the first toxic, as if it had come before that one was added.
    chain.slots[1].input.push(Chunk { data: "held".into(), arrived: now });
    chain.push("bait".into(), now);
    assert_eq!(chain.advance(now), Some(now + Duration::from_millis(50)));
    chain.advance(now + Duration::from_millis(50));
    assert_eq!(chain.output().end(), Some(End::Reset));
}

#[test]
fn a_limit_is_counted_across_changes() {
    let now = Instant::now();
    let limit = toxic(0, kind("limit_data"), &[10]);
    let mut chain = chain(std::slice::from_ref(&limit), now);
    let mut received = Vec::new();
    chain.push("123456".into(), now);
    chain.advance(now);
    let mut changed = (*limit).clone();
    changed.revision = 1;
    changed.attributes.0.insert("bytes", 8);
    chain.apply([&Arc::new(changed)].into_iter(), now);
    chain.push("789abc".into(), now);
    chain.advance(now);
    collect(&mut chain, &mut received);
    assert_eq!(received, b"12345678");
    assert_eq!(chain.output().end(), Some(End::Close));
}

#[test]
fn how_data_was_cut_does_not_decide_whom_a_toxic_chooses() {
    let now = Instant::now();
    let fates = |cuts: usize| {
        let mut fates = Vec::new();
        let mut toxic = (*toxic(0, kind("latency"), &[0, 50])).clone();
        toxic.toxicity = 0.5;
        let mut chain = chain(&[Arc::new(toxic.clone())], now);
        for revision in 1..40 {
            for _ in 0..cuts {
                chain.push("data".into(), now);
                chain.advance(now + Duration::from_secs(1));
            }
            toxic.revision = revision;
            chain.apply([&Arc::new(toxic.clone())].into_iter(), now);
            fates.push(chain.slots[0].active);
        }
        fates
    };
    assert!(fates(0).contains(&true) && fates(0).contains(&false));
    assert_eq!(fates(0), fates(3));
}

#[test]
fn a_link_that_ends_gives_back_its_part_of_a_shared_bandwidth() {
    let now = Instant::now();
    let shared = toxic(0, kind("shared_bandwidth"), &[10]);
    let mut chains: Vec<_> = (0..100).map(|_| chain(std::slice::from_ref(&shared), now)).collect();
    for chain in &mut chains {
        chain.push(vec![0; 1000].into(), now);
        chain.advance(now);
    }
    let mut last = chains.pop().unwrap();
    drop(chains);
    assert!(last.advance(now).is_some());
    last.advance(now + Duration::from_millis(100));
    assert_eq!(last.output().pop().unwrap().data.len(), 1000);
}

#[test]
fn small_pieces_move_in_turns_and_all_arrive() {
    let now = Instant::now();
    let toxics = [toxic(0, kind("slicer"), &[1]), toxic(1, kind("latency"), &[60_000])];
    let mut chain = chain(&toxics, now);
    chain.push(vec![7; ONE_READ].into(), now);
    let mut turns = 0;
    while turns == 0 || chain.needs_another_turn() {
        let before = chain.slots[1].input.cost();
        chain.advance(now);
        let moved = (chain.slots[1].input.cost() - before) / 129;
        assert!(moved <= 256, "{moved} pieces in one turn");
        turns += 1;
    }
    assert!(turns >= ONE_READ / 256, "{turns}");
    chain.apply([].iter(), now);
    let mut received = Vec::new();
    collect(&mut chain, &mut received);
    assert_eq!(received.len(), ONE_READ);
}

#[test]
fn toxics_in_the_middle_come_and_go_without_a_byte_lost() {
    let now = Instant::now();
    let toxics: Vec<_> = (0..6).map(|id| toxic(id, kind("latency"), &[60_000])).collect();
    let mut chain = chain(&toxics[..4], now);
    chain.push("held".into(), now);
    chain.advance(now);
    let left = [&toxics[1], &toxics[3], &toxics[5]];
    chain.apply(left.into_iter(), now);
    let ids: Vec<_> = chain.slots.iter().map(|slot| slot.toxic.id).collect();
    assert_eq!(ids, [1, 3, 5]);
    chain.apply([].iter(), now);
    assert_eq!(chain.output().pop().unwrap().data, "held");
}

#[test]
fn a_slicer_counts_what_it_cut_up_or_held_back_and_nothing_else() {
    let now = Instant::now();
    let metrics = Metrics::new();
    let mut slicer = Arc::unwrap_or_clone(toxic(0, kind("slicer"), &[100, 0, 5000]));
    slicer.affected = metrics.affected("db", "x", "slicer", "upstream");
    let mut chain = chain(&[Arc::new(slicer)], now);
    let counted = || {
        let series = "ticketctl_toxic_bytes_affected_total{";
        let text = metrics.render();
        let line = text.lines().find(|line| line.starts_with(series)).unwrap();
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let mut passes = |len, after_ms| {
        let at = now + Duration::from_millis(after_ms);
        chain.push(vec![7; len].into(), at);
        chain.advance(at);
        counted()
    };
    assert_eq!(passes(100, 0), "0", "it passed whole and at once");
    assert_eq!(passes(30, 20), "0", "the pause was over");
    assert_eq!(passes(20, 21), "20", "it has to wait for the pause to end");
    assert_eq!(passes(150, 100), "170", "it is cut in two");
}
