//! Counting a show afresh, so that what its owners believe can be checked.
//!
//! Two questions need two moments. Whether stock was lost between segments can only be seen when
//! all of them are looked at as of one sequence: [`Replica::recount`]. Whether an owner believes
//! what the journal says can only be seen at the owner's own version, and a rush has moved on by
//! the time the copy is asked: so the copy counts on its way there, [`ReplicaHandle::ask_at`].

use std::collections::{BTreeMap, HashMap};

use usher_engine::inventory::{Audit, Goods};
use usher_engine::stock::Segment;
use usher_engine::{Inventory, MachineId, ShowKey};

use super::{Replica, ReplicaError, ReplicaHandle};
use crate::recovery::RecoveryError;

/// A version of an inventory.
pub type AtVersion = (MachineId, u64);

/// One inventory, counted afresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recounted {
    /// Which.
    pub inventory: MachineId,
    /// As of which version of it.
    pub version: u64,
    /// What was found.
    pub audit: Audit,
}

/// A whole show, counted afresh as of one sequence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShowRecount {
    /// The sequence.
    pub at_seq: u64,
    /// Its house first, then its segments in order.
    pub inventories: Vec<Recounted>,
    /// Tickets that left a segment and have not come to another.
    pub in_transit: u64,
    /// What does not add up between the segments of a pool, in words. Must be empty.
    pub faults: Vec<String>,
}

impl ReplicaHandle {
    /// As [`ReplicaHandle::ask`]. On its way to the newest record the copy also counts each of
    /// these inventories afresh when it has the version named; `None` stands for one that it was
    /// past already, or never came to.
    ///
    /// # Errors
    /// See [`ReplicaError`].
    pub async fn ask_at<T: Send + 'static>(
        &self,
        versions: Vec<AtVersion>,
        ask: impl FnOnce(&mut Replica, Vec<Option<Audit>>) -> T + Send + 'static,
    ) -> Result<T, ReplicaError> {
        let question = move |replica: &mut Replica| {
            let counted = replica.catch_up_counting(&versions)?;
            Ok(ask(replica, counted))
        };
        self.post(question)?.await.map_err(|_| ReplicaError::Stopped)?
    }
}

impl Replica {
    /// Counts all inventories of a show afresh; `None` where there is no such show.
    #[must_use]
    pub fn recount(&self, show: ShowKey) -> Option<ShowRecount> {
        let house = self.inventory(MachineId::house(show))?;
        house.show()?;
        let inventories = self.inventories_of(show);
        let mut recount = ShowRecount { at_seq: self.at_seq(), ..ShowRecount::default() };
        recount.inventories.extend(inventories.iter().map(|inventory| Recounted {
            inventory: inventory.id(),
            version: inventory.version(),
            audit: inventory.audit(),
        }));
        for (place, pool) in pools_of(house, &inventories).into_iter().enumerate() {
            pool.check(place, &mut recount);
        }
        Some(recount)
    }

    /// How many holds and unpaid orders of a show keep their units now.
    #[must_use]
    pub fn live_holds(&self, show: ShowKey) -> u64 {
        let holds = self.inventories_of(show).into_iter().flat_map(Inventory::holds);
        holds.filter(|(_, hold)| hold.keeps_units()).count() as u64
    }

    fn catch_up_counting(
        &mut self,
        versions: &[AtVersion],
    ) -> Result<Vec<Option<Audit>>, RecoveryError> {
        let wanted: HashMap<MachineId, u64> = versions.iter().copied().collect();
        let mut counted: HashMap<MachineId, Audit> = HashMap::new();
        let mut see = |inventory: &Inventory| {
            if wanted.get(&inventory.id()) == Some(&inventory.version()) {
                counted.entry(inventory.id()).or_insert_with(|| inventory.audit());
            }
        };
        // What is at its version already will not come by.
        let here = |replica: &Self, see: &mut dyn FnMut(&Inventory)| {
            let state = replica.state.as_ref();
            let known = versions.iter().filter_map(|(id, _)| state?.inventory(*id));
            known.for_each(see);
        };
        here(self, &mut see);
        self.catch_up_seeing(&mut see)?;
        // The first time there is nothing to follow: the copy is loaded, and is where it is.
        here(self, &mut see);
        Ok(versions.iter().map(|(id, _)| counted.remove(id)).collect())
    }
}

/// The segments of one pool as the copy has them.
struct PoolOf<'a> {
    name: &'a str,
    /// Tickets that the house says were given to the pool so far.
    quantity: u64,
    terms_version: u32,
    segments: BTreeMap<u16, &'a Segment>,
}

fn pools_of<'a>(house: &'a Inventory, inventories: &[&'a Inventory]) -> Vec<PoolOf<'a>> {
    let Some(show) = house.show() else { return Vec::new() };
    let mut pools: Vec<PoolOf<'a>> = show
        .pools
        .iter()
        .map(|pool| PoolOf {
            name: &pool.name,
            quantity: u64::from(pool.quantity),
            terms_version: show.terms_version,
            segments: BTreeMap::new(),
        })
        .collect();
    for inventory in inventories {
        if let Goods::Stock(segment) = inventory.goods() {
            pools[usize::from(segment.pool)].segments.insert(segment.segment, segment);
        }
    }
    pools
}

impl PoolOf<'_> {
    fn check(&self, place: usize, recount: &mut ShowRecount) {
        let name = self.name;
        let sum = |of: fn(&Segment) -> u64| self.segments.values().map(|s| of(s)).sum::<u64>();
        let (lent, received) = (sum(|s| s.lent), sum(|s| s.received));
        let travelling = self.travelling();
        recount.in_transit += travelling;
        let faults = &mut recount.faults;
        if lent.checked_sub(received) != Some(travelling) {
            faults.push(format!(
                "pool {name}: {lent} lent less {received} received is not the {travelling} on \
                 their way"
            ));
        }
        let here = sum(|s| [s.available, s.held, s.sold, s.blocked].map(u64::from).iter().sum());
        let (base, withdrawn) = (sum(|s| u64::from(s.base)), sum(|s| u64::from(s.withdrawn)));
        if base.checked_sub(withdrawn) != Some(here + travelling) {
            faults.push(format!(
                "pool {name}: {base} given less {withdrawn} withdrawn is not {here} here and \
                 {travelling} on their way"
            ));
        }
        // A segment that has not heard of the last change may have less than its share.
        let all_know = self.segments.values().all(|s| s.terms_version == self.terms_version);
        if all_know && base != self.quantity {
            let quantity = self.quantity;
            faults.push(format!("pool {name} ({place}) has {quantity}, its segments {base}"));
        }
    }

    /// Tickets in loans that their borrower does not have yet. A donor keeps a loan open until it
    /// is confirmed, so some of the open ones have arrived.
    fn travelling(&self) -> u64 {
        let loans = self.segments.iter().flat_map(|(donor, segment)| {
            segment
                .open_loans
                .iter()
                .map(move |(&(to, number), &count)| (*donor, to, number, count))
        });
        let on_its_way = |&(donor, to, number, _): &(u16, u16, u32, u32)| {
            self.segments.get(&to).is_none_or(|borrower| !borrower.has_taken(donor, number))
        };
        loans.filter(on_its_way).map(|(.., count)| u64::from(count)).sum()
    }
}
