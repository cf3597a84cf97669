//! A waiting room as everybody may read it: its places and figures on a board, and what rarely
//! changes beside it.

use std::sync::{Arc, RwLock};

use usher_engine::ShowKey;
use usher_engine::room::{Room, Setup, Stage, seed_hash};

pub use usher_shared::room::{LaneFigures, PlaceCopy, PlaceWord, RoomBoard, RoomFigures};

/// One room.
#[derive(Debug)]
pub struct RoomView {
    /// Whose.
    pub key: ShowKey,
    /// Its places and figures.
    pub board: RoomBoard,
    face: RwLock<Arc<RoomFace>>,
}

/// The slow-changing part of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFace {
    /// As its organiser wants it.
    pub setup: Setup,
    /// How far it has come.
    pub stage: Stage,
    /// What may be known of the draw by now.
    pub draw: DrawFace,
}

/// What may be known of a draw. The seed is told once the order is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawFace {
    /// SHA-256 of the seed.
    pub seed_hash: [u8; 32],
    /// SHA-256 of the list, once it is closed.
    pub list_hash: Option<[u8; 32]>,
    /// What nobody could know before, once it is known.
    pub public_value: Option<Box<str>>,
    /// SHA-256 of the order, once it is drawn.
    pub order_hash: Option<[u8; 32]>,
    /// The secret half of the key, once the order is drawn.
    pub seed: Option<[u8; 32]>,
}

impl RoomFace {
    /// What there is to read of a room; `None` where nobody has set one up.
    #[must_use]
    pub fn of(room: &Room) -> Option<Self> {
        let draw = room.draw();
        Some(Self {
            setup: room.setup()?.clone(),
            stage: room.stage(),
            draw: DrawFace {
                seed_hash: seed_hash(&draw.seed),
                list_hash: draw.list_hash,
                public_value: draw.public_value.clone(),
                order_hash: draw.order_hash,
                seed: draw.order_hash.map(|_| draw.seed),
            },
        })
    }
}

impl RoomView {
    pub(crate) fn new(key: ShowKey, face: RoomFace) -> Self {
        Self { key, board: RoomBoard::new(), face: RwLock::new(Arc::new(face)) }
    }

    /// The room as it was last set up, and its draw.
    #[must_use]
    pub fn face(&self) -> Arc<RoomFace> {
        self.face.read().expect("no panic while a face is set").clone()
    }

    pub(crate) fn set_face(&self, face: RoomFace) {
        *self.face.write().expect("no panic while a face is set") = Arc::new(face);
    }
}
