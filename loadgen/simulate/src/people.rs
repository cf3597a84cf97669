//! Buyers, organisers, operators and payment providers: what they ask for next, and what they
//! remember. They repeat themselves, contradict themselves, and pay what they should not.

use std::collections::BTreeMap;
use std::sync::Arc;

use usher_engine::command::{
    CheckIn, HoldRequest, KeyUse, OrderRequest, PaymentMessage, PaymentStart, PaymentVerdict,
    TicketNonces, Wish,
};
use usher_engine::id::TicketNonce;
use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::show::{NewPool, NewShow, PausedBy, SaleMove, ShowDetails, Stage, Terms};
use usher_engine::{BuyerId, Cents, Command, Currency, HoldNo, Timestamp};
use usher_shards::core::RefundOrder;

use crate::auditor::{Asked, HoldName, OrderLife, SeenHold, Told, Wanted};
use crate::random::Random;
use crate::trouble::Trouble;
use crate::world::SEGMENTS;

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

/// One thing to be asked of the server.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) asked: Asked,
    pub(crate) command: Command,
}

/// Everybody who asks.
#[derive(Debug, Default)]
pub(crate) struct People {
    /// The newest that was heard of each hold.
    known: BTreeMap<HoldName, SeenHold>,
    earlier: Vec<Ask>,
    next_key: u64,
    next_reference: u64,
    refunds: Vec<(u16, RefundOrder)>,
    spared: &'static [Trouble],
}

impl People {
    /// Nobody has asked for anything yet; some kinds of trouble will be spared.
    pub(crate) fn new(spared: &'static [Trouble]) -> Self {
        Self { spared, ..Self::default() }
    }

    /// What somebody asks for next.
    pub(crate) fn next(&mut self, random: &mut Random) -> Ask {
        let ask = match random.below(100) {
            0..32 => self.hold(random),
            32..40 if self.spared.contains(&Trouble::Repeat) => self.hold(random),
            32..36 => self.again(random),
            36..40 => self.again_with_another_body(random),
            40..47 => self.end(random),
            47..63 => self.order(random),
            63..70 => self.start_payment(random),
            70..88 => self.pay(random),
            88..93 => self.enter(random),
            93..96 => self.refund_made(random),
            _ if self.spared.contains(&Trouble::Pause) => self.hold(random),
            _ => manage(random),
        };
        if ask.asked.key.is_some() {
            if self.earlier.len() == REMEMBERED {
                self.earlier.remove(0);
            }
            self.earlier.push(ask.clone());
        }
        ask
    }

    /// Somebody was told something.
    pub(crate) fn told(&mut self, told: &Told) {
        if let Told::Done { hold: Some(hold), .. } = told {
            self.known.insert(hold.name, hold.clone());
        }
    }

    /// The server wants money to be given back.
    pub(crate) fn refund_due(&mut self, refund: RefundOrder) {
        self.refunds.push((refund.inventory.slot, refund));
    }

    fn hold(&mut self, random: &mut Random) -> Ask {
        let units = 1 + random.below(4) as u32;
        let buyer = random.below(BUYERS);
        // Where nobody wants standing tickets, none need to be moved to anybody.
        let kinds = if self.spared.contains(&Trouble::Loan) { 3 } else { 4 };
        let (slot, wish, wanted) = match random.below(kinds) {
            0 | 1 => {
                let first = random.below(u64::from(SEATS)) as u32;
                let seats: Vec<u32> = (0..units).map(|n| (first + n) % SEATS).collect();
                let wish = Wish::Seats(seats.iter().copied().map(SeatIx).collect());
                (0, wish, Wanted::Seats(seats))
            }
            2 => {
                let adjacent = random.once_in(2);
                let wish = Wish::BestAvailable {
                    quantity: units,
                    category: None,
                    section: None,
                    adjacent,
                };
                (0, wish, Wanted::AnySeats(units))
            }
            _ => {
                let slot = 1 + random.below(u64::from(SEGMENTS)) as u16;
                (slot, Wish::Stock { quantity: units }, Wanted::Stock(units))
            }
        };
        let key = random.once_in(2).then(|| self.new_key(random));
        let hold_ms = random.once_in(4).then(|| 1_000 + random.below(HOLD_MS));
        let request = HoldRequest { buyer: BuyerId(buyer.into()), wish, hold_ms, key };
        let asked = Asked { slot, buyer, key: key.map(|k| (k.key, k.digest)), wanted };
        Ask { asked, command: Command::Hold(request) }
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
        match &mut ask.command {
            Command::Hold(request) => request.key = used,
            Command::Order(request) => request.key = used,
            Command::StartPayment(start) => start.key = used,
            _ => {}
        }
        ask
    }

    /// A hold that somebody knows, most often one that may be of use.
    fn some_hold(&self, random: &mut Random, wants: impl Fn(&SeenHold) -> bool) -> SeenHold {
        let fitting: Vec<&SeenHold> = self.known.values().filter(|hold| wants(hold)).collect();
        let any: Vec<&SeenHold> = self.known.values().collect();
        let from = if random.once_in(12) { &any } else { &fitting };
        let found = random.choose(from).or_else(|| random.choose(&any)).copied().cloned();
        found.unwrap_or_else(|| SeenHold {
            name: (random.below(u64::from(SEGMENTS) + 1) as u16, 1 + random.below(9) as u32),
            buyer: random.below(BUYERS),
            seats: Vec::new(),
            units: 1,
            life: crate::auditor::Life::Active,
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
            key,
        };
        let mut ask = about(&hold, Wanted::Order { hold: hold.name }, Command::Order(request));
        ask.asked.buyer = buyer;
        ask.asked.key = key.map(|k| (k.key, k.digest));
        ask
    }

    fn new_reference(&mut self) -> String {
        self.next_reference += 1;
        format!("p{}", self.next_reference)
    }

    fn start_payment(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order == Some(OrderLife::Payable));
        let start = PaymentStart {
            order: HoldNo(hold.name.1),
            reference: self.new_reference().into(),
            extension_ms: 30_000,
            key: None,
        };
        about(&hold, Wanted::Start { hold: hold.name }, Command::StartPayment(start))
    }

