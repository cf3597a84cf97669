//! From a configuration to everything that answers: keys, plans, journal, shards, provider.

use super::lifecycle::Lifecycle;
use crate::app::{App, Shared};
use crate::attendees::{Attendees, verifiers};
use crate::challenge::Challenges;
use crate::config::Config;
use crate::config::secrets::{Secrets, keys_dir};
use crate::identity::Identity;
use crate::ids::IdCodec;
use crate::limits::Limits;
use crate::logbook::Logbook;
use crate::payments::{CallbackOnly, PaymentProvider, refunds};
use crate::plans::Plans;
use crate::risk::{Devices, Risk};
use crate::room::Rooms;
use crate::sandbox::Sandbox;
use crate::telemetry;
use crate::tickets::TicketKeys;
use anyhow::Context as _;
use std::sync::Arc;
use tokio::sync::Semaphore;
use usher_persistence::{
    DataDir, FileSnapshots, Keyring, RecoveryReport, SledJournal, SledOptions, Snapshots,
};
use usher_shards::{KeeperConfig, LaneSizes, OnFatal, Runtime, RuntimeConfig, Storage};

/// Snapshots that are kept: the newest, and one to fall back to.
const SNAPSHOTS_KEPT: usize = 2;
/// The most time that a restart gives back to live holds.
const GIVEN_BACK_MS_MAX: u64 = 15 * 60 * 1_000;
/// The exit code when nothing can be acknowledged any more.
const EXIT_FATAL: i32 = 70;

/// A process that could answer.
pub struct Opened {
    /// What handlers share.
    pub app: App,
    /// What must be stopped in the end.
    pub runtime: Runtime,
}

/// Makes everything that answers. Must run in an actix system. Blocks while it recovers.
pub async fn open(config: Config) -> anyhow::Result<Opened> {
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("make {}", config.data_dir.display()))?;
    let data = DataDir::new(&config.data_dir);
    let metrics = telemetry::start_metrics()?;
    let mut secrets = Secrets::load_or_make(data.root(), &config.given_secrets)?;
    let (tickets, made) = TicketKeys::from_files(&keys_dir(data.root())?)?;
    secrets.made.extend(made);
    let (keyring, found) = Keyring::open(data.keys()).context("open the buyers' keys")?;
    if found.cut_bytes > 0 {
        tracing::warn!(bytes = found.cut_bytes, "cut an unfinished group of keys; none was used");
    }
    let plans = Arc::new(Plans::open(data.root())?);
    let logbook = Logbook::open(&data.logbook(), config.logbook_files_max)
        .with_context(|| format!("open the logbook in {}", data.logbook().display()))?;
    let on_fatal: OnFatal = Arc::new(|reason: &str| {
        tracing::error!(reason, "nothing can be acknowledged any more: exiting");
        std::process::exit(EXIT_FATAL);
    });
    let mut runtime = start_shards(&config, &data, plans.clone(), on_fatal.clone())?;
    let keys = keys_dir(data.root())?;
    let (identity, made) = Identity::open(&config.identity, &secrets, &keys, runtime.router())?;
    secrets.made.extend(made);
    let sandbox = start_sandbox(&config, &secrets)?;
    let provider: Arc<dyn PaymentProvider> = match &sandbox {
        Some(sandbox) => sandbox.clone(),
        None => Arc::new(CallbackOnly),
    };
    if let Some(due) = runtime.take_refunds() {
        refunds::start(runtime.router(), provider.clone(), due);
    }
    let shared = Shared {
        router: runtime.router(),
        compactor: runtime.compactor(),
        ids: IdCodec::new(secrets.id_key),
        plans,
        keyring: Arc::new(keyring),
        attendees: Attendees::new(secrets.document_key.reveal().as_bytes(), verifiers::built_in()),
        tickets,
        provider,
        sandbox,
        lifecycle: Arc::new(Lifecycle::default()),
        streams: Arc::new(Semaphore::new(config.http.streams_max)),
        feeds: Arc::default(),
        limits: Limits::new(&config.limits),
        challenges: Challenges::new(&config.challenge)?,
        risk: Risk::open(data.root(), config.risk_clients_max)?,
        devices: Devices::new(&secrets.id_key, config.http.public_url().starts_with("https:")),
        identity,
        rooms: Rooms::new(&secrets.id_key),
        logbook,
        metrics,
        secrets,
        on_fatal,
        config,
    };
    Ok(Opened { app: App::new(shared), runtime })
}

