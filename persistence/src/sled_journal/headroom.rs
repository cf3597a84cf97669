//! Zeros behind what sled has written, so that a flush finds the file as long as it was.
//!
//! sled writes behind the end of its file. Then each flush of the device must also make the new
//! length durable, which takes the file system a transaction of its own: two to three times what
//! the data takes, and once in a hundred flushes many times that. So a thread keeps a few segments
//! of zeros ahead of sled. Room that is only reserved (`fallocate`) would not do, since its first
//! use is a change of metadata as well.
//!
//! ```text
//!   │ segments with a header │ part of one │ zeros: spare segments │
//!                                          ▲ sled writes here      ▲ end of file; we append here
//! ```
//!
//! What always holds: only zeros are written, and only behind the end of the file as it is when the
//! system carries out the write (`O_APPEND`), so nothing of sled's can be overwritten, whatever it
//! does meanwhile. To sled a segment of zeros is one that it has not used yet, as it leaves them
//! itself; [`cut_back`] takes them away before it opens, or it would give them back one by one.
//! Where there is no room for zeros, or sled makes the file shorter, flushes take longer, and that
//! is all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::courtesy;
use crate::disk::{At, DiskError};

/// Bytes of a segment, which sled takes one by one: its default, which the journal leaves as it is.
pub(super) const SEGMENT_BYTES: u64 = 512 * 1024;
/// Bytes of a segment before its messages: never all zeros, since its sequence is stored inverted.
const SEGMENT_HEADER_BYTES: usize = 20;
/// The most spare segments. They last longer than it takes to append another.
const SPARE_MAX: u64 = 8;
/// After so many bytes of chunks it is looked whether there is still enough. Chunks take up to
/// about three times their size, so at most one segment is used meanwhile.
const LOOK_EVERY_BYTES: usize = 128 * 1024;

/// So many zeros are made durable at a time. A flush that meets that waits for them as well, since
/// it is the same file; and each time takes the file system a transaction.
const DURABLE_AT_ONCE_BYTES: usize = SEGMENT_BYTES as usize / 2;

/// Zeros are appended in pieces of this.
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

/// Keeps zeros ahead of what is written to one database, until it is dropped.
#[derive(Debug)]
pub(super) struct Headroom {
    /// Wakes the thread. One wake-up may wait; more would say nothing new.
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    unlooked_bytes: usize,
}

impl Headroom {
    /// Starts to keep room in this file. A database that is hardly used gets none.
    pub(super) fn keep(data_path: &Path) -> Result<Self, DiskError> {
        let file = OpenOptions::new().read(true).append(true).open(data_path);
        let keeper = Keeper { file: file.at("open", data_path)?, path: data_path.to_path_buf() };
        let (wake, woken) = sync_channel(1);
        let thread = std::thread::Builder::new().name("usher-headroom".into());
        let thread =
            thread.spawn(move || keeper.run(&woken)).at("start a thread for", data_path)?;
        Ok(Self { wake: Some(wake), thread: Some(thread), unlooked_bytes: 0 })
    }

    /// Takes notice of so many bytes of chunks. Never waits.
    pub(super) fn note(&mut self, bytes: usize) {
        self.unlooked_bytes += bytes;
        if self.unlooked_bytes >= LOOK_EVERY_BYTES {
            self.unlooked_bytes = 0;
            if let Some(wake) = &self.wake {
                // Where one waits already the thread is at work, and looks once more after it.
                let _ = wake.try_send(());
            }
        }
    }
}

