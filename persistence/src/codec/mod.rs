//! What is inside a record and a snapshot: events and images of the engine as bytes.
//!
//! ```text
//!  record payload   ┌─────────┬─────────────────────────────┬───────┬───────┬──
//!                   │ version │ show, slot, at, event count │ tag,… │ tag,… │ …
//!                   └─────────┴─────────────────────────────┴───────┴───────┴──
//!  image payload    ┌─────────┬────────────────────────────────────────┐
//!                   │ version │ kind, id, record version, …            │
//!                   └─────────┴────────────────────────────────────────┘
//! ```
//!
//! The engine knows no format and the format knows no names: structs are their fields, variants
//! have numbers, and both are written down in the tables of `events`, `image` and `accounts`, and
//! nowhere else.
//! The header stands apart from the events, so a reader that looks for one machine does not
//! decode the others. Integrity is not judged here: `frame` has done so before.
//!
//! What always holds: a version or a tag that is not known is refused, never guessed; all bytes
//! are accounted for; decoding does not panic and reserves no memory on the word of a length.

mod accounts;
mod events;
mod image;
mod layout;
mod pack;
mod room;
mod values;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use usher_engine::event::Events;
use usher_engine::plan::{PlanId, SeatPlan};
use usher_engine::{Event, MachineId, MachineImage, ShowKey, Timestamp};

use layout::OnDisk;
use pack::{Pen, Source};

/// The version of record payloads that this code writes, and the only one that it reads.
pub const RECORD_VERSION: u8 = 2;

/// The version of image payloads that this code writes, and the only one that it reads.
pub const IMAGE_VERSION: u8 = 2;

/// Where seating plans come from. They are kept on their own, once, since they never change.
pub trait PlanSource {
    /// The plan with this id, `None` where there is none.
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>>;
}

/// One command's events, as they were decided.
#[derive(Debug, Clone)]
pub struct DecodedRecord {
    /// The machine that they belong to.
    pub id: MachineId,
    /// When they were decided.
    pub at: Timestamp,
    /// What happened, in order.
    pub events: Events,
}

/// Why bytes are no record and no image.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// There is not even a version.
    #[error("the payload is empty")]
    Empty,
    /// Written by another version of this software, or damaged.
    #[error("payload version {found} is not known, this build reads {known}")]
    UnknownVersion {
        /// The version that the payload carries.
        found: u8,
        /// The version that this build reads.
        known: u8,
    },
    /// A variant that this build does not know.
    #[error("{of} has no variant with tag {tag}")]
    UnknownTag {
        /// Name of the enum.
        of: &'static str,
        /// The tag.
        tag: u8,
    },
    /// The show's seating plan is not among those at hand.
    #[error("seating plan {:032x} is missing", u128::from_be_bytes(.0.0))]
    UnknownPlan(PlanId),
    /// A value that the engine cannot have written.
    #[error("impossible value: {what}")]
    Impossible {
        /// What it was to be.
        what: &'static str,
    },
    /// There is more behind the end.
    #[error("bytes are left behind the end of the payload")]
    BytesLeft,
    /// Not what belongs here, or too little of it.
    #[error("malformed payload: {wanted} belongs here, and is not")]
    Malformed {
        /// What should be there.
        wanted: &'static str,
    },
}

/// Stands before the events of a record.
struct Header {
    show: ShowKey,
    slot: u16,
    at: Timestamp,
    event_count: u16,
}

impl Header {
    fn id(&self) -> MachineId {
        MachineId { show: self.show, slot: self.slot }
    }
}

/// Writes the payload of a record behind `out`.
pub fn encode_record(id: MachineId, at: Timestamp, events: &[Event], out: &mut Vec<u8>) {
    let event_count = u16::try_from(events.len()).expect("one command's events are few");
    let mut pen = Pen::new(out);
    RECORD_VERSION.store_with(&mut pen);
    Header { show: id.show, slot: id.slot, at, event_count }.store_with(&mut pen);
    let out = pen.behind();
    for event in events {
        event.store(out);
    }
}

/// Reads the payload of a record.
///
/// # Errors
/// Anything but what [`encode_record`] of this version wrote, and a plan that `plans` lacks.
pub fn decode_record(bytes: &[u8], plans: &dyn PlanSource) -> Result<DecodedRecord, CodecError> {
    let mut from = open(bytes, RECORD_VERSION, plans)?;
    let header = Header::load(&mut from)?;
    let mut events = Events::new();
    for _ in 0..header.event_count {
        events.push(Event::load(&mut from)?);
    }
    close(&from)?;
    Ok(DecodedRecord { id: header.id(), at: header.at, events })
}

/// Reads which machine a record belongs to and when it was decided, and nothing of its events.
///
/// # Errors
/// As [`decode_record`], as far as it reads.
pub fn decode_header(bytes: &[u8]) -> Result<(MachineId, Timestamp), CodecError> {
    let header = Header::load(&mut open(bytes, RECORD_VERSION, &NoPlans)?)?;
    Ok((header.id(), header.at))
}

/// Writes the image of a machine behind `out`. Equal images are equal bytes.
pub fn encode_image(image: &MachineImage, out: &mut Vec<u8>) {
    out.push(IMAGE_VERSION);
    image.store(out);
}

/// Reads the image of a machine.
///
/// # Errors
/// Anything but what [`encode_image`] of this version wrote, and a plan that `plans` lacks.
pub fn decode_image(bytes: &[u8], plans: &dyn PlanSource) -> Result<MachineImage, CodecError> {
    let mut from = open(bytes, IMAGE_VERSION, plans)?;
    let image = MachineImage::load(&mut from)?;
    close(&from)?;
    Ok(image)
}

/// A header names no plan.
struct NoPlans;

impl PlanSource for NoPlans {
    fn plan(&self, _: PlanId) -> Option<Arc<SeatPlan>> {
        None
    }
}

/// Checks the version and stands before what follows it.
fn open<'a>(
    bytes: &'a [u8],
    known: u8,
    plans: &'a dyn PlanSource,
) -> Result<Source<'a>, CodecError> {
    let (&found, rest) = bytes.split_first().ok_or(CodecError::Empty)?;
    if found != known {
        return Err(CodecError::UnknownVersion { found, known });
    }
    Ok(Source::new(rest, plans))
}

/// Makes sure that nothing follows.
fn close(from: &Source<'_>) -> Result<(), CodecError> {
    if from.is_at_end() { Ok(()) } else { Err(CodecError::BytesLeft) }
}