    /// Money: on time or late, of the right amount or not, once or twice, for an order or for none.
    fn pay(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order == Some(OrderLife::Payable));
        let started: Vec<&String> = hold.payments.iter().map(|(reference, ..)| reference).collect();
        let reference = match random.choose(&started) {
            Some(&started) if !random.once_in(10) => started.clone(),
            _ => self.new_reference(),
        };
        let amount = if random.once_in(10) { hold.price + 1 } else { hold.price };
        let is_success = !random.once_in(8);
        let message = PaymentMessage {
            order: HoldNo(hold.name.1),
            reference: reference.as_str().into(),
            verdict: if is_success { PaymentVerdict::Success } else { PaymentVerdict::Failed },
            amount: Cents(amount),
            nonces: nonces(random),
            stock_settled: false,
        };
        let wanted = match is_success {
            true => Wanted::Pay { hold: hold.name, reference, amount },
            false => Wanted::Note { hold: hold.name },
        };
        about(&hold, wanted, Command::PaymentMessage(message))
    }

    fn enter(&mut self, random: &mut Random) -> Ask {
        let hold = self.some_hold(random, |hold| hold.order == Some(OrderLife::Ticketed));
        let index = random.below(hold.nonces.len().max(1) as u64) as usize;
        let nonce = hold.nonces.get(index).copied().unwrap_or_default();
        let check_in = CheckIn {
            order: HoldNo(hold.name.1),
            index: index as u8,
            nonce: TicketNonce(nonce),
            gate: "north".into(),
            scanned_at: None,
            scan: Some(random.next()),
        };
        let wanted = Wanted::Enter { hold: hold.name, index: index as u8 };
        about(&hold, wanted, Command::CheckIn(check_in))
    }

    fn refund_made(&mut self, random: &mut Random) -> Ask {
        let at = random.below(self.refunds.len().max(1) as u64) as usize;
        let Some((slot, refund)) = self.refunds.get(at).cloned() else { return self.hold(random) };
        // Refunds are made at least once; some twice.
        if !random.once_in(4) {
            self.refunds.swap_remove(at);
        }
        let command = Command::RefundMade { order: refund.order, reference: refund.reference };
        let wanted = Wanted::Note { hold: (slot, refund.order.0) };
        Ask { asked: Asked { slot, buyer: 0, key: None, wanted }, command }
    }
}

fn about(hold: &SeenHold, wanted: Wanted, command: Command) -> Ask {
    Ask { asked: Asked { slot: hold.name.0, buyer: hold.buyer, key: None, wanted }, command }
}

fn manage(random: &mut Random) -> Ask {
    let (slot, command) = match random.below(8) {
        0 => (0, Command::MoveSale(SaleMove::Pause(PausedBy::Operator))),
        1..=3 => (0, Command::MoveSale(SaleMove::Resume(PausedBy::Operator))),
        4 => (0, Command::RunSchedule),
        n => {
            let slot = (n % 4) as u16;
            (slot, Command::ExtendHolds { ms: 1 + random.below(5_000) })
        }
    };
    Ask { asked: Asked { slot, buyer: 0, key: None, wanted: Wanted::Manage }, command }
}

fn nonces(random: &mut Random) -> TicketNonces {
    let mut nonces = Box::new([TicketNonce([0; 10]); 32]);
    for nonce in nonces.iter_mut() {
        nonce.0[..8].copy_from_slice(&random.next().to_le_bytes());
    }
    TicketNonces(nonces)
}

/// The hall.
pub(crate) fn hall() -> Arc<SeatPlan> {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "hall");
    let category = builder.category("all").expect("a new category");
    builder.section("stalls", "stalls").expect("a new section");
    for row in 0..SEATS / 8 {
        builder.row(&format!("{row}")).expect("a new row");
        for n in 0..8 {
            let label = format!("{row}-{n}");
            let x = f64::from(n) * 25.0;
            let seat = SeatSpec { label: &label, number: &label, category, x, y: 0.0 };
            builder.seat(seat).expect("a new seat");
        }
    }
    Arc::new(builder.build().expect("a plan"))
}

/// What makes the show and opens it.
pub(crate) fn opening(plan: Arc<SeatPlan>) -> [Command; 2] {
    let show = NewShow {
        details: ShowDetails {
            public_id: "show".into(),
            title: "A show".into(),
            description: String::new(),
            venue: "A hall".into(),
            city: "Taipei".into(),
            category: String::new(),
            performers: Vec::new(),
            starts_at: Timestamp(u64::MAX),
        },
        terms: Terms {
            stage: Stage::Draft,
            paused_by_organiser: false,
            paused_by_operator: false,
            sale_starts_at: Timestamp(0),
            sale_ends_at: Timestamp(u64::MAX),
            currency: Currency::new("TWD").expect("a code"),
            units_per_buyer_max: UNITS_PER_BUYER_MAX,
            hold_ms: HOLD_MS,
            prices: vec![Cents(1_000)],
        },
        plan: Some(plan),
        pools: vec![NewPool {
            name: "standing".into(),
            quantity: STOCK,
            price: Cents(2_500),
            segments: SEGMENTS,
        }],
    };
    [Command::CreateShow(Box::new(show)), Command::MoveSale(SaleMove::Open)]
}
