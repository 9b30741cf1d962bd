//! From an answer, or none, to what the client knows. Pure. A timeout is never a failure: only what certainly had no
//! effect is `fail`.
//!
//! | what came back | known | asking again with the same key |
//! |---|---|---|
//! | 2xx that can be read | ok | |
//! | 2xx that can't be read | info | |
//! | 408, 429, 409 while the key's first request is running | info: the key may yet have its effect | makes sense |
//! | any other answer below 500 | fail | |
//! | 503 | info | makes sense |
//! | any other answer from 500 | info | |
//! | no connection | fail: nothing was sent | makes sense, elsewhere |
//! | connection lost | info | makes sense |
//! | timeout | info | |

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::harness::recorder::Outcome;
use crate::wire::server_timing::Timings;
use crate::wire::{Failure, IdempotencyStatus, Success};

/// What happened to a request.
#[derive(Debug)]
pub enum Exchange {
    /// There was an answer.
    Answered(RawAnswer),
    /// There was no connection; not a byte was sent.
    NeverSent(String),
    /// The connection was lost with the request somewhere on its way.
    Lost(String),
    /// No answer in time.
    TimedOut,
}

/// An answer as it came.
#[derive(Debug)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// The server marked it as a replay.
    pub replayed: bool,
    /// `Retry-After`, where given in seconds.
    pub retry_after: Option<Duration>,
    /// What it took of each dependency, as far as the server says.
    pub dependencies: Timings,
    /// The body, or why it could not be read whole.
    pub body: Result<Vec<u8>, String>,
}

/// What is known after an exchange.
#[derive(Debug)]
pub struct Judged<T> {
    /// The outcome.
    pub outcome: Outcome,
    /// The answer's data, when ok.
    pub data: Option<T>,
    /// HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The server marked the answer as a replay.
    pub replayed: bool,
    /// The body, where there was one.
    pub body: Option<Vec<u8>>,
    /// Why, when not ok.
    pub detail: String,
    /// Set where asking again with the same key makes sense: the wait asked for, 0 when none was.
    pub retry_after: Option<Duration>,
    /// Machine-readable reason of a refusal.
    pub reason: Option<String>,
    /// What the answer took of each dependency, as far as the server says.
    pub dependencies: Timings,
}

/// Judges an exchange whose good answer carries a `T`.
pub fn judge<T: DeserializeOwned>(exchange: Exchange) -> Judged<T> {
    judge_by(exchange, envelope)
}

/// Judges an exchange whose good answer carries a page of `T`s, and where the next one begins.
pub fn judge_page<T: DeserializeOwned>(exchange: Exchange) -> Judged<Page<T>> {
    judge_by(exchange, page)
}

/// A page, and the cursor of the next one; none after the last.
pub type Page<T> = (Vec<T>, Option<String>);

/// Judges an exchange whose good answer is something to look at.
pub fn seen(exchange: Exchange) -> Judged<()> {
    judge_by(exchange, |_body| Ok(()))
}

/// Judges an exchange whose good answer is read so, or why it is none.
fn judge_by<T>(exchange: Exchange, read: fn(&[u8]) -> Result<T, String>) -> Judged<T> {
    match exchange {
        Exchange::Answered(answer) => judge_answer(answer, read),
        Exchange::NeverSent(cause) => Judged {
            retry_after: Some(Duration::ZERO),
            ..unanswered(Outcome::Fail, format!("not connected: {cause}"))
        },
        Exchange::Lost(cause) => Judged {
            retry_after: Some(Duration::ZERO),
            ..unanswered(Outcome::Info, format!("connection lost: {cause}"))
        },
        Exchange::TimedOut => unanswered(Outcome::Info, "no answer in time".to_owned()),
    }
}

fn unanswered<T>(outcome: Outcome, detail: String) -> Judged<T> {
    Judged {
        outcome,
        data: None,
        status: None,
        replayed: false,
        body: None,
        detail,
        retry_after: None,
        reason: None,
        dependencies: Timings::new(),
    }
}

/// The data in an envelope that says it succeeded.
fn envelope<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    success(body).map(|answer| answer.data)
}

/// The page in such an envelope.
fn page<T: DeserializeOwned>(body: &[u8]) -> Result<Page<T>, String> {
    let answer = success(body)?;
    Ok((answer.data, answer.meta.and_then(|meta| meta.next_cursor)))
}

fn success<T: DeserializeOwned>(body: &[u8]) -> Result<Success<T>, String> {
    match serde_json::from_slice::<Success<T>>(body) {
        Ok(answer) if answer.success => Ok(answer),
        Ok(_) => Err("2xx that says it did not succeed".to_owned()),
        Err(error) => Err(format!("unreadable 2xx: {error}")),
    }
}

