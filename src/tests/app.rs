//! A server on real PostgreSQL and Redis, in this process: fresh database, port 0, real router.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::contract::{self, Contract};
use super::program::exe;
use crate::accounts::{Accounts, Passwords, TokenTtls};
use crate::api::limits::{Limits, WhenLimitsUnreachable};
use crate::api::listen::{self, Bounds};
use crate::api::security_headers::SecurityHeaders;
use crate::api::{self, App, Shared, render, routes};
use crate::booking::answer::Render;
use crate::booking::guard::Guard;
use crate::booking::jobs::{self, Tally};
use crate::booking::strategies::{self, Resources, WhenLocksUnreachable};
use crate::booking::{BookingError, Context, Settings};
use crate::clock;
use crate::domain::{Admission, EventId, EventStatus, HoldTtl, Holds, Role};
use crate::entropy::Entropy;
use crate::locks::{AnswerCache, AvailabilityCache, Node, RateLimiter, Redlock, RedlockSettings};
use crate::payments::{self, ProviderSettings};
use crate::stack::server::ServerSpec;
use crate::stack::{Stack, StackSpec};
use crate::storage::audit::{self, Audit};
use crate::storage::events::{self, Event};
use crate::storage::seeding::{self, CopyInto, NewSeat};
use crate::storage::{Storage, StorageError, StorageSettings, Tx, guard_index, migrations};
use crate::wire::{self, Claims};

/// Seats of the test's event.
pub const SEATS: i32 = 20;
/// Price of each.
pub const PRICE_CENTS: i64 = 2500;
/// What the server signs access tokens with.
pub const SECRET: &[u8] = b"a secret of more than thirty-two bytes";

/// The server and everything under it; gone when dropped.
pub struct TestApp {
    pub stack: Stack,
    pub context: Arc<Context>,
    pub url: String,
    pub event: Uuid,
    pub seats: Vec<i64>,
    http: reqwest::Client,
    setup: Setup,
    servers: Vec<JoinSet<()>>,
    contract: Contract,
}

/// How a test's server differs from the usual one.
#[derive(Debug, Clone)]
pub struct Setup {
    pub strategy: &'static str,
    pub redis_nodes: usize,
    pub payment_timeout: Duration,
    pub recovery_idle: Duration,
    pub lock_ttl: Duration,
    pub holds_of_user: Holds,
    pub when_locks_unreachable: WhenLocksUnreachable,
    pub render: Render,
    pub limits: LimitSetup,
    pub security_headers: SecurityHeaders,
    pub server_timing: bool,
}

/// How much a client of the test's server may do.
#[derive(Debug, Clone, Copy)]
pub struct LimitSetup {
    pub usual: u32,
    pub credentials: u32,
    pub window: Duration,
    pub exempt: &'static [&'static str],
    pub trusted_proxies: usize,
    pub when_unreachable: WhenLimitsUnreachable,
    pub request_timeout: Duration,
    pub bounds: Bounds,
}

impl Default for LimitSetup {
    fn default() -> Self {
        Self {
            usual: 100,
            credentials: 10,
            window: Duration::from_mins(15),
            exempt: &["127.0.0.0/8"],
            trusted_proxies: 0,
            when_unreachable: WhenLimitsUnreachable::Allow,
            request_timeout: Duration::from_secs(5),
            bounds: Bounds {
                connections: 64,
                header_bytes: 8192,
                header_timeout: Duration::from_secs(30),
            },
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            strategy: strategies::DEFAULT.name,
            redis_nodes: 1,
            payment_timeout: Duration::from_secs(2),
            recovery_idle: Duration::from_millis(50),
            lock_ttl: Duration::from_secs(2),
            holds_of_user: Holds::USUAL,
            when_locks_unreachable: WhenLocksUnreachable::Degrade,
            render: render::RENDER,
            limits: LimitSetup::default(),
            security_headers: SecurityHeaders::default(),
            server_timing: false,
        }
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Got {
    pub status: StatusCode,
    pub replayed: bool,
    pub retry_after: Option<String>,
    pub headers: HeaderMap,
    pub body: String,
}

impl Got {
    /// The data of a success.
    #[track_caller]
    pub fn data<T: DeserializeOwned>(&self) -> T {
        let body: wire::Success<T> = serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.body));
        body.data
    }

