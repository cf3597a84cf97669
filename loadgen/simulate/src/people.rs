//! Buyers, organisers, operators and payment providers: what they ask for next, and what they
//! remember. They repeat themselves, contradict themselves, and pay what they should not.

mod organisers;
mod providers;
mod show;

use std::collections::{BTreeMap, VecDeque};

use usher_engine::command::{CheckIn, HoldRequest, KeyUse, OrderRequest, PaymentStart, Wish};
use usher_engine::id::TicketNonce;
use usher_engine::plan::SeatIx;
use usher_engine::{BuyerId, Command, HoldNo, Timestamp};
use usher_shards::core::RefundOrder;
use usher_shards::message::Request;

use crate::auditor::{Asked, HoldName, Life, OrderLife, SeenHold, Told, Wanted};
use crate::eyes;
use crate::random::Random;
use crate::trouble::Trouble;
use crate::world::{CURSED_HOLD_MS, SEGMENTS};

pub(crate) use show::{hall, opening};

/// Seats of the hall, in rows of eight.
pub(crate) const SEATS: u32 = 24;
/// Standing tickets.
pub(crate) const STOCK: u32 = 24;
/// What one buyer may have in one inventory.
pub(crate) const UNITS_PER_BUYER_MAX: u32 = 6;
const BUYERS: u64 = 12;
const HOLD_MS: u64 = 60_000;
const PAY_MS: u64 = 90_000;
/// Requests that may be made again later.
const REMEMBERED: usize = 32;
/// Holds that people have in mind.
const KNOWN_MAX: usize = 128;

/// One thing to be asked of the server.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) asked: Asked,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Do(Command),
    Read(HoldNo),
}

impl Ask {
    pub(crate) fn request(&self) -> Request {
        match &self.what {
            What::Do(command) => Request::Execute(command.clone()),
            What::Read(hold) => Request::Read(*hold),
        }
    }
}

/// Everybody who asks.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// The newest that was heard of each hold.
    known: BTreeMap<HoldName, SeenHold>,
    earlier: Vec<Ask>,
    /// What somebody has begun and goes on with.
    agenda: VecDeque<Ask>,
    next_key: u64,
    next_reference: u64,
    /// Names that providers gave to payments.
    foreign: Vec<u64>,
    refunds: Vec<(u16, RefundOrder)>,
    spared: &'static [Trouble],
}

impl People {
    /// Nobody has asked for anything yet; some kinds of trouble will be spared.
    pub(crate) fn new(spared: &'static [Trouble]) -> Self {
        Self { spared, ..Self::default() }
    }

    /// What somebody asks for next.
    pub(crate) fn next(&mut self, random: &mut Random, now: u64) -> Ask {
        let going_on = if random.once_in(2) { self.agenda.pop_front() } else { None };
        let mut ask = going_on.unwrap_or_else(|| self.something(random, now));
        if let What::Do(command) = &ask.what {
            ask.asked.likeness = eyes::likeness(command);
        }
        if ask.asked.key.is_some() {
            if self.earlier.len() == REMEMBERED {
                self.earlier.remove(0);
            }
            self.earlier.push(ask.clone());
        }
        ask
    }

    fn something(&mut self, random: &mut Random, now: u64) -> Ask {
        match random.below(200) {
            0..60 => self.hold(random),
            60 if self.spared.contains(&Trouble::Panic) => self.hold(random),
            60 => self.cursed(random),
            61..76 if self.spared.contains(&Trouble::Repeat) => self.hold(random),
            61..68 => self.again(random),
            68..76 => self.again_with_another_body(random),
            76..82 => self.look(random),
            82..96 => self.end(random),
            96..126 => self.order(random),
            126..140 => self.start_payment(random),
            140..172 => self.pay(random),
            172..182 => self.enter(random, now),
            182..188 => self.refund_made(random).unwrap_or_else(|| self.hold(random)),
            _ if self.spared.contains(&Trouble::Pause) => self.hold(random),
            _ => self.manage(random, now),
        }
    }