fn judge_answer<T>(answer: RawAnswer, read: fn(&[u8]) -> Result<T, String>) -> Judged<T> {
    let RawAnswer { status, replayed, retry_after, dependencies, body } = answer;
    let known = |outcome, detail| Judged {
        status: Some(status),
        replayed,
        dependencies,
        ..unanswered(outcome, detail)
    };
    let body = match body {
        Ok(body) => body,
        Err(cause) => {
            return known(without_body(status), format!("status {status}, and then {cause}"));
        }
    };
    if (200..300).contains(&status) {
        return match read(&body) {
            Ok(data) => {
                Judged { data: Some(data), body: Some(body), ..known(Outcome::Ok, String::new()) }
            }
            Err(wrong) => Judged { body: Some(body), ..known(Outcome::Info, wrong) },
        };
    }
    let failure = serde_json::from_slice::<Failure>(&body).ok();
    let reason = failure
        .as_ref()
        .and_then(|failure| failure.errors.first())
        .map(|error| error.field.clone());
    let detail = match failure {
        Some(failure) => failure.message,
        None => format!("status {status} without a readable reason"),
    };
    let still_running = status == 409 && retry_after.is_some();
    let retryable = still_running || matches!(status, 408 | 429 | 503);
    let outcome = if retryable || status >= 500 { Outcome::Info } else { Outcome::Fail };
    let retry_after = retryable.then(|| retry_after.unwrap_or_default());
    Judged { body: Some(body), retry_after, reason, ..known(outcome, detail) }
}

/// A refusal stands by its status, except for 409, of which only the rest of the answer tells the two kinds apart.
fn without_body(status: u16) -> Outcome {
    match status {
        408 | 409 | 429 => Outcome::Info,
        300..500 => Outcome::Fail,
        _ => Outcome::Info,
    }
}

/// Reads the answer about a key: `Ok(None)` when no effect of it exists, an error when nothing was learnt.
pub fn key_status(exchange: Exchange) -> anyhow::Result<Option<IdempotencyStatus>> {
    if let Exchange::Answered(RawAnswer { status: 404, .. }) = exchange {
        return Ok(None);
    }
    let judged = judge::<IdempotencyStatus>(exchange);
    match judged.data {
        Some(status) => Ok(Some(status)),
        None => anyhow::bail!("{}", judged.detail),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Exchange, Judged, RawAnswer, Timings, judge};
    use crate::harness::recorder::Outcome;

    fn answered(status: u16, retry_after: Option<u64>, body: &str) -> Judged<u32> {
        let retry_after = retry_after.map(Duration::from_secs);
        judge(Exchange::Answered(RawAnswer {
            status,
            replayed: false,
            retry_after,
            dependencies: Timings::new(),
            body: Ok(body.into()),
        }))
    }

    const REFUSAL: &str =
        r#"{"success":false,"message":"no","errors":[{"field":"why","message":"no"}]}"#;

    #[test]
    fn only_what_certainly_had_no_effect_is_a_failure() {
        let (ok, fail, info) = (Outcome::Ok, Outcome::Fail, Outcome::Info);
        let good = r#"{"success":true,"data":7,"message":"ok"}"#;
        for (status, retry_after, body, outcome, retries) in [
            (201, None, good, ok, false),
            (200, None, "<html>", info, false),
            (200, None, REFUSAL, info, false),
            (400, None, REFUSAL, fail, false),
            (402, None, REFUSAL, fail, false),
            (408, None, "", info, true),
            (409, None, REFUSAL, fail, false),
            (409, Some(1), REFUSAL, info, true),
            (410, None, REFUSAL, fail, false),
            (422, None, REFUSAL, fail, false),
            (429, Some(1), REFUSAL, info, true),
            (500, None, REFUSAL, info, false),
            (502, None, "", info, false),
            (503, Some(1), REFUSAL, info, true),
            (503, None, "", info, true),
            (302, None, "", fail, false),
        ] {
            let judged = answered(status, retry_after, body);
            assert_eq!(
                (judged.outcome, judged.retry_after.is_some()),
                (outcome, retries),
                "{status} {retry_after:?}"
            );
            assert_eq!(judged.data, (outcome == ok).then_some(7), "{status}");
        }
    }

    #[test]
    fn a_request_is_a_failure_without_an_answer_only_when_it_was_never_sent() {
        let outcome = |exchange| judge::<u32>(exchange).outcome;
        assert_eq!(outcome(Exchange::NeverSent("refused".to_owned())), Outcome::Fail);
        assert_eq!(outcome(Exchange::Lost("reset".to_owned())), Outcome::Info);
        assert_eq!(outcome(Exchange::TimedOut), Outcome::Info);
    }

    #[test]
    fn a_conflict_whose_body_was_lost_is_unknown_and_a_refusal_stands() {
        let lost = |status| {
            judge::<u32>(Exchange::Answered(RawAnswer {
                status,
                replayed: false,
                retry_after: None,
                dependencies: Timings::new(),
                body: Err("reset".to_owned()),
            }))
        };
        assert_eq!(lost(201).outcome, Outcome::Info);
        assert_eq!(lost(409).outcome, Outcome::Info);
        assert_eq!(lost(402).outcome, Outcome::Fail);
    }

    #[test]
    fn the_reason_is_read_from_the_answer() {
        let judged = answered(409, None, REFUSAL);
        assert_eq!((judged.reason.as_deref(), judged.detail.as_str()), (Some("why"), "no"));
        assert_eq!(answered(503, Some(3), REFUSAL).retry_after, Some(Duration::from_secs(3)));
    }
}
