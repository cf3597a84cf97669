//! The ring, and what is written into it. How it is read is tried over HTTP.

use super::*;
use usher_engine::plan::{PlanId, SeatPlanBuilder, SeatSpec};

fn plan(seats: u32) -> SeatPlan {
    let mut builder = SeatPlanBuilder::new(PlanId([0; 16]), "Hall");
    let category = builder.category("Red").expect("a category");
    builder.section("Stalls", "st").expect("a section");
    builder.row("A").expect("a row");
    for number in 0..seats {
        let label = format!("Ränge \"{number}\"");
        let spec = SeatSpec { label: &label, number: "", category, x: f64::from(number), y: 0.0 };
        builder.seat(spec).expect("a seat");
    }
    builder.build().expect("a plan")
}

/// The fields of a frame: event, id and data.
fn parts(frame: &Bytes) -> (String, Option<u64>, serde_json::Value) {
    assert!(frame.len() <= FRAME_BYTES_MAX, "{} bytes", frame.len());
    let text = std::str::from_utf8(frame).expect("text").strip_suffix("\n\n").expect("an end");
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let id = field("id: ").map(|id| id.parse().expect("a number"));
    let data = serde_json::from_str(field("data: ").expect("data")).expect("JSON");
    (field("event: ").expect("an event").to_owned(), id, data)
}

#[test]
fn changes_are_told_in_small_frames_and_only_the_last_has_the_id() {
    let plan = plan(1_000);
    let seats: Vec<_> =
        plan.seats().map(|seat| (seat, SeatStatus::ALL[seat.index() % 4])).collect();
    let frames = encode_changes(&plan, 7, 9, &seats);
    assert!(frames.len() > 3);
    let mut told = HashMap::new();
    for (place, frame) in frames.iter().enumerate() {
        let (event, id, data) = parts(frame);
        assert_eq!(event, "changes");
        assert_eq!(id, (place + 1 == frames.len()).then_some(9));
        assert_eq!((data["version"].as_u64(), data["since"].as_u64()), (Some(9), Some(7)));
        for (status, name) in ["available", "held", "sold", "blocked"].iter().enumerate() {
            for label in data[*name].as_array().into_iter().flatten() {
                told.insert(label.as_str().expect("a label").to_owned(), status);
            }
        }
    }
    assert_eq!(told.len(), 1_000);
    for (seat, status) in seats {
        assert_eq!(told[plan.label(seat)], status as usize);
    }
    assert!(encode_changes(&plan, 7, 9, &[]).is_empty());
}

#[test]
fn a_snapshot_is_the_packed_map_in_pieces() {
    for seat_count in [0_u32, 1, 11_519, 11_520, 11_521, 100_000] {
        let bits: Vec<u8> = (0..seat_count.div_ceil(4)).map(|n| n as u8).collect();
        let frames = encode_snapshot(&SeatMapCopy { version: 3, seat_count, bits: bits.clone() });
        let mut read = Vec::new();
        for (place, frame) in frames.iter().enumerate() {
            let (event, id, data) = parts(frame);
            assert_eq!(event, "snapshot");
            assert_eq!(id, (place + 1 == frames.len()).then_some(3));
            assert_eq!(data["first"].as_u64(), Some(read.len() as u64 * 4));
            assert_eq!(data["seats"].as_u64(), Some(u64::from(seat_count)));
            let states = data["states"].as_str().expect("text").as_bytes();
            read.extend(BASE64.decode(states).expect("base64"));
        }
        assert_eq!(read, bits);
    }
}

fn batch(since: u64, version: u64, bytes: usize) -> Frame {
    Frame { since, version, bytes: Bytes::from(vec![b'x'; bytes]) }
}

#[test]
fn a_reader_goes_on_behind_what_it_knows() {
    let mut ring = Ring::new(10);
    assert_eq!(ring.after(10), Some(0));
    assert_eq!(ring.after(9), None);
    for frame in [batch(10, 12, 1), batch(10, 12, 1), batch(12, 12, 1), batch(12, 15, 1)] {
        ring.push(frame);
    }
    ring.version = 15;
    for (known, next) in [(10, 0), (11, 0), (12, 3), (14, 3), (15, 4), (99, 4)] {
        assert_eq!(ring.after(known), Some(next), "{known}");
    }
    assert_eq!(ring.after(9), None);
    assert!(matches!(ring.frame(3), Found::Frame(_)));
    assert!(matches!(ring.frame(4), Found::NotYet));
}

#[test]
fn the_ring_is_bounded_and_who_falls_out_notices() {
    let mut ring = Ring::new(0);
    for version in 0..1_000 {
        ring.push(batch(version, version + 1, FRAME_BYTES_MAX));
    }
    ring.version = 1_000;
    assert!(ring.bytes <= RING_BYTES_MAX);
    assert_eq!(ring.end(), 1_000);
    assert!(matches!(ring.frame(0), Found::Gone));
    assert_eq!(ring.after(0), None);
    assert_eq!(ring.after(999), Some(999));

    let up_to_date = ring.end();
    ring.start_over(5_000);
    assert!(matches!(ring.frame(up_to_date), Found::Gone));
    assert_eq!((ring.after(1_000), ring.after(5_000)), (None, Some(ring.end())));
}
