//! Which commands count as the same one, and how many are remembered.

use usher_engine::command::{
    CounterSale, HoldRequest, KeyUse, OrderRequest, PaymentMessage, PaymentStart, PaymentVerdict,
    Wish,
};
use usher_engine::plan::SeatIx;
use usher_engine::{BuyerId, Cents, HoldNo, ShowKey};

use super::*;

const HOUSE: MachineId = MachineId::house(ShowKey(7));
const NOW: Timestamp = Timestamp(1_000);

/// What is drawn afresh whenever a command is sent: different for each `n`.
struct Chance {
    key: Option<KeyUse>,
    nonces: TicketNonces,
    sealed: Box<[u8]>,
    name: Box<str>,
    flag: bool,
}

fn chance(n: u8) -> Chance {
    Chance {
        key: Some(KeyUse { key: n.into(), digest: n.into() }),
        nonces: TicketNonces(Box::new([TicketNonce([n; 10]); UNITS_PER_HOLD_MAX as usize])),
        sealed: Box::new([n]),
        name: n.to_string().into(),
        flag: n % 2 == 1,
    }
}

fn hold(seat: u32, Chance { key, .. }: Chance) -> Command {
    let wish = Wish::Seats([SeatIx(seat)].into());
    Command::Hold(HoldRequest {
        buyer: BuyerId(1),
        wish,
        hold_ms: None,
        key,
        pass: None,
        account_made_at: None,
    })
}

fn order(hold: u32, Chance { key, sealed: contact, .. }: Chance) -> Command {
    let (hold, buyer, documents) = (HoldNo(hold), BuyerId(1), Vec::new());
    Command::Order(OrderRequest { hold, buyer, pay_ms: 1_000, contact, documents, key })
}

fn start(order: u32, Chance { key, name: reference, .. }: Chance) -> Command {
    let order = HoldNo(order);
    Command::StartPayment(PaymentStart { order, reference, extension_ms: 0, key })
}

fn message(order: u32, Chance { nonces, flag: stock_settled, .. }: Chance) -> Command {
    Command::PaymentMessage(PaymentMessage {
        order: HoldNo(order),
        reference: "p1".into(),
        verdict: PaymentVerdict::Success,
        amount: Cents(100),
        nonces,
        stock_settled,
    })
}

fn counter(quantity: u32, Chance { key, nonces, sealed: contact, .. }: Chance) -> Command {
    let (buyer, wish, documents) = (BuyerId(1), Wish::Stock { quantity }, Vec::new());
    Command::CounterSale(CounterSale { buyer, wish, contact, documents, nonces, key })
}

fn cancel(order: u32, _: Chance) -> Command {
    Command::Cancel { order: HoldNo(order) }
}

#[test]
fn a_command_is_recognised_by_what_it_asks_and_not_by_chance() {
    type Make = fn(u32, Chance) -> Command;
    let kinds: [(&str, Make); 6] = [
        ("Hold", hold),
        ("Order", order),
        ("StartPayment", start),
        ("PaymentMessage", message),
        ("CounterSale", counter),
        ("Cancel", cancel),
    ];
    for (name, make) in kinds {
        let (kind, first) = recognise(&make(1, chance(1)));
        assert_eq!(&*kind, name);
        assert_eq!(recognise(&make(1, chance(2))).1, first, "{name} sent again");
        assert_ne!(recognise(&make(2, chance(1))).1, first, "{name} of something else");
    }
    let expiry = |holds: &[u32]| {
        recognise(&Command::Expire { holds: holds.iter().copied().map(HoldNo).collect() })
    };
    assert_eq!(expiry(&[1, 2]), expiry(&[3]), "which holds run out together is chance");
}

#[test]
fn what_panicked_twice_is_refused_and_nothing_else() {
    let mut suspects = Suspects::default();
    let elsewhere = MachineId::house(ShowKey(8));
    let refused = |suspects: &Suspects| {
        let places = [(HOUSE, 1), (HOUSE, 2), (HOUSE, 3), (elsewhere, 1)];
        places.map(|(id, seat)| suspects.is_quarantined(id, &hold(seat, chance(9))))
    };
    assert_eq!(suspects.blame(HOUSE, &hold(1, chance(1)), NOW).panics, 1);
    assert_eq!(suspects.blame(HOUSE, &hold(2, chance(1)), NOW).panics, 1);
    assert_eq!(suspects.blame(elsewhere, &hold(1, chance(1)), NOW).panics, 1);
    assert_eq!(refused(&suspects), [false; 4], "each of them once");
    assert_eq!(suspects.blame(HOUSE, &hold(1, chance(2)), NOW).panics, 2);
    assert_eq!(refused(&suspects), [true, false, false, false]);
    assert_eq!(suspects.blame(HOUSE, &hold(2, chance(2)), NOW).panics, 2);
    assert_eq!(refused(&suspects), [true, true, false, false]);
    assert_eq!(suspects.iter().count(), 3);
}

#[test]
fn who_is_to_blame_hears_whether_to_try_again() {
    let mut suspects = Suspects::default();
    let mut blame = || suspects.blame(HOUSE, &hold(1, chance(1)), NOW).unavailable();
    let told = [blame(), blame(), blame()];
    use Unavailable::{Quarantined, Rebuilding};
    assert_eq!(told, [Rebuilding, Quarantined, Quarantined]);
}

#[test]
fn the_one_that_panicked_longest_ago_is_forgotten_first() {
    let mut suspects = Suspects::default();
    let mut blame = |seat: u32| suspects.blame(HOUSE, &hold(seat, chance(1)), NOW).panics;
    let others = u32::try_from(SUSPECTS_MAX).expect("a few") - 1;
    assert_eq!((blame(0), blame(1)), (1, 1));
    // The table is full with the last of these; then the first one is the newest again.
    (2..=others).for_each(|seat| assert_eq!(blame(seat), 1));
    assert_eq!(blame(0), 2);
    assert_eq!(blame(1_000), 1, "one too many");
    assert_eq!(blame(0), 3, "it is remembered");
    assert_eq!(blame(1), 1, "it was forgotten");
    assert_eq!(suspects.iter().count(), SUSPECTS_MAX);
}
