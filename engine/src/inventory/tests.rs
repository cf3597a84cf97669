//! Inventories that are broken by hand, which no command can do: a recount has to see each fault,
//! and what a buyer leaves behind has to go. The rules themselves are tables in `tests/rules`.

use std::sync::Arc;

use super::{Buyer, Claim, Goods, Hold, HoldStatus, Inventory, KeyEntry, Order, OrderStatus};
use super::{Payment, PaymentStatus, Ticket};
use crate::command::KeyUse;
use crate::id::{BuyerId, HoldNo, MachineId, ShowKey, TicketNonce};
use crate::money::Cents;
use crate::plan::{PlanId, SeatIx, SeatPlanBuilder, SeatSpec};
use crate::seats::{SeatMap, SeatStatus, Seats};
use crate::time::Timestamp;

const ANN: BuyerId = BuyerId(1);

/// A row of four seats, all on sale. Nothing else is set up: only the goods and their owners count.
fn row_of_four() -> Inventory {
    let mut builder = SeatPlanBuilder::new(PlanId([1; 16]), "row");
    let category = builder.category("only").unwrap();
    builder.section("only", "").unwrap();
    builder.row("A").unwrap();
    for label in ["A1", "A2", "A3", "A4"] {
        builder.seat(SeatSpec { label, number: "", category, x: 0.0, y: 0.0 }).unwrap();
    }
    let mut map = SeatMap::new(Arc::new(builder.build().unwrap()));
    map.put_on_sale(&[0, 1, 2, 3].map(SeatIx));
    let mut inventory = Inventory::vacant(MachineId::house(ShowKey(7)));
    inventory.goods = Goods::Seats(map);
    inventory
}

/// Gives seats to a hold the way that `apply` does, counters included.
fn hold(inventory: &mut Inventory, no: u32, seats: &[u32]) {
    let seats: Seats = seats.iter().copied().map(SeatIx).collect();
    let Goods::Seats(map) = &mut inventory.goods else { panic!("seats") };
    map.hold(&seats, no);
    inventory.units_held += seats.len() as u32;
    inventory.changes.extend_from_slice(&seats);
    let hold = Hold {
        buyer: ANN,
        claim: Claim::Seats(seats),
        total: Cents(0),
        placed_at: Timestamp(0),
        ends_at: Timestamp(1_000),
        status: HoldStatus::Active,
        order: None,
    };
    inventory.holds.insert(HoldNo(no), hold);
}

/// Makes an order of a hold, in any status and with any money and tickets.
fn order(inventory: &mut Inventory, no: u32, status: OrderStatus, paid: bool, tickets: usize) {
    let payment =
        Payment { reference: "p".into(), amount: Cents(0), status: PaymentStatus::Captured };
    let hold = inventory.holds.get_mut(HoldNo(no)).expect("a hold");
    hold.status = HoldStatus::Confirmed;
    hold.order = Some(Box::new(Order {
        status,
        placed_at: Timestamp(0),
        pay_by: Timestamp(2_000),
        extended: false,
        contact: Box::default(),
        payments: paid.then_some(payment).into_iter().collect(),
        tickets: vec![Ticket { nonce: TicketNonce([0; 10]), scan: None }; tickets].into(),
        ticketed_at: None,
        taken_back: None,
    }));
}

#[test]
fn an_audit_of_what_is_sound_says_what_the_counters_say() {
    let mut inventory = row_of_four();
    hold(&mut inventory, 1, &[0, 1]);
    let audit = inventory.audit();
    assert_eq!(audit, inventory.tally());
    assert_eq!((audit.capacity, audit.available, audit.held, audit.sold), (4, 2, 2, 0));
    inventory.assert_conserved();
}

#[test]
fn an_audit_finds_a_seat_with_two_owners() {
    let mut inventory = row_of_four();
    hold(&mut inventory, 1, &[0, 1]);
    let again = inventory.holds.get(HoldNo(1)).expect("a hold").into_owned();
    inventory.holds.insert(HoldNo(2), again);
    let audit = inventory.audit();
    assert_eq!(audit.double_sold, [SeatIx(0), SeatIx(1)]);
    assert_eq!(audit.faults.len(), 1, "4 held by owners, 2 by the map: {audit:?}");
}

