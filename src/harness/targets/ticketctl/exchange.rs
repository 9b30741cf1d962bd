//! Sending one request and reading its answer, within bounds of time and size. Knows nothing of what answers mean.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, RETRY_AFTER};
use reqwest::{Method, Response};

use super::classify::{Exchange, RawAnswer};
use crate::harness::targets::order::Call;
use crate::wire::server_timing::{self, SERVER_TIMING};
use crate::wire::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED};

/// Largest answer read, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Idle connections are dropped before servers usually drop them, so that few requests meet a closing connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// One request.
#[derive(Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Where to.
    pub url: String,
    /// JSON, or nothing.
    pub body: Vec<u8>,
    /// Value of the `Authorization` header.
    pub authorization: Option<HeaderValue>,
    /// Idempotency key.
    pub key: Option<String>,
    /// The version that a change is made from, as its `ETag` was.
    pub if_match: Option<String>,
    /// How long to wait for the whole answer.
    pub timeout: Duration,
}

impl Request {
    /// A request of a buyer's that names no version.
    pub fn new(call: &Call<'_>, method: Method, url: String, body: Vec<u8>) -> Self {
        Self {
            method,
            url,
            body,
            authorization: Some(call.buyer.authorization.clone()),
            key: call.key.map(str::to_owned),
            if_match: None,
            timeout: call.timeout,
        }
    }

    /// Nobody's request to read something.
    pub fn anonymous(url: String, timeout: Duration) -> Self {
        Self {
            method: Method::GET,
            url,
            body: Vec::new(),
            authorization: None,
            key: None,
            if_match: None,
            timeout,
        }
    }
}

/// The connections to all servers.
#[derive(Debug)]
pub struct Transport {
    http: reqwest::Client,
}

impl Transport {
    /// HTTP/1.1 with keep-alive; no proxy, no redirect, nothing sent a second time behind the caller's back.
    pub fn new() -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .tcp_nodelay(true)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build()
            .context("cannot set up the HTTP client")?;
        Ok(Self { http })
    }

    /// Sends the request and waits for the whole answer.
    pub async fn exchange(&self, request: Request) -> Exchange {
        let Request { method, url, body, authorization, key, if_match, timeout } = request;
        let mut request = self.http.request(method, url).timeout(timeout);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        if let Some(version) = if_match {
            request = request.header(IF_MATCH, version);
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        match request.send().await {
            Ok(response) => Exchange::Answered(read(response).await),
            // Nothing was written on a connection that never was.
            Err(error) if error.is_connect() || error.is_builder() => {
                Exchange::NeverSent(root_cause(&error))
            }
            Err(error) if error.is_timeout() => Exchange::TimedOut,
            Err(error) => Exchange::Lost(root_cause(&error)),
        }
    }
}

async fn read(mut response: Response) -> RawAnswer {
    let status = response.status().as_u16();
    let replayed = header(response.headers(), IDEMPOTENT_REPLAYED) == Some("true");
    let retry_after =
        header(response.headers(), RETRY_AFTER.as_str()).and_then(|value| value.parse().ok());
    let dependencies =
        header(response.headers(), SERVER_TIMING).map(server_timing::read).unwrap_or_default();
    let mut body = Vec::new();
    let body = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= BODY_BYTES_MAX => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => break Err(format!("the answer is larger than {BODY_BYTES_MAX} bytes")),
            Ok(None) => break Ok(body),
            Err(error) => break Err(root_cause(&error)),
        }
    };
    let retry_after = retry_after.map(Duration::from_secs);
    RawAnswer { status, replayed, retry_after, dependencies, body }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The innermost reason: `connection reset by peer` rather than `error sending request for url`.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
