//! MessagePack as far as records and images need it: numbers, texts, bytes, arrays, nil.
//!
//! Each value has its shortest form. Nothing here goes through serde: a record is encoded with
//! every acknowledged command and decoded with every start, and serde's layers were most of what
//! that cost. Reading leaves the markers to `rmp`; it fails wherever the bytes are not what was
//! asked for, and never reads beyond them. Writing cannot fail. The tests hold it against `rmp`.

use rmp::decode::{read_array_len, read_bin_len, read_bool, read_int, read_str_len};

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
    if number < 0x80 {
        out.push(number as u8);
    } else if let Ok(number) = u8::try_from(number) {
        out.extend_from_slice(&[0xcc, number]);
    } else if let Ok(number) = u16::try_from(number) {
        put_marked(out, 0xcd, number.to_be_bytes());
    } else if let Ok(number) = u32::try_from(number) {
        put_marked(out, 0xce, number.to_be_bytes());
    } else {
        put_marked(out, 0xcf, number.to_be_bytes());
    }
}

/// A number that is not negative is written as one without a sign.
#[inline]
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    match u64::try_from(number) {
        Ok(number) => put_unsigned(out, number),
        Err(_) if number >= -32 => out.push(number as u8),
        Err(_) => {
            if let Ok(number) = i8::try_from(number) {
                put_marked(out, 0xd0, number.to_be_bytes());
            } else if let Ok(number) = i16::try_from(number) {
                put_marked(out, 0xd1, number.to_be_bytes());
            } else if let Ok(number) = i32::try_from(number) {
                put_marked(out, 0xd2, number.to_be_bytes());
            } else {
                put_marked(out, 0xd3, number.to_be_bytes());
            }
        }
    }
}

pub(super) fn put_boolean(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

#[inline]
pub(super) fn put_nil(out: &mut Vec<u8>) {
    out.push(NIL);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        len @ ..32 => out.push(0xa0 | len as u8),
        len => put_length(out, len, [Some(0xd9), Some(0xda), Some(0xdb)]),
    }
    out.extend_from_slice(text.as_bytes());
}

#[inline]
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_length(out, bytes.len(), [Some(0xc4), Some(0xc5), Some(0xc6)]);
    out.extend_from_slice(bytes);
}

/// Begins an array of so many elements.
#[inline]
pub(super) fn put_array(out: &mut Vec<u8>, elements: usize) {
    match elements {
        ..16 => out.push(0x90 | elements as u8),
        _ => put_length(out, elements, [None, Some(0xdc), Some(0xdd)]),
    }
}

/// A length in the first of 8, 16 and 32 bits that has a marker and room for it.
#[inline]
fn put_length(out: &mut Vec<u8>, length: usize, markers: [Option<u8>; 3]) {
    match markers {
        [Some(marker), _, _] if length < 1 << 8 => out.extend_from_slice(&[marker, length as u8]),
        [_, Some(marker), _] if length < 1 << 16 => {
            put_marked(out, marker, (length as u16).to_be_bytes());
        }
        [_, _, marker] => {
            let length = u32::try_from(length).expect("payloads are far smaller");
            put_marked(out, marker.expect("all have one"), length.to_be_bytes());
        }
    }
}

/// One write where marker and value are known to be this long.
#[inline]
fn put_marked<const N: usize>(out: &mut Vec<u8>, marker: u8, value: [u8; N]) {
    let mut bytes = [marker; 9];
    bytes[1..=N].copy_from_slice(&value);
    out.extend_from_slice(&bytes[..=N]);
}

#[cfg(test)]
mod tests {
    use rmp::encode;

    use super::*;

    /// What lies around each place where the form changes.
    fn edges() -> impl Iterator<Item = i64> {
        let powers = (0..63).map(|bits| 1_i64 << bits);
        powers.flat_map(|power| [power - 1, power, power + 1, -power, -power - 1, 33 - power])
    }

    #[track_caller]
    fn check<T>(ours: impl FnOnce(&mut Vec<u8>), theirs: impl FnOnce(&mut Vec<u8>) -> T) {
        let (mut written, mut expected) = (Vec::new(), Vec::new());
        ours(&mut written);
        theirs(&mut expected);
        assert_eq!(written, expected);
    }

    #[test]
    fn numbers_have_the_form_that_rmp_gives_them() {
        for number in edges() {
            check(
                |out| put_signed(out, number),
                |out| encode::write_sint(out, number).expect("memory"),
            );
            let number = number as u64;
            check(
                |out| put_unsigned(out, number),
                |out| encode::write_uint(out, number).expect("memory"),
            );
        }
    }

    #[test]
    fn lengths_have_the_form_that_rmp_gives_them() {
        for length in [0, 1, 15, 16, 31, 32, 33, 255, 256, 257, 65_535, 65_536, 70_000] {
            let (bytes, text) = (vec![7; length], "t".repeat(length));
            check(
                |out| put_bytes(out, &bytes),
                |out| encode::write_bin(out, &bytes).expect("memory"),
            );
            check(|out| put_text(out, &text), |out| encode::write_str(out, &text).expect("memory"));
            check(
                |out| put_array(out, length),
                |out| encode::write_array_len(out, length as u32).expect("memory"),
            );
        }
        check(|out| put_boolean(out, true), |out| encode::write_bool(out, true).expect("memory"));
        check(|out| put_boolean(out, false), |out| encode::write_bool(out, false).expect("memory"));
        check(put_nil, |out| encode::write_nil(out).expect("memory"));
    }
}
