//! The real-name rule: so many units for each document, over all orders of an inventory.
//!
//! A show that has the rule wants one document for each unit of an order, and lets no document have
//! more than so many units. What is seen of a document is a keyed hash; who has it is sealed in the
//! contact. A show without the rule has none of this, not even an empty list.
//!
//! What always holds: each document has as many entries here as it has units in orders that are
//! held or sold, and they are never more than the show allows. For that the rule is fixed before
//! anything is on sale, and late money whose document has found other units goes back.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::{Hold, Inventory};
use crate::hash::FixedHashMap;
use crate::id::{DocumentHash, HoldNo};
use crate::refusal::Refusal;
use crate::show::Terms;
use crate::time::Timestamp;

/// Why the people whom an order names do not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentRefusal {
    /// The show wants another number of them.
    #[error("the show wants {wanted} people by name and document, one for each ticket")]
    Wanted {
        /// As many as there are units.
        wanted: u32,
    },
    /// The show asks nobody who they are.
    #[error("the show does not ask for names and documents")]
    NotAsked,
    /// A document would have more units than one may have.
    #[error("one document may have at most {units_max}")]
    Limit {
        /// The bound.
        units_max: u32,
        /// What it has already, this order left out.
        has: u32,
        /// Where in the order it stands, from 0.
        place: u32,
    },
}

impl DocumentRefusal {
    /// The stable number of this refusal.
    #[must_use]
    pub fn number(self) -> u16 {
        match self {
            Self::Wanted { .. } => 201,
            Self::NotAsked => 202,
            Self::Limit { .. } => 203,
        }
    }
}

/// The documents of one inventory's orders.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    /// Of every order that named any, one for each unit, whatever became of it.
    of_orders: BTreeMap<HoldNo, Box<[DocumentHash]>>,
    /// By document, the orders in which it has units now: once for each unit.
    owners: FixedHashMap<DocumentHash, Owners>,
}

/// Mostly a document has one unit, which needs no allocation of its own.
type Owners = SmallVec<[HoldNo; 2]>;

impl Documents {
    /// Notes what an order names; its units are counted from now on.
    pub(super) fn give(&mut self, order: HoldNo, documents: &[DocumentHash]) {
        self.of_orders.insert(order, documents.into());
        self.count(order);
    }

    /// Counts the units of an order.
    pub(super) fn count(&mut self, order: HoldNo) {
        for document in self.of_orders.get(&order).map_or(&[][..], |documents| documents) {
            self.owners.entry(*document).or_default().push(order);
        }
    }

    /// Counts the units of an order no more.
    pub(super) fn give_back(&mut self, order: HoldNo) {
        for document in self.of_orders.get(&order).map_or(&[][..], |documents| documents) {
            // An order that names a document twice has given both back by now.
            let Some(owners) = self.owners.get_mut(document) else { continue };
            owners.retain(|owner| *owner != order);
            if owners.is_empty() {
                self.owners.remove(document);
            }
        }
    }

    /// In which orders a document has units, once for each.
    fn owners(&self, document: DocumentHash) -> &[HoldNo] {
        self.owners.get(&document).map_or(&[], |owners| owners)
    }
}

impl Inventory {
    /// The documents that an order named, one for each unit; none where the show asks for none.
    #[must_use]
    pub fn documents_of(&self, order: HoldNo) -> &[DocumentHash] {
        let documents = self.documents.as_ref().and_then(|all| all.of_orders.get(&order));
        documents.map_or(&[], |documents| documents)
    }

    /// Whether an order names as many documents as the show wants.
    pub(super) fn check_documents(
        named: &[DocumentHash],
        units: u32,
        terms: &Terms,
    ) -> Result<(), Refusal> {
        match (terms.units_per_document_max, named.len()) {
            (0, 0) => Ok(()),
            (0, _) => Err(DocumentRefusal::NotAsked.into()),
            (_, count) if count == units as usize => Ok(()),
            (_, _) => Err(DocumentRefusal::Wanted { wanted: units }.into()),
        }
    }

