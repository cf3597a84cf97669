//! The copy's lists and counts, over a small show that is sold by hand into a journal in memory.

#![allow(clippy::needless_pass_by_value, reason = "calls in tests read better with values")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use usher_engine::command::{
    CheckIn, CounterSale, HoldRequest, OrderRequest, PaymentMessage, PaymentVerdict, TicketNonces,
    Wish,
};
use usher_engine::id::TicketNonce;
use usher_engine::inventory::OrderStatus;
use usher_engine::limits::{ENDED_HOLD_MEMORY_MS, UNITS_PER_HOLD_MAX};
use usher_engine::plan::{PlanId, SeatIx, SeatPlan, SeatPlanBuilder, SeatSpec};
use usher_engine::show::{
    NewPool, NewShow, OnSale, PausedBy, SaleMove, SeatRange, ShowChange, ShowDetails, Stage, Terms,
};
use usher_engine::{
    BuyerId, Cents, Command, Currency, Effect, HoldNo, Inventory, MachineId, Outcome, PartitionId,
    ShowKey, Timestamp,
};
use usher_persistence::codec::{PlanSource, encode_record};
use usher_persistence::memory::{MemoryDisk, MemoryJournal};
use usher_persistence::{FileSnapshots, Journal as _, Pending};

use super::{Figures, HistoryFilter, ORDER_STATUSES, ReplicaHandle, start};

const SHOW: ShowKey = ShowKey(7);
const HOUSE: MachineId = MachineId::house(SHOW);

/// Two rows in two sections: three seats at 30.00, then three at 10.00.
struct OnePlan(Arc<SeatPlan>);

impl PlanSource for OnePlan {
    fn plan(&self, id: PlanId) -> Option<Arc<SeatPlan>> {
        (id == self.0.id()).then(|| self.0.clone())
    }
}

fn plan() -> Arc<SeatPlan> {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "two rows");
    let mut number = 0;
    for name in ["front", "back"] {
        let category = builder.category(name).expect("a new category");
        builder.section(name, name).expect("a new section");
        builder.row(name).expect("a new row");
        for x in 0..3 {
            let label = format!("s{number}");
            number += 1;
            let spec = SeatSpec { label: &label, number: "", category, x: f64::from(x), y: 0.0 };
            builder.seat(spec).expect("a new seat");
        }
    }
    Arc::new(builder.build().expect("a plan"))
}

/// A sale without shards: commands are decided, applied and written down at once.
struct Sale {
    inventories: HashMap<MachineId, Inventory>,
    seqs: HashMap<PartitionId, u64>,
    journal: MemoryJournal,
    replica: ReplicaHandle,
    now: Timestamp,
    _dir: tempfile::TempDir,
}

impl Sale {
    fn open() -> Self {
        Self::open_resting(super::RESTS_AFTER)
    }

