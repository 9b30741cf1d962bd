//! Shuts a proxy: its connections are cut and new ones refused. Knows nothing of what is carried.

use anyhow::Context as _;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::counters::{CONNECTIONS_CUT, Counters};
use super::hop::{self, Hop};
use super::target::{self, Reachable};
use super::{Fault, Key, Reach, Struck};
use crate::harness::parsing::Section;
use crate::harness::plan::{FaultPlan, Settings, Target};

/// Toxiproxy's `enabled = false`.
pub struct Down;

/// What a scenario says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct DownSettings {
    /// Names one or several connections.
    proxy: String,
}

#[async_trait]
impl Fault for Down {
    fn name(&self) -> &'static str {
        "down"
    }

    fn summary(&self) -> &'static str {
        "cuts every connection of a proxy and refuses new ones"
    }

    fn keys(&self) -> Vec<Key> {
        vec![Key::new("proxy", "")]
    }

    fn read(&self, section: &mut Section<'_>, reachable: &Reachable<'_>) -> Settings {
        Settings::of(&DownSettings { proxy: target::proxy(section, reachable) })
    }

    fn hops(&self, fault: &FaultPlan, target: &Target) -> anyhow::Result<Vec<Hop>> {
        hop::select(&fault.settings.owner::<DownSettings>()?.proxy, target)
    }

    fn reach(&self, fault: &FaultPlan, target: &Target) -> anyhow::Result<Option<Reach>> {
        Ok(Some(Reach { hops: self.hops(fault, target)?, delay: None }))
    }

    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Struck> {
        let settings: DownSettings = context.settings()?;
        let (control, proxies) = (context.control()?, context.proxies(&settings.proxy)?);
        let before = Counters::of(control.metrics().await?, &proxies);
        let struck_us = context.now_us();
        for proxy in &proxies {
            control
                .set_enabled(proxy, false)
                .await
                .with_context(|| format!("cannot shut {proxy}"))?;
        }
        let window = context.hold(struck_us).await;
        let after = Counters::of(control.metrics().await?, &proxies);
        self.heal(context).await?;
        Ok(Struck { window, is_seen: true, words: words(&before, &after) })
    }

    async fn heal(&self, context: &Context<'_>) -> anyhow::Result<()> {
        let settings: DownSettings = context.settings()?;
        let control = context.control()?;
        let mut outcome = Ok(());
        for proxy in context.proxies(&settings.proxy)? {
            let opened = control
                .set_enabled(&proxy, true)
                .await
                .with_context(|| format!("cannot open {proxy} again"));
            outcome = outcome.and(opened);
        }
        outcome
    }
}

/// What the proxies cut. That is no effect by itself, as idle connections are cut, too; and those that were refused leave no
/// trace in the proxy.
fn words(before: &Counters, after: &Counters) -> String {
    after.moved(before, CONNECTIONS_CUT, None).map_or_else(
        || "the proxy does not tell what it cut".to_owned(),
        |cut| format!("connections cut: {cut:.0}"),
    )
}
