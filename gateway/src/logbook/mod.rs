//! Who did what: calls of organisers and operators, messages of payment providers, and who was
//! turned away, in files that show when they were altered.
//!
//! ```text
//!   stage ─┐                         ┌─► book    the files: chained lines, a new file when one is full
//!          ├─► Logbook ─► keep_writing
//!   callback                         └─► search  reads them, and checks the chain as it goes
//! ```
//!
//! One task writes, in groups, away from the threads that answer. What a person did is on the disk
//! before the person is answered; what a payment provider said is in the journal anyway, and
//! follows here within a second. A logbook that cannot be written stops nobody: it says so in the
//! log, and `usher_logbook_failures_total` counts.

mod book;
mod search;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use book::Book;
pub use search::{Found, Wanted, search};
pub use stage::note;

/// Notes that may wait to be written. Beyond that, callers wait.
const WAITING_MAX: usize = 4_096;
/// Notes that are written together.
const GROUP_MAX: usize = 256;
/// How long what was written may stay in the memory of the system.
const SYNC_AFTER: Duration = Duration::from_secs(1);
/// Strangers who are noted, per second. Who floods must not push out what others did.
const STRANGERS_PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("it is not 0");

/// Something that somebody did.
#[derive(Debug, Clone)]
pub struct Note {
    /// Who: `organiser`, `operator`, `provider`, `stranger`, or `risk`, which decided about one.
    pub actor: &'static str,
    /// From where.
    pub address: Option<IpAddr>,
    /// What: method and path.
    pub call: String,
    /// What was answered; `None` where whoever asked went away before.
    pub status: Option<u16>,
    /// The request's id, as in logs and answers.
    pub request_id: Option<String>,
    /// What else there is to say, by name.
    pub fields: BTreeMap<String, String>,
}

/// What the writer is asked for: a note, to be told of one, or both.
struct Job {
    at: Timestamp,
    note: Option<Note>,
    /// Told once the note is on the disk.
    written: Option<oneshot::Sender<()>>,
}

impl Job {
    fn new(note: Option<Note>, written: Option<oneshot::Sender<()>>) -> Self {
        Self { at: Timestamp::now(), note, written }
    }
}

/// The way into the logbook.
pub struct Logbook {
    jobs: mpsc::Sender<Job>,
    strangers: DefaultDirectRateLimiter,
    dir: PathBuf,
}

impl Logbook {
    /// Opens the logbook in a directory, which is made. Must be called where tasks can be spawned.
    /// The oldest files go when there are more than `files_max`.
    ///
    /// # Errors
    /// Where the directory or its newest file cannot be read or written.
    pub fn open(dir: &Path, files_max: usize) -> std::io::Result<Self> {
        let book = Book::open(dir, files_max)?;
        let (jobs, waiting) = mpsc::channel(WAITING_MAX);
        actix_web::rt::spawn(keep_writing(book, waiting));
        let strangers = RateLimiter::direct(Quota::per_second(STRANGERS_PER_SECOND));
        Ok(Self { jobs, strangers, dir: dir.to_owned() })
    }

    /// Hands in a note that will be written soon.
    pub async fn jot(&self, note: Note) {
        self.send(Some(note), None).await;
    }

    /// As [`Logbook::jot`], of somebody who was turned away; of a flood of them, some.
    pub async fn jot_stranger(&self, note: Note) {
        if self.strangers.check().is_ok() {
            self.jot(note).await;
        }
    }

    /// Returns once everything that was handed in is on the disk.
    pub async fn settle(&self) {
        let (written, is_written) = oneshot::channel();
        self.send(None, Some(written)).await;
        let _ = is_written.await;
    }

    /// Where the files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    async fn send(&self, note: Option<Note>, written: Option<oneshot::Sender<()>>) {
        // The writer ends only with the process.
        let _ = self.jobs.send(Job::new(note, written)).await;
    }
}

async fn keep_writing(mut book: Book, mut waiting: mpsc::Receiver<Job>) {
    loop {
        let mut jobs = Vec::with_capacity(GROUP_MAX);
        let received = waiting.recv_many(&mut jobs, GROUP_MAX);
        match tokio::time::timeout(SYNC_AFTER, received).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(_) if book.is_synced() => continue,
            // Nothing came, and something is not on the disk yet.
            Err(_) => {}
        }
        let must_sync = jobs.is_empty() || jobs.iter().any(|job| job.written.is_some());
        let work = move || {
            let result = book.write(&jobs, must_sync);
            (book, jobs, result)
        };
        let Ok((returned, jobs, result)) = tokio::task::spawn_blocking(work).await else {
            tracing::error!("the logbook's writer panicked; nothing is written down any more");
            return;
        };
        book = returned;
        match result {
            Ok(()) => jobs.into_iter().filter_map(|job| job.written).for_each(|written| {
                let _ = written.send(());
            }),
            Err(error) => complain(&jobs, &error),
        }
    }
}

fn complain(jobs: &[Job], error: &std::io::Error) {
    metrics::counter!("usher_logbook_failures_total").increment(1);
    for note in jobs.iter().filter_map(|job| job.note.as_ref()) {
        tracing::error!(%error, ?note, "the logbook cannot be written");
    }
}
