//! Preparing what is sold: an organizer's own events, edited by the version that was read, and their seats, while they
//! are drafts.

use super::{BookingError, Context};
use crate::domain::{Admission, EventId, EventStatus, Refusal, Role, Text, TicketLimit, UserId};
use crate::storage::events::{self, Event};
use crate::storage::seating;
use crate::storage::seeding::{self, CopyInto, NewSeat};
use crate::storage::{Tx, seats};
use time::OffsetDateTime;

/// Longest title and venue, in characters.
pub const NAME_LENGTH_MAX: usize = 200;
/// Longest description, in characters.
pub const DESCRIPTION_LENGTH_MAX: usize = 5000;

/// A title or a venue.
pub type Name = Text<NAME_LENGTH_MAX>;
/// A description.
pub type Description = Text<DESCRIPTION_LENGTH_MAX>;

/// Who edits.
#[derive(Debug, Clone, Copy)]
pub struct Editor {
    /// The user.
    pub user: UserId,
    /// An admin may edit everybody's events.
    pub role: Role,
}

impl Editor {
    fn owns(self, event: &Event) -> Result<(), Refusal> {
        let own = self.role == Role::Admin || event.organizer == Some(self.user);
        if own { Ok(()) } else { Err(Refusal::NotOwner("event")) }
    }
}

/// A new event.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Its title.
    pub title: Name,
    /// Its venue.
    pub venue: Name,
    /// What a visitor should know.
    pub description: Description,
    /// When it starts.
    pub starts_at: OffsetDateTime,
    /// Until when it is sold; to its start, where it doesn't say.
    pub sales_end_at: Option<OffsetDateTime>,
    /// Tickets one user may have.
    pub tickets_per_user: Option<TicketLimit>,
    /// Tickets without a place, and their price in cents; none where a seat map is to be uploaded.
    pub general: Option<GeneralAdmission>,
}

/// Tickets without a place.
#[derive(Debug, Clone, Copy)]
pub struct GeneralAdmission {
    /// How many.
    pub quantity: i32,
    /// Price of each, in cents.
    pub price_cents: i64,
}

/// What is to change; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Title.
    pub title: Option<Name>,
    /// Venue.
    pub venue: Option<Name>,
    /// Description.
    pub description: Option<Description>,
    /// Start.
    pub starts_at: Option<OffsetDateTime>,
    /// End of its sale.
    pub sales_end_at: Option<OffsetDateTime>,
    /// Status.
    pub status: Option<EventStatus>,
    /// Tickets one user may have.
    pub tickets_per_user: Option<TicketLimit>,
}

/// Makes a draft.
pub async fn create(
    context: &Context,
    editor: Editor,
    new: &NewEvent,
) -> Result<Event, BookingError> {
    let event = Event {
        id: EventId(context.entropy.uuid()),
        title: new.title.as_str().to_owned(),
        venue: new.venue.as_str().to_owned(),
        description: new.description.as_str().to_owned(),
        starts_at: new.starts_at,
        sales_end_at: new.sales_end_at,
        organizer: Some(editor.user),
        admission: if new.general.is_some() { Admission::General } else { Admission::Seated },
        status: EventStatus::Draft,
        tickets_per_user: new.tickets_per_user,
        version: 1,
    };
    context
        .storage
        .transaction("create event", async |mut tx: Tx| {
            events::insert(&mut tx, &event).await?;
            if let Some(general) = new.general {
                seating::insert_general(&mut tx, event.id, general.quantity, general.price_cents)
                    .await?;
            }
            Ok((tx, event.clone()))
        })
        .await
}

/// Changes an event that still stands as it was read (`version`).
pub async fn change(
    context: &Context,
    editor: Editor,
    id: EventId,
    version: i64,
    change: &Change,
) -> Result<Event, BookingError> {
    context
        .storage
        .transaction("change event", async |mut tx: Tx| {
            let found = read_own(&mut tx, editor, id, version).await?;
            let event = applied(&found, change)?;
            let seats = seats::count(&mut tx, &[id]).await?;
            if event.status == EventStatus::Published && seats.iter().all(|seats| seats.total == 0)
            {
                return Err(BookingError::from(Refusal::NoSeats));
            }
            if !events::update(&mut tx, &event).await? {
                return Err(Refusal::Changed.into());
            }
            Ok((tx, Event { version: event.version + 1, ..event }))
        })
        .await
}

/// Replaces a draft's seats; returns the event at its new version and the number of seats.
pub async fn seat(
    context: &Context,
    editor: Editor,
    id: EventId,
    version: i64,
    places: &[NewSeat],
) -> Result<(Event, u64), BookingError> {
    let seated = context
        .storage
        .transaction("seat event", async |mut tx: Tx| {
            let event = read_own(&mut tx, editor, id, version).await?;
            if event.status != EventStatus::Draft || event.admission != Admission::Seated {
                return Err(BookingError::from(Refusal::NotDraft("the seat map")));
            }
            if !events::touch(&mut tx, id, version).await? {
                return Err(Refusal::Changed.into());
            }
            seating::clear(&mut tx, id).await?;
            let rows = places.iter().cloned();
            let count = seeding::copy_seats(&mut tx, id, CopyInto::Seats, rows, &|_| ()).await?;
            Ok((tx, (Event { version: version + 1, ..event }, count)))
        })
        .await?;
    context.seats_changed(&[id]).await;
    Ok(seated)
}

/// Hides an event that is not on sale. What was sold of it stays readable for its buyers.
pub async fn delete(
    context: &Context,
    editor: Editor,
    id: EventId,
    version: i64,
) -> Result<Event, BookingError> {
    context
        .storage
        .transaction("delete event", async |mut tx: Tx| {
            let event = read_own(&mut tx, editor, id, version).await?;
            if event.status == EventStatus::Published {
                return Err(BookingError::from(Refusal::OnSale));
            }
            if !events::delete(&mut tx, id, version).await? {
                return Err(Refusal::Changed.into());
            }
            Ok((tx, event))
        })
        .await
}

async fn read_own(
    tx: &mut Tx,
    editor: Editor,
    id: EventId,
    version: i64,
) -> Result<Event, BookingError> {
    let event = events::find(tx, id).await?.ok_or(Refusal::NotFound("event"))?;
    editor.owns(&event)?;
    if event.version == version { Ok(event) } else { Err(Refusal::Changed.into()) }
}

fn applied(event: &Event, change: &Change) -> Result<Event, Refusal> {
    let mut event = event.clone();
    if let Some(limit) = change.tickets_per_user {
        // Lowered during the sale, it would make buyers guilty of what they were allowed.
        if event.status != EventStatus::Draft {
            return Err(Refusal::NotDraft("the limit of tickets"));
        }
        event.tickets_per_user = Some(limit);
    }
    if let Some(title) = &change.title {
        title.as_str().clone_into(&mut event.title);
    }
    if let Some(venue) = &change.venue {
        venue.as_str().clone_into(&mut event.venue);
    }
    if let Some(description) = &change.description {
        description.as_str().clone_into(&mut event.description);
    }
    event.starts_at = change.starts_at.unwrap_or(event.starts_at);
    event.sales_end_at = change.sales_end_at.or(event.sales_end_at);
    match change.status {
        Some(next) if next != event.status => {
            if !event.status.may_become(next) {
                return Err(Refusal::NoSuchStep(event.status, next));
            }
            event.status = next;
        }
        _ => {}
    }
    Ok(event)
}