impl Drop for Headroom {
    /// Nobody writes to the file any more when this returns.
    fn drop(&mut self) {
        self.wake = None;
        // It has nothing to say that was not logged.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

struct Keeper {
    file: File,
    path: PathBuf,
}

impl Keeper {
    fn run(mut self, woken: &Receiver<()>) {
        courtesy::let_others_finish();
        let mut has_failed = false;
        while woken.recv().is_ok() {
            let added = self.add_what_is_missing().at("extend", &self.path);
            if let (Err(error), false) = (&added, has_failed) {
                tracing::warn!(%error, "no room ahead in the journal: flushes take longer");
            }
            has_failed = added.is_err();
        }
    }

    /// Appends until as many segments are spare as are used, up to [`SPARE_MAX`]. A disk that fails
    /// here says so to the journal's own descriptor as well, at its next flush.
    fn add_what_is_missing(&mut self) -> io::Result<()> {
        loop {
            let end = self.file.metadata()?.len();
            let segments = end.div_ceil(SEGMENT_BYTES);
            let spare = self.spare(segments)?;
            if spare >= (segments - spare).min(SPARE_MAX) {
                return Ok(());
            }
            let mut missing = ((segments + 1) * SEGMENT_BYTES - end) as usize;
            while missing > 0 {
                let part = missing.min(DURABLE_AT_ONCE_BYTES);
                self.append(part)?;
                missing -= part;
            }
        }
    }

    /// Appends so many zeros and makes them durable.
    fn append(&mut self, mut bytes: usize) -> io::Result<()> {
        while bytes > 0 {
            let piece = &ZEROS[..bytes.min(ZEROS.len())];
            self.file.write_all(piece)?;
            bytes -= piece.len();
        }
        self.file.sync_data()
    }

    /// Segments at the end of so many that have no header yet, counted up to [`SPARE_MAX`].
    fn spare(&self, segments: u64) -> io::Result<u64> {
        for spare in 0..SPARE_MAX.min(segments) {
            let mut header = [0; SEGMENT_HEADER_BYTES];
            // Where the file became shorter meanwhile nothing is read, and that is spare.
            self.file.read_at(&mut header, (segments - 1 - spare) * SEGMENT_BYTES)?;
            if header != [0; SEGMENT_HEADER_BYTES] {
                return Ok(spare);
            }
        }
        Ok(SPARE_MAX.min(segments))
    }
}

/// Cuts off the segments at the end of a file in which there is nothing but zeros. Nobody else may
/// have it open.
pub(super) fn cut_back(data_path: &Path) -> Result<(), DiskError> {
    let file = match OpenOptions::new().read(true).write(true).open(data_path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.at("open", data_path)?,
    };
    let length = file.metadata().at("look at", data_path)?.len();
    let mut segment = vec![0; SEGMENT_BYTES as usize];
    let mut segments = length.div_ceil(SEGMENT_BYTES);
    while segments > 0 {
        let begin = (segments - 1) * SEGMENT_BYTES;
        let bytes = &mut segment[..(length - begin).min(SEGMENT_BYTES) as usize];
        file.read_exact_at(bytes, begin).at("read", data_path)?;
        if bytes.iter().any(|byte| *byte != 0) {
            break;
        }
        segments -= 1;
    }
    let end = segments * SEGMENT_BYTES;
    if end < length { file.set_len(end).at("cut back", data_path) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    const SEGMENT: usize = SEGMENT_BYTES as usize;

    /// A file of so many segments that were used and so many bytes behind them.
    fn used(segments: usize, more: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [&vec![7; segments * SEGMENT], more].concat()).unwrap();
        file
    }

    fn segments_of(file: &tempfile::NamedTempFile) -> usize {
        let bytes = std::fs::read(file.path()).unwrap();
        assert_eq!(bytes.len() % SEGMENT, 0, "whole segments");
        bytes.len() / SEGMENT
    }

    #[test]
    fn as_much_is_spare_as_is_used_but_not_more_than_lasts() {
        let half = vec![7; SEGMENT / 2];
        for (segments, more, expected) in
            [(0, &[][..], 0), (0, &half, 2), (1, &[], 2), (3, &half, 8), (20, &[], 28)]
        {
            let file = used(segments, more);
            let before = std::fs::read(file.path()).unwrap();
            let mut headroom = Headroom::keep(file.path()).unwrap();
            headroom.note(LOOK_EVERY_BYTES);
            // Dropping it lets the thread end what it was asked for.
            drop(headroom);
            assert_eq!(segments_of(&file), expected, "{segments} segments and {}", more.len());
            let after = std::fs::read(file.path()).unwrap();
            assert!(after.starts_with(&before), "what was there is untouched");
            assert!(after[before.len()..].iter().all(|byte| *byte == 0), "zeros are added");
        }
    }

    #[test]
    fn nothing_is_added_for_little() {
        let file = used(2, &[]);
        let mut headroom = Headroom::keep(file.path()).unwrap();
        headroom.note(LOOK_EVERY_BYTES - 1);
        drop(headroom);
        assert_eq!(segments_of(&file), 2);
    }

    #[test]
    fn somebody_who_writes_at_the_end_meanwhile_loses_nothing() {
        let file = used(1, &[]);
        let mut headroom = Headroom::keep(file.path()).unwrap();
        let writer = OpenOptions::new().write(true).open(file.path()).unwrap();
        let piece = vec![9; SEGMENT / 4];
        let until = Instant::now() + Duration::from_millis(300);
        let mut end = SEGMENT;
        while Instant::now() < until {
            writer.write_all_at(&piece, end as u64).unwrap();
            end += piece.len();
            headroom.note(LOOK_EVERY_BYTES);
        }
        drop(headroom);
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(bytes[SEGMENT..end].iter().all(|byte| *byte == 9), "{end} bytes");
    }

    #[test]
    fn only_segments_of_zeros_are_cut_back() {
        let zeros = vec![0; 2 * SEGMENT + 100];
        let late = [&zeros[..SEGMENT + 5], &[1][..], &zeros[..SEGMENT * 2 - 6]].concat();
        for (segments, more, expected) in
            [(2, &[][..], 2 * SEGMENT), (2, &zeros, 2 * SEGMENT), (1, &late, 3 * SEGMENT)]
        {
            let file = used(segments, more);
            let before = std::fs::read(file.path()).unwrap();
            cut_back(file.path()).unwrap();
            let after = std::fs::read(file.path()).unwrap();
            assert_eq!(after.len(), expected, "{segments} segments and {}", more.len());
            assert_eq!(after, before[..expected]);
        }
        let partly = used(1, &[0, 0, 3, 0]);
        cut_back(partly.path()).unwrap();
        assert_eq!(std::fs::metadata(partly.path()).unwrap().len(), SEGMENT_BYTES + 4);
        cut_back(Path::new("/no/such/file")).unwrap();
    }
}
