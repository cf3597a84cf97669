//! Turning changed waiting rooms into what is published of them; see `publish` for when.

use std::sync::Arc;

use usher_engine::planted::planted;
use usher_engine::room::{Place, PlaceNo, Room};
use usher_engine::{Machine, MachineId};

use super::Core;
use super::release::Release;
use crate::view::{Directory, RoomFace, RoomFigures, RoomView};

/// Places that one update publishes while everything is published; it takes their memory.
const PUBLISHED_AT_ONCE: usize = 65_536;

/// What changed in one room during one turn, ready to be published.
#[derive(Debug)]
pub(super) struct RoomUpdate {
    view: Arc<RoomView>,
    places: Vec<(PlaceNo, Place)>,
    figures: RoomFigures,
    face: Option<RoomFace>,
    /// A view that nobody can find yet, to be listed with this update.
    list_in: Option<Arc<Directory>>,
}

impl RoomUpdate {
    pub(super) fn publish(self) {
        if let Some(face) = self.face {
            self.view.set_face(face);
        }
        self.view.board.publish(&self.places, &self.figures);
        if let Some(directory) = self.list_in {
            directory.insert_room(self.view);
        }
    }
}

impl Core {
    pub(super) fn publish_room(&mut self, id: MachineId) {
        let known = self.handle(id).room.clone();
        let directory = self.around.directory.clone();
        let partition = self.partitions.get_mut(&id.partition()).expect("touched while owned");
        let machine = partition.machines.get_mut(&id).expect("touched while owned");
        let Machine::Room(room) = machine else { return };
        let Some(face) = RoomFace::of(room) else { return };
        let (view, list_in) = match known.or_else(|| directory.room(id.show)) {
            Some(view) => (view, None),
            None => (Arc::new(RoomView::new(id.show, face.clone())), Some(directory)),
        };
        let mut places = Vec::new();
        room.drain_changes(|no, place| places.push((no, *place)));
        let figures = RoomFigures::of(room);
        // What is published by now may be older than what waits to be: a face that comes twice does
        // no harm, one that never comes would.
        let last = self.handle(id).room_face.replace(face.clone());
        let face = Some(face).filter(|face| last.as_ref() != Some(face));
        self.handle(id).room = Some(view.clone());
        let update = RoomUpdate { view, places, figures, face, list_in };
        if planted("room-shown-before-durable") {
            return update.publish();
        }
        self.turn_releases.push(Release::Room(Box::new(update)));
    }
}

/// Publishes a recovered room at once: all of it is durable. Whoever reads where it was published
/// before goes on doing so.
pub(crate) fn publish_recovered_room(directory: &Arc<Directory>, room: &Room) {
    let Some(face) = RoomFace::of(room) else { return };
    let key = room.id().show;
    let view = directory.room(key);
    let view = view.unwrap_or_else(|| Arc::new(RoomView::new(key, face.clone())));
    view.set_face(face);
    let figures = RoomFigures::of(room);
    let mut next = 0;
    for slice in room.places().chunks(PUBLISHED_AT_ONCE) {
        let places: Vec<_> = (next..).map(PlaceNo).zip(slice.iter().copied()).collect();
        next += slice.len() as u32;
        view.board.publish(&places, &figures);
    }
    view.board.publish(&[], &figures);
    directory.insert_room(view);
}
