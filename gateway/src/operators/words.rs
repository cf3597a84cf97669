//! Journal events in words: one sentence each, and fields for programs.
//!
//! The match is exhaustive and has no `_ =>`: a new event does not compile until somebody has said
//! how it is told. Personal data is sealed and stays so; buyers are told apart by the beginning of
//! their hashed id.

use crate::buyers::lookup;
use crate::ids::{HoldRoute, IdCodec};
use std::collections::BTreeMap;
use std::fmt::Display;
use usher_engine::inventory::{Claim, RefundCause};
use usher_engine::plan::SeatIx;
use usher_engine::show::{OnSale, PausedBy, SaleMove, ShowChange};
use usher_engine::{BuyerId, Cents, Event, HoldNo, Timestamp};
use usher_shards::{HistoryRecord, ShowView};
use usher_wire::HistoryEntry;

use super::live;

/// Seats that are named in one entry.
const SEATS_TOLD_MAX: usize = 1_000;
/// Holds of one mass expiry that are told one by one.
const EXPIRIES_TOLD_MAX: usize = 100;

/// Tells the events of one show.
pub(super) struct Teller<'a> {
    ids: &'a IdCodec,
    view: &'a ShowView,
    currency: String,
}

/// What an event comes to.
struct Told {
    event: &'static str,
    text: String,
    hold: Option<HoldNo>,
    is_order: bool,
    seats: Vec<SeatIx>,
    fields: BTreeMap<String, String>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(ids: &'a IdCodec, view: &'a ShowView) -> Self {
        let currency = view.face().terms.currency.code().to_owned();
        Self { ids, view, currency }
    }

    /// The entries of one record; none where it changed nothing that can be told.
    pub(super) fn entries(&self, record: &HistoryRecord) -> Vec<HistoryEntry> {
        let told = record.events.iter().flat_map(|event| self.tell(event));
        told.map(|told| self.entry(record, told)).collect()
    }

    fn entry(&self, record: &HistoryRecord, told: Told) -> HistoryEntry {
        let inventory = record.inventory;
        let route = told.hold.map(|number| HoldRoute { inventory, number });
        let order = route.filter(|_| told.is_order);
        HistoryEntry {
            sequence: record.seq,
            at: lookup::time(record.at),
            event: told.event.to_owned(),
            text: told.text,
            inventory: live::name(&self.view.face(), inventory),
            hold_id: route.map(|route| self.ids.hold(route)),
            order_id: order.map(|route| self.ids.order(route)),
            seat_ids: told.seats.iter().map(|&seat| self.label(seat)).collect(),
            fields: told.fields,
        }
    }

    fn tell(&self, event: &Event) -> Vec<Told> {
        match event {
            Event::ShowCreated { .. }
            | Event::ShowChanged(_)
            | Event::SaleMoved(_)
            | Event::PutOnSale(_)
            | Event::OnSaleScheduled(_)
            | Event::ScheduleTaken { .. }
            | Event::HoldsExtended { .. } => vec![self.tell_of_show(event)],
            Event::Held { .. } | Event::Released { .. } | Event::Ordered { .. } => {
                vec![self.tell_of_hold(event)]
            }
            Event::Expired { holds } => tell_expired(holds),
            Event::PaymentStarted { .. }
            | Event::PaymentJoined { .. }
            | Event::PaymentFailed { .. }
            | Event::Paid { .. }
            | Event::RefundDue { .. }
            | Event::PaymentNoted { .. }
            | Event::Refunded { .. } => vec![self.tell_of_money(event)],
            Event::Cancelled { .. } | Event::TakenBack { .. } | Event::CheckedIn { .. } => {
                vec![tell_of_order(event)]
            }
            Event::TermsSet(_)
            | Event::Lent { .. }
            | Event::Received { .. }
            | Event::LoanSettled { .. }
            | Event::Withdrawn { .. } => vec![self.tell_of_stock(event)],
            // Of other machines than inventories, which a show's history is not about.
            Event::Room(_) | Event::Accounts(_) => Vec::new(),
            // Said with the hold, or the order, of the same record.
            Event::PassUsed(_) | Event::DocumentsGiven { .. } | Event::HeldByNew { .. } => {
                Vec::new()
            }
        }
    }

