//! How many tickets may have been whose in a time, at most. Judges nothing.

use std::collections::HashMap;

use uuid::Uuid;

use super::possible::Possible;
use crate::harness::recorder::Operation;

/// A time, both ends included, microseconds.
pub type Time = (u64, u64);

/// Possible claims, indexed.
pub struct Tickets<'a> {
    of_seat: HashMap<i64, Vec<&'a Possible>>,
    /// Those of which only the number is known, by event: they may be any seat.
    somewhere: HashMap<Uuid, Vec<&'a Possible>>,
    users: HashMap<(Uuid, Uuid), Vec<&'a Possible>>,
    events: HashMap<Uuid, Sums>,
}

/// What one buyer may have of an event, at most.
#[derive(Debug, Clone, Copy, Default)]
pub struct OfUser {
    /// Holds and bookings.
    pub claims: u64,
    /// Tickets in them.
    pub tickets: u64,
}

impl<'a> Tickets<'a> {
    /// Indexes them.
    pub fn read(possible: &'a [Possible]) -> Self {
        let mut tickets = Self {
            of_seat: HashMap::new(),
            somewhere: HashMap::new(),
            users: HashMap::new(),
            events: HashMap::new(),
        };
        for claim in possible {
            for seat in &claim.seats {
                tickets.of_seat.entry(*seat).or_default().push(claim);
            }
            if claim.seats.is_empty() {
                tickets.somewhere.entry(claim.event).or_default().push(claim);
            }
            tickets.users.entry((claim.event, claim.user)).or_default().push(claim);
            let sums = tickets.events.entry(claim.event).or_default();
            sums.begin.push((claim.from_us, claim.tickets));
            sums.end.push((claim.until_us, claim.tickets));
        }
        for sums in tickets.events.values_mut() {
            sums.add_up();
        }
        tickets
    }

    /// Whether somebody may have had this seat of the event at any moment of this time.
    pub fn may_be_taken(&self, event: Uuid, seat: i64, (from_us, until_us): Time) -> bool {
        let meets = |claims: Option<&Vec<&Possible>>| {
            claims.is_some_and(|claims| claims.iter().any(|claim| claim.meets(from_us, until_us)))
        };
        meets(self.of_seat.get(&seat)) || meets(self.somewhere.get(&event))
    }

    /// Tickets of the event that may have been taken at any one moment of this time, at most.
    pub fn at_most(&self, event: Uuid, (from_us, until_us): Time) -> u64 {
        let Some(sums) = self.events.get(&event) else { return 0 };
        let begun = sums.begin.partition_point(|(at_us, _)| *at_us <= until_us);
        let ended = sums.end.partition_point(|(at_us, _)| *at_us < from_us);
        let sum =
            |sums: &[(u64, u64)], count: usize| count.checked_sub(1).map_or(0, |last| sums[last].1);
        sum(&sums.begin, begun) - sum(&sums.end, ended)
    }

    /// What who sent this may have had of its event in this time, without what the request's own key came to.
    pub fn of_user(&self, op: &Operation, (from_us, until_us): Time) -> OfUser {
        let own = |claim: &&&Possible| Some(&claim.key) == op.key.as_ref();
        let claims = self.users.get(&(op.event, op.user)).into_iter().flatten();
        let meeting =
            claims.filter(|claim| !own(claim)).filter(|claim| claim.meets(from_us, until_us));
        meeting.fold(OfUser::default(), |has, claim| OfUser {
            claims: has.claims + 1,
            tickets: has.tickets + claim.tickets,
        })
    }
}

/// Beginnings and ends by time, each with the tickets up to it.
#[derive(Default)]
struct Sums {
    begin: Vec<(u64, u64)>,
    end: Vec<(u64, u64)>,
}

impl Sums {
    fn add_up(&mut self) {
        for moments in [&mut self.begin, &mut self.end] {
            moments.sort_unstable();
            let mut sum = 0;
            for (_, tickets) in moments {
                sum += *tickets;
                *tickets = sum;
            }
        }
    }
}
