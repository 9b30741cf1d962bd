//! What a server says about itself: JSON lines on stderr, and traces to an OpenTelemetry collector where one is given.

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::shared::http_url;

/// How long one export may take.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the last export may take, when the server ends.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);
/// Under what name servers appear in traces.
const SERVICE: &str = "ticketctl";

/// What is logged, and where traces go.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryArgs {
    /// What is logged to stderr, one JSON object a line: a level (error, warn, info, debug, trace), or levels by module such
    /// as `warn,ticketctl=debug`; `info` has a line for every request but probes.
    #[arg(long, env = "RUST_LOG", default_value = "info", value_name = "FILTER", value_parser = filter)]
    log: String,
    /// OpenTelemetry collector that takes traces over HTTP, such as `http://localhost:4318`; none unless set.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", value_parser = http_url)]
    otlp_endpoint: Option<reqwest::Url>,
}

/// What has to be sent before the program ends.
#[must_use = "traces are lost unless it is finished"]
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
}

impl TelemetryArgs {
    /// Starts logging, and exporting where a collector is given. What is exported does not depend on what is logged.
    pub async fn start(&self, instance: &str) -> anyhow::Result<Telemetry> {
        let traces = match &self.otlp_endpoint {
            Some(endpoint) => {
                let (url, instance) = (traces_url(endpoint), instance.to_owned());
                // The exporter's client is a blocking one and must not be made on a thread of the runtime.
                let open = tokio::task::spawn_blocking(move || open(url, instance));
                Some(
                    open.await?
                        .context("can't export traces, check OTEL_EXPORTER_OTLP_ENDPOINT")?,
                )
            }
            None => None,
        };
        // Written at once, one call a line: a queue in between would lose lines, and just when there is most to tell.
        let log = fmt::layer()
            .json()
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .with_filter(self.log.parse::<Targets>()?);
        let export = traces.as_ref().map(|traces| {
            // Ours only: what the exporter itself logs would be exported, and so on.
            let ours = Targets::new().with_target(SERVICE, LevelFilter::INFO);
            tracing_opentelemetry::layer().with_tracer(traces.tracer(SERVICE)).with_filter(ours)
        });
        tracing_subscriber::registry().with(log).with(export).init();
        if traces.is_some() {
            opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        }
        Ok(Telemetry { traces })
    }
}

impl Telemetry {
    /// Sends what was not sent yet, for a bounded time.
    pub async fn finish(self) {
        let Some(traces) = self.traces else { return };
        let flush = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(FLUSH_WITHIN));
        let flushed = flush.await.map_err(|error| error.to_string());
        if let Err(error) = flushed.and_then(|end| end.map_err(|error| error.to_string())) {
            tracing::warn!(error, "the last traces were not exported");
        }
    }
}

fn open(url: String, instance: String) -> anyhow::Result<SdkTracerProvider> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(url)
        .with_timeout(EXPORT_TIMEOUT)
        .build()?;
    let resource = Resource::builder()
        .with_service_name(SERVICE)
        .with_attribute(KeyValue::new("service.instance.id", instance))
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// The collector's route for traces. Source: OTLP 1.x, section "OTLP/HTTP request".
fn traces_url(endpoint: &reqwest::Url) -> String {
    format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'))
}

fn filter(text: &str) -> Result<String, String> {
    text.parse::<Targets>()
        .map(|_fine| text.to_owned())
        .map_err(|error| format!("{error}; write a level such as info, or warn,ticketctl=debug"))
}
