//! The parts of a hold that need no disk: deciding, applying, encoding, finding the best seats.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use usher_benches::{HOUSE, NOW, hold_one, open_house, partly_sold};
use usher_engine::seats::BestQuery;
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

fn best_available(criterion: &mut Criterion) {
    let query = BestQuery { quantity: 4, category: None, section: None, adjacent: true };
    for (name, free_percent) in [("half sold", 50), ("99% sold", 1)] {
        let map = partly_sold(100_000, free_percent);
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