    /// The status and the reason of a refusal.
    #[track_caller]
    pub fn refusal(&self) -> (u16, String) {
        assert!(!self.status.is_success(), "{}", self.body);
        (self.status.as_u16(), self.reason())
    }

    /// `meta.next_cursor` of a page.
    pub fn next_cursor(&self) -> Option<String> {
        value(&self.body)["meta"]["next_cursor"].as_str().map(str::to_owned)
    }

    /// The machine-readable reason of a refusal.
    #[track_caller]
    pub fn reason(&self) -> String {
        let body: wire::Failure = serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.body));
        assert!(!body.success);
        body.errors.first().map(|error| error.field.clone()).unwrap_or_default()
    }
}

/// A request under construction.
pub struct Call(RequestBuilder);

impl Call {
    /// As this user in this role.
    pub fn role(self, user: Uuid, role: Role) -> Self {
        let claims = Claims { role: role.name().to_owned(), ..claims(user) };
        Self(self.0.bearer_auth(token(&claims)))
    }

    /// As this customer.
    pub fn user(self, user: Uuid) -> Self {
        self.role(user, Role::Customer)
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// Under a fresh key.
    pub fn keyed(self) -> Self {
        self.header(wire::IDEMPOTENCY_KEY, &key())
    }

    /// From this version.
    pub fn if_match(self, version: i64) -> Self {
        self.header("if-match", &format!("\"{version}\""))
    }

    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    pub fn body(self, kind: &str, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("content-type", kind).body(body))
    }

    pub async fn send(self) -> Got {
        got(self.0.send().await.unwrap()).await
    }
}

impl TestApp {
    /// A request to be filled in.
    pub fn call(&self, method: Method, path: &str) -> Call {
        Call(self.http.request(method, format!("{}{path}", self.url)))
    }

    /// A general-admission event on sale, run by `organizer`.
    pub async fn general_event(
        &self,
        organizer: Uuid,
        tickets: i32,
        limit: Option<i32>,
    ) -> wire::Event {
        let body = json!({
            "title": "Concert", "venue": "Field", "starts_at": "2999-06-01T20:00:00Z",
            "general_admission": {"quantity": tickets, "price_cents": PRICE_CENTS},
            "tickets_per_user_max": limit,
        });
        let created = self
            .call(Method::POST, "/api/v1/events")
            .role(organizer, Role::Organizer)
            .json(&body)
            .send()
            .await;
        assert_eq!(created.status, StatusCode::CREATED, "{}", created.body);
        let draft: wire::Event = created.data();
        let published = self.set_status(organizer, &draft, "published").await;
        assert_eq!(published.status, StatusCode::OK, "{}", published.body);
        published.data()
    }

    /// The tokens of a new customer.
    pub async fn logged_in(&self, email: &str) -> wire::Tokens {
        let credentials = json!({"email": email, "password": "correct horse battery"});
        let post = |path: &str| {
            self.call(Method::POST, &format!("/api/v1/auth/{path}")).json(&credentials)
        };
        assert_eq!(post("register").send().await.status, StatusCode::ACCEPTED);
        post("login").send().await.data()
    }

    /// Asks for another status of an event.
    pub async fn set_status(&self, organizer: Uuid, event: &wire::Event, status: &str) -> Got {
        self.call(Method::PATCH, &format!("/api/v1/events/{}", event.id))
            .role(organizer, Role::Organizer)
            .if_match(event.version)
            .json(&json!({"status": status}))
            .send()
            .await
    }

    /// Buys in one step.
    pub async fn buy(&self, user: Uuid, key: &str, body: &Value) -> Got {
        self.call(Method::POST, "/api/v1/bookings")
            .user(user)
            .header(wire::IDEMPOTENCY_KEY, key)
            .json(body)
            .send()
            .await
    }

