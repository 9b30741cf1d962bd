//! `ticketctl serve`: puts the booking server together and runs it until it is told to stop.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser};
use jsonwebtoken::{DecodingKey, EncodingKey};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bad_input::BadInput;
use super::jobs::PeriodArgs;
use super::limits::LimitArgs;
use super::locks::LockArgs;
use super::payments::{self, PaymentArgs};
use super::process::stop_signal;
use super::sabotage::SabotageArgs;
use super::security_headers::SecurityHeaderArgs;
use super::served_database;
use super::shared::{masked, positive_duration};
use super::telemetry::TelemetryArgs;
use crate::accounts::{Accounts, Passwords, TokenTtls, password};
use crate::api::{self, App, Shared, listen, render};
use crate::booking::Context;
use crate::booking::guard::Guard;
use crate::booking::jobs;
use crate::booking::strategies::{self, Need, Resources, STRATEGIES, StrategyEntry};
use crate::domain::HoldTtl;
use crate::entropy::Entropy;

use crate::locks::{AnswerCache, AvailabilityCache, Node, Redlock};
use crate::metrics;
use crate::sabotage::{Planted, ServerParts};
use crate::storage::{Storage, StorageSettings};

/// How long shutdown waits for work under way.
const SHUTDOWN_WITHIN: Duration = Duration::from_secs(20);
/// A shorter secret could be guessed. Source: RFC 7518 section 3.2 (HS256 needs 256 bits).
const JWT_SECRET_BYTES_MIN: usize = 32;

const EXAMPLES: &str = "\
Examples:
  eval \"$(ticketctl stack up)\" && ticketctl migrate && ticketctl serve
  ticketctl serve --strategy redlock --redis-urls redis://a:6379,redis://b:6379,redis://c:6379

Every flag can be given by the environment variable in brackets.";

/// Serve bookings over HTTP.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, env = "BIND", default_value = "127.0.0.1:8080", value_name = "HOST:PORT")]
    bind: SocketAddr,
    /// This instance's name in logs and in `pg_stat_activity`.
    #[arg(long, env = "INSTANCE_NAME", default_value = "server", value_name = "NAME")]
    name: String,
    /// How concurrent claims on seats are serialised.
    #[arg(long, env = "STRATEGY", default_value = strategies::DEFAULT.name, value_name = "STRATEGY",
          value_parser = PossibleValuesParser::new(strategy_values()))]
    strategy: String,
    /// The database, as postgres://user:password@host:port/name.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL",
          value_parser = NonEmptyStringValueParser::new())]
    database_url: String,
    /// Redis nodes, separated by commas: none, or an odd number of independent servers.
    #[arg(long, env = "REDIS_URLS", hide_env_values = true, value_delimiter = ',', value_name = "URL,…",
          value_parser = NonEmptyStringValueParser::new())]
    redis_urls: Vec<String>,
    /// Secret that access tokens are signed with (HS256), 32 bytes or more.
    #[arg(long, env = "JWT_SECRET", hide_env_values = true, value_name = "SECRET")]
    jwt_secret: String,
    /// Connections to the database at most.
    #[arg(long, env = "POOL_SIZE", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pool_size: u32,
    /// How long a request may take before it is answered with 503.
    #[arg(long, env = "REQUEST_TIMEOUT", default_value = "10s", value_parser = positive_duration)]
    request_timeout: Duration,
    /// How long a hold lasts where the request doesn't say less; whole seconds, 1s to 1h.
    #[arg(long, env = "HOLD_TTL", default_value = "5m", value_parser = hold_ttl)]
    hold_ttl: HoldTtl,
    /// Say in each answer what it took of PostgreSQL, each Redis node and the payment provider (`Server-Timing`): for
    /// measuring, not for strangers.
    #[arg(long, env = "SERVER_TIMING")]
    server_timing: bool,
    #[command(flatten)]
    accounts: AccountArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    security_headers: SecurityHeaderArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
    #[command(flatten)]
    payments: PaymentArgs,
    #[command(flatten)]
    locks: LockArgs,
    #[command(flatten)]
    jobs: PeriodArgs,
    #[command(flatten)]
    sabotage: SabotageArgs,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Accounts")]
struct AccountArgs {
    /// How long an access token lasts; it cannot be taken back sooner.
    #[arg(long, env = "ACCESS_TOKEN_TTL", default_value = "15m", value_parser = positive_duration)]
    access_token_ttl: Duration,
    /// How long a refresh token waits for its one use.
    #[arg(long, env = "REFRESH_TOKEN_TTL", default_value = "7d", value_parser = positive_duration)]
    refresh_token_ttl: Duration,
    /// Passwords hashed at once; each takes a core and 19 MiB.
    #[arg(long, env = "PASSWORDS_AT_ONCE", default_value_t = password::AT_ONCE, value_parser = passwords_at_once)]
    passwords_at_once: usize,
}

