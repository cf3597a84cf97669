//! An inventory counted afresh from its holds, orders and tickets, without the running counters.

use std::collections::BTreeMap;

use super::{Claim, Goods, Hold, Inventory, OrderStatus, PaymentStatus};
use crate::id::HoldNo;
use crate::plan::SeatIx;
use crate::stock::Segment;

/// What a recount found. All figures are seats or tickets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Audit {
    /// What the organiser gave, less what was taken back. Below 0 in a segment that had to withdraw
    /// tickets which it had borrowed; the sum over a pool is what the pool has.
    pub capacity: i64,
    /// Free to hold.
    pub available: u64,
    /// Held by active holds and unpaid orders.
    pub held: u64,
    /// Belonging to ticketed orders.
    pub sold: u64,
    /// Not yet on sale.
    pub blocked: u64,
    /// Lent and not yet confirmed, as the donor sees it.
    pub in_transit: u64,
    /// Ever lent.
    pub lent: u64,
    /// Ever received.
    pub received: u64,
    /// Tickets of ticketed orders.
    pub tickets_issued: u64,
    /// Seats with more than one owner. Must be empty.
    pub double_sold: Vec<SeatIx>,
    /// Orders with money but neither tickets nor a refund due or made. Must be empty.
    pub paid_without_ticket: Vec<HoldNo>,
    /// What else does not add up, in words. Must be empty.
    pub faults: Vec<String>,
}

impl Audit {
    fn take_stock(&mut self, segment: &Segment) {
        self.capacity = i64::from(segment.base) - i64::from(segment.withdrawn);
        self.available = u64::from(segment.available);
        self.blocked = u64::from(segment.blocked);
        self.in_transit = u64::from(segment.in_transit());
        self.lent = segment.lent;
        self.received = segment.received;
    }
}

impl Inventory {
    /// The running counters, in the form of an audit: what the owner believes. Takes no time.
    #[must_use]
    pub fn tally(&self) -> Audit {
        let mut tally = Audit {
            held: u64::from(self.units_held),
            sold: u64::from(self.units_sold),
            tickets_issued: u64::from(self.units_sold),
            ..Audit::default()
        };
        match &self.goods {
            Goods::Nothing => {}
            Goods::Seats(map) => {
                let counts = map.counts();
                tally.capacity = i64::from(map.plan().seat_count());
                tally.available = u64::from(counts.available);
                tally.blocked = u64::from(counts.blocked);
            }
            Goods::Stock(segment) => tally.take_stock(segment),
        }
        tally
    }

    /// Counts everything afresh. Takes time in proportion to the inventory; not for a live shard.
    #[must_use]
    pub fn audit(&self) -> Audit {
        let mut audit = Audit::default();
        let mut owners: BTreeMap<SeatIx, u32> = BTreeMap::new();
        for (no, hold) in self.holds.iter() {
            let units = u64::from(hold.claim.units());
            let sold = hold.is_sold();
            audit.held += units * u64::from(hold.keeps_units());
            audit.sold += units * u64::from(sold);
            if let (Claim::Seats(seats), true) = (&hold.claim, sold || hold.keeps_units()) {
                for &seat in seats {
                    *owners.entry(seat).or_default() += 1;
                }
            }
            audit_order(no, &hold, &mut audit);
        }
        audit.paid_without_ticket.sort_unstable();
        audit.double_sold =
            owners.iter().filter(|(_, count)| **count > 1).map(|(seat, _)| *seat).collect();
        self.audit_goods(&mut audit, owners.len() as u64);
        self.audit_documents(&mut audit.faults);
        audit
    }

    fn audit_goods(&self, audit: &mut Audit, seats_owned: u64) {
        let (held, sold) = match &self.goods {
            Goods::Nothing => return,
            Goods::Seats(map) => {
                let counts = map.recount();
                audit.capacity = i64::from(map.plan().seat_count());
                audit.available = u64::from(counts.available);
                audit.blocked = u64::from(counts.blocked);
                if seats_owned != u64::from(counts.held + counts.sold) {
                    audit.faults.push(format!(
                        "{seats_owned} seats have an owner, {} are held or sold",
                        counts.held + counts.sold
                    ));
                }
                (counts.held, counts.sold)
            }
            Goods::Stock(segment) => {
                audit.take_stock(segment);
                if !segment.is_conserved() {
                    audit.faults.push(format!("stock is not conserved: {segment:?}"));
                }
                (segment.held, segment.sold)
            }
        };
        if (audit.held, audit.sold) != (u64::from(held), u64::from(sold)) {
            audit.faults.push(format!(
                "holds and orders own {} held and {} sold, the goods count {held} and {sold}",
                audit.held, audit.sold
            ));
        }
    }
}

fn audit_order(no: HoldNo, hold: &Hold, audit: &mut Audit) {
    let Some(order) = &hold.order else { return };
    if order.status == OrderStatus::Ticketed {
        audit.tickets_issued += order.tickets.len() as u64;
        if order.tickets.len() as u64 != u64::from(hold.claim.units()) {
            audit.faults.push(format!("order {} has not one ticket per unit", no.0));
        }
    } else if order.payments.iter().any(|payment| payment.status == PaymentStatus::Captured) {
        audit.paid_without_ticket.push(no);
    }
}
