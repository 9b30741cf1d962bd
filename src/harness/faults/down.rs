//! Shuts a proxy: its connections are cut and new ones refused. Knows nothing of what is carried.

use anyhow::Context as _;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::context::Context;
use super::counters::{BYTES_PASSED, CONNECTIONS_CUT, Counters};
use super::hop::{self, Hop};
use super::target::{self, Reachable};
use super::{Bite, Fault, Key};
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

    async fn strike(&self, context: &Context<'_>) -> anyhow::Result<Bite> {
        let settings: DownSettings = context.settings()?;
        let (control, proxies) = (context.control()?, context.proxies(&settings.proxy)?);
        let before = Counters::of(control.metrics().await?, &proxies);
        for proxy in &proxies {
            control
                .set_enabled(proxy, false)
                .await
                .with_context(|| format!("cannot shut {proxy}"))?;
        }
        context.hold().await;
        let after = Counters::of(control.metrics().await?, &proxies);
        self.heal(context).await?;
        Ok(evidence(&before, &after, proxies.len()))
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

/// Connections that were refused leave no trace in the proxy; those that were cut do.
fn evidence(before: &Counters, after: &Counters, proxies: usize) -> Bite {
    if let Some(cut) = after.moved(before, CONNECTIONS_CUT, None) {
        let words = format!("cut {cut:.0} connections of {proxies} proxies");
        return if cut > 0.0 { Bite::Bit(words) } else { Bite::Missed(words) };
    }
    // A Toxiproxy from elsewhere counts bytes when a connection ends: a cut moves this counter.
    match after.moved(before, BYTES_PASSED, None) {
        Some(bytes) if bytes > 0.0 => {
            Bite::Bit(format!("connections that had carried {bytes:.0} bytes were cut"))
        }
        _ => Bite::Missed("no connection was cut, as far as the proxy tells".to_owned()),
    }
}
