//! Finished spans on their way to a collector, as OTLP over HTTP. They are made by `trail`, which says what may stand in one;
//! nothing of the log goes the same way. No request waits for it: what the collector does not take in time is dropped, and
//! counted.

use crate::downstream::Collector;
use crate::metrics::metrics;
use crate::secret::Secret;
use crate::trail::{self, Finished, Kind, Value};
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Spans that may wait. Beyond that they are dropped.
const QUEUE: usize = 16_384;

/// Spans of one message.
const BATCH: usize = 512;

/// How often they are sent.
const BEAT: Duration = Duration::from_secs(1);

/// How long the last ones are waited for when the server stops.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where spans go.
#[derive(Debug, Clone)]
pub struct Settings {
    /// URL that they are sent to by POST.
    pub endpoint: String,
    /// Further request headers.
    pub headers: Vec<(String, Secret)>,
    /// PEM certificates of authorities to trust besides the system's.
    pub ca: Option<Vec<u8>>,
}

/// The settings cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("otlp.endpoint, otlp.headers or otlp.ca_file cannot be used")]
pub struct Unusable;

/// The running task.
pub struct Export {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Export {
    /// Starts it: from now on finished spans go to the collector.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn start(settings: &Settings) -> Result<Self, Unusable> {
        let client = Collector::new(&settings.headers, settings.ca.as_deref()).map_err(|_| Unusable)?;
        let mut exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Client(client))
            .with_endpoint(&settings.endpoint)
            .with_protocol(Protocol::HttpBinary)
            // Its waiting would hold up a thread that serves.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(|_| Unusable)?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty().with_service_name("veilgate").with_attribute(version);
        exporter.set_resource(&resource.build());
        let (to, queue) = mpsc::channel(QUEUE);
        let (stop, stopped) = oneshot::channel();
        trail::collect(to);
        Ok(Self { stop, task: tokio::spawn(run(exporter, queue, stopped)) })
    }

    /// Sends what is left, and ends.
    pub async fn stop(mut self) {
        let _ = self.stop.send(());
        if timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn run(
    exporter: impl SpanExporter,
    mut queue: mpsc::Receiver<Finished>,
    mut stop: oneshot::Receiver<()>,
) {
    let scope = InstrumentationScope::builder("veilgate").build();
    let mut takes = true;
    loop {
        let ends = tokio::select! {
            _ = &mut stop => true,
            () = sleep(BEAT) => false,
        };
        loop {
            let batch: Vec<SpanData> =
                std::iter::from_fn(|| queue.try_recv().ok()).take(BATCH).map(|it| span(it, &scope)).collect();
            if batch.is_empty() {
                break;
            }
            let spans = batch.len() as u64;
            let took = exporter.export(batch).await.is_ok();
            if !took {
                metrics().lost_spans.inc_by(spans);
            }
            if takes && !took {
                tracing::warn!("the collector of traces does not take spans; they are dropped");
            }
            takes = took;
        }
        if ends {
            return;
        }
    }
}

fn span(finished: Finished, scope: &InstrumentationScope) -> SpanData {
    let Finished { place, parent, parent_is_remote, kind, name, start, end, attributes, failed } = finished;
    let (trace, id) = (TraceId::from_bytes(place.trace), SpanId::from_bytes(place.span));
    let attribute = |(name, value)| match value {
        Value::Text(text) => KeyValue::new(name, text),
        Value::Number(number) => KeyValue::new(name, number),
    };
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::NONE),
        parent_span_id: parent.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: parent_is_remote,
        span_kind: match kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Internal => SpanKind::Internal,
        },
        name,
        start_time: start,
        end_time: end,
        attributes: attributes.into_iter().map(attribute).collect(),
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: if failed { Status::error("") } else { Status::Unset },
        instrumentation_scope: scope.clone(),
    }
}

/// The gateway's own HTTP client in the shape that the exporter asks for.
#[derive(Debug)]
struct Client(Collector);

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        Ok(self.0.send(request).await?)
    }
}
