//! What is published of a waiting room: one word a place, and the figures of the room.
//!
//! A poll is arithmetic over this and asks nobody. A place is one word, so it is always whole: what
//! it is, in which lane, and its turn or its deadline. The figures belong together.
//!
//! A position is a place's turn less the turns that the figures say were called. It may be told too
//! high for a moment, never too low: places are published before the figures that count them, and
//! read after them, so a place is never older than what it is counted against.

use usher_engine::room::{
    EndCause, EntryId, LANES_MAX, PLACES_MAX, Place, PlaceNo, PlaceState, Room, Stage, Tally,
};

use crate::seqlock::{Sequence, Word};
use crate::sync::{Flaw, OnceLock, is_planted};

/// Places whose room is made at once. The model checker follows every cell, so it gets few.
const CHUNK: usize = if cfg!(loom) { 2 } else { 4_096 };

/// How often room is made, at most.
const CHUNKS: usize = if cfg!(loom) { 1 } else { (PLACES_MAX as usize).div_ceil(CHUNK) };

/// Words of the figures before those of the lanes.
const OWN_WORDS: usize = 15;

/// Words of one lane.
const LANE_WORDS: usize = 4;

/// Lanes whose figures are published.
const LANES: usize = if cfg!(loom) { 1 } else { LANES_MAX };

/// Words of all figures.
const WORDS: usize = OWN_WORDS + LANE_WORDS * LANES;

/// All places of one room. One writer, the owner of the room.
#[derive(Debug)]
pub struct RoomBoard {
    sequence: Sequence,
    figures: [Word; WORDS],
    chunks: Box<[OnceLock<Box<[Cell]>>]>,
}

/// One place. The entry is written once, before the place is.
#[derive(Debug, Default)]
struct Cell {
    place: Word,
    entry: [Word; 2],
}

/// What is published of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceCopy {
    /// In which lane.
    pub lane: u8,
    /// How it stands.
    pub state: PlaceWord,
}

/// How a published place stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceWord {
    /// On the list, without a turn.
    Entered,
    /// Waits for its turn.
    Waiting {
        /// Within its lane.
        turn: u32,
    },
    /// Was called; the time is in milliseconds since 1970.
    Called {
        /// Until when the call can be answered.
        claim_by: u64,
    },
    /// Missed its call.
    Returning {
        /// Before which turn it is called again.
        turn: u32,
    },
    /// Has a pass; the time is in milliseconds since 1970.
    Passed {
        /// Until when it is good.
        expires_at: u64,
    },
    /// It is over.
    Ended(EndCause),
}

/// The figures of a room, all of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RoomFigures {
    /// Version of the room.
    pub version: u64,
    /// How far it has come.
    pub stage: Stage,
    /// Whether calling was stopped.
    pub is_paused: bool,
    /// Places that there are.
    pub places: u64,
    /// How many of them are the list.
    pub listed: u64,
    /// Called, without a pass yet.
    pub called: u64,
    /// With a pass that is good.
    pub passed: u64,
    /// What was counted since the room was made.
    pub tally: Tally,
    /// The lanes; those that there are not have weight 0.
    pub lanes: [LaneFigures; LANES_MAX],
}

/// The figures of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneFigures {
    /// The turn that is called next.
    pub next_turn: u64,
    /// The turn of who joins next.
    pub end_turn: u64,
    /// People who missed a call and will be called again.
    pub returning: u64,
    /// How many of it are called for each one of a lane of weight 1.
    pub weight: u64,
}

impl LaneFigures {
    /// People who wait in this lane, at most.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.end_turn.saturating_sub(self.next_turn) + self.returning
    }
}

impl RoomFigures {
    /// What there is to publish of a room.
    #[must_use]
    pub fn of(room: &Room) -> Self {
        let (called, passed) = room.called_and_passed();
        let mut lanes = [LaneFigures::default(); LANES_MAX];
        let setup = room.setup().map_or(&[][..], |setup| &setup.lanes[..]);
        for ((figures, lane), setup) in lanes.iter_mut().zip(room.lanes()).zip(setup) {
            *figures = LaneFigures {
                next_turn: u64::from(lane.next_turn),
                end_turn: u64::from(lane.end_turn()),
                returning: lane.returning.len() as u64,
                weight: u64::from(setup.weight),
            };
        }
        Self {
            version: room.version(),
            stage: room.stage(),
            is_paused: room.is_paused(),
            places: room.places().len() as u64,
            listed: u64::from(room.listed()),
            called: u64::from(called),
            passed: u64::from(passed),
            tally: room.tally(),
            lanes,
        }
    }

