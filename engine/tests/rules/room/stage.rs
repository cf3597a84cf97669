//! A waiting room on a fixed clock, and the language of its scripts. A line is
//! `[@SECONDS] COMMAND`, and after every line the room is woken for as long as it wants to be. With
//! `!SECONDS` the command comes before anybody wakes it.
//!
//! ```text
//!   set up [pre=S] [opens=S] [lanes=all:1,club:3] [claim=S] [pass=S] [source=TEXT]
//!          [rate=N] [shop=N]
//!   ann joins [club]     ann claims [for N]     ann leaves     expel ann     ann uses [PASS]
//!   draw VALUE           call 3                 call ann ben   wait
//!   open | close | pause | resume               flow RATE SHOP
//!   ? room | ? ann | ? order club | ? counts | ? list | ? tally | ? next club
//! ```

use std::collections::BTreeMap;

use usher_engine::room::{
    EntryId, Lane, LaneSetup, PassGoods, PassNo, Place, PlaceNo, PlaceState, Room, RoomCommand,
    RoomEvent, RoomMove, Setup, Tally,
};
use usher_engine::{Decision, Effect, Event, MachineId, Outcome, Refusal, ShowKey, Subject};

use crate::common::{moment, seconds};

/// Steps that a woken room may take before it must be quiet.
const STEPS_MAX: usize = 100_000;

