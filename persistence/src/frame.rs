//! The record format: how one committed command looks as bytes.
//!
//! ```text
//!  0      4          12        14          16       20     28              36         44
//!  ├──────┼──────────┼─────────┼───────────┼────────┼──────┼───────────────┼──────────┼─────────┐
//!  │magic │ checksum │ version │ partition │ length │ seq  │ partition seq │ previous │ payload │
//!  └──────┴──────────┴─────────┴───────────┴────────┴──────┴───────────────┴──────────┴─────────┘
//!                     ╰─────────────── covered by the checksum (xxh3-64) ──────────────────────╯
//! ```
//!
//! All numbers are little-endian. The checksum covers everything behind it, and `previous` is the
//! checksum of the record before; so one hash is at once the integrity of a record and a link of
//! the chain that runs through batches, generations, snapshots and backups. A duplicated,
//! misdirected or missing record is found by its sequence or by its link.
//!
//! What always holds: decoding borrows and never allocates; [`Chain`] is the only place that
//! assigns sequences and links, and the only place that judges them.

use xxhash_rust::xxh3::xxh3_64;

use crate::journal::Pending;

/// The version that this code writes, and the newest that it reads.
pub const FORMAT_VERSION: u16 = 1;
/// Bytes of a record before its payload.
pub const FRAME_HEADER_BYTES: usize = 44;
/// The largest payload of one record, in bytes. A command is far below; a length above is damage.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

const MAGIC: [u8; 4] = *b"USHR";
const CHECKSUM: usize = 4;
const COVERED: usize = 12;

/// One record, borrowed from the bytes that hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Position in the whole journal; starts at 1 and has no gaps.
    pub seq: u64,
    /// The partition whose inventory committed.
    pub partition: u16,
    /// Position within the partition; starts at 1 and has no gaps.
    pub partition_seq: u64,
    /// The checksum of the record before; 0 for the first one ever.
    pub previous: u64,
    /// xxh3-64 over header and payload; the next record's `previous`.
    pub checksum: u64,
    /// What was committed; opaque here.
    pub payload: &'a [u8],
}

/// Why bytes are not the record that belongs at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes do not begin as a record does.
    #[error("no record begins here (bad magic)")]
    BadMagic,
    /// The record was written by a version that this one does not know.
    #[error("record format version {found} is not known, this build reads up to {FORMAT_VERSION}")]
    UnknownVersion {
        /// The version that the record carries.
        found: u16,
    },
    /// The length is impossible, or there are fewer bytes than it says.
    #[error("record needs {needed} bytes, {available} are there")]
    Length {
        /// Bytes that the record would take, header included.
        needed: usize,
        /// Bytes that are there.
        available: usize,
    },
    /// Header or payload changed after it was written.
    #[error("checksum of the record at sequence {seq} does not match")]
    Checksum {
        /// The sequence that the damaged header claims.
        seq: u64,
    },
    /// The record does not follow the one before it.
    #[error(
        "record {seq} does not follow its predecessor (chain {expected:016x}, found {found:016x})"
    )]
    Chain {
        /// The record that does not follow.
        seq: u64,
        /// Checksum of the record before.
        expected: u64,
        /// The predecessor that the record names.
        found: u64,
    },
    /// Records are missing or doubled.
    #[error("expected sequence {expected}, found {found}")]
    SequenceGap {
        /// The sequence that is due.
        expected: u64,
        /// The sequence that is there.
        found: u64,
    },
    /// Records of one partition are missing or doubled.
    #[error("partition {partition}: expected sequence {expected}, found {found}")]
    PartitionGap {
        /// The partition with the gap.
        partition: u16,
        /// The partition sequence that is due.
        expected: u64,
        /// The partition sequence that is there.
        found: u64,
    },
}

