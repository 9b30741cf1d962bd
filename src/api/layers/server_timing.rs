//! Says in an answer what it took of PostgreSQL, Redis and the payment provider, for whoever measures the server. Strangers
//! are not to be told: it is off unless asked for.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

use crate::metrics::Calls;
use crate::wire::server_timing::{self, SERVER_TIMING, Timings};

/// Keeps the calls that are made for a request, and says so in its answer.
pub async fn tell(request: Request, next: Next) -> Response {
    let calls = Calls::default();
    let mut response = calls.clone().keep(next.run(request)).await;
    let told = server_timing::write(&summed(&calls));
    if !told.is_empty()
        && let Ok(value) = HeaderValue::from_str(&told)
    {
        response.headers_mut().insert(SERVER_TIMING, value);
    }
    response
}

fn summed(calls: &Calls) -> Timings {
    let mut summed = Timings::new();
    for call in calls.so_far() {
        let timing = summed.entry(call.dependency.to_string()).or_default();
        timing.us += u64::try_from(call.took().as_micros()).unwrap_or(u64::MAX);
        timing.calls += 1;
        timing.failed += u32::from(call.is_failed);
    }
    summed
}
