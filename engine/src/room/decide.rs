//! What may happen in a room: the one exhaustive match over what can be asked, and the rules.

use super::setup::check_flow;
use super::{
    CALL_MAX, EndCause, EntryId, LAPSE_SLICE_MAX, PLACES_MAX, PUBLIC_VALUE_BYTES_MAX, PassGoods,
    PassNo, Place, PlaceNo, PlaceState, RANK_SLICE, Room, RoomCommand, RoomEvent, RoomMove,
    RoomRefusal, SORT_SLICE, Setup, Stage, lanes,
};
use crate::decision::{Decision, Effect, Outcome, Subject};
use crate::event::{Event, Events};
use crate::time::Timestamp;

type Decided = Result<Decision, RoomRefusal>;

impl Room {
    /// Decides about a command at `now` without changing anything.
    #[must_use]
    pub fn execute(&self, command: &RoomCommand, now: Timestamp) -> Decision {
        let now = now.max(self.last_at);
        let decided = match (command, &self.setup) {
            (RoomCommand::Configure { setup, seed }, _) => self.configure(setup, *seed),
            (_, None) => Err(RoomRefusal::NoRoom),
            (_, Some(setup)) => self.execute_known(command, setup, now),
        };
        decided.unwrap_or_else(|refusal| Decision::refuse(refusal.into()))
    }

    fn execute_known(&self, command: &RoomCommand, setup: &Setup, now: Timestamp) -> Decided {
        match command {
            RoomCommand::Join { entry, lane } => self.join(*entry, *lane, setup, now),
            RoomCommand::Claim { place, entry, goods } => {
                self.claim(*place, *entry, *goods, setup, now)
            }
            RoomCommand::Leave { place, entry } => self.leave(*place, *entry),
            RoomCommand::Draw { public_value } => self.begin_draw(public_value, now),
            RoomCommand::Call { count } => {
                let weights: Vec<u16> = setup.lanes.iter().map(|lane| lane.weight).collect();
                let count = (*count).min(CALL_MAX);
                let choose =
                    || lanes::choose(&self.lanes, &weights, &self.places, self.served_tag, count);
                self.call(choose, setup, now)
            }
            RoomCommand::CallPeople { entries } => {
                let entries = entries.iter().take(CALL_MAX as usize);
                let mut places: Vec<_> = entries.filter_map(|&entry| self.find(entry)).collect();
                places.sort_unstable();
                places.dedup();
                let state = |no: &PlaceNo| self.places[no.0 as usize].state;
                places
                    .retain(|no| matches!(state(no), PlaceState::Waiting | PlaceState::Returning));
                self.call(|| places, setup, now)
            }
            RoomCommand::Move(to) => self.move_room(*to),
            RoomCommand::SetFlow { outflow_per_second, shopping_max } => {
                check_flow(*outflow_per_second, *shopping_max)?;
                let (outflow_per_second, shopping_max) = (*outflow_per_second, *shopping_max);
                Ok(done([RoomEvent::FlowSet { outflow_per_second, shopping_max }]))
            }
            RoomCommand::Expel { entry } => self.expel(*entry),
            RoomCommand::NotePassUsed { place, pass } => self.note_pass_used(*place, *pass),
            RoomCommand::Configure { .. } => unreachable!("handled before"),
        }
    }

