//! What recovery reads: records, frames, images, snapshot files.
//!
//! All of it lies behind checksums, so these bytes come from a fault that a checksum missed or from
//! another version of this software. Then a start is refused, never a panic, never another state.

use crate::parts::Parts;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};
use usher_engine::Machine;
use usher_engine::plan::{PlanId, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_persistence::codec::{
    CodecError, PlanSource, decode_header, decode_image, decode_record, encode_image, encode_record,
};
use usher_persistence::frame::{self, Chain, FRAME_HEADER_BYTES, PAYLOAD_BYTES_MAX};
use usher_persistence::{Covers, FileSnapshots, Pending, Snapshots as _};
use xxhash_rust::xxh3::xxh3_64;

/// The id of the one plan that there is. The corpus names it.
pub const PLAN: PlanId = PlanId([0xab; 16]);

/// Two rows of 20 seats in two categories.
static HALL: LazyLock<Arc<SeatPlan>> = LazyLock::new(|| {
    let mut builder = SeatPlanBuilder::new(PLAN, "Small hall");
    let categories = ["Near", "Far"].map(|name| builder.category(name).expect("a new name"));
    builder.section("Stalls", "z1").expect("a new zone");
    for (row, category) in (0..2_u8).zip(categories) {
        builder.row(&row.to_string()).expect("in a section");
        for number in 0..20_u8 {
            let (label, number_text) = (format!("{row}-{number}"), number.to_string());
            let (x, y) = (f64::from(number), f64::from(row));
            let seat = SeatSpec { label: &label, number: &number_text, category, x, y };
            builder.seat(seat).expect("a new label");
        }
    }
    Arc::new(builder.build().expect("a plan"))
});

struct OnePlan;

impl PlanSource for OnePlan {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        (id == PLAN).then(|| HALL.clone())
    }
}

/// A record's payload: what is read comes back from what is written of it.
pub fn record(bytes: &[u8]) {
    let header = decode_header(bytes);
    let read = match decode_record(bytes, &OnePlan) {
        Ok(read) => read,
        Err(error) => return is_told(&error),
    };
    let (id, at) = header.expect("a record that is whole has a header");
    assert_eq!((id, at), (read.id, read.at), "the header alone says something else");
    let mut written = Vec::new();
    encode_record(read.id, read.at, &read.events, &mut written);
    let again = decode_record(&written, &OnePlan).expect("what was written can be read");
    assert_eq!(format!("{read:?}"), format!("{again:?}"), "a record changed on its way");
}

/// Frames: whatever decodes has a right checksum and chains as it says; what a chain wrote, it
/// admits; and a changed byte is found.
pub fn frame(bytes: &[u8]) {
    read_frames(bytes);
    repaired(bytes);
    let mut parts = Parts(bytes);
    let place = parts.long() as usize;
    let mut payloads: Vec<(u16, &[u8])> = Vec::new();
    while !parts.is_empty() && payloads.len() < 32 {
        payloads.push((parts.short() % 4, parts.counted()));
    }
    let mut next = [1; 4];
    let pending: Vec<Pending<'_>> = payloads
        .iter()
        .map(|&(partition, payload)| {
            let partition_seq = next[usize::from(partition)];
            next[usize::from(partition)] += 1;
            Pending { partition, partition_seq, payload }
        })
        .collect();
    let start = Chain::at(0, 0, []);
    let (mut writer, mut written) = (start.clone(), Vec::new());
    writer.frame_all(&pending, &mut written).expect("sequences without gaps");
    let mut reader = start;
    let mut rest = &written[..];
    for record in &pending {
        let (read, count) = frame::decode(rest).expect("what was written");
        assert_eq!((read.partition, read.payload), (record.partition, record.payload));
        reader.admit(&read).expect("in its place");
        rest = &rest[count..];
    }
    assert!(rest.is_empty() && reader == writer, "the reader stands elsewhere than the writer");
    if !written.is_empty() {
        let place = place % written.len();
        written[place] ^= 1 << (place % 8);
        assert!(all_admitted(&written, &pending).is_none(), "a changed byte went unseen");
    }
}

/// Reads frames one after the other for as long as there are some.
fn read_frames(bytes: &[u8]) {
    let mut chain = Chain::at(0, 0, []);
    let mut rest = bytes;
    while let Ok((record, count)) = frame::decode(rest) {
        assert!(count <= rest.len() && record.payload.len() + FRAME_HEADER_BYTES == count);
        let before = chain.clone();
        if chain.admit(&record).is_err() {
            assert!(chain == before, "a record that was refused moved the chain");
        }
        rest = &rest[count..];
    }
}

