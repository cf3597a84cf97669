//! Turning changed inventories into views. What is published is captured at the end of the turn
//! that made it, and published when that turn is durable.

use std::sync::Arc;

use usher_engine::id::MachineKind;
use usher_engine::inventory::Goods;
use usher_engine::plan::SeatIx;
use usher_engine::planted::planted;
use usher_engine::seats::{SeatCounts, SeatStatus};
use usher_engine::{Inventory, Machine, MachineId};

use super::release::Release;
use super::{Core, Partition};
use crate::view::{ApiKeys, Directory, Face, SegmentFigures, ShowView};

/// What changed in one inventory during one turn, ready to be published.
#[derive(Debug)]
pub(super) struct ViewUpdate {
    view: Arc<ShowView>,
    version: u64,
    part: Part,
    /// A view that nobody can find yet, to be listed with this update.
    list_in: Option<Arc<Directory>>,
}

#[derive(Debug)]
enum Part {
    House { face: Option<Arc<Face>>, seats: Option<SeatChanges> },
    Segment { pool: u16, segment: u16, figures: SegmentFigures },
}

#[derive(Debug)]
struct SeatChanges {
    changes: Vec<(SeatIx, SeatStatus)>,
    free_by_category: Vec<u32>,
    counts: SeatCounts,
}

impl ViewUpdate {
    pub(super) fn publish(self) {
        match self.part {
            Part::House { face, seats } => {
                if let Some(face) = face {
                    self.view.set_face(face);
                }
                if let Some(SeatChanges { changes, free_by_category, counts }) = seats {
                    self.view.seats.publish(&changes, &free_by_category, counts, self.version);
                }
                self.view.announce(self.version);
            }
            Part::Segment { pool, segment, figures } => {
                if let Some(board) = self.view.pool(pool) {
                    board.segments()[usize::from(segment)].publish(&figures);
                }
            }
        }
        if let Some(directory) = self.list_in {
            directory.insert(self.view);
        }
    }
}

impl Core {
    pub(super) fn publish_touched(&mut self) {
        if planted("stale-read") && self.waiting.len() > 0 {
            return;
        }
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for id in touched.drain(..) {
            self.publish_machine(id);
        }
        self.touched = touched;
    }

    fn publish_machine(&mut self, id: MachineId) {
        match id.kind() {
            MachineKind::Inventory => self.publish_inventory(id),
            MachineKind::Accounts if id == MachineId::API_KEYS => {
                let machine = self.machine(id).and_then(Machine::as_accounts);
                let keys = machine.map(|accounts| Arc::new(ApiKeys::of(accounts)));
                let shown = || self.around.directory.api_keys().all().len();
                let is_fewer = |keys: &Arc<ApiKeys>| keys.all().len() < shown();
                if planted("revoked-key-stays-published") && keys.as_ref().is_some_and(is_fewer) {
                    return;
                }
                if planted("keys-published-before-durable") {
                    return keys.into_iter().for_each(|k| self.around.directory.set_api_keys(k));
                }
                keys.into_iter().for_each(|k| self.turn_releases.push(Release::ApiKeys(k)));
            }
            MachineKind::Room => self.publish_room(id),
            // Nobody reads of them but by asking.
            MachineKind::Accounts => {}
        }
    }

    fn publish_inventory(&mut self, id: MachineId) {
        let Some((view, list_in)) = self.view_of(id) else { return };
        let partition = self.partitions.get_mut(&id.partition()).expect("touched while owned");
        let machine = partition.machines.get_mut(&id).expect("touched while owned");
        let Machine::Inventory(inventory) = machine else { return };
        let version = inventory.version();
        let part = match id.pool_and_segment() {
            Some((pool, segment)) => {
                let Goods::Stock(stock) = inventory.goods() else { return };
                let figures = SegmentFigures::of(stock, version);
                Part::Segment { pool, segment, figures }
            }
            None => house_part(inventory, &view),
        };
        let update = ViewUpdate { view, version, part, list_in };
        if planted("view-before-durable") {
            return update.publish();
        }
        self.turn_releases.push(Release::View(Box::new(update)));
    }

    /// The view that an inventory is published in. A new house gets a new one, which is listed when
    /// the house is durable.
    fn view_of(&mut self, id: MachineId) -> Option<(Arc<ShowView>, Option<Arc<Directory>>)> {
        if let Some(view) = &self.handle(id).view {
            return Some((view.clone(), None));
        }
        let directory = self.around.directory.clone();
        let (view, list_in) = match directory.show(id.show) {
            Some(view) => (view, None),
            None => (Arc::new(new_view(self.inventory(id)?)?), Some(directory)),
        };
        self.handle(id).view = Some(view.clone());
        Some((view, list_in))
    }
}

fn house_part(inventory: &mut Inventory, view: &ShowView) -> Part {
    // Just as much room as is needed: a large show is put on sale with all its seats at once.
    let mut changes = Vec::with_capacity(inventory.change_count());
    inventory.drain_changes(|seat, status| changes.push((seat, status)));
    let seats = match inventory.goods() {
        Goods::Seats(map) => Some(SeatChanges {
            changes,
            free_by_category: crate::view::free_by_category(map),
            counts: map.counts(),
        }),
        Goods::Nothing | Goods::Stock(_) => None,
    };
    // A change of schedule alone concerns no reader.
    let told = view.face().terms_version;
    let is_told = inventory.show().is_none_or(|show| show.terms_version == told);
    let face = if is_told { None } else { face_of(inventory).map(Arc::new) };
    Part::House { face, seats }
}

fn face_of(inventory: &Inventory) -> Option<Face> {
    let (terms, show) = (inventory.terms()?, inventory.show()?);
    Some(Face {
        details: show.details.clone(),
        terms: terms.clone(),
        pools: show.pools.clone(),
        terms_version: show.terms_version,
    })
}

fn new_view(house: &Inventory) -> Option<ShowView> {
    let plan = match house.goods() {
        Goods::Seats(map) => Some(map.plan().clone()),
        Goods::Nothing | Goods::Stock(_) => None,
    };
    Some(ShowView::new(house.id().show, plan, face_of(house)?))
}

/// Publishes the recovered keys of integrators.
pub(crate) fn publish_recovered_keys<'a>(
    directory: &Directory,
    mut partitions: impl Iterator<Item = &'a Partition>,
) {
    let keys = partitions.find_map(|partition| partition.machines.get(&MachineId::API_KEYS));
    if let Some(accounts) = keys.and_then(Machine::as_accounts) {
        directory.set_api_keys(Arc::new(ApiKeys::of(accounts)));
    }
}

/// Publishes a recovered inventory at once: all of it is durable. Where its show was published
/// before, whoever reads it there goes on doing so.
pub(crate) fn publish_recovered(directory: &Arc<Directory>, inventory: &Inventory) {
    let id = inventory.id();
    match id.pool_and_segment() {
        None => {
            let Some(view) = directory.show(id.show).or_else(|| new_view(inventory).map(Arc::new))
            else {
                return;
            };
            if let Some(face) = face_of(inventory) {
                view.set_face(Arc::new(face));
            }
            if let Goods::Seats(map) = inventory.goods() {
                view.seats.publish_all(map, inventory.version());
            }
            view.announce(inventory.version());
            directory.insert(view);
        }
        Some((pool, segment)) => {
            let (Some(view), Goods::Stock(stock)) = (directory.show(id.show), inventory.goods())
            else {
                return;
            };
            if let Some(board) = view.pool(pool) {
                let figures = SegmentFigures::of(stock, inventory.version());
                board.segments()[usize::from(segment)].publish(&figures);
            }
        }
    }
}
