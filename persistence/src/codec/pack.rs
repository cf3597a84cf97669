//! How the bytes of records and images are read, and their few forms: numbers of a fixed width,
//! least significant byte first, and lists with their length before them.
//!
//! A record is encoded with every acknowledged command and decoded with every start. Every value
//! has a width that its type says, so writing one is a store and reading one a load, and whoever
//! writes several one behind the other asks for room once: see [`Pen`]. Formats that
//! describe themselves, such as MessagePack, ask at each number how wide it is, and save no room
//! here: keys, buyers and moments are long in any form.
//!
//! Reading fails wherever the bytes are not what was asked for, and never reads beyond them.
//! Writing cannot fail.

use super::{CodecError, PlanSource};

/// Bytes to be read, and what reading needs besides.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    pub(super) plans: &'a dyn PlanSource,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8], plans: &'a dyn PlanSource) -> Self {
        Self { bytes, plans }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    /// So many bytes; `wanted` says what they were to be, should they not be there.
    #[inline]
    pub(super) fn fixed<const N: usize>(
        &mut self,
        wanted: &'static str,
    ) -> Result<[u8; N], CodecError> {
        let Some((taken, rest)) = self.bytes.split_first_chunk() else {
            return Err(CodecError::Malformed { wanted });
        };
        self.bytes = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn byte(&mut self, wanted: &'static str) -> Result<u8, CodecError> {
        self.fixed(wanted).map(|[byte]| byte)
    }

    /// The length that stands before a list. It is only what the bytes say.
    #[inline]
    pub(super) fn len(&mut self) -> Result<u32, CodecError> {
        self.fixed("a length").map(u32::from_le_bytes)
    }

    /// Bytes behind their number.
    #[inline]
    pub(super) fn bytes(&mut self, wanted: &'static str) -> Result<&'a [u8], CodecError> {
        let len = self.len()? as usize;
        let split = self.bytes.split_at_checked(len);
        let (taken, rest) = split.ok_or(CodecError::Malformed { wanted })?;
        self.bytes = rest;
        Ok(taken)
    }
}

/// The most that a [`Pen`] keeps until it writes.
const PEN_BYTES: usize = 64;

/// Writes values one behind the other, and those whose width is known together: a vector looks for
/// room, and keeps its length up to date, with each value that is put behind it.
///
/// This costs nothing only where all of it is inlined into a function that writes a fixed series of
/// values. Then the compiler knows at each of them how many bytes there are, and stores them where
/// they belong. So a pen is made where it is used, and handed to nobody who may not be inlined.
pub(super) struct Pen<'a> {
    out: &'a mut Vec<u8>,
    kept: [u8; PEN_BYTES],
    len: usize,
}

impl<'a> Pen<'a> {
    #[inline(always)]
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, kept: [0; PEN_BYTES], len: 0 }
    }

    /// Writes at most [`PEN_BYTES`] bytes.
    #[inline(always)]
    pub(super) fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.len + N > PEN_BYTES {
            self.behind();
        }
        self.kept[self.len..self.len + N].copy_from_slice(&bytes);
        self.len += N;
    }

    /// Where to write what has no width of its own. All that was put before is there.
    #[inline(always)]
    pub(super) fn behind(&mut self) -> &mut Vec<u8> {
        self.out.extend_from_slice(&self.kept[..self.len]);
        self.len = 0;
        self.out
    }
}

/// Writes the length that stands before a list.
#[inline]
pub(super) fn put_len(out: &mut Vec<u8>, len: usize) {
    let len = u32::try_from(len).expect("payloads are far smaller");
    out.extend_from_slice(&len.to_le_bytes());
}

/// Writes bytes behind their number.
#[inline]
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}