    /// The copy rests after `rests_after` without a question.
    fn open_resting(rests_after: Duration) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = MemoryDisk::new();
        let (journal, _) = disk.open().expect("an empty journal");
        let snapshots = FileSnapshots::open(dir.path(), 2).expect("a directory");
        let plans = Arc::new(OnePlan(plan()));
        let (replica, _) = start(journal.reader(), Arc::new(snapshots), plans, rests_after);
        let mut sale = Self {
            inventories: HashMap::new(),
            seqs: HashMap::new(),
            journal,
            replica,
            now: Timestamp(1_000_000),
            _dir: dir,
        };
        sale.run(HOUSE, &Command::CreateShow(Box::new(new_show())));
        sale.run(HOUSE, &Command::MoveSale(SaleMove::Open));
        sale
    }

    /// Carries a command out, with its news for segments; loans are left on their way.
    fn run(&mut self, id: MachineId, command: &Command) -> Outcome {
        self.now = self.now.plus_ms(1);
        let inventory = self.inventories.entry(id).or_insert_with(|| Inventory::vacant(id));
        let decision = inventory.execute(command, self.now);
        if !decision.events.is_empty() {
            inventory.apply(&decision.events, self.now);
            let mut payload = Vec::new();
            encode_record(id, self.now, &decision.events, &mut payload);
            let seq = self.seqs.entry(id.partition()).or_default();
            *seq += 1;
            let record =
                Pending { partition: id.partition().0, partition_seq: *seq, payload: &payload };
            self.journal.append(&[record]).expect("written");
        }
        let tells = decision.effects.contains(&Effect::TellSegments);
        for terms in self.inventories[&id].segment_terms().into_iter().filter(|_| tells) {
            let to = MachineId::segment(SHOW, terms.pool, terms.segment);
            self.run(to, &Command::SetTerms(Box::new(terms)));
        }
        decision.outcome
    }

    #[track_caller]
    fn done(&mut self, id: MachineId, command: Command) -> HoldNo {
        use usher_engine::Subject::{Account, ApiKey, Hold, Order, Payment, Place, Show, Ticket};
        match self.run(id, &command) {
            Outcome::Done { subject, .. } => match subject {
                Hold(no) | Order(no) | Payment(no, _) | Ticket(no, _) => no,
                Place(_) | Account(_) | ApiKey(_) | Show => HoldNo(0),
            },
            other => panic!("{other:?}"),
        }
    }

    fn hold(&mut self, id: MachineId, buyer: u128, wish: Wish) -> HoldNo {
        let buyer = BuyerId(buyer);
        self.done(
            id,
            Command::Hold(HoldRequest {
                buyer,
                wish,
                hold_ms: None,
                key: None,
                pass: None,
                account_made_at: None,
            }),
        )
    }

    /// Hold, order, and money.
    fn buy(&mut self, id: MachineId, buyer: u128, wish: Wish) -> HoldNo {
        let order = self.hold(id, buyer, wish);
        self.order(id, order, buyer);
        let amount = self.inventories[&id].hold(order).expect("held").total;
        let message = PaymentMessage {
            order,
            reference: format!("pay-{}-{}", id.slot, order.0).into(),
            verdict: PaymentVerdict::Success,
            amount,
            nonces: nonces(),
            stock_settled: false,
        };
        self.done(id, Command::PaymentMessage(message))
    }

    fn order(&mut self, id: MachineId, hold: HoldNo, buyer: u128) {
        let contact = format!("contact of {buyer}").into_bytes().into();
        let (buyer, documents) = (BuyerId(buyer), Vec::new());
        let request = OrderRequest { hold, buyer, pay_ms: 60_000, contact, documents, key: None };
        self.done(id, Command::Order(request));
    }

    fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut super::Replica) -> T + Send + 'static,
    ) -> T {
        self.replica.ask_blocking(ask).expect("the copy answers")
    }

    fn history(&self, filter: HistoryFilter) -> Vec<String> {
        let filter = HistoryFilter { count_max: 100, ..filter };
        let records = self.ask(move |replica| replica.history(SHOW, &filter)).expect("read");
        let name = |event: &usher_engine::Event| {
            let text = format!("{event:?}");
            text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
        };
        records.iter().flat_map(|record| &record.events).map(name).collect()
    }
}

fn new_show() -> NewShow {
    NewShow {
        details: ShowDetails {
            public_id: "show-7".into(),
            title: "A show".into(),
            description: String::new(),
            venue: "A hall".into(),
            city: "Taipei".into(),
            category: String::new(),
            performers: Vec::new(),
            starts_at: Timestamp(u64::MAX),
            document_verifier: String::new(),
        },
        terms: Terms {
            stage: Stage::Draft,
            paused_by_organiser: false,
            paused_by_operator: false,
            pass_required: false,
            hoarding: None,
            sale_starts_at: Timestamp(0),
            sale_ends_at: Timestamp(u64::MAX),
            currency: Currency::new("TWD").expect("a code"),
            units_per_buyer_max: 6,
            units_per_document_max: 0,
            hold_ms: 60_000,
            prices: vec![Cents(3_000), Cents(1_000)],
        },
        plan: Some(plan()),
        pools: vec![NewPool { name: "Floor".into(), quantity: 10, price: Cents(500), segments: 2 }],
    }
}

fn nonces() -> TicketNonces {
    TicketNonces(Box::new([TicketNonce([5; 10]); UNITS_PER_HOLD_MAX as usize]))
}

fn seats(numbers: &[u32]) -> Wish {
    Wish::Seats(numbers.iter().copied().map(SeatIx).collect())
}

fn segment(number: u16) -> MachineId {
    MachineId::segment(SHOW, 0, number)
}