#[test]
fn an_audit_finds_a_seat_without_an_owner_and_an_owner_without_a_seat() {
    let mut inventory = row_of_four();
    hold(&mut inventory, 1, &[0]);
    inventory.holds = crate::inventory::Holds::default();
    assert_eq!(inventory.audit().faults.len(), 2, "{:?}", inventory.audit());

    let mut inventory = row_of_four();
    hold(&mut inventory, 1, &[0]);
    let Goods::Seats(map) = &mut inventory.goods else { panic!("seats") };
    map.release(&[SeatIx(0)]);
    assert_eq!(inventory.audit().faults.len(), 2, "{:?}", inventory.audit());
}

#[test]
fn an_audit_finds_money_without_tickets_and_tickets_that_are_not_one_each() {
    let rows = [
        (OrderStatus::PendingPay, true, 0, true, false),
        (OrderStatus::PendingPay, false, 0, false, false),
        (OrderStatus::Cancelled, true, 0, true, false),
        (OrderStatus::Ticketed, true, 2, false, false),
        (OrderStatus::Ticketed, true, 1, false, true),
        (OrderStatus::Ticketed, true, 3, false, true),
    ];
    for (status, paid, tickets, without_ticket, uneven) in rows {
        let mut inventory = row_of_four();
        hold(&mut inventory, 1, &[0, 1]);
        order(&mut inventory, 1, status, paid, tickets);
        let audit = inventory.audit();
        let row = format!("{status:?}, {tickets} tickets: {audit:?}");
        assert_eq!(audit.paid_without_ticket == [HoldNo(1)], without_ticket, "{row}");
        assert_eq!(audit.faults.iter().any(|f| f.contains("ticket per unit")), uneven, "{row}");
        let issued = if status == OrderStatus::Ticketed { tickets as u64 } else { 0 };
        assert_eq!(audit.tickets_issued, issued, "{row}");
    }
}

#[test]
#[should_panic(expected = "owners in")]
fn units_that_nobody_counted_stop_the_process() {
    let mut inventory = row_of_four();
    hold(&mut inventory, 1, &[0]);
    inventory.units_held = 0;
    inventory.assert_conserved();
}

#[test]
fn changed_seats_are_handed_out_once_with_their_status_of_now() {
    let mut inventory = row_of_four();
    hold(&mut inventory, 1, &[1, 2]);
    let mut seen = Vec::new();
    inventory.drain_changes(|seat, status| seen.push((seat, status)));
    assert_eq!(seen, [(SeatIx(1), SeatStatus::Held), (SeatIx(2), SeatStatus::Held)]);
    inventory.drain_changes(|seat, _| panic!("{seat:?} came twice"));
}

#[test]
fn keys_run_out_and_a_buyer_who_says_nothing_is_blank() {
    let key = |n: u8, hold, expires_at| KeyEntry {
        used: KeyUse { key: u64::from(n), digest: 0 },
        hold: HoldNo(hold),
        payment: None,
        expires_at: Timestamp(expires_at),
    };
    let mut buyer = Buyer::default();
    assert!(buyer.is_blank());
    assert!(!Buyer { units: 1, ..Buyer::default() }.is_blank());
    assert!(!Buyer { holds: 1, ..Buyer::default() }.is_blank());
    buyer.keys = vec![key(1, 1, u64::MAX), key(2, 1, 500), key(3, 2, u64::MAX)].into();
    assert!(!buyer.is_blank());

    // Only the key that placed the hold runs out with it; its order's key has a time of its own.
    buyer.expire_hold_key(HoldNo(1), Timestamp(900));
    let ends: Vec<u64> = buyer.keys.iter().map(|entry| entry.expires_at.0).collect();
    assert_eq!(ends, [900, 500, u64::MAX]);
    buyer.forget_keys(Timestamp(499));
    assert_eq!(buyer.keys.len(), 3);
    buyer.forget_keys(Timestamp(500));
    assert_eq!(buyer.keys.len(), 2);
}
