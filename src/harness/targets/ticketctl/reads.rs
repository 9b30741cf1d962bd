//! What there is to see at our own servers: where each thing is read, and what the answer says of it.

use reqwest::Method;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::exchange::Request;
use super::keys;
use super::told::{of_booking, of_reservation};
use crate::harness::recorder::{SeatState, Told};
use crate::harness::targets::answer::{Answer, Said};
use crate::harness::targets::order::{Call, Read};
use crate::wire;

/// Reads it.
pub async fn read(client: &Client, call: &Call<'_>, read: &Read) -> Answer {
    let path = match read {
        Read::Reservation(id) => format!("reservations/{id}"),
        Read::Booking(id) => format!("bookings/{id}"),
        Read::Reference(reference) => format!("bookings/reference/{reference}"),
        Read::Ticket(number) => format!("tickets/{number}/qr"),
        Read::Key(key) => format!("idempotency/{key}"),
        Read::ReservationsOf(user) => format!("reservations/user/{user}"),
        Read::BookingsOf(user) => format!("bookings/user/{user}"),
        Read::Availability => format!("events/{}/availability", call.event),
        Read::Seats(after) => format!("events/{}/seats?cursor={after}", call.event),
    };
    let url = client.url(call, &format!("/api/v1/{path}"));
    let request = Request::new(call, Method::GET, url, Vec::new());
    match read {
        Read::Reservation(_) => say(client, request, |held| told(of_reservation(held))).await,
        Read::Booking(_) | Read::Reference(_) => {
            say(client, request, |booked| told(of_booking(booked))).await
        }
        Read::Ticket(_) => client.see(request).await,
        Read::Key(_) => {
            say(client, request, |status| list(keys::stored(status).into_iter().collect())).await
        }
        Read::ReservationsOf(_) => {
            say(client, request, |rows: Vec<wire::Reservation>| {
                list(rows.into_iter().map(of_reservation).collect())
            })
            .await
        }
        Read::BookingsOf(_) => {
            say(client, request, |rows: Vec<wire::Booking>| {
                list(rows.into_iter().map(of_booking).collect())
            })
            .await
        }
        Read::Availability => {
            say(client, request, |left| Said { availability: Some(left), ..Said::default() }).await
        }
        Read::Seats(_) => {
            say(client, request, |rows: Vec<wire::Seat>| {
                let seats = rows.iter().map(seat_state).collect();
                Said { seats, ..Said::default() }
            })
            .await
        }
    }
}

/// Sends it, and says what the answer's data say.
async fn say<T: DeserializeOwned>(
    client: &Client,
    request: Request,
    said: fn(T) -> Said,
) -> Answer {
    let (answer, data) = client.send(request).await;
    Answer { said: data.map(said).unwrap_or_default(), ..answer }
}

fn told(told: Told) -> Said {
    list(vec![told])
}

fn list(told: Vec<Told>) -> Said {
    Said { told, ..Said::default() }
}

fn seat_state(seat: &wire::Seat) -> SeatState {
    SeatState { seat: seat.id, status: seat.status, price_cents: seat.price_cents }
}
