//! A partition moves to and fro while it sells, in many orders of steps.
//!
//! Shards share no more than routes and views, and hand everything else to each other whole; so an
//! order of turns, arrivals and flushes, drawn from a seed, is as much as threads could do to them.
//! `SCHEDULES=100000 cargo test -p usher-shards --test core schedules` tries more than the usual.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use usher_engine::MachineId;
use usher_shards::core::Core;
use usher_shards::message::{Envelope, PeerMessage, Reply, Request};
use usher_shards::writer::Submission;

use crate::world::{SHOW, Waiting, World, hold_seats, show};

const HOUSE: MachineId = MachineId::house(SHOW);
const SHARDS: usize = 3;
const SEATS: u32 = 4;
const BUYERS: u32 = 16;
const MOVES: u32 = 4;
const STEPS_MAX: u32 = 20_000;

/// Everything that is on its way.
struct Schedule {
    world: World,
    random: u64,
    buyers: VecDeque<u32>,
    moves: u32,
    /// Buyers who looked up the owner, and have not got to its lane yet.
    routed: Vec<(usize, Envelope)>,
    requests: Vec<VecDeque<Envelope>>,
    peers: Vec<VecDeque<PeerMessage>>,
    submitted: VecDeque<Submission>,
    durable: Vec<u64>,
    answers: Vec<Waiting>,
    forwarded: u32,
    /// Whether what is forwarded gets lost on the way: a flaw that must be noticed.
    loses_forwarded: bool,
}

impl Schedule {
    fn new(seed: u64, loses_forwarded: bool) -> Self {
        let mut world = World::new(SHARDS);
        world.open_show(show(SEATS, None));
        let lanes = || (0..SHARDS).map(|_| VecDeque::new()).collect();
        Self {
            world,
            random: seed,
            buyers: (0..BUYERS).collect(),
            moves: MOVES,
            routed: Vec::new(),
            requests: (0..SHARDS).map(|_| VecDeque::new()).collect(),
            peers: lanes(),
            submitted: VecDeque::new(),
            durable: vec![0; SHARDS],
            answers: Vec::new(),
            forwarded: 0,
            loses_forwarded,
        }
    }

    /// A number below `bound` (SplitMix64, Steele 2014).
    fn below(&mut self, bound: usize) -> usize {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// Runs until nothing is left to do.
    fn run(&mut self) {
        for _ in 0..STEPS_MAX {
            match self.below(8) {
                0 => self.look_up_owner(),
                1 => self.arrive(),
                2 => self.flush(),
                3 if self.below(4) == 0 => self.start_move(),
                _ => {
                    let shard = self.below(SHARDS);
                    self.turn(shard);
                }
            }
            if self.is_over() {
                return;
            }
        }
        panic!("the shards do not come to rest");
    }

    fn look_up_owner(&mut self) {
        let Some(buyer) = self.buyers.pop_front() else { return };
        let (reply, waiting) = oneshot::channel();
        let request = Request::Execute(hold_seats(u128::from(buyer), &[buyer % SEATS]));
        let owner = self.world.around.routes.owner(HOUSE.partition());
        self.routed.push((owner, Envelope { machine: HOUSE, request, reply: Some(reply) }));
        self.answers.push(waiting);
    }

    fn arrive(&mut self) {
        if !self.routed.is_empty() {
            let place = self.below(self.routed.len());
            let (shard, envelope) = self.routed.swap_remove(place);
            self.requests[shard].push_back(envelope);
        }
    }

    fn flush(&mut self) {
        if let Some(submission) = self.submitted.pop_front() {
            self.durable[submission.shard] = submission.upto;
        }
    }

    fn start_move(&mut self) {
        if self.moves > 0 {
            self.moves -= 1;
            let partition = HOUSE.partition();
            let from = self.world.around.routes.owner(partition);
            let (to, (done, _)) = (self.below(SHARDS), oneshot::channel());
            self.peers[from].push_back(PeerMessage::Release { partition, to, done });
        }
    }

    /// What the actor does in a turn, with part of what waits.
    fn turn(&mut self, shard: usize) {
        let (hears, delivers) = (self.below(3), self.below(3));
        let core: &mut Core = &mut self.world.cores[shard];
        core.begin_turn(self.world.now);
        core.durable(self.durable[shard]);
        for _ in 0..hears {
            self.peers[shard].pop_front().into_iter().for_each(|message| core.hear(message));
        }
        for _ in 0..delivers {
            self.requests[shard].pop_front().into_iter().for_each(|request| core.deliver(request));
        }
        self.submitted.extend(core.close_turn());
        while let Some((to, message)) = core.take_outgoing() {
            if matches!(message, PeerMessage::Deliver(_)) {
                self.forwarded += 1;
                if self.loses_forwarded {
                    continue;
                }
            }
            self.peers[to].push_back(message);
        }
    }

    fn is_over(&self) -> bool {
        self.buyers.is_empty()
            && self.moves == 0
            && self.routed.is_empty()
            && self.submitted.is_empty()
            && self.requests.iter().all(VecDeque::is_empty)
            && self.peers.iter().all(VecDeque::is_empty)
            && self.world.cores.iter().all(Core::is_settled)
    }

    /// Each seat was held once, everybody was answered, and one shard owns the house.
    fn check(&mut self) {
        let mut held = 0;
        for waiting in &mut self.answers {
            match waiting.try_recv().expect("left without an answer") {
                Reply::Done(_) => held += 1,
                Reply::Refused(_) => {}
                other => panic!("neither held nor refused: {other:?}"),
            }
        }
        assert_eq!(held, SEATS, "each seat is held once");
        let owners =
            (0..SHARDS).filter(|shard| self.world.cores[*shard].inventory(HOUSE).is_some());
        let owners: Vec<_> = owners.collect();
        assert_eq!(owners, [self.world.around.routes.owner(HOUSE.partition())]);
        let audit = self.world.cores[owners[0]].inventory(HOUSE).expect("owned").audit();
        assert_eq!(audit.held, u64::from(SEATS));
        assert!(audit.double_sold.is_empty() && audit.faults.is_empty(), "{audit:?}");
        let counts = self.world.around.directory.show(SHOW).expect("published").seats.figures();
        assert_eq!(counts.counts.held, SEATS, "the view has it");
    }
}

fn play(schedules: u64, loses_forwarded: bool) -> u32 {
    let mut forwarded = 0;
    for seed in 0..schedules {
        let mut schedule = Schedule::new(seed, loses_forwarded);
        let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            schedule.run();
            schedule.check();
        }));
        if let Err(panic) = played {
            eprintln!("schedule {seed} failed");
            std::panic::resume_unwind(panic);
        }
        forwarded += schedule.forwarded;
    }
    forwarded
}

#[test]
fn a_move_is_noticed_by_nobody_in_any_order() {
    let schedules = std::env::var("SCHEDULES").ok().and_then(|n| n.parse().ok()).unwrap_or(2_000);
    let forwarded = play(schedules, false);
    println!("{schedules} schedules, {forwarded} requests forwarded");
    assert!(forwarded > 0, "requests came to an old owner");
}

#[test]
#[should_panic(expected = "left without an answer")]
fn a_request_that_is_lost_between_shards_is_noticed() {
    play(500, true);
}
