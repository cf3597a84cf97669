//! A waiting room in front of a sale, from one seed: the world that fails in the same ways, with
//! people who stand in line, are called, miss it, shop, and cheat.
//!
//! The ledger is the auditor's: plain numbers and no line of the engine. It holds the answers that
//! were given against each other, over every crash:
//!
//! - who was told a place has that place for ever, and nobody else has it;
//! - a pass has one owner, and makes one hold; nobody holds without one;
//! - what was published of the draw never changes; what is shown is never newer than what is kept.

mod ledger;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use usher_engine::command::{HoldRequest, PassUse, Wish};
use usher_engine::room::{
    EntryId, LaneSetup, PassGoods, PlaceNo, Room, RoomCommand, RoomMove, Setup,
};
use usher_engine::show::SaleMove;
use usher_engine::{BuyerId, Command, Machine, MachineId, Timestamp};
use usher_persistence::Fault;
use usher_shards::message::{Reply, Request};
use usher_shards::view::PlaceCopy;

use crate::people::{hall, opening};
use crate::random::Random;
use crate::run::Config;
use crate::summary::Failure;
use crate::world::{Plans, SHOW, Turn, World, partitions};

use ledger::{Asked, Ledger};

/// When it all begins, in milliseconds.
const START_MS: u64 = 1_000_000_000;
/// When the list is closed.
const OPENS_AT: Timestamp = Timestamp(START_MS + 20_000);
/// People there are. Few, so that they come back.
const PEOPLE: u64 = 24;
/// Requests that may wait for answers.
const WAITING_MAX: usize = 40;

/// What a run that held all promises was like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomsSummary {
    /// Requests sent.
    pub commands: u64,
    /// People who were told a place for the first time.
    pub joined: u64,
    /// Passes given.
    pub passes: u64,
    /// Holds made with a pass.
    pub holds: u64,
    /// Times that a pass, or none, was refused.
    pub passes_refused: u64,
    /// Times that the process died.
    pub crashes: u64,
    /// Runs in which the order was drawn.
    pub draws: u64,
}

impl RoomsSummary {
    /// What is counted, by name.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 7] {
        [
            ("commands", self.commands),
            ("people joined", self.joined),
            ("passes", self.passes),
            ("holds", self.holds),
            ("passes refused", self.passes_refused),
            ("crashes", self.crashes),
            ("draws", self.draws),
        ]
    }

    /// Adds another run to this one.
    pub fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.joined += other.joined;
        self.passes += other.passes;
        self.holds += other.holds;
        self.passes_refused += other.passes_refused;
        self.crashes += other.crashes;
        self.draws += other.draws;
    }
}

/// Runs a sale with a waiting room.
///
/// # Errors
/// The first promise that was broken.
pub fn simulate_rooms(config: &Config) -> Result<RoomsSummary, Box<Failure>> {
    let mut run = Run::new(config.seed);
    let mut step = 0;
    let mut go = || -> Result<(), String> {
        while step < config.steps {
            step += 1;
            run.step()?;
        }
        run.come_to_rest()
    };
    match go() {
        Ok(()) => Ok(run.into_summary()),
        Err(what) => {
            Err(Box::new(Failure { seed: config.seed, step, what, words: run.ledger.words() }))
        }
    }
}