#[test]
fn figures_say_where_the_money_came_from() {
    let mut sale = Sale::open();
    let mixed = sale.buy(HOUSE, 1, seats(&[2, 3]));
    sale.buy(segment(0), 2, Wish::Stock { quantity: 3 });
    sale.hold(segment(1), 3, Wish::Stock { quantity: 2 });
    sale.hold(HOUSE, 3, seats(&[4]));
    let check_in = CheckIn {
        order: mixed,
        index: 1,
        nonce: TicketNonce([5; 10]),
        gate: "north".into(),
        scanned_at: None,
        scan: None,
    };
    sale.done(HOUSE, Command::CheckIn(check_in));
    let refunded = sale.buy(HOUSE, 4, seats(&[0]));
    sale.done(HOUSE, Command::Refund { order: refunded, reason: "asked".into() });

    let figures = sale.ask(|replica| replica.figures(SHOW)).expect("a show");
    let front =
        Figures { capacity: 3, available: 2, sold: 1, revenue: Cents(3_000), ..Figures::default() };
    let back = Figures {
        capacity: 3,
        available: 1,
        held: 1,
        sold: 1,
        admitted: 1,
        revenue: Cents(1_000),
        ..Figures::default()
    };
    assert_eq!(figures.by_category, [front, back]);
    assert_eq!(figures.by_section, [front, back]);
    let floor = Figures {
        capacity: 10,
        available: 5,
        held: 2,
        sold: 3,
        revenue: Cents(1_500),
        ..Figures::default()
    };
    assert_eq!(figures.by_pool, [floor]);
    assert_eq!(figures.total(), front.plus(back).plus(floor));
    assert_eq!(figures.refunds_due, Cents(3_000));
    let by_status: HashMap<_, _> = ORDER_STATUSES
        .map(|status| format!("{status:?}"))
        .into_iter()
        .zip(figures.orders)
        .collect();
    assert_eq!((by_status["Ticketed"], by_status["RefundPending"]), (2, 1));
}

#[test]
fn revenue_stays_exact_when_prices_change() {
    let mut sale = Sale::open();
    sale.buy(HOUSE, 1, seats(&[2, 3]));
    let prices = Some(vec![Cents(7), Cents(2)]);
    let change = ShowChange { prices, ..ShowChange::default() };
    sale.done(HOUSE, Command::ChangeShow(Box::new(change)));
    let figures = sale.ask(|replica| replica.figures(SHOW)).expect("a show");
    let revenue: Vec<u64> = figures.by_category.iter().map(|f| f.revenue.0).collect();
    assert_eq!(revenue, [4_000 * 7 / 9, 4_000 - 4_000 * 7 / 9]);
}

#[test]
fn orders_are_listed_newest_first() {
    let mut sale = Sale::open();
    let first = sale.buy(HOUSE, 1, seats(&[0]));
    let second = sale.buy(segment(0), 2, Wish::Stock { quantity: 1 });
    let third = sale.hold(HOUSE, 3, seats(&[1]));
    sale.order(HOUSE, third, 3);
    sale.hold(HOUSE, 4, seats(&[2]));
    let all = sale.ask(|replica| replica.orders_in(SHOW, None));
    let places: Vec<_> = all.iter().map(|place| (place.inventory, place.order)).collect();
    assert_eq!(places, [(HOUSE, third), (segment(0), second), (HOUSE, first)]);
    let unpaid = sale.ask(|replica| replica.orders_in(SHOW, Some(OrderStatus::PendingPay)));
    assert_eq!(unpaid.iter().map(|place| place.order).collect::<Vec<_>>(), [third]);
    let contact = sale.ask(move |replica| {
        replica
            .order(HOUSE, third)
            .map(|hold| hold.order.as_ref().expect("ordered").contact.clone())
    });
    assert_eq!(contact.as_deref(), Some(&b"contact of 3"[..]));
    assert_eq!(sale.ask(|replica| replica.live_holds(SHOW)), 2);
}

#[test]
fn a_recount_sees_stock_on_its_way_and_stock_that_vanished() {
    let mut sale = Sale::open();
    sale.done(segment(0), Command::Lend { borrower: 1, quantity: 3 });
    let recount = sale.ask(|replica| replica.recount(SHOW)).expect("a show");
    assert_eq!((recount.in_transit, &recount.faults), (3, &Vec::new()));
    assert_eq!(recount.inventories.len(), 3);

    sale.done(segment(1), Command::Receive { donor: 0, number: 1, quantity: 3 });
    let recount = sale.ask(|replica| replica.recount(SHOW)).expect("a show");
    // It arrived, although its donor does not know yet.
    assert_eq!((recount.in_transit, &recount.faults), (0, &Vec::new()));

    // A borrower that takes more than was lent makes tickets out of nothing.
    sale.done(segment(0), Command::Lend { borrower: 1, quantity: 1 });
    sale.done(segment(1), Command::Receive { donor: 0, number: 2, quantity: 2 });
    let recount = sale.ask(|replica| replica.recount(SHOW)).expect("a show");
    assert_eq!(recount.faults.len(), 2, "{:?}", recount.faults);
}