    /// How many people are called before the one with this turn of this lane, at most; those of
    /// other lanes as many as their weights let them have. People who join a lane of more weight
    /// later may still come before.
    #[must_use]
    pub fn ahead(&self, lane: u8, turn: u32) -> u64 {
        let own = &self.lanes[usize::from(lane) % LANES_MAX];
        let before = u64::from(turn).saturating_sub(own.next_turn) + own.returning;
        let others = self.lanes.iter().enumerate().filter(|(at, _)| *at != usize::from(lane));
        let of_others = others.map(|(_, other)| {
            let share = ((before + 1) * other.weight).div_ceil(own.weight.max(1)) + 1;
            other.waiting().min(share)
        });
        before + of_others.sum::<u64>()
    }

    /// People who wait, at most.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.lanes.iter().map(LaneFigures::waiting).sum()
    }

    fn to_words(self) -> [u64; WORDS] {
        let Tally { called, passes, used, lapsed, missed, left, expelled } = self.tally;
        let mut words = [0; WORDS];
        words[..OWN_WORDS].copy_from_slice(&[
            self.version,
            stage_number(self.stage),
            u64::from(self.is_paused),
            self.places,
            self.listed,
            self.called,
            self.passed,
            called,
            passes,
            used,
            lapsed,
            missed,
            left,
            expelled,
            0,
        ]);
        for (at, lane) in self.lanes.iter().take(LANES).enumerate() {
            let LaneFigures { next_turn, end_turn, returning, weight } = *lane;
            let from = OWN_WORDS + at * LANE_WORDS;
            words[from..from + LANE_WORDS]
                .copy_from_slice(&[next_turn, end_turn, returning, weight]);
        }
        words
    }

    fn from_words(words: &[u64; WORDS]) -> Self {
        let [version, stage, is_paused, places, listed, called_now, passed, rest @ ..] = words;
        let [called, passes, used, lapsed, missed, left, expelled, _, of_lanes @ ..] = rest;
        let mut lanes = [LaneFigures::default(); LANES_MAX];
        for (lane, words) in lanes.iter_mut().zip(of_lanes.chunks_exact(LANE_WORDS)) {
            *lane = LaneFigures {
                next_turn: words[0],
                end_turn: words[1],
                returning: words[2],
                weight: words[3],
            };
        }
        let tally = Tally {
            called: *called,
            passes: *passes,
            used: *used,
            lapsed: *lapsed,
            missed: *missed,
            left: *left,
            expelled: *expelled,
        };
        Self {
            version: *version,
            stage: stage_of(*stage),
            is_paused: *is_paused != 0,
            places: *places,
            listed: *listed,
            called: *called_now,
            passed: *passed,
            tally,
            lanes,
        }
    }
}

impl RoomBoard {
    /// A board without a place.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sequence: Sequence::default(),
            figures: std::array::from_fn(|_| Word::default()),
            chunks: (0..CHUNKS).map(|_| OnceLock::default()).collect(),
        }
    }

    /// The figures, all of one moment.
    #[must_use]
    pub fn figures(&self) -> RoomFigures {
        let words = self.sequence.read(|| self.figures.each_ref().map(Word::get));
        RoomFigures::from_words(&words)
    }

    /// One place, and whose it is; `None` where nobody has it.
    #[must_use]
    pub fn place(&self, no: PlaceNo) -> Option<(EntryId, PlaceCopy)> {
        let cell = self.chunk(no)?.get()?.get(no.0 as usize % CHUNK)?;
        let place = PlaceCopy::from_word(cell.place.get())?;
        let [high, low] = cell.entry.each_ref().map(Word::get);
        Some((EntryId((u128::from(high) << 64) | u128::from(low)), place))
    }

    /// One place with whose it is, and figures that are not newer than it: what its position is
    /// made of. `None` where nobody has it.
    #[must_use]
    pub fn standing(&self, no: PlaceNo) -> Option<(EntryId, PlaceCopy, RoomFigures)> {
        if is_planted(Flaw::PlaceReadFirst) {
            let (entry, place) = self.place(no)?;
            return Some((entry, place, self.figures()));
        }
        let figures = self.figures();
        let (entry, place) = self.place(no)?;
        Some((entry, place, figures))
    }

    /// Publishes how places stand, then the figures. Only for the owner of the room.
    pub fn publish(&self, places: &[(PlaceNo, Place)], figures: &RoomFigures) {
        if is_planted(Flaw::FiguresPublishedFirst) {
            self.publish_figures(figures);
        }
        for (no, place) in places {
            self.publish_place(*no, place);
        }
        if !is_planted(Flaw::FiguresPublishedFirst) {
            self.publish_figures(figures);
        }
    }

    fn publish_figures(&self, figures: &RoomFigures) {
        let words = figures.to_words();
        self.sequence.write(|| {
            for (cell, value) in self.figures.iter().zip(words) {
                cell.set(value);
            }
        });
    }

    fn publish_place(&self, no: PlaceNo, place: &Place) {
        let Some(chunk) = self.chunk(no) else { return };
        if chunk.get().is_none() {
            // There is one writer, so nobody else can have set it meanwhile.
            let fresh: Box<[Cell]> = (0..CHUNK).map(|_| Cell::default()).collect();
            drop(chunk.set(fresh));
        }
        let Some(cell) = chunk.get().and_then(|cells| cells.get(no.0 as usize % CHUNK)) else {
            return;
        };
        cell.entry[0].set((place.entry.0 >> 64) as u64);
        cell.entry[1].set(place.entry.0 as u64);
        cell.place.set(PlaceCopy::of(place).to_word());
    }

    fn chunk(&self, no: PlaceNo) -> Option<&OnceLock<Box<[Cell]>>> {
        self.chunks.get(no.0 as usize / CHUNK)
    }
}

