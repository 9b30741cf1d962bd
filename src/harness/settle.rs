//! After the load: finds out how requests ended whose clients never knew, by reading each one's idempotency key back as
//! its owner. Changes nothing on the servers; what it can't find out stays unknown.
//!
//! Only to be run when the servers are healed. "No such key" then means that there is no effect and none to come, but
//! only once every request has either arrived or died on its way: so nothing is asked before the longest request timeout
//! after the last unknown request was sent has passed.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use uuid::Uuid;

use super::recorder::epoch::micros;
use super::recorder::{OpKind, Operation, Outcome, Role, Told};
use super::targets::{Call, KeyFate};
use super::workloads::LoadContext;

/// Keys read back at the same time.
const PARALLEL_MAX: usize = 16;
/// First wait before asking about the same key again; doubles up to [`PAUSE_MAX`].
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a server may take to answer a question.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// How long settling may take.
#[derive(Debug, Clone, Copy)]
pub struct SettleLimits {
    /// The longest request timeout of the run's loads.
    pub request_timeout: Duration,
    /// What is unknown after this long, counted from the first question, stays unknown.
    pub deadline: Duration,
}

/// What settling came to, in operations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    /// Took effect after all.
    pub ok: u64,
    /// Did not.
    pub fail: u64,
    /// Still unknown; checkers answer unknown where it matters.
    pub unknown: u64,
}

type Key = (Uuid, String);

/// Fills in `settled` of every unknown operation that carried a key, where it can be found out.
pub async fn settle(
    context: &Arc<LoadContext>,
    history: &mut [Operation],
    limits: SettleLimits,
) -> Settled {
    let groups = unknown_by_key(history);
    if groups.is_empty() {
        return Settled::default();
    }
    let epoch = context.epoch;
    let last_sent = Duration::from_micros(last_unknown_sent_us(history));
    tokio::time::sleep_until(epoch.at(last_sent + limits.request_timeout)).await;
    let deadline_us = epoch.now_us() + micros(limits.deadline);
    let questions = groups.iter().map(|(key, members)| {
        let first = &history[members[0]];
        let (context, key, kind, event) = (Arc::clone(context), key.clone(), first.op, first.event);
        async move {
            let fate = ask(&context, &key, (kind, event), deadline_us).await;
            (key, fate)
        }
    });
    let questions: Vec<_> = questions.collect();
    let fates: Vec<(Key, KeyFate)> =
        stream::iter(questions).buffer_unordered(PARALLEL_MAX).collect().await;
    let members = members_of(history, &groups);
    for (key, fate) in fates {
        apply(history, &members[&key], &fate);
    }
    tally(history)
}

fn unknown_by_key(history: &[Operation]) -> BTreeMap<Key, Vec<usize>> {
    let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, op) in history.iter().enumerate() {
        if let (Outcome::Info, Some(key)) = (op.outcome, &op.key) {
            groups.entry((op.user, key.clone())).or_default().push(index);
        }
    }
    groups
}

/// Every operation of these keys, the known ones too.
fn members_of(
    history: &[Operation],
    groups: &BTreeMap<Key, Vec<usize>>,
) -> BTreeMap<Key, Vec<usize>> {
    let mut members: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, op) in history.iter().enumerate() {
        let key = op.key.as_ref().map(|key| (op.user, key.clone()));
        if let Some(key) = key.filter(|key| groups.contains_key(key)) {
            members.entry(key).or_default().push(index);
        }
    }
    members
}

fn last_unknown_sent_us(history: &[Operation]) -> u64 {
    history
        .iter()
        .filter(|op| op.outcome == Outcome::Info)
        .map(|op| op.invoked_us)
        .max()
        .unwrap_or(0)
}

