//! What may happen on a walk: buyers, providers, organisers, operators, gates and timers, each with
//! commands that make sense and some that do not.

use usher_engine::command::{
    CheckIn, CounterSale, HoldRequest, KeyUse, OrderRequest, PaymentMessage, PaymentStart,
    PaymentVerdict, Wish,
};
use usher_engine::id::TicketNonce;
use usher_engine::show::{PausedBy, PoolChange, SaleMove, ShowChange};
use usher_engine::{BuyerId, Cents, Command, HoldNo, Outcome, Subject};

use super::{Walk, watched};

impl Walk {
    pub(super) fn somebody_acts(&mut self) {
        let at = self.random.below(3) as usize;
        match self.random.below(100) {
            0..28 => self.hold(at),
            28..33 => {
                let hold = self.some_hold(at);
                self.run(at, &Command::Release { hold });
            }
            33..53 => self.order(at),
            53..63 => self.start_payment(at),
            63..80 => self.money(at),
            80..83 => {
                let order = self.some_hold(at);
                self.run(at, &Command::Cancel { order });
            }
            83..89 => self.enter(at),
            89..92 => self.return_money(at),
            92..95 => {
                let order = self.some_hold(at);
                self.run(at, &Command::Refund { order, reason: "no singer".into() });
            }
            95..97 => {
                let quantity = 1 + self.random.below(2);
                let sale = self.counter_sale(at, quantity);
                self.run_twice(at, &sale);
            }
            _ => self.organise(),
        }
    }

    /// Timers fire, late and early, and at times an operator gives more time.
    pub(super) fn time_passes(&mut self) {
        let at = self.random.below(3) as usize;
        if self.random.percent(4) {
            self.run(at, &Command::ExtendHolds { ms: 30_000 });
            return;
        }
        let mut holds: Vec<HoldNo> = (0..4).map(|_| self.some_hold(at)).collect();
        if self.random.percent(50) {
            holds.extend(self.models[at].unpaid());
        }
        self.run(at, &Command::Expire { holds });
    }

    pub(super) fn hold_of_one_seat(&mut self) -> Command {
        let (buyer, wish) = (self.buyer(), Wish::Seats(self.some_seats(1).into()));
        Command::Hold(HoldRequest {
            buyer,
            wish,
            hold_ms: None,
            key: None,
            pass: None,
            account_made_at: None,
        })
    }

    pub(super) fn counter_sale(&mut self, at: usize, quantity: u32) -> Command {
        Command::CounterSale(CounterSale {
            buyer: BuyerId(99),
            wish: self.wish(at, quantity, true),
            contact: Box::default(),
            documents: Vec::new(),
            nonces: self.stage.nonces(),
            key: self.key(),
        })
    }

    fn hold(&mut self, at: usize) {
        let quantity = 1 + self.random.below(4);
        let anything = self.random.percent(50);
        let command = Command::Hold(HoldRequest {
            buyer: self.buyer(),
            wish: self.wish(at, quantity, anything),
            hold_ms: self.random.percent(20).then_some(5_000),
            key: self.key(),
            pass: None,
            account_made_at: None,
        });
        self.run_twice(at, &command);
        let now = self.stage.now;
        let outcome = watched(&mut self.stage, at).live.execute(&command, now).outcome;
        let parked = matches!(outcome, Outcome::Parked { .. });
        if parked && self.random.percent(70) {
            let (donor, borrower) = (3 - at, u16::try_from(at - 1).expect("a segment"));
            self.run(donor, &Command::Lend { borrower, quantity });
        }
    }

    fn wish(&mut self, at: usize, quantity: u32, anything: bool) -> Wish {
        match at {
            0 if anything => Wish::BestAvailable {
                quantity,
                category: None,
                section: None,
                adjacent: self.random.percent(30),
            },
            0 => Wish::Seats(self.some_seats(quantity).into()),
            _ => Wish::Stock { quantity },
        }
    }

    fn order(&mut self, at: usize) {
        let hold = self.some_hold(at);
        let buyer = watched(&mut self.stage, at).live.hold(hold).map(|hold| hold.buyer);
        let buyer = buyer.filter(|_| self.random.percent(95)).unwrap_or(BuyerId(7));
        let command = Command::Order(OrderRequest {
            hold,
            buyer,
            pay_ms: u64::from(self.random.pick(&[10_000_u32, 300_000])),
            contact: Box::default(),
            documents: Vec::new(),
            key: self.key(),
        });
        self.run_twice(at, &command);
    }