    fn tell_of_show(&self, event: &Event) -> Told {
        match event {
            Event::ShowCreated { plan, pools, .. } => {
                let seats = plan.as_ref().map_or(0, |plan| plan.seat_count());
                let pools = pools.len();
                Told::new("SHOW_CREATED", format!("made with {seats} seats and {pools} pools"))
            }
            Event::ShowChanged(change) => {
                let what = changed(change).join(", ");
                Told::new("SHOW_CHANGED", format!("the organiser changed {what}"))
            }
            Event::SaleMoved(to) => tell_move(*to),
            Event::PutOnSale(what) => {
                let told = Told::new("PUT_ON_SALE", format!("{} put on sale", self.batch(what)));
                told.seats(&seats_of(what))
            }
            Event::OnSaleScheduled(batch) => {
                let words = format!("{} will be put on sale", self.batch(&batch.what));
                let told = Told::new("ON_SALE_SCHEDULED", words).time("at", batch.at);
                told.seats(&seats_of(&batch.what))
            }
            Event::ScheduleTaken { count } => {
                Told::new("SCHEDULE_TAKEN", format!("{count} scheduled batches were due"))
            }
            Event::HoldsExtended { ms } => {
                let words = "all live holds and unpaid orders got more time".to_owned();
                Told::new("HOLDS_EXTENDED", words).field("ms", ms)
            }
            other => unreachable!("{other:?} is told elsewhere"),
        }
    }

    fn tell_of_hold(&self, event: &Event) -> Told {
        match event {
            Event::Held { hold, buyer, claim, total, ends_at, key } => {
                let what = claim_words(claim);
                let told = Told::new("HELD", format!("{what} held for {}", self.money(*total)));
                let told = told.hold(*hold).buyer(*buyer).time("endsAt", *ends_at);
                let told = told.field("idempotent", key.is_some());
                match claim {
                    Claim::Seats(seats) => told.seats(seats),
                    Claim::Stock(quantity) => told.field("quantity", quantity),
                }
            }
            Event::Released { hold } => {
                Told::new("RELEASED", "given back by its buyer".to_owned()).hold(*hold)
            }
            Event::Ordered { order, pay_by, .. } => {
                let told = Told::new("ORDERED", "the hold became an order".to_owned());
                told.order(*order).time("payBy", *pay_by)
            }
            other => unreachable!("{other:?} is told elsewhere"),
        }
    }

    fn tell_of_money(&self, event: &Event) -> Told {
        match event {
            Event::PaymentStarted { order, reference, pay_by, .. } => {
                let told = Told::new("PAYMENT_STARTED", "a payment was started".to_owned());
                told.order(*order).field("paymentId", reference).time("payBy", *pay_by)
            }
            Event::PaymentJoined { order, .. } => {
                let words = "a payment under way was asked for again".to_owned();
                Told::new("PAYMENT_JOINED", words).order(*order)
            }
            Event::PaymentFailed { order, reference } => {
                let told = Told::new("PAYMENT_FAILED", "a payment failed".to_owned());
                told.order(*order).field("paymentId", reference)
            }
            Event::Paid { order, reference, amount, nonces } => {
                let (money, tickets) = (self.money(*amount), nonces.len());
                let words = format!("{money} paid, {tickets} tickets issued");
                let told = Told::new("PAID", words).order(*order).field("amountCents", amount.0);
                match reference {
                    Some(reference) => told.field("paymentId", reference),
                    None => told.field("paid", "cash"),
                }
            }
            Event::RefundDue { order, reference, amount, cause } => {
                let words = format!("{} are to go back: {}", self.money(*amount), why(*cause));
                let told = Told::new("REFUND_DUE", words).field("amountCents", amount.0);
                told.order_if_any(*order).field("paymentId", reference)
            }
            Event::PaymentNoted { order, reference, amount, success } => {
                let said = if *success { "success" } else { "failure" };
                let words = format!("a message of {said} over {} changed nothing", amount.0);
                let told = Told::new("PAYMENT_NOTED", words);
                told.order_if_any(*order).field("paymentId", reference)
            }
            Event::Refunded { order, reference } => {
                let told = Told::new("REFUNDED", "the provider gave the money back".to_owned());
                told.order_if_any(*order).field("paymentId", reference)
            }
            other => unreachable!("{other:?} is told elsewhere"),
        }
    }

