//! A machine answers as what it is: the shards know no more of an inventory or a room than this.

use usher_engine::{Effect, HoldNo, Machine, MachineId, ShowKey};

use crate::common::{self, Setting, moment};
use crate::room::stage::Stage as RoomStage;

#[test]
fn an_inventory_is_asked_through_its_machine() {
    let mut stage = common::Stage::new(&Setting::default());
    stage.play("@7 ann holds A1");
    stage.play("ann orders 1");
    stage.play("success p1 of 1 49.00");
    let inventory = stage.house.live.clone();
    let machine = Machine::Inventory(inventory.clone());
    assert!(inventory.version() > 1, "not by chance");
    assert_eq!(machine.id(), inventory.id());
    assert_eq!(machine.version(), inventory.version());
    assert_eq!(machine.last_at(), moment(7));
    assert_eq!(machine.deadline(HoldNo(1)), inventory.deadline(HoldNo(1)));
    assert!(machine.deadline(HoldNo(1)).is_some(), "it is kept for its buyer");
    assert_eq!(machine.unfinished(), inventory.unfinished());
    assert!(!machine.unfinished().is_empty(), "money of a wrong amount goes back");
}

#[test]
fn a_room_is_asked_through_its_machine() {
    let mut stage = RoomStage::new();
    stage.play("@3 set up");
    stage.play("@12 ann joins");
    let machine = Machine::Room(stage.live);
    assert_eq!(machine.id(), MachineId::room(ShowKey(7)));
    assert_eq!((machine.version(), machine.last_at()), (3, moment(12)));
    assert_eq!(machine.deadline(HoldNo(1)), None);
    assert_eq!(machine.unfinished(), [Effect::WakeAt(moment(12))], "it looks at once");
}

#[test]
fn of_accounts_nothing_is_unfinished() {
    let machine = Machine::vacant(MachineId::accounts(7));
    assert_eq!((machine.version(), machine.deadline(HoldNo(1))), (0, None));
    assert_eq!(machine.unfinished(), []);
}