/// Asks about one key, any server, until the answer is final or the deadline has passed.
async fn ask(
    context: &LoadContext,
    (user, key): &Key,
    (kind, event): (OpKind, Uuid),
    deadline_us: u64,
) -> KeyFate {
    let Ok(buyer) = context.target.sign_in(*user, Role::Customer).await else {
        return KeyFate::Unknown;
    };
    let servers = context.target.servers().len();
    let mut pause = PAUSE;
    for attempt in 0.. {
        let call = Call {
            buyer: &buyer,
            event,
            server: (usize::from(user.as_bytes()[0]) + attempt) % servers,
            key: None,
            timeout: ANSWER_TIMEOUT,
        };
        match context.target.read_key(&call, kind, key).await {
            Ok(KeyFate::Unknown) => {}
            Ok(known) => return known,
            Err(error) => tracing::debug!(%error, "a key could not be read back yet"),
        }
        if context.epoch.now_us() + micros(pause) > deadline_us {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    KeyFate::Unknown
}

/// Writes a key's fate to its unknown operations. A key has one effect, made by one body: the copies of that body are
/// settled as ok, those of any other as fail.
fn apply(history: &mut [Operation], members: &[usize], fate: &KeyFate) {
    let winner = match fate {
        KeyFate::Granted(effect) => {
            winning_body(members.iter().map(|index| &history[*index]), effect)
        }
        KeyFate::None | KeyFate::Unknown => None,
    };
    for index in members {
        let op = &mut history[*index];
        if op.outcome != Outcome::Info {
            continue;
        }
        op.settled = match fate {
            KeyFate::Unknown => None,
            KeyFate::Granted(effect) if winner.as_ref() == Some(&op.request_sha256) => {
                op.reservation.get_or_insert(effect.reservation);
                op.booking = effect.booking;
                op.seats.clone_from(&effect.seats);
                op.told = vec![(**effect).clone()];
                Some(Outcome::Ok)
            }
            KeyFate::Granted(_) | KeyFate::None => Some(Outcome::Fail),
        };
    }
}

/// The body that made the effect: one that was granted to somebody; else one that fits the stored answer and was not
/// refused as another request's. Where more than one is left, the first one sent: they ask for the same thing.
fn winning_body<'a>(ops: impl Iterator<Item = &'a Operation>, effect: &Told) -> Option<String> {
    let ops: Vec<&Operation> = ops.collect();
    if let Some(granted) = ops.iter().find(|op| op.outcome == Outcome::Ok) {
        return Some(granted.request_sha256.clone());
    }
    let refused: HashSet<&str> = ops
        .iter()
        .filter(|op| op.status == Some(422))
        .map(|op| op.request_sha256.as_str())
        .collect();
    let fits = |op: &&&Operation| {
        let same_reservation =
            op.op != OpKind::Confirm || op.reservation == Some(effect.reservation);
        let is_refused = refused.contains(op.request_sha256.as_str());
        op.is_for(&effect.seats) && same_reservation && !is_refused
    };
    ops.iter().filter(fits).min_by_key(|op| op.invoked_us).map(|op| op.request_sha256.clone())
}

fn tally(history: &[Operation]) -> Settled {
    let mut settled = Settled::default();
    for op in history.iter().filter(|op| op.outcome == Outcome::Info && op.key.is_some()) {
        match op.settled {
            Some(Outcome::Ok) => settled.ok += 1,
            Some(Outcome::Fail) => settled.fail += 1,
            Some(Outcome::Info) | None => settled.unknown += 1,
        }
    }
    settled
}

#[cfg(test)]
mod tests {
    use super::{KeyFate, apply, tally};
    use crate::harness::recorder::fixtures::{
        book, booking, confirm, ended, hold, reservation, told, user,
    };
    use crate::harness::recorder::{Operation, Outcome, Told};

    fn unknown(op: Operation) -> Operation {
        ended(op, Outcome::Info)
    }

    fn settle(mut history: Vec<Operation>, fate: &KeyFate) -> Vec<Operation> {
        let members: Vec<usize> = (0..history.len()).collect();
        apply(&mut history, &members, fate);
        history
    }

    fn effect(seats: &[i64]) -> Told {
        Told { reservation: reservation(9), seats: seats.to_vec(), ..told() }
    }

    fn held(seats: &[i64]) -> KeyFate {
        KeyFate::Granted(effect(seats).into())
    }

    #[test]
    fn a_granted_hold_is_filled_in_and_what_clients_saw_stays() {
        let settled = settle(vec![unknown(hold(user(1), &[2, 1], 0..10))], &held(&[1, 2]));
        let op = &settled[0];
        assert_eq!((op.outcome, op.settled), (Outcome::Info, Some(Outcome::Ok)));
        assert_eq!((op.reservation, op.seats.as_slice()), (Some(reservation(9)), &[1, 2][..]));
        assert_eq!(op.told, [effect(&[1, 2])]);
        assert_eq!(tally(&settled).ok, 1);
    }

    #[test]
    fn copies_with_another_body_had_no_effect() {
        let asked = [unknown(hold(user(1), &[5], 0..10)), unknown(hold(user(1), &[1], 0..10))];
        let settled = settle(asked.to_vec(), &held(&[1]));
        assert_eq!(settled[0].settled, Some(Outcome::Fail), "it asked for another seat");
        assert_eq!(settled[1].settled, Some(Outcome::Ok));
    }

    #[test]
    fn where_bodies_differ_in_nothing_the_answer_shows_a_422_tells_which_one_lost() {
        let sale = confirm(&hold(user(1), &[1], 0..10), booking(1), 20..30);
        let other =
            Operation { request_sha256: "other card".to_owned(), invoked_us: 19, ..sale.clone() };
        let refused = Operation { status: Some(422), ..ended(other.clone(), Outcome::Fail) };
        let effect = Told {
            reservation: sale.reservation.unwrap(),
            booking: Some(booking(1)),
            ..effect(&[1])
        };
        let fate = KeyFate::Granted(effect.into());
        let settled = settle(vec![unknown(other.clone()), refused, unknown(sale.clone())], &fate);
        assert_eq!(
            (settled[0].settled, settled[2].settled),
            (Some(Outcome::Fail), Some(Outcome::Ok))
        );
        assert_eq!(settled[2].booking, Some(booking(1)));
        let settled = settle(vec![other, unknown(sale)], &fate);
        assert_eq!(settled[1].settled, Some(Outcome::Fail), "the other body was granted already");
        assert_eq!(settled[0].settled, None, "what is known is left alone");
    }

    #[test]
    fn a_sale_by_number_is_the_one_that_asked_for_as_many_tickets() {
        let asked = |quantity, body: &str| Operation {
            quantity: Some(quantity),
            seats: Vec::new(),
            request_sha256: body.to_owned(),
            ..unknown(book(user(1), &[], booking(1), 0..10))
        };
        let effect = Told { booking: Some(booking(1)), ..effect(&[7, 8]) };
        let fate = KeyFate::Granted(effect.into());
        let settled = settle(vec![asked(3, "three"), asked(2, "two")], &fate);
        assert_eq!(settled[0].settled, Some(Outcome::Fail));
        let op = &settled[1];
        assert_eq!((op.settled, op.seats.as_slice()), (Some(Outcome::Ok), &[7, 8][..]));
        assert_eq!((op.booking, op.reservation), (Some(booking(1)), Some(reservation(9))));
    }

    #[test]
    fn no_record_means_no_effect_and_no_answer_means_nothing() {
        let asked = vec![unknown(hold(user(1), &[1], 0..10))];
        assert_eq!(settle(asked.clone(), &KeyFate::None)[0].settled, Some(Outcome::Fail));
        let still = settle(asked, &KeyFate::Unknown);
        assert_eq!((still[0].settled, tally(&still).unknown), (None, 1));
    }
}