    /// Before the pre-queue everything may change, the seed excepted, whose hash is public from the
    /// start. From then on what people rely on stays: the lanes, and where the public value comes
    /// from; and from the closing of the list on, the times that led there.
    fn configure(&self, new: &Setup, seed: [u8; 32]) -> Decided {
        new.check()?;
        let mut seed = Some(seed);
        if let Some(old) = &self.setup {
            seed = None;
            if **old == *new {
                return Ok(Decision::replay(Subject::Show));
            }
            let is_public = self.stage != Stage::Closed;
            if is_public && (old.lanes != new.lanes || old.draw_source != new.draw_source) {
                let words = "lanes and the source of the public value are fixed once people join";
                return Err(RoomRefusal::BadSetup(words));
            }
            let times = |setup: &Setup| (setup.pre_queue_at, setup.opens_at);
            if self.draw.list_hash.is_some() && times(old) != times(new) {
                return Err(RoomRefusal::BadSetup("the list was closed already"));
            }
        }
        // Woken at once, the room sees for itself what is due, and when to be woken next.
        let event = RoomEvent::Configured { setup: Box::new(new.clone()), seed };
        Ok(done([event]).with(Effect::WakeAt(self.last_at)))
    }

    fn join(&self, entry: EntryId, lane: u8, setup: &Setup, now: Timestamp) -> Decided {
        let known = self.find(entry);
        let ended = known.and_then(|no| match self.places[no.0 as usize].state {
            PlaceState::Ended(cause) => Some(cause),
            _ => None,
        });
        match (known, ended) {
            (Some(no), None) => return Ok(Decision::replay(Subject::Place(no))),
            (_, Some(EndCause::Expelled)) => return Err(RoomRefusal::Expelled),
            _ => {}
        }
        if usize::from(lane) >= setup.lanes.len() {
            return Err(RoomRefusal::UnknownLane);
        }
        let mut events = self.due_moves(setup, now);
        // A move that is due leads to where people may join.
        if events.is_empty() && matches!(self.stage, Stage::Closed | Stage::Drained) {
            return Err(RoomRefusal::NotOpen(self.stage));
        }
        let place = match known {
            Some(place) => {
                events.push(Event::Room(RoomEvent::Rejoined { place, lane }));
                place
            }
            None if self.places.len() >= PLACES_MAX as usize => return Err(RoomRefusal::Full),
            None => {
                let place = PlaceNo(self.places.len() as u32);
                events.push(Event::Room(RoomEvent::Joined { place, entry, lane }));
                place
            }
        };
        Ok(Decision::all(events, Subject::Place(place)))
    }

    /// What the clock has brought about and was not recorded yet.
    fn due_moves(&self, setup: &Setup, now: Timestamp) -> Events {
        let mut events = Events::new();
        if self.stage == Stage::Closed && now >= setup.pre_queue_at {
            events.push(Event::Room(RoomEvent::PreQueueOpened));
        }
        let is_pre_queue = self.stage == Stage::PreQueue || !events.is_empty();
        if is_pre_queue && now >= setup.opens_at {
            events.push(Event::Room(self.close_list()));
        }
        events
    }

    fn close_list(&self) -> RoomEvent {
        RoomEvent::ListClosed { list_hash: self.list_hash.value() }
    }

    fn find_own(&self, no: PlaceNo, entry: EntryId) -> Result<&Place, RoomRefusal> {
        let own = self.place(no).filter(|place| place.entry == entry);
        own.ok_or(RoomRefusal::UnknownPlace)
    }

    fn claim(
        &self,
        no: PlaceNo,
        entry: EntryId,
        goods: PassGoods,
        setup: &Setup,
        now: Timestamp,
    ) -> Decided {
        let lapsed = |refusal: RoomRefusal| {
            let events = [Event::Room(RoomEvent::Lapsed { places: vec![no] })];
            let outcome = Outcome::Refused(refusal.into());
            Decision { events: events.into_iter().collect(), outcome, effects: Vec::new() }
        };
        match self.find_own(no, entry)?.state {
            PlaceState::Called { claim_by } if claim_by <= now => Ok(lapsed(RoomRefusal::Missed)),
            PlaceState::Called { .. } => {
                let (pass, expires_at) = (self.next_pass, now.plus_ms(setup.pass_ms));
                let event = RoomEvent::Claimed { place: no, pass, goods, expires_at };
                let decision =
                    Decision::all([Event::Room(event)].into_iter().collect(), Subject::Place(no));
                Ok(self.wake_before(decision, expires_at))
            }
            PlaceState::Passed { expires_at, .. } if expires_at <= now => {
                Ok(lapsed(RoomRefusal::Ended(EndCause::Lapsed)))
            }
            PlaceState::Passed { .. } => Ok(Decision::replay(Subject::Place(no))),
            PlaceState::Returning => Err(RoomRefusal::Missed),
            PlaceState::Entered | PlaceState::Waiting => Err(RoomRefusal::NotCalled),
            PlaceState::Ended(EndCause::Expelled) => Err(RoomRefusal::Expelled),
            PlaceState::Ended(cause) => Err(RoomRefusal::Ended(cause)),
        }
    }

