//! The files of the logbook.
//!
//! A file begins with `usher-logbook 1 <hash>`, the hash of the line before it, in the file before
//! it; sixty-four zeros where there is none. Each further line is `<hash> <entry>`: an entry is a
//! JSON object, and its hash is SHA-256 over the hash before it, as text, and the entry's text. So
//! no line can be altered, moved or taken out without all hashes after it being wrong:
//!
//! ```text
//! printf '%s%s' "$hash_before" "$entry" | sha256sum
//! ```
//!
//! Who can write the files can also write them anew from some line on. Copy the last hash elsewhere
//! now and then to be safe from that.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use usher_wire::LogbookEntry;

use super::{Job, Note, SYNC_AFTER};

/// What every file begins with.
pub(super) const MAGIC: &str = "usher-logbook 1 ";
/// The hash before the first entry of all.
pub(super) const FIRST_HASH: &str =
    "0000000000000000000000000000000000000000000000000000000000000000";
/// A file that has grown beyond this is the last but one.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Calls are cut here: a path may be long.
const CALL_CHARS_MAX: usize = 256;

/// The end of the logbook, for its one writer.
#[derive(Debug)]
pub(super) struct Book {
    dir: PathBuf,
    files_max: usize,
    file: File,
    bytes: u64,
    /// Of the last entry, or what its file begins with.
    last_hash: String,
    /// The sequence of the last entry.
    sequence: u64,
    /// Since when something is not on the disk for certain.
    unsynced_since: Option<Instant>,
    /// A write failed, so nobody knows what is in the file.
    is_in_doubt: bool,
}

impl Book {
    /// Opens the newest file, and cuts off a line that was not finished; or makes the first one.
    pub(super) fn open(dir: &Path, files_max: usize) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let Some(path) = files(dir)?.pop() else {
            return Self::begin(dir, files_max, FIRST_HASH.to_owned(), 0);
        };
        let mut file = OpenOptions::new().read(true).append(true).open(&path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        let text = String::from_utf8_lossy(&text[..whole]);
        let Some((last_hash, entries)) = ends_with(&text) else {
            // Cut before its first line was whole: it holds nothing.
            std::fs::remove_file(&path)?;
            return Self::open(dir, files_max);
        };
        let sequence = (first_sequence(&path).unwrap_or(1) + entries).saturating_sub(1);
        let dir = dir.to_owned();
        let (bytes, unsynced_since, is_in_doubt) = (whole as u64, Some(Instant::now()), false);
        Ok(Self { dir, files_max, file, bytes, last_hash, sequence, unsynced_since, is_in_doubt })
    }

    fn begin(dir: &Path, files_max: usize, last_hash: String, sequence: u64) -> io::Result<Self> {
        let path = dir.join(format!("{:020}.log", sequence + 1));
        let mut file = OpenOptions::new().append(true).create_new(true).open(path)?;
        let head = format!("{MAGIC}{last_hash}\n");
        file.write_all(head.as_bytes())?;
        file.sync_data()?;
        File::open(dir)?.sync_all()?;
        let dir = dir.to_owned();
        let (bytes, unsynced_since, is_in_doubt) = (head.len() as u64, None, false);
        Ok(Self { dir, files_max, file, bytes, last_hash, sequence, unsynced_since, is_in_doubt })
    }

    /// Whether everything that was written is on the disk.
    pub(super) fn is_synced(&self) -> bool {
        self.unsynced_since.is_none()
    }

    /// Writes all notes with one write, and flushes them to the disk where that must be.
    pub(super) fn write(&mut self, jobs: &[Job], must_sync: bool) -> io::Result<()> {
        if self.is_in_doubt {
            *self = Self::open(&self.dir, self.files_max)?;
        }
        let written = self.append(jobs, must_sync);
        self.is_in_doubt = written.is_err();
        written
    }

    fn append(&mut self, jobs: &[Job], must_sync: bool) -> io::Result<()> {
        let mut lines = String::new();
        for job in jobs {
            let Some(note) = &job.note else { continue };
            self.sequence += 1;
            let entry = serde_json::to_string(&entry(self.sequence, job.at, note))?;
            self.last_hash = hash(&self.last_hash, &entry);
            lines.push_str(&self.last_hash);
            lines.push(' ');
            lines.push_str(&entry);
            lines.push('\n');
        }
        if !lines.is_empty() {
            self.unsynced_since.get_or_insert_with(Instant::now);
            self.file.write_all(lines.as_bytes())?;
            self.bytes += lines.len() as u64;
        }
        let is_time = self.unsynced_since.is_some_and(|since| since.elapsed() >= SYNC_AFTER);
        if is_time || (must_sync && !self.is_synced()) {
            self.file.sync_data()?;
            self.unsynced_since = None;
        }
        if self.bytes > FILE_BYTES_MAX { self.turn_over() } else { Ok(()) }
    }

    /// Goes on in a new file, and lets the oldest go.
    pub(super) fn turn_over(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        *self = Self::begin(&self.dir, self.files_max, self.last_hash.clone(), self.sequence)?;
        let files = files(&self.dir)?;
        for old in &files[..files.len().saturating_sub(self.files_max.max(1))] {
            std::fs::remove_file(old)?;
        }
        Ok(())
    }
}

fn entry(sequence: u64, at: jiff::Timestamp, note: &Note) -> LogbookEntry {
    LogbookEntry {
        sequence,
        at,
        actor: note.actor.to_owned(),
        address: note.address.map(|address| address.to_string()),
        call: note.call.chars().take(CALL_CHARS_MAX).collect(),
        status: note.status,
        request_id: note.request_id.clone(),
        fields: note.fields.clone(),
    }
}

/// The hash of an entry.
pub(super) fn hash(before: &str, entry: &str) -> String {
    let digest = Sha256::new().chain_update(before).chain_update(entry).finalize();
    HEXLOWER.encode(&digest)
}

/// All files, oldest first.
pub(super) fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for item in std::fs::read_dir(dir)? {
        let path = item?.path();
        if first_sequence(&path).is_some() {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The sequence of the first entry of a file, which is its name.
pub(super) fn first_sequence(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".log")?.parse().ok()
}

/// The last hash in the text of a file, and how many entries it has. `None` where it has no line. A
/// head that was altered is kept as it is, for whoever reads the file to see.
fn ends_with(text: &str) -> Option<(String, u64)> {
    let mut last_hash = text.lines().next()?.strip_prefix(MAGIC).unwrap_or_default();
    let mut entries = 0;
    for line in text.lines().skip(1) {
        last_hash = line.split(' ').next().unwrap_or_default();
        entries += 1;
    }
    Some((last_hash.to_owned(), entries))
}
