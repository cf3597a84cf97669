//! Where money is: of each message that said there is some, and was acknowledged, it is recorded
//! once, at its order or among the strays of the inventory that the message went to. There it pays
//! for tickets, or it is due back; what is due is ordered to go back until somebody says that it
//! went, and then not again.
//!
//! A message stands for one unit of money: a name of a payment, for one order. A provider repeats
//! its messages, so the same name for the same order is the same money, whatever amount the repeat
//! says. The same name for two orders is money for each of them, since an authentic provider said
//! so; forged messages end at the signature and never get here.

use std::collections::{BTreeMap, BTreeSet};

use super::{Auditor, HoldName, Money, Payment, Seen};

/// What was said of money.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// What was told of money by each name: for which order, and how much.
    told: BTreeMap<u64, Vec<(HoldName, u64)>>,
    /// What of that was acknowledged to the provider.
    acknowledged: BTreeSet<(u64, HoldName)>,
    /// Payments that the provider said it gave back, and was heard: slot and name.
    given_back: BTreeSet<(u16, u64)>,
    /// Those of them that were heard before the last start.
    given_back_before: BTreeSet<(u16, u64)>,
    /// Refunds ordered since the last start.
    ordered: BTreeSet<(u16, u64)>,
}

impl Ledger {
    /// A provider says that money is there.
    pub(super) fn told(&mut self, hold: HoldName, reference: u64, amount: u64) {
        let told = self.told.entry(reference).or_default();
        if !told.contains(&(hold, amount)) {
            told.push((hold, amount));
        }
    }

    /// The provider was told that it was heard.
    pub(super) fn acknowledged(&mut self, hold: HoldName, reference: u64) {
        self.acknowledged.insert((reference, hold));
    }

    /// It was acknowledged that this money went back.
    pub(super) fn went_back(&mut self, slot: u16, reference: u64) {
        self.given_back.insert((slot, reference));
    }

    /// A start orders again what is due, and nothing else.
    pub(super) fn restarted(&mut self) {
        self.ordered.clear();
        self.given_back_before.clone_from(&self.given_back);
    }

    pub(super) fn refund_ordered(
        &mut self,
        slot: u16,
        reference: u64,
        amount: u64,
    ) -> Result<(), String> {
        let told = self.told.get(&reference).into_iter().flatten();
        if !told.into_iter().any(|((at, _), told)| (*at, *told) == (slot, amount)) {
            return Err(format!("{amount} is to go back as {reference}, which nobody ever paid"));
        }
        // Where one name stands for several payments, another of them may be due.
        let is_one = self.targets(slot, reference) == 1;
        if is_one && self.given_back_before.contains(&(slot, reference)) {
            return Err(format!("{reference} is to go back again, long after it went"));
        }
        self.ordered.insert((slot, reference));
        Ok(())
    }

    /// How many different orders of a slot a payment was told for.
    fn targets(&self, slot: u16, reference: u64) -> usize {
        let told = self.told.get(&reference).into_iter().flatten();
        let targets: BTreeSet<_> = told.map(|(hold, _)| hold).filter(|h| h.0 == slot).collect();
        targets.len()
    }
}

/// Money as it is recorded, by slot and name: at which order, 0 for none.
type Records = BTreeMap<(u16, u64), Vec<(u32, Payment)>>;

impl Auditor {
    pub(super) fn money_is_accounted_for(&self, all: &[Seen]) -> Result<(), String> {
        let mut records = Records::new();
        for seen in all {
            for hold in seen.holds.iter().filter(|hold| !hold.payments.is_empty()) {
                for payment in hold.payments.iter().filter(|p| p.money != Money::Open) {
                    let entry = records.entry((seen.slot, payment.reference)).or_default();
                    entry.push((hold.name.1, *payment));
                }
            }
            for stray in &seen.strays {
                records.entry((seen.slot, stray.reference)).or_default().push((0, *stray));
            }
        }
        self.what_is_recorded_was_paid(&records)?;
        self.what_was_paid_is_recorded(&records)
    }

    fn what_is_recorded_was_paid(&self, records: &Records) -> Result<(), String> {
        for (&(slot, reference), found) in records {
            let told = self.ledger.told.get(&reference).map_or(&[][..], Vec::as_slice);
            for (order, payment) in found {
                let fits = |((at, no), amount): &(HoldName, u64)| {
                    (*at, *amount) == (slot, payment.amount) && (*order == 0 || order == no)
                };
                if !told.iter().any(fits) {
                    return Err(format!("nobody ever paid {reference}: {payment:?} in {slot}"));
                }
            }
            if found.len() > 1 && found.len() > self.ledger.targets(slot, reference) {
                return Err(format!("{reference} is recorded {} times: {found:?}", found.len()));
            }
        }
        Ok(())
    }

    fn what_was_paid_is_recorded(&self, records: &Records) -> Result<(), String> {
        for &(reference, (slot, order)) in &self.ledger.acknowledged {
            let found = records.get(&(slot, reference)).map_or(&[][..], Vec::as_slice);
            if !found.iter().any(|(at, _)| *at == 0 || *at == order) {
                return Err(format!(
                    "{reference}, paid for {:?}, is recorded 0 times",
                    (slot, order)
                ));
            }
        }
        for &(slot, reference) in &self.ledger.given_back {
            let found = records.get(&(slot, reference)).map_or(&[][..], Vec::as_slice);
            if !found.iter().any(|(_, payment)| payment.money == Money::Back) {
                return Err(format!("{reference} went back, and nobody knows: {found:?}"));
            }
        }
        Ok(())
    }

    /// Whether all that is due back was ordered to go, once nothing waits any more.
    pub(super) fn refunds_are_ordered(&self, all: &[Seen]) -> Result<(), String> {
        for seen in all {
            let of_orders = seen.holds.iter().flat_map(|hold| &hold.payments);
            let due = of_orders.chain(&seen.strays).filter(|p| p.money == Money::Due);
            for payment in due {
                if !self.ledger.ordered.contains(&(seen.slot, payment.reference)) {
                    return Err(format!("{payment:?} is due back, and nobody was told"));
                }
            }
        }
        Ok(())
    }
}
