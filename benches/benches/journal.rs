//! The parts of a hold that need the disk, and what a restart reads back.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use usher_benches::{HOUSE, NOW, hold_one, open_house};
use usher_engine::plan::{PlanId, SeatPlan};
use usher_persistence::codec::{PlanSource, decode_record, encode_record};
use usher_persistence::{Journal, Pending, SledJournal, SledOptions};

struct NoPlans;

impl PlanSource for NoPlans {
    fn plan(&self, _: PlanId) -> Option<Arc<SeatPlan>> {
        None
    }
}

fn hold_record() -> Vec<u8> {
    let decision = open_house(40).execute(&hold_one(3), NOW);
    let mut bytes = Vec::new();
    encode_record(HOUSE, NOW, &decision.events, &mut bytes);
    bytes
}

fn append(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut journal, _) = SledJournal::open(SledOptions::new(dir.path())).expect("a journal");
    let payload = hold_record();
    let mut partition_seq = 0;
    let mut group = criterion.benchmark_group("durable append");
    for records in [1_u64, 64, 512] {
        group.throughput(Throughput::Elements(records));
        group.sample_size(20);
        group.bench_function(format!("{records} holds"), |bencher| {
            bencher.iter(|| {
                let pending: Vec<_> = (1..=records)
                    .map(|n| Pending {
                        partition: 1,
                        partition_seq: partition_seq + n,
                        payload: &payload,
                    })
                    .collect();
                journal.append(&pending).expect("durable");
                partition_seq += records;
            });
        });
    }
    group.finish();
}

fn replay(criterion: &mut Criterion) {
    let payload = hold_record();
    let mut group = criterion.benchmark_group("replay");
    group.throughput(Throughput::Elements(1));
    group.bench_function("decode one hold", |bencher| {
        bencher.iter(|| decode_record(&payload, &NoPlans).expect("a record"));
    });
    group.finish();
}

criterion_group!(benches, append, replay);
criterion_main!(benches);
