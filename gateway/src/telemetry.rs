//! Logs and metrics.
//!
//! Logs are `tracing` events: for people on a terminal, one JSON object a line otherwise. Metrics
//! go through the `metrics` facade into one Prometheus recorder, which the operators' listener
//! renders. Names start with `usher_`, units are base units, and labels come from small closed
//! sets (a route's pattern, never a path), so that no caller can make the server remember more.

use crate::config::{LogConfig, LogFormat};
use actix_web::dev::ServiceResponse;
use anyhow::Context as _;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal as _;
use std::time::Duration;
use tracing::Span;
use tracing_subscriber::EnvFilter;

/// Upper bounds of the buckets of every `_seconds` histogram: from a hold in memory to a disk that
/// hangs.
const SECONDS_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// How often the recorder works off what histograms collected.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Starts logging to standard error. To be called once per process.
pub fn start_logs(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.level)
        .with_context(|| format!("log_level: `{}` is no level or directive", config.level))?;
    let human = match config.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Human => true,
        LogFormat::Json => false,
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if human {
        subscriber.try_init()
    } else {
        subscriber.json().flatten_event(true).with_current_span(true).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("start logging: {error}"))
}

/// Starts counting, and says what each count means. To be called once per process, in a runtime.
pub fn start_metrics() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS_BUCKETS)
        .context("histogram buckets")?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| anyhow::anyhow!("{error}"))?;
    describe();
    let upkeep = handle.clone();
    actix_web::rt::spawn(async move {
        let mut timer = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            timer.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}

/// Counts a request that was answered, and logs it.
pub fn observe_request<B>(span: &Span, response: &ServiceResponse<B>, took: Duration) {
    let request = response.request();
    let route = request.match_pattern().unwrap_or_else(|| "none".to_owned());
    let method = method_label(request.method());
    let status = response.status().as_u16();
    let _inside = span.enter();
    match status {
        500.. => tracing::warn!(status, seconds = took.as_secs_f64(), "answered"),
        _ => tracing::debug!(status, seconds = took.as_secs_f64(), "answered"),
    }
    let labels = [
        ("method", method.into()),
        ("route", metrics::SharedString::from(route)),
        ("status", status.to_string().into()),
    ];
    metrics::counter!("usher_http_requests_total", &labels).increment(1);
    metrics::histogram!("usher_http_request_seconds", &labels[..2]).record(took.as_secs_f64());
}

/// A method as a label: a caller may invent methods, but not labels.
fn method_label(method: &actix_web::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    }
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        "usher_http_requests_total",
        Unit::Count,
        "Requests that were answered, by method, route and status"
    );
    describe_histogram!(
        "usher_http_request_seconds",
        Unit::Seconds,
        "From a request's head to its answer's head, by method and route"
    );
    describe_gauge!("usher_http_streams", Unit::Count, "Event streams that are open");
    describe_counter!(
        "usher_sandbox_callbacks_total",
        Unit::Count,
        "Callbacks of the sandbox payment provider, by outcome: answered, refused, lost, failed"
    );
    describe_counter!(
        "usher_refusals_total",
        Unit::Count,
        "Requests that were understood and refused, by problem code"
    );
}
