//! Makes what a run runs on: stores, proxies between the servers and them, servers, and something to sell.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Url;
use serde::Deserialize;
use tokio::process::Command;
use uuid::Uuid;

use super::environment::{Environment, open_target};
use super::setup::Setup;
use crate::clock;
use crate::domain::counted;
use crate::harness::faults;
use crate::harness::faults::hop::{Hop, Store};
use crate::harness::plan::{Inventory, Plan};
use crate::harness::progress::Progress;
use crate::harness::proxy_control::{ProxyControl, ProxySpec};
use crate::harness::targets::Server;
use crate::stack::payments::PaymentBehaviour;
use crate::stack::server::ServerSpec;
use crate::stack::{Stack, StackSpec};
use crate::toxiproxy;
use crate::wire::Admission;

/// How long a step of our own program (migrating, seeding) may take.
const STEP_MAX: Duration = Duration::from_mins(2);
/// How long one request of the harness itself may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// A charge counts as unknown after this long, or twice the simulated provider's latency.
const PAYMENT_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// Provisions everything the plan needs.
pub async fn provision(
    plan: &Plan,
    setup: &Setup,
    progress: &Progress,
) -> anyhow::Result<Environment> {
    progress.phase("starting PostgreSQL and Redis");
    let spec = StackSpec {
        redis_nodes: usize::try_from(plan.target.redis_nodes)?,
        exe: setup.exe.clone(),
        database_url: setup.database_url.clone(),
        redis_urls: setup.redis_urls.clone(),
        temp_parent: None,
    };
    let mut stack = Stack::start(spec).await?;
    if stack.redis_urls().len() != usize::try_from(plan.target.redis_nodes)? {
        bail!(
            "the scenario wants {} redis nodes and REDIS_URLS gives {}",
            plan.target.redis_nodes,
            stack.redis_urls().len()
        );
    }
    stack.payments().set_behaviour(PaymentBehaviour {
        decline_percent: plan.payments.decline * 100.0,
        latency_ms: u64::try_from(plan.payments.latency.as_millis())?,
        drop_reply_percent: plan.payments.drop_reply * 100.0,
        error_percent: plan.payments.error * 100.0,
        seed: plan.seed,
    })?;
    progress.phase("migrating and seeding");
    own_program(setup, &stack, &["migrate"]).await?;
    let (own, background) = (seed(plan, setup, &stack), seed_background(plan, setup, &stack));
    let (mut events, background) = tokio::try_join!(own, background)?;
    let own_events = events.len();
    events.extend(background);
    let hops = faults::hops(plan)?;
    let (built_in_proxies, proxies) = start_proxies(plan, setup, !hops.is_empty()).await?;
    let bound = match &proxies {
        Some(control) => bind_stores(control, &stack, &hops).await?,
        None => BTreeMap::new(),
    };
    progress.phase(&format!("starting {}", counted(plan.target.instances, "server")));
    let direct = start_servers(plan, &mut stack, &bound).await?;
    let servers = match &proxies {
        Some(control) => bind_clients(control, &direct, &hops).await?,
        None => direct.clone(),
    };
    let http = reqwest::Client::builder().no_proxy().timeout(REQUEST_TIMEOUT).build()?;
    let target = open_target(&stack, &direct)?;
    let mut seats_of_events = Vec::new();
    for event in events {
        seats_of_events.push((event, target.seats(event).await?));
    }
    Ok(Environment {
        stack,
        proxies,
        servers,
        direct,
        events: seats_of_events,
        own_events,
        http,
        built_in_proxies,
        hops,
    })
}

