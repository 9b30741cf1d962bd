//! What a step touches: which steps of two sessions may change places without anybody noticing. When in doubt, they may not.

use std::collections::BTreeSet;

use super::statement::Touch;

/// Something that two steps may both touch: a table, or the part of it that is one user's; the clock; a lock by name.
pub type Resource = String;

/// What a step touches. Of two steps in a row that don't conflict, either may come first: nobody sees a difference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Reads, of what was committed.
    reads: BTreeSet<Resource>,
    /// Locks rows of, or writes to, without committing.
    locks: BTreeSet<Resource>,
    /// Makes visible to others, or frees for them.
    publishes: BTreeSet<Resource>,
    /// Touches who knows what.
    everything: bool,
}

/// Tables whose rows belong to one user each. What sessions of two users do to these they do to different rows, but for
/// jobs, which work on everybody's.
const OF_ONE_USER: [&str; 4] = ["reservations", "payments", "bookings", "idempotency_records"];
/// The clock, which `now()` reads where a transaction begins.
const CLOCK: &str = "the clock";
/// The lease over seats, outside of PostgreSQL.
const LEASE: &str = "the lease";
/// Whatever is locked by a name.
const TURN: &str = "a turn";

/// Whose rows a session works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Those of the user of this number.
    Of(usize),
    /// Everybody's: a job.
    All,
}

/// A session's open transaction, as far as its footprint goes.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    is_open: bool,
    touched: BTreeSet<Resource>,
}

impl Transaction {
    /// The footprint of the session's next step, and the transaction after it.
    pub fn step(&mut self, touch: &Touch, (rows, users): (Rows, usize)) -> Footprint {
        let mut step = Footprint::default();
        match touch {
            Touch::Begin => {
                self.is_open = true;
                step.reads.insert(CLOCK.to_owned());
            }
            Touch::Commit | Touch::RollBack => {
                self.is_open = false;
                step.publishes = std::mem::take(&mut self.touched);
            }
            Touch::Unknown => step.everything = true,
            Touch::Tables(tables) => {
                let named = |table: &String| resources(table, rows, users);
                step.reads.extend(tables.read.iter().flat_map(named));
                step.locks.extend(tables.locked.iter().flat_map(named));
                step.locks.extend(tables.written.iter().flat_map(|(_, table)| named(table)));
                if tables.takes_turn {
                    step.locks.extend(resources(&TURN.to_owned(), rows, users));
                }
                if self.is_open {
                    self.touched.extend(step.locks.iter().cloned());
                } else {
                    step.reads.insert(CLOCK.to_owned());
                    step.publishes.clone_from(&step.locks);
                }
            }
        }
        step
    }
}

/// The parts of a table that a session works on.
fn resources(table: &String, rows: Rows, users: usize) -> Vec<Resource> {
    if !OF_ONE_USER.contains(&table.as_str()) && table != TURN {
        return vec![table.clone()];
    }
    let of = |user: usize| format!("{table} of {user}");
    match rows {
        Rows::Of(user) => vec![of(user)],
        Rows::All => (0..users).map(of).collect(),
    }
}

impl Footprint {
    /// The clock is moved.
    pub fn of_clock() -> Self {
        Self { publishes: BTreeSet::from([CLOCK.to_owned()]), ..Self::default() }
    }

    /// A lease may be taken or given back.
    pub fn of_lease() -> Self {
        Self { publishes: BTreeSet::from([LEASE.to_owned()]), ..Self::default() }
    }

    /// Both of them.
    pub fn add(&mut self, other: &Self) {
        self.reads.extend(other.reads.iter().cloned());
        self.locks.extend(other.locks.iter().cloned());
        self.publishes.extend(other.publishes.iter().cloned());
        self.everything |= other.everything;
    }

    /// Whether it matters which of the two comes first.
    pub fn conflicts(&self, other: &Self) -> bool {
        let meet = |one: &BTreeSet<Resource>, two: &BTreeSet<Resource>| !one.is_disjoint(two);
        let one_way = |one: &Self, two: &Self| {
            meet(&one.publishes, &two.reads)
                || meet(&one.publishes, &two.locks)
                || meet(&one.publishes, &two.publishes)
        };
        self.everything
            || other.everything
            || meet(&self.locks, &other.locks)
            || one_way(self, other)
            || one_way(other, self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::statement::touch;
    use super::*;

    fn steps<const N: usize>(rows: Rows, statements: [&str; N]) -> [Footprint; N] {
        let mut transaction = Transaction::default();
        statements.map(|sql| transaction.step(&touch(sql), (rows, 2)))
    }

    #[test]
    fn a_write_matters_to_a_reader_when_it_is_committed_and_to_a_writer_at_once() {
        let [begin, write, commit] =
            steps(Rows::Of(0), ["BEGIN", "update seats set version = 1", "COMMIT"]);
        let [read] = steps(Rows::Of(1), ["select id from seats"]);
        let [lock] = steps(Rows::Of(1), ["select id from seats for update"]);
        assert!(!begin.conflicts(&read) && !begin.conflicts(&lock));
        assert!(!write.conflicts(&read) && commit.conflicts(&read));
        assert!(write.conflicts(&lock) && commit.conflicts(&lock));
    }

    #[test]
    fn rows_of_different_users_are_different_but_for_jobs() {
        let insert = ["insert into reservations (id) values (1)"];
        let [mine] = steps(Rows::Of(0), insert);
        let [other] = steps(Rows::Of(1), insert);
        let [job] = steps(Rows::All, ["update reservations set state = 'expired'"]);
        assert!(!mine.conflicts(&other));
        assert!(mine.conflicts(&mine) && mine.conflicts(&job) && other.conflicts(&job));
    }

    #[test]
    fn the_clock_matters_where_a_transaction_begins_and_not_within() {
        let [begin, within, commit] =
            steps(Rows::Of(0), ["BEGIN", "select id from seats for update", "COMMIT"]);
        let [single] = steps(Rows::Of(0), ["select id from seats"]);
        let moved = Footprint::of_clock();
        assert!(moved.conflicts(&begin) && moved.conflicts(&single));
        assert!(!moved.conflicts(&within) && !moved.conflicts(&commit));
    }

    #[test]
    fn what_cannot_be_read_may_touch_anything() {
        let [unknown] = steps(Rows::Of(0), ["make it so"]);
        assert!(unknown.conflicts(&Footprint::default()));
    }
}
