//! Organisers, operators and the box office.

use std::collections::VecDeque;

use usher_engine::command::{CounterSale, TicketNonces};
use usher_engine::id::TicketNonce;
use usher_engine::limits::UNITS_PER_HOLD_MAX;
use usher_engine::plan::SeatIx;
use usher_engine::show::{OnSale, PausedBy, PoolChange, SaleMove, SeatRange, ShowChange};
use usher_engine::{BuyerId, Cents, Command, HoldNo, Timestamp};

use super::{Ask, People, SEATS, What, about};
use crate::auditor::{Asked, BOX_OFFICE, Change, OrderLife, Wanted};
use crate::random::Random;
use crate::world::SEGMENTS;

impl People {
    /// What somebody behind the counter or in the office does.
    pub(super) fn manage(&mut self, random: &mut Random, now: u64) -> Ask {
        match random.below(40) {
            0 => house(Change::Pause(true), move_sale(SaleMove::Pause(PausedBy::Organiser))),
            // A sale that stands still shows little: who stopped it goes on soon.
            1..=4 => house(Change::Pause(false), move_sale(SaleMove::Resume(PausedBy::Organiser))),
            5 => house(Change::OperatorPause(true), move_sale(SaleMove::Pause(PausedBy::Operator))),
            6..=9 => {
                let resume = move_sale(SaleMove::Resume(PausedBy::Operator));
                house(Change::OperatorPause(false), resume)
            }
            10 => house(Change::Close(true), move_sale(SaleMove::Close)),
            11..=14 => house(Change::Close(false), move_sale(SaleMove::Open)),
            15..=19 => change_terms(random),
            20..=23 => put_on_sale(random, now),
            24 => withdraw(random),
            25..=31 => self.counter_sale(random),
            32 => self.take_everything_back(random),
            33 => house(Change::Other, Command::RunSchedule),
            _ => {
                let slot = random.below(u64::from(SEGMENTS) + 1) as u16;
                let extend = Command::ExtendHolds { ms: 1 + random.below(5_000) };
                managing(slot, Change::Other, extend)
            }
        }
    }

    fn counter_sale(&mut self, random: &mut Random) -> Ask {
        let (slot, wish, wanted) = self.wish(random);
        let key = random.once_in(2).then(|| self.new_key(random));
        let sale = CounterSale {
            buyer: BuyerId(BOX_OFFICE.into()),
            wish,
            contact: Box::default(),
            documents: Vec::new(),
            nonces: TicketNonces(Box::new([TicketNonce([0; 10]); UNITS_PER_HOLD_MAX as usize])),
            key,
        };
        let key = key.map(|used| (used.key, used.digest));
        let asked = Asked { slot, buyer: BOX_OFFICE, key, wanted, likeness: 0, is_cursed: false };
        Ask { asked, what: What::Do(Command::CounterSale(sale)) }
    }

    /// The show is off: all that is known to be sold is to be taken back, one after the other.
    fn take_everything_back(&mut self, random: &mut Random) -> Ask {
        let is_sold = |order| order == Some(OrderLife::Ticketed);
        let sold = self.known.values().filter(|hold| is_sold(hold.order));
        let off: VecDeque<Ask> = sold
            .map(|hold| {
                let refund = Command::Refund { order: HoldNo(hold.name.1), reason: "off".into() };
                about(hold, Wanted::End { hold: hold.name }, refund)
            })
            .collect();
        self.agenda.extend(off);
        self.agenda.pop_front().unwrap_or_else(|| withdraw(random))
    }
}

fn change_terms(random: &mut Random) -> Ask {
    let nothing = ShowChange::default();
    let (change, of_show) = match random.below(4) {
        0 => {
            let limit = 4 + random.below(5) as u32;
            (Change::Limit(limit), ShowChange { units_per_buyer_max: Some(limit), ..nothing })
        }
        1 => {
            let price = 500 + 100 * random.below(10);
            let prices = Some(vec![Cents(price)]);
            (Change::SeatPrice(price), ShowChange { prices, ..nothing })
        }
        2 => {
            let price = 2_000 + 100 * random.below(10);
            let pools = vec![PoolChange { pool: 0, add: 0, price: Some(Cents(price)) }];
            (Change::StockPrice(price), ShowChange { pools, ..nothing })
        }
        _ => {
            let add = 1 + random.below(3) as u32;
            let pools = vec![PoolChange { pool: 0, add, price: None }];
            (Change::AddStock(add), ShowChange { pools, ..nothing })
        }
    };
    house(change, Command::ChangeShow(Box::new(of_show)))
}

fn put_on_sale(random: &mut Random, now: u64) -> Ask {
    let at = random.once_in(2).then(|| now + random.below(20_000));
    let (change, what) = if random.once_in(3) {
        let quantity = 1 + random.below(4) as u32;
        (Change::StockOnSale, OnSale::Stock { pool: 0, quantity })
    } else {
        let first = random.below(u64::from(SEATS)) as u32;
        let count = (1 + random.below(4) as u32).min(SEATS - first);
        let range = SeatRange { first: SeatIx(first), count };
        (Change::SeatsOnSale { first, count, at }, OnSale::Seats(vec![range]))
    };
    house(change, Command::PutOnSale { what, at: at.map(Timestamp) })
}

fn withdraw(random: &mut Random) -> Ask {
    let quantity = 1 + random.below(2) as u32;
    let slot = 1 + random.below(u64::from(SEGMENTS)) as u16;
    managing(slot, Change::Withdraw(quantity), Command::Withdraw { quantity })
}

fn move_sale(to: SaleMove) -> Command {
    Command::MoveSale(to)
}

fn house(change: Change, command: Command) -> Ask {
    managing(0, change, command)
}

fn managing(slot: u16, change: Change, command: Command) -> Ask {
    let wanted = Wanted::Manage(change);
    let asked = Asked { slot, buyer: 0, key: None, wanted, likeness: 0, is_cursed: false };
    Ask { asked, what: What::Do(command) }
}
