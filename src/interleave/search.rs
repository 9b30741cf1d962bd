//! Which order comes next: a depth-first search over all choices of whose step is next, each order run anew from the start.
//! Knows nothing of databases.
//!
//! Where it is told to reduce, it runs one order of each class of those that differ only in the places of neighbouring steps
//! that don't conflict (sleep sets: Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996), and
//! counts the orders of each class that it ran.

use std::collections::BTreeMap;

use super::footprint::Footprint;

/// Whether every order is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Every one.
    None,
    /// One of each class.
    ByClass,
}

/// A search over the orders of one case.
#[derive(Debug)]
pub struct Search {
    path: Vec<Place>,
    reduction: Reduction,
}

/// Where an order stood before a step.
#[derive(Debug, Clone)]
struct Place {
    /// The sessions that had a step to take, and its name.
    ready: Vec<(usize, String)>,
    /// Sessions whose step was taken here already, or needs not be: every order with it next is another one's equal.
    asleep: BTreeMap<usize, Footprint>,
    /// The session whose step was taken.
    taken: usize,
    /// What it touched, with what it set free.
    footprint: Footprint,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This session's step.
    Step(usize),
    /// Nothing: each way on leads to an order that is another one's equal.
    Redundant,
}

/// An order did not go on as it did before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("after {depth} steps {now:?} were ready, and {before:?} before")]
pub struct Diverged {
    depth: usize,
    now: Vec<(usize, String)>,
    before: Vec<(usize, String)>,
}

impl Search {
    /// A search that has run nothing yet.
    pub fn new(reduction: Reduction) -> Self {
        Self { path: Vec::new(), reduction }
    }

    /// The step after so many, of these that are ready (at least one).
    ///
    /// # Errors
    /// The order was here before, and others were ready then.
    pub fn choose(&mut self, depth: usize, ready: Vec<(usize, String)>) -> Result<Next, Diverged> {
        if let Some(place) = self.path.get(depth) {
            if place.ready != ready {
                return Err(Diverged { depth, now: ready, before: place.ready.clone() });
            }
            return Ok(Next::Step(place.taken));
        }
        let asleep = self.asleep_after(depth);
        let awake = ready.iter().find(|(session, _)| !asleep.contains_key(session));
        let Some((taken, _)) = awake.cloned() else { return Ok(Next::Redundant) };
        self.path.push(Place { ready, asleep, taken, footprint: Footprint::default() });
        Ok(Next::Step(taken))
    }

    /// Takes in what the step after so many touched.
    pub fn took(&mut self, depth: usize, footprint: Footprint) {
        if let Some(place) = self.path.get_mut(depth) {
            place.footprint = footprint;
        }
    }

    /// Who sleeps before the step at this depth: whoever slept before the last step and has nothing to do with it.
    fn asleep_after(&self, depth: usize) -> BTreeMap<usize, Footprint> {
        let last = depth.checked_sub(1).and_then(|last| self.path.get(last));
        let (Some(last), Reduction::ByClass) = (last, self.reduction) else {
            return BTreeMap::new();
        };
        let sleeps_on = |(session, footprint): (&usize, &Footprint)| {
            (*session != last.taken && !footprint.conflicts(&last.footprint))
                .then(|| (*session, footprint.clone()))
        };
        last.asleep.iter().filter_map(sleeps_on).collect()
    }

    /// Goes back to the last place with a way that was not taken, and takes it; false where there is none.
    pub fn advance(&mut self) -> bool {
        while let Some(mut place) = self.path.pop() {
            place.asleep.insert(place.taken, place.footprint.clone());
            let awake = place.ready.iter().find(|(session, _)| !place.asleep.contains_key(session));
            if let Some((taken, _)) = awake {
                place.taken = *taken;
                self.path.push(place);
                return true;
            }
        }
        false
    }
}

/// A step as it was taken.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Whose.
    pub session: usize,
    /// What it touched.
    pub footprint: Footprint,
    /// The step that set the session free, where it had to wait: its next one can't come before.
    pub freed_by: Option<usize>,
}

/// How many orders differ from this one only in the places of steps that don't conflict, itself included.
pub fn orders_like(steps: &[Taken]) -> u64 {
    let before = |earlier: usize, later: usize| {
        let (one, two) = (&steps[earlier], &steps[later]);
        one.session == two.session
            || one.footprint.conflicts(&two.footprint)
            || steps[..later]
                .iter()
                .any(|step| step.session == two.session && step.freed_by == Some(earlier))
    };
    let needs: Vec<u64> = (0..steps.len())
        .map(|later| {
            (0..later).filter(|earlier| before(*earlier, later)).map(|at| 1_u64 << at).sum()
        })
        .collect();
    let may_follow = |done: u64, at: usize| done & (1 << at) == 0 && needs[at] & !done == 0;
    let mut ways: BTreeMap<u64, u64> = BTreeMap::from([(0, 1)]);
    for _ in 0..steps.len() {
        let mut longer = BTreeMap::new();
        for (done, count) in ways {
            for at in (0..steps.len()).filter(|at| may_follow(done, *at)) {
                *longer.entry(done | (1 << at)).or_insert(0) += count;
            }
        }
        ways = longer;
    }
    ways.into_values().sum()
}

