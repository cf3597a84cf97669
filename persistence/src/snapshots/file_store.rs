//! Snapshots as files: one directory, one file each, named by the sequence that it covers.
//!
//! ```text
//!   header   magic, version, covers (seq, checksum), checksum of the header
//!   section  magic, partition, partition seq, length, checksum of these and it; payload
//!   …
//!   trailer  magic, number of sections, xxh3-64 of the whole file before the hash
//! ```
//!
//! The hash of the whole file says that it is complete, the checksum of a section says later that
//! what is read again is still what was verified.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    Covers, KEEP_MIN, Newest, SECTION_BYTES_MAX, Section, Skipped, SnapshotError, SnapshotInfo,
    SnapshotReader, SnapshotWriter, Snapshots,
};
use crate::disk::{
    At, TEMPORARY_SUFFIX, create_dir_durable, remove_temporaries, rename_durable, sync_dir,
    with_suffix,
};
use crate::frame::{u16_at, u64_at};

const VERSION: u16 = 1;
const HEADER_MAGIC: [u8; 8] = *b"USHRSNAP";
const SECTION_MAGIC: [u8; 4] = *b"SECT";
const TRAILER_MAGIC: [u8; 4] = *b"DONE";
const HEADER_BYTES: usize = 34;
const SECTION_HEADER_BYTES: usize = 30;
const TRAILER_BYTES: usize = 20;
const EXTENSION: &str = "snapshot";
const BUFFER_BYTES: usize = 256 * 1024;

/// Snapshots in a directory. One writer at a time; any number of readers.
#[derive(Clone, Debug)]
pub struct FileSnapshots {
    dir: PathBuf,
    keep: usize,
    /// Files that could not be used when they were last looked at. They stay as evidence until they
    /// would have gone anyway, but count for nothing: or the whole one behind them would go first.
    unusable: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl FileSnapshots {
    /// Opens the directory, makes it where it is missing, and removes what a crash left half done.
    /// `keep` below [`KEEP_MIN`] counts as that.
    ///
    /// # Errors
    /// [`SnapshotError::Disk`].
    pub fn open(dir: impl Into<PathBuf>, keep: usize) -> Result<Self, SnapshotError> {
        let dir = dir.into();
        create_dir_durable(&dir)?;
        remove_temporaries(&dir)?;
        Ok(Self { dir, keep: keep.max(KEEP_MIN), unusable: Arc::default() })
    }

    /// The files under their final names with the sequence that each covers, newest first.
    fn files(&self) -> Result<Vec<(u64, PathBuf)>, SnapshotError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir).at("list", &self.dir)? {
            let path = entry.at("list", &self.dir)?.path();
            if path.extension().is_none_or(|extension| extension != EXTENSION) {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            if let Some(seq) = stem.and_then(|stem| stem.parse().ok()) {
                files.push((seq, path));
            }
        }
        files.sort_unstable_by(|a, b| b.cmp(a));
        Ok(files)
    }

    /// The sequence of the oldest that has to be kept; `None` while there are too few.
    fn oldest_kept(&self) -> Result<Option<u64>, SnapshotError> {
        let files = self.files()?;
        let unusable = self.unusable();
        let mut usable = files.iter().filter(|(_, path)| !unusable.contains(path));
        Ok(usable.nth(self.keep - 1).map(|(seq, _)| *seq))
    }

    fn unusable(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.unusable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots for FileSnapshots {
    fn begin(&self, covers: Covers) -> Result<Box<dyn SnapshotWriter>, SnapshotError> {
        let path = self.dir.join(format!("{:020}.{EXTENSION}", covers.seq));
        let temporary = with_suffix(&path, TEMPORARY_SUFFIX);
        let file = File::create(&temporary).at("create", &temporary)?;
        let mut writer = FileWriter {
            store: self.clone(),
            covers,
            sections: 0,
            hash: Xxh3::new(),
            out: Some(BufWriter::with_capacity(BUFFER_BYTES, file)),
            path,
            temporary,
        };
        writer.put(&header(covers))?;
        Ok(Box::new(writer))
    }

    fn newest(&self) -> Result<Newest, SnapshotError> {
        let mut skipped = Vec::new();
        for (seq, path) in self.files()? {
            match FileReader::verify(seq, &path) {
                Ok(reader) => {
                    return Ok(Newest { snapshot: Some(Box::new(reader)), skipped });
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "snapshot skipped");
                    self.unusable().insert(path.clone());
                    skipped.push(Skipped { path, reason: error.to_string() });
                }
            }
        }
        Ok(Newest { snapshot: None, skipped })
    }

    fn list(&self) -> Result<Vec<SnapshotInfo>, SnapshotError> {
        let files = self.files()?;
        let ends = files.iter().filter_map(|(seq, path)| Ends::read(*seq, path).ok());
        Ok(ends.map(|ends| ends.info).collect())
    }

    fn covered_seq(&self) -> Result<u64, SnapshotError> {
        Ok(self.oldest_kept()?.unwrap_or(0))
    }
}

struct FileWriter {
    store: FileSnapshots,
    covers: Covers,
    sections: u64,
    hash: Xxh3,
    /// Taken by `finish`; what is still here on drop was abandoned.
    out: Option<BufWriter<File>>,
    path: PathBuf,
    temporary: PathBuf,
}

impl FileWriter {
    fn put(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.hash.update(bytes);
        let out = self.out.as_mut().expect("only finish takes the file");
        Ok(out.write_all(bytes).at("write", &self.temporary)?)
    }