/// A live room beside two that must stay equal to it, and who is who.
pub(crate) struct Stage {
    pub(crate) live: Room,
    /// Hears events only, from the first on.
    replayed: Room,
    /// Rebuilt from an image after every record, then carried on.
    restored: Room,
    pub(crate) now: i64,
    /// When the room wants to be woken, as a shard keeps it.
    wake_at: Option<usher_engine::Timestamp>,
    names: BTreeMap<EntryId, String>,
    compare_every: u64,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let id = MachineId::room(ShowKey(7));
        let vacant = || Room::vacant(id);
        let (live, replayed, restored) = (vacant(), vacant(), vacant());
        let names = BTreeMap::new();
        Self { live, replayed, restored, now: 0, wake_at: None, names, compare_every: 1 }
    }

    /// Compares less often, where a room is large.
    pub(crate) fn compare_every(mut self, records: u64) -> Self {
        self.compare_every = records;
        self
    }

    /// Plays one line, wakes the room, and says what came of the line.
    pub(crate) fn play(&mut self, line: &str) -> String {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words.first().and_then(|word| word.strip_prefix('@')) {
            self.pass_time(at.parse().expect(line));
            words.remove(0);
        } else if let Some(at) = words.first().and_then(|word| word.strip_prefix('!')) {
            self.now = at.parse().expect(line);
            words.remove(0);
        }
        match words.as_slice() {
            ["wait"] => String::new(),
            ["?", question @ ..] => self.ask(question),
            _ => {
                let command = self.parse(&words);
                let decision = self.run(&command);
                let said = self.say(&decision);
                self.wake();
                said
            }
        }
    }

    /// Lets time pass, with every wake-up at the moment for which it was asked.
    fn pass_time(&mut self, to: i64) {
        while let Some(at) = self.wake_at.filter(|&at| at <= moment(to)) {
            let ms = at.0.saturating_sub(moment(0).0);
            self.now = self.now.max(i64::try_from(ms / 1_000).expect("a small number"));
            self.wake();
        }
        self.now = to;
    }

    /// Wakes the room for as long as it wants to be woken by now.
    pub(crate) fn wake(&mut self) {
        for _ in 0..STEPS_MAX {
            if self.wake_at.is_none_or(|at| at > moment(self.now)) {
                return;
            }
            self.wake_at = None;
            let decision = self.live.run_schedule(moment(self.now));
            let twin = self.restored.run_schedule(moment(self.now));
            assert_eq!(format!("{decision:?}"), format!("{twin:?}"), "restored decides otherwise");
            self.take(&decision);
        }
        panic!("the room never comes to rest");
    }

    /// Executes a command and applies its events everywhere.
    pub(crate) fn run(&mut self, command: &RoomCommand) -> Decision {
        let now = moment(self.now);
        let decision = self.live.execute(command, now);
        let twin = self.restored.execute(command, now);
        assert_eq!(format!("{decision:?}"), format!("{twin:?}"), "restored decides otherwise");
        self.take(&decision);
        decision
    }

    fn take(&mut self, decision: &Decision) {
        // As a shard does: the newest wish replaces the one before it.
        for effect in &decision.effects {
            match effect {
                Effect::WakeAt(at) => self.wake_at = Some(*at),
                other => panic!("a room has no such effect: {other:?}"),
            }
        }
        if decision.events.is_empty() {
            return;
        }
        let now = moment(self.now);
        let records = self.live.version() + 1;
        for room in [&mut self.live, &mut self.replayed, &mut self.restored] {
            room.apply(&decision.events, now);
            room.assert_conserved();
            assert_eq!((room.version(), room.last_at()), (records, now));
        }
        if self.live.version().is_multiple_of(self.compare_every) {
            self.compare();
        }
    }

    fn compare(&mut self) {
        let image = self.live.image();
        assert!(image == self.replayed.image(), "replay differs");
        assert!(image == self.restored.image(), "what was restored went another way");
        self.restored = Room::from_image(image).expect("an image of our own");
    }

    fn parse(&mut self, words: &[&str]) -> RoomCommand {
        let lane = |name: &str| {
            let lanes = &self.live.setup().expect("set up").lanes;
            lanes.iter().position(|lane| *lane.name == *name).unwrap_or(lanes.len()) as u8
        };
        match words {
            ["set", "up", words @ ..] => set_up(words),
            [who, "joins"] => RoomCommand::Join { entry: self.name(who), lane: 0 },
            [who, "joins", name] => {
                let lane = lane(name);
                RoomCommand::Join { entry: self.name(who), lane }
            }
            [who, "claims"] => self.claim(who, 0),
            [who, "claims", "for", goods] => self.claim(who, goods.parse().expect("goods")),
            [who, "leaves"] => RoomCommand::Leave { place: self.place(who), entry: self.name(who) },
            [who, "uses"] => {
                let place = self.place(who);
                match self.live.place(place).expect("a place").state {
                    PlaceState::Passed { pass, .. } => RoomCommand::NotePassUsed { place, pass },
                    other => panic!("{who} has no pass: {other:?}"),
                }
            }
            [who, "uses", pass] => {
                let pass = PassNo(pass.parse().expect("a pass"));
                RoomCommand::NotePassUsed { place: self.place(who), pass }
            }
            ["expel", who] => RoomCommand::Expel { entry: self.name(who) },
            ["draw", value] => RoomCommand::Draw { public_value: (*value).into() },
            ["call", count] if count.parse::<u32>().is_ok() => {
                RoomCommand::Call { count: count.parse().expect("a count") }
            }
            ["call", names @ ..] => {
                let entries = names.iter().map(|who| self.name(who)).collect();
                RoomCommand::CallPeople { entries }
            }
            ["open"] => RoomCommand::Move(RoomMove::Open),
            ["close"] => RoomCommand::Move(RoomMove::Close),
            ["pause"] => RoomCommand::Move(RoomMove::Pause),
            ["resume"] => RoomCommand::Move(RoomMove::Resume),
            ["flow", rate, shop] => RoomCommand::SetFlow {
                outflow_per_second: rate.parse().expect("a rate"),
                shopping_max: shop.parse().expect("a count"),
            },
            _ => panic!("no such command: {words:?}"),
        }
    }

    fn claim(&mut self, who: &str, goods: u8) -> RoomCommand {
        let (place, entry) = (self.place(who), self.name(who));
        RoomCommand::Claim { place, entry, goods: PassGoods(goods) }
    }

    /// Who nobody has heard of has a place that there is not.
    fn place(&mut self, who: &str) -> PlaceNo {
        let entry = self.name(who);
        self.live.find(entry).unwrap_or(PlaceNo(u32::MAX))
    }

    fn name(&mut self, who: &str) -> EntryId {
        let entry = entry(who);
        self.names.insert(entry, who.to_owned());
        entry
    }

    fn ask(&self, question: &[&str]) -> String {
        match question {
            ["room"] => {
                let paused = if self.live.is_paused() { ", paused" } else { "" };
                format!("{:?}{paused}", self.live.stage())
            }
            ["list"] => {
                let closed = self.live.draw().list_hash.map_or("", |_| ", closed");
                format!("{} on the list{closed}", self.live.listed())
            }
            ["counts"] => {
                let (called, passed) = self.live.called_and_passed();
                format!("{} places, {called} called, {passed} passed", self.live.places().len())
            }
            ["tally"] => {
                let Tally { called, passes, used, lapsed, missed, left, expelled } =
                    self.live.tally();
                format!(
                    "{called} called, {passes} passes, {used} used, {lapsed} lapsed, \
                     {missed} missed, {left} left, {expelled} expelled"
                )
            }
            ["order", name] => self.names_of(self.lane(name).order.iter().copied()),
            ["next", name] => format!("turn {}", self.lane(name).next_turn),
            [who] => {
                let no = self.live.find(entry(who)).expect("a place");
                place(self.live.place(no).expect("a place"))
            }
            _ => panic!("no such question: {question:?}"),
        }
    }

    fn lane(&self, name: &str) -> &Lane {
        let lanes = &self.live.setup().expect("set up").lanes;
        let at = lanes.iter().position(|lane| *lane.name == *name).expect("a lane");
        &self.live.lanes()[at]
    }

    fn names_of(&self, places: impl Iterator<Item = PlaceNo>) -> String {
        let name = |no: PlaceNo| {
            let entry = self.live.place(no).expect("a place").entry;
            self.names.get(&entry).cloned().unwrap_or_else(|| format!("#{}", no.0))
        };
        places.map(name).collect::<Vec<_>>().join(" ")
    }

    fn say(&self, decision: &Decision) -> String {
        let called = decision.events.iter().map(of_room).find_map(|event| match event {
            RoomEvent::Called { places, .. } => Some(places.clone()),
            _ => None,
        });
        match &decision.outcome {
            Outcome::Refused(Refusal::Room(refusal)) => format!("no: {refusal:?}"),
            Outcome::Refused(other) => panic!("not a room's refusal: {other:?}"),
            Outcome::Parked { .. } => panic!("rooms park nothing"),
            Outcome::Done { subject: Subject::Place(no), replayed } => {
                let again = if *replayed { "again: " } else { "" };
                format!("{again}{}", place(self.live.place(*no).expect("a place")))
            }
            Outcome::Done { replayed: true, .. } => "again".to_owned(),
            Outcome::Done { .. } => match called {
                Some(places) => format!("called {}", self.names_of(places.into_iter())),
                None => "done".to_owned(),
            },
        }
    }
}

