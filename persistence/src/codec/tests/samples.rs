//! Events of every kind, and inventories with a past.

use std::sync::Arc;

use usher_engine::accounts::AccountsEvent;
use usher_engine::command::{
    CheckIn, Command, CounterSale, HoldRequest, KeyUse, OrderRequest, PassUse, PaymentMessage,
    PaymentStart, PaymentVerdict, TicketNonces, Wish,
};
use usher_engine::hoarding::{Hoarding, LapseRule, NewAccountRule};
use usher_engine::id::{DocumentHash, PlaceNo, TicketNonce};
use usher_engine::inventory::{Claim, RefundCause};
use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::room::PassNo;
use usher_engine::show::{
    NewPool, NewShow, OnSale, PausedBy, PoolChange, SaleMove, Scheduled, SeatRange, SegmentTerms,
    ShowChange, ShowDetails, Stage, Terms,
};
use usher_engine::{
    AccountNo, BuyerId, Cents, Currency, Decision, Event, HoldNo, Inventory, MachineId, ShowKey,
    Timestamp,
};

use crate::codec::encode_record;

pub(super) mod rooms;

pub(super) const SHOW: ShowKey = ShowKey(0x0102_0304_0506_0708);
pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub(super) const KEY: KeyUse = KeyUse { key: 0x1111_2222_3333_4444, digest: 7 };

/// Rows of 20 seats in two categories.
pub(super) fn plan(rows: u32) -> Arc<SeatPlan> {
    let mut builder = SeatPlanBuilder::new(PlanId([0xab; 16]), "Small hall");
    let near = builder.category("Near").expect("a new name");
    let far = builder.category("Far").expect("a new name");
    builder.section("Stalls", "z1").expect("a new zone");
    for row in 0..rows {
        builder.row(&row.to_string()).expect("in a section");
        for number in 0..20_u32 {
            let (label, number_text) = (format!("{row}-{number}"), number.to_string());
            let category = if row < rows / 2 { near } else { far };
            let (x, y) = (f64::from(number), f64::from(row));
            let seat = SeatSpec { label: &label, number: &number_text, category, x, y };
            builder.seat(seat).expect("a new label");
        }
    }
    Arc::new(builder.build().expect("a plan"))
}

pub(super) fn details() -> ShowDetails {
    ShowDetails {
        public_id: "hamlet-1".to_owned(),
        title: "Hämlet".to_owned(),
        description: String::new(),
        venue: "Globe".to_owned(),
        city: "London".to_owned(),
        category: "play".to_owned(),
        performers: vec!["R. Burbage".to_owned()],
        starts_at: NOW.plus_ms(90_000_000),
        document_verifier: String::new(),
    }
}

pub(super) fn hoarding() -> Hoarding {
    Hoarding {
        holds_max: Some(2),
        lapses: Some(LapseRule { free: 3, pause_ms: 30_000, pause_ms_max: 600_000 }),
        new_accounts: Some(NewAccountRule {
            younger_than_ms: 86_400_000,
            share_percent: 20,
            strangers: true,
        }),
    }
}

pub(super) fn terms() -> Terms {
    Terms {
        stage: Stage::Draft,
        paused_by_organiser: false,
        paused_by_operator: true,
        pass_required: false,
        hoarding: None,
        sale_starts_at: NOW,
        sale_ends_at: NOW.plus_ms(80_000_000),
        currency: Currency::new("EUR").expect("a code"),
        units_per_buyer_max: 8,
        units_per_document_max: 0,
        hold_ms: 120_000,
        prices: vec![Cents(9_900), Cents(4_500)],
    }
}

fn pool() -> NewPool {
    NewPool { name: "standing".to_owned(), quantity: 5_000, price: Cents(3_000), segments: 8 }
}

pub(super) fn buyer(number: u32) -> BuyerId {
    BuyerId(0xf0e0_d0c0_b0a0_9080_7060_5040_0000_0000 | u128::from(number))
}

/// Of the two units of an order.
pub(super) fn documents() -> Vec<DocumentHash> {
    [1, 2].map(|number| DocumentHash(0xd0d1_d2d3_d4d5_d6d7 << 64 | number)).to_vec()
}

pub(super) fn nonce(seed: u32) -> TicketNonce {
    let mut bytes = [0x5a; 10];
    bytes[..4].copy_from_slice(&seed.to_be_bytes());
    TicketNonce(bytes)
}

/// At least one event of each kind, most with and without what is optional.
pub(super) fn events() -> Vec<(&'static str, Event)> {
    let mut events = events_of_organisers();
    events.extend(events_of_buyers());
    events.extend(events_of_money());
    events.extend(events_of_stock());
    events.extend(rooms::events());
    events
}

