//! The use cases: hold, cancel, confirm, expire, recover. PostgreSQL decides every one of them; knows nothing of HTTP
//! or JSON: how an answer looks is handed in, because answers are stored to be repeated.

/// How a use case ends when it doesn't end well.
pub mod error;
/// Keyed requests and their answers.
pub mod answer;
/// What every strategy does alike around its own statement.
pub mod claim;
/// How concurrent claims on seats are serialised.
pub mod strategies;
/// Whether the guard index stands.
pub mod guard;
/// What the use cases work with.
pub mod context;
/// Seat maps.
pub mod seat_map;
/// Preparing what is sold.
pub mod events;
/// What is left of events.
pub mod availability;
/// Answers to repeated requests.
pub mod replay;
/// Holding seats.
pub mod hold;
/// Keeping a hold a little longer.
pub mod extend;
/// Giving a hold up.
pub mod cancel;
/// The states of a payment, and its recovery points.
pub mod saga;
/// Paying for a hold.
pub mod confirm;
/// Holding and paying in one step.
pub mod purchase;
/// Cancelling a booking and refunding it.
pub mod cancel_booking;
/// Letting ticket bearers in.
pub mod check_in;
/// What a server does by itself.
pub mod jobs;

pub use context::{Context, Settings};
pub use error::BookingError;
