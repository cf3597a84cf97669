//! How the bytes of records and images are read, and their few forms: numbers of a fixed width,
//! least significant byte first, and lists with their length before them.
//!
//! A record is encoded with every acknowledged command and decoded with every start. Every value
//! has a width that its type says, so writing one is a store and reading one a load. Formats that
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