    /// A pass that was given stays good: who has one shops already.
    fn leave(&self, no: PlaceNo, entry: EntryId) -> Decided {
        match self.find_own(no, entry)?.state {
            PlaceState::Entered
            | PlaceState::Waiting
            | PlaceState::Called { .. }
            | PlaceState::Returning => Ok(done_at(RoomEvent::Left { place: no }, no)),
            PlaceState::Passed { .. } | PlaceState::Ended(_) => {
                Ok(Decision::replay(Subject::Place(no)))
            }
        }
    }

    fn begin_draw(&self, public_value: &str, now: Timestamp) -> Decided {
        if public_value.is_empty() || public_value.len() > PUBLIC_VALUE_BYTES_MAX {
            return Err(RoomRefusal::BadSetup("the public value is text of 1 to 256 bytes"));
        }
        match &self.draw.public_value {
            Some(known) if **known == *public_value => Ok(Decision::replay(Subject::Show)),
            Some(_) => Err(RoomRefusal::DrawnAlready),
            None if self.stage != Stage::Drawing => Err(RoomRefusal::IllegalMove(self.stage)),
            None => {
                let event = RoomEvent::DrawBegan { public_value: public_value.into() };
                Ok(done([event]).with(Effect::WakeAt(now)))
            }
        }
    }

    fn call(
        &self,
        choose: impl FnOnce() -> Vec<PlaceNo>,
        setup: &Setup,
        now: Timestamp,
    ) -> Decided {
        if !matches!(self.stage, Stage::Open | Stage::Selling) {
            return Err(RoomRefusal::NotSelling(self.stage));
        }
        if self.is_paused {
            return Err(RoomRefusal::Paused);
        }
        let places = choose();
        if places.is_empty() {
            return Ok(Decision::replay(Subject::Show));
        }
        let claim_by = now.plus_ms(setup.claim_ms);
        let decision = done([RoomEvent::Called { places, claim_by }]);
        Ok(self.wake_before(decision, claim_by))
    }

    /// A move to where the room is already is a repeat.
    fn move_room(&self, to: RoomMove) -> Decided {
        let event = match (to, self.stage) {
            (RoomMove::Open, Stage::Closed) => {
                return Ok(done([RoomEvent::PreQueueOpened, self.close_list()]));
            }
            (RoomMove::Open, Stage::PreQueue) => self.close_list(),
            (RoomMove::Open, Stage::Drained) if self.draw.list_hash.is_none() => self.close_list(),
            (RoomMove::Open, Stage::Drained) => RoomEvent::Reopened,
            (RoomMove::Close, Stage::Drained) => return Ok(Decision::replay(Subject::Show)),
            (RoomMove::Close, _) => RoomEvent::Drained,
            (RoomMove::Pause, _) if !self.is_paused => RoomEvent::Paused,
            (RoomMove::Resume, _) if self.is_paused => RoomEvent::Resumed,
            (RoomMove::Open | RoomMove::Pause | RoomMove::Resume, _) => {
                return Ok(Decision::replay(Subject::Show));
            }
        };
        Ok(done([event]))
    }