struct Run {
    random: Random,
    world: World,
    ledger: Ledger,
    waiting: Vec<(Asked, oneshot::Receiver<Reply>)>,
    /// The version of the room that was shown last.
    shown: u64,
    summary: RoomsSummary,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let plan = hall();
        let shards = 1 + random.below(3) as usize;
        let (_, mut commands) = opening(plan.clone(), &mut random);
        commands.push(Command::MoveSale(SaleMove::RequirePasses));
        let mut run = Self {
            random,
            world: World::new(shards, Plans(plan), START_MS),
            ledger: Ledger::default(),
            waiting: Vec::new(),
            shown: 0,
            summary: RoomsSummary::default(),
        };
        let set_up = RoomCommand::Configure { setup: Box::new(setup()), seed: [7; 32] };
        let house = commands.into_iter().map(|command| (MachineId::house(SHOW), command));
        let room = [(MachineId::room(SHOW), Command::Room(set_up))];
        for (machine, command) in house.chain(room) {
            let mut answer = run.world.ask(machine, Request::Execute(command));
            while answer.try_recv().is_err() {
                run.everything_moves();
            }
        }
        run
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.below(1_000) {
            0..400 => self.somebody_asks(),
            400..640 => self.a_shard_turns(),
            640..800 => self.the_journal_flushes()?,
            800..960 => self.world.now += self.random.below(400),
            960..970 => self.world.now += 10_000,
            970..980 => self.world.compact(self.random.below(5)),
            980..986 => self.a_partition_moves(),
            986..990 => drop(self.world.network.disturb(&mut self.random)),
            990..992 => self.waiting.truncate(self.waiting.len() / 2),
            _ => self.the_process_dies()?,
        }
        self.hear()?;
        self.look()
    }

    fn somebody_asks(&mut self) {
        if self.waiting.len() >= WAITING_MAX {
            return;
        }
        let (asked, machine, command) = match self.random.below(10) {
            0..8 => self.a_person_asks(),
            _ => self.an_organiser_asks(),
        };
        self.summary.commands += 1;
        self.ledger.asked(&asked);
        let answer = self.world.ask(machine, Request::Execute(command));
        self.waiting.push((asked, answer));
    }

    fn a_person_asks(&mut self) -> (Asked, MachineId, Command) {
        let who = self.random.below(PEOPLE);
        let entry = entry(who);
        let room = |asked, command| (asked, MachineId::room(SHOW), Command::Room(command));
        let lane = who.is_multiple_of(3).into();
        let join = RoomCommand::Join { entry, lane };
        let Some(place) = self.ledger.place(who) else {
            return room(Asked::Join { who }, join);
        };
        let place = PlaceNo(place);
        match self.random.below(20) {
            0..4 => room(Asked::Join { who }, join),
            4..12 => {
                let goods = PassGoods::SEATS;
                room(Asked::Claim { who }, RoomCommand::Claim { place, entry, goods })
            }
            // Somebody tries another's place.
            12 => {
                let place = PlaceNo(self.random.below(PEOPLE) as u32);
                let goods = PassGoods::SEATS;
                room(Asked::Claim { who }, RoomCommand::Claim { place, entry, goods })
            }
            13 => room(Asked::Other, RoomCommand::Leave { place, entry }),
            _ => self.a_hold(who),
        }
    }

    /// With the pass that was given last, or one from before, or none.
    fn a_hold(&mut self, who: u64) -> (Asked, MachineId, Command) {
        let passes = self.ledger.passes_of(who);
        let latest = passes.last().copied();
        let known =
            if self.random.once_in(3) { self.random.choose(&passes).copied() } else { latest };
        let pass = known.filter(|_| !self.random.once_in(12));
        let quantity = 1;
        let (category, section, adjacent) = (None, None, false);
        let wish = Wish::BestAvailable { quantity, category, section, adjacent };
        let request = HoldRequest {
            buyer: BuyerId(who.into()),
            wish,
            hold_ms: Some(5_000),
            key: None,
            pass: pass.map(|pass| PassUse {
                pass: pass.number,
                place: PlaceNo(pass.place),
                expires_at: pass.expires_at,
            }),
            account_made_at: None,
        };
        let asked = Asked::Hold { pass: pass.map(|pass| pass.number.0) };
        (asked, MachineId::house(SHOW), Command::Hold(request))
    }

    fn an_organiser_asks(&mut self) -> (Asked, MachineId, Command) {
        let entry = entry(self.random.below(PEOPLE));
        let command = match self.random.below(60) {
            0..6 => RoomCommand::Draw { public_value: "the lottery".into() },
            6 => RoomCommand::Move(RoomMove::Pause),
            7..12 => RoomCommand::Move(RoomMove::Resume),
            12 => RoomCommand::Move(RoomMove::Close),
            13..18 => RoomCommand::Move(RoomMove::Open),
            18 => RoomCommand::Expel { entry },
            19..23 => RoomCommand::CallPeople { entries: vec![entry] },
            _ => RoomCommand::Call { count: 1 + self.random.below(4) as u32 },
        };
        (Asked::Other, MachineId::room(SHOW), Command::Room(command))
    }

    fn a_shard_turns(&mut self) {
        let turn = Turn {
            shard: self.random.below(self.world.cores.len() as u64) as usize,
            peers_max: self.random.below(7) as usize,
            requests_max: self.random.below(7) as usize,
            stumbles: None,
        };
        assert!(self.world.turn(&turn, &mut self.random).is_ok(), "no trap was set");
    }

    fn the_journal_flushes(&mut self) -> Result<(), String> {
        let count = 1 + self.random.below(4) as usize;
        let fault = match self.random.below(300) {
            0 => Some(Fault::FailBefore),
            1 => Some(Fault::FailAfter),
            2 => Some(Fault::Torn { bytes: self.random.below(400) as usize }),
            _ => None,
        };
        if self.world.flush(count, fault) { Ok(()) } else { self.the_process_dies() }
    }

    fn a_partition_moves(&mut self) {
        let all = partitions();
        let partition = *self.random.choose(&all).expect("there are some");
        let to = self.random.below(self.world.cores.len() as u64) as usize;
        self.world.move_partition(partition, to);
    }

    fn the_process_dies(&mut self) -> Result<(), String> {
        for (asked, _) in std::mem::take(&mut self.waiting) {
            self.ledger.lost(&asked);
        }
        let shards = 1 + self.random.below(3) as usize;
        let down_ms = self.random.below(8_000);
        self.world.restart(shards, down_ms, &mut self.random);
        self.summary.crashes += 1;
        self.ledger.crashed();
        let room = self.room().ok_or("the room is gone after a start")?;
        if room.version() < self.shown {
            return Err(format!("version {} was shown, {} is kept", self.shown, room.version()));
        }
        self.look_at_the_room()
    }

    /// Takes the answers that are there.
    fn hear(&mut self) -> Result<(), String> {
        for (asked, mut answer) in std::mem::take(&mut self.waiting) {
            match answer.try_recv() {
                Ok(reply) => self.ledger.told(&asked, &reply)?,
                Err(TryRecvError::Empty) => self.waiting.push((asked, answer)),
                Err(TryRecvError::Closed) => return Err(format!("{asked:?} was never answered")),
            }
        }
        Ok(())
    }

    /// What is published must be what was told, and what is told of the draw must stay.
    fn look(&mut self) -> Result<(), String> {
        let Some(view) = self.world.around.directory.room(SHOW) else { return Ok(()) };
        let version = view.board.figures().version;
        if version < self.shown {
            return Err(format!("version {} was shown, now {version}", self.shown));
        }
        self.shown = version;
        self.ledger.sees_draw(&view.face().draw)
    }

    /// Everybody who was told a place has it.
    fn look_at_the_room(&self) -> Result<(), String> {
        let Some(room) = self.room() else { return Ok(()) };
        for (who, place) in self.ledger.places() {
            let kept = room.place(PlaceNo(place)).map(|place| place.entry);
            if kept != Some(entry(who)) {
                return Err(format!("{who} was told place {place}, which is {kept:?}'s"));
            }
        }
        Ok(())
    }

    fn room(&self) -> Option<&Room> {
        let machine =
            |core: &'_ usher_shards::core::Core| core.machine(MachineId::room(SHOW)).is_some();
        let core = self.world.cores.iter().find(|core| machine(core))?;
        core.machine(MachineId::room(SHOW)).and_then(Machine::as_room)
    }

    /// Lets everything that waits happen, and looks once more.
    fn come_to_rest(&mut self) -> Result<(), String> {
        for _ in 0..10_000 {
            self.everything_moves();
            self.hear()?;
            self.look()?;
            if self.world.is_at_rest() && self.waiting.is_empty() {
                break;
            }
        }
        if !self.waiting.is_empty() {
            return Err(format!("{} requests are never answered", self.waiting.len()));
        }
        self.look_at_the_room()?;
        let room = self.room().ok_or("nothing moves, and the room is away")?;
        let view = self.world.around.directory.room(SHOW).ok_or("no room is shown")?;
        for (no, place) in (0..).map(PlaceNo).zip(room.places()) {
            let shown = view.board.place(no);
            if shown != Some((place.entry, PlaceCopy::of(place))) {
                return Err(format!("place {} is shown as {shown:?}, not {place:?}", no.0));
            }
        }
        Ok(())
    }

    fn everything_moves(&mut self) {
        self.world.now += 10;
        for shard in 0..self.world.cores.len() {
            let turn = Turn { shard, peers_max: 100, requests_max: 100, stumbles: None };
            assert!(self.world.turn(&turn, &mut self.random).is_ok(), "no trap was set");
        }
        assert!(self.world.flush(usize::MAX, None), "no fault was injected");
    }

    fn into_summary(self) -> RoomsSummary {
        let mut summary = self.summary;
        self.ledger.count(&mut summary);
        summary
    }
}

fn entry(who: u64) -> EntryId {
    EntryId(u128::from(who) << 64 | 0xfeed)
}

fn setup() -> Setup {
    let lane = |name: &str, weight| LaneSetup { name: name.into(), weight, members_only: false };
    Setup {
        pre_queue_at: Timestamp(START_MS),
        opens_at: OPENS_AT,
        lanes: vec![lane("all", 1), lane("club", 2)],
        claim_ms: 3_000,
        pass_ms: 15_000,
        outflow_per_second: 10,
        shopping_max: 100,
        draw_source: "the lottery".into(),
    }
}
