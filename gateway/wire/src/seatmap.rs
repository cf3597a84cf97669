//! The compact seat map `USM1`: 2 bits a seat, so that 100,000 seats are 25 KB.
//!
//! ```text
//! bytes 0..4    "USM1"
//! bytes 4..12   version, u64 little-endian
//! bytes 12..16  count of seats, u32 little-endian
//! bytes 16..    2 bits a seat in plan order, low bits first:
//!               0 available, 1 held, 2 sold, 3 blocked
//! ```
//!
//! Unused bits of the last byte are zero. Seat `n` is the `n`-th seat of the plan document, counted
//! from 0 through zones, rows and seats in the order they are written.

use crate::SeatStatus;

/// The media type to ask for.
pub const SEAT_MAP_MEDIA_TYPE: &str = "application/vnd.usher.seatmap";
/// The first four bytes.
pub const MAGIC: [u8; 4] = *b"USM1";
/// Bytes before the first seat.
pub const HEADER_BYTES: usize = 16;

/// A seat map in its compact form, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactSeatMap<'a> {
    version: u64,
    seat_count: u32,
    bits: &'a [u8],
}

impl<'a> CompactSeatMap<'a> {
    /// Reads a map, or says nothing where the bytes are not one.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let header = bytes.get(..HEADER_BYTES)?;
        if header[..4] != MAGIC {
            return None;
        }
        let version = u64::from_le_bytes(header[4..12].try_into().ok()?);
        let seat_count = u32::from_le_bytes(header[12..16].try_into().ok()?);
        let bits = &bytes[HEADER_BYTES..];
        if bits.len() != (seat_count as usize).div_ceil(4) {
            return None;
        }
        let seats_in_last = seat_count % 4;
        let unused =
            bits.last().filter(|_| seats_in_last > 0).map(|last| last >> (seats_in_last * 2));
        unused.is_none_or(|bits| bits == 0).then_some(Self { version, seat_count, bits })
    }

    /// The version at which all of it is true.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many seats it has.
    pub fn seat_count(&self) -> u32 {
        self.seat_count
    }

    /// The state of the seat at a place in plan order; none beyond the last.
    pub fn status(&self, seat_index: u32) -> Option<SeatStatus> {
        if seat_index >= self.seat_count {
            return None;
        }
        let byte = self.bits[seat_index as usize / 4];
        Some(match (byte >> (seat_index % 4 * 2)) & 0b11 {
            0 => SeatStatus::Available,
            1 => SeatStatus::Held,
            2 => SeatStatus::Sold,
            _ => SeatStatus::Blocked,
        })
    }

    /// All states in plan order.
    pub fn iter(&self) -> impl Iterator<Item = SeatStatus> + '_ {
        (0..self.seat_count).filter_map(|index| self.status(index))
    }
}

/// Writes a map in its compact form.
pub fn encode(version: u64, statuses: impl ExactSizeIterator<Item = SeatStatus>) -> Vec<u8> {
    let seat_count = u32::try_from(statuses.len()).expect("a plan has fewer than 2^32 seats");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + statuses.len().div_ceil(4));
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&version.to_le_bytes());
    bytes.extend_from_slice(&seat_count.to_le_bytes());
    bytes.resize(HEADER_BYTES + (seat_count as usize).div_ceil(4), 0);
    for (index, status) in statuses.enumerate() {
        bytes[HEADER_BYTES + index / 4] |= code(status) << (index % 4 * 2);
    }
    bytes
}

fn code(status: SeatStatus) -> u8 {
    match status {
        SeatStatus::Available => 0,
        SeatStatus::Held => 1,
        SeatStatus::Sold => 2,
        SeatStatus::Blocked => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SeatStatus::{Available, Blocked, Held, Sold};

    #[test]
    fn what_is_written_is_what_is_read() {
        let statuses = [Available, Held, Sold, Blocked, Sold];
        let bytes = encode(7, statuses.into_iter());
        assert_eq!(bytes[..4], MAGIC);
        // Low bits first: 0 | 1 << 2 | 2 << 4 | 3 << 6, then 2.
        assert_eq!(bytes[HEADER_BYTES..], [0b1110_0100, 0b10]);
        let map = CompactSeatMap::parse(&bytes).expect("a map");
        assert_eq!((map.version(), map.seat_count()), (7, 5));
        assert_eq!(map.iter().collect::<Vec<_>>(), statuses);
        assert_eq!(map.status(5), None);
    }

    #[test]
    fn rubbish_is_not_a_map() {
        let bytes = encode(7, [Held; 5].into_iter());
        assert_eq!(CompactSeatMap::parse(&bytes[..bytes.len() - 1]), None);
        assert_eq!(CompactSeatMap::parse(&bytes[..10]), None);
        assert_eq!(CompactSeatMap::parse(&[b'X'; 18]), None);
        let mut with_unused_bits = bytes;
        *with_unused_bits.last_mut().expect("a last byte") |= 0b100;
        assert_eq!(CompactSeatMap::parse(&with_unused_bits), None, "one map, one spelling");
    }
}