fn events_of_organisers() -> Vec<(&'static str, Event)> {
    let (details, terms) = (details(), terms());
    let range = SeatRange { first: SeatIx(3), count: 200 };
    let stock = OnSale::Stock { pool: 1, quantity: 300 };
    let change = ShowChange {
        details: Some(details.clone()),
        sale_starts_at: Some(NOW),
        sale_ends_at: Some(NOW),
        prices: Some(vec![Cents(1)]),
        units_per_buyer_max: Some(4),
        units_per_document_max: Some(1),
        hold_ms: Some(60_000),
        pools: vec![PoolChange { pool: 1, add: 10, price: Some(Cents(2)) }],
        hoarding: Some(hoarding()),
    };
    vec![
        (
            "show created",
            Event::ShowCreated {
                details: details.clone().into(),
                terms: terms.clone().into(),
                plan: Some(plan(2)),
                pools: vec![pool()],
            },
        ),
        (
            "show created without seats",
            Event::ShowCreated {
                details: details.into(),
                terms: terms.into(),
                plan: None,
                pools: vec![],
            },
        ),
        ("show changed", Event::ShowChanged(Box::new(change))),
        ("nothing changed", Event::ShowChanged(Box::default())),
        ("opened", Event::SaleMoved(SaleMove::Open)),
        ("paused", Event::SaleMoved(SaleMove::Pause(PausedBy::Organiser))),
        ("resumed", Event::SaleMoved(SaleMove::Resume(PausedBy::Operator))),
        ("closed", Event::SaleMoved(SaleMove::Close)),
        ("passes required", Event::SaleMoved(SaleMove::RequirePasses)),
        ("passes waived", Event::SaleMoved(SaleMove::WaivePasses)),
        ("everything on sale", Event::PutOnSale(OnSale::Everything)),
        ("seats on sale", Event::PutOnSale(OnSale::Seats(vec![range]))),
        ("stock scheduled", Event::OnSaleScheduled(Scheduled { at: NOW, what: stock })),
        ("schedule taken", Event::ScheduleTaken { count: 2 }),
        ("holds extended", Event::HoldsExtended { ms: 300_000 }),
    ]
}

/// The hold record that speed is measured with: four neighbours.
pub(super) fn held() -> Event {
    Event::Held {
        hold: HoldNo(70_000),
        buyer: buyer(1),
        claim: Claim::Seats([10_001, 10_002, 10_003, 10_004].map(SeatIx).into()),
        total: Cents(39_600),
        ends_at: NOW.plus_ms(120_000),
        key: Some(KEY),
    }
}

fn events_of_buyers() -> Vec<(&'static str, Event)> {
    let standing = Event::Held {
        hold: HoldNo(1),
        buyer: BuyerId(1),
        claim: Claim::Stock(6),
        total: Cents(0),
        ends_at: NOW,
        key: None,
    };
    let far_apart = Event::Held {
        hold: HoldNo(2),
        buyer: BuyerId(u128::MAX),
        claim: Claim::Seats([u32::MAX, 0, 40, 7].map(SeatIx).into()),
        total: Cents(u64::MAX),
        ends_at: Timestamp(u64::MAX),
        key: None,
    };
    let gate: Box<str> = "north".into();
    vec![
        ("held", held()),
        ("standing held", standing),
        ("far apart held", far_apart),
        ("released", Event::Released { hold: HoldNo(300) }),
        ("expired", Event::Expired { holds: [1, 127, 128, 70_000].map(HoldNo).to_vec() }),
        (
            "ordered",
            Event::Ordered {
                order: HoldNo(9),
                pay_by: NOW,
                contact: [1, 2, 3].into(),
                key: Some(KEY),
            },
        ),
        ("cancelled", Event::Cancelled { order: HoldNo(9) }),
        (
            "checked in",
            Event::CheckedIn {
                order: HoldNo(9),
                index: 31,
                gate: gate.clone(),
                at: NOW,
                scan: Some(8),
            },
        ),
        (
            "checked in without a name",
            Event::CheckedIn { order: HoldNo(9), index: 0, gate, at: NOW, scan: None },
        ),
    ]
}

fn events_of_money() -> Vec<(&'static str, Event)> {
    let order = HoldNo(9);
    let reference = || Box::<str>::from("pay-1");
    let due = |cause| Event::RefundDue { order, reference: reference(), amount: Cents(5), cause };
    let nonces = vec![nonce(1), nonce(2)];
    vec![
        (
            "payment started",
            Event::PaymentStarted { order, reference: reference(), pay_by: NOW, key: Some(KEY) },
        ),
        ("payment joined", Event::PaymentJoined { order, key: KEY }),
        ("payment failed", Event::PaymentFailed { order, reference: reference() }),
        ("paid", Event::Paid { order, reference: Some(reference()), amount: Cents(9_000), nonces }),
        (
            "paid in cash",
            Event::Paid { order, reference: None, amount: Cents(0), nonces: vec![nonce(3)] },
        ),
        ("wrong amount", due(RefundCause::WrongAmount)),
        ("surplus", due(RefundCause::Surplus)),
        ("after cancelling", due(RefundCause::Cancelled)),
        ("too late", due(RefundCause::TooLate)),
        ("after taking back", due(RefundCause::TakenBack)),
        ("for no order", due(RefundCause::NoOrder)),
        (
            "payment noted",
            Event::PaymentNoted { order, reference: reference(), amount: Cents(5), success: true },
        ),
        ("refunded", Event::Refunded { order, reference: reference() }),
        ("taken back", Event::TakenBack { order, reason: "Krank 🎭".into() }),
    ]
}