    /// Somebody was told something.
    pub(crate) fn told(&mut self, told: Told) {
        let Told::Done { hold: Some(hold), .. } = told else { return };
        self.known.insert(hold.name, hold);
        if self.known.len() > KNOWN_MAX {
            let over = self.known.iter().find(|(_, hold)| !hold.owns());
            let oldest = over.or_else(|| self.known.iter().next()).map(|(name, _)| *name);
            oldest.map(|name| self.known.remove(&name));
        }
    }

    /// The server wants money to be given back.
    pub(crate) fn refund_due(&mut self, refund: RefundOrder) {
        self.refunds.push((refund.inventory.slot, refund));
    }

    fn hold(&mut self, random: &mut Random) -> Ask {
        let buyer = random.below(BUYERS);
        let (slot, wish, wanted) = self.wish(random);
        let key = random.once_in(2).then(|| self.new_key(random));
        let hold_ms = random.once_in(4).then(|| 2_000 + random.below(HOLD_MS));
        let request = HoldRequest {
            buyer: BuyerId(buyer.into()),
            wish,
            hold_ms,
            key,
            pass: None,
            account_made_at: None,
        };
        let key = key.map(|used| (used.key, used.digest));
        let asked = Asked { slot, buyer, key, wanted, likeness: 0, is_cursed: false };
        Ask { asked, what: What::Do(Command::Hold(request)) }
    }

    /// What somebody would like to have, and where.
    fn wish(&mut self, random: &mut Random) -> (u16, Wish, Wanted) {
        let units = 1 + random.below(4) as u32;
        // Where nobody wants standing tickets, none need to be moved to anybody.
        let kinds = if self.spared.contains(&Trouble::Loan) { 3 } else { 4 };
        match random.below(kinds) {
            0 | 1 => {
                let first = random.below(u64::from(SEATS)) as u32;
                let seats: Vec<u32> = (0..units).map(|n| (first + n) % SEATS).collect();
                let wish = Wish::Seats(seats.iter().copied().map(SeatIx).collect());
                (0, wish, Wanted::Seats(seats))
            }
            2 => {
                let wish = Wish::BestAvailable {
                    quantity: units,
                    category: None,
                    section: None,
                    adjacent: random.once_in(2),
                };
                (0, wish, Wanted::AnySeats(units))
            }
            _ => {
                let slot = 1 + random.below(u64::from(SEGMENTS)) as u16;
                (slot, Wish::Stock { quantity: units }, Wanted::Stock(units))
            }
        }
    }

    /// A request that makes its shard panic, whenever somebody sends it.
    fn cursed(&mut self, random: &mut Random) -> Ask {
        let seat = random.below(3) as u32;
        let request = HoldRequest {
            buyer: BuyerId(0),
            wish: Wish::Seats([SeatIx(seat)].into()),
            hold_ms: Some(CURSED_HOLD_MS),
            key: None,
            pass: None,
            account_made_at: None,
        };
        let wanted = Wanted::Seats(vec![seat]);
        let asked = Asked { slot: 0, buyer: 0, key: None, wanted, likeness: 0, is_cursed: true };
        Ask { asked, what: What::Do(Command::Hold(request)) }
    }

