//! A room laid open, for snapshots: all that cannot be derived, in a defined order.

use super::{
    Draw, DrawRecord, LANES_MAX, Lane, ListHash, PassNo, Place, PlaceNo, PlaceState, Room, Setup,
    Stage, Tally,
};
use crate::id::MachineId;
use crate::inventory::image::ImageError;
use crate::time::Timestamp;

/// Everything about a room that a replay would otherwise have to rebuild.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomImage {
    /// Which room.
    pub id: MachineId,
    /// Records applied.
    pub version: u64,
    /// Time of the last one.
    pub last_at: Timestamp,
    /// As its organiser wants it.
    pub setup: Option<Box<Setup>>,
    /// How far it has come.
    pub stage: Stage,
    /// Whether calling was stopped.
    pub is_paused: bool,
    /// All places by number.
    pub places: Vec<Place>,
    /// How many of them are the list.
    pub listed: u32,
    /// What is known of the draw.
    pub draw: DrawRecord,
    /// Entries ranked and buckets sorted, while the draw goes on.
    pub drawing: Option<(u32, u32)>,
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// Where the turns of the lanes stand.
    pub served_tag: u64,
    /// Number of the next pass.
    pub next_pass: PassNo,
    /// What was counted.
    pub tally: Tally,
}

impl Room {
    /// Takes the image of this room; equal rooms have equal images.
    #[must_use]
    pub fn image(&self) -> RoomImage {
        RoomImage {
            id: self.id,
            version: self.version,
            last_at: self.last_at,
            setup: self.setup.clone(),
            stage: self.stage,
            is_paused: self.is_paused,
            places: self.places.clone(),
            listed: self.listed,
            draw: self.draw.clone(),
            drawing: self.drawing.as_ref().map(|draw| (draw.ranked, draw.sorted)),
            lanes: self.lanes.clone(),
            served_tag: self.served_tag,
            next_pass: self.next_pass,
            tally: self.tally,
        }
    }

    /// Rebuilds a room from its image.
    ///
    /// # Errors
    /// An image that contradicts itself is refused: better no start than a wrong one.
    pub fn from_image(image: RoomImage) -> Result<Self, ImageError> {
        check_lanes(&image)?;
        let mut room = Self::vacant(image.id);
        room.version = image.version;
        room.last_at = image.last_at;
        room.setup = image.setup;
        room.stage = image.stage;
        room.is_paused = image.is_paused;
        room.listed = image.listed;
        room.draw = image.draw;
        room.lanes = image.lanes;
        room.served_tag = image.served_tag;
        room.next_pass = image.next_pass;
        room.tally = image.tally;
        for (no, place) in (0..).map(PlaceNo).zip(image.places) {
            room.restore_place(no, place)?;
        }
        if room.listed as usize > room.places.len() {
            return Err(ImageError::BadRoom("the draw has come further than its list"));
        }
        let mut list_hash = ListHash::default();
        for place in &room.places[..room.listed as usize] {
            list_hash.add(place.entry, place.lane);
        }
        room.list_hash = list_hash;
        if let Some((ranked, sorted)) = image.drawing {
            room.drawing = Some(Box::new(room.restore_draw(ranked, sorted)?));
        }
        Ok(room)
    }

    fn restore_place(&mut self, no: PlaceNo, place: Place) -> Result<(), ImageError> {
        if usize::from(place.lane) >= self.lanes.len() {
            return Err(ImageError::BadRoom("a place stands in a lane that there is not"));
        }
        if self.by_entry.insert(place.entry.0, no).is_some() {
            return Err(ImageError::BadRoom("somebody has two places"));
        }
        match place.state {
            PlaceState::Called { .. } => self.called += 1,
            PlaceState::Passed { pass, .. } if pass.0 == 0 || pass >= self.next_pass => {
                return Err(ImageError::BadRoom("a place has a pass that was never given out"));
            }
            PlaceState::Passed { .. } => self.passed += 1,
            _ => {}
        }
        self.deadlines.extend(place.deadline().map(|at| (at, no)));
        self.places.push(place);
        Ok(())
    }

    /// Ranks and sorts again what had been. The turns that came of it are in the lanes already.
    fn restore_draw(&self, ranked: u32, sorted: u32) -> Result<Draw, ImageError> {
        let public_value = self
            .draw
            .public_value
            .as_deref()
            .ok_or(ImageError::BadRoom("the draw has come further than its list"))?;
        let mut draw = Draw::new(&self.draw.seed, public_value, self.listed);
        let is_possible = sorted == 0 || (ranked == self.listed && sorted < draw.bucket_count());
        if ranked > self.listed || !is_possible {
            return Err(ImageError::BadRoom("the draw has come further than its list"));
        }
        for no in 0..ranked {
            draw.rank(self.places[no as usize].entry, PlaceNo(no));
        }
        for _ in 0..sorted {
            draw.sort_bucket();
        }
        Ok(draw)
    }
}

fn check_lanes(image: &RoomImage) -> Result<(), ImageError> {
    let wanted = image.setup.as_ref().map_or(0, |setup| setup.lanes.len());
    if image.lanes.len() != wanted || wanted > LANES_MAX {
        return Err(ImageError::BadRoom("the lanes are not those of the setup"));
    }
    let place_count = image.places.len();
    for (index, lane) in image.lanes.iter().enumerate() {
        if usize::from(lane.index) != index {
            return Err(ImageError::BadRoom("the lanes are not those of the setup"));
        }
        let named = lane.order.iter().chain(&lane.returning).chain(&lane.late);
        if named.into_iter().any(|no| no.0 as usize >= place_count) {
            return Err(ImageError::BadRoom("a lane names a place that there is not"));
        }
        if lane.order.len() > (u32::MAX - lane.next_turn) as usize {
            return Err(ImageError::BadRoom("the lanes are not those of the setup"));
        }
    }
    Ok(())
}
