//! Swallows what comes through a proxy. Knows nothing of what is carried.

use async_trait::async_trait;

use super::scene::Scene;
use super::{Attribute, Bite, Fault, Strikes, toxic};

/// Toxiproxy's `timeout`.
pub struct Timeout;

#[async_trait]
impl Fault for Timeout {
    fn name(&self) -> &'static str {
        "timeout"
    }

    fn summary(&self) -> &'static str {
        "swallows everything that comes through a proxy, and closes the connection after a silence"
    }

    fn strikes(&self) -> Strikes {
        Strikes::Streams(&[Attribute {
            name: "timeout",
            summary: "milliseconds of silence until the connection is closed; 0 keeps it open",
            least: 0,
            most: 60_000,
            default: 0,
            required: false,
        }])
    }
    async fn strike(&self, scene: &Scene<'_>) -> anyhow::Result<Bite> {
        toxic::strike(scene, "swallowed").await
    }

    async fn heal(&self, scene: &Scene<'_>) -> anyhow::Result<()> {
        toxic::heal(scene).await
    }
}
