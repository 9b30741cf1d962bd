//! Requests to our own servers: where they go, and what a buyer knows after each. Knows nothing of what is asked.

use serde::de::DeserializeOwned;

use super::classify::{self, Judged};
use super::exchange::{Request, Transport};
use crate::harness::recorder::Told;
use crate::harness::targets::Server;
use crate::harness::targets::answer::{Answer, Refused, Said, sha256_hex};
use crate::harness::targets::order::Call;
use crate::wire::Reason;

/// A client of our servers.
#[derive(Debug)]
pub struct Client {
    /// The connections.
    pub transport: Transport,
    /// The servers.
    pub servers: Vec<Server>,
}

impl Client {
    /// The URL of this path at the server that is called.
    pub fn url(&self, call: &Call<'_>, path: &str) -> String {
        format!("{}{path}", self.servers[call.server].base_url)
    }

    /// Sends what is answered with one reservation or booking.
    pub async fn change<T: DeserializeOwned>(
        &self,
        request: Request,
        tell: fn(T) -> Told,
    ) -> Answer {
        let (answer, data) = self.send(request).await;
        Answer {
            said: Said { told: data.map(tell).into_iter().collect(), ..Said::default() },
            ..answer
        }
    }

    /// Sends it; the answer, and its data when ok.
    pub async fn send<T: DeserializeOwned>(&self, request: Request) -> (Answer, Option<T>) {
        let request_sha256 = sha256_hex(&request.body);
        known(request_sha256, classify::judge::<T>(self.transport.exchange(request).await))
    }

    /// Sends what is answered with a page; the answer, and the page when ok.
    pub async fn page<T: DeserializeOwned>(
        &self,
        request: Request,
    ) -> (Answer, Option<classify::Page<T>>) {
        let request_sha256 = sha256_hex(&request.body);
        known(request_sha256, classify::judge_page::<T>(self.transport.exchange(request).await))
    }

    /// Sends it, and looks only whether there is something to see.
    pub async fn see(&self, request: Request) -> Answer {
        let request_sha256 = sha256_hex(&request.body);
        known(request_sha256, classify::seen(self.transport.exchange(request).await)).0
    }
}

/// What the buyer knows after this, and the answer's data.
fn known<T>(request_sha256: String, judged: Judged<T>) -> (Answer, Option<T>) {
    let Judged { outcome, data, status, replayed, body, detail, dependencies, .. } = judged;
    let Judged { retry_after, reason, .. } = judged;
    let answer = Answer {
        outcome,
        said: Said::default(),
        refused: refused(reason.as_deref(), status),
        retry_after,
        status,
        replayed,
        request_sha256,
        response_sha256: body.map(|body| sha256_hex(&body)),
        reason,
        detail,
        dependencies,
    };
    (answer, data)
}

fn refused(reason: Option<&str>, status: Option<u16>) -> Refused {
    match (reason.and_then(Reason::parse), status) {
        (Some(Reason::SeatUnavailable), _) => Refused::SeatsTaken,
        (Some(Reason::SoldOut), _) => Refused::SoldOut,
        (Some(Reason::SeatContended), _) => Refused::Contended,
        (_, Some(402)) => Refused::Declined,
        _ => Refused::Otherwise,
    }
}