fn start_shards(
    config: &Config,
    data: &DataDir,
    plans: Arc<Plans>,
    on_fatal: OnFatal,
) -> anyhow::Result<Runtime> {
    let cache_bytes = config.journal.cache_bytes;
    let options = SledOptions { dir: data.journal(), cache_bytes };
    let (journal, found) = SledJournal::open(options).context("open the journal")?;
    log_journal(&found);
    let snapshots: Arc<dyn Snapshots> = Arc::new(
        FileSnapshots::open(data.snapshots(), SNAPSHOTS_KEPT).context("open the snapshots")?,
    );
    let storage = Storage { journal: Box::new(journal), snapshots, plans };
    let runtime_config = RuntimeConfig {
        shards: config.shards.get(),
        lanes: LaneSizes {
            money: config.lanes.payments_capacity,
            buyers: config.lanes.buyers_capacity,
            control: config.lanes.control_capacity,
        },
        call_timeout: config.http.request_timeout,
        given_back_ms_max: GIVEN_BACK_MS_MAX,
        keeper: KeeperConfig {
            data_dir: config.data_dir.clone(),
            reserve_bytes: config.journal.reserve_bytes,
            compact_after_bytes: config.journal.snapshot_bytes,
            generations_kept: config.journal.keep_generations,
        },
    };
    let runtime = Runtime::start(runtime_config, storage, on_fatal).context("recover")?;
    log_recovery(&runtime);
    Ok(runtime)
}

fn start_sandbox(config: &Config, secrets: &Secrets) -> anyhow::Result<Option<Arc<Sandbox>>> {
    let Some(sandbox) = config.sandbox else { return Ok(None) };
    let certificate = config.http.tls.as_ref().map(|(chain, _)| {
        std::fs::read(chain).with_context(|| format!("tls_cert: read {}", chain.display()))
    });
    let sandbox = Arc::new(Sandbox::start(
        sandbox,
        secrets.callback_secret.clone(),
        &config.http.public_url(),
        certificate.transpose()?.as_deref(),
    )?);
    tracing::warn!("payments go to the sandbox: nobody is charged");
    Ok(Some(sandbox))
}

fn log_journal(found: &RecoveryReport) {
    if let Some(cut) = found.tail_cut {
        tracing::warn!(
            first_sequence = cut.first_seq,
            chunks = cut.chunks,
            chunks_expected = cut.chunks_expected,
            "cut an unfinished batch off the journal's end; it was never acknowledged, unless the \
             power failed and the disk has damaged just this batch since"
        );
    }
    if found.salvaged > 0 {
        tracing::warn!(records = found.salvaged, "brought back records that the store had dropped");
    }
    tracing::info!(
        records = found.records,
        bytes = found.bytes,
        last_sequence = found.last_seq,
        generations = found.generations,
        seconds = found.elapsed.as_secs_f64(),
        "opened the journal"
    );
}

fn log_recovery(runtime: &Runtime) {
    let router = runtime.router();
    let figures = router.recovery();
    for skipped in &figures.snapshots_skipped {
        tracing::warn!(snapshot = skipped, "passed over a damaged snapshot");
    }
    tracing::info!(
        snapshot_sequence = figures.snapshot_seq,
        records = figures.records,
        bytes = figures.bytes,
        machines = figures.machines,
        seconds = figures.took.as_secs_f64(),
        given_back_ms = figures.given_back_ms,
        "recovered"
    );
}
