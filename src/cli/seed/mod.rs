//! `ticketctl seed`: puts events and seats in, from fixtures or made up, as fast as PostgreSQL takes them.

/// An event to seed.
pub mod event;
/// Fixture files.
pub mod fixture;
/// Events made up on the spot.
pub mod synthetic;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use uuid::Uuid;

use super::bad_input::BadInput;
use super::output;
use super::shared::{Database, email};
use crate::clock;
use crate::domain::{Email, EventId, EventStatus, Role, TicketLimit, UserId, counted};
use crate::storage::accounts;
use crate::storage::events::{self, Event};
use crate::storage::seeding::{self, CopyInto, NewSeat};
use crate::storage::{Storage, StorageError, Tx};

use event::{Seating, Seed};

const EXAMPLES: &str = "\
Examples:
  ticketctl seed fixtures/grand-theatre.toml
  ticketctl seed --events 10 --seats 5000
  ticketctl seed --events 1 --seats 1000000
  ticketctl seed --events 1 --general-admission 5000 --tickets-per-user 4
  ticketctl seed fixtures/grand-theatre.toml --owner bob@example.org

Seeding the same again adds nothing. A seat map is CSV with the header section,row,number,price.";

/// Put events and seats into the database.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    database: Database,
    /// Fixture files (TOML).
    #[arg(required_unless_present = "events", value_name = "FILE")]
    fixtures: Vec<PathBuf>,
    /// Make up this many events instead.
    #[arg(long, requires = "seating", conflicts_with = "fixtures", value_name = "N",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    events: Option<u32>,
    /// Seats of each made-up event.
    #[arg(long, requires = "events", group = "seating", value_name = "M", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    seats: Option<u32>,
    /// Tickets of each made-up event, without a place: general admission.
    #[arg(long, requires = "events", group = "seating", value_name = "M", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    general_admission: Option<u32>,
    /// Tickets one user may have of each made-up event; not limited unless given.
    #[arg(long, requires = "events", value_name = "MAX", value_parser = tickets_per_user)]
    tickets_per_user: Option<TicketLimit>,
    /// Price of each made-up seat, in cents; of several, seats have the first, the next, and again from the first on.
    #[arg(long, default_value = "5000", value_name = "CENTS", value_delimiter = ',', value_parser = clap::value_parser!(i64).range(1..))]
    price_cents: Vec<i64>,
    /// The account that may edit the events and check their tickets in; without one only admins may.
    #[arg(long, value_name = "EMAIL", value_parser = email)]
    owner: Option<Email>,
    /// Begins the slugs of made-up events; another label makes other events.
    #[arg(long, default_value = "synthetic", value_name = "LABEL")]
    label: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn tickets_per_user(text: &str) -> Result<TicketLimit, String> {
    let tickets = text.parse().map_err(|_digits| "must be a whole number".to_owned())?;
    TicketLimit::new(tickets).map_err(|error| error.to_string())
}

impl Args {
    fn seating(&self) -> Option<Seating> {
        let prices_cents = self.price_cents.clone();
        if let Some(count) = self.seats {
            return Some(Seating::Synthetic { count, prices_cents });
        }
        self.general_admission.map(|count| Seating::General { count, prices_cents })
    }
}

#[derive(Debug, Serialize)]
struct Report {
    events: Vec<Seeded>,
    seats_added: u64,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Seeded {
    slug: String,
    id: Uuid,
    new: bool,
    seats_added: u64,
}

/// Seeds everything; each event in one transaction. Input is read and checked before anything is written.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let seeds = match (args.events, args.seating()) {
        (Some(events), Some(seating)) => {
            let recipe = synthetic::EventTemplate {
                label: &args.label,
                seating: &seating,
                tickets_per_user: args.tickets_per_user,
            };
            synthetic::events(events, &recipe, clock::now_utc())
        }
        _ => fixture::read_all(&args.fixtures).map_err(|error| BadInput(error.to_string()))?,
    };
    let storage = args.database.open().await?;
    let organizer = match &args.owner {
        Some(email) => Some(organizer(&storage, email).await?),
        None => None,
    };
    let began = clock::monotonic();
    let progress = progress_bar(seeds.iter().map(|seed| seed.seating.len()).sum());
    let mut events = Vec::with_capacity(seeds.len());
    for seed in &seeds {
        let seeded = put_in(&storage, seed, organizer, &progress).await;
        events.push(seeded.with_context(|| format!("event {} could not be seeded", seed.slug))?);
    }
    progress.finish_and_clear();
    let seats_added = events.iter().map(|event| event.seats_added).sum();
    let report = Report { events, seats_added, seconds: began.elapsed().as_secs_f64() };
    if args.json {
        output::json(&report)?;
    } else {
        for event in &report.events {
            let state = if event.new { "new" } else { "there already" };
            output::data(format_args!(
                "{} {} ({state}): {} added",
                event.id,
                event.slug,
                counted(event.seats_added, "seat")
            ));
        }
        output::note(format_args!("{} in {:.2} s", counted(seats_added, "seat"), report.seconds));
    }
    Ok(ExitCode::SUCCESS)
}