/// Runs a command of our own program on the stack's database and returns what it printed.
async fn own_program(setup: &Setup, stack: &Stack, args: &[&str]) -> anyhow::Result<String> {
    let command = Command::new(&setup.exe)
        .args(args)
        .env("DATABASE_URL", stack.database_url())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(STEP_MAX, command)
        .await
        .with_context(|| format!("ticketctl {} took more than {STEP_MAX:?}", args.join(" ")))??;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!(
            "ticketctl {} failed: {}",
            args.join(" "),
            said.lines().last().unwrap_or("it said nothing")
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

#[derive(Deserialize)]
struct SeedReport {
    events: Vec<SeededEvent>,
}

#[derive(Deserialize)]
struct SeededEvent {
    id: Uuid,
}

/// Puts the inventory in under a label of this run, so that no other run's seats are sold; returns the events' ids.
async fn seed(plan: &Plan, setup: &Setup, stack: &Stack) -> anyhow::Result<Vec<Uuid>> {
    let label = format!("run-{}-{}", plan.seed, clock::since_epoch().as_millis());
    put_in(&plan.inventory, &label, setup, stack).await
}

/// The same for what the background is after.
async fn seed_background(plan: &Plan, setup: &Setup, stack: &Stack) -> anyhow::Result<Vec<Uuid>> {
    let Some(inventory) = plan.background_inventory() else { return Ok(Vec::new()) };
    let label = format!("background-{}-{}", plan.seed, clock::since_epoch().as_millis());
    put_in(&inventory, &label, setup, stack).await
}

async fn put_in(
    inventory: &Inventory,
    label: &str,
    setup: &Setup,
    stack: &Stack,
) -> anyhow::Result<Vec<Uuid>> {
    let (events, seats) = (inventory.events.to_string(), inventory.seats.to_string());
    let prices: Vec<String> = inventory.price_cents.iter().map(i64::to_string).collect();
    let prices = prices.join(",");
    let kind = match inventory.admission {
        Admission::Seated => "--seats",
        Admission::General => "--general-admission",
    };
    let limit = inventory.tickets_per_user.map(|limit| limit.to_string());
    let mut args = vec!["seed", "--json", "--events", &events, kind, &seats];
    args.extend(["--price-cents", &prices, "--label", label]);
    if let Some(limit) = &limit {
        args.extend(["--tickets-per-user", limit]);
    }
    let report: SeedReport = serde_json::from_str(&own_program(setup, stack, &args).await?)?;
    Ok(report.events.into_iter().map(|event| event.id).collect())
}

/// The fault proxy, where the plan needs one: the given Toxiproxy, or the built-in one.
async fn start_proxies(
    plan: &Plan,
    setup: &Setup,
    needed: bool,
) -> anyhow::Result<(Option<toxiproxy::Running>, Option<ProxyControl>)> {
    if !needed {
        return Ok((None, None));
    }
    if let Some(url) = &setup.toxiproxy_url {
        let control = ProxyControl::connect(url).await?;
        control.reset().await?;
        return Ok((None, Some(control)));
    }
    let running = toxiproxy::start(toxiproxy::Settings {
        host: "127.0.0.1".to_owned(),
        port: 0,
        seed: plan.seed,
        proxy_metrics: true,
        allow_remote: false,
        runtime_metrics: false,
    })
    .await
    .context("the built-in fault proxy could not be started")?;
    let control = ProxyControl::connect(&running.url()).await?;
    Ok((Some(running), Some(control)))
}

/// A proxy for every hop to a store; where each listens.
async fn bind_stores(
    control: &ProxyControl,
    stack: &Stack,
    hops: &[Hop],
) -> anyhow::Result<BTreeMap<Hop, String>> {
    let mut specs = Vec::new();
    let mut stores = Vec::new();
    for hop in hops {
        let Hop::Store { store, .. } = hop else { continue };
        let url = match store {
            Store::Postgres => stack.database_url(),
            Store::Redis(node) => &stack.redis_urls()[usize::try_from(*node)? - 1],
        };
        specs.push(ProxySpec {
            name: hop.to_string(),
            listen: "127.0.0.1:0".to_owned(),
            upstream: authority(url)?,
        });
        stores.push(*hop);
    }
    let bound = control.populate(&specs).await?;
    Ok(stores.into_iter().zip(bound.into_iter().map(|proxy| proxy.listen)).collect())
}

/// The servers as the load is to reach them: through a proxy where a fault asks for one.
async fn bind_clients(
    control: &ProxyControl,
    direct: &[Server],
    hops: &[Hop],
) -> anyhow::Result<Vec<Server>> {
    let mut servers = direct.to_vec();
    for hop in hops {
        let Hop::Client { server } = hop else { continue };
        let server = &mut servers[usize::try_from(*server)? - 1];
        let spec = ProxySpec {
            name: hop.to_string(),
            listen: "127.0.0.1:0".to_owned(),
            upstream: authority(&server.base_url)?,
        };
        let bound = control.populate(&[spec]).await?;
        let listen = &bound.first().context("the proxy was not made")?.listen;
        server.base_url = format!("http://{listen}");
    }
    Ok(servers)
}

async fn start_servers(
    plan: &Plan,
    stack: &mut Stack,
    bound: &BTreeMap<Hop, String>,
) -> anyhow::Result<Vec<Server>> {
    let mut servers = Vec::new();
    for server in 1..=plan.target.instances {
        let through = |url: &str, store| match bound.get(&Hop::Store { server, store }) {
            Some(listen) => redirected(url, listen),
            None => Ok(url.to_owned()),
        };
        let nodes = (1..).map(Store::Redis).zip(stack.redis_urls());
        let spec = ServerSpec {
            name: format!("server-{server}"),
            strategy: plan.target.strategy.clone(),
            database_url: through(stack.database_url(), Store::Postgres)?,
            redis_urls: nodes
                .map(|(store, url)| through(url, store))
                .collect::<anyhow::Result<_>>()?,
            env: server_settings(plan),
        };
        let name = spec.name.clone();
        let address = stack.start_server(spec).await?;
        servers.push(Server { name, base_url: address.base_url });
    }
    Ok(servers)
}

/// What servers are set to: quick to recover, to say what answers took of what they asked, and whatever the scenario says.
fn server_settings(plan: &Plan) -> BTreeMap<String, String> {
    let timeout = PAYMENT_TIMEOUT_MIN.max(plan.payments.latency * 2);
    let idle = timeout + Duration::from_secs(1);
    let mut env = BTreeMap::from([
        ("PAYMENT_TIMEOUT".to_owned(), format!("{}ms", timeout.as_millis())),
        ("RECOVERY_IDLE".to_owned(), format!("{}ms", idle.as_millis())),
        ("SERVER_TIMING".to_owned(), "true".to_owned()),
    ]);
    if let Some((name, hold_ttl)) = plan.hold_ttl() {
        env.insert(name.to_owned(), format!("{}s", hold_ttl.as_secs()));
    }
    env.extend(plan.target.env.clone());
    env
}

/// `host:port` of a URL.
fn authority(url: &str) -> anyhow::Result<String> {
    let url = Url::parse(url).context("a store's URL can't be read")?;
    let host = url.host_str().context("a store's URL names no host")?;
    let default = if url.scheme().starts_with("postgres") { 5432 } else { 6379 };
    Ok(format!("{host}:{}", url.port_or_known_default().unwrap_or(default)))
}

/// The URL with another host and port.
fn redirected(url: &str, listen: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(url).context("a store's URL can't be read")?;
    let (host, port) = listen.rsplit_once(':').context("a proxy's address has no port")?;
    url.set_host(Some(host)).with_context(|| format!("{host} is no host"))?;
    url.set_port(Some(port.parse()?)).ok().context("a store's URL takes no port")?;
    Ok(url.to_string())
}
