//! After the load, when everything has come to rest: what a last buyer of each event sees, at every server, and whether a seat that
//! nobody has can be had; and what those see who have most. What was answered is judged like everything else. Changes nothing that lasts: the seat is given up
//! again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use rand::Rng as _;
use uuid::Uuid;

use super::random;
use super::recorder::{Operation, Outcome, Role};
use super::targets::order::Hold;
use super::targets::{Buyer, Call, Held, Order, Page, Read, Wanted};
use super::workloads::{LoadContext, Origin};
use crate::domain::{BookingState, ReservationState};
use crate::storage::audit::Audit;
use crate::wire::Admission;

/// The load that its requests are put down to: one of the background's.
const LOAD: &str = "background last look";
/// Events looked at, at most: the background's last.
const EVENTS_MAX: usize = 8;
/// Buyers whose lists are looked at, at most.
const USERS_MAX: usize = 5;
/// Pages of a seat map that are looked at, at most.
const PAGES_MAX: usize = 10;
/// How long a server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// What came of it, in order. `audit` tells which seats are free.
///
/// # Errors
/// The buyer could not sign in.
pub async fn look(context: &LoadContext, audit: &Audit) -> anyhow::Result<Vec<Operation>> {
    let free = free_seats(audit);
    let mut rng = random::of_iteration(context.seed, LOAD, 0);
    let events = context.seat_maps.len();
    let mut operations = Vec::new();
    for index in events.saturating_sub(EVENTS_MAX)..events {
        let id = uuid::Builder::from_random_bytes(rng.random()).into_uuid();
        let buyer = context.target.sign_in(id, Role::Customer).await?;
        let event = context.seat_maps[index].event();
        let mut visit = Visit { context, buyer, event, operations: &mut operations };
        visit.look_around(index, free.get(&event).map_or(&[][..], Vec::as_slice)).await;
    }
    for user in busiest(audit) {
        let buyer = context.target.sign_in(user, Role::Customer).await?;
        let event = context.seat_maps[0].event();
        let mut visit = Visit { context, buyer, event, operations: &mut operations };
        for read in [Read::ReservationsOf(user), Read::BookingsOf(user)] {
            visit.ask(0, &Order::Read(read)).await;
        }
    }
    Ok(operations)
}

/// Those who have most: their lists have most pages.
fn busiest(audit: &Audit) -> Vec<Uuid> {
    let mut rows: BTreeMap<Uuid, usize> = BTreeMap::new();
    for row in &audit.reservations {
        *rows.entry(row.user_id).or_default() += 1;
    }
    let mut users: Vec<(usize, Uuid)> = rows.into_iter().map(|(user, rows)| (rows, user)).collect();
    users.sort_unstable_by(|one, other| other.cmp(one));
    users.into_iter().take(USERS_MAX).map(|(_, user)| user).collect()
}

/// Whether the request was one of these.
pub fn made(op: &Operation) -> bool {
    op.load == LOAD
}

/// The last buyer of an event.
struct Visit<'a> {
    context: &'a LoadContext,
    buyer: Buyer,
    event: Uuid,
    operations: &'a mut Vec<Operation>,
}

impl Visit<'_> {
    async fn look_around(&mut self, index: usize, free: &[i64]) {
        let servers = self.context.target.servers().len();
        self.count_everywhere(servers).await;
        self.walk(index % servers).await;
        let Some(seat) = free.first() else { return };
        let wanted = match self.context.admission {
            Admission::Seated => Wanted::Seats(vec![*seat]),
            Admission::General => Wanted::Any(1),
        };
        let order = Order::Hold(Hold { wanted, ttl: self.context.hold_ttl });
        let Some(held) = self.ask(index % servers, &order).await else { return };
        self.count_everywhere(servers).await;
        let other = (index + 1) % servers;
        self.ask(other, &Order::Read(Read::Seats(Page::after(*seat - 1)))).await;
        self.ask(other, &Order::Cancel(held)).await;
        self.ask(index % servers, &Order::Read(Read::Seats(Page::after(*seat - 1)))).await;
    }

    async fn count_everywhere(&mut self, servers: usize) {
        for server in 0..servers {
            self.ask(server, &Order::Read(Read::Availability)).await;
        }
    }

    /// The seat map, page by page, as far as it goes.
    async fn walk(&mut self, server: usize) {
        let mut page = Page::after(0);
        for _ in 0..PAGES_MAX {
            self.ask(server, &Order::Read(Read::Seats(page.clone()))).await;
            let seen = self.operations.last().filter(|op| op.outcome == Outcome::Ok);
            let next =
                seen.and_then(|op| Some((op.seat_states.last()?.seat, op.next_cursor.clone()?)));
            let Some((after, cursor)) = next else { return };
            page = Page { after, cursor: Some(cursor) };
        }
    }

    /// Asks once; what was held, when it was a hold that was granted.
    async fn ask(&mut self, server: usize, order: &Order) -> Option<Held> {
        let key = matches!(order, Order::Hold(_)).then(|| self.buyer.id.to_string());
        let call = Call {
            buyer: &self.buyer,
            event: self.event,
            server,
            key: key.as_deref(),
            timeout: ANSWER_TIMEOUT,
        };
        let origin = Origin { load: LOAD, iteration: 0, intended_us: None };
        let (operation, ..) = self.context.perform(&call, origin, order).await;
        let held = operation.reservation.filter(|_| operation.outcome == Outcome::Ok);
        let held = held.map(|reservation| Held { reservation, seats: operation.seats.clone() });
        self.operations.push(operation);
        held
    }
}

/// Seats of each event that nobody holds or has bought, sorted.
fn free_seats(audit: &Audit) -> HashMap<Uuid, Vec<i64>> {
    let held = audit.reservations.iter().filter(|row| row.state == ReservationState::Held);
    let sold = audit.bookings.iter().filter(|row| row.state == BookingState::Confirmed);
    let taken: HashSet<i64> = held
        .flat_map(|row| &row.seat_ids)
        .chain(sold.flat_map(|row| &row.seat_ids))
        .copied()
        .collect();
    let mut free: HashMap<Uuid, Vec<i64>> = HashMap::new();
    for seat in audit.seats.iter().filter(|seat| !taken.contains(&seat.id)) {
        free.entry(seat.event_id).or_default().push(seat.id);
    }
    free
}

#[cfg(test)]
mod tests {
    use super::{LOAD, free_seats};
    use crate::harness::checkers::fixtures::Case;
    use crate::harness::plan::Load;
    use crate::harness::recorder::fixtures::event;

    #[test]
    fn it_is_no_part_of_what_the_scenario_measures() {
        assert!(Load::is_background(LOAD));
    }

    #[test]
    fn seats_are_free_that_nobody_holds_or_has_bought() {
        let mut case = Case::honest_sale();
        let all: Vec<i64> = case.audit.seats.iter().map(|seat| seat.id).collect();
        let free = |case: &Case| free_seats(&case.audit).remove(&event()).unwrap_or_default();
        let sold = case.audit.bookings[0].seat_ids.clone();
        assert!(sold.iter().all(|seat| !free(&case).contains(seat)));
        case.audit.bookings.clear();
        assert_eq!(free(&case), all);
        case.audit.reservations[0].state = crate::domain::ReservationState::Held;
        let held = &case.audit.reservations[0].seat_ids;
        assert_eq!(free(&case).len(), all.len() - held.len());
    }
}