#[cfg(test)]
mod tests {
    use super::super::footprint::{Rows, Transaction};
    use super::super::statement::touch;
    use super::*;

    /// Runs sessions that never wait, and returns every order that was run, as the sessions' numbers, and how many there are.
    fn run(sessions: &[&[&str]], reduction: Reduction) -> (Vec<String>, u64) {
        let (mut orders, mut counted) = (Vec::new(), 0);
        let mut search = Search::new(reduction);
        loop {
            if let Some(taken) = one_order(sessions, &mut search) {
                orders.push(taken.iter().map(|step| step.session.to_string()).collect());
                counted += orders_like(&taken);
            }
            if !search.advance() {
                return (orders, counted);
            }
        }
    }

    fn one_order(sessions: &[&[&str]], search: &mut Search) -> Option<Vec<Taken>> {
        let mut at = vec![0; sessions.len()];
        let mut transactions = vec![Transaction::default(); sessions.len()];
        let mut taken: Vec<Taken> = Vec::new();
        loop {
            let next = |session: usize| sessions[session].get(at[session]);
            let ready: Vec<(usize, String)> = (0..sessions.len())
                .filter_map(|session| Some((session, (*next(session)?).to_owned())))
                .collect();
            if ready.is_empty() {
                return Some(taken);
            }
            let Next::Step(session) = search.choose(taken.len(), ready).unwrap() else {
                return None;
            };
            let touch = touch(sessions[session][at[session]]);
            let footprint = transactions[session].step(&touch, (Rows::Of(session), sessions.len()));
            at[session] += 1;
            search.took(taken.len(), footprint.clone());
            taken.push(Taken { session, footprint, freed_by: None });
        }
    }

    const TRANSACTION: &[&str] = &["BEGIN", "update seats set version = 1", "COMMIT"];
    const READ: &[&str] = &["select id from seats"];
    const ELSEWHERE: &[&str] =
        &["insert into reservations (id) values (1)", "select id from reservations"];

    #[test]
    fn every_order_is_run_once() {
        let (orders, _) = run(&[&["a", "b"], &["c", "d"]], Reduction::None);
        assert_eq!(orders, ["0011", "0101", "0110", "1001", "1010", "1100"]);
        assert_eq!(run(&[TRANSACTION, TRANSACTION, TRANSACTION], Reduction::None).0.len(), 1680);
    }

    #[test]
    fn classes_cover_all_orders_and_no_order_twice() {
        let cases: [&[&[&str]]; 5] = [
            &[TRANSACTION, READ],
            &[TRANSACTION, TRANSACTION],
            &[TRANSACTION, ELSEWHERE],
            &[ELSEWHERE, ELSEWHERE, ELSEWHERE],
            &[TRANSACTION, READ, ELSEWHERE],
        ];
        for sessions in cases {
            let (all, _) = run(sessions, Reduction::None);
            let (classes, counted) = run(sessions, Reduction::ByClass);
            assert_eq!(counted, all.len() as u64, "{sessions:?}");
            assert!(classes.len() < all.len(), "{sessions:?}");
        }
        assert_eq!(run(&[ELSEWHERE, ELSEWHERE, ELSEWHERE], Reduction::ByClass).0.len(), 1);
        // The read sees the write or not.
        assert_eq!(run(&[TRANSACTION, READ], Reduction::ByClass).0.len(), 2);
    }

    #[test]
    fn an_order_that_goes_otherwise_than_before_is_noticed() {
        let mut search = Search::new(Reduction::None);
        let ready = |name: &str| vec![(0, name.to_owned()), (1, "b".to_owned())];
        search.choose(0, ready("a")).unwrap();
        assert!(search.advance());
        assert!(search.choose(0, ready("other")).is_err());
    }

    #[test]
    fn who_had_to_wait_goes_on_after_whoever_was_waited_for() {
        let step = |session, freed_by| Taken { session, footprint: Footprint::default(), freed_by };
        // Nothing conflicts, so any merging of 0, 0 and 1, 1 would do …
        let free = [step(0, None), step(1, None), step(0, None), step(1, None)];
        assert_eq!(orders_like(&free), 6);
        // … but for session 1, whose first step waited for the second of session 0.
        let waited = [step(0, None), step(1, Some(2)), step(0, None), step(1, None)];
        assert_eq!(orders_like(&waited), 3);
    }
}