fn events_of_stock() -> Vec<(&'static str, Event)> {
    let told = SegmentTerms {
        pool: 1,
        segment: 2,
        segments: 8,
        version: 3,
        terms: Terms { stage: Stage::Open, ..terms() },
        base: 625,
        on_sale: 600,
    };
    let hoarding = Some(Box::new(hoarding()));
    let closed = Terms { stage: Stage::Closed, hoarding, ..told.terms.clone() };
    vec![
        ("terms set", Event::TermsSet(Box::new(told.clone()))),
        ("closed terms set", Event::TermsSet(Box::new(SegmentTerms { terms: closed, ..told }))),
        ("lent", Event::Lent { borrower: 3, number: 1, quantity: 40 }),
        ("received", Event::Received { donor: 4, number: 2, quantity: 50 }),
        ("loan settled", Event::LoanSettled { borrower: 3, number: 1 }),
        ("withdrawn", Event::Withdrawn { quantity: 60_000 }),
        ("held by new", Event::HeldByNew { hold: HoldNo(9) }),
        (
            "pass used",
            Event::PassUsed(PassUse { pass: PassNo(70_000), place: PlaceNo(9), expires_at: NOW }),
        ),
        ("documents given", Event::DocumentsGiven { order: HoldNo(9), documents: documents() }),
        (
            "account erased",
            Event::Accounts(Box::new(AccountsEvent::Erased { account: AccountNo(9) })),
        ),
    ]
}

/// An inventory, and the payloads of all records that made it.
pub(super) struct Sale {
    pub(super) inventory: Inventory,
    pub(super) records: Vec<Vec<u8>>,
    now: Timestamp,
}

impl Sale {
    fn new(id: MachineId) -> Self {
        Self { inventory: Inventory::vacant(id), records: Vec::new(), now: NOW }
    }

    /// A tenth of a second later, does what is asked and records it.
    fn run(&mut self, command: &Command) -> Decision {
        self.now = self.now.plus_ms(100);
        let decision = self.inventory.execute(command, self.now);
        if !decision.events.is_empty() {
            let mut payload = Vec::new();
            encode_record(self.inventory.id(), self.now, &decision.events, &mut payload);
            self.records.push(payload);
            self.inventory.apply(&decision.events, self.now);
        }
        decision
    }

    fn hold(&mut self, number: u32, wish: Wish) -> Option<HoldNo> {
        let key = Some(KeyUse { key: u64::from(number) << 33, digest: 1 });
        let request = HoldRequest {
            buyer: buyer(number),
            wish,
            hold_ms: None,
            key,
            pass: None,
            account_made_at: None,
        };
        let decision = self.run(&Command::Hold(request));
        decision.events.iter().find_map(|event| match event {
            Event::Held { hold, .. } => Some(*hold),
            _ => None,
        })
    }

    fn order(&mut self, number: u32, hold: HoldNo) {
        let key = Some(KeyUse { key: u64::from(number) << 33 | 1, digest: 2 });
        let contact = vec![number as u8; 60].into();
        let (buyer, documents) = (buyer(number), Vec::new());
        let request = OrderRequest { hold, buyer, pay_ms: 600_000, contact, documents, key };
        self.run(&Command::Order(request));
    }

    fn start_payment(&mut self, order: HoldNo) {
        let reference = reference(order);
        let start = PaymentStart { order, reference, extension_ms: 60_000, key: Some(KEY) };
        self.run(&Command::StartPayment(start));
    }

    fn pay(&mut self, order: HoldNo, verdict: PaymentVerdict, amount: Cents) {
        self.run(&Command::PaymentMessage(PaymentMessage {
            order,
            reference: reference(order),
            verdict,
            amount,
            nonces: nonces(order.0),
            stock_settled: false,
        }));
    }

    fn total(&self, order: HoldNo) -> Cents {
        self.inventory.hold(order).expect("a hold").total
    }
}

fn reference(order: HoldNo) -> Box<str> {
    format!("sandbox-{:08}", order.0).into()
}

fn nonces(seed: u32) -> TicketNonces {
    TicketNonces(Box::new(std::array::from_fn(|index| nonce(seed << 8 | index as u32))))
}

