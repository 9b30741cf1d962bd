//! What there is to see at our own servers: where each thing is read, and what the answer says of it.

use reqwest::Method;
use serde::de::DeserializeOwned;

use super::client::Client;
use super::exchange::Request;
use super::keys;
use super::told::{of_booking, of_reservation};
use crate::harness::recorder::{LIST_ROWS_MAX, SeatState, Told};
use crate::harness::targets::answer::{Answer, Said};
use crate::harness::targets::order::{Call, Page, Read};
use crate::wire;

/// Rows of a list that are asked for at once: few, so that lists have pages.
const ROWS_PER_PAGE: usize = 2;

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
        Read::Seats(Page { after, cursor }) => {
            let cursor = cursor.clone().unwrap_or_else(|| after.to_string());
            format!("events/{}/seats?cursor={cursor}", call.event)
        }
    };
    let url = client.url(call, &format!("/api/v1/{path}"));
    let request = Request::new(call, Method::GET, url.clone(), Vec::new());
    match read {
        Read::Reservation(_) => say(client, request, |held| told(of_reservation(held))).await,
        Read::Booking(_) | Read::Reference(_) => {
            say(client, request, |booked| told(of_booking(booked))).await
        }
        Read::Ticket(_) => client.see(request).await,
        Read::Key(_) => {
            say(client, request, |status| list(keys::stored(status).into_iter().collect())).await
        }
        Read::ReservationsOf(_) => walk(client, call, &url, of_reservation).await,
        Read::BookingsOf(_) => walk(client, call, &url, of_booking).await,
        Read::Availability => {
            say(client, request, |left| Said { availability: Some(left), ..Said::default() }).await
        }
        Read::Seats(_) => {
            let (answer, page) = client.page::<wire::Seat>(request).await;
            let said = page.map(|(rows, next_cursor)| {
                let seats = rows.iter().map(seat_state).collect();
                Said { seats, next_cursor, ..Said::default() }
            });
            Answer { said: said.unwrap_or_default(), ..answer }
        }
    }
}

/// Reads a list page by page, a few rows each, until its end: what all of them say, and otherwise the last answer.
async fn walk<T: DeserializeOwned>(
    client: &Client,
    call: &Call<'_>,
    url: &str,
    told_of: fn(T) -> Told,
) -> Answer {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = format!("{url}?limit={ROWS_PER_PAGE}{cursor}");
        let (answer, page) =
            client.page::<T>(Request::new(call, Method::GET, page, Vec::new())).await;
        let Some((page, next)) = page else { return answer };
        rows.extend(page.into_iter().map(told_of));
        match next.filter(|_| rows.len() < LIST_ROWS_MAX) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Answer { said: list(rows), ..answer },
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
