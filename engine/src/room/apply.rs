//! Carrying out what was decided about a room. The same code runs live and in replay.

use super::{
    Draw, EndCause, Lane, MISSES_MAX, PassNo, Place, PlaceNo, PlaceState, Room, RoomEvent, Setup,
    Stage, lanes,
};
use crate::event::Event;
use crate::time::Timestamp;

impl Room {
    /// Applies one record: the events of one command, at the time it was decided.
    ///
    /// # Panics
    /// Where an event is about no room.
    pub fn apply(&mut self, events: &[Event], at: Timestamp) {
        self.last_at = self.last_at.max(at);
        self.version += 1;
        for event in events {
            let Event::Room(event) = event else { panic!("a room has its own events") };
            self.apply_event(event);
        }
    }

    fn apply_event(&mut self, event: &RoomEvent) {
        match event {
            RoomEvent::Configured { setup, seed } => self.apply_setup(setup, *seed),
            RoomEvent::PreQueueOpened => self.stage = Stage::PreQueue,
            RoomEvent::ListClosed { list_hash } => self.apply_list_closed(*list_hash),
            RoomEvent::DrawBegan { public_value } => {
                self.draw.public_value = Some(public_value.clone());
                let draw = Draw::new(&self.draw.seed, public_value, self.listed);
                self.drawing = Some(Box::new(draw));
            }
            RoomEvent::Ranked { entries } => self.apply_ranked(*entries),
            RoomEvent::Sorted { buckets } => self.apply_sorted(*buckets),
            RoomEvent::Joined { place, entry, lane } => {
                assert_eq!(place.0 as usize, self.places.len(), "places are numbered in order");
                let state = PlaceState::Waiting;
                self.places.push(Place { entry: *entry, lane: *lane, misses: 0, turn: 0, state });
                self.by_entry.insert(entry.0, *place);
                self.stand_in_line(*place);
            }
            RoomEvent::Rejoined { place, lane } => {
                let is_listed = place.0 < self.listed;
                let known = &mut self.places[place.0 as usize];
                // The lane of who is on the list was hashed with it.
                if !is_listed {
                    known.lane = *lane;
                }
                known.misses = 0;
                self.stand_in_line(*place);
            }
            RoomEvent::Called { places, claim_by } => self.apply_called(places, *claim_by),
            RoomEvent::Claimed { place, pass, goods, expires_at } => {
                let (pass, goods, expires_at) = (*pass, *goods, *expires_at);
                self.next_pass = PassNo(pass.0 + 1);
                self.tally.passes += 1;
                self.set_state(*place, PlaceState::Passed { pass, goods, expires_at });
            }
            RoomEvent::Lapsed { places } => places.iter().for_each(|&no| self.apply_lapsed(no)),
            RoomEvent::PassUsed { place } => {
                self.tally.used += 1;
                self.set_state(*place, PlaceState::Ended(EndCause::Used));
            }
            RoomEvent::Left { place } => {
                self.tally.left += 1;
                self.set_state(*place, PlaceState::Ended(EndCause::Left));
            }
            RoomEvent::Expelled { place } => {
                self.tally.expelled += 1;
                self.set_state(*place, PlaceState::Ended(EndCause::Expelled));
            }
            RoomEvent::Paused => self.is_paused = true,
            RoomEvent::Resumed => self.is_paused = false,
            RoomEvent::Drained => self.stage = Stage::Drained,
            RoomEvent::Reopened => self.stage = self.stage_of_draw(),
            RoomEvent::FlowSet { outflow_per_second, shopping_max } => {
                let setup = self.setup_mut();
                setup.outflow_per_second = *outflow_per_second;
                setup.shopping_max = *shopping_max;
            }
        }
    }

    fn apply_setup(&mut self, setup: &Setup, seed: Option<[u8; 32]>) {
        if let Some(seed) = seed {
            self.draw.seed = seed;
        }
        let indices = 0..setup.lanes.len() as u8;
        if self.lanes.len() != setup.lanes.len() {
            self.lanes = indices.map(|index| Lane { index, ..Lane::default() }).collect();
        }
        self.setup = Some(Box::new(setup.clone()));
    }

    fn apply_list_closed(&mut self, list_hash: [u8; 32]) {
        self.draw.list_hash = Some(list_hash);
        // There is nothing to draw from an empty list, and nobody to doubt it.
        if self.listed == 0 {
            self.draw.order_hash = Some(list_hash);
        }
        self.stage = self.stage_of_draw();
    }

    fn apply_ranked(&mut self, entries: u32) {
        let draw = self.drawing.as_mut().expect("a draw goes on");
        for no in draw.ranked..draw.ranked + entries {
            draw.rank(self.places[no as usize].entry, PlaceNo(no));
        }
    }

