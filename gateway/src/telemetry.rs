//! Logs and metrics.
//!
//! Logs are `tracing` events: for people on a terminal, one JSON object a line otherwise. Metrics
//! go through the `metrics` facade into one Prometheus recorder, which the operators' listener
//! renders. Names start with `usher_`, units are base units, and labels come from small closed
//! sets (a route's pattern, never a path), so that no caller can make the server remember more.

use crate::app::App;
use crate::config::{LogConfig, LogFormat};
use crate::operators::gauges;
use crate::server::lifecycle::Stage;
use actix_web::http::StatusCode;
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
/// How often the recorder works off what histograms collected. It does so in one go, at some 70 ns
/// a request: after five seconds of a rush nobody else would have that processor for 10 ms.
const UPKEEP_INTERVAL: Duration = Duration::from_millis(200);

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

/// Logs that a request was answered.
pub fn log_answer(span: &Span, status: StatusCode, took: Duration) {
    let status = status.as_u16();
    let _inside = span.enter();
    match status {
        500.. => tracing::warn!(status, seconds = took.as_secs_f64(), "answered"),
        _ => tracing::debug!(status, seconds = took.as_secs_f64(), "answered"),
    }
}

/// Sets the gauges that are read from the runtime when somebody asks.
pub fn gauge_runtime(app: &App) {
    let gauge = |name: &'static str, value: f64| metrics::gauge!(name).set(value);
    let flag = |name: &'static str, is_set: bool| gauge(name, f64::from(u8::from(is_set)));
    for figures in app.router.shards() {
        let shard = [("shard", figures.shard.to_string())];
        metrics::gauge!("usher_shard_lane_depth", &shard).set(figures.depth as f64);
        metrics::gauge!("usher_shard_partitions", &shard).set(figures.partitions as f64);
        metrics::gauge!("usher_shard_machines", &shard).set(figures.machines as f64);
        metrics::counter!("usher_shard_requests_total", &shard).absolute(figures.requests);
        metrics::counter!("usher_shard_records_total", &shard).absolute(figures.records);
        metrics::counter!("usher_shard_turns_total", &shard).absolute(figures.turns);
        metrics::counter!("usher_shard_panics_total", &shard).absolute(figures.panics);
        metrics::gauge!("usher_shard_quarantined_commands", &shard)
            .set(figures.quarantined.len() as f64);
        metrics::gauge!("usher_shard_rebuild_duration_seconds", &shard)
            .set(figures.last_rebuild.as_secs_f64());
    }
    let journal = app.router.journal();
    gauge("usher_journal_durable_sequence", journal.durable_seq as f64);
    metrics::counter!("usher_journal_bytes_total").absolute(journal.bytes);
    metrics::counter!("usher_journal_records_total").absolute(journal.records);
    metrics::counter!("usher_journal_flushes_total").absolute(journal.flushes);
    let (flush, batch) = (journal.flush_us, journal.batch_records);
    for (quantile, flush_us, records) in
        [("0.5", flush.p50, batch.p50), ("0.99", flush.p99, batch.p99), ("1", flush.max, batch.max)]
    {
        let labels = [("quantile", quantile)];
        metrics::gauge!("usher_journal_flush_quantile_seconds", &labels).set(flush_us as f64 / 1e6);
        metrics::gauge!("usher_journal_batch_quantile_records", &labels).set(records as f64);
    }
    let recovery = app.router.recovery();
    gauge("usher_recovery_records", recovery.records as f64);
    gauge("usher_recovery_duration_seconds", recovery.took.as_secs_f64());
    flag("usher_disk_full", app.router.is_disk_full());
    flag("usher_ready", app.lifecycle.stage() == Stage::Ready);
    gauge("usher_http_in_flight", app.lifecycle.in_flight() as f64);
    let streams = app.config.http.streams_max - app.streams.available_permits();
    gauge("usher_http_streams", streams as f64);
}

/// What each metric means, as `/metrics` says it. `docs/OPERATIONS.md` explains what to do.
const COUNTERS: &[(&str, &str)] = &[
    ("usher_http_requests_total", "Requests that were answered, by method, route and status"),
    ("usher_refusals_total", "Requests that were understood and refused, by problem code"),
    ("usher_refunds_total", "Refunds, by outcome: made, failed (and tried again)"),
    (
        "usher_sandbox_callbacks_total",
        "Callbacks of the sandbox, by outcome: answered, refused, lost, failed",
    ),
    ("usher_shard_requests_total", "Requests that a shard worked off"),
    ("usher_shard_records_total", "Journal records that a shard made"),
    ("usher_shard_turns_total", "Turns that a shard took"),
    ("usher_shard_panics_total", "Panics after which a shard was rebuilt from the journal"),
    ("usher_journal_bytes_total", "Bytes appended to the journal"),
    ("usher_journal_records_total", "Records appended to the journal"),
    ("usher_journal_flushes_total", "Flushes of the journal to the device"),
];
const GAUGES: &[(&str, &str)] = &[
    ("usher_http_in_flight", "Requests that are being worked on"),
    ("usher_http_streams", "Event streams that are open"),
    ("usher_shard_lane_depth", "Requests that wait in front of a shard"),
    ("usher_shard_partitions", "Partitions that a shard owns"),
    ("usher_shard_machines", "Machines that a shard owns"),
    (
        "usher_shard_quarantined_commands",
        "Commands that a shard refuses since they made it panic twice",
    ),
    (
        "usher_shard_rebuild_duration_seconds",
        "Time for which a shard was down after its last panic, 0 where it had none",
    ),
    ("usher_journal_durable_sequence", "The last journal record that is durable"),
    (
        "usher_journal_flush_quantile_seconds",
        "Time of one append with its flush since the start, by quantile",
    ),
    ("usher_journal_batch_quantile_records", "Records of one flush since the start, by quantile"),
    ("usher_recovery_records", "Records that the last start replayed"),
    ("usher_recovery_duration_seconds", "Time that the last start took to recover"),
    ("usher_disk_full", "1 while writes are refused since the disk is nearly full"),
    ("usher_ready", "1 while the server wants requests"),
];

fn describe() {
    gauges::describe();
    for (name, words) in COUNTERS {
        metrics::describe_counter!(*name, *words);
    }
    for (name, words) in GAUGES {
        metrics::describe_gauge!(*name, *words);
    }
    metrics::describe_histogram!(
        "usher_http_request_seconds",
        "From a request's head to its answer's head, by method and route"
    );
}