    fn look(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order.is_some());
        let wanted = Wanted::Look { hold: hold.name };
        let mut ask = about(&hold, wanted, Command::RunSchedule);
        ask.what = What::Read(HoldNo(hold.name.1));
        ask
    }

    fn new_key(&mut self, random: &mut Random) -> KeyUse {
        self.next_key += 1;
        KeyUse { key: self.next_key, digest: random.next() }
    }

    fn again(&mut self, random: &mut Random) -> Ask {
        match random.choose(&self.earlier) {
            Some(ask) => ask.clone(),
            None => self.hold(random),
        }
    }

    /// The key of an earlier request, with another one.
    fn again_with_another_body(&mut self, random: &mut Random) -> Ask {
        let Some(earlier) = random.choose(&self.earlier).cloned() else { return self.hold(random) };
        let mut ask = earlier;
        let Some((key, _)) = ask.asked.key else { return ask };
        let digest = random.next();
        ask.asked.key = Some((key, digest));
        let used = Some(KeyUse { key, digest });
        match &mut ask.what {
            What::Do(Command::Hold(request)) => request.key = used,
            What::Do(Command::Order(request)) => request.key = used,
            What::Do(Command::CounterSale(sale)) => sale.key = used,
            What::Do(_) | What::Read(_) => {}
        }
        ask
    }

    /// A hold that somebody knows, most often one that may be of use.
    fn some_hold(&self, random: &mut Random, wants: impl Fn(&SeenHold) -> bool) -> SeenHold {
        let anyone = random.once_in(12);
        let fitting = || self.known.values().filter(|hold| anyone || wants(hold));
        let found = match fitting().count() as u64 {
            0 => {
                let nth = random.below(self.known.len().max(1) as u64);
                self.known.values().nth(nth as usize)
            }
            count => fitting().nth(random.below(count) as usize),
        };
        found.cloned().unwrap_or_else(|| SeenHold {
            name: (random.below(u64::from(SEGMENTS) + 1) as u16, 1 + random.below(9) as u32),
            buyer: random.below(BUYERS),
            seats: Vec::new(),
            units: 1,
            life: Life::Active,
            deadline: None,
            order: None,
            price: 1_000,
            payments: Vec::new(),
            tickets: 0,
            used: Vec::new(),
            nonces: Vec::new(),
        })
    }

    fn end(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, SeenHold::owns);
        let no = HoldNo(hold.name.1);
        let command = match hold.order {
            None => Command::Release { hold: no },
            Some(OrderLife::Ticketed) => Command::Refund { order: no, reason: "ill".into() },
            Some(_) => Command::Cancel { order: no },
        };
        about(&hold, Wanted::End { hold: hold.name }, command)
    }

    fn order(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order.is_none() && hold.deadline.is_some());
        // Now and then somebody tries it with what is not theirs.
        let buyer = if random.once_in(20) { random.below(BUYERS) } else { hold.buyer };
        let key = random.once_in(2).then(|| self.new_key(random));
        let request = OrderRequest {
            hold: HoldNo(hold.name.1),
            buyer: BuyerId(buyer.into()),
            pay_ms: PAY_MS,
            contact: Box::default(),
            documents: Vec::new(),
            key,
        };
        let mut ask = about(&hold, Wanted::Order { hold: hold.name }, Command::Order(request));
        ask.asked.buyer = buyer;
        ask.asked.key = key.map(|k| (k.key, k.digest));
        ask
    }

    fn new_reference(&mut self) -> u64 {
        self.next_reference += 1;
        self.next_reference
    }

    fn start_payment(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order == Some(OrderLife::Payable));
        let start = PaymentStart {
            order: HoldNo(hold.name.1),
            reference: format!("p{}", self.new_reference()).into(),
            extension_ms: 30_000,
            key: None,
        };
        about(&hold, Wanted::Start { hold: hold.name }, Command::StartPayment(start))
    }

    fn enter(&mut self, random: &mut Random, now: u64) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order == Some(OrderLife::Ticketed));
        let index = random.below(hold.nonces.len().max(1) as u64) as usize;
        let nonce = hold.nonces.get(index).copied().unwrap_or_default();
        let check_in = CheckIn {
            order: HoldNo(hold.name.1),
            index: index as u8,
            nonce: TicketNonce(nonce),
            gate: "north".into(),
            // Some gates are offline, and tell later; some have a clock that is ahead.
            scanned_at: random.once_in(3).then(|| Timestamp(now + 2_000 - random.below(4_000))),
            // Some scan again without knowing.
            scan: random.once_in(2).then(|| random.below(4)),
        };
        let wanted = Wanted::Enter { hold: hold.name, index: index as u8 };
        about(&hold, wanted, Command::CheckIn(check_in))
    }
}

fn about(hold: &SeenHold, wanted: Wanted, command: Command) -> Ask {
    let (slot, buyer) = (hold.name.0, hold.buyer);
    let asked = Asked { slot, buyer, key: None, wanted, likeness: 0, is_cursed: false };
    Ask { asked, what: What::Do(command) }
}
