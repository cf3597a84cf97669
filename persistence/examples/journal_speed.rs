//! How fast the journal is on this machine's disk.
//!
//! `cargo run --release -p usher-persistence --example journal_speed -- [DIR] [RECORDS]`
//!
//! Flushes a second against a bare preallocated file with `fdatasync`, then the time to open and
//! replay a journal of `RECORDS` records (1,000,000 by default) of 120 bytes. The processor's time
//! is printed beside the wall clock, since the first reading may wait for the disk.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use usher_persistence::frame;
use usher_persistence::{Chain, Journal, Pending, SledJournal, SledOptions};

const PAYLOAD_BYTES: usize = 120;
const PARTITIONS: u16 = 64;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let records = arguments.next().map_or(1_000_000, |n| n.parse().expect("a number of records"));
    let dir = dir.join(format!("journal-speed-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("make the directory");
    decode_speed(records);
    for batch_records in [1, 45, 500] {
        flush_speed(&dir, batch_records);
    }
    replay_speed(&dir, records);
    fs::remove_dir_all(&dir).expect("remove the directory");
}

/// Frames in memory: decoding and following the chain, nothing else.
fn decode_speed(records: u64) {
    let mut writer = Writer::new();
    let (mut chain, mut frames) = (Chain::genesis(), Vec::new());
    for _ in 0..records {
        let record = writer.next();
        chain.frame(record.0, record.1, &writer.payload, &mut frames).expect("in order");
    }
    let started = Instant::now();
    let (mut rest, mut chain) = (frames.as_slice(), Chain::genesis());
    while !rest.is_empty() {
        let (record, taken) = frame::decode(rest).expect("a whole record");
        chain.admit(&record).expect("in order");
        rest = &rest[taken..];
    }
    let per_second = records as f64 / started.elapsed().as_secs_f64() / 1e6;
    println!("decode: {per_second:.1} M records a second");
}

/// One batch after the other, each durable before the next.
fn flush_speed(dir: &Path, batch_records: usize) {
    let dir = dir.join(format!("flush-{batch_records}"));
    let (mut journal, _) = SledJournal::open(SledOptions::new(&dir)).expect("open");
    let mut writer = Writer::new();
    let mut waits = Vec::new();
    let (mut write_us, mut sync_us, mut bytes) = (0, 0, 0);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        let appended = writer.append(&mut journal, batch_records);
        write_us += appended.write_us;
        sync_us += appended.sync_us;
        bytes = appended.bytes;
        waits.push(appended.write_us + appended.sync_us);
    }
    let flushes = waits.len();
    let per_second = flushes as f64 / started.elapsed().as_secs_f64();
    waits.sort_unstable();
    let bare = bare_speed(&dir.join("bare"), usize::try_from(bytes).expect("a batch"));
    println!(
        "batch of {bytes} bytes: {per_second:.0} flushes a second, median {} us, p99 {} us \
         (write {} us, fdatasync {} us); bare file {bare:.0}, ratio {:.2}",
        waits[flushes / 2],
        waits[flushes * 99 / 100],
        write_us / flushes as u64,
        sync_us / flushes as u64,
        per_second / bare
    );
}

/// Flushes a second of a preallocated file.
fn bare_speed(path: &Path, bytes: usize) -> f64 {
    const FILE_BYTES: usize = 256 * 1024 * 1024;
    let file = File::create(path).expect("create");
    let zeroes = vec![0; 1024 * 1024];
    for offset in (0..FILE_BYTES).step_by(zeroes.len()) {
        file.write_all_at(&zeroes, offset as u64).expect("preallocate");
    }
    file.sync_all().expect("flush");
    let batch = vec![7; bytes];
    let (started, mut flushes) = (Instant::now(), 0);
    while started.elapsed() < Duration::from_secs(3) {
        let offset = flushes * bytes % (FILE_BYTES - bytes);
        file.write_all_at(&batch, offset as u64).expect("write");
        file.sync_data().expect("flush");
        flushes += 1;
    }
    flushes as f64 / started.elapsed().as_secs_f64()
}

/// Opens a journal of many records and reads all of them.
fn replay_speed(dir: &Path, records: u64) {
    let dir = dir.join("replay");
    let (mut journal, _) = SledJournal::open(SledOptions::new(&dir)).expect("open");
    let mut writer = Writer::new();
    while writer.written() < records {
        writer.append(&mut journal, 45);
    }
    let disk_bytes: u64 = journal.generations().iter().map(|g| g.disk_bytes).sum();
    // As after kill -9: sled has had no orderly end.
    std::mem::forget(journal);
    println!("{records} records take {} MiB", disk_bytes >> 20);
    let copy = dir.with_extension("copy");
    copy_dir(&dir, &copy);
    for round in ["first", "second"] {
        let (started, cpu) = (Instant::now(), cpu_time());
        let (journal, report) = SledJournal::open(SledOptions::new(&copy)).expect("open");
        let opened = started.elapsed();
        let mut read = 0;
        let visit = &mut |_: usher_persistence::Record<'_>| {
            read += 1;
            ControlFlow::Continue(())
        };
        journal.reader().read(1, visit).expect("read");
        println!(
            "{round} opening: {} records in {opened:.2?}, and read in {:.2?}; processor {:.2?}",
            report.records,
            started.elapsed() - opened,
            cpu_time().saturating_sub(cpu)
        );
        assert_eq!(read, report.records);
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("make the copy");
    for entry in fs::read_dir(from).expect("list") {
        let entry = entry.expect("list");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy");
        }
    }
}

/// Records with correct partition sequences.
struct Writer {
    heads: Vec<u64>,
    payload: Vec<u8>,
    count: u64,
}

impl Writer {
    fn new() -> Self {
        Self { heads: vec![0; usize::from(PARTITIONS)], payload: vec![42; PAYLOAD_BYTES], count: 0 }
    }

    fn written(&self) -> u64 {
        self.count
    }

    fn next(&mut self) -> (u16, u64) {
        let partition = u16::try_from(self.count % u64::from(PARTITIONS)).expect("a partition");
        self.count += 1;
        let head = &mut self.heads[usize::from(partition)];
        *head += 1;
        (partition, *head)
    }

    fn append(&mut self, journal: &mut SledJournal, records: usize) -> usher_persistence::Appended {
        let places: Vec<_> = (0..records).map(|_| self.next()).collect();
        let pending: Vec<_> = places
            .iter()
            .map(|(partition, partition_seq)| Pending {
                partition: *partition,
                partition_seq: *partition_seq,
                payload: &self.payload,
            })
            .collect();
        journal.append(&pending).expect("append")
    }
}

/// Time that this process has spent on the processors, from the kernel's account of it.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").expect("read /proc/self/stat");
    let fields: Vec<&str> = stat.rsplit(") ").next().expect("fields").split(' ').collect();
    let ticks: u64 =
        [11, 12].iter().map(|field| fields[*field].parse::<u64>().expect("ticks")).sum();
    // The kernel counts hundredths of a second here on every Linux that Rust runs on.
    Duration::from_millis(ticks * 10)
}