/// A house that sold seats for a while: holds, orders and payments in every state.
pub(super) fn house() -> Sale {
    let mut sale = Sale::new(MachineId::house(SHOW));
    let open_terms = Terms { paused_by_operator: false, ..terms() };
    let show = NewShow {
        details: details(),
        terms: open_terms,
        plan: Some(plan(50)),
        pools: vec![pool()],
    };
    sale.run(&Command::CreateShow(Box::new(show)));
    let batch = |first, count| OnSale::Seats(vec![SeatRange { first: SeatIx(first), count }]);
    sale.run(&Command::PutOnSale { what: batch(0, 900), at: None });
    sale.run(&Command::PutOnSale { what: batch(950, 10), at: Some(NOW.plus_ms(9_000_000)) });
    sale.run(&Command::MoveSale(SaleMove::Open));
    for number in 0..60 {
        let wish = Wish::BestAvailable {
            quantity: number % 4 + 1,
            category: None,
            section: None,
            adjacent: true,
        };
        let no = sale.hold(number, wish).expect("seats are left");
        buy(&mut sale, number, no);
    }
    let stray = HoldNo(1_000_000);
    sale.pay(stray, PaymentVerdict::Success, Cents(77));
    let sold = CounterSale {
        buyer: buyer(1_000),
        wish: Wish::Seats([800, 700].map(SeatIx).into()),
        contact: [9; 20].into(),
        documents: Vec::new(),
        nonces: nonces(5),
        key: None,
    };
    sale.run(&Command::CounterSale(sold));
    sale
}

/// Takes a hold as far as its number says.
fn buy(sale: &mut Sale, number: u32, no: HoldNo) {
    let way = number % 10;
    if way == 0 {
        return;
    }
    if way == 1 {
        sale.run(&Command::Release { hold: no });
        return;
    }
    sale.order(number, no);
    if way == 2 {
        sale.run(&Command::Cancel { order: no });
        return;
    }
    if way == 3 {
        return;
    }
    sale.start_payment(no);
    let total = sale.total(no);
    match way {
        4 => return,
        5 => return sale.pay(no, PaymentVerdict::Failed, total),
        6 => return sale.pay(no, PaymentVerdict::Success, Cents(total.0 + 1)),
        _ => sale.pay(no, PaymentVerdict::Success, total),
    }
    if way == 7 {
        sale.run(&Command::Refund { order: no, reason: "ill".into() });
    }
    if way == 8 {
        sale.run(&Command::CheckIn(CheckIn {
            order: no,
            index: 0,
            nonce: nonce(no.0 << 8),
            gate: "north".into(),
            scanned_at: None,
            scan: Some(u64::from(no.0)),
        }));
    }
}

/// A stock segment that sold, lent and borrowed.
pub(super) fn segment() -> Sale {
    let mut sale = Sale::new(MachineId::segment(SHOW, 0, 2));
    let told = SegmentTerms {
        pool: 0,
        segment: 2,
        segments: 8,
        version: 1,
        terms: Terms {
            stage: Stage::Open,
            paused_by_operator: false,
            pass_required: false,
            hoarding: None,
            prices: vec![Cents(3_000)],
            ..terms()
        },
        base: 100,
        on_sale: 90,
    };
    sale.run(&Command::SetTerms(Box::new(told)));
    sale.run(&Command::Lend { borrower: 4, quantity: 10 });
    sale.run(&Command::Lend { borrower: 5, quantity: 1 });
    sale.run(&Command::SettleLoan { borrower: 4, number: 1 });
    sale.run(&Command::Receive { donor: 6, number: 1, quantity: 30 });
    sale.run(&Command::Withdraw { quantity: 5 });
    for number in 0..12 {
        if let Some(no) = sale.hold(number, Wish::Stock { quantity: number % 3 + 1 }) {
            buy(&mut sale, number, no);
        }
    }
    sale
}

/// A house in which 20 seats a row are sold in pairs, for sizes and speed.
pub(super) fn sold_out(rows: u32) -> Sale {
    let mut sale = Sale::new(MachineId::house(SHOW));
    let open_terms = Terms { paused_by_operator: false, ..terms() };
    let show =
        NewShow { details: details(), terms: open_terms, plan: Some(plan(rows)), pools: vec![] };
    sale.run(&Command::CreateShow(Box::new(show)));
    sale.run(&Command::MoveSale(SaleMove::Open));
    for number in 0..rows * 10 {
        let seats = [2 * number, 2 * number + 1].map(SeatIx).to_vec();
        let no = sale.hold(number, Wish::Seats(seats.into())).expect("a free pair");
        sale.order(number, no);
        sale.start_payment(no);
        let total = sale.total(no);
        sale.pay(no, PaymentVerdict::Success, total);
    }
    sale
}