/// Plays a script and compares each line; all differences are shown together.
#[track_caller]
pub(crate) fn check(name: &str, script: &str) {
    let mut stage = Stage::new();
    let mut differences = Vec::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (command, expected) = match line.split_once("=>") {
            Some((command, expected)) => (command.trim(), Some(expected.trim())),
            None => (line, None),
        };
        let got = stage.play(command);
        match expected {
            Some(expected) if expected != got => {
                differences.push(format!("{command}\n   expected  {expected}\n        got  {got}"));
            }
            // What is only there to set the stage must work.
            None if got.starts_with("no:") || got.starts_with("again") => {
                differences.push(format!("{command}\n        got  {got}"));
            }
            _ => {}
        }
    }
    assert!(differences.is_empty(), "{name}:\n{}\n", differences.join("\n"));
}

/// Whoever has this name. Any hash will do; this one is FNV-1a.
pub(crate) fn entry(name: &str) -> EntryId {
    let step = |hash: u128, byte| (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_01b3);
    EntryId(name.bytes().fold(0x6c62_272e_07bb_0142, step))
}

fn of_room(event: &Event) -> &RoomEvent {
    match event {
        Event::Room(event) => event,
        other => panic!("not of a room: {other:?}"),
    }
}

fn set_up(words: &[&str]) -> RoomCommand {
    let mut setup = Setup {
        pre_queue_at: moment(10),
        opens_at: moment(100),
        lanes: vec![lane("all", 1)],
        claim_ms: 30_000,
        pass_ms: 150_000,
        outflow_per_second: 10,
        shopping_max: 100,
        draw_source: "".into(),
    };
    for word in words {
        let (key, value) = word.split_once('=').expect("key=value");
        let number = || value.parse::<i64>().expect("a number");
        match key {
            "pre" => setup.pre_queue_at = moment(number()),
            "opens" => setup.opens_at = moment(number()),
            "claim" => setup.claim_ms = 1_000 * number() as u64,
            "pass" => setup.pass_ms = 1_000 * number() as u64,
            "rate" => setup.outflow_per_second = number() as u32,
            "shop" => setup.shopping_max = number() as u32,
            "source" => setup.draw_source = value.into(),
            "lanes" => {
                let parse = |text: &str| {
                    let (name, weight) = text.split_once(':').expect("name:weight");
                    lane(name, weight.parse().expect("a weight"))
                };
                let named = value.split(',').filter(|text| !text.is_empty()).map(parse);
                setup.lanes = named.collect();
            }
            _ => panic!("no such setting: {word}"),
        }
    }
    RoomCommand::Configure { setup: Box::new(setup), seed: [7; 32] }
}

fn lane(name: &str, weight: u16) -> LaneSetup {
    LaneSetup { name: name.into(), weight, members_only: false }
}

fn place(place: &Place) -> String {
    match place.state {
        PlaceState::Entered => "entered".to_owned(),
        PlaceState::Waiting => format!("waiting, turn {}", place.turn),
        PlaceState::Called { claim_by } => format!("called until {}", seconds(claim_by)),
        PlaceState::Returning => format!("returning, turn {}", place.turn),
        PlaceState::Passed { pass, goods, expires_at } => {
            format!("pass {} for {} until {}", pass.0, goods.0, seconds(expires_at))
        }
        PlaceState::Ended(cause) => format!("ended: {cause:?}"),
    }
}
