//! The payment simulator's HTTP side: routes, answers, and the art of not answering.
//! Decides nothing about money; the ledger does.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State as Shared};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceExt;
use uuid::Uuid;

use super::behaviour::Fate;
use super::ledger::{Caller, Charged, Refunded};
use super::state::{CapturedCharge, State, lock};
use crate::clock;
use crate::wire::{Charge, ChargeRequest, ChargeState, RefundRequest};

type SharedState = Arc<Mutex<State>>;

const CONNECTIONS_MAX: usize = 1024;
const BODY_BYTES_MAX: usize = 16 * 1024;
/// The payment method that is always declined, as by the server's own mock.
const DECLINED_METHOD: &str = "declined";
/// How long a trapped charge keeps its caller waiting.
const WITHHOLD_FOR: Duration = Duration::from_secs(30);
/// How long to wait after a failed accept, which mostly means that file descriptors ran out.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Marks a response that must not be sent: the connection closes instead.
#[derive(Debug, Clone, Copy)]
struct NoReply;

/// Serves until dropped; at most 1024 connections at a time, the others wait.
pub async fn serve(listener: TcpListener, state: SharedState) {
    let router = Router::new()
        .route("/{server}/charges", post(charge).get(list))
        .route("/{server}/charges/{payment_id}", get(find))
        .route("/{server}/charges/{payment_id}/refund", post(refund))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(state);
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve_connection(stream, router.clone()))),
            Err(_) => sleep(ACCEPT_AGAIN_AFTER).await,
        }
    }
}

/// hyper closes the connection when a service fails, which axum's own server does not allow.
async fn serve_connection(stream: TcpStream, router: Router) {
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let response =
                router.oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
            match response.extensions().get::<NoReply>() {
                Some(NoReply) => Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
                None => Ok(response),
            }
        }
    });
    // The error is either our own refusal to answer or a client that went away.
    http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await
        .ok();
}

async fn charge(
    Shared(state): Shared<SharedState>,
    Path(server): Path<String>,
    Json(request): Json<ChargeRequest>,
) -> Response {
    if request.amount_cents <= 0 {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "amount_cents must be positive");
    }
    lock(&state).asked.insert(request.payment_id);
    let fate = draw(&state);
    sleep(fate.latency).await;
    if fate.is_error {
        return error();
    }
    match decide(&state, &server, &request, fate) {
        Decision::Answer(charge) => answer(charge),
        Decision::Conflict => {
            refuse(StatusCode::CONFLICT, "this payment was charged with another amount")
        }
        Decision::LoseReply => NoReply.into_response(),
        Decision::Withhold => {
            // Ends early when the caller is killed, because hyper drops this when the connection closes.
            sleep(WITHHOLD_FOR).await;
            NoReply.into_response()
        }
    }
}

/// What to do about one request to charge.
enum Decision {
    Answer(Charge),
    Conflict,
    LoseReply,
    Withhold,
}

/// What becomes of a call that arrives now.
fn draw(state: &Mutex<State>) -> Fate {
    let mut state = lock(state);
    let State { behaviour, random, .. } = &mut *state;
    behaviour.draw(random)
}

fn decide(state: &Mutex<State>, server: &str, request: &ChargeRequest, fate: Fate) -> Decision {
    let mut state = lock(state);
    let State { ledger, traps, .. } = &mut *state;
    let is_declined = fate.is_declined || request.payment_method == DECLINED_METHOD;
    let caller = Caller { server, at: clock::now_utc() };
    let charge = match ledger.charge(caller, request, is_declined) {
        Charged::Conflict => return Decision::Conflict,
        Charged::Again(charge) => return Decision::Answer(charge),
        Charged::New(charge) if charge.state != ChargeState::Captured => {
            return Decision::Answer(charge);
        }
        Charged::New(charge) => charge,
    };
    let captured = CapturedCharge { payment_id: charge.payment_id };
    // A trap whose owner has gone does not spring.
    if traps.remove(server).is_some_and(|trap| trap.send(captured).is_ok()) {
        ledger.counts.replies_lost += 1;
        return Decision::Withhold;
    }
    if fate.is_reply_lost {
        ledger.counts.replies_lost += 1;
        return Decision::LoseReply;
    }
    Decision::Answer(charge)
}

async fn find(
    Shared(state): Shared<SharedState>,
    Path((_, payment_id)): Path<(String, Uuid)>,
) -> Response {
    if draw(&state).is_error {
        return error();
    }
    let charge = lock(&state).ledger.find(payment_id).cloned();
    charge.map_or_else(unknown, |charge| Json(charge).into_response())
}

async fn list(Shared(state): Shared<SharedState>) -> Json<Vec<Charge>> {
    Json(lock(&state).ledger.charges())
}

async fn refund(
    Shared(state): Shared<SharedState>,
    Path((server, payment_id)): Path<(String, Uuid)>,
    Json(RefundRequest { refund_id }): Json<RefundRequest>,
) -> Response {
    let fate = draw(&state);
    sleep(fate.latency).await;
    if fate.is_error {
        return error();
    }
    let caller = Caller { server: &server, at: clock::now_utc() };
    let (refunded, is_reply_lost) = {
        let State { ledger, .. } = &mut *lock(&state);
        let sent_back = ledger.counts.refunded;
        let refunded = ledger.refund(caller, payment_id, refund_id);
        let is_reply_lost = fate.is_reply_lost && ledger.counts.refunded > sent_back;
        ledger.counts.replies_lost += u64::from(is_reply_lost);
        (refunded, is_reply_lost)
    };
    match refunded {
        Refunded::Back(_) if is_reply_lost => NoReply.into_response(),
        Refunded::Back(charge) => Json(charge).into_response(),
        Refunded::Declined => {
            refuse(StatusCode::CONFLICT, "this payment was declined, there is nothing to refund")
        }
        Refunded::Unknown => unknown(),
    }
}

fn answer(charge: Charge) -> Response {
    let status = match charge.state {
        ChargeState::Declined => StatusCode::PAYMENT_REQUIRED,
        ChargeState::Captured | ChargeState::Refunded => StatusCode::OK,
    };
    (status, Json(charge)).into_response()
}

fn error() -> Response {
    refuse(StatusCode::SERVICE_UNAVAILABLE, "the provider has a bad moment; nothing was done")
}

fn unknown() -> Response {
    refuse(StatusCode::NOT_FOUND, "no such payment")
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, message.to_owned()).into_response()
}

impl IntoResponse for NoReply {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}
