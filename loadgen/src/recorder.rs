//! Writes down what was acknowledged, as it happens, for the audit.
//!
//! The file is the record: it is not kept in memory during the run, and it is read back whole
//! before the audit. So a generator that dies has still left what it saw.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use usher_audit::{Entry, Record, RecordError};
use usher_wire::Hold;

/// Appends entries to a file.
pub struct Recorder {
    path: PathBuf,
    out: RefCell<Out>,
}

struct Out {
    file: BufWriter<File>,
    /// The first error; a record with a hole in it is worse than none, so nothing follows it.
    error: Option<io::Error>,
}

impl Recorder {
    /// Begins a record; a file of an earlier run is replaced.
    ///
    /// # Errors
    ///
    /// When the file cannot be created.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 16, File::create(path)?);
        Ok(Self { path: path.into(), out: RefCell::new(Out { file, error: None }) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one entry.
    pub fn push(&self, entry: &Entry) {
        let out = &mut *self.out.borrow_mut();
        if out.error.is_none() {
            let line = serde_json::to_writer(&mut out.file, entry).map_err(io::Error::from);
            out.error = line.and_then(|()| out.file.write_all(b"\n")).err();
        }
    }

    /// Gives what is written to the operating system.
    pub fn flush(&self) {
        let out = &mut *self.out.borrow_mut();
        if out.error.is_none() {
            out.error = out.file.flush().err();
        }
    }

    /// Ends the record.
    ///
    /// # Errors
    ///
    /// The first error of all writing.
    pub fn finish(&self) -> io::Result<()> {
        self.flush();
        self.out.borrow_mut().error.take().map_or(Ok(()), Err)
    }
}

/// Reads one or several records, merged.
///
/// # Errors
///
/// When a file cannot be read or is not a record.
pub fn read(paths: &[PathBuf]) -> Result<Record, RecordError> {
    let mut record = Record::default();
    for path in paths {
        record.merge(Record::read_from(BufReader::new(File::open(path)?))?);
    }
    Ok(record)
}

/// The entry of a hold that was acknowledged at `at_us`.
#[must_use]
pub fn held(at_us: u64, hold: &Hold, user_id: &str, key: &str) -> Entry {
    Entry::Held {
        at_us,
        show_id: hold.show_id.clone(),
        hold_id: hold.hold_id.clone(),
        user_id: user_id.into(),
        key: Some(key.into()),
        seat_ids: hold.seat_ids.clone().unwrap_or_default(),
        stock: hold.stock.as_ref().map(|stock| (stock.name.clone(), stock.quantity)),
        expires_us: micros(hold.expiry_time),
        total_cents: cents(hold.total_price_cents),
    }
}

/// A time of the contract as the record writes it.
#[must_use]
pub fn micros(at: jiff::Timestamp) -> u64 {
    u64::try_from(at.as_microsecond()).unwrap_or(0)
}

/// An amount of the contract as the record writes it.
#[must_use]
pub fn cents(amount_cents: u64) -> i64 {
    i64::try_from(amount_cents).unwrap_or(i64::MAX)
}
