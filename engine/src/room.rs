//! The waiting room of one show: who waits, in which order, and who may go in.

use crate::decision::{Decision, Effect, Subject};
use crate::event::Event;
use crate::hash::FixedHashMap;
use crate::id::{MachineId, PlaceNo};
use crate::inventory::image::ImageError;
use crate::time::Timestamp;

/// What can be asked of a waiting room.
#[derive(Debug, Clone)]
pub enum RoomCommand {
    /// Wait for the show. Doing it twice gives the same place.
    Join {
        /// Who: a hash of show and user that the user can make as well.
        entry: u128,
    },
}

/// What happened in a waiting room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomEvent {
    /// Somebody new waits, behind all others.
    Joined {
        /// Who.
        entry: u128,
    },
}

/// One place in a waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub entry: u128,
}

/// A waiting room.
#[derive(Debug, Clone)]
pub struct Room {
    id: MachineId,
    version: u64,
    last_at: Timestamp,
    places: Vec<Place>,
    by_entry: FixedHashMap<u128, PlaceNo>,
}

/// A waiting room laid open, for snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomImage {
    /// Which room.
    pub id: MachineId,
    /// Records applied.
    pub version: u64,
    /// Time of the last one.
    pub last_at: Timestamp,
    /// All places in the order of joining.
    pub places: Vec<Place>,
}

impl Room {
    /// A room in which nobody ever waited.
    #[must_use]
    pub fn vacant(id: MachineId) -> Self {
        Self {
            id,
            version: 0,
            last_at: Timestamp::default(),
            places: Vec::new(),
            by_entry: FixedHashMap::default(),
        }
    }

    /// Decides about a command without changing anything.
    #[must_use]
    pub fn execute(&self, command: &RoomCommand, _now: Timestamp) -> Decision {
        match command {
            RoomCommand::Join { entry } => match self.by_entry.get(entry) {
                Some(&place) => Decision::replay(Subject::Place(place)),
                None => {
                    let place = PlaceNo(self.places.len() as u32);
                    let event = Event::Room(RoomEvent::Joined { entry: *entry });
                    Decision::done(event, Subject::Place(place))
                }
            },
        }
    }

    /// Does what was put off until now.
    #[must_use]
    pub fn run_schedule(&self, _now: Timestamp) -> Decision {
        Decision::replay(Subject::Show)
    }

    /// Applies one record.
    pub fn apply(&mut self, events: &[Event], at: Timestamp) {
        self.last_at = self.last_at.max(at);
        self.version += 1;
        for event in events {
            let Event::Room(event) = event else { unreachable!("a room has its own events") };
            match event {
                RoomEvent::Joined { entry } => {
                    self.by_entry.insert(*entry, PlaceNo(self.places.len() as u32));
                    self.places.push(Place { entry: *entry });
                }
            }
        }
    }

    /// What must be done again after a restart.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Effect> {
        Vec::new()
    }

    /// Which room this is.
    #[must_use]
    pub fn id(&self) -> MachineId {
        self.id
    }

    /// Records applied so far.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Time of the last record.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// One place.
    #[must_use]
    pub fn place(&self, no: PlaceNo) -> Option<&Place> {
        self.places.get(no.0 as usize)
    }

    /// Takes the image of this room.
    #[must_use]
    pub fn image(&self) -> RoomImage {
        let Self { id, version, last_at, .. } = *self;
        RoomImage { id, version, last_at, places: self.places.clone() }
    }

    /// Rebuilds a room from its image.
    ///
    /// # Errors
    /// Somebody who waits twice.
    pub fn from_image(image: RoomImage) -> Result<Self, ImageError> {
        let RoomImage { id, version, last_at, places } = image;
        let mut room = Self { version, last_at, ..Self::vacant(id) };
        for place in places {
            let no = PlaceNo(room.places.len() as u32);
            if room.by_entry.insert(place.entry, no).is_some() {
                return Err(ImageError::BadRoom("somebody waits twice"));
            }
            room.places.push(place);
        }
        Ok(room)
    }
}
