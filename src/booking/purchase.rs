//! Holding and paying in one step: a hold under a key of its own, made from the buyer's, and then the saga under the
//! buyer's. Whatever the process dies at, the same request sent again finds the same hold and the same payment.

use sha2::{Digest as _, Sha256};

use super::answer::{Answer, KeyedRequest};
use super::confirm::{self, ConfirmRequest};
use super::hold::{self, HoldRequest};
use super::{BookingError, Context, replay};
use crate::domain::{EventId, HoldTtl, IdempotencyKey, ReservationId, Wanted};
use crate::storage::{StorageError, reservations};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct PurchaseRequest {
    /// The event.
    pub event: EventId,
    /// Seats, or a number of tickets.
    pub wanted: Wanted,
    /// How long the seats are held for the payment.
    pub ttl: HoldTtl,
    /// The provider's token of the payment method.
    pub method: String,
    /// Who asks, under which key.
    pub request: KeyedRequest,
}

/// Statuses from here on are refusals.
const REFUSED_FROM: u16 = 400;

/// Holds and pays, or says why not; where the payment is refused, the hold goes with it.
pub async fn purchase(context: &Context, order: &PurchaseRequest) -> Result<Answer, BookingError> {
    if let Some(answer) = replay::cached(context, &order.request).await? {
        return Ok(answer);
    }
    if let Some(answer) = replay::recorded(context, &order.request).await? {
        return Ok(answer);
    }
    let fresh = ReservationId(context.entropy.uuid());
    let wanted = HoldRequest {
        id: fresh,
        event: order.event,
        wanted: order.wanted.clone(),
        ttl: order.ttl,
        request: KeyedRequest { key: key_of_hold(&order.request), ..order.request.clone() },
    };
    let held = hold::hold(context, &wanted).await?;
    if held.response.status >= REFUSED_FROM {
        let answer = replay::end_refused(context, &order.request, held.response).await?;
        replay::remember(context, &order.request, &answer).await;
        return Ok(answer);
    }
    let reservation =
        if held.replayed { held_before(context, &wanted.request).await? } else { fresh };
    let payment = ConfirmRequest {
        reservation,
        method: order.method.clone(),
        request: order.request.clone(),
    };
    let answer = confirm::confirm(context, &payment).await?;
    if answer.response.status >= REFUSED_FROM {
        let freed = context
            .storage
            .statement("cancel hold", async |mut connection| {
                reservations::cancel(&mut connection, reservation).await.map_err(BookingError::from)
            })
            .await?;
        metrics::counter!("ticketctl_holds_cancelled_total", "reason" => "payment_refused")
            .increment(u64::from(freed));
        if freed {
            context.seats_changed(&[order.event]).await;
        }
    }
    Ok(answer)
}

/// The reservation that an earlier copy of the request made.
async fn held_before(
    context: &Context,
    hold: &KeyedRequest,
) -> Result<ReservationId, BookingError> {
    let mut connection = context.storage.connection().await?;
    let found = reservations::find_by_key(&mut connection, hold.user, &hold.key).await?;
    Ok(found.ok_or(StorageError::Impossible("hold without a reservation"))?)
}

/// The hold's own key: a digest, which fits however long the buyer's key is. A buyer who sends such a key by hand meets
/// nobody's holds but their own.
fn key_of_hold(request: &KeyedRequest) -> IdempotencyKey {
    IdempotencyKey::of_digest(&Sha256::digest(request.key.as_str()).into())
}