    fn start_payment(&mut self, at: usize) {
        let command = Command::StartPayment(PaymentStart {
            order: self.some_hold(at),
            reference: format!("p{}", self.name()).into(),
            extension_ms: 60_000,
            key: self.key(),
        });
        let decision = self.run(at, &command);
        if let Outcome::Done { subject, .. } = decision.outcome {
            assert!(matches!(subject, Subject::Payment(..)), "{decision:?}");
        }
    }

    /// A message about a payment: one that is known, or a new one; right or wrong; once or twice.
    fn money(&mut self, at: usize) {
        let order = self.some_hold(at);
        let hold = watched(&mut self.stage, at).live.hold(order);
        let total = hold.as_deref().map_or(Cents(1_00), |hold| hold.total);
        let payments = hold.as_deref().and_then(|hold| hold.order.as_ref()).map(|order| {
            order.payments.iter().map(|payment| payment.reference.clone()).collect::<Vec<_>>()
        });
        let known = payments.and_then(|names| names.last().cloned());
        let known = known.filter(|_| self.random.percent(80));
        let reference = known.unwrap_or_else(|| format!("p{}", self.name()).into());
        let wrong = self.random.percent(10);
        let failed = self.random.percent(20);
        let mut message = PaymentMessage {
            order,
            reference,
            verdict: if failed { PaymentVerdict::Failed } else { PaymentVerdict::Success },
            amount: if wrong { Cents(total.0 + 1) } else { total },
            nonces: self.stage.nonces(),
            stock_settled: false,
        };
        let mut times = if self.random.percent(25) { 2 } else { 1 };
        while times > 0 {
            times -= 1;
            let decision = self.run(at, &Command::PaymentMessage(message.clone()));
            if matches!(decision.outcome, Outcome::Parked { .. }) && self.random.percent(60) {
                message.stock_settled = true;
                self.run(at, &Command::PaymentMessage(message.clone()));
            }
        }
    }

    fn return_money(&mut self, at: usize) {
        let due = watched(&mut self.stage, at).live.unfinished();
        let due = due.into_iter().find_map(|effect| match effect {
            usher_engine::Effect::Refund { order, reference, .. } => Some((order, reference)),
            _ => None,
        });
        let (order, reference) = due.unwrap_or((self.some_hold(at), "p1".into()));
        let command = Command::RefundMade { order, reference };
        self.run(at, &command);
        let again = self.run(at, &command);
        assert!(again.events.is_empty(), "a refund was made twice: {again:?}");
    }

    fn enter(&mut self, at: usize) {
        let order = self.some_hold(at);
        let tickets = watched(&mut self.stage, at).live.hold(order);
        let tickets =
            tickets.as_deref().and_then(|hold| hold.order.as_ref()).map(|order| &order.tickets);
        let first = tickets.and_then(|tickets| tickets.first()).map(|ticket| ticket.nonce);
        let command = Command::CheckIn(CheckIn {
            order,
            index: 0,
            nonce: first.unwrap_or(TicketNonce([0; 10])),
            gate: "north".into(),
            scanned_at: None,
            scan: None,
        });
        let admitted = |outcome: &Outcome| matches!(outcome, Outcome::Done { .. });
        let first = self.run(at, &command);
        let second = self.run(at, &command);
        assert!(!admitted(&second.outcome), "let in twice: {first:?} {second:?}");
    }

    fn organise(&mut self) {
        let by = self.random.pick(&[PausedBy::Organiser, PausedBy::Operator]);
        let command = match self.random.below(10) {
            0 => Command::MoveSale(SaleMove::Pause(by)),
            1..6 => Command::MoveSale(SaleMove::Resume(by)),
            6..8 => Command::ChangeShow(Box::new(ShowChange {
                units_per_buyer_max: Some(self.random.pick(&[4, 8, 40])),
                ..ShowChange::default()
            })),
            8 => Command::ChangeShow(Box::new(ShowChange {
                prices: Some(vec![Cents(u64::from(1 + self.random.below(99))), Cents(30_00)]),
                ..ShowChange::default()
            })),
            _ => Command::ChangeShow(Box::new(ShowChange {
                pools: vec![PoolChange { pool: 0, add: 1, price: None }],
                ..ShowChange::default()
            })),
        };
        self.run(0, &command);
    }

    fn buyer(&mut self) -> BuyerId {
        BuyerId(u128::from(self.random.below(12)))
    }

    fn key(&mut self) -> Option<KeyUse> {
        let key = u64::from(self.name());
        Some(KeyUse { key, digest: key })
    }
}
