//! The parts of a hold that need no disk: deciding, applying, encoding, finding the best seats.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use usher_benches::{HOUSE, NOW, hold_one, open_house};
use usher_engine::plan::SeatIx;
use usher_engine::seats::{BestQuery, SeatMap};
use usher_persistence::codec::encode_record;

fn hold(criterion: &mut Criterion) {
    let house = open_house(100_000);
    let mut sold = (house.clone(), 0, Vec::new());
    criterion.bench_function("hold: execute, apply, encode", |bencher| {
        bencher.iter(|| {
            let (inventory, next, bytes) = &mut sold;
            if *next == 100_000 {
                *inventory = house.clone();
                *next = 0;
            }
            let decision = inventory.execute(&hold_one(*next), NOW);
            inventory.apply(&decision.events, NOW);
            bytes.clear();
            encode_record(HOUSE, NOW, &decision.events, bytes);
            *next += 1;
        });
    });
}

/// A map with every seat taken but those for which `is_free` says so.
fn partly_sold(is_free: impl Fn(u32) -> bool) -> SeatMap {
    let mut map = SeatMap::new(usher_benches::stadium(100_000));
    let all: Vec<_> = (0..100_000).map(SeatIx).collect();
    map.put_on_sale(&all);
    let taken: Vec<_> = all.into_iter().filter(|seat| !is_free(seat.0)).collect();
    map.hold(&taken, 1);
    map
}

/// A fixed scramble of seat numbers, so that what is sold lies at random.
fn scramble(seat: u32) -> u32 {
    seat.wrapping_mul(2_654_435_761).rotate_left(13).wrapping_mul(0x9e37_79b1) >> 8
}

fn best_available(criterion: &mut Criterion) {
    let query = BestQuery { quantity: 4, category: None, section: None, adjacent: true };
    for (name, free_percent) in [("half sold", 50), ("99% sold", 1)] {
        let map = partly_sold(|seat| scramble(seat) % 100 < free_percent);
        criterion.bench_function(&format!("best 4 adjacent of 100,000, {name}"), |bencher| {
            bencher.iter(|| map.best_available(&query));
        });
    }
}

fn expiry(criterion: &mut Criterion) {
    use usher_engine::wheel::Wheel;
    criterion.bench_function("wheel: insert and cancel", |bencher| {
        bencher.iter_batched_ref(
            || Wheel::new(0),
            |wheel| {
                let timer = wheel.insert(300_000, 7_u64);
                wheel.cancel(timer)
            },
            BatchSize::NumIterations(10_000),
        );
    });
}

criterion_group!(benches, hold, best_available, expiry);
criterion_main!(benches);
