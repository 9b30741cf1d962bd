//! The environment of a run: what the load goes to, what the judge asks, and how it ends.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::harness::exposition;
use crate::harness::faults::hop::Hop;
use crate::harness::plan::Plan;
use crate::harness::proxy_control::ProxyControl;
use crate::harness::recorder::{Epoch, Recorder};
use crate::harness::run_dir::RunDir;
use crate::harness::targets::{self, Access, BookingApi, Server};
use crate::harness::workloads::{LoadContext, SeatMap};
use crate::stack::Stack;
use crate::storage::audit::Audit;
use crate::toxiproxy;

/// How long servers may take to be ready after the faults were healed.
const READY_WAIT_MAX: Duration = Duration::from_secs(20);
/// How often readiness is asked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Everything that was provisioned for a run.
pub struct Environment {
    /// The processes.
    pub stack: Stack,
    /// The fault proxies, where the plan has network faults.
    pub proxies: Option<ProxyControl>,
    /// The servers as the load reaches them.
    pub servers: Vec<Server>,
    /// The same without proxies: what the judge asks.
    pub(super) direct: Vec<Server>,
    /// Every event with its seats: the inventory's, then what the background is after.
    pub(super) events: Vec<(Uuid, Vec<i64>)>,
    /// How many of them are the inventory's.
    pub(super) own_events: usize,
    /// What the harness itself asks with.
    pub(super) http: reqwest::Client,
    /// The fault proxy, where it is ours.
    pub(super) built_in_proxies: Option<toxiproxy::Running>,
    /// What goes through a proxy.
    pub(super) hops: Vec<Hop>,
}

impl Environment {
    /// The servers as the load reaches them. To be opened before the load begins: reading the system's certificates takes
    /// longer than an iteration may be late.
    pub fn target(&self) -> anyhow::Result<Arc<dyn BookingApi>> {
        open_target(&self.stack, &self.servers)
    }

    /// The servers, reached directly: a fault must not blind the judge.
    pub fn direct_target(&self) -> anyhow::Result<Arc<dyn BookingApi>> {
        open_target(&self.stack, &self.direct)
    }

    /// What the load's iterations share.
    pub fn context(
        &self,
        target: Arc<dyn BookingApi>,
        plan: &Plan,
        recorder: Recorder,
        epoch: Epoch,
    ) -> anyhow::Result<LoadContext> {
        let seat_maps =
            self.events.iter().map(|(event, seats)| SeatMap::new(*event, seats.clone()));
        Ok(LoadContext {
            target,
            epoch,
            recorder,
            seat_maps: seat_maps.collect::<anyhow::Result<_>>()?,
            events: 0..self.own_events,
            background_events: self.own_events..self.events.len(),
            admission: plan.inventory.admission,
            hold_ttl: plan.inventory.hold_ttl,
            seed: plan.seed,
        })
    }

    /// Waits until every server is ready again after the faults.
    pub async fn wait_until_ready(&self) -> anyhow::Result<()> {
        let all = try_join_all(self.direct.iter().map(|server| self.wait_for(server)));
        match tokio::time::timeout(READY_WAIT_MAX, all).await {
            Ok(ready) => ready.map(drop),
            Err(_elapsed) => {
                bail!("a server is not ready {READY_WAIT_MAX:?} after the faults were healed")
            }
        }
    }

    async fn wait_for(&self, server: &Server) -> anyhow::Result<()> {
        let url = format!("{}/health/ready", server.base_url);
        let is_ready = async || {
            self.http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        };
        while !is_ready().await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// The part of the audit that belongs to this run's events: a database that was given may hold others.
    pub fn only_ours(&self, mut audit: Audit) -> Audit {
        let events: HashSet<Uuid> = self.events.iter().map(|(event, _)| *event).collect();
        audit.bookings.retain(|booking| events.contains(&booking.event_id));
        audit.reservations.retain(|reservation| events.contains(&reservation.event_id));
        audit.events.retain(|event| events.contains(&event.id));
        audit.seats.retain(|seat| events.contains(&seat.event_id));
        let ours: HashSet<Uuid> =
            audit.reservations.iter().map(|reservation| reservation.id).collect();
        audit.payments.retain(|payment| ours.contains(&payment.reservation_id));
        audit
    }

    /// What the servers counted, by the name of the series, summed over servers and labels. A server that was killed
    /// has forgotten what it counted before.
    pub async fn server_counts(&self) -> anyhow::Result<BTreeMap<String, u64>> {
        let mut counts = BTreeMap::new();
        for server in &self.direct {
            let text =
                self.http.get(format!("{}/metrics", server.base_url)).send().await?.text().await?;
            let samples = exposition::parse(&text).context("a server's metrics can't be read")?;
            for sample in samples.into_iter().filter(|sample| sample.name.ends_with("_total")) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "counters are whole, and a cast saturates"
                )]
                let counted = sample.value as u64;
                *counts.entry(sample.name).or_default() += counted;
            }
        }
        Ok(counts)
    }

    /// Copies the processes' logs and the servers' metrics into the run's folder.
    pub async fn save_logs(&self, run_dir: &RunDir) -> anyhow::Result<()> {
        for server in &self.direct {
            let url = format!("{}/metrics", server.base_url);
            let Ok(answer) = self.http.get(url).send().await else { continue };
            let path = run_dir.logs().join(format!("{}.metrics.txt", server.name));
            tokio::fs::write(path, answer.text().await.unwrap_or_default()).await?;
        }
        run_dir.copy_logs(&self.stack.logs_dir())
    }

    /// Ends everything and waits for it.
    pub async fn tear_down(self) -> anyhow::Result<()> {
        match (self.built_in_proxies, &self.proxies) {
            (Some(running), _) => running.shutdown().await,
            // A Toxiproxy that was given keeps none of our proxies.
            (None, Some(control)) => {
                for hop in &self.hops {
                    control.delete_proxy(&hop.to_string()).await?;
                }
            }
            (None, None) => {}
        }
        self.stack.stop().await
    }

    /// Leaves PostgreSQL and Redis running; returns how to reach and end them.
    pub async fn keep(self) -> anyhow::Result<String> {
        let text = format!(
            "export DATABASE_URL='{}'\nexport REDIS_URLS='{}'\nkill {}    # ends it and removes {}",
            self.stack.database_url(),
            self.stack.redis_urls().join(","),
            self.stack.guard_pid().as_raw_nonzero(),
            self.stack.dir().display()
        );
        self.stack.keep().await?;
        Ok(text)
    }
}

/// The servers of this stack, reached there.
pub fn open_target(stack: &Stack, servers: &[Server]) -> anyhow::Result<Arc<dyn BookingApi>> {
    let token_secret = stack.jwt_secret().as_bytes().to_vec();
    targets::open(targets::OURS, Access { servers: servers.to_vec(), token_secret })
}