impl Default for RoomBoard {
    fn default() -> Self {
        Self::new()
    }
}

/// Bits of a place's word that say its turn or its deadline.
const VALUE_BITS: u32 = 52;

impl PlaceCopy {
    /// What there is to publish of a place.
    #[must_use]
    pub fn of(place: &Place) -> Self {
        let state = match place.state {
            PlaceState::Entered => PlaceWord::Entered,
            PlaceState::Waiting => PlaceWord::Waiting { turn: place.turn },
            PlaceState::Called { claim_by } => PlaceWord::Called { claim_by: claim_by.0 },
            PlaceState::Returning => PlaceWord::Returning { turn: place.turn },
            PlaceState::Passed { expires_at, .. } => PlaceWord::Passed { expires_at: expires_at.0 },
            PlaceState::Ended(cause) => PlaceWord::Ended(cause),
        };
        Self { lane: place.lane, state }
    }

    /// Kind, lane, value; 0 is no place.
    fn to_word(self) -> u64 {
        let (kind, value) = match self.state {
            PlaceWord::Entered => (1, 0),
            PlaceWord::Waiting { turn } => (2, u64::from(turn)),
            PlaceWord::Called { claim_by } => (3, claim_by),
            PlaceWord::Returning { turn } => (4, u64::from(turn)),
            PlaceWord::Passed { expires_at } => (5, expires_at),
            PlaceWord::Ended(EndCause::Used) => (6, 0),
            PlaceWord::Ended(EndCause::Lapsed) => (7, 0),
            PlaceWord::Ended(EndCause::Missed) => (8, 0),
            PlaceWord::Ended(EndCause::Left) => (9, 0),
            PlaceWord::Ended(EndCause::Expelled) => (10, 0),
        };
        let value = value.min((1 << VALUE_BITS) - 1);
        (kind << 60) | (u64::from(self.lane) << VALUE_BITS) | value
    }

    fn from_word(word: u64) -> Option<Self> {
        let value = word & ((1 << VALUE_BITS) - 1);
        let lane = (word >> VALUE_BITS) as u8;
        let turn = value as u32;
        let state = match word >> 60 {
            1 => PlaceWord::Entered,
            2 => PlaceWord::Waiting { turn },
            3 => PlaceWord::Called { claim_by: value },
            4 => PlaceWord::Returning { turn },
            5 => PlaceWord::Passed { expires_at: value },
            6 => PlaceWord::Ended(EndCause::Used),
            7 => PlaceWord::Ended(EndCause::Lapsed),
            8 => PlaceWord::Ended(EndCause::Missed),
            9 => PlaceWord::Ended(EndCause::Left),
            10 => PlaceWord::Ended(EndCause::Expelled),
            _ => return None,
        };
        Some(Self { lane, state })
    }
}

fn stage_number(stage: Stage) -> u64 {
    match stage {
        Stage::Closed => 0,
        Stage::PreQueue => 1,
        Stage::Drawing => 2,
        Stage::Open => 3,
        Stage::Selling => 4,
        Stage::Drained => 5,
    }
}

fn stage_of(number: u64) -> Stage {
    match number {
        1 => Stage::PreQueue,
        2 => Stage::Drawing,
        3 => Stage::Open,
        4 => Stage::Selling,
        5 => Stage::Drained,
        _ => Stage::Closed,
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
