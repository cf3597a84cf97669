//! Counts and revenue of a show, part by part.

use std::sync::Arc;

use usher_engine::inventory::{Claim, Goods, Hold, OrderStatus, PaymentStatus};
use usher_engine::plan::{SeatIx, SeatPlan};
use usher_engine::seats::{SeatMap, SeatStatus};
use usher_engine::show::{Pool, Terms};
use usher_engine::stock::Segment;
use usher_engine::{Cents, MachineId, ShowKey};

use super::Replica;

/// A show as of one sequence.
#[derive(Debug, Clone)]
pub struct ShowFigures {
    /// The sequence.
    pub at_seq: u64,
    /// How it sells.
    pub terms: Terms,
    /// Its seats, which name the categories and sections below.
    pub plan: Option<Arc<SeatPlan>>,
    /// Its stock pools, which name the pools below.
    pub pools: Vec<Pool>,
    /// By price category of the plan.
    pub by_category: Vec<Figures>,
    /// By section of the plan.
    pub by_section: Vec<Figures>,
    /// By stock pool.
    pub by_pool: Vec<Figures>,
    /// Orders by state, in the order of [`ORDER_STATUSES`].
    pub orders: [u64; ORDER_STATUSES.len()],
    /// Money that is to be given back.
    pub refunds_due: Cents,
}

/// All states of an order, in the order in which an order comes by them.
pub const ORDER_STATUSES: [OrderStatus; 7] = [
    OrderStatus::PendingPay,
    OrderStatus::Paying,
    OrderStatus::Ticketed,
    OrderStatus::Cancelled,
    OrderStatus::Expired,
    OrderStatus::RefundPending,
    OrderStatus::Refunded,
];

/// Counts of a part of a show. While tickets are on their way between the segments of a pool, its
/// states add up to less than its capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Seats or tickets in all.
    pub capacity: u64,
    /// Free to hold.
    pub available: u64,
    /// In holds and unpaid orders.
    pub held: u64,
    /// With tickets.
    pub sold: u64,
    /// Not on sale.
    pub blocked: u64,
    /// Let in.
    pub admitted: u64,
    /// Price of what is sold.
    pub revenue: Cents,
}

impl Figures {
    /// Two parts together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            capacity: self.capacity + other.capacity,
            available: self.available + other.available,
            held: self.held + other.held,
            sold: self.sold + other.sold,
            blocked: self.blocked + other.blocked,
            admitted: self.admitted + other.admitted,
            revenue: Cents(self.revenue.0 + other.revenue.0),
        }
    }
}

impl Replica {
    /// Counts a show; `None` where there is no such show.
    #[must_use]
    pub fn figures(&self, show: ShowKey) -> Option<ShowFigures> {
        let house = self.inventory(MachineId::house(show))?;
        let (record, terms) = (house.show()?, house.terms()?);
        let plan = match house.goods() {
            Goods::Seats(map) => Some(map.plan().clone()),
            Goods::Nothing | Goods::Stock(_) => None,
        };
        let of_plan = |count: fn(&SeatPlan) -> usize| {
            vec![Figures::default(); plan.as_deref().map_or(0, count)]
        };
        let mut figures = ShowFigures {
            at_seq: self.at_seq(),
            terms: terms.clone(),
            by_category: of_plan(|plan| plan.categories().len()),
            by_section: of_plan(|plan| plan.sections().len()),
            by_pool: vec![Figures::default(); record.pools.len()],
            pools: record.pools.clone(),
            plan,
            orders: [0; ORDER_STATUSES.len()],
            refunds_due: Cents(0),
        };
        let mut withdrawn = vec![0; record.pools.len()];
        for inventory in self.inventories_of(show) {
            match inventory.goods() {
                Goods::Nothing => {}
                Goods::Seats(map) => figures.count_seats(map),
                Goods::Stock(segment) => {
                    figures.count_stock(segment);
                    withdrawn[usize::from(segment.pool)] += u64::from(segment.withdrawn);
                }
            }
            for (_, hold) in inventory.holds() {
                figures.count_order(&hold, inventory.goods());
            }
        }
        // A segment may have withdrawn what it had borrowed, so only the sums make sense.
        for (pool, withdrawn) in figures.by_pool.iter_mut().zip(withdrawn) {
            pool.capacity -= withdrawn;
        }
        Some(figures)
    }
}