/// Reads the record at the start of `bytes`; returns it and the bytes that it takes.
///
/// Integrity is checked, place is not: that is [`Chain::admit`].
///
/// # Errors
/// [`FrameError::BadMagic`], [`FrameError::UnknownVersion`], [`FrameError::Length`] or
/// [`FrameError::Checksum`], in this order of precedence.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<(Record<'_>, usize), FrameError> {
    let Some((header, rest)) = bytes.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        let is_ours = bytes.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic);
        return Err(if is_ours {
            FrameError::Length { needed: FRAME_HEADER_BYTES, available: bytes.len() }
        } else {
            FrameError::BadMagic
        });
    };
    if header[..CHECKSUM] != MAGIC {
        return Err(FrameError::BadMagic);
    }
    let found = u16_at(header, 12);
    if found != FORMAT_VERSION {
        return Err(FrameError::UnknownVersion { found });
    }
    let length = u32_at(header, 16) as usize;
    if length > PAYLOAD_BYTES_MAX || length > rest.len() {
        let needed = FRAME_HEADER_BYTES.saturating_add(length);
        return Err(FrameError::Length { needed, available: bytes.len() });
    }
    let seq = u64_at(header, 20);
    let checksum = u64_at(header, CHECKSUM);
    if xxh3_64(&bytes[COVERED..FRAME_HEADER_BYTES + length]) != checksum {
        return Err(FrameError::Checksum { seq });
    }
    let record = Record {
        seq,
        partition: u16_at(header, 14),
        partition_seq: u64_at(header, 28),
        previous: u64_at(header, 36),
        checksum,
        payload: &rest[..length],
    };
    Ok((record, FRAME_HEADER_BYTES + length))
}

/// The end of a journal: what the next record has to follow.
///
/// The writer asks it to frame records, a reader asks it to admit them. It knows the last sequence
/// of every partition, unless it was resumed in the middle, where partitions are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    seq: u64,
    checksum: u64,
    heads: Option<Vec<u64>>,
}

impl Default for Chain {
    fn default() -> Self {
        Self::genesis()
    }
}

impl Chain {
    /// Before the first record ever.
    #[must_use]
    pub const fn genesis() -> Self {
        Self { seq: 0, checksum: 0, heads: Some(Vec::new()) }
    }

    /// Behind record `seq` with this checksum, with the last sequence of each partition.
    #[must_use]
    pub fn at(seq: u64, checksum: u64, heads: impl IntoIterator<Item = (u16, u64)>) -> Self {
        let mut known = Vec::new();
        for (partition, partition_seq) in heads {
            *slot(&mut known, partition) = partition_seq;
        }
        trim(&mut known);
        Self { seq, checksum, heads: Some(known) }
    }

    /// Behind record `seq`, in the middle of a journal: partition sequences are not judged.
    #[must_use]
    pub const fn resume(seq: u64, checksum: u64) -> Self {
        Self { seq, checksum, heads: None }
    }

    /// The last sequence; 0 before the first record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The checksum of the last record; 0 before the first one.
    #[must_use]
    pub const fn checksum(&self) -> u64 {
        self.checksum
    }

    /// The last sequence of every partition that has one, in partition order.
    pub fn heads(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        let known = self.heads.iter().flatten().copied();
        (0..=u16::MAX).zip(known).filter(|(_, partition_seq)| *partition_seq > 0)
    }

