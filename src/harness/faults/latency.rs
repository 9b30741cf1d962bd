//! Delays what comes through a proxy. Knows nothing of what is carried.

use async_trait::async_trait;

use super::scene::Scene;
use super::{Attribute, Bite, Fault, Strikes, toxic};

/// Toxiproxy's `latency`.
pub struct Latency;

#[async_trait]
impl Fault for Latency {
    fn name(&self) -> &'static str {
        "latency"
    }

    fn summary(&self) -> &'static str {
        "delays everything that comes through a proxy"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Streams(&[
            Attribute {
                name: "latency",
                summary: "milliseconds of delay",
                least: 1,
                most: 60_000,
                default: 0,
                required: true,
            },
            Attribute {
                name: "jitter",
                summary: "milliseconds more or less, drawn for each piece",
                least: 0,
                most: 60_000,
                default: 0,
                required: false,
            },
        ])
    }
    async fn strike(&self, scene: &Scene<'_>) -> anyhow::Result<Bite> {
        toxic::strike(scene, "delayed").await
    }

    async fn heal(&self, scene: &Scene<'_>) -> anyhow::Result<()> {
        toxic::heal(scene).await
    }
}