    fn tell_of_stock(&self, event: &Event) -> Told {
        match event {
            Event::TermsSet(terms) => {
                let words = "the segment heard from its show".to_owned();
                let told = Told::new("TERMS_SET", words).field("version", terms.version);
                told.field("given", terms.base).field("onSale", terms.on_sale)
            }
            Event::Lent { borrower, number, quantity } => {
                let words = format!("{quantity} tickets lent to segment {borrower}");
                Told::new("LENT", words).field("loan", number)
            }
            Event::Received { donor, number, quantity } => {
                let words = format!("{quantity} tickets arrived from segment {donor}");
                Told::new("RECEIVED", words).field("loan", number)
            }
            Event::LoanSettled { borrower, number } => {
                let words = format!("a loan to segment {borrower} is known to have arrived");
                Told::new("LOAN_SETTLED", words).field("loan", number)
            }
            Event::Withdrawn { quantity } => {
                Told::new("WITHDRAWN", format!("{quantity} tickets taken out of the pool"))
            }
            other => unreachable!("{other:?} is told elsewhere"),
        }
    }

    fn batch(&self, what: &OnSale) -> String {
        match what {
            OnSale::Everything => "everything".to_owned(),
            OnSale::Seats(ranges) => {
                let seats: u64 = ranges.iter().map(|range| u64::from(range.count)).sum();
                format!("{seats} seats")
            }
            OnSale::Stock { pool, quantity } => {
                let face = self.view.face();
                let name = face.pools.get(usize::from(*pool)).map_or("?", |pool| &pool.name);
                format!("{quantity} tickets of {name}")
            }
        }
    }

    fn money(&self, amount: Cents) -> String {
        format!("{} {} cents", amount.0, self.currency)
    }

    fn label(&self, seat: SeatIx) -> String {
        let plan = self.view.plan.as_deref().filter(|plan| plan.contains(seat));
        plan.map_or_else(|| seat.0.to_string(), |plan| plan.label(seat).to_owned())
    }
}

impl Told {
    fn new(event: &'static str, text: String) -> Self {
        let (hold, seats, fields) = (None, Vec::new(), BTreeMap::new());
        Self { event, text, hold, is_order: false, seats, fields }
    }

    fn hold(mut self, hold: HoldNo) -> Self {
        self.hold = Some(hold);
        self
    }

    fn order(mut self, order: HoldNo) -> Self {
        self.is_order = true;
        self.hold(order)
    }

    /// Money that names no order of ours has none.
    fn order_if_any(self, order: HoldNo) -> Self {
        if order == HoldNo(0) { self } else { self.order(order) }
    }

    fn seats(mut self, seats: &[SeatIx]) -> Self {
        self.seats = seats.iter().copied().take(SEATS_TOLD_MAX).collect();
        self
    }

    fn field(mut self, name: &str, value: impl Display) -> Self {
        self.fields.insert(name.to_owned(), format!("{value}"));
        self
    }

    fn time(self, name: &str, at: Timestamp) -> Self {
        self.field(name, lookup::time(at))
    }

    fn buyer(self, buyer: BuyerId) -> Self {
        self.field("buyer", format!("{:08x}", buyer.0 >> 96))
    }
}

fn tell_of_order(event: &Event) -> Told {
    match event {
        Event::Cancelled { order } => {
            Told::new("CANCELLED", "given up by its buyer".to_owned()).order(*order)
        }
        Event::TakenBack { order, reason } => {
            let words = "taken back by the organiser".to_owned();
            Told::new("TAKEN_BACK", words).order(*order).field("reason", reason)
        }
        Event::CheckedIn { order, index, gate, at, .. } => {
            let words = format!("ticket {} was let in at {gate}", u32::from(*index) + 1);
            Told::new("CHECKED_IN", words).order(*order).time("at", *at).field("gate", gate)
        }
        other => unreachable!("{other:?} is told elsewhere"),
    }
}

/// One entry a hold, so that each has its id, unless they are very many.
fn tell_expired(holds: &[HoldNo]) -> Vec<Told> {
    let one = |&hold: &HoldNo| Told::new("EXPIRED", "its time ran out".to_owned()).hold(hold);
    let mut told: Vec<Told> = holds.iter().take(EXPIRIES_TOLD_MAX).map(one).collect();
    let more = holds.len().saturating_sub(EXPIRIES_TOLD_MAX);
    if more > 0 {
        told.push(Told::new("EXPIRED", format!("the time of {more} others ran out with them")));
    }
    told
}