#[test]
fn the_copy_counts_at_the_version_asked_for() {
    let mut sale = Sale::open();
    sale.ask(|_| ());
    sale.buy(HOUSE, 1, seats(&[0]));
    let wanted = sale.inventories[&HOUSE].version();
    let tally = sale.inventories[&HOUSE].tally();
    sale.buy(HOUSE, 2, seats(&[1]));
    let segment_version = sale.inventories[&segment(0)].version();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let ask = |versions: Vec<_>| {
        let asked = sale.replica.ask_at(versions, |replica, counted| (replica.at_seq(), counted));
        runtime.block_on(asked).expect("the copy answers")
    };
    let (at_seq, counted) =
        ask(vec![(HOUSE, wanted), (segment(0), segment_version), (segment(1), 99)]);
    assert_eq!(at_seq, sale.journal.last_seq());
    let [Some(house), Some(_), None] = counted.as_slice() else { panic!("{counted:?}") };
    assert_eq!((house.sold, house), (1, &tally));
    // It is past that now.
    assert_eq!(ask(vec![(HOUSE, wanted)]).1, [None]);
}

#[test]
fn history_tells_what_concerned_a_seat_a_hold_or_a_buyer() {
    let mut sale = Sale::open();
    let mine = sale.hold(HOUSE, 1, seats(&[0]));
    sale.hold(HOUSE, 2, seats(&[1]));
    sale.done(HOUSE, Command::MoveSale(SaleMove::Pause(PausedBy::Operator)));
    sale.done(HOUSE, Command::Release { hold: mine });
    let later = OnSale::Seats(vec![SeatRange { first: SeatIx(4), count: 1 }]);
    sale.done(HOUSE, Command::PutOnSale { what: later, at: None });
    let of_all = ["ShowCreated", "PutOnSale", "SaleMoved"];
    let expected = |rest: &[&'static str]| [&of_all[..], rest].concat();
    let cases = [
        (HistoryFilter { seat: Some(SeatIx(0)), ..Default::default() }, 1),
        (HistoryFilter { hold: Some((HOUSE, mine)), ..Default::default() }, 2),
        (HistoryFilter { buyer: Some(BuyerId(1)), ..Default::default() }, 2),
    ];
    for (filter, batches) in cases {
        let batch = ["PutOnSale"];
        let tail = &batch[..batches - 1];
        let told = expected(&[&["Held", "SaleMoved", "Released"][..], tail].concat());
        assert_eq!(sale.history(filter.clone()), told, "{filter:?}");
    }

    // Long after, when the hold itself is forgotten, its end is still told.
    sale.now = sale.now.plus_ms(2 * ENDED_HOLD_MEMORY_MS);
    sale.done(HOUSE, Command::MoveSale(SaleMove::Resume(PausedBy::Operator)));
    assert!(sale.inventories[&HOUSE].hold(mine).is_none());
    let told = sale.history(HistoryFilter { seat: Some(SeatIx(0)), ..Default::default() });
    assert_eq!(told, expected(&["Held", "SaleMoved", "Released", "SaleMoved"]));
}

#[test]
fn a_counter_sale_is_an_order_like_any_other() {
    let mut sale = Sale::open();
    let counter = CounterSale {
        buyer: BuyerId(9),
        wish: seats(&[5]),
        contact: Box::default(),
        documents: Vec::new(),
        nonces: nonces(),
        key: None,
    };
    let order = sale.done(HOUSE, Command::CounterSale(counter));
    assert_eq!(sale.ask(|replica| replica.orders_of(BuyerId(9)).to_vec()), [(HOUSE, order)]);
    let figures = sale.ask(|replica| replica.figures(SHOW)).expect("a show");
    assert_eq!(figures.total().revenue, Cents(1_000));
}

#[test]
fn a_copy_that_nobody_asks_is_given_up_and_made_anew() {
    let rests_after = Duration::from_millis(5);
    let mut sale = Sale::open_resting(rests_after);
    sale.buy(HOUSE, 1, seats(&[0]));
    let sold =
        |sale: &Sale| sale.ask(|replica| replica.figures(SHOW)).expect("a show").total().sold;
    assert_eq!(sold(&sale), 1);
    let has_copy = |sale: &Sale| {
        let question = sale.replica.post(|replica| Ok(replica.state.is_some())).expect("room");
        question.blocking_recv().expect("it did not stop").expect("nothing was read")
    };
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while has_copy(&sale) {
        assert!(std::time::Instant::now() < until, "the copy never rests");
        std::thread::sleep(rests_after * 4);
    }
    sale.buy(HOUSE, 2, seats(&[1]));
    assert_eq!(sold(&sale), 2);
    assert_eq!(sale.ask(|replica| replica.orders_of(BuyerId(2)).len()), 1);
}