    /// Whether each of these documents may have one unit more for each time it is named. Gives the
    /// orders past their end that have to be ended for that, each once.
    pub(super) fn room_for_documents(
        &self,
        named: &[DocumentHash],
        terms: &Terms,
        now: Timestamp,
    ) -> Result<Vec<HoldNo>, Refusal> {
        let units_max = terms.units_per_document_max;
        let mut in_the_way: Vec<HoldNo> = Vec::new();
        for (place, document) in named.iter().enumerate() {
            let owners = self.documents.as_ref().map_or(&[][..], |all| all.owners(*document));
            // At most UNITS_PER_HOLD_MAX documents: comparing pairs is quicker than any set.
            let before = named[..place].iter().filter(|other| *other == document).count();
            if owners.len() + before < units_max as usize {
                continue;
            }
            let is_over = |order: &&HoldNo| self.is_overdue(**order, now);
            let overdue = owners.iter().filter(is_over).count();
            if owners.len() - overdue + before >= units_max as usize {
                let (has, place) = ((owners.len() - overdue) as u32, place as u32);
                return Err(DocumentRefusal::Limit { units_max, has, place }.into());
            }
            in_the_way.extend(owners.iter().filter(is_over));
        }
        in_the_way.sort_unstable();
        in_the_way.dedup();
        Ok(in_the_way)
    }

    /// As [`Inventory::room_for_documents`], for late money that brings an order back.
    pub(super) fn room_for_late(
        &self,
        order: HoldNo,
        now: Timestamp,
    ) -> Result<Vec<HoldNo>, Refusal> {
        match &self.terms {
            Some(terms) => self.room_for_documents(self.documents_of(order), terms, now),
            None => Ok(Vec::new()),
        }
    }

    /// What orders named, for an image, by number.
    pub(super) fn documents_image(&self) -> Vec<(HoldNo, Vec<DocumentHash>)> {
        let documents = self.documents.iter().flat_map(|documents| &documents.of_orders);
        documents.map(|(order, named)| (*order, named.to_vec())).collect()
    }

    /// Notes what an order of an image named; `false` where that cannot be.
    pub(super) fn restore_documents(&mut self, order: HoldNo, named: &[DocumentHash]) -> bool {
        let Some(hold) = self.holds.get(order) else { return false };
        let fits = hold.order.is_some() && hold.claim.units() as usize == named.len();
        let counts = has_units(&hold);
        if fits {
            let documents = self.documents.get_or_insert_default();
            documents.give(order, named);
            if !counts {
                documents.give_back(order);
            }
        }
        fits
    }

    /// Counts the units of each document afresh, from orders, and says in words what is wrong.
    pub(super) fn audit_documents(&self, faults: &mut Vec<String>) {
        let units_max = self.terms.as_ref().map_or(0, |terms| terms.units_per_document_max);
        if units_max == 0 && self.documents.is_none() {
            return;
        }
        let mut counted: BTreeMap<DocumentHash, u32> = BTreeMap::new();
        for (no, hold) in self.holds.iter().filter(|(_, hold)| hold.order.is_some()) {
            let named = self.documents_of(no);
            let wanted = if units_max == 0 { 0 } else { hold.claim.units() };
            if named.len() as u32 != wanted {
                faults.push(format!("order {} names {} documents", no.0, named.len()));
            }
            for document in named.iter().filter(|_| has_units(&hold)) {
                *counted.entry(*document).or_default() += 1;
            }
        }
        let above = counted.values().filter(|units| **units > units_max).count();
        if above > 0 {
            faults.push(format!("{above} documents have more than {units_max} units"));
        }
        let kept = self.documents.iter().flat_map(|documents| &documents.owners);
        let kept: BTreeMap<_, _> =
            kept.map(|(document, owners)| (*document, owners.len() as u32)).collect();
        if counted != kept {
            faults.push("the units of documents are not those of their orders".to_owned());
        }
    }
}

/// Whether an order has units now.
fn has_units(hold: &Hold) -> bool {
    hold.keeps_units() || hold.is_sold()
}