    fn expel(&self, entry: EntryId) -> Decided {
        let no = self.find(entry).ok_or(RoomRefusal::UnknownPlace)?;
        match self.places[no.0 as usize].state {
            PlaceState::Ended(EndCause::Expelled) => Ok(Decision::replay(Subject::Place(no))),
            _ => Ok(done_at(RoomEvent::Expelled { place: no }, no)),
        }
    }

    /// What is told twice, or of a pass that ran out meanwhile, changes nothing.
    fn note_pass_used(&self, no: PlaceNo, pass: PassNo) -> Decided {
        match self.place(no).ok_or(RoomRefusal::UnknownPlace)?.state {
            PlaceState::Passed { pass: good, .. } if good == pass => {
                Ok(done_at(RoomEvent::PassUsed { place: no }, no))
            }
            _ => Ok(Decision::replay(Subject::Place(no))),
        }
    }

    /// What time alone brings about: the pre-queue, the list's end, the next slice of the draw, and
    /// the end of calls and passes. Asks to be woken for what comes next.
    #[must_use]
    pub fn run_schedule(&self, now: Timestamp) -> Decision {
        let now = now.max(self.last_at);
        let Some(setup) = &self.setup else {
            return Decision::refuse(RoomRefusal::NoRoom.into());
        };
        let mut events = self.due_moves(setup, now);
        events.extend(self.next_slice().map(Event::Room));
        let due = self.deadlines.range(..=(now, PlaceNo(u32::MAX)));
        let places: Vec<_> = due.take(LAPSE_SLICE_MAX).map(|&(_, no)| no).collect();
        let left = self.deadlines.iter().nth(places.len());
        let mut wake_at = left.map(|&(at, _)| at);
        if !places.is_empty() {
            events.push(Event::Room(RoomEvent::Lapsed { places }));
        }
        let mut decision = match events.is_empty() {
            true => Decision::replay(Subject::Show),
            false => Decision::all(events, Subject::Show),
        };
        // Whatever happened may have more to follow; a look that finds nothing asks for the rest.
        if !decision.events.is_empty() {
            wake_at = Some(now);
        } else if let Some(next) = self.next_move_at(setup) {
            wake_at = Some(wake_at.map_or(next, |at| at.min(next)));
        }
        decision.effects.extend(wake_at.map(Effect::WakeAt));
        decision
    }

    /// The next step of a draw that goes on.
    fn next_slice(&self) -> Option<RoomEvent> {
        let draw = self.drawing.as_ref()?;
        match self.listed - draw.ranked {
            0 => {
                let buckets = (draw.bucket_count() - draw.sorted).min(SORT_SLICE);
                Some(RoomEvent::Sorted { buckets })
            }
            left => Some(RoomEvent::Ranked { entries: left.min(RANK_SLICE) }),
        }
    }

    fn next_move_at(&self, setup: &Setup) -> Option<Timestamp> {
        match self.stage {
            Stage::Closed => Some(setup.pre_queue_at),
            Stage::PreQueue => Some(setup.opens_at),
            Stage::Drawing | Stage::Open | Stage::Selling | Stage::Drained => None,
        }
    }

    /// What must be done again after a restart.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Effect> {
        match &self.setup {
            Some(_) => vec![Effect::WakeAt(self.last_at)],
            None => Vec::new(),
        }
    }

    /// Asks to be woken at a new deadline, unless the room will be woken before it anyway.
    fn wake_before(&self, decision: Decision, deadline: Timestamp) -> Decision {
        match self.deadlines.first() {
            Some(&(first, _)) if first <= deadline => decision,
            _ => decision.with(Effect::WakeAt(deadline)),
        }
    }
}

fn done<const COUNT: usize>(events: [RoomEvent; COUNT]) -> Decision {
    Decision::all(events.into_iter().map(Event::Room).collect(), Subject::Show)
}

fn done_at(event: RoomEvent, no: PlaceNo) -> Decision {
    Decision::done(Event::Room(event), Subject::Place(no))
}
