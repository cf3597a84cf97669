//! MessagePack as far as records and images need it: numbers, texts, bytes, arrays, nil.
//!
//! The bytes are those of `rmp`, each value in its shortest form. Nothing here goes through serde:
//! a record is encoded with every acknowledged command and decoded with every start, and serde's
//! layers were most of what that cost. Writing to memory cannot fail; reading does wherever the
//! bytes are not what was asked for, and never reads beyond them.

use rmp::decode::{read_array_len, read_bin_len, read_bool, read_int, read_str_len};
use rmp::encode;

use super::{CodecError, PlanSource};

const NIL: u8 = 0xc0;

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

    /// A number that fits into `T`, whichever width it was written with.
    #[inline]
    pub(super) fn unsigned<T: TryFrom<u64>>(&mut self) -> Result<T, CodecError> {
        let number = read_int::<u64, _>(&mut self.bytes).ok();
        let number = number.and_then(|number| T::try_from(number).ok());
        number.ok_or(CodecError::Malformed { wanted: "a number of this width" })
    }

    #[inline]
    pub(super) fn signed(&mut self) -> Result<i64, CodecError> {
        let number = read_int::<i64, _>(&mut self.bytes);
        number.map_err(|_| CodecError::Malformed { wanted: "a signed number" })
    }

    pub(super) fn boolean(&mut self) -> Result<bool, CodecError> {
        read_bool(&mut self.bytes).map_err(|_| CodecError::Malformed { wanted: "true or false" })
    }

    /// Takes a nil, if there is one.
    #[inline]
    pub(super) fn nil_if_any(&mut self) -> bool {
        let rest = self.bytes.strip_prefix(&[NIL]);
        self.bytes = rest.unwrap_or(self.bytes);
        rest.is_some()
    }

    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        let malformed = CodecError::Malformed { wanted: "a text" };
        let Ok(len) = read_str_len(&mut self.bytes) else { return Err(malformed) };
        str::from_utf8(self.take(len, "a text")?).map_err(|_| malformed)
    }

    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let len = read_bin_len(&mut self.bytes);
        let len = len.map_err(|_| CodecError::Malformed { wanted: "bytes" })?;
        self.take(len, "bytes")
    }

    /// The number of elements that follow. It is only what the bytes say.
    #[inline]
    pub(super) fn array(&mut self) -> Result<u32, CodecError> {
        read_array_len(&mut self.bytes).map_err(|_| CodecError::Malformed { wanted: "an array" })
    }

    fn take(&mut self, len: u32, wanted: &'static str) -> Result<&'a [u8], CodecError> {
        let split = self.bytes.split_at_checked(len as usize);
        let (taken, rest) = split.ok_or(CodecError::Malformed { wanted })?;
        self.bytes = rest;
        Ok(taken)
    }
}

#[inline]
pub(super) fn put_unsigned(out: &mut Vec<u8>, number: u64) {
    encode::write_uint(out, number).expect(MEMORY);
}

#[inline]
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    encode::write_sint(out, number).expect(MEMORY);
}

pub(super) fn put_boolean(out: &mut Vec<u8>, value: bool) {
    encode::write_bool(out, value).expect(MEMORY);
}

#[inline]
pub(super) fn put_nil(out: &mut Vec<u8>) {
    out.push(NIL);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    encode::write_str(out, text).expect(MEMORY);
}

#[inline]
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    encode::write_bin(out, bytes).expect(MEMORY);
}

/// Begins an array of so many elements.
#[inline]
pub(super) fn put_array(out: &mut Vec<u8>, elements: usize) {
    let elements = u32::try_from(elements).expect("payloads are far smaller");
    encode::write_array_len(out, elements).expect(MEMORY);
}

const MEMORY: &str = "memory takes whatever is written";
