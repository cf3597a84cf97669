//! What the disk gives to anybody: batches in a bare sled, and in a plain file.
//!
//! Both are told how many records a batch has and how many bytes they take, as a run through the
//! shards has shown it, and make each batch durable before the next.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

/// Chunks of the journal are of this size, in bytes.
const VALUE_BYTES: usize = 7 * 1024;
/// The plain file is written again from its beginning after so many bytes.
const FILE_BYTES: u64 = 256 * 1024 * 1024;

/// What is written.
#[derive(Debug, Args)]
pub(crate) struct Batches {
    /// Records of one batch.
    #[arg(long)]
    records: f64,
    /// Bytes of one batch.
    #[arg(long)]
    bytes: usize,
    /// How many batches.
    #[arg(long)]
    batches: u64,
}

impl Batches {
    fn figures(&self, begun: Instant) -> Value {
        let took = begun.elapsed().as_secs_f64();
        let flushes_per_second = self.batches as f64 / took;
        json!({
            "perSecond": flushes_per_second * self.records,
            "flushesPerSecond": flushes_per_second,
        })
    }
}

/// As the journal uses sled: inserts, sled's own flush, and one of the device.
pub(crate) fn sled(batches: &Batches) -> Value {
    let dir = tempfile::tempdir().expect("a directory");
    let config = sled::Config::new().path(dir.path()).use_compression(false).flush_every_ms(None);
    let db = config.cache_capacity(16 * 1024 * 1024).open().expect("a database");
    let data = File::open(dir.path().join("db")).expect("its data");
    let value = noise(batches.bytes);
    let begun = Instant::now();
    for batch in 0..batches.batches {
        for (chunk, bytes) in (0_u16..).zip(value.chunks(VALUE_BYTES)) {
            let mut key = [0; 10];
            key[..8].copy_from_slice(&batch.to_be_bytes());
            key[8..].copy_from_slice(&chunk.to_be_bytes());
            db.insert(key, bytes).expect("inserted");
        }
        db.flush().expect("written");
        data.sync_data().expect("durable");
    }
    batches.figures(begun)
}

/// One write and one flush a batch, to blocks that the file has already.
pub(crate) fn file(batches: &Batches) -> Value {
    let dir = tempfile::tempdir().expect("a directory");
    let mut options = OpenOptions::new();
    let mut file =
        options.create_new(true).write(true).open(dir.path().join("file")).expect("a file");
    for _ in 0..FILE_BYTES / (1 << 20) {
        file.write_all(&vec![0; 1 << 20]).expect("room");
    }
    file.sync_all().expect("durable");
    let value = noise(batches.bytes);
    let places = FILE_BYTES / value.len() as u64;
    let begun = Instant::now();
    for batch in 0..batches.batches {
        file.write_all_at(&value, batch % places * value.len() as u64).expect("written");
        file.sync_data().expect("durable");
    }
    batches.figures(begun)
}

/// Bytes that nothing on the way can make shorter.
fn noise(bytes: usize) -> Vec<u8> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    let numbers = std::iter::successors(Some(1), next);
    numbers.map(|number: u64| (number >> 56) as u8).take(bytes.max(1)).collect()
}
