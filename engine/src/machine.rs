//! What a shard owns: state machines of a few kinds, each of which decides, changes, and is kept in
//! journal and snapshots in the same way.
//!
//! | kind | is about |
//! |---|---|
//! | [`Inventory`] | what is sold: the seats of a show, or a segment of a stock pool |
//! | [`Room`] | who waits for a show |
//! | [`Accounts`] | who people are: one of many parts of all accounts |
//!
//! The address says the kind, so a machine in which nothing happened yet can be made from it alone,
//! and a command can only ever meet a machine of another kind by a bug of its sender: it is
//! refused.

use crate::accounts::{Accounts, AccountsImage};
use crate::command::Command;
use crate::decision::{Decision, Effect};
use crate::event::Event;
use crate::id::{HoldNo, MachineId, MachineKind};
use crate::inventory::Inventory;
use crate::inventory::image::{Image, ImageError};
use crate::refusal::Refusal;
use crate::room::{Room, RoomImage};
use crate::time::Timestamp;

/// One state machine with one owner.
#[derive(Debug, Clone)]
pub enum Machine {
    /// Sells.
    Inventory(Inventory),
    /// Lets people wait.
    Room(Room),
    /// Knows people.
    Accounts(Accounts),
}

/// A machine laid open, for snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "nearly all machines are inventories")]
pub enum MachineImage {
    /// Of an inventory.
    Inventory(Image),
    /// Of a waiting room.
    Room(RoomImage),
    /// Of a part of all accounts.
    Accounts(AccountsImage),
}

impl Machine {
    /// A machine in which nothing happened yet. Every machine begins like this.
    #[must_use]
    pub fn vacant(id: MachineId) -> Self {
        match id.kind() {
            MachineKind::Inventory => Self::Inventory(Inventory::vacant(id)),
            MachineKind::Room => Self::Room(Room::vacant(id)),
            MachineKind::Accounts => Self::Accounts(Accounts::vacant(id)),
        }
    }

    /// Decides about a command at `now` without changing anything: see [`Inventory::execute`].
    #[must_use]
    pub fn execute(&self, command: &Command, now: Timestamp) -> Decision {
        match (self, command) {
            (Self::Inventory(inventory), command) => inventory.execute(command, now),
            (Self::Room(room), Command::Room(command)) => room.execute(command, now),
            (Self::Room(room), Command::RunSchedule) => room.run_schedule(now),
            (Self::Accounts(accounts), Command::Accounts(command)) => {
                accounts.execute(command, now)
            }
            (Self::Room(_) | Self::Accounts(_), _) => Decision::refuse(Refusal::WrongKind),
        }
    }

    /// Applies one record: the events of one command, at the time it was decided.
    pub fn apply(&mut self, events: &[Event], at: Timestamp) {
        match self {
            Self::Inventory(inventory) => inventory.apply(events, at),
            Self::Room(room) => room.apply(events, at),
            Self::Accounts(accounts) => accounts.apply(events, at),
        }
    }

    /// Which machine this is.
    #[must_use]
    pub fn id(&self) -> MachineId {
        match self {
            Self::Inventory(inventory) => inventory.id(),
            Self::Room(room) => room.id(),
            Self::Accounts(accounts) => accounts.id(),
        }
    }

    /// Records applied so far.
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Self::Inventory(inventory) => inventory.version(),
            Self::Room(room) => room.version(),
            Self::Accounts(accounts) => accounts.version(),
        }
    }

    /// Time of the last record.
    #[must_use]
    pub fn last_at(&self) -> Timestamp {
        match self {
            Self::Inventory(inventory) => inventory.last_at(),
            Self::Room(room) => room.last_at(),
            Self::Accounts(accounts) => accounts.last_at(),
        }
    }

    /// Until when the units of a hold are kept for it; see [`Inventory::deadline`].
    #[must_use]
    pub fn deadline(&self, no: HoldNo) -> Option<Timestamp> {
        self.as_inventory()?.deadline(no)
    }

    /// What must be done again after a restart, since it may not have been done before.
    #[must_use]
    pub fn unfinished(&self) -> Vec<Effect> {
        match self {
            Self::Inventory(inventory) => inventory.unfinished(),
            Self::Room(room) => room.unfinished(),
            Self::Accounts(_) => Vec::new(),
        }
    }

    /// Stops the process where something appeared or vanished: going on would be worse.
    pub fn assert_conserved(&self) {
        match self {
            Self::Inventory(inventory) => inventory.assert_conserved(),
            Self::Accounts(accounts) => accounts.assert_consistent(),
            Self::Room(room) => room.assert_conserved(),
        }
    }

    /// The inventory, where it is one.
    #[must_use]
    pub fn as_inventory(&self) -> Option<&Inventory> {
        match self {
            Self::Inventory(inventory) => Some(inventory),
            Self::Room(_) | Self::Accounts(_) => None,
        }
    }

    /// The waiting room, where it is one.
    #[must_use]
    pub fn as_room(&self) -> Option<&Room> {
        match self {
            Self::Room(room) => Some(room),
            Self::Inventory(_) | Self::Accounts(_) => None,
        }
    }

    /// The accounts, where these are some.
    #[must_use]
    pub fn as_accounts(&self) -> Option<&Accounts> {
        match self {
            Self::Accounts(accounts) => Some(accounts),
            Self::Inventory(_) | Self::Room(_) => None,
        }
    }

    /// Takes the image of this machine; equal machines have equal images.
    #[must_use]
    pub fn image(&self) -> MachineImage {
        match self {
            Self::Inventory(inventory) => MachineImage::Inventory(inventory.image()),
            Self::Room(room) => MachineImage::Room(room.image()),
            Self::Accounts(accounts) => MachineImage::Accounts(accounts.image()),
        }
    }

    /// Rebuilds a machine from its image.
    ///
    /// # Errors
    /// An image that contradicts itself is refused: better no start than a wrong one.
    pub fn from_image(image: MachineImage) -> Result<Self, ImageError> {
        match image {
            MachineImage::Inventory(image) => Inventory::from_image(image).map(Self::Inventory),
            MachineImage::Room(image) => Room::from_image(image).map(Self::Room),
            MachineImage::Accounts(image) => Accounts::from_image(image).map(Self::Accounts),
        }
    }
}
