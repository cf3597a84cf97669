//! How fast and how small. Ignored, since it measures; run it in release:
//! `cargo test -p usher-persistence --release --lib codec::tests::rates -- --ignored --nocapture`

use std::hint::black_box;
use std::time::Instant;

use usher_engine::MachineId;
use usher_engine::MachineImage;

use super::Plans;
use super::samples::{self, NOW, SHOW};
use crate::codec::{decode_header, decode_image, decode_record, encode_image, encode_record};

/// How often each measurement is repeated.
const ROUNDS: usize = 20;

/// Prints what `work` takes each time: the best of many rounds, since other work on the machine
/// only ever adds.
fn report(name: &str, bytes: usize, round: u32, mut work: impl FnMut()) {
    let each = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..round {
                work();
            }
            started.elapsed() / round
        })
        .min()
        .expect("a round");
    println!("{name:<28} {bytes:>10} B  {each:>12.1?}  {:>12.0}/s", 1.0 / each.as_secs_f64());
}

#[test]
#[ignore = "measures; meant for release"]
fn rates() {
    let plans = Plans(Some(samples::plan(2)));
    let id = MachineId::house(SHOW);
    let measured = ["held", "ordered", "payment started", "paid", "expired", "checked in"];
    let mut payload = Vec::new();
    for (name, event) in samples::events() {
        if !measured.contains(&name) {
            continue;
        }
        let events = [event];
        payload.clear();
        encode_record(id, NOW, &events, &mut payload);
        let record = payload.clone();
        report(&format!("encode {name}"), record.len(), 5_000, || {
            payload.clear();
            encode_record(id, NOW, black_box(&events), &mut payload);
            black_box(&payload);
        });
        report(&format!("decode {name}"), record.len(), 5_000, || {
            black_box(decode_record(black_box(&record), &plans).expect("a record"));
        });
        report(&format!("header {name}"), record.len(), 5_000, || {
            black_box(decode_header(black_box(&record)).expect("a record"));
        });
    }
    let rows = 5_000;
    let sale = samples::sold_out(rows);
    let plans = Plans(Some(samples::plan(rows)));
    let image = sale.inventory.image();
    let orders = image.holds.len();
    let image = MachineImage::Inventory(image);
    let mut bytes = Vec::new();
    encode_image(&image, &mut bytes);
    println!(
        "100,000 seats in {} orders: {} B, {} B each",
        orders,
        bytes.len(),
        bytes.len() / orders
    );
    report("encode image", bytes.len(), 1, || {
        let mut out = Vec::new();
        encode_image(black_box(&image), &mut out);
        black_box(out);
    });
    report("decode image", bytes.len(), 1, || {
        black_box(decode_image(black_box(&bytes), &plans).expect("an image"));
    });
    let mut total = 0;
    report("replay of its records", sale.records.iter().map(Vec::len).sum(), 1, || {
        total = 0;
        for record in &sale.records {
            total += decode_record(record, &plans).expect("a record").events.len();
        }
    });
    println!("{total} events in {} records", sale.records.len());
}
