//! The use cases: hold, cancel, confirm, expire, recover. PostgreSQL decides every one of them; knows nothing of HTTP
//! or JSON: how an answer looks is handed in, because answers are stored to be repeated.

/// How a use case ends when it doesn't end well.
pub mod error;
/// What the use cases work with.
pub mod context;
/// Seat maps.
pub mod seat_map;
/// Preparing what is sold.
pub mod events;
/// How concurrent claims on seats are serialised.
pub mod strategies;
/// Answers to repeated requests.
pub mod replay;
/// Holding seats.
pub mod hold;
/// Keeping a hold a little longer.
pub mod extend;
/// Giving a hold up.
pub mod cancel;
/// Paying for a hold: the saga.
pub mod confirm;
/// Holding and paying in one step.
pub mod purchase;
/// Giving a booking back.
pub mod refund;
/// Letting ticket bearers in.
pub mod door;
/// Finishing what a dead process left.
pub mod recover;
/// What a server does by itself.
pub mod jobs;
/// Ending what ran out.
pub mod expire;

pub use context::{Answer, Context, Render, Settings};
pub use error::BookingError;
