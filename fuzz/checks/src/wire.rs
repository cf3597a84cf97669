//! What crosses the HTTP boundary: request bodies and the compact seat map.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use usher_wire::seatmap::{self, CompactSeatMap};

/// The compact seat map: what is read is written the same, byte for byte.
pub fn seat_map(bytes: &[u8]) {
    let Some(map) = CompactSeatMap::parse(bytes) else { return };
    let statuses: Vec<_> = map.iter().collect();
    assert_eq!(statuses.len(), map.seat_count() as usize);
    assert_eq!(map.status(map.seat_count()), None, "there is a seat behind the last");
    let written = seatmap::encode(map.version(), statuses.into_iter());
    assert_eq!(written, bytes, "a map has two spellings");
}

/// A body of any request: what is read comes back from what is written of it.
pub fn request_body(bytes: &[u8]) {
    come_back::<usher_wire::HoldRequest>(bytes);
    come_back::<usher_wire::OrderRequest>(bytes);
    come_back::<usher_wire::CallbackRequest>(bytes);
    come_back::<usher_wire::CheckinRequest>(bytes);
    come_back::<usher_wire::ShowRequest>(bytes);
    come_back::<usher_wire::ShowPatch>(bytes);
    come_back::<usher_wire::PutOnSaleRequest>(bytes);
    come_back::<usher_wire::CounterSaleRequest>(bytes);
    come_back::<usher_wire::RefundRequest>(bytes);
    come_back::<usher_wire::ExtendHoldsRequest>(bytes);
    come_back::<usher_wire::MoveRequest>(bytes);
    come_back::<usher_wire::BackupRequest>(bytes);
}

fn come_back<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(bytes) else { return };
    let written = serde_json::to_vec(&read).expect("requests are plain data");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(read, again, "a request changed on its way");
}