    fn prune(&self) -> Result<(), SnapshotError> {
        let Some(oldest) = self.store.oldest_kept()? else { return Ok(()) };
        for (_, path) in self.store.files()?.iter().filter(|(seq, _)| *seq < oldest) {
            fs::remove_file(path).at("remove", path)?;
            self.store.unusable().remove(path);
        }
        Ok(sync_dir(&self.store.dir)?)
    }
}

impl SnapshotWriter for FileWriter {
    fn section(
        &mut self,
        partition: u16,
        partition_seq: u64,
        payload: &[u8],
    ) -> Result<(), SnapshotError> {
        if payload.len() > SECTION_BYTES_MAX {
            return Err(SnapshotError::SectionTooLarge { bytes: payload.len() });
        }
        self.put(&section_header(partition, partition_seq, payload))?;
        self.put(payload)?;
        self.sections += 1;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<SnapshotInfo, SnapshotError> {
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..4].copy_from_slice(&TRAILER_MAGIC);
        trailer[4..12].copy_from_slice(&self.sections.to_le_bytes());
        self.put(&trailer[..12])?;
        let hash = self.hash.digest();
        self.put(&hash.to_le_bytes())?;
        let mut out = self.out.take().expect("only finish takes the file");
        out.flush().at("write", &self.temporary)?;
        out.get_ref().sync_all().at("flush", &self.temporary)?;
        drop(out);
        rename_durable(&self.temporary, &self.path)?;
        self.store.unusable().remove(&self.path);
        self.prune()?;
        let written = fs::metadata(&self.path).at("look at", &self.path)?;
        Ok(SnapshotInfo {
            covers: self.covers,
            sections: self.sections,
            bytes: written.len(),
            written: written.modified().at("look at", &self.path)?,
            path: self.path.clone(),
        })
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            // An abandoned file is removed at the next opening too, so failing here is harmless.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Header and trailer of a file, and the hash that the trailer promises.
struct Ends {
    info: SnapshotInfo,
    hash: u64,
}

impl Ends {
    /// `seq` is what the file covers by its name. A whole snapshot under the name of another would
    /// have the journal let go that it still needs.
    fn read(seq: u64, path: &Path) -> Result<Self, SnapshotError> {
        let mut file = File::open(path).at("open", path)?;
        let metadata = file.metadata().at("look at", path)?;
        let bytes = metadata.len();
        if bytes < (HEADER_BYTES + TRAILER_BYTES) as u64 {
            return Err(damaged(path, "too short"));
        }
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).at("read", path)?;
        let covers = parse_header(path, &header)?;
        if covers.seq != seq {
            return Err(damaged(path, "it is the snapshot of another sequence"));
        }
        let mut trailer = [0; TRAILER_BYTES];
        file.seek(SeekFrom::End(-(TRAILER_BYTES as i64))).at("read", path)?;
        file.read_exact(&mut trailer).at("read", path)?;
        if trailer[..4] != TRAILER_MAGIC {
            return Err(damaged(path, "no trailer: the end is missing"));
        }
        let info = SnapshotInfo {
            covers,
            sections: u64_at(&trailer, 4),
            bytes,
            written: metadata.modified().at("look at", path)?,
            path: path.to_path_buf(),
        };
        Ok(Self { info, hash: u64_at(&trailer, 12) })
    }
}

/// Where a section's payload lies in the file.
struct SectionPlace {
    partition: u16,
    partition_seq: u64,
    offset: u64,
    bytes: usize,
    checksum: u64,
}

struct FileReader {
    info: SnapshotInfo,
    file: File,
    sections: Vec<SectionPlace>,
    buffer: Vec<u8>,
}

impl FileReader {
    /// Reads the whole file once: only one whose every byte is right is handed out.
    fn verify(seq: u64, path: &Path) -> Result<Self, SnapshotError> {
        let Ends { info, hash } = Ends::read(seq, path)?;
        let file = File::open(path).at("open", path)?;
        let mut input =
            Hashing { input: BufReader::with_capacity(BUFFER_BYTES, &file), hash: Xxh3::new() };
        let mut header = [0; HEADER_BYTES];
        input.read_exact(&mut header).at("read", path)?;
        let end = info.bytes - TRAILER_BYTES as u64;
        let mut offset = HEADER_BYTES as u64;
        let mut sections = Vec::new();
        while offset < end {
            if end - offset < SECTION_HEADER_BYTES as u64 {
                return Err(damaged(path, "a section is cut short"));
            }
            let mut header = [0; SECTION_HEADER_BYTES];
            input.read_exact(&mut header).at("read", path)?;
            offset += SECTION_HEADER_BYTES as u64;
            let place = parse_section_header(path, &header, offset, end)?;
            let bytes = place.bytes as u64;
            let copied = io::copy(&mut input.by_ref().take(bytes), &mut io::sink());
            if copied.at("read", path)? != bytes {
                return Err(damaged(path, "a section is cut short"));
            }
            offset += bytes;
            sections.push(place);
        }
        let mut trailer = [0; TRAILER_BYTES - 8];
        input.read_exact(&mut trailer).at("read", path)?;
        if input.hash.digest() != hash {
            return Err(damaged(path, "the hash of the file does not match"));
        }
        if sections.len() as u64 != info.sections {
            return Err(damaged(path, "the number of sections does not match"));
        }
        Ok(Self { info, file, sections, buffer: Vec::new() })
    }

