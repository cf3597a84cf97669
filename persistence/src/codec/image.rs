//! Where the parts of a machine's image have their places: see `events` for the rules.

use usher_engine::MachineImage;
use usher_engine::inventory::image::{GoodsImage, Image};
use usher_engine::inventory::{
    Hold, HoldStatus, KeyEntry, Lapses, Order, OrderStatus, Payment, PaymentStatus, Scan, Ticket,
};
use usher_engine::show::{Pool, ShowRecord};
use usher_engine::stock::Segment;

use super::CodecError;
use super::layout::{OnDisk, numbered, row, tagged};
use super::pack::{Pen, Source};

row! {
    Image {
        id, version, last_at, terms, show, goods, next_hold, holds, keys, ended, strays,
        used_passes, documents, lapses, of_new,
    }

    Lapses { count, last_at }

    ShowRecord { details, pools, terms_version, schedule, batched }

    Pool { name, price, quantity, on_sale, segments }

    Segment {
        pool, segment, segments, terms_version, base, on_sale, available, held, sold, blocked, lent,
        received, withdrawn, gains, open_loans, loans_made, loans_taken,
    }

    Hold { buyer, claim, total, placed_at, ends_at, status, order }

    Order {
        status, placed_at, pay_by, extended, contact, payments, tickets, ticketed_at, taken_back,
    }

    Payment { reference, amount, status }

    Ticket { nonce, scan }

    Scan { at, gate, name }

    KeyEntry { used, hold, payment, expires_at }
}

tagged! {
    MachineImage {
        1 = Inventory(image),
        2 = Room(image),
        3 = Accounts(image),
    }

    GoodsImage {
        1 = Nothing,
        2 = Seats { plan, blocked },
        3 = Stock(segment),
    }

    PaymentStatus {
        1 = Started,
        2 = Failed,
        3 = Captured,
        4 = RefundDue(cause),
        5 = Refunded(cause),
    }
}

numbered! {
    HoldStatus {
        1 = Active,
        2 = Confirmed,
        3 = Released,
        4 = Expired,
    }

    OrderStatus {
        1 = PendingPay,
        2 = Paying,
        3 = Ticketed,
        4 = Cancelled,
        5 = Expired,
        6 = RefundPending,
        7 = Refunded,
    }
}