    pub async fn start(setup: Setup) -> Self {
        let spec = StackSpec {
            redis_nodes: setup.redis_nodes,
            exe: exe(),
            database_url: None,
            redis_urls: Vec::new(),
            temp_parent: None,
        };
        let stack = Stack::start(spec).await.unwrap();
        let storage = Storage::open(&StorageSettings {
            connections_max: 10,
            idle_in_transaction_timeout: Duration::from_secs(5),
            ..StorageSettings::for_command(stack.database_url())
        })
        .unwrap();
        migrations::migrate(&storage).await.unwrap();
        let (event, seats) = seed(&storage).await;
        let context = Arc::new(open_context(&setup, &stack, storage).await);
        let contract = Contract::default();
        let (url, server) = serve(&context, &setup, &stack, &contract).await;
        let http = reqwest::Client::new();
        Self { stack, context, url, event, seats, http, setup, servers: vec![server], contract }
    }

    /// Starts another server on the same stores, and says where it is.
    pub async fn another_server(&mut self) -> String {
        let (url, server) = serve(&self.context, &self.setup, &self.stack, &self.contract).await;
        self.servers.push(server);
        url
    }

    /// Starts a server process of its own on the same stores, with this environment, and says where it is.
    pub async fn process(&mut self, env: &[(&str, &str)]) -> String {
        let secret = String::from_utf8(SECRET.to_vec()).unwrap();
        let ours = [("JWT_SECRET".to_owned(), secret)];
        let given = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let server = ServerSpec {
            name: "server-1".to_owned(),
            strategy: self.setup.strategy.to_owned(),
            database_url: self.stack.database_url().to_owned(),
            redis_urls: self.stack.redis_urls().to_vec(),
            env: ours.into_iter().chain(given).collect(),
        };
        self.stack.start_server(server).await.unwrap().base_url
    }

