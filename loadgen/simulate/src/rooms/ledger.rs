//! What people were told, held against itself.

use std::collections::{BTreeMap, VecDeque};

use usher_engine::room::{PassNo, PlaceState, RoomRefusal};
use usher_engine::{Refusal, Subject, Timestamp};
use usher_shards::Found;
use usher_shards::message::Reply;
use usher_shards::view::DrawFace;

use super::RoomsSummary;

/// Lines that a failure shows.
const WORDS_MAX: usize = 60;

/// What somebody asked, as far as the answer is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asked {
    Join { who: u64 },
    Claim { who: u64 },
    Hold { pass: Option<u32> },
    Other,
}

/// A pass as somebody was given it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) number: PassNo,
    pub(super) place: u32,
    pub(super) expires_at: Timestamp,
    owner: u64,
    /// Holds that were made with it, as answered.
    holds: u32,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    places: BTreeMap<u64, u32>,
    passes: BTreeMap<u32, Pass>,
    list_hash: Option<[u8; 32]>,
    order_hash: Option<[u8; 32]>,
    refused: u64,
    words: VecDeque<String>,
}

impl Ledger {
    pub(super) fn asked(&mut self, asked: &Asked) {
        self.note(format!("asked: {asked:?}"));
    }

    /// No answer will come.
    pub(super) fn lost(&mut self, asked: &Asked) {
        self.note(format!("lost: {asked:?}"));
    }

    pub(super) fn crashed(&mut self) {
        self.note("the process died and came back".to_owned());
    }

    pub(super) fn told(&mut self, asked: &Asked, reply: &Reply) -> Result<(), String> {
        let answer = match reply {
            Reply::Done(answer) => answer,
            Reply::Refused(refusal) => {
                self.note(format!("{asked:?} refused: {refusal:?}"));
                let of_pass =
                    [RoomRefusal::PassRequired, RoomRefusal::PassExpired, RoomRefusal::PassUsed];
                let is_of_pass =
                    matches!(refusal, Refusal::Room(refusal) if of_pass.contains(refusal));
                self.refused += u64::from(is_of_pass);
                return Ok(());
            }
            Reply::Counted(_) | Reply::Unavailable(_) => return Ok(()),
        };
        self.note(format!("{asked:?} done: {:?} {:?}", answer.subject, answer.found));
        match (asked, answer.subject, &answer.found) {
            (Asked::Join { who }, Subject::Place(no), Found::Place(_)) => self.joined(*who, no.0),
            (Asked::Claim { who }, Subject::Place(no), Found::Place(place)) => match place.state {
                PlaceState::Passed { pass, expires_at, .. } => {
                    self.claimed(*who, no.0, pass, expires_at)
                }
                // It was used or taken away in the same turn.
                PlaceState::Ended(_) => Ok(()),
                other => Err(format!("a claim was answered with {other:?}")),
            },
            (Asked::Hold { pass }, _, Found::Hold(hold)) => self.held(*pass, hold.placed_at),
            (Asked::Other, ..) => Ok(()),
            (asked, subject, found) => Err(format!("{asked:?} got {subject:?}, {found:?}")),
        }
    }

    fn joined(&mut self, who: u64, place: u32) -> Result<(), String> {
        if let Some((other, _)) = self.places.iter().find(|(o, p)| **p == place && **o != who) {
            return Err(format!("place {place} was given to {other} and to {who}"));
        }
        match self.places.insert(who, place) {
            Some(before) if before != place => {
                Err(format!("{who} had place {before}, and now {place}"))
            }
            _ => Ok(()),
        }
    }

    fn claimed(
        &mut self,
        who: u64,
        place: u32,
        number: PassNo,
        expires_at: Timestamp,
    ) -> Result<(), String> {
        if self.places.get(&who) != Some(&place) {
            return Err(format!("{who} got a pass at place {place}, which is not theirs"));
        }
        if let Some(known) = self.passes.get(&number.0) {
            let is_same = (known.owner, known.place, known.expires_at) == (who, place, expires_at);
            let words = || format!("pass {} was {known:?}, now {who}'s at {place}", number.0);
            return if is_same { Ok(()) } else { Err(words()) };
        }
        let pass = Pass { number, place, expires_at, owner: who, holds: 0 };
        self.passes.insert(number.0, pass);
        Ok(())
    }

    fn held(&mut self, pass: Option<u32>, placed_at: Timestamp) -> Result<(), String> {
        let number = pass.ok_or("somebody holds without a pass")?;
        let pass = self.passes.get_mut(&number).ok_or("somebody holds with an unknown pass")?;
        pass.holds += 1;
        if pass.holds > 1 {
            return Err(format!("pass {number} made {} holds", pass.holds));
        }
        if placed_at >= pass.expires_at {
            return Err(format!("pass {number} made a hold at {placed_at}, {pass:?}"));
        }
        Ok(())
    }

    /// What was told of the draw stays as it is.
    pub(super) fn sees_draw(&mut self, draw: &DrawFace) -> Result<(), String> {
        if draw.seed.is_some() != draw.order_hash.is_some() {
            return Err("the seed is told before the order is drawn".to_owned());
        }
        let facts = [
            ("list", &mut self.list_hash, draw.list_hash),
            ("order", &mut self.order_hash, draw.order_hash),
        ];
        for (name, known, now) in facts {
            if known.is_some() && *known != now {
                return Err(format!("the hash of the {name} was {known:?}, now {now:?}"));
            }
            *known = now;
        }
        Ok(())
    }

    pub(super) fn place(&self, who: u64) -> Option<u32> {
        self.places.get(&who).copied()
    }

    pub(super) fn places(&self) -> impl Iterator<Item = (u64, u32)> {
        self.places.iter().map(|(who, place)| (*who, *place))
    }

    /// The passes of a person, oldest first.
    pub(super) fn passes_of(&self, who: u64) -> Vec<Pass> {
        self.passes.values().filter(|pass| pass.owner == who).copied().collect()
    }

    pub(super) fn count(&self, summary: &mut RoomsSummary) {
        summary.joined = self.places.len() as u64;
        summary.passes = self.passes.len() as u64;
        summary.holds = self.passes.values().map(|pass| u64::from(pass.holds)).sum();
        summary.passes_refused = self.refused;
        summary.draws = u64::from(self.order_hash.is_some());
    }

    pub(super) fn words(&self) -> Vec<String> {
        self.words.iter().cloned().collect()
    }

    fn note(&mut self, line: String) {
        if self.words.len() == WORDS_MAX {
            self.words.pop_front();
        }
        self.words.push_back(line);
    }
}