    fn apply_sorted(&mut self, buckets: u32) {
        let mut draw = self.drawing.take().expect("a draw goes on");
        for _ in 0..buckets {
            for no in draw.sort_bucket() {
                let place = &mut self.places[no.0 as usize];
                let turn = self.lanes[usize::from(place.lane)].push(no);
                // Who left or joined anew meanwhile does not have this turn any more.
                if place.state == PlaceState::Entered {
                    place.state = PlaceState::Waiting;
                    place.turn = turn;
                    self.changes.push(no);
                }
            }
        }
        if !draw.is_done() {
            self.drawing = Some(draw);
            return;
        }
        self.draw.order_hash = Some(draw.order_hash());
        for lane in &mut self.lanes {
            for no in std::mem::take(&mut lane.late) {
                lane.push(no);
            }
            lane.trim(&self.places);
        }
        if self.stage == Stage::Drawing {
            self.stage = Stage::Open;
        }
    }

    /// Where the room stands once it is neither before its list nor drained.
    fn stage_of_draw(&self) -> Stage {
        match (self.draw.order_hash, self.tally.called) {
            (None, _) => Stage::Drawing,
            (Some(_), 0) => Stage::Open,
            (Some(_), _) => Stage::Selling,
        }
    }

    /// Puts a place where people stand who join now.
    fn stand_in_line(&mut self, no: PlaceNo) {
        let place = &mut self.places[no.0 as usize];
        let lane = &mut self.lanes[usize::from(place.lane)];
        self.changes.push(no);
        if self.stage == Stage::PreQueue {
            place.state = PlaceState::Entered;
            // Who left and came back is on the list already.
            if no.0 >= self.listed {
                self.listed += 1;
                lane.listed += 1;
                self.list_hash.add(place.entry, place.lane);
            }
            return;
        }
        place.state = PlaceState::Waiting;
        if self.draw.order_hash.is_some() {
            place.turn = lane.push(no);
            return;
        }
        place.turn = lane.listed + lane.late.len() as u32;
        lane.late.push(no);
    }

    fn apply_called(&mut self, places: &[PlaceNo], claim_by: Timestamp) {
        let mut blocks = vec![0; self.lanes.len()];
        for &no in places {
            let lane = usize::from(self.places[no.0 as usize].lane);
            let start = self.lanes[lane].tag.max(self.served_tag);
            self.lanes[lane].tag = start + lanes::stride(self.setup_mut().lanes[lane].weight);
            self.served_tag = start;
            blocks[lane] += 1;
            self.set_state(no, PlaceState::Called { claim_by });
        }
        self.tally.called += places.len() as u64;
        for (lane, block) in self.lanes.iter_mut().zip(blocks) {
            if block > 0 {
                lane.block = block;
            }
            lane.trim(&self.places);
        }
        if self.stage == Stage::Open {
            self.stage = Stage::Selling;
        }
    }

    fn apply_lapsed(&mut self, no: PlaceNo) {
        let place = &mut self.places[no.0 as usize];
        if !matches!(place.state, PlaceState::Called { .. }) {
            self.tally.lapsed += 1;
            return self.set_state(no, PlaceState::Ended(EndCause::Lapsed));
        }
        self.tally.missed += 1;
        place.misses += 1;
        if place.misses >= MISSES_MAX {
            return self.set_state(no, PlaceState::Ended(EndCause::Missed));
        }
        let lane = &mut self.lanes[usize::from(place.lane)];
        place.turn = lane.next_turn.saturating_add(lane.block);
        let turn = place.turn;
        lane.put_behind(no, turn, &self.places);
        self.set_state(no, PlaceState::Returning);
    }

    /// The one place where a place that has a turn changes, so that all counts change with it.
    fn set_state(&mut self, no: PlaceNo, state: PlaceState) {
        let place = &mut self.places[no.0 as usize];
        let before = *place;
        place.state = state;
        let after = *place;
        self.changes.push(no);
        for (place, is_new) in [(before, false), (after, true)] {
            let count = match place.state {
                PlaceState::Called { .. } => &mut self.called,
                PlaceState::Passed { .. } => &mut self.passed,
                _ => continue,
            };
            let deadline = place.deadline().expect("calls and passes end");
            if is_new {
                *count += 1;
                self.deadlines.insert((deadline, no));
            } else {
                *count -= 1;
                self.deadlines.remove(&(deadline, no));
            }
        }
        let lane = &mut self.lanes[usize::from(before.lane)];
        match before.state {
            PlaceState::Returning => lane.take_back(no),
            PlaceState::Waiting => lane.trim(&self.places),
            _ => {}
        }
    }

    fn setup_mut(&mut self) -> &mut Setup {
        self.setup.as_mut().expect("nothing happens in a room before it is set up")
    }
}