    fn visit(
        &mut self,
        only: Option<u16>,
        visit: &mut dyn FnMut(Section<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError> {
        let path = &self.info.path;
        for place in &self.sections {
            if only.is_some_and(|partition| partition != place.partition) {
                continue;
            }
            self.buffer.resize(place.bytes, 0);
            self.file.seek(SeekFrom::Start(place.offset)).at("read", path)?;
            self.file.read_exact(&mut self.buffer).at("read", path)?;
            let header = section_header(place.partition, place.partition_seq, &self.buffer);
            if u64_at(&header, SECTION_HEADER_BYTES - 8) != place.checksum {
                return Err(damaged(path, "a section changed after it was verified"));
            }
            let section = Section {
                partition: place.partition,
                partition_seq: place.partition_seq,
                payload: &self.buffer,
            };
            if visit(section).is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl SnapshotReader for FileReader {
    fn info(&self) -> &SnapshotInfo {
        &self.info
    }

    fn for_each(
        &mut self,
        visit: &mut dyn FnMut(Section<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError> {
        self.visit(None, visit)
    }

    fn for_partition(
        &mut self,
        partition: u16,
        visit: &mut dyn FnMut(Section<'_>) -> ControlFlow<()>,
    ) -> Result<(), SnapshotError> {
        self.visit(Some(partition), visit)
    }

    fn heads(&self) -> Vec<(u16, u64)> {
        let mut heads: Vec<_> =
            self.sections.iter().map(|place| (place.partition, place.partition_seq)).collect();
        // The highest of several sections of a partition comes first and stays.
        heads.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        heads.dedup_by_key(|(partition, _)| *partition);
        heads
    }
}

/// Hashes what passes through, so that one pass both finds the sections and verifies the file.
struct Hashing<R> {
    input: R,
    hash: Xxh3,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

fn header(covers: Covers) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&HEADER_MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    header[10..18].copy_from_slice(&covers.seq.to_le_bytes());
    header[18..26].copy_from_slice(&covers.checksum.to_le_bytes());
    let checksum = xxh3_64(&header[..26]);
    header[26..].copy_from_slice(&checksum.to_le_bytes());
    header
}

fn parse_header(path: &Path, header: &[u8; HEADER_BYTES]) -> Result<Covers, SnapshotError> {
    if header[..8] != HEADER_MAGIC {
        return Err(damaged(path, "not a snapshot (bad magic)"));
    }
    let found = u16_at(header, 8);
    if found != VERSION {
        return Err(SnapshotError::UnknownVersion { path: path.to_path_buf(), found });
    }
    if xxh3_64(&header[..26]) != u64_at(header, 26) {
        return Err(damaged(path, "the header's checksum does not match"));
    }
    Ok(Covers { seq: u64_at(header, 10), checksum: u64_at(header, 18) })
}

fn section_header(
    partition: u16,
    partition_seq: u64,
    payload: &[u8],
) -> [u8; SECTION_HEADER_BYTES] {
    let mut header = [0; SECTION_HEADER_BYTES];
    header[..4].copy_from_slice(&SECTION_MAGIC);
    header[4..6].copy_from_slice(&partition.to_le_bytes());
    header[6..14].copy_from_slice(&partition_seq.to_le_bytes());
    header[14..22].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let mut hash = Xxh3::new();
    hash.update(&header[..22]);
    hash.update(payload);
    header[22..].copy_from_slice(&hash.digest().to_le_bytes());
    header
}

fn parse_section_header(
    path: &Path,
    header: &[u8; SECTION_HEADER_BYTES],
    offset: u64,
    end: u64,
) -> Result<SectionPlace, SnapshotError> {
    if header[..4] != SECTION_MAGIC {
        return Err(damaged(path, "a section does not begin where it should"));
    }
    let bytes = u64_at(header, 14);
    if bytes > end - offset || bytes > SECTION_BYTES_MAX as u64 {
        return Err(damaged(path, "the length of a section is impossible"));
    }
    Ok(SectionPlace {
        partition: u16_at(header, 4),
        partition_seq: u64_at(header, 6),
        offset,
        bytes: usize::try_from(bytes).expect("bounded by SECTION_BYTES_MAX"),
        checksum: u64_at(header, 22),
    })
}

fn damaged(path: &Path, reason: &'static str) -> SnapshotError {
    SnapshotError::Damaged { path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests;