/// Gives the bytes a header that fits and a checksum that is right; a chain judges the rest.
fn repaired(bytes: &[u8]) {
    if bytes.len() < FRAME_HEADER_BYTES {
        return;
    }
    let mut whole = bytes.to_vec();
    let length = u32::try_from(bytes.len() - FRAME_HEADER_BYTES).expect("inputs are small");
    whole[..4].copy_from_slice(b"USHR");
    whole[12..14].copy_from_slice(&frame::FORMAT_VERSION.to_le_bytes());
    whole[16..20].copy_from_slice(&length.to_le_bytes());
    let checksum = xxh3_64(&whole[12..]);
    whole[4..12].copy_from_slice(&checksum.to_le_bytes());
    let (record, count) = frame::decode(&whole).expect("a frame whose checksum is right");
    assert!(count == whole.len() && record.payload.len() <= PAYLOAD_BYTES_MAX);
    read_frames(&whole);
}

/// How far a chain gets if all of these records are there, in order.
fn all_admitted(bytes: &[u8], records: &[Pending<'_>]) -> Option<Chain> {
    let (mut chain, mut rest) = (Chain::at(0, 0, []), bytes);
    for _ in records {
        let (record, count) = frame::decode(rest).ok()?;
        chain.admit(&record).ok()?;
        rest = &rest[count..];
    }
    rest.is_empty().then_some(chain)
}

/// A machine's image: one that contradicts itself is refused, and what is restored from another
/// has the same image.
pub fn image(bytes: &[u8]) {
    let read = match decode_image(bytes, &OnePlan) {
        Ok(read) => read,
        Err(error) => return is_told(&error),
    };
    let mut written = Vec::new();
    encode_image(&read, &mut written);
    let again = decode_image(&written, &OnePlan).expect("what was written can be read");
    assert_eq!(read, again, "an image changed on its way");
    match Machine::from_image(read) {
        Ok(machine) => {
            let restored = machine.image();
            let again = Machine::from_image(restored.clone()).expect("an image of a machine");
            assert_eq!(restored, again.image(), "a machine changed on its way");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A snapshot file: what was written is read; a changed, cut or lengthened file is passed over, and
/// so is one that was never a snapshot.
pub fn snapshot(bytes: &[u8]) {
    let dir = tempfile::tempdir_in(memory()).expect("a directory");
    let store = FileSnapshots::open(dir.path(), 2).expect("it opens");
    let mut parts = Parts(bytes);
    let (kind, place) = (parts.byte(), parts.long() as usize);
    let covers = Covers { seq: 7, checksum: parts.long() };
    if kind % 4 == 0 {
        std::fs::write(dir.path().join("00000000000000000007.snapshot"), parts.0).expect("room");
        let newest = store.newest().expect("a damaged file is no error");
        if let Some(mut whole) = newest.snapshot {
            whole.for_each(&mut |_| ControlFlow::Continue(())).expect("it is whole");
        }
        return;
    }
    let mut writer = store.begin(covers).expect("room");
    let mut sections = Vec::new();
    while !parts.is_empty() && sections.len() < 16 {
        let section = (parts.short(), parts.long(), parts.counted().to_vec());
        writer.section(section.0, section.1, &section.2).expect("it is small");
        sections.push(section);
    }
    let info = writer.finish().expect("room");
    let read = read_snapshot(&store).expect("what was written");
    assert_eq!((read.0, &read.1), (covers, &sections), "a snapshot changed on its way");
    let mut file = std::fs::read(&info.path).expect("it is there");
    let place = place % file.len();
    match kind % 4 {
        1 => file[place] ^= 1 << (kind >> 5),
        2 => file.truncate(place),
        _ => file.insert(place, kind),
    }
    std::fs::write(&info.path, file).expect("room");
    assert!(read_snapshot(&store).is_none(), "a changed snapshot went unseen");
}

type Sections = Vec<(u16, u64, Vec<u8>)>;

fn read_snapshot(store: &FileSnapshots) -> Option<(Covers, Sections)> {
    let newest = store.newest().expect("a damaged file is no error");
    let mut snapshot = newest.snapshot?;
    let mut sections = Vec::new();
    let visited = snapshot.for_each(&mut |section| {
        sections.push((section.partition, section.partition_seq, section.payload.to_vec()));
        ControlFlow::Continue(())
    });
    visited.expect("it was found to be whole");
    Some((snapshot.info().covers, sections))
}

/// Where files cost no disk, if there is such a place.
fn memory() -> std::path::PathBuf {
    let shared = std::path::Path::new("/dev/shm");
    if shared.is_dir() { shared.to_path_buf() } else { std::env::temp_dir() }
}

fn is_told(error: &CodecError) {
    assert!(!error.to_string().is_empty());
}
