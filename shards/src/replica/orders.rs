//! The orders of a show as a list.

use std::borrow::Cow;

use usher_engine::inventory::{Hold, OrderStatus};
use usher_engine::{HoldNo, MachineId, ShowKey, Timestamp};

use super::Replica;

/// Where one order of a list is, and when it was placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderPlace {
    /// Its owner.
    pub inventory: MachineId,
    /// Its number there.
    pub order: HoldNo,
    /// When it was placed.
    pub placed_at: Timestamp,
}

impl Replica {
    /// All orders of a show, or those in one state, newest first. Takes time in proportion to the
    /// orders of the show; what is in them is read with [`Replica::order`].
    #[must_use]
    pub fn orders_in(&self, show: ShowKey, status: Option<OrderStatus>) -> Vec<OrderPlace> {
        let mut places = Vec::new();
        for inventory in self.inventories_of(show) {
            places.extend(inventory.holds().filter_map(|(order, hold)| {
                let found = hold.order.as_deref()?;
                let wanted = status.is_none_or(|status| status == found.status);
                let placed_at = found.placed_at;
                wanted.then_some(OrderPlace { inventory: inventory.id(), order, placed_at })
            }));
        }
        // Orders of one moment keep an order of their own, so that pages do not overlap.
        places.sort_unstable_by_key(|place| {
            std::cmp::Reverse((place.placed_at, place.order, place.inventory))
        });
        places
    }

    /// A hold that became an order; `None` where there is none.
    #[must_use]
    pub fn order(&self, inventory: MachineId, order: HoldNo) -> Option<Cow<'_, Hold>> {
        self.inventory(inventory)?.hold(order).filter(|hold| hold.order.is_some())
    }
}