    /// Writes the next record behind `out` and moves on.
    ///
    /// # Errors
    /// [`FrameError::PartitionGap`] when `partition_seq` is not the partition's next,
    /// [`FrameError::Length`] when the payload is above [`PAYLOAD_BYTES_MAX`]. Then `out` and the
    /// chain are as before.
    pub fn frame(
        &mut self,
        partition: u16,
        partition_seq: u64,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            let needed = FRAME_HEADER_BYTES + payload.len();
            return Err(FrameError::Length { needed, available: PAYLOAD_BYTES_MAX });
        }
        self.follow_partition(partition, partition_seq)?;
        let start = out.len();
        let mut header = [0; FRAME_HEADER_BYTES];
        header[..CHECKSUM].copy_from_slice(&MAGIC);
        header[12..14].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        header[14..16].copy_from_slice(&partition.to_le_bytes());
        let length = u32::try_from(payload.len()).expect("bounded by PAYLOAD_BYTES_MAX");
        header[16..20].copy_from_slice(&length.to_le_bytes());
        header[20..28].copy_from_slice(&(self.seq + 1).to_le_bytes());
        header[28..36].copy_from_slice(&partition_seq.to_le_bytes());
        header[36..44].copy_from_slice(&self.checksum.to_le_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(payload);
        let checksum = xxh3_64(&out[start + COVERED..]);
        out[start + CHECKSUM..start + COVERED].copy_from_slice(&checksum.to_le_bytes());
        self.seq += 1;
        self.checksum = checksum;
        Ok(())
    }

    /// Writes several records behind `out`: all of them, or none.
    ///
    /// # Errors
    /// As [`Chain::frame`]; then `out` and the chain are as before the first of them.
    pub fn frame_all(
        &mut self,
        records: &[Pending<'_>],
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        let before = (self.seq, self.checksum, out.len());
        for (index, record) in records.iter().enumerate() {
            let framed = self.frame(record.partition, record.partition_seq, record.payload, out);
            if let Err(error) = framed {
                (self.seq, self.checksum) = (before.0, before.1);
                out.truncate(before.2);
                self.step_back(&records[..index]);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes records that were framed but will not be written back out of the partition heads.
    fn step_back(&mut self, framed: &[Pending<'_>]) {
        let Some(heads) = &mut self.heads else { return };
        for record in framed.iter().rev() {
            *slot(heads, record.partition) = record.partition_seq - 1;
        }
        trim(heads);
    }

    /// Accepts a record as the next one and moves on.
    ///
    /// # Errors
    /// [`FrameError::SequenceGap`], [`FrameError::Chain`] or [`FrameError::PartitionGap`], in this
    /// order of precedence. Then the chain is as before.
    #[inline]
    pub fn admit(&mut self, record: &Record<'_>) -> Result<(), FrameError> {
        let Record { seq, previous, .. } = *record;
        if seq != self.seq + 1 {
            return Err(FrameError::SequenceGap { expected: self.seq + 1, found: seq });
        }
        if previous != self.checksum {
            return Err(FrameError::Chain { seq, expected: self.checksum, found: previous });
        }
        self.follow_partition(record.partition, record.partition_seq)?;
        self.seq = seq;
        self.checksum = record.checksum;
        Ok(())
    }

    #[inline]
    fn follow_partition(&mut self, partition: u16, found: u64) -> Result<(), FrameError> {
        let Some(heads) = &mut self.heads else {
            return Ok(());
        };
        // Looked at without making room: what is refused leaves nothing behind.
        let expected = heads.get(usize::from(partition)).copied().unwrap_or_default() + 1;
        if found != expected {
            return Err(FrameError::PartitionGap { partition, expected, found });
        }
        *slot(heads, partition) = found;
        Ok(())
    }
}

#[inline]
fn slot(heads: &mut Vec<u64>, partition: u16) -> &mut u64 {
    let index = usize::from(partition);
    if index >= heads.len() {
        heads.resize(index + 1, 0);
    }
    &mut heads[index]
}

/// Leaves no partition at the end that has no record, so that equal chains compare equal.
fn trim(heads: &mut Vec<u64>) {
    let used = heads.iter().rposition(|head| *head > 0).map_or(0, |last| last + 1);
    heads.truncate(used);
}

/// The little-endian number at `offset`; the caller has checked the length.
#[inline]
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, offset))
}

/// As [`u16_at`].
#[inline]
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

/// As [`u16_at`].
#[inline]
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, offset))
}

#[inline]
fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes[offset..offset + N].try_into().expect("a slice of N bytes is an array of N bytes")
}

#[cfg(test)]
mod tests;