    /// A request with a token for the user, and with a key and a body where they are given.
    pub async fn send(
        &self,
        (method, path): (Method, &str),
        user: Option<Uuid>,
        key: Option<&str>,
        body: Option<String>,
    ) -> Got {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(user) = user {
            request = request.bearer_auth(token(&claims(user)));
        }
        if let Some(key) = key {
            request = request.header(wire::IDEMPOTENCY_KEY, key);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        got(request.send().await.unwrap()).await
    }

    /// A GET with this bearer token.
    pub async fn get_with_token(&self, path: &str, token: &str) -> Got {
        got(self.http.get(format!("{}{path}", self.url)).bearer_auth(token).send().await.unwrap())
            .await
    }

    /// A POST with this bearer token.
    pub async fn post_with_token(&self, path: &str, token: &str, body: String) -> Got {
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(token).body(body);
        got(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str, user: Option<Uuid>) -> Got {
        self.send((Method::GET, path), user, None, None).await
    }

    pub async fn hold(&self, user: Uuid, key: &str, seats: &[i64], ttl_seconds: u32) -> Got {
        let body = json!({"event_id": self.event, "seat_ids": seats, "ttl_seconds": ttl_seconds});
        self.send(
            (Method::POST, "/api/v1/reservations"),
            Some(user),
            Some(key),
            Some(body.to_string()),
        )
        .await
    }

    pub async fn confirm(&self, user: Uuid, key: &str, reservation: Uuid) -> Got {
        let body = json!({"reservation_id": reservation});
        self.send(
            (Method::POST, "/api/v1/bookings/confirm"),
            Some(user),
            Some(key),
            Some(body.to_string()),
        )
        .await
    }

    pub async fn cancel(&self, user: Uuid, reservation: Uuid) -> Got {
        self.send(
            (Method::DELETE, &format!("/api/v1/reservations/{reservation}")),
            Some(user),
            None,
            None,
        )
        .await
    }

    /// Holds seats and returns the reservation.
    pub async fn held(&self, user: Uuid, seats: &[i64]) -> wire::Reservation {
        let got = self.hold(user, &key(), seats, 60).await;
        assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
        got.data()
    }

    pub async fn availability(&self) -> wire::Availability {
        self.get(&format!("/api/v1/events/{}/availability", self.event), None).await.data()
    }

    /// One round of a job; its counts, in the order of its tally.
    pub async fn run_job(&self, name: &str) -> Vec<u64> {
        self.run_job_in(name, 10).await
    }

    /// One round of a job, at most `batch` rows in one transaction.
    pub async fn run_job_in(&self, name: &str, batch: u32) -> Vec<u64> {
        counts(jobs::find(name).unwrap().round(&self.context, batch).await)
    }

    /// What a round of a job would come to.
    pub async fn due(&self, name: &str) -> Vec<u64> {
        counts(jobs::find(name).unwrap().due(&self.context).await)
    }

    pub async fn audit(&self) -> Audit {
        audit::read(self.stack.database_url()).await.unwrap()
    }

    /// The audit, which must have found nothing.
    pub async fn clean_audit(&self) -> Audit {
        let audit = self.audit().await;
        assert_eq!(audit.findings, []);
        audit
    }

    /// Runs a statement, such as one that makes time pass or damage happen.
    pub async fn sql(&self, statement: &'static str) {
        let mut connection = self.context.storage.connection().await.unwrap();
        sqlx::query(statement).execute(&mut *connection).await.unwrap();
    }
}

/// The whole answer.
pub async fn got(response: reqwest::Response) -> Got {
    let header =
        |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    Got {
        status: response.status(),
        replayed: header(wire::IDEMPOTENT_REPLAYED).as_deref() == Some("true"),
        retry_after: header("retry-after"),
        headers: response.headers().clone(),
        body: response.text().await.unwrap(),
    }
}

/// A customer's claims, good for an hour.
pub fn claims(user: Uuid) -> Claims {
    Claims {
        sub: user,
        role: "customer".to_owned(),
        iss: wire::TOKEN_ISSUER.to_owned(),
        exp: clock::since_epoch().as_secs() + 3600,
    }
}

/// An organizer's token.
pub fn organizer_token(user: Uuid) -> String {
    token(&Claims { role: Role::Organizer.name().to_owned(), ..claims(user) })
}

/// Anything signed with the server's secret.
pub fn token<T: Serialize>(claims: &T) -> String {
    signed(&Header::default(), claims, SECRET)
}

/// Anything signed in another way.
pub fn signed<T: Serialize>(header: &Header, claims: &T, secret: &[u8]) -> String {
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

/// The path with a query.
pub fn asking(path: &str, pairs: &[(&str, &str)]) -> String {
    let url = reqwest::Url::parse_with_params(&format!("http://host{path}"), pairs).unwrap();
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// A fresh key.
pub fn key() -> String {
    Uuid::new_v4().to_string()
}

/// A body as JSON.
pub fn value(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

async fn seed(storage: &Storage) -> (Uuid, Vec<i64>) {
    let id = Uuid::new_v4();
    storage
        .transaction("seed", async |mut tx: Tx| {
            let event = Event {
                id: EventId(id),
                title: "Test".to_owned(),
                venue: "House".to_owned(),
                description: String::new(),
                starts_at: clock::now_utc() + Duration::from_hours(720),
                sales_end_at: None,
                organizer: None,
                admission: Admission::Seated,
                status: EventStatus::Published,
                tickets_per_user: None,
                version: 1,
            };
            events::upsert(&mut tx, "test", &event).await?;
            let seats = (1..=SEATS).map(|number| NewSeat {
                section: "A".to_owned(),
                row_label: "1".to_owned(),
                number,
                price_cents: PRICE_CENTS,
            });
            seeding::copy_seats(&mut tx, EventId(id), CopyInto::Seats, seats, &|_| ()).await?;
            Ok::<_, StorageError>((tx, ()))
        })
        .await
        .unwrap();
    let mut connection = storage.connection().await.unwrap();
    let seats = crate::storage::seats::list(&mut connection, EventId(id), 0, 1000).await.unwrap();
    (id, seats.into_iter().map(|seat| seat.id).collect())
}

async fn open_context(setup: &Setup, stack: &Stack, storage: Storage) -> Context {
    let strategy = strategies::find(setup.strategy).unwrap();
    if strategy.is_unsafe {
        guard_index::drop(&mut storage.connection().await.unwrap()).await.unwrap();
    }
    let nodes = open_nodes(stack);
    let provider = payments::find("simulator").unwrap();
    let provider_settings = ProviderSettings {
        url: Some(format!("{}/test", stack.payments().url())),
        timeout: setup.payment_timeout,
    };
    let locks = RedlockSettings {
        ttl: setup.lock_ttl,
        drift_factor: 0.01,
        retry_count: 3,
        retry_delay: Duration::from_millis(20),
    };
    let resources = Resources {
        storage: storage.clone(),
        locks: Redlock::new(Arc::clone(&nodes), locks),
        when_locks_unreachable: setup.when_locks_unreachable,
        render: setup.render,
        entropy: Arc::new(Entropy::from_seed(1)),
    };
    Context {
        storage,
        answers: AnswerCache::new(Arc::clone(&nodes)),
        availability: AvailabilityCache::new(nodes),
        provider: provider.open(&provider_settings).unwrap(),
        guard: Guard::new(!strategy.is_unsafe),
        strategy: strategy.open(&resources),
        render: resources.render,
        entropy: resources.entropy,
        settings: Settings {
            holds_of_user: setup.holds_of_user,
            in_progress_ttl: Duration::from_mins(1),
            recovery_idle: setup.recovery_idle,
        },
    }
}

fn counts(tally: Result<Tally, BookingError>) -> Vec<u64> {
    tally.unwrap().0.iter().map(|count| count.number).collect()
}

fn open_nodes(stack: &Stack) -> Arc<[Node]> {
    let numbered = stack.redis_urls().iter().enumerate();
    numbered.map(|(n, url)| Node::open(&format!("redis-{}", n + 1), url).unwrap()).collect()
}

fn open_accounts(storage: Storage) -> Accounts {
    Accounts {
        storage,
        passwords: Passwords::new(2).unwrap(),
        signing_key: EncodingKey::from_secret(SECRET),
        entropy: Entropy::from_seed(2),
        ttls: TokenTtls { access: Duration::from_mins(15), refresh: Duration::from_hours(168) },
    }
}

/// Limits that count on the stack's first Redis node.
fn open_limits(setup: &LimitSetup, stack: &Stack) -> Limits {
    let nodes: Arc<[Node]> = stack
        .redis_urls()
        .first()
        .map(|url| Node::open("redis-1", url).unwrap())
        .into_iter()
        .collect();
    Limits {
        limiter: RateLimiter::new(nodes),
        usual: setup.usual,
        credentials: setup.credentials,
        window: setup.window,
        exempt: setup.exempt.iter().map(|network| network.parse().unwrap()).collect(),
        trusted_proxies: setup.trusted_proxies,
        when_unreachable: setup.when_unreachable,
    }
}

async fn serve(
    context: &Arc<Context>,
    setup: &Setup,
    stack: &Stack,
    contract: &Contract,
) -> (String, JoinSet<()>) {
    let app = App::new(Shared {
        context: Arc::clone(context),
        strategy: setup.strategy,
        accounts: open_accounts(context.storage.clone()),
        limits: open_limits(&setup.limits, stack),
        security_headers: setup.security_headers.clone(),
        nodes: open_nodes(stack),
        token_key: DecodingKey::from_secret(SECRET),
        hold_ttl: HoldTtl::from_seconds(60).unwrap(),
        description: routes::description(HoldTtl::from_seconds(60).unwrap()),
        request_timeout: setup.limits.request_timeout,
        server_timing: setup.server_timing,
        work: TaskTracker::new(),
        metrics: PrometheusBuilder::new().build_recorder().handle(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut server = JoinSet::new();
    let watched = axum::middleware::from_fn_with_state(contract.breaches(), contract::watch);
    let router = api::router(app).layer(watched);
    server.spawn(listen::serve(listener, router, setup.limits.bounds, CancellationToken::new()));
    (url, server)
}
