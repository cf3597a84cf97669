//! A seeded random walk over seats and two stock segments: thousands of commands, sensible and not,
//! repeats, restarts, and a network between the segments that loses, doubles and reorders. A naive
//! model, which shares no code with the engine, follows the events and must agree after each step;
//! for holds it says beforehand what the answer must be.
//!
//! A failure prints its seed and step; `USHER_WALK_SEED=N` walks that seed only.

mod model;
mod network;
mod steps;

use usher_engine::plan::SeatIx;
use usher_engine::{Command, Decision, Effect, HoldNo, MachineId, Outcome, ShowKey};

use crate::common::{Setting, Stage, Watched};
use model::{Books, Model};
use network::Network;

const SEEDS: u64 = 16;
const STEPS: u32 = 2_500;

#[test]
fn a_random_walk_never_leaves_the_rules() {
    let only = std::env::var("USHER_WALK_SEED").ok();
    let seeds = match &only {
        Some(seed) => {
            let seed = seed.parse().expect("USHER_WALK_SEED is a number");
            seed..seed + 1
        }
        None => 0..SEEDS,
    };
    let mut seen = [0; 3];
    for seed in seeds {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS {
            walk.step();
        }
        walk.finish();
        for (all, one) in seen.iter_mut().zip(walk.seen) {
            *all += one;
        }
    }
    // A walk that only ever refuses proves nothing.
    let [done, refused, parked] = seen;
    assert!(done > refused / 4 && refused > done / 8 && parked > 20, "{seen:?}");
}

/// Splitmix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u32) -> u32 {
        (self.next() % u64::from(end)) as u32
    }

    fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(u32::try_from(from.len()).expect("a short list")) as usize]
    }
}

/// The inventories, what is on its way between them, and what the model thinks of them.
struct Walk {
    seed: u64,
    steps: u32,
    random: Random,
    stage: Stage,
    network: Network,
    /// Of the house and of each segment.
    models: [Model; 3],
    books: Books,
    /// Names of keys, payments and scans, none of them used twice.
    names: u32,
    /// How many commands were done, refused and parked.
    seen: [u32; 3],
}

impl Drop for Walk {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the walk failed with USHER_WALK_SEED={} at step {}", self.seed, self.steps);
        }
    }
}

impl Walk {
    fn new(seed: u64) -> Self {
        let setting = Setting { stock: 40, compare_every: 97, ..Setting::default() };
        let mut walk = Self {
            seed,
            steps: 0,
            random: Random(seed),
            stage: Stage::new(&setting),
            network: Network::default(),
            models: [Model::seats(16), Model::stock(20), Model::stock(20)],
            books: Books::default(),
            names: 0,
            seen: [0; 3],
        };
        walk.stage.play("change limit 8");
        walk
    }

    fn step(&mut self) {
        self.steps += 1;
        if self.random.percent(20) {
            let most_ms = self.random.pick(&[10, 1_000, 60_000, 400_000]);
            self.stage.now = self.stage.now.plus_ms(u64::from(self.random.below(most_ms)));
        }
        match self.random.below(100) {
            0..70 => self.somebody_acts(),
            70..80 => self.deliver(),
            80..82 => self.remind(),
            82..84 => self.restart(),
            _ => self.time_passes(),
        }
    }

    /// Runs a command on inventory `at` (0 is the house), posts what it sends, and lets the model
    /// follow. What was accepted under a key is at times said again, and must be a repeat.
    fn run(&mut self, at: usize, command: &Command) -> Decision {
        let now = self.stage.now;
        let predicted = self.models[at].predict(command, now);
        let decision = watched(&mut self.stage, at).run(command, now);
        if let Some(predicted) = predicted {
            let got = model::kind(&decision);
            assert_eq!(got, predicted, "inventory {at}, {command:?}: {decision:?}");
        }
        self.seen[match decision.outcome {
            Outcome::Done { .. } => 0,
            Outcome::Refused(_) => 1,
            Outcome::Parked { .. } => 2,
        }] += 1;
        self.models[at].follow(&decision, now);
        self.books.follow(at, command, &decision);
        self.network.post(at, &decision.effects, &self.stage, &mut self.random);
        let live = &watched(&mut self.stage, at).live;
        self.models[at].assert_agrees(live);
        decision
    }

