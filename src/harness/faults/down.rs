//! Shuts a proxy: its connections are cut and new ones refused. Knows nothing of what is carried.

use anyhow::Context;
use async_trait::async_trait;

use super::scene::Scene;
use super::toxic::{CONNECTIONS_CUT, Counters};
use super::{Bite, Fault, Strikes};

/// Bytes are counted when a connection ends, by a Toxiproxy from elsewhere: a cut moves this counter.
const BYTES_PASSED: &str = "toxiproxy_proxy_sent_bytes_total";

/// Toxiproxy's `enabled = false`.
pub struct Down;

#[async_trait]
impl Fault for Down {
    fn name(&self) -> &'static str {
        "down"
    }

    fn summary(&self) -> &'static str {
        "cuts every connection of a proxy and refuses new ones"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Proxies
    }

    async fn strike(&self, scene: &Scene<'_>) -> anyhow::Result<Bite> {
        let (control, proxies) = (scene.control()?, scene.proxies()?);
        let before = Counters::of(control.metrics().await?, &proxies);
        for proxy in &proxies {
            control
                .set_enabled(proxy, false)
                .await
                .with_context(|| format!("cannot shut {proxy}"))?;
        }
        scene.hold().await;
        let after = Counters::of(control.metrics().await?, &proxies);
        self.heal(scene).await?;
        Ok(evidence(&before, &after, proxies.len()))
    }

    async fn heal(&self, scene: &Scene<'_>) -> anyhow::Result<()> {
        let control = scene.control()?;
        let mut outcome = Ok(());
        for proxy in scene.proxies()? {
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
    match after.moved(before, BYTES_PASSED, None) {
        Some(bytes) if bytes > 0.0 => {
            Bite::Bit(format!("connections that had carried {bytes:.0} bytes were cut"))
        }
        _ => Bite::Missed("no connection was cut, as far as the proxy tells".to_owned()),
    }
}