fn strategy_values() -> Vec<PossibleValue> {
    let value = |entry: &&'static StrategyEntry| PossibleValue::new(entry.name).help(entry.summary);
    STRATEGIES.iter().map(value).collect()
}

fn hold_ttl(text: &str) -> Result<HoldTtl, String> {
    let duration = positive_duration(text)?;
    let seconds = u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    HoldTtl::from_seconds(seconds).map_err(|error| error.to_string())
}

fn passwords_at_once(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count) if (1..=256).contains(&count) => Ok(count),
        _ => Err("must be a number from 1 to 256".to_owned()),
    }
}

/// Serves until SIGINT or SIGTERM, then finishes what is under way.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let telemetry = args.telemetry.start(&args.name).await?;
    let strategy =
        strategies::find(&args.strategy).context("clap lets only known strategies through")?;
    check(&args, strategy)?;
    let (planted, database_url) = args.sabotage.begin(strategy, &args.database_url).await?;
    let storage = Storage::open(&storage_settings(&args, database_url))
        .context("DATABASE_URL is not a PostgreSQL URL")?;
    args.sabotage.check(&storage).await?;
    served_database::check(&args.database_url, strategy, &storage).await?;
    let nodes = open_nodes(&planted.redis_urls(&args.name, &args.redis_urls))?;
    let context = Arc::new(open_context(&args, strategy, &planted, storage.clone(), &nodes)?);
    let work = TaskTracker::new();
    let app = App::new(Shared {
        context: Arc::clone(&context),
        strategy: strategy.name,
        accounts: open_accounts(&args, storage.clone())?,
        limits: args.limits.limits(&nodes)?,
        security_headers: (&args.security_headers).into(),
        nodes,
        token_key: DecodingKey::from_secret(args.jwt_secret.as_bytes()),
        hold_ttl: args.hold_ttl,
        description: api::routes::description(args.hold_ttl),
        request_timeout: args.request_timeout,
        server_timing: args.server_timing,
        work: work.clone(),
        metrics: metrics::install()?,
    });
    let listener = TcpListener::bind(args.bind).await.with_context(|| {
        format!("can't listen on {}, choose another address with --bind", args.bind)
    })?;
    if strategy.is_unsafe {
        served_database::take_guard_away(strategy, &storage).await?;
    } else {
        served_database::count_on_guard(&context).await?;
    }
    tracing::info!(name = args.name, address = %listener.local_addr()?, strategy = strategy.name, "serving");
    let stop = CancellationToken::new();
    let background = jobs::start(&context, |job| args.jobs.of(job), &stop);
    let closing = CancellationToken::new();
    let mut server = JoinSet::new();
    let parts = ServerParts { storage: &storage, jwt_secret: &args.jwt_secret };
    let router = planted.router(api::router(app), &parts);
    server.spawn(listen::serve(listener, router, args.limits.bounds(), closing.clone()));
    tokio::select! {
        () = stop_signal() => {}
        _ = server.join_next() => anyhow::bail!("the server ended by itself, its log says why"),
    }
    closing.cancel();
    if tokio::time::timeout(SHUTDOWN_WITHIN, server.join_next()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
    stop.cancel();
    work.close();
    if tokio::time::timeout(SHUTDOWN_WITHIN, finish(background, work, &context)).await.is_err() {
        tracing::warn!("some work did not end in time; recovery takes it on");
    }
    if tokio::time::timeout(SHUTDOWN_WITHIN, storage.close()).await.is_err() {
        tracing::warn!("the connections to PostgreSQL did not close in time");
    }
    tracing::info!("stopped");
    telemetry.finish().await;
    Ok(ExitCode::SUCCESS)
}

async fn finish(mut background: JoinSet<()>, work: TaskTracker, context: &Context) {
    while background.join_next().await.is_some() {}
    work.wait().await;
    context.strategy.shut_down().await;
}

fn check(args: &Args, strategy: &StrategyEntry) -> anyhow::Result<()> {
    let refuse = |message: String| Err(BadInput(message).into());
    if args.jwt_secret.len() < JWT_SECRET_BYTES_MIN {
        return refuse(format!(
            "JWT_SECRET must have {JWT_SECRET_BYTES_MIN} bytes or more, try `openssl rand -hex 32`"
        ));
    }
    if args.redis_urls.len().is_multiple_of(2) && !args.redis_urls.is_empty() {
        return refuse(format!(
            "REDIS_URLS names {} nodes, and an even number makes no better majority than one less: name 1, 3 or 5",
            args.redis_urls.len()
        ));
    }
    let lock_nodes_missing = args.redis_urls.is_empty();
    if lock_nodes_missing && strategy.needs.contains(&Need::LockNodes) {
        return refuse(format!("the strategy {} needs Redis nodes, set REDIS_URLS", strategy.name));
    }
    Ok(())
}

