//! What operators see of the runtime: counters and histograms, kept apart from what they count.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use usher_persistence::Appended;

use crate::core::Suspect;

/// Figures of one shard, written by it and read by anybody.
#[derive(Debug, Default)]
pub struct ShardStats {
    /// Partitions owned.
    pub partitions: AtomicUsize,
    /// Machines owned.
    pub machines: AtomicUsize,
    /// Requests worked off.
    pub requests: AtomicU64,
    /// Records made.
    pub records: AtomicU64,
    /// Turns taken.
    pub turns: AtomicU64,
    /// Panics that the shard got over.
    pub panics: AtomicU64,
    /// How long it was down for the last one, in microseconds; 0 while there was none.
    pub rebuild_us: AtomicU64,
    /// Commands that are refused since they panicked, oldest first.
    pub quarantined: Mutex<Vec<Suspect>>,
}

/// Figures of the journal.
#[derive(Debug)]
pub struct JournalStats {
    durable_seq: AtomicU64,
    bytes: AtomicU64,
    records: AtomicU64,
    flushes: AtomicU64,
    histograms: Mutex<Histograms>,
}

#[derive(Debug)]
struct Histograms {
    batch_records: Histogram<u64>,
    flush_us: Histogram<u64>,
}

/// The journal at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct JournalFigures {
    /// The last durable record.
    pub durable_seq: u64,
    /// Bytes appended since the start.
    pub bytes: u64,
    /// Records appended since the start.
    pub records: u64,
    /// Flushes since the start.
    pub flushes: u64,
    /// Records per flush.
    pub batch_records: Quantiles,
    /// Time of one append with its flush, in microseconds.
    pub flush_us: Quantiles,
}

/// The shape of a distribution.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quantiles {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Largest.
    pub max: u64,
}

impl JournalStats {
    pub(crate) fn new(durable_seq: u64) -> Self {
        let histogram = || Histogram::new_with_max(3_600_000_000, 2).expect("valid bounds");
        let histograms = Histograms { batch_records: histogram(), flush_us: histogram() };
        Self {
            durable_seq: AtomicU64::new(durable_seq),
            bytes: AtomicU64::new(0),
            records: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            histograms: Mutex::new(histograms),
        }
    }

    pub(crate) fn note(&self, records: u64, appended: &Appended) {
        self.durable_seq.store(appended.last_seq, Ordering::Release);
        self.bytes.fetch_add(appended.bytes, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        self.flushes.fetch_add(1, Ordering::Relaxed);
        let mut histograms = self.histograms.lock().expect("no panic while counting");
        histograms.batch_records.saturating_record(records);
        histograms.flush_us.saturating_record(appended.write_us + appended.sync_us);
    }

    /// The figures now.
    #[must_use]
    pub fn figures(&self) -> JournalFigures {
        let histograms = self.histograms.lock().expect("no panic while counting");
        JournalFigures {
            durable_seq: self.durable_seq.load(Ordering::Acquire),
            bytes: self.bytes.load(Ordering::Relaxed),
            records: self.records.load(Ordering::Relaxed),
            flushes: self.flushes.load(Ordering::Relaxed),
            batch_records: Quantiles::of(&histograms.batch_records),
            flush_us: Quantiles::of(&histograms.flush_us),
        }
    }
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            p50: histogram.value_at_quantile(0.5),
            p99: histogram.value_at_quantile(0.99),
            max: histogram.max(),
        }
    }
}

/// What recovery did, for the log and for operators.
#[derive(Debug, Clone, Default)]
pub struct RecoveryFigures {
    /// Sequence of the snapshot that was used; 0 where there was none.
    pub snapshot_seq: u64,
    /// Snapshots that were damaged and passed over, in words.
    pub snapshots_skipped: Vec<String>,
    /// Records replayed after the snapshot.
    pub records: u64,
    /// Payload bytes replayed.
    pub bytes: u64,
    /// Machines there are.
    pub machines: usize,
    /// How long it took.
    pub took: Duration,
    /// How long the process was down, as far as the journal knows; given back to live holds.
    pub given_back_ms: u64,
}