impl ShowFigures {
    /// The whole show.
    #[must_use]
    pub fn total(&self) -> Figures {
        let parts = self.by_category.iter().chain(&self.by_pool);
        parts.fold(Figures::default(), |sum, part| sum.plus(*part))
    }

    fn count_seats(&mut self, map: &SeatMap) {
        for (seat, status) in map.plan().seats().zip(map.statuses()) {
            self.at_seat(map.plan(), seat, |figures| {
                figures.capacity += 1;
                *match status {
                    SeatStatus::Available => &mut figures.available,
                    SeatStatus::Held => &mut figures.held,
                    SeatStatus::Sold => &mut figures.sold,
                    SeatStatus::Blocked => &mut figures.blocked,
                } += 1;
            });
        }
    }

    fn count_stock(&mut self, segment: &Segment) {
        let figures = &mut self.by_pool[usize::from(segment.pool)];
        figures.capacity += u64::from(segment.base);
        figures.available += u64::from(segment.available);
        figures.held += u64::from(segment.held);
        figures.sold += u64::from(segment.sold);
        figures.blocked += u64::from(segment.blocked);
    }

    fn count_order(&mut self, hold: &Hold, goods: &Goods) {
        let Some(order) = hold.order.as_deref() else { return };
        let place = ORDER_STATUSES.iter().position(|status| *status == order.status);
        self.orders[place.expect("all states are listed")] += 1;
        let due = |status| matches!(status, PaymentStatus::RefundDue(_));
        let owed = order.payments.iter().filter(|payment| due(payment.status));
        self.refunds_due.0 += owed.map(|payment| payment.amount.0).sum::<u64>();
        if !hold.is_sold() {
            return;
        }
        let is_used = |place: usize| order.tickets.get(place).is_some_and(|t| t.scan.is_some());
        match (&hold.claim, goods) {
            (Claim::Seats(seats), Goods::Seats(map)) => {
                let shares = self.share_out(hold.total, seats, map.plan());
                for (place, (&seat, share)) in seats.iter().zip(shares).enumerate() {
                    self.at_seat(map.plan(), seat, |figures| {
                        figures.revenue.0 += share.0;
                        figures.admitted += u64::from(is_used(place));
                    });
                }
            }
            (Claim::Stock(quantity), Goods::Stock(segment)) => {
                let figures = &mut self.by_pool[usize::from(segment.pool)];
                figures.revenue.0 += hold.total.0;
                let used = (0..*quantity as usize).filter(|&place| is_used(place));
                figures.admitted += used.count() as u64;
            }
            _ => unreachable!("a claim is of the kind of its inventory"),
        }
    }

    /// What each seat brought. An order keeps one price for all of its seats; they are weighed by
    /// the prices of today, which is exact unless prices changed since and the seats are of
    /// several categories. The sum is always exact.
    fn share_out(&self, total: Cents, seats: &[SeatIx], plan: &SeatPlan) -> Vec<Cents> {
        let price = |seat: &SeatIx| self.terms.prices[plan.category_of(*seat).index()].0;
        let weights: Vec<u64> = seats.iter().map(price).collect();
        let sum = u128::from(weights.iter().sum::<u64>());
        let count = seats.len() as u128;
        let mut left = total.0;
        let mut shares: Vec<Cents> = weights
            .iter()
            .map(|&weight| {
                let total = u128::from(total.0);
                let weighed = (total * u128::from(weight)).checked_div(sum);
                let share = weighed.unwrap_or(total / count);
                let share = u64::try_from(share).expect("a share is at most the total");
                left -= share;
                Cents(share)
            })
            .collect();
        if let Some(last) = shares.last_mut() {
            last.0 += left;
        }
        shares
    }

    fn at_seat(&mut self, plan: &SeatPlan, seat: SeatIx, change: impl Fn(&mut Figures)) {
        change(&mut self.by_category[plan.category_of(seat).index()]);
        change(&mut self.by_section[plan.section_of(seat).index()]);
    }
}