fn storage_settings(args: &Args, database_url: String) -> StorageSettings {
    StorageSettings {
        database_url,
        application_name: args.name.clone(),
        connections_max: args.pool_size,
        acquire_timeout: Duration::from_secs(3).min(args.request_timeout),
        statement_timeout: Duration::from_secs(5).min(args.request_timeout),
        lock_timeout: Duration::from_secs(3).min(args.request_timeout),
        idle_in_transaction_timeout: Duration::from_secs(10),
    }
}

fn open_nodes(urls: &[String]) -> anyhow::Result<Arc<[Node]>> {
    let open = |(index, url): (usize, &String)| {
        Node::open(&format!("redis-{}", index + 1), url)
            .with_context(|| format!("{} is not a Redis URL", masked(url)))
    };
    urls.iter().enumerate().map(open).collect()
}

fn open_context(
    args: &Args,
    strategy: &StrategyEntry,
    planted: &Planted,
    storage: Storage,
    nodes: &Arc<[Node]>,
) -> anyhow::Result<Context> {
    let resources = Resources {
        storage: storage.clone(),
        locks: Redlock::new(Arc::clone(nodes), args.locks.settings()),
        when_locks_unreachable: args.locks.when_locks_unreachable(),
        render: render::RENDER,
        entropy: Arc::new(Entropy::from_os()),
    };
    Ok(Context {
        storage,
        answers: AnswerCache::new(planted.answer_nodes(nodes)),
        availability: AvailabilityCache::new(Arc::clone(nodes)),
        provider: planted.provider(args.payments.open()?),
        guard: Guard::new(!strategy.is_unsafe),
        strategy: planted.strategy(strategy.open(&resources), nodes),
        render: resources.render,
        entropy: resources.entropy,
        settings: payments::settings(args.payments.recovery_idle, args.limits.holds()),
    })
}

fn open_accounts(args: &Args, storage: Storage) -> anyhow::Result<Accounts> {
    Ok(Accounts {
        storage,
        passwords: Passwords::new(args.accounts.passwords_at_once)?,
        signing_key: EncodingKey::from_secret(args.jwt_secret.as_bytes()),
        entropy: Entropy::from_os(),
        ttls: TokenTtls {
            access: args.accounts.access_token_ttl,
            refresh: args.accounts.refresh_token_ttl,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::booking::claim::Claim;
    use crate::booking::strategies::Strategy;
    use crate::booking::{BookingError, Settings};
    use crate::domain::{Holds, StoredResponse};
    use crate::payments::Absent;
    use crate::storage::StorageError;
    use crate::storage::bookings::Sale;

    /// A strategy that writes down when it is shut down.
    struct Noting(Arc<Mutex<Vec<&'static str>>>);

    #[async_trait]
    impl Strategy for Noting {
        async fn hold(&self, _claim: &Claim) -> Result<StoredResponse, BookingError> {
            unreachable!("nobody claims")
        }
        async fn sell(&self, _sale: &Sale<'_>) -> Result<bool, StorageError> {
            unreachable!("nobody buys")
        }
        async fn shut_down(&self) {
            self.0.lock().unwrap().push("strategy");
        }
    }

    #[tokio::test]
    async fn the_strategy_is_shut_down_with_the_server_after_all_work_has_ended() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let nodes: Arc<[Node]> = Arc::from([]);
        let context = Context {
            storage: Storage::open(&StorageSettings::for_command("postgres://localhost/none"))
                .unwrap(),
            answers: AnswerCache::new(Arc::clone(&nodes)),
            availability: AvailabilityCache::new(nodes),
            provider: Arc::new(Absent),
            guard: Guard::needed(),
            strategy: Arc::new(Noting(Arc::clone(&order))),
            render: render::RENDER,
            entropy: Arc::new(Entropy::from_seed(1)),
            settings: Settings {
                holds_of_user: Holds::USUAL,
                in_progress_ttl: Duration::from_secs(1),
                recovery_idle: Duration::from_secs(1),
            },
        };
        let (mut background, work) = (JoinSet::new(), TaskTracker::new());
        let (job, request) = (Arc::clone(&order), Arc::clone(&order));
        background.spawn(async move { job.lock().unwrap().push("job") });
        work.spawn(async move { request.lock().unwrap().push("request") });
        work.close();
        finish(background, work, &context).await;
        let order = order.lock().unwrap();
        assert_eq!((order.len(), order.last()), (3, Some(&"strategy")));
    }
}