    /// Says it again, as a client whose answer was lost.
    fn run_twice(&mut self, at: usize, command: &Command) {
        let first = self.run(at, command);
        let Outcome::Done { subject, replayed: false } = first.outcome else { return };
        if self.random.percent(30) {
            let now = self.stage.now;
            let again = watched(&mut self.stage, at).run(command, now);
            let expected = Outcome::Done { subject, replayed: true };
            assert_eq!(again.outcome, expected, "said twice: {command:?}");
        }
    }

    fn deliver(&mut self) {
        if let Some((at, command)) = self.network.take(&mut self.random) {
            self.run(at, &command);
        }
    }

    /// What may not have arrived is sent again, as after a restart.
    fn remind(&mut self) {
        for at in 0..3 {
            let effects = watched(&mut self.stage, at).live.unfinished();
            self.network.post(at, &effects, &self.stage, &mut self.random);
        }
    }

    fn restart(&mut self) {
        let at = self.random.below(3) as usize;
        watched(&mut self.stage, at).restart();
        self.books.assert_agree(at, &watched(&mut self.stage, at).live);
    }

    /// Lets everything come to its end, and then looks whether anything is missing.
    fn finish(&mut self) {
        let mut reminders = 0;
        while self.network.is_busy() || self.has_loans_under_way() {
            self.remind();
            reminders += 1;
            assert!(reminders < 1_000, "a loan never arrives, however often it is sent");
            while let Some((at, command)) = self.network.take_for_good() {
                self.run(at, &command);
            }
        }
        self.return_all_money();
        self.stage.now = self.stage.now.plus_ms(1_000_000_000);
        for at in 0..3 {
            self.run(at, &Command::Expire { holds: self.models[at].unpaid() });
        }
        self.sell_to_the_last();
        for at in 0..3 {
            let watched = watched(&mut self.stage, at);
            watched.compare();
            self.books.assert_agree(at, &watched.live);
        }
        let sold: u32 = self.models.iter().skip(1).map(Model::sold).sum();
        let stock = self.stage.house.live.show().expect("a show").pools[0].quantity;
        assert_eq!(sold, stock, "each standing ticket was sold");
        assert_eq!(self.models[0].sold(), 16, "each seat was sold");
    }

    fn has_loans_under_way(&self) -> bool {
        let is_loan = |effect: &Effect| matches!(effect, Effect::SendLoan { .. });
        self.stage.segments.iter().any(|s| s.live.unfinished().iter().any(is_loan))
    }

    fn return_all_money(&mut self) {
        for at in 0..3 {
            for effect in watched(&mut self.stage, at).live.unfinished() {
                if let Effect::Refund { order, reference, .. } = effect {
                    self.run(at, &Command::RefundMade { order, reference });
                }
            }
        }
        self.books.assert_nothing_due();
    }

    fn sell_to_the_last(&mut self) {
        for at in 0..3 {
            loop {
                let sale = self.counter_sale(at, 1);
                let decision = self.run(at, &sale);
                if !matches!(decision.outcome, Outcome::Done { .. }) {
                    break;
                }
            }
        }
    }

    fn name(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    /// A hold of inventory `at`, mostly one of the last.
    fn some_hold(&mut self, at: usize) -> HoldNo {
        let last = self.models[at].holds_made();
        let back =
            if self.random.percent(90) { self.random.below(12) } else { self.random.below(400) };
        HoldNo((last + 1).saturating_sub(back))
    }

    fn some_seats(&mut self, count: u32) -> Vec<SeatIx> {
        let mut seats = Vec::new();
        while seats.len() < count as usize {
            let seat = SeatIx(self.random.below(16));
            if !seats.contains(&seat) {
                seats.push(seat);
            }
        }
        seats
    }
}

fn watched(stage: &mut Stage, at: usize) -> &mut Watched {
    match at {
        0 => &mut stage.house,
        at => &mut stage.segments[at - 1],
    }
}

/// The model must be able to object: it does so when an inventory is not the one it followed.
#[test]
#[should_panic(expected = "seats of the model")]
fn the_model_objects_to_what_did_not_happen() {
    let mut walk = Walk::new(0);
    let command = walk.hold_of_one_seat();
    walk.stage.house.run(&command, walk.stage.now);
    let live = &walk.stage.house.live;
    assert_eq!(live.id(), MachineId::house(ShowKey(7)));
    walk.models[0].assert_agrees(live);
}