fn tell_move(to: SaleMove) -> Told {
    let by = |by: PausedBy| match by {
        PausedBy::Organiser => "the organiser",
        PausedBy::Operator => "an operator",
    };
    match to {
        SaleMove::Open => Told::new("SALE_OPENED", "the sale was opened".to_owned()),
        SaleMove::Close => Told::new("SALE_CLOSED", "the sale was closed".to_owned()),
        SaleMove::RequirePasses => {
            Told::new("PASSES_REQUIRED", "the waiting room was turned on".to_owned())
        }
        SaleMove::WaivePasses => {
            Told::new("PASSES_WAIVED", "the waiting room was turned off".to_owned())
        }
        SaleMove::Pause(who) => Told::new("SALE_PAUSED", format!("paused by {}", by(who))),
        SaleMove::Resume(who) => {
            Told::new("SALE_RESUMED", format!("the pause by {} was lifted", by(who)))
        }
    }
}

fn claim_words(claim: &Claim) -> String {
    match claim {
        Claim::Seats(seats) => format!("{} seats", seats.len()),
        Claim::Stock(quantity) => format!("{quantity} tickets"),
    }
}

fn seats_of(what: &OnSale) -> Vec<SeatIx> {
    match what {
        OnSale::Seats(ranges) => {
            ranges.iter().flat_map(|range| range.seats()).take(SEATS_TOLD_MAX).collect()
        }
        OnSale::Everything | OnSale::Stock { .. } => Vec::new(),
    }
}

fn changed(change: &ShowChange) -> Vec<&'static str> {
    let parts = [
        (change.details.is_some(), "what buyers read"),
        (change.sale_starts_at.is_some(), "the start of sale"),
        (change.sale_ends_at.is_some(), "the end of sale"),
        (change.prices.is_some(), "prices"),
        (change.units_per_buyer_max.is_some(), "the limit per buyer"),
        (change.units_per_document_max.is_some(), "the real-name rule"),
        (change.hold_ms.is_some(), "how long holds live"),
        (!change.pools.is_empty(), "stock"),
        (change.hoarding.is_some(), "the rules against hoarding"),
    ];
    parts.into_iter().filter_map(|(is_so, words)| is_so.then_some(words)).collect()
}

fn why(cause: RefundCause) -> &'static str {
    match cause {
        RefundCause::WrongAmount => "it is not the order's amount",
        RefundCause::Surplus => "the order was paid already",
        RefundCause::Cancelled => "the order was cancelled",
        RefundCause::TooLate => "it came late and the seats are gone",
        RefundCause::TakenBack => "the organiser took the order back",
        RefundCause::NoOrder => "there is no such order",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use usher_engine::show::Scheduled;

    #[test]
    fn a_mass_expiry_is_told_in_bounds() {
        let holds: Vec<HoldNo> = (1..=250).map(HoldNo).collect();
        let told = tell_expired(&holds);
        assert_eq!(told.len(), EXPIRIES_TOLD_MAX + 1);
        assert_eq!(told[0].hold, Some(HoldNo(1)));
        assert!(told[EXPIRIES_TOLD_MAX].text.contains("150 others"));
        assert_eq!(tell_expired(&holds[..2]).len(), 2);
    }

    #[test]
    fn a_change_says_what_it_changed() {
        let change =
            ShowChange { prices: Some(vec![Cents(1)]), hold_ms: Some(1), ..ShowChange::default() };
        assert_eq!(changed(&change), ["prices", "how long holds live"]);
    }

    #[test]
    fn a_batch_names_its_seats_up_to_a_bound() {
        let range = usher_engine::show::SeatRange { first: SeatIx(5), count: 2_000 };
        let what = OnSale::Seats(vec![range]);
        assert_eq!(seats_of(&what).len(), SEATS_TOLD_MAX);
        let batch = Scheduled { at: Timestamp(1), what };
        assert_eq!(seats_of(&batch.what)[0], SeatIx(5));
        assert!(seats_of(&OnSale::Everything).is_empty());
    }
}