/// The account that is to own what is seeded.
async fn organizer(storage: &Storage, email: &Email) -> anyhow::Result<UserId> {
    let mut connection = storage.connection().await?;
    let address = email.as_str();
    let user = accounts::find(&mut connection, email).await?.ok_or_else(|| {
        BadInput(format!("{address} has no account, make one with `ticketctl user create`"))
    })?;
    if user.role == Role::Customer {
        return Err(BadInput(format!(
            "{address} is a customer and may not run events, change that with `ticketctl user set-role`"
        ))
        .into());
    }
    Ok(user.id)
}

async fn put_in(
    storage: &Storage,
    seed: &Seed,
    organizer: Option<UserId>,
    progress: &ProgressBar,
) -> Result<Seeded, StorageError> {
    storage
        .transaction("seed", async |mut tx: Tx| {
            let (id, new) = events::upsert(&mut tx, &seed.slug, &event_of(seed, organizer)).await?;
            let seats_added = fill(&mut tx, id, new, &seed.seating, progress).await?;
            Ok((tx, Seeded { slug: seed.slug.clone(), id: id.0, new, seats_added }))
        })
        .await
}

/// The event, on sale, under an id made from its slug.
fn event_of(seed: &Seed, organizer: Option<UserId>) -> Event {
    let name = format!("ticketctl:event:{}", seed.slug);
    Event {
        id: EventId(Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())),
        title: seed.title.clone(),
        venue: seed.venue.clone(),
        description: String::new(),
        starts_at: seed.starts_at,
        sales_end_at: seed.sales_end_at,
        organizer,
        admission: seed.seating.admission(),
        status: EventStatus::Published,
        tickets_per_user: seed.tickets_per_user,
        version: 1,
    }
}

/// A new event's seats go straight in; an old one's go through a staging table, and only those it lacks go on.
async fn fill(
    tx: &mut Tx,
    event: EventId,
    new: bool,
    seating: &Seating,
    progress: &ProgressBar,
) -> Result<u64, StorageError> {
    let count = |seats| progress.inc(seats);
    if new {
        return seeding::copy_seats(tx, event, CopyInto::Seats, seats_of(seating), &count).await;
    }
    seeding::create_staging(tx).await?;
    seeding::copy_seats(tx, event, CopyInto::Staging, seats_of(seating), &count).await?;
    let added = seeding::move_staged(tx).await?;
    seeding::drop_staging(tx).await?;
    Ok(added)
}

fn progress_bar(seats: u64) -> ProgressBar {
    if !output::is_watched() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:40} {human_pos}/{human_len} seats, {per_sec}, {eta} left",
    )
    .unwrap_or_else(|_template| ProgressStyle::default_bar());
    let bar = ProgressBar::new(seats).with_style(style);
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// The seats of an event, one after another.
fn seats_of(seating: &Seating) -> Box<dyn Iterator<Item = NewSeat> + Send + '_> {
    match seating {
        Seating::Mapped(seats) => Box::new(seats.iter().cloned()),
        Seating::Synthetic { count, prices_cents } => {
            Box::new(synthetic::seats(*count, prices_cents))
        }
        Seating::General { count, prices_cents } => {
            Box::new(synthetic::tickets(*count, prices_cents))
        }
    }
}
