//! The one place where events have their numbers.
//!
//! **These tables are the disk format.** A tag stays with its variant for ever, and so does the
//! order of fields; a variant that is gone leaves its tag unused. A new variant takes the next free
//! tag. A change to the fields of what is here already is a new payload version: see
//! `docs/JOURNAL_FORMAT.md`.

use usher_engine::command::{KeyUse, PassUse};
use usher_engine::hoarding::{Hoarding, LapseRule, NewAccountRule};
use usher_engine::inventory::{Claim, RefundCause};
use usher_engine::show::{
    NewPool, OnSale, PausedBy, PoolChange, SaleMove, Scheduled, SeatRange, SegmentTerms,
    ShowChange, ShowDetails, Stage, Terms,
};
use usher_engine::{Event, MachineId};

use super::layout::{OnDisk, numbered, row, tagged};
use super::pack::{Pen, Source};
use super::{CodecError, Header};

tagged! {
    Event {
        1 = ShowCreated { details, terms, plan, pools },
        2 = ShowChanged(change),
        3 = SaleMoved(to),
        4 = PutOnSale(what),
        5 = OnSaleScheduled(batch),
        6 = ScheduleTaken { count },
        7 = Held { hold, buyer, claim, total, ends_at, key },
        8 = Released { hold },
        9 = Expired { holds },
        10 = Ordered { order, pay_by, contact, key },
        11 = PaymentStarted { order, reference, pay_by, key },
        12 = PaymentJoined { order, key },
        13 = PaymentFailed { order, reference },
        14 = Paid { order, reference, amount, nonces },
        15 = RefundDue { order, reference, amount, cause },
        16 = PaymentNoted { order, reference, amount, success },
        17 = Refunded { order, reference },
        18 = Cancelled { order },
        19 = TakenBack { order, reason },
        20 = CheckedIn { order, index, gate, at, scan },
        21 = HoldsExtended { ms },
        22 = TermsSet(terms),
        23 = Lent { borrower, number, quantity },
        24 = Received { donor, number, quantity },
        25 = LoanSettled { borrower, number },
        26 = Withdrawn { quantity },
        27 = Room(event),
        28 = Accounts(event),
        29 = PassUsed(used),
        30 = DocumentsGiven { order, documents },
        31 = HeldByNew { hold },
    }

    Claim {
        1 = Seats(seats),
        2 = Stock(quantity),
    }

    OnSale {
        1 = Everything,
        2 = Seats(ranges),
        3 = Stock { pool, quantity },
    }

    SaleMove {
        1 = Open,
        2 = Pause(by),
        3 = Resume(by),
        4 = Close,
        5 = RequirePasses,
        6 = WaivePasses,
    }
}

numbered! {
    Stage {
        1 = Draft,
        2 = Open,
        3 = Closed,
    }

    PausedBy {
        1 = Organiser,
        2 = Operator,
    }

    RefundCause {
        1 = WrongAmount,
        2 = Surplus,
        3 = Cancelled,
        4 = TooLate,
        5 = TakenBack,
        6 = NoOrder,
    }
}

row! {
    Header { show, slot, at, event_count }

    MachineId { show, slot }

    KeyUse { key, digest }

    PassUse { pass, place, expires_at }

    ShowDetails {
        public_id, title, description, venue, city, category, performers, starts_at,
        document_verifier,
    }

    Terms {
        stage, paused_by_organiser, paused_by_operator, pass_required, sale_starts_at,
        sale_ends_at, currency,
        units_per_buyer_max, units_per_document_max, hold_ms, prices, hoarding,
    }

    Hoarding { holds_max, lapses, new_accounts }

    LapseRule { free, pause_ms, pause_ms_max }

    NewAccountRule { younger_than_ms, share_percent, strangers }

    NewPool { name, quantity, price, segments }

    ShowChange {
        details, sale_starts_at, sale_ends_at, prices, units_per_buyer_max,
        units_per_document_max, hold_ms, pools, hoarding,
    }

    PoolChange { pool, add, price }

    SeatRange { first, count }

    Scheduled { at, what }

    SegmentTerms { pool, segment, segments, version, terms, base, on_sale }
}
